"""`earnest judge`: a finished run judged again, without asking its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import judge_option, price_option


@click.command(
    "judge", help="Judge the answers of RUN again without asking its model, or correct its rates by human labels."
)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--judge",
    "judges",
    multiple=True,
    metavar="SPEC",
    help="Model that judges; repeatable. A judge is not asked the same question twice.",
)
@click.option(
    "--judge-hears", is_flag=True, help="Give judges the recordings; each judge must first show that it hears."
)
@click.option(
    "--calibrate", type=click.Path(path_type=Path), metavar="CSV", help="Human labels, with the columns item and label."
)
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Ceiling on the cost of the whole run folder; no call exceeds it.",
)
@price_option
@judge_option
@click.option("--max-connections", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), help="Batch size of local judges; it only affects speed.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=120.0,
    show_default=True,
    help="Time limit of a call, in seconds.",
)
@click.option(
    "--max-failures",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Stop after this many failed calls in a row to one judge; 0: never.",
)
@plugin_option
@click.option("--no-cache", is_flag=True, help="Repeat calls whose answers are in the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def judge_command(
    folder: Path, *, judges: tuple[str, ...], calibrate: Path | None, no_cache: bool, as_json: bool, **options: Any
) -> int:
    from earnest.cli._progress import progress_bar
    from earnest.cli._watch import works_in
    from earnest.runs.suite import judge_run

    works_in(folder)
    with progress_bar("judging") as on_progress:
        found = judge_run(
            folder, judge=judges, calibrate=calibrate, cache=not no_cache, on_progress=on_progress, **options
        )
    if as_json:
        print_json(found.as_json())
    else:
        click.echo(found.as_text())
        click.echo(f"\nreport: {folder / 'report.html'}")
    return 2 if found.summary.failed and not found.summary.n_judged else 0
