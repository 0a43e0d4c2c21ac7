"""`earnest matrix`: attacks against defences, with a forecast, what each costs, and the best stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import print_json
from earnest.cli._project import ProjectCommand, project_options
from earnest.cli.run import ATTACK, PROCESSES, RAY, STACK, carrier, say_first, shared_options


@click.command(
    "matrix",
    cls=ProjectCommand,
    help="Test attacks against defences on SUITE (default: matrix): each --attack is a row, each --defence and each --stack a "
    "column. Every attack is made on the bare model and, where it searches, on each defended system. One run folder holds all "
    "cells, each is computed once, and the best stack of up to three defences is searched for and gets a run of its own.",
)
@shared_options
@ATTACK
@click.option(
    "--defence", "defences", multiple=True, metavar="SPEC", help="Add a column with this defence alone; repeatable."
)
@STACK
@click.option(
    "--attacked",
    metavar="TASK",
    help="Task whose items are attacked; default: harmful_refusal, or the first with goals.",
)
@click.option(
    "--utility", metavar="TASK", help="Task whose headline is help; default: benign_compliance, or the first other one."
)
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    metavar="SPEC",
    help="Detector that is given the crafted clips and the clean ones; repeatable.",
)
@click.option(
    "--probe-items",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Items of each cell that are asked first, for the forecast; they are part of the run.",
)
@click.option("--forecast-only", is_flag=True, help="Stop after the forecast; the same command without it goes on.")
@click.option("--no-verify", is_flag=True, help="Do not run the best stack by itself.")
@click.option(
    "--verify-stack", metavar="SPEC+SPEC", help="Run this stack by itself in place of the one that the search finds."
)
@click.option(
    "--restarts",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Attempts of each attack that searches, in the run of the best stack.",
)
@click.option(
    "--least-utility",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Share of harmless items that a stack must answer well; default: that of the bare model less 0.1.",
)
@PROCESSES
@RAY
@project_options
@click.pass_context
def matrix_command(
    context: click.Context,
    /,
    *,
    suite: str | None,
    model: str | None,
    out: Path | None,
    data: Path | None,
    attacks: tuple[str, ...],
    defences: tuple[str, ...],
    stacks: tuple[str, ...],
    detectors: tuple[str, ...],
    tasks: tuple[str, ...],
    pillars: tuple[str, ...],
    judges: tuple[str, ...],
    gates: tuple[str, ...],
    no_cache: bool,
    no_verify: bool,
    dry_run: bool,
    as_json: bool,
    processes: int,
    ray: str | None,
    config: str | None,
    project: Path | None,
    no_project: bool,
    **options: Any,
) -> int:
    from earnest.cli._progress import progress_bar
    from earnest.cli._watch import works_in
    from earnest.report.matrix_page import terminal
    from earnest.results.matrix import Forecast
    from earnest.runs.matrix import SUITE, outlined, run_matrix

    file = context.meta.get("earnest.project")
    if file is not None:
        click.echo(file.words(context), err=True)
        gates = () if file.leaves_out_gates(context) else gates
    if not attacks:
        raise click.UsageError(
            "a matrix needs an attack: add --attack noise:snr_db=10; `earnest list attacks` shows all"
        )
    if not (defences or stacks):
        raise click.UsageError("a matrix needs a defence: add --defence codec; `earnest list defences` shows all")
    if model is None and not dry_run:
        raise click.UsageError(
            "a matrix needs a model: add --model earnest/reference (or --dry-run to see what is asked)"
        )
    if out is None and not dry_run:
        raise click.UsageError("a matrix needs a folder: add --out runs/matrix (or --dry-run to see the plan)")
    if options.pop("shard"):
        raise click.UsageError("a matrix is carried out in parts by --processes or --ray; leave out --shard")
    own = {
        name: options.pop(name)
        for name in ("probe_items", "forecast_only", "verify_stack", "restarts", "least_utility")
    }
    choice = {
        "suite": suite or SUITE,
        "model": model,
        "data": data,
        "task": tasks,
        "pillar": pillars,
        "judge": judges,
        "attack": attacks,
        "defence": defences,
        "stack": stacks,
        "cache": not no_cache,
        **options,
    }
    if dry_run:
        outline = outlined(**choice)
        print_json(outline.as_json()) if as_json else click.echo(outline.as_text())
        return 0
    works_in(Path(str(out)))
    say_first(outlined(**choice))
    with progress_bar(str(model)) as on_progress:
        carry, n_workers = carrier(Path(str(out)), processes=processes, ray=ray, on_progress=on_progress)
        made = run_matrix(
            out=Path(str(out)),
            carry=carry,
            n_workers=n_workers,
            detector=detectors,
            verify=not no_verify,
            gates=gates,
            on_forecast=_say_forecast,
            on_progress=on_progress,
            **own,
            **choice,
        )
    if isinstance(made, Forecast):
        print_json(made.model_dump(mode="json")) if as_json else None
        return 0
    outcome = [*(made.run.gate(gate) for gate in gates), *made.run.against]
    if as_json:
        print_json({**made.run.as_json(gates=outcome), "matrix": made.matrix.model_dump(mode="json")})
    else:
        click.echo(made.run.as_text())
        click.echo("")
        click.echo(terminal(made.matrix))
        for gate in outcome:
            click.echo(f"{'passed' if gate.passed else 'FAILED'}  {gate.gate}: {gate.why}")
        click.echo(f"\nmatrix: {made.folder / 'matrix.html'}\nreport: {made.folder / 'report.html'}")
    if made.run.why_nothing_was_scored:
        click.echo(f"earnest: {made.run.why_nothing_was_scored}", err=True)
        return 2
    return 0 if all(gate.passed for gate in outcome) else 1


def _say_forecast(words: str) -> None:
    """What the whole will take, by cell and together, before it goes on."""
    click.echo(words, err=True)
