"""`earnest leaderboard build`: own runs and published models as a page."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import plugin_option, print_json


@click.group("leaderboard", help="Rank runs, and show them with the published models.")
def leaderboard_command() -> None:
    pass


@leaderboard_command.command(
    "build",
    help="Write a page that ranks RUNS (run folders, or folders that contain some) and shows the published models.",
)
@click.argument("runs", nargs=-1, metavar="[RUNS]...", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("leaderboard"), show_default=True, help="Folder to write."
)
@click.option(
    "--weights",
    multiple=True,
    metavar="PILLAR=W",
    help="Weight of a pillar; repeatable. The six of the scorecard weigh 1 by default, others 0.",
)
@click.option("--suite", metavar="NAME", help="Only runs of this suite.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def build_command(
    runs: tuple[Path, ...], *, out: Path, weights: tuple[str, ...], suite: str | None, as_json: bool
) -> None:
    from earnest.report.leaderboard import build

    board = build(runs, weights=weights, suite=suite)
    page = board.write(out)
    if as_json:
        print_json(board.as_json())
    else:
        click.echo(board.as_text())
        click.echo(f"leaderboard: {page}")
