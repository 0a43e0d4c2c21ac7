"""`earnest privacy audit`: membership inference, after members and non-members were compared without the model."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option


def folder_option(name: str, help: str):  # noqa: ANN201  (a decorator of click)
    """A required option that names a data set."""
    return click.option(f"--{name}", required=True, metavar="DIR", type=click.Path(path_type=Path), help=help)


def question_options(kind: str):  # noqa: ANN201  (a decorator of click)
    """The options of what asks a model of the rows of two folders, and writes `<kind>.json` and `<kind>.html`."""
    out = click.Path(path_type=Path, file_okay=False)
    options = (
        click.option(
            "--prompt", default="Transcribe the speech.", show_default=True, help="Asked of rows without a prompt."
        ),
        click.option("--answer", default="", metavar="COLUMN", help="Column of the answers; default: answer, or text."),
        click.option("--seed", type=int, default=0, show_default=True),
        click.option("--out", type=out, help=f"Folder for {kind}.json and {kind}.html."),
        click.option("--dry-run", is_flag=True, help="Check the data, and say how much would be asked; ask nothing."),
        model_option,
        plugin_option,
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    )

    def decorated(command):  # noqa: ANN001, ANN202
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def show_progress(what: str, done: int, total: int, seconds: float) -> None:
    """Each tenth of what is done, with the time that is left, on stderr."""
    tenth = max(1, total // 10)
    if seconds > 2 and (done == total or done // tenth != (done - 1) // tenth):
        minutes, rest = divmod(round(seconds / done * (total - done)), 60)
        print(f"{what}: {done:,}/{total:,}  about {minutes}:{rest:02d} left", file=sys.stderr, flush=True)


@click.command(
    "audit",
    help="Test whether a model shows which recordings it was trained on. MEMBERS and NON-MEMBERS are first told apart without the "
    "model; where that works the result is `split, not memory`, no membership figure is given, and the exit code is 1.",
)
@click.option("--model", "model_name", required=True, metavar="SPEC", help="A model that grants scores.")
@folder_option("members", "Recordings that it was trained on, with the answers.")
@folder_option("nonmembers", "Recordings of the same kind that it was not trained on.")
@click.option("--attack", "attacks", multiple=True, metavar="NAME", help="Repeatable; default: all that are possible.")
@click.option("--reference", metavar="SPEC", help="A model that was trained on none of the recordings.")
@click.option(
    "--shadow",
    "shadows",
    multiple=True,
    metavar="SPEC[@FILE]",
    help="A model trained likewise, and a file with the ids of rows it was trained on, one a line; without, on none. Repeatable.",
)
@question_options("membership")
def audit_command(
    *,
    model_name: str,
    model_options: tuple[str, ...],
    members: Path,
    nonmembers: Path,
    attacks: tuple[str, ...],
    reference: str | None,
    shadows: tuple[str, ...],
    prompt: str,
    answer: str,
    seed: int,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    from earnest.models import load_model
    from earnest.models.options import options_of
    from earnest.report.membership import SPLIT, as_text, write
    from earnest.runs.privacy_audit import Shadow, audit, read_items

    items = read_items(members, nonmembers, prompt=prompt, answer=answer)
    if dry_run:
        n_models = 1 + bool(reference) + len(shadows)
        facts = {
            "n_members": sum(item.member for item in items),
            "n_nonmembers": sum(not item.member for item in items),
            "n_models": n_models,
            "n_scores": n_models * len(items),
        }
        print_json(facts) if as_json else click.echo(
            f"{facts['n_members']:,} members, {facts['n_nonmembers']:,} non-members; {n_models} models would score "
            f"{facts['n_scores']:,} answers"
        )
        return 0
    made = audit(
        load_model(model_name, **options_of(model_name, model_options)),
        items,
        attacks=attacks,
        reference=load_model(reference) if reference else None,
        shadows=[Shadow.read(one) for one in shadows],
        seed=seed,
        progress=show_progress,
    )
    paths = write(made, out) if out is not None else []
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        click.echo("\n".join([as_text(made), *(f"  {path}" for path in paths)]))
    return 1 if made.verdict == SPLIT else 0
