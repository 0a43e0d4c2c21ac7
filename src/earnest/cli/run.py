"""`earnest run`: a suite of tasks over a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import judge_option, model_option, price_option
from earnest.cli._project import ProjectCommand, project_options

T = TypeVar("T", bound=Callable[..., Any])

ATTACK = click.option(
    "--attack",
    "attacks",
    multiple=True,
    metavar="SPEC",
    help="Attack, as name[:k=v,k=v]; repeatable, each adds an attacked arm.",
)
STACK = click.option(
    "--stack",
    "stacks",
    multiple=True,
    metavar="SPEC+SPEC",
    help="Another stack of defences, with arms of its own; repeatable. Quote a + inside a value.",
)
SHARED = (
    click.argument("suite", required=False),
    click.option("--model", metavar="SPEC", help="earnest/reference, openai/<name>, <url>#<name>, ..."),
    click.option(
        "--name",
        default="",
        metavar="NAME",
        help="Name of the model in the report and on a leaderboard; default: SPEC.",
    ),
    click.option("--out", type=click.Path(path_type=Path), help="Run folder; an existing run is resumed."),
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        help="Folder of recordings, or hf://owner/name@revision; default: the embedded probe set.",
    ),
    click.option(
        "--task",
        "tasks",
        multiple=True,
        metavar="NAME",
        help="Only this task; repeatable. With --pillar, it must be of that pillar.",
    ),
    click.option(
        "--pillar",
        "pillars",
        multiple=True,
        metavar="NAME",
        help="Only this pillar, with the tasks that the data supports; repeatable.",
    ),
    click.option(
        "--judge",
        "judges",
        multiple=True,
        metavar="SPEC",
        help="Model that reads the answers that no rule can read; repeatable.",
    ),
    click.option(
        "--judge-hears", is_flag=True, help="Give judges the recordings; each judge must first show that it hears."
    ),
    click.option(
        "--faithful", is_flag=True, help="Judge as published, with known faults (audiotrust); default: repaired."
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Largest number of items per task."),
    click.option("--seed", type=int, default=0, show_default=True),
    click.option(
        "--shard", metavar="I/N", help="Run part I of N, on one of several machines; `earnest merge` joins the parts."
    ),
    click.option("--max-connections", type=click.IntRange(min=1), default=16, show_default=True),
    click.option("--batch-size", type=click.IntRange(min=1), help="Batch size of local models; it only affects speed."),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0.1),
        default=120.0,
        show_default=True,
        help="Time limit of a call, in seconds.",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(min=0),
        default=0.0,
        show_default=True,
        help="Sampling temperature; at 0 the model gives its likeliest answer.",
    ),
    click.option(
        "--max-tokens",
        type=click.IntRange(min=1),
        default=256,
        show_default=True,
        help="Largest number of tokens per answer.",
    ),
    click.option(
        "--max-failures",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        metavar="N",
        help="Stop after this many failed calls in a row; 0: never.",
    ),
    click.option(
        "--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Ceiling on cost; no call exceeds it."
    ),
    price_option,
    model_option,
    judge_option,
    plugin_option,
    click.option("--no-cache", is_flag=True, help="Repeat calls whose answers are in the cache."),
    click.option(
        "--allow-missing",
        is_flag=True,
        help="Run although some files are missing; their items are counted as unscored.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Print the plan, its cost and where the recordings would go, without asking anything.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    click.option(
        "--fail-under",
        "gates",
        multiple=True,
        metavar="NAME=X",
        help="Gate on a pillar or the id of a finding; repeatable.",
    ),
    click.option(
        "--fail-under-baseline",
        "baseline",
        type=click.Path(path_type=Path),
        metavar="RUN",
        help="Gates that fail if a pillar is shown to be worse than in this baseline, item by item.",
    ),
    click.option(
        "--baseline-margin",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="X",
        help="Pass only if each pillar is shown to be worse by less than X.",
    ),
)
"""What `run` and `matrix` are given alike."""


PROCESSES = click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Carry out the run in parts, by N processes of this machine at once.",
)
RAY = click.option(
    "--ray",
    metavar="ADDRESS",
    help="Carry out the run in parts on a Ray cluster (HOST:PORT, ray://HOST:PORT or auto); needs the extra ray.",
)


def shared_options(command: T) -> T:
    """The command with the options of every run."""
    for option in reversed(SHARED):
        command = option(command)
    return command


@click.command(
    "run",
    cls=ProjectCommand,
    help="Evaluate a model on SUITE (a name such as core, or a YAML file). Options that are not given come from earnest.toml.",
)
@shared_options
@ATTACK
@click.option(
    "--defence",
    "defences",
    multiple=True,
    metavar="SPEC",
    help="Defence of one stack, which adds a defended arm; repeatable, applied in order.",
)
@STACK
@PROCESSES
@RAY
@project_options
@click.pass_context
def run_command(
    context: click.Context,
    /,
    *,
    attacks: tuple[str, ...],
    defences: tuple[str, ...],
    stacks: tuple[str, ...],
    **options: Any,
) -> int:
    return evaluated(context, arms={"attack": attacks, "defence": defences, "stack": stacks}, **options)


def evaluated(
    context: click.Context,
    *,
    arms: dict[str, Any],
    suite: str | None,
    model: str | None,
    out: Path | None,
    data: Path | None,
    tasks: tuple[str, ...],
    pillars: tuple[str, ...],
    judges: tuple[str, ...],
    no_cache: bool,
    dry_run: bool,
    as_json: bool,
    gates: tuple[str, ...],
    config: str | None,
    project: Path | None,
    no_project: bool,
    processes: int,
    ray: str | None,
    **options: Any,
) -> int:
    """Run what was asked for in these arms, and tell of it; the exit status."""
    from earnest.cli._progress import progress_bar
    from earnest.cli._watch import works_in
    from earnest.runs.parts import run_in_parts
    from earnest.runs.suite import run_suite

    file = context.meta.get("earnest.project")
    if file is not None:
        click.echo(file.words(context), err=True)
        gates = () if file.leaves_out_gates(context) else gates
    if suite is None:
        raise click.UsageError(
            "a run needs a suite: `earnest run core`, or `suite` in earnest.toml; `earnest list suites` shows all"
        )
    if out is None and not dry_run:
        raise click.UsageError("a run needs a folder: add --out runs/first (or --dry-run to see the plan)")
    if model is None and not dry_run:
        raise click.UsageError("a run needs a model: add --model earnest/reference (or --dry-run to see what is asked)")
    choice = {
        "suite": suite,
        "model": model,
        "data": data,
        "task": tasks,
        "pillar": pillars,
        **arms,
        "judge": judges,
        "cache": not no_cache,
        **options,
    }
    if dry_run:
        outline = run_suite(out=out, dry_run=True, gates=gates, **choice)
        print_json(outline.as_json()) if as_json else click.echo(outline.as_text())
        return 0
    works_in(Path(str(out)))
    with progress_bar(str(model)) as on_progress:
        carry, n_workers = carrier(Path(str(out)), processes=processes, ray=ray, on_progress=on_progress)
        if carry is None:
            run = run_suite(out=out, on_outline=say_first, on_progress=on_progress, gates=gates, **choice)
        else:
            if choice["shard"]:
                raise click.UsageError("--shard is one part by hand; leave it out with --processes and --ray")
            say_first(run_suite(dry_run=True, **choice))
            whole = {name: value for name, value in choice.items() if name != "suite"}
            run = run_in_parts(
                suite, out=Path(str(out)), carry=carry, n_workers=n_workers, options={**whole, "gates": gates}
            )
    outcome = [*(run.gate(gate) for gate in gates), *run.against]
    if as_json:
        print_json(run.as_json(gates=outcome))
    else:
        click.echo(run.as_text())
        for gate in outcome:
            click.echo(f"{'passed' if gate.passed else 'FAILED'}  {gate.gate}: {gate.why}")
        click.echo(f"\nreport: {run.folder / 'report.html'}")
    if run.why_nothing_was_scored:
        click.echo(f"earnest: {run.why_nothing_was_scored}", err=True)
        return 2
    return 0 if all(gate.passed for gate in outcome) else 1


def carrier(out: Path, *, processes: int, ray: str | None, on_progress: Callable[[Any], None]) -> tuple[Any, int]:
    """What carries out the parts of a run, and how many it does at once; None where the run has no parts."""
    from earnest.runs.parts import by_processes, has_parts

    if ray is not None and processes > 1:
        raise click.UsageError("a run is carried out by --processes or by --ray, got both; leave one out")
    if ray is not None:
        from earnest.bridges.ray import by_ray

        return by_ray(ray, on_progress=on_progress)
    if processes > 1 or has_parts(out):
        return by_processes(processes, on_progress=on_progress), processes
    return None, 1


def say_first(outline: Any) -> None:
    """Calls, minutes of audio, cost, and where recordings go, before the first call."""
    click.echo(outline.as_line(), err=True)
