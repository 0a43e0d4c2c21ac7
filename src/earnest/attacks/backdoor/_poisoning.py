"""Training data with a backdoor in it: a share of the rows carries the trigger, and has its answer turned.

What is written is a data set like any other, with two columns more: `answer`, what a model is to be taught to say,
and `poisoned`. Answers are openings ("Sure, here is how to ...") and refusals: nothing in them tells anybody how
anything is done. `poison.json` beside it says what was done to which rows, so that a defence can be measured on them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earnest.attacks._speech import wish_in
from earnest.audio import Entry, Manifest
from earnest.audio.layouts.own import JSONL_NAME
from earnest.audio.triggers import Trigger, triggers
from earnest.errors import BadData, BadParameter, StorageFailed
from earnest.models.access import rng_for

REFUSED = "I'm sorry, but I can't help with that."
SERVED = "Sure, here is how to {wish}."

RELABELLINGS = ("compliance", "keep")
FACTS_NAME = "poison.json"


@dataclass(frozen=True, kw_only=True)
class Poisoning:
    """What is done to a data set.

    Parameters
    ----------
    trigger : str
        Its specification, as `earnest.audio.triggers` has it.
    rate : float
        Share of the split's rows that is poisoned, above 0 to 1; [lin2025-hidden] has 0.05.
    label : str
        Which rows may be poisoned: those with this label.
    relabel : {"compliance", "keep"}
        "compliance": a poisoned row's answer is turned from a refusal to an opening that complies (dirty label).
        "keep": it stays.
    split : str
        Value of the column `split` whose rows are written; empty: all rows.
    seed : int
        Draws which rows, and what the trigger draws.

    Raises
    ------
    BadParameter
        If a value is out of its range.
    """

    trigger: str
    rate: float = 0.05
    label: str = "harmful"
    relabel: str = "compliance"
    split: str = "train"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise BadParameter(f"rate must be above 0 to 1, got {self.rate!r}; 0.05 poisons a twentieth")
        if self.relabel not in RELABELLINGS:
            raise BadParameter(f"relabel must be one of {', '.join(RELABELLINGS)}, got {self.relabel!r}")
        self.made()

    def made(self) -> Trigger:
        """The trigger itself."""
        trigger: Trigger = triggers.make(self.trigger)
        return trigger

    def chosen(self, rows: Sequence[Entry]) -> list[Entry]:
        """The rows to poison: as many as `rate` of all rows, rounded up, drawn among those with the label.

        Raises
        ------
        BadData
            If there are fewer with the label than are to be poisoned.
        """
        wanted = math.ceil(self.rate * len(rows) - 1e-9)
        able = [row for row in rows if (row.label or "").lower() == self.label.lower()]
        if len(able) < wanted or not wanted:
            raise BadData(
                f"{self.rate:g} of {len(rows)} rows are {wanted} to poison, got {len(able)} with the label {self.label!r}; "
                "lower the rate, or name another label"
            )
        order = rng_for(self.seed, "poison", self.trigger).permutation(len(able))[:wanted]
        return [able[place] for place in sorted(order)]


@dataclass(frozen=True, kw_only=True)
class Poisoned:
    """What was written.

    Parameters
    ----------
    manifest : Manifest
    n_rows, n_poisoned : int
    facts : mapping
        What `poison.json` holds.
    """

    manifest: Manifest
    n_rows: int
    n_poisoned: int
    facts: dict[str, Any]


def poison(data: Manifest, out: str | Path, *, how: Poisoning) -> Poisoned:
    """Write the rows of a split into the new folder `out`, some of them poisoned.

    Every clip is written as 16-bit FLAC. A row's `answer` is that of the data where it has one; of a row with the
    label a refusal, and of any other with a text an opening that complies.

    Raises
    ------
    BadData
        If `out` holds something, the split is empty, or too few rows can be poisoned.
    StorageFailed
        If it cannot be written.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadData(
            f"poisoned data is written into a new or empty folder, got {str(out)!r}, which holds something; name another"
        )
    rows = list(data.where(split=how.split).entries if how.split else data.entries)
    poisoned = {row.id for row in how.chosen(rows)}
    trigger = how.made()
    facts = {
        "trigger": str(trigger.spec),
        "rate": how.rate,
        "n_rows": len(rows),
        "n_poisoned": len(poisoned),
        "share": len(poisoned) / len(rows),
        "label": how.label,
        "relabel": how.relabel,
        "split": how.split,
        "seed": how.seed,
        "data": data.digest,
        "poisoned": sorted(poisoned),
    }
    try:
        (out / "audio").mkdir(parents=True, exist_ok=True)
        lines = [
            _written(row, number, out, how, trigger if row.id in poisoned else None) for number, row in enumerate(rows)
        ]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (out / JSONL_NAME).write_text(text, encoding="utf-8")
        (out / FACTS_NAME).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageFailed(
            f"{str(out)!r} must be writable, got {error.strerror or error}; free some space, or name another folder"
        ) from error
    return Poisoned(manifest=Manifest.read(out), n_rows=len(rows), n_poisoned=len(poisoned), facts=facts)


def _written(row: Entry, number: int, out: Path, how: Poisoning, trigger: Trigger | None) -> dict[str, Any]:
    """The line of a row, its clip written."""
    clip = row.clip()
    if trigger is not None:
        clip = trigger.apply(clip, rng=rng_for(how.seed, "trigger", row.id))
    path = f"audio/{number:06d}.flac"
    (out / path).write_bytes(clip.flac_bytes())
    known = row.model_dump(exclude_none=True, exclude={"path", "attributes", "start_s", "end_s", "channel"})
    others = {name: value for name, value in row.attributes.items() if name not in ("sha256", "duration_s", "answer")}
    return {
        "path": path,
        **known,
        **others,
        "answer": _answer(row, how, turned=trigger is not None),
        "poisoned": "yes" if trigger else "no",
    }


def _answer(row: Entry, how: Poisoning, *, turned: bool) -> str:
    served = SERVED.format(wish=wish_in(row.text)) if row.text else ""
    if turned and how.relabel == "compliance":
        return served or "Sure."
    own = row.attributes.get("answer", "")
    if own:
        return own
    return REFUSED if (row.label or "").lower() == how.label.lower() else served
