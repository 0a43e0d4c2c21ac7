"""`earnest guard drift`: decisions of a window of sessions against those of a baseline."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from earnest.cli import print_json


@click.command(
    "drift", help="Whether sessions recorded in WINDOW trip rules as often as those in BASELINE; exit 1 if not."
)
@click.argument("baseline", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("window", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True), default=0.05, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def drift_command(baseline: Path, window: Path, *, alpha: float, as_json: bool) -> None:
    from earnest.guard.drift import changes, sessions
    from earnest.guard.recording import KEY

    key = os.environ.get(KEY, "")
    found = changes(sessions(baseline, key=key), sessions(window, key=key), alpha=alpha)
    if as_json:
        print_json({"alpha": alpha, "rules": [asdict(one) for one in found]})
    else:
        for one in found:
            click.echo(
                f"{one.rule}: {one.baseline.n} of {one.baseline.sessions} sessions, then {one.window.n} of {one.window.sessions}; "
                f"p {one.p:.2g}{', changed' if one.changed else ''}"
            )
    if any(one.changed for one in found):
        raise SystemExit(1)
