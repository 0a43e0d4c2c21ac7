"""The matrix of the reference model as it ships: what attacks reached against defences in one run of our own.

`scripts/reference_matrix` writes the file. Its form is that of `matrix.json`; the catalogue reads it as data, since what
made it stands above.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from earnest.catalogue.coverage import Tested
from earnest.registry import parse_spec

FILE = Path(__file__).with_name("reference_matrix.json")
RUN = "reference_matrix"


def kept_matrix() -> dict[str, Any]:
    """The matrix as JSON values."""
    held: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return held


def reference_tests() -> list[Tested]:
    """Its cells for the map; those without a value, and those of several defences, are not in it."""
    matrix = kept_matrix()
    found = []
    for cell in matrix["cells"]:
        on_target = cell["on_target"]
        defences = cell.get("defences", [])
        if cell.get("no_value") or on_target["value"] is None or len(defences) > 1:
            continue
        found.append(
            Tested(
                attack=parse_spec(cell["attack"]).name,
                defence=parse_spec(defences[0]).name if defences else "none",
                value=on_target["value"],
                low=on_target.get("low"),
                high=on_target.get("high"),
                n=on_target["n"],
                metric="attack_on_target_rate",
                model=matrix["model"],
                run=RUN,
                knowledge="" if cell["knowledge"] == "either" else cell["knowledge"],
                of=f"{cell['attack']} against {defences[0] if defences else 'no defence'}",
            )
        )
    return found
