"""`earnest explain`: which part of a clip decided an answer, tested against random maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option


@click.command(
    "explain",
    help="Show which part of the clip of ITEM of RUN a decision rests on, and test the map against random ones. Writes "
    "explanation.json and explanation.html. Exits with 1 where the map does not beat random maps.",
)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("item")
@click.option("--decision", required=True, metavar="NAME", help="refuse, comply, word:TEXT or label:TEXT.")
@click.option("--method", default="occlusion", show_default=True, metavar="SPEC", help="`earnest list explainers`.")
@click.option("--against", metavar="TEXT", help="Answer to compare with; default: every other one.")
@click.option("--model", metavar="SPEC", help="The run's model; required unless it is embedded or scripted.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Labelled recordings for methods that look inside; default: the embedded probe set.",
)
@click.option(
    "--twin",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Recording of the item's twin, for patching; default: its pair in the data.",
)
@click.option("--seconds", type=float, default=0.25, show_default=True, help="Length of a tile.")
@click.option("--bands", type=click.IntRange(1), default=1, show_default=True, help="Tiles of frequency.")
@click.option(
    "--draws", type=click.IntRange(1), help="Answers to each clip, for models that answer differently each time."
)
@click.option(
    "--transcript",
    type=click.Choice(["free", "held"]),
    help="Whether a model that writes one first keeps it while the clip changes; default: held for gradients.",
)
@click.option("--checks/--no-checks", default=True, help="Make the map again: in noise, random weights, other methods.")
@click.option("--random", "n_random", type=click.IntRange(19), default=19, show_default=True, help="Random maps.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; default: explanation/ here.")
@model_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def explain_command(folder: Path, *, item: str, out: Path | None, as_json: bool, **options: Any) -> int:
    from earnest.runs.explain import explain

    made = explain(folder, item, **options)
    paths = made.save(out or Path("explanation"))
    if as_json:
        print_json(made.as_json())
    else:
        click.echo("\n".join([made.as_text(), *(f"  {path}" for path in paths)]))
    return 0 if made.file.beats_random else 1
