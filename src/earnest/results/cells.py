"""From journal lines to cells: what each adds above and below the bar of a ratio, in which cluster and which part."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.records import JournalLine
from earnest.results.sums import Sums

Number = bool | float | int | None
Value = Callable[[JournalLine], Number]
Floats = NDArray[np.float64]

SHARES, GAPS = (0.0, 1.0), (-1.0, 1.0)
"""Ranges of a share, and of a difference of two."""


@dataclass(frozen=True)
class Cell:
    """What one line (or pair) adds: `top` to the sum above the bar, `bottom` to the one below."""

    cluster: str
    top: float
    bottom: float = 1.0
    part: Hashable = None


def _cluster(line: JournalLine) -> str:
    return line.cluster or line.sample


def parted(
    lines: Sequence[JournalLine], among: Callable[[JournalLine], bool] | None
) -> tuple[list[JournalLine], list[JournalLine]]:
    kept = [line for line in lines if line.kind == "item" and (among is None or among(line))]
    return [line for line in kept if line.status == "scored"], [line for line in kept if line.status == "unscored"]


def cells_of(
    scored: Sequence[JournalLine],
    top: Value,
    bottom: Value | None = None,
    *,
    part: Callable[[JournalLine], Hashable] | None = None,
) -> list[Cell]:
    cells = []
    for line in scored:
        above = top(line)
        below = 1.0 if bottom is None else bottom(line)
        if above is not None and below is not None:
            cells.append(Cell(_cluster(line), float(above), float(below), part(line) if part else None))
    return cells


@dataclass(frozen=True)
class Broken:
    """A pair of which a side could not be scored, by its first unscored line, and the least and greatest it could be."""

    line: JournalLine
    low: float
    high: float


def differences(
    scored: Sequence[JournalLine],
    unscored: Sequence[JournalLine],
    *,
    value: Value,
    pair: Callable[[JournalLine], Hashable],
    side: Callable[[JournalLine], bool | None],
) -> tuple[list[Cell], list[Broken]]:
    """A cell for each whole pair, and the pairs that are broken."""
    values: dict[Hashable, dict[bool, list[float]]] = {}
    clusters: dict[Hashable, str] = {}
    for line in scored:
        place, number = side(line), value(line)
        if place is not None and number is not None:
            values.setdefault(pair(line), {}).setdefault(bool(place), []).append(float(number))
            clusters.setdefault(pair(line), _cluster(line))
    lost: dict[Hashable, JournalLine] = {}
    for line in unscored:
        if side(line) is not None:
            lost.setdefault(pair(line), line)
    means = {
        key: {place: math.fsum(some) / len(some) for place, some in sides.items()} for key, sides in values.items()
    }
    whole = {key: sides for key, sides in means.items() if len(sides) == 2}
    cells = [Cell(clusters[key], sides[True] - sides[False]) for key, sides in whole.items()]
    return cells, [_broken(line, means.get(key, {})) for key, line in lost.items() if key not in whole]


def _broken(line: JournalLine, means: Mapping[bool, float]) -> Broken:
    return Broken(line, means.get(True, 0.0) - means.get(False, 1.0), means.get(True, 1.0) - means.get(False, 0.0))


@dataclass(frozen=True)
class Table:
    """Sums by cluster.

    Parameters
    ----------
    totals : float64 array, shape (n_clusters, n_parts, 2)
        Above and below the bar.
    parts : tuple
        Names of the parts (classes, groups), sorted.
    clusters : tuple of str
    """

    totals: Floats
    parts: tuple[Hashable, ...]
    binary: bool
    clusters: tuple[str, ...] = ()

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Table:
        parts = tuple(sorted({cell.part for cell in cells}, key=str))
        places = {name: place for place, name in enumerate(parts)}
        clusters = {name: place for place, name in enumerate(dict.fromkeys(cell.cluster for cell in cells))}
        totals = np.zeros((len(clusters), max(1, len(parts)), 2))
        at = [clusters[cell.cluster] for cell in cells], [places[cell.part] for cell in cells]
        np.add.at(totals, at, np.array([(cell.top, cell.bottom) for cell in cells]).reshape(-1, 2))
        binary = len(clusters) == len(cells) and all(cell.top in (0, 1) and cell.bottom == 1 for cell in cells)
        return cls(totals, parts, binary, tuple(clusters))

    def sums(self, weights: Mapping[Hashable, float] | None = None) -> Sums:
        """The sums for others to resample; `weights` of parts, 1 where a part is not named."""
        shares = shares_of(self.parts, weights)
        return Sums(clusters=self.clusters, parts=self.parts or (None,), totals=self.totals, weights=shares)


def shares_of(parts: Sequence[Hashable], weights: Mapping[Hashable, float] | None) -> tuple[float, ...]:
    """What each part counts in the mean over parts, together 1; empty where all count alike."""
    if weights is None or not parts:
        return ()
    given = [weights.get(part, 1.0) for part in parts]
    return tuple(weight / math.fsum(given) for weight in given)
