"""`earnest privacy match`: members and non-members that are matched by speaker, text and channel."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from earnest.cli import print_json
from earnest.cli.privacy_audit import show_progress


@click.command(
    "match",
    help="Divide DIR into members and non-members before a training, by pairs of recordings of one speaker that are alike; or, with "
    "--nonmembers, keep of members (DIR) and non-members what has a counterpart. Writes OUT/members and OUT/nonmembers.",
)
@click.argument("data", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--nonmembers", metavar="DIR", type=click.Path(path_type=Path), help="Where the training is over.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new folder.")
@click.option(
    "--caliper",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    help="Most distance of a pair; 0: equal features, 2: as recordings drawn at random.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def match_command(data: Path, *, nonmembers: Path | None, out: Path, caliper: float, seed: int, as_json: bool) -> None:
    from earnest.runs.privacy_match import match

    made = match(data, out, nonmembers=nonmembers, caliper=caliper, seed=seed, progress=show_progress)
    if as_json:
        print_json(asdict(made) | {"members": str(made.members), "nonmembers": str(made.nonmembers)})
        return
    click.echo(f"{made.n_pairs:,} pairs in {made.members} and {made.nonmembers}")
    click.echo(
        f"  left out: {made.n_left_members:,} rows of {data}"
        + (f" and {made.n_left_nonmembers:,} of {nonmembers}" if nonmembers else "")
    )
    if made.mean_distance is not None:
        click.echo(f"  mean distance {made.mean_distance:.2f} (recordings drawn at random: 2)")
    for row in made.unread:
        click.echo(f"  not read: {row}")
