"""Commands that look at what there is: `report`, `view`, `show`, `replay`, `list`."""

from __future__ import annotations

from pathlib import Path

import click

from earnest import registry
from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option
from earnest.errors import MissingExtra, UnknownName, did_you_mean
from earnest.text import one_line

_FOLDER = click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


@click.command(
    "report",
    help="Write the report of RUN again from its journal; with --compare, compare it with other runs. It takes seconds and costs nothing.",
)
@_FOLDER
@click.option(
    "--compare",
    "others",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Compare with this run; repeatable, for a grid of several runs.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="Run from which changes are measured; default: RUN. Without --compare, RUN is compared with it.",
)
@click.option(
    "--full", is_flag=True, help="Open every table and add every condition, for print and for a complete reading."
)
@click.option("--card", is_flag=True, help="Also write card.png, a picture to share; needs the extra `figures`.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path),
    help="Also write every plot into this folder as SVG, PDF, CSV and Vega-Lite; needs the extra `figures`.",
)
@plugin_option
@_JSON
def report_command(
    folder: Path,
    *,
    others: tuple[Path, ...],
    baseline: Path | None,
    full: bool,
    card: bool,
    figures: Path | None,
    as_json: bool,
) -> None:
    from earnest import report

    runs = [folder, *others]
    if baseline is not None and baseline.resolve() not in [one.resolve() for one in runs]:
        runs.append(baseline)
    pictures = report.write_pictures(folder, card=card, figures=figures)
    page = report.write(folder, full=full)
    if len(runs) == 1:
        if as_json:
            click.echo((folder / "report.json").read_text(encoding="utf-8"))
        else:
            click.echo((folder / "report.md").read_text(encoding="utf-8"))
            click.echo("\n".join([f"report: {page}", *(f"{name}: {path}" for name, path in pictures.items())]))
        return
    comparison = report.compare(*runs, baseline=baseline)
    if as_json:
        print_json(comparison.as_json())
    else:
        click.echo(comparison.as_text())
        click.echo(f"comparison: {comparison.write(folder)}")


@click.command("view", help="Serve RUN on this machine only, and print the address.")
@_FOLDER
@click.option("--port", type=int, default=0, help="Port; default: any free port.")
def view_command(folder: Path, *, port: int) -> None:
    from earnest.report.view import serve

    serve(folder, port=port, on_ready=lambda address: click.echo(f"{address}  (Ctrl-C ends it)"))


@click.command("show", help="List the items of RUN.")
@_FOLDER
@click.option("--unscored", is_flag=True, help="Only unscored items, with the reason.")
@click.option("--task", help="Only items of this task.")
@click.option("--worst", is_flag=True, help="Only items that scored 0.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@_JSON
def show_command(folder: Path, *, unscored: bool, task: str | None, worst: bool, limit: int, as_json: bool) -> None:
    from earnest.plan import Plan
    from earnest.results.build import read_lines
    from earnest.runs.suite import in_words

    names = [planned.name for planned in Plan.read(folder).tasks]  # tells a folder that holds no run
    task = task and task.replace("-", "_")
    if task is not None and task not in names:
        raise UnknownName(
            f"no task of {folder} is called {task!r}{did_you_mean(task, names) or ';'} it has {', '.join(names)}"
        )
    chosen = [
        line
        for line in read_lines(folder)
        if (not unscored or line.status == "unscored")
        and (task is None or line.task == task)
        and (not worst or line.score == 0)
    ]
    if as_json:
        print_json({"n": len(chosen), "items": [line.model_dump(mode="json") for line in chosen[:limit]]})
        return
    for line in chosen[:limit]:
        detail = f" ({one_line(line.detail)[:120]})" if line.detail else ""
        outcome = f"{line.label} ({line.score})" if line.status == "scored" else f"unscored: {line.reason}{detail}"
        click.echo(f"{one_line(line.item)}  {one_line(outcome)}  {one_line(line.answer or '')[:120]!r}")
        if line.heard:
            click.echo(f"    it heard {in_words(line.heard)}")
    click.echo(f"{len(chosen)} items" + (f", the first {limit} shown" if len(chosen) > limit else ""))


@click.command("replay", help="Ask ITEM of RUN again, uncached, and compare the answers.")
@_FOLDER
@click.argument("item")
@click.option("--model", metavar="SPEC", help="The run's model; required unless it is embedded or scripted.")
@model_option
@click.option("--save", type=click.Path(path_type=Path), help="Also write the clips that were sent to this folder.")
@plugin_option
@_JSON
def replay_command(
    folder: Path, item: str, *, model: str | None, model_options: tuple[str, ...], save: Path | None, as_json: bool
) -> int:
    from earnest.runs.suite import replay

    again = replay(folder, item, save=save, model=model, model_options=model_options)
    print_json(again.as_json()) if as_json else click.echo(again.as_text())
    return 0 if again.same else 1


@click.command("list", help="List what is registered: tasks, models, attacks, defences, metrics, suites, ...")
@plugin_option
@click.argument("kind", required=False)
@click.option(
    "--name", help="Show only this one: its documentation, the works that it follows, and its examples, which are run."
)
@_JSON
def list_command(kind: str | None, *, name: str | None, as_json: bool) -> int | None:
    if name is not None:
        if kind is None:
            raise click.UsageError("--name needs the kind too, as in `earnest list metrics --name word_error_rate`")
        return _one(kind.replace("-", "_"), name.replace("-", "_"), as_json=as_json)
    kinds = [kind.replace("-", "_")] if kind else [k for k in registry.KINDS if registry.names(k)]
    found = {k: {name: _says(k, name) for name in registry.names(k)} for k in kinds}
    if as_json:
        print_json(found)
        return None
    for k, entries in found.items():
        click.echo(f"{k}")
        for name, says in entries.items():
            click.echo(f"  {name:<26} {says}")
    return None


def _one(kind: str, name: str, *, as_json: bool) -> int:
    """A plug-in's documentation, its works, and its examples run; 1 where an example gives something else."""
    import doctest
    import inspect
    import sys

    from earnest.catalogue.lint import sources_of

    plugin = registry.registry(kind).get(name)
    text = inspect.getdoc(plugin) or ""
    names = dict(vars(sys.modules[plugin.__module__]))
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    done = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = done.run(test, out=lambda said: click.echo(said, err=True))
    told = {"name": name, "kind": kind, "works": list(sources_of(plugin)), "text": text}
    told |= {"examples": result.attempted, "failed": result.failed}
    if as_json:
        print_json(told)
    else:
        click.echo(f"{text}\n\nworks: {', '.join(told['works']) or 'none'}")
        click.echo(f"examples: {result.attempted} run now, {result.failed} of them gave something else")
    return 1 if result.failed else 0


def _says(kind: str, name: str) -> str:
    try:
        plugin = registry.registry(kind).get(name)
    except MissingExtra as error:
        return str(error)
    said = (getattr(plugin, "__doc__", None) or "").strip().split("\n")[0]
    pillar = getattr(plugin, "pillar", None)
    return f"[{pillar}] {said}" if pillar else said
