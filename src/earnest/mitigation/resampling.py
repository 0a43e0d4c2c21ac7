"""Resampling: rows drawn so that group and label are independent, by group and label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.mitigation._base import Ints, Mitigation, Recipe, Rows, Stage, mitigation
from earnest.mitigation.reweighing import independent


@mitigation.register("resampling")
@dataclass(frozen=True, kw_only=True)
class Resampling(Mitigation):
    """Rows of each group and label are repeated or left out until there are as many as by chance.

    Parameters
    ----------
    target : {"independent", "equal"}
        `independent`: as many as group and label would have together by chance, as in the work. `equal`: as many in every
        group, which a data set without labels, or with one group thinned, needs.

    Notes
    -----
    Uniform sampling of [kamiran2012-preprocessing]. At a strength s a cell of n rows that should have m gets
    n + s (m - n), rounded: all of its rows once where it grows, and further ones drawn with replacement.
    """

    source: ClassVar[str] = "kamiran2012-preprocessing"
    stage: ClassVar[Stage] = "before"

    target: str = "independent"

    def __post_init__(self) -> None:
        from earnest.errors import BadParameter

        super().__post_init__()
        if self.target not in ("independent", "equal"):
            raise BadParameter(f"target of resampling must be independent or equal, got {self.target!r}")

    def prepared(self, rows: Rows, recipe: Recipe, rng: np.random.Generator) -> Rows:
        """Other rows, most of them the same."""
        cells = rows.cells
        if self.target == "equal" or len(rows.classes) < 2:
            kinds, counts = np.unique(cells, return_counts=True)
            wanted = dict(zip(kinds.tolist(), np.full(len(kinds), len(rows) / len(kinds)), strict=True))
        else:
            weights = independent(rows.groups, rows.labels)
            wanted = {int(cell): float(weights[cells == cell].sum()) for cell in np.unique(cells)}
        return rows.taken(drawn(cells, wanted, self.strength, rng))


def drawn(cells: Ints, wanted: dict[int, float], strength: float, rng: np.random.Generator) -> Ints:
    """Places of rows so that each cell has about as many as wanted; at strength 0 every row once, in order."""
    chosen = []
    for cell in np.unique(cells):
        own = np.flatnonzero(cells == cell)
        n = max(1, round(len(own) + strength * (wanted[int(cell)] - len(own))))
        chosen.append(
            rng.choice(own, n, replace=False)
            if n < len(own)
            else np.concatenate([own, rng.choice(own, n - len(own), replace=True)])
        )
    return np.sort(np.concatenate(chosen))
