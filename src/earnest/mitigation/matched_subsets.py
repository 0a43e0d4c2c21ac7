"""Matched subsets: of each text and label as many rows of every group, the rest left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.errors import BadData
from earnest.mitigation._base import Mitigation, Recipe, Rows, Stage, mitigation


@mitigation.register("matched_subsets")
@dataclass(frozen=True, kw_only=True)
class MatchedSubsets(Mitigation):
    """Exact matching: a row stays if every other group has a row of its own with the same text and label.

    Parameters
    ----------
    on : {"text", "label"}
        What must match beside the label: the text, or nothing.

    Notes
    -----
    Exact one-to-one matching without replacement [stuart2010-matching], on what is said and what it is labelled, so that
    groups differ in nothing that is known but who speaks. What has no match is left out, which includes rows whose label
    is wrong in one group alone. At a strength s that share of the unmatched rows, drawn at random, is left out.
    """

    source: ClassVar[str] = "stuart2010-matching"
    stage: ClassVar[Stage] = "before"

    on: str = "text"

    def __post_init__(self) -> None:
        from earnest.errors import BadParameter

        super().__post_init__()
        if self.on not in ("text", "label"):
            raise BadParameter(f"on of matched_subsets must be text or label, got {self.on!r}")

    def prepared(self, rows: Rows, recipe: Recipe, rng: np.random.Generator) -> Rows:
        """Fewer rows.

        Raises
        ------
        BadData
            If nothing matches.
        """
        if not self.strength:
            return rows
        unmatched = self._unmatched(rows, rng)
        if len(unmatched) == len(rows):
            raise BadData(
                "matched_subsets keeps rows whose text and label every group has, and none are left of "
                f"{len(rows)}; match on the label alone: matched_subsets:on=label"
            )
        out = set(rng.permutation(unmatched)[: round(self.strength * len(unmatched))].tolist())
        return rows.taken([place for place in range(len(rows)) if place not in out])

    def _unmatched(self, rows: Rows, rng: np.random.Generator) -> list[int]:
        n_groups = len(set(rows.groups.tolist()))
        cells: dict[tuple[str, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for place, (text, label, group) in enumerate(
            zip(rows.texts, rows.labels.tolist(), rows.groups.tolist(), strict=True)
        ):
            cells[text if self.on == "text" else "", label][group].append(place)
        out = []
        for (text, _), by_group in cells.items():
            known = bool(text) or self.on == "label"
            n = min(map(len, by_group.values())) if known and len(by_group) == n_groups else 0
            for places in by_group.values():
                out += rng.permutation(places)[n:].tolist()
        return sorted(out)
