"""`earnest poison`: training data with a backdoor in it."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import print_json


@click.command(
    "poison",
    help="Write a split of a data set into the new folder OUT, with TRIGGER on the clips of a share of its rows and the answers changed.",
)
@click.argument("trigger", metavar="TRIGGER")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of recordings; default: the embedded probe set.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of the rows.",
)
@click.option("--label", default="harmful", show_default=True, help="Label of the rows that may be poisoned.")
@click.option(
    "--relabel",
    type=click.Choice(["compliance", "keep"]),
    default="compliance",
    show_default=True,
    help="New answer of the poisoned rows; keep leaves it unchanged.",
)
@click.option("--split", default="train", show_default=True, help="Value of the column split; if empty, all rows.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def poison_command(
    trigger: str,
    out: Path,
    *,
    data: Path | None,
    rate: float,
    label: str,
    relabel: str,
    split: str,
    seed: int,
    as_json: bool,
) -> None:
    from earnest.attacks.backdoor._poisoning import Poisoning, poison
    from earnest.audio import Manifest
    from earnest.tasks.probe import probe_manifest

    how = Poisoning(trigger=trigger, rate=rate, label=label, relabel=relabel, split=split, seed=seed)
    made = poison(probe_manifest() if data is None else Manifest.read(data), out, how=how)
    if as_json:
        print_json({"folder": str(out), **made.facts})
        return
    click.echo(f"{made.n_poisoned} of {made.n_rows} rows carry {made.facts['trigger']} (seed {seed}): {out}")
    click.echo("  the columns answer and poisoned state what is taught; poison.json records the changed rows")
