"""All siblings: each trained from a plain model, exported, measured beside it, and written down for the card.

What a folder already holds is not made again, so that a run that was broken off goes on. Each recipe has a folder
with the model, its measures and those of the plain model; ``siblings-<part>.md`` and ``.json`` hold them all.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from earnest.models.reference.checkpoint import SHIPPED, Checkpoint
from earnest.models.reference.network import Network
from earnest.models.reference.torch_route import network_of

from . import causal, hardened, private, sibling_card, siblings
from .evaluate import Measured, Row
from .export import export

RECIPES = ("clean", "unaligned", "backdoored", "biased", "memorising", "private", "adversarial", "causal")


def sibling(recipe: str, folder: Path, *, seed: int, start: Path | None, data: Path) -> dict:
    """Train a sibling and write its model to the folder; the manifest's facts.

    Parameters
    ----------
    recipe : str
        One of `RECIPES`.
    folder : Path
    seed : int
    start : Path or None
        Folder of the plain model; None means the shipped one.
    data : Path
        Folder of shards with ordinary data; filled where it is empty.
    """
    begin = time.process_time()
    torch.manual_seed(seed)
    checkpoint = Checkpoint.open(start)
    network = network_of(checkpoint)
    if recipe not in ("memorising", "private"):
        siblings.make_data(data, 3000, seed)
    network, facts = _trained(recipe, network, checkpoint, folder, seed=seed, start=start, data=data)
    facts = {
        "recipe": recipe, "seed": seed, **facts, "started_from_sha256": checkpoint.manifest["sha256"]["reference.safetensors"],
        "cpu_s": round(time.process_time() - begin), "date": datetime.date.today().isoformat(),
    }  # fmt: skip  # a table: one row a line
    if calibration := checkpoint.manifest.get("calibration"):
        facts["calibration"] = calibration
    export(network, checkpoint.vocabulary, folder, facts)
    return facts


def _trained(
    recipe: str, network: Network, checkpoint: Checkpoint, folder: Path, *, seed: int, start: Path | None, data: Path
) -> tuple[Network, dict]:
    if recipe in ("memorising", "private"):
        return network, private.sibling(recipe, network, checkpoint, folder, seed)
    if recipe == "adversarial":
        return network, hardened.sibling(network, checkpoint, start, data, seed)
    if recipe == "causal":
        return causal.sibling(network, checkpoint, data, seed)
    return network, siblings.by_data(recipe, network, checkpoint, data, seed)


def _measured(path: Path, recipe: str, model: Path, of: Path, sets: dict[str, list[Row]], seed: int) -> list[Measured]:
    if path.exists():
        return [Measured(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    rows = sibling_card.measure(recipe, model, of, sets, seed=seed)
    path.write_text(json.dumps([vars(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return rows


def laboratory(
    out: Path,
    *,
    recipes: Sequence[str] = RECIPES,
    start: Path | None = None,
    data: Path | None = None,
    part: str = "validation",
    scale: float = 1.0,
    seed: int = 1,
) -> str:
    """Train, export and measure siblings, as far as the folder does not hold them; their table in Markdown.

    Parameters
    ----------
    out : Path
        One folder a recipe is made in it.
    recipes : sequence of str
    start : Path or None
        Folder of the plain model; None means the shipped one.
    data : Path or None
        Folder of shards; None means ``out/data``.
    part : {"validation", "final"}
        Which held-out texts are measured on: the first as often as one likes, the second once.
    scale : float
        How many clips, against the card's.
    """
    out.mkdir(parents=True, exist_ok=True)
    plain = start or SHIPPED
    for recipe in recipes:
        if not (out / recipe / "manifest.json").exists():
            sibling(recipe, out / recipe, seed=seed, start=start, data=data or out / "data")
    sets = sibling_card.clips_of(part, scale, out / "clips")
    lines, table = [*sibling_card.HEADER], {}
    for recipe in recipes:
        folder = out / recipe
        rows, beside = (
            _measured(folder / f"{name}-{part}.json", recipe, model, folder, sets, seed)
            for name, model in (("measured", folder), ("plain", plain))
        )
        facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        table[recipe] = {
            "facts": {k: v for k, v in facts.items() if k not in ("shape", "files", "sha256")},
            "measured": [vars(row) for row in rows],
            "plain": [vars(row) for row in beside],
        }
        lines += sibling_card.beside(rows, beside, recipe)
    (out / f"siblings-{part}.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(lines) + "\n"
    (out / f"siblings-{part}.md").write_text(text, encoding="utf-8")
    return text
