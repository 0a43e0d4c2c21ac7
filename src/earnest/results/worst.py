"""What a measure would be if its unscored items were all at their worst, and all at their best.

An unscored item may take any value of its range: 0 to 1 of a rate, none to all of its words of a word error rate. The
bounds are then the least and the greatest value that the measure can take, so that nothing is assumed about why an item
has no score [manski1989-anatomy]. They hold the measured value, and are no interval: what they leave open does not
shrink with more items.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earnest.records import JournalLine
from earnest.results.cells import GAPS, SHARES, Broken, Cell, Value, shares_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Worst:
    """Sums with every unscored item at its least and at its greatest, by part (class, group).

    Parameters
    ----------
    low, high : tuple of float
        Sums above the bar, unscored items at their least and at their greatest.
    size : tuple of float
        Sums below the bar, unscored items counted.
    item : float
        What an item of no known part adds below the bar.
    loose : int
        Unscored items of no known part; they count where they do most.
    span : (float, float)
        Least and greatest value of an item.
    weights : tuple of float
        Of the parts in the mean, together 1; empty: all alike.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    size: tuple[float, ...]
    item: float = 1.0
    loose: int = 0
    span: tuple[float, float] = SHARES
    weights: tuple[float, ...] = ()

    def bounds(self, n_missing: int = 0) -> tuple[float, float]:
        """Least and greatest mean over the parts, with `n_missing` further items of which nothing is known."""
        n = self.loose + n_missing
        low, high, size = (np.array(each, dtype=np.float64) for each in (self.low, self.high, self.size))
        least, most = self.span
        shares = np.array(self.weights or [1 / len(size)] * len(size))
        return _least_mean(low, size, shares, n=n, value=least, item=self.item), -_least_mean(
            -high, size, shares, n=n, value=-most, item=self.item
        )


def _least_mean(sums: Floats, size: Floats, shares: Floats, *, n: int, value: float, item: float) -> float:
    """Least weighted mean of the parts' ratios, `n` items of the least `value` put where each lowers it most."""
    sums, size = sums.copy(), size.copy()
    if len(sums) == 1:
        return float((sums[0] + n * item * value) / (size[0] + n * item))
    for _ in range(n):  # each item lowers its part less than the one before it, so that one by one is best
        gain = shares * ((sums + item * value) / (size + item) - sums / size)
        place = int(np.argmin(gain))
        sums[place] += item * value
        size[place] += item
    return float(shares @ (sums / size))


@dataclass(frozen=True, kw_only=True)
class WorstGap(Worst):
    """The same of the widest gap between groups.

    Parameters
    ----------
    counted : tuple of bool
        Which groups are large enough for the gap as it is; others would be, were their unscored items scored.
    """

    counted: tuple[bool, ...] = ()

    def bounds(self, n_missing: int = 0) -> tuple[float, float]:
        """Least and greatest widest gap.

        The least is that of the groups that count, each unscored item anywhere in its range: 0 where all groups could
        be equal. The greatest is that of any two groups that might count. Further items might belong to any group: to
        the two of the greatest gap, shared out as widens it most, and to every group at once for the least.
        """
        n = self.loose + n_missing
        low, high, size = (np.array(each, dtype=np.float64) for each in (self.low, self.high, self.size))
        kept = np.array(self.counted)
        bottom, top = (
            low[kept] / (size[kept] + n * self.item),
            (high[kept] + n * self.item) / (size[kept] + n * self.item),
        )
        shared = np.arange(n + 1) * self.item
        tops = (high[:, None] + shared) / (size[:, None] + shared)
        bottoms = (low[:, None] / (size[:, None] + shared))[:, ::-1]
        widest = max(float(np.max(tops[a] - bottoms[b])) for a in range(len(size)) for b in range(len(size)) if a != b)
        return max(0.0, float(bottom.max() - top.min())), widest


# ---------------------------------------------------------------- from cells


def worst_ends(value: float | None, worst: Worst | None) -> tuple[float | None, float | None]:
    """Both bounds; they hold the value even where it lies beyond the range of an item."""
    if value is None or worst is None:
        return None, None
    low, high = worst.bounds()
    return min(value, low), max(value, high)


def worst_by_part(
    cells: Sequence[Cell],
    unscored: Sequence[JournalLine],
    of: Callable[[JournalLine], Hashable] = lambda line: None,
    *,
    weights: Mapping[Hashable, float] | None = None,
) -> Worst:
    """Each unscored line an item of its own part, at 0 or at 1; loose where its truth does not tell the part."""
    lost, loose = [], 0
    for line in unscored:
        try:
            lost.append((of(line), 1.0))
        except (LookupError, TypeError):
            loose += 1
    return replace(_worst_of(cells, lost, weights=weights), loose=loose)


def worst_ratio(cells: Sequence[Cell], unscored: Sequence[JournalLine], denominator: Value) -> tuple[Worst | None, str]:
    """The worst case of a ratio, and what was taken for denominators that are not known."""
    known = [known_size(denominator, line) for line in unscored]
    size = math.fsum(cell.bottom for cell in cells)
    if not size:
        return None, ""
    mean_size = size / len(cells)
    n_guessed = sum(one is None for one in known)
    told = f"worst case: {n_guessed} unscored items taken as of mean length" if n_guessed else ""
    return _worst_of(cells, [(None, mean_size if one is None else one) for one in known], item=mean_size), told


def known_size(denominator: Value, line: JournalLine) -> float | None:
    """The denominator of a line without a verdict, as far as its truth tells it."""
    try:
        found = denominator(line)
    except (LookupError, TypeError, AttributeError):  # it is a fact of the verdict, which an unscored line has not
        return None
    return None if found is None else float(found)


def _worst_of(
    cells: Sequence[Cell],
    lost: Sequence[tuple[Hashable, float]],
    *,
    item: float = 1.0,
    weights: Mapping[Hashable, float] | None = None,
) -> Worst:
    """Sums by part with the unscored items, of which part and size are given, at 0 and at their size."""
    above, below = _sums_by_part(cells)
    more: dict[Hashable, float] = {}
    for part, size in lost:
        more[part] = more.get(part, 0.0) + size
    parts = list(dict.fromkeys([*below, *more]))
    low = tuple(above.get(part, 0.0) for part in parts)
    return Worst(
        low=low,
        high=tuple(sum_ + more.get(part, 0.0) for sum_, part in zip(low, parts, strict=True)),
        size=tuple(below.get(part, 0.0) + more.get(part, 0.0) for part in parts),
        item=item,
        weights=shares_of(parts, weights),
    )


def _sums_by_part(cells: Sequence[Cell]) -> tuple[dict[Hashable, float], dict[Hashable, float]]:
    above: dict[Hashable, float] = {}
    below: dict[Hashable, float] = {}
    for cell in cells:
        above[cell.part] = above.get(cell.part, 0.0) + cell.top
        below[cell.part] = below.get(cell.part, 0.0) + cell.bottom
    return above, below


def worst_difference(cells: Sequence[Cell], broken: Sequence[Broken]) -> Worst:
    """The mean over all pairs, broken ones at the ends of what they could be."""
    known = math.fsum(cell.top for cell in cells)
    return Worst(
        low=(known + math.fsum(one.low for one in broken),),
        high=(known + math.fsum(one.high for one in broken),),
        size=(float(len(cells) + len(broken)),),
        span=GAPS,
    )


def worst_of_gap(cells: Sequence[Cell], lost: Sequence[tuple[Hashable, float | None]], *, min_n: int) -> WorstGap:
    """Of groups that are large enough, or would be with their unscored items, sums with these at 0 and at their size."""
    mean_size = math.fsum(cell.bottom for cell in cells) / len(cells)
    found = _worst_of(cells, [(part, mean_size if size is None else size) for part, size in lost], item=mean_size)
    names = list(dict.fromkeys([*(cell.part for cell in cells), *(part for part, _ in lost)]))
    scored, unscored = Counter(cell.part for cell in cells), Counter(part for part, _ in lost)
    n_scored = [scored[name] for name in names]
    n_all = [scored[name] + unscored[name] for name in names]
    able = [place for place, n in enumerate(n_all) if n >= min_n and found.size[place] > 0]
    return WorstGap(
        low=tuple(found.low[place] for place in able),
        high=tuple(found.high[place] for place in able),
        size=tuple(found.size[place] for place in able),
        item=mean_size,
        counted=tuple(n_scored[place] >= min_n for place in able),
    )
