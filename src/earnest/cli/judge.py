"""`earnest judge`: a finished run judged again, without asking its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import judge_option, price_option


@click.command(
    "judge", help="Judge the answers of RUN again without asking its model, or correct its rates by people's labels."
)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--judge",
    "judges",
    multiple=True,
    metavar="SPEC",
    help="Who judges; repeatable. What one was asked before is not asked again.",
)
@click.option("--judge-hears", is_flag=True, help="Give judges the recordings; each is first tested for hearing.")
@click.option(
    "--calibrate", type=click.Path(path_type=Path), metavar="CSV", help="Labels by people: columns item and label."
)
@click.option(
    "--max-cost", type=click.FloatRange(min=0), metavar="USD", help="No call is made beyond this spend on the run."
)
@price_option
@judge_option
@click.option("--max-connections", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), help="Of local judges; changes speed only.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=120.0, show_default=True, help="Seconds."
)
@click.option(
    "--max-failures", type=click.IntRange(min=0), default=20, show_default=True, metavar="N",
    help="Stop after so many failed calls in a row to one judge; 0: never.",
)
@plugin_option
@click.option("--no-cache", is_flag=True, help="Ask again even what was answered before.")
@click.option("--json", "as_json", is_flag=True, help="One object on stdout.")
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
