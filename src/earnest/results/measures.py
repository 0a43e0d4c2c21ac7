"""From journal lines to measures: a number, how many items it rests on, its interval, direction and unit.

Conventions
-----------
- Lines are those of one arm of one task. Canaries are never counted. A line that could not be scored counts as
  unscored in every measure that it belongs to; `among` says which lines those are and may look at `truth` alone.
- Items of one cluster (one speaker, one text) are not independent, so clusters are resampled, not items. Where every
  item is its own cluster and its value is 0 or 1, Wilson's interval is used instead. `interval` says which it was.
- A resampled interval is the percentile interval, widened for few clusters (Hesterberg 2015). Below six clusters it is
  Wilson's with a cluster taken as an item, or Student's outside a known range. Where all clusters agree, resampling
  would claim certainty; then Wilson's bound on the share of clusters that might differ is used, and outside a known
  range there is no interval at all.
- Everything is deterministic: the generator is seeded with the metric's name.
- Nothing scored gives `value`, `low` and `high` None.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from earnest.errors import BadParameter
from earnest.metrics.intervals import CONFIDENCE, N_RESAMPLES, wilson
from earnest.records import JournalLine
from earnest.results.finding import unscored_by_reason

MIN_GROUP = 10
"""A group with fewer scored items is listed, but takes no part in the worst gap."""

AMOUNTS = frozenset({"ms", "s", "queries", "gradients", "tokens", "USD"})
"""Units of which there is never less than none."""

MIN_CLUSTERS = 6
"""Below this, percentiles of resamples cover too rarely (68 % at two clusters, 78 to 88 % at three and four, simulated)."""

Number = bool | float | int | None
Value = Callable[[JournalLine], Number]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What each cluster adds to a measure, so that several runs can be resampled together.

    Parameters
    ----------
    clusters : tuple of str
    parts : tuple
        Names of the parts (classes, say); one where there are none.
    totals : float64 array, shape (n_clusters, n_parts, 2)
        Above and below the bar; the measure is the mean over parts of the ratio of their sums.
    """

    clusters: tuple[str, ...]
    parts: tuple[Hashable, ...]
    totals: Floats


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number over the lines of one arm, not yet tied to a run.

    Parameters
    ----------
    metric : str
        Its name: `refusal_rate`.
    value, low, high : float or None
        With a 95 % interval; None where nothing was scored, or no interval can be made.
    n_scored, n_unscored : int
        Items; of `difference`, pairs.
    unscored : mapping
        Unscored items by reason.
    worst_low, worst_high : float or None
        What the value would be with every unscored item at 0, and at 1; the value itself where there is none, and None
        without a value or where nothing bounds what an item might add.
    higher_is_better : bool or None
    unit : str
        `fraction`, `dB`, `ms`, ...
    baseline : float or None
        What chance, or doing nothing, would give.
    headline : bool
        Whether it is its task's headline.
    interval, note : str
        How the interval was made; what a reader must know.
    group : str or None
        The group it is about.
    level : float, str or None
        The strength it is about.
    sums : Sums or None
        What it was made of, where it is a ratio of sums over clusters.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    n_scored: int
    n_unscored: int
    unscored: Mapping[str, int] = field(default_factory=dict)
    worst_low: float | None = None
    worst_high: float | None = None
    higher_is_better: bool | None
    unit: str
    baseline: float | None = None
    headline: bool = False
    interval: str = ""
    note: str = ""
    group: str | None = None
    level: float | str | None = None
    sums: Sums | None = field(default=None, repr=False, compare=False)


def rate(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    success: Value | None = None,
    among: Callable[[JournalLine], bool] | None = None,
    headline: bool = False,
    higher_is_better: bool | None = True,
    baseline: float | None = None,
    group: str | None = None,
    level: float | str | None = None,
    note: str = "",
) -> Measure:
    """Share of successes, a fraction.

    Parameters
    ----------
    success : callable
        Of a scored line: True or False, a share in [0, 1], or None where it is no part of this measure. By default the
        verdict's score.
    among : callable
        Which lines the measure is about, scored or not; by default all.

    Raises
    ------
    BadParameter
        If a share is outside [0, 1].
    """
    scored, unscored = _parted(lines, among)
    cells = _cells(scored, success or _score)
    if any(not 0 <= cell.top <= 1 for cell in cells):
        raise BadParameter(f"a rate is made of shares in [0, 1], and {metric!r} has others; use mean() for them")
    return _measured(
        cells, unscored, metric=metric, unit="fraction", bounds=(0.0, 1.0), higher_is_better=higher_is_better,
        headline=headline, baseline=baseline, group=group, level=level, note=note,
    )  # fmt: skip


def mean(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    value: Value,
    unit: str,
    higher_is_better: bool | None,
    among: Callable[[JournalLine], bool] | None = None,
    headline: bool = False,
    baseline: float | None = None,
    group: str | None = None,
    level: float | str | None = None,
    note: str = "",
) -> Measure:
    """Mean of `value` over the scored lines for which it is not None, in `unit`."""
    scored, unscored = _parted(lines, among)
    return _measured(
        _cells(scored, value), unscored, metric=metric, unit=unit, bounds=None,
        floor=0.0 if unit in AMOUNTS else None, higher_is_better=higher_is_better,
        headline=headline, baseline=baseline, group=group, level=level, note=note,
    )  # fmt: skip


def ratio(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    numerator: Value,
    denominator: Value,
    unit: str = "fraction",
    higher_is_better: bool | None = False,
    among: Callable[[JournalLine], bool] | None = None,
    headline: bool = False,
    baseline: float | None = None,
    group: str | None = None,
    level: float | str | None = None,
    note: str = "",
) -> Measure:
    """Sum of `numerator` over sum of `denominator`: the word error rate of a corpus, say.

    Lines for which either is None are left out. A denominator that sums to zero gives no value.
    """
    scored, unscored = _parted(lines, among)
    return _measured(
        _cells(scored, numerator, denominator), unscored, metric=metric, unit=unit,
        bounds=(0.0, 1.0) if unit == "fraction" else None, higher_is_better=higher_is_better, headline=headline,
        baseline=baseline, group=group, level=level, note=note,
    )  # fmt: skip


def balanced(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    correct: Value,
    of: Callable[[JournalLine], Hashable],
    among: Callable[[JournalLine], bool] | None = None,
    both: bool = False,
    weights: Mapping[Hashable, float] | None = None,
    headline: bool = False,
    higher_is_better: bool | None = True,
    baseline: float | None = None,
    group: str | None = None,
    level: float | str | None = None,
    note: str = "",
) -> Measure:
    """Mean over the classes of the share of `correct` in each: balanced accuracy, a fraction.

    Parameters
    ----------
    correct : callable
        Of a scored line: True or False, a share in [0, 1], or None where it is no part of this measure.
    of : callable
        The class of a line. Where each cluster is of one class, clusters are resampled class by class.
    both : bool
        Whether one class alone has no value: a model that gives one answer throughout would be right in it.
    weights : mapping or None
        Of classes in the mean; 1 where a class is not named.
    """
    scored, unscored = _parted(lines, among)
    cells = _cells(scored, correct, part=of)
    if both and cells and len({of(line) for line in scored if correct(line) is not None}) < 2:
        alone = rate(lines, metric=metric, success=lambda line: None, among=among, headline=headline)
        told = "; ".join(part for part in ("one class alone, so that a constant answer would be right", note) if part)
        return replace(
            alone, n_scored=len(cells), higher_is_better=higher_is_better, baseline=baseline, group=group, level=level, note=told
        )  # fmt: skip
    table = _Table.of(cells)
    shares = np.array([(weights or {}).get(part, 1.0) for part in table.parts] or [1.0])

    def estimate(sums: Floats) -> Floats:
        return np.sum(_ratios(sums) * shares, axis=-1) / shares.sum()

    value = _estimate(table.totals.sum(axis=0), estimate)
    drawn = table.resampled(metric, by_part=True)
    interval = _resampled_interval(value, estimate(drawn), table, bounds=(0.0, 1.0))
    return Measure(
        metric=metric, value=value, low=interval.low, high=interval.high, n_scored=len(cells),
        n_unscored=len(unscored), unscored=unscored_by_reason(unscored), higher_is_better=higher_is_better,
        unit="fraction", baseline=baseline, headline=headline, interval=interval.how, group=group, level=level,
        note=note, sums=table.sums,
    )  # fmt: skip


def difference(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    pair: Callable[[JournalLine], Hashable],
    side: Callable[[JournalLine], bool | None],
    value: Value | None = None,
    unit: str = "fraction",
    higher_is_better: bool | None = None,
    among: Callable[[JournalLine], bool] | None = None,
    headline: bool = False,
    baseline: float | None = 0.0,
    group: str | None = None,
    level: float | str | None = None,
    note: str = "",
) -> Measure:
    """Mean over pairs of `value` on the first side minus that on the second.

    Parameters
    ----------
    pair : callable
        What the two lines of a pair share.
    side : callable
        True for the first side, False for the second, None for a line outside. Several lines of one side are averaged.
    value : callable
        By default the verdict's score. Values of the unit `fraction` are in [0, 1].

    Returns
    -------
    Measure
        Counted in pairs: `n_unscored` are those of which a side could not be scored, by the first reason met.
    """
    scored, unscored = _parted(lines, among)
    cells, broken = _differences(scored, unscored, value=value or _score, pair=pair, side=side)
    bounds = (-1.0, 1.0) if unit == "fraction" else None
    return _measured(
        cells, broken, metric=metric, unit=unit, bounds=bounds, higher_is_better=higher_is_better, headline=headline,
        baseline=baseline, group=group, level=level, note=note, exact=False,
    )  # fmt: skip


def by_group(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    group: Callable[[JournalLine], str | None],
    value: Value | None = None,
    numerator: Value | None = None,
    denominator: Value | None = None,
    unit: str = "fraction",
    higher_is_better: bool | None = True,
    baseline: float | None = None,
    among: Callable[[JournalLine], bool] | None = None,
    min_n: int = MIN_GROUP,
) -> list[Measure]:
    """One measure a group, sorted by name: a rate (the score, or `value`), a mean in another `unit`, or a ratio.

    Lines whose group is None are left out. A group with fewer than `min_n` scored items says so in its note.
    """
    measures = []
    for name, members in _grouped(lines, group).items():
        measure = _one_kind(
            members, metric=metric, value=value, numerator=numerator, denominator=denominator, unit=unit,
            higher_is_better=higher_is_better, baseline=baseline, among=among, group=name,
        )  # fmt: skip
        few = f"fewer than {min_n} scored items: no part of the worst gap" if measure.n_scored < min_n else ""
        measures.append(replace(measure, note=few))
    return measures


def worst_gap(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    group: Callable[[JournalLine], str | None],
    value: Value | None = None,
    numerator: Value | None = None,
    denominator: Value | None = None,
    unit: str = "fraction",
    among: Callable[[JournalLine], bool] | None = None,
    min_n: int = MIN_GROUP,
    headline: bool = False,
    note: str = "",
) -> Measure:
    """Largest difference between two groups, in `unit`; `group` names the pair, the higher first.

    The interval holds for all pairs at once, so that picking the largest does not flatter or blacken: the pair's
    difference plus and minus the 95 % quantile of the largest studentised deviation over all pairs. Groups that share
    clusters are resampled together. Its lower end is below zero where no gap is established. Fewer than two groups
    with `min_n` scored items give no value.
    """
    scored, unscored = _parted([line for line in lines if group(line) is not None], among)
    cells = _cells(scored, numerator or value or _score, denominator, part=group)
    sizes = {name: sum(cell.part == name for cell in cells) for name in {cell.part for cell in cells}}
    small = sorted(str(name) for name, n in sizes.items() if n < min_n)
    kept = [cell for cell in cells if sizes[cell.part] >= min_n]
    gap = _widest(_Table.of(kept), metric=metric, bounded=unit == "fraction")
    words = [f"{gap.high_group} {gap.high_value:.3g}, {gap.low_group} {gap.low_value:.3g}"] if gap.pair else []
    words += ["fewer than two groups are large enough"] if not gap.pair else []
    words += [f"left out, with fewer than {min_n} scored items: {', '.join(small)}"] if small else []
    return Measure(
        metric=metric, value=gap.value, low=gap.low, high=gap.high, n_scored=len(kept),
        n_unscored=len(unscored), unscored=unscored_by_reason(unscored), higher_is_better=False, unit=unit,
        baseline=0.0, headline=headline, interval=gap.how, note="; ".join([*words, *([note] if note else [])]),
        group=gap.pair,
    )  # fmt: skip


def curve(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    level: Callable[[JournalLine], float | str | None],
    value: Value | None = None,
    numerator: Value | None = None,
    denominator: Value | None = None,
    unit: str = "fraction",
    higher_is_better: bool | None = True,
    baseline: float | None = None,
    among: Callable[[JournalLine], bool] | None = None,
    group: str | None = None,
) -> list[Measure]:
    """One measure a level, in rising order: a rate (the score, or `value`), a mean in another `unit`, or a ratio.

    Lines whose level is None are left out. `group` names the curve where there are several.
    """
    return [
        _one_kind(
            members, metric=metric, value=value, numerator=numerator, denominator=denominator, unit=unit,
            higher_is_better=higher_is_better, baseline=baseline, among=among, group=group, level=at,
        )
        for at, members in _grouped(lines, level).items()
    ]  # fmt: skip


def resampled_value(
    totals: Floats, estimate: Callable[[Floats], Floats], *, seed: str, bounds: tuple[float, float] | None = None
) -> tuple[float | None, float | None, float | None, str]:
    """Any estimate made of sums over clusters: value, low and high end, and how the interval was made.

    Parameters
    ----------
    totals : float64 array, shape (n_clusters, ...)
        What each cluster adds to the sums.
    estimate : callable
        Of sums of shape (..., *totals.shape[1:]) an array of shape (...); nan where there is none.
    bounds : tuple of float or None
        Range of the estimate.
    """
    n = len(totals)
    value = _estimate(totals.sum(axis=0), estimate)
    if value is None or n < 2:
        return value, None, None, "" if value is None else "none: one cluster cannot be resampled"
    drawn = estimate(np.reshape(_drawn_sums(totals.reshape(n, -1), _generator(seed)), (N_RESAMPLES, *totals.shape[1:])))
    interval = _bootstrap_interval(value, drawn, n=n, n_clusters=n, bounds=bounds)
    return (
        (value, interval.low, interval.high, interval.how)
        if interval
        else (value, None, None, "none: all values equal")
    )


# ---------------------------------------------------------------- from lines to cells


@dataclass(frozen=True)
class _Cell:
    """What one line (or pair) adds: `top` to the sum above the bar, `bottom` to the one below."""

    cluster: str
    top: float
    bottom: float = 1.0
    part: Hashable = None


def _score(line: JournalLine) -> float | None:
    return line.score


def _cluster(line: JournalLine) -> str:
    return line.cluster or line.sample


def _parted(
    lines: Sequence[JournalLine], among: Callable[[JournalLine], bool] | None
) -> tuple[list[JournalLine], list[JournalLine]]:
    kept = [line for line in lines if line.kind == "item" and (among is None or among(line))]
    return [line for line in kept if line.status == "scored"], [line for line in kept if line.status == "unscored"]


def _cells(
    scored: Sequence[JournalLine],
    top: Value,
    bottom: Value | None = None,
    *,
    part: Callable[[JournalLine], Hashable] | None = None,
) -> list[_Cell]:
    cells = []
    for line in scored:
        above = top(line)
        below = 1.0 if bottom is None else bottom(line)
        if above is not None and below is not None:
            cells.append(_Cell(_cluster(line), float(above), float(below), part(line) if part else None))
    return cells


def _differences(
    scored: Sequence[JournalLine],
    unscored: Sequence[JournalLine],
    *,
    value: Value,
    pair: Callable[[JournalLine], Hashable],
    side: Callable[[JournalLine], bool | None],
) -> tuple[list[_Cell], list[JournalLine]]:
    """A cell for each whole pair, and for each broken one the first line that could not be scored."""
    values: dict[Hashable, dict[bool, list[float]]] = {}
    clusters: dict[Hashable, str] = {}
    for line in scored:
        place, number = side(line), value(line)
        if place is not None and number is not None:
            values.setdefault(pair(line), {}).setdefault(bool(place), []).append(float(number))
            clusters.setdefault(pair(line), _cluster(line))
    broken: dict[Hashable, JournalLine] = {}
    for line in unscored:
        if side(line) is not None:
            broken.setdefault(pair(line), line)
    whole = {key: sides for key, sides in values.items() if len(sides) == 2}
    cells = [
        _Cell(clusters[key], math.fsum(sides[True]) / len(sides[True]) - math.fsum(sides[False]) / len(sides[False]))
        for key, sides in whole.items()
    ]
    return cells, [line for key, line in broken.items() if key not in whole]


def _grouped(lines: Sequence[JournalLine], key: Callable[[JournalLine], Any]) -> dict[Any, list[JournalLine]]:
    found: dict[Any, list[JournalLine]] = {}
    for line in lines:
        name = key(line) if line.kind == "item" else None
        if name is not None:
            found.setdefault(name, []).append(line)
    numeric = all(isinstance(name, (int, float)) for name in found)
    return {name: found[name] for name in sorted(found, key=None if numeric else str)}


def _one_kind(
    lines: Sequence[JournalLine],
    *,
    value: Value | None,
    numerator: Value | None,
    denominator: Value | None,
    unit: str,
    **common: Any,
) -> Measure:
    if numerator is not None and denominator is not None:
        return ratio(lines, numerator=numerator, denominator=denominator, unit=unit, **common)
    if unit == "fraction":
        return rate(lines, success=value, **common)
    return mean(lines, value=value or _score, unit=unit, **common)


def _measured(
    cells: Sequence[_Cell],
    unscored: Sequence[JournalLine],
    *,
    metric: str,
    bounds: tuple[float, float] | None,
    floor: float | None = None,
    exact: bool = True,
    **common: Any,
) -> Measure:
    """The ratio of sums over `cells`; Wilson where `exact` and the cells are independent zeros and ones."""
    table = _Table.of(cells)
    value = _estimate(table.totals.sum(axis=0), _mean_of_ratios)
    if exact and bounds == (0.0, 1.0) and table.binary:
        interval = _wilson_interval(cells)
    else:
        interval = _resampled_interval(value, _mean_of_ratios(table.resampled(metric)), table, bounds=bounds)
    if floor is not None and interval.low is not None:
        interval = replace(interval, low=max(floor, interval.low))
    return Measure(
        metric=metric, value=value, low=interval.low, high=interval.high, n_scored=len(cells),
        n_unscored=len(unscored), unscored=unscored_by_reason(list(unscored)), interval=interval.how,
        sums=table.sums, **common,
    )  # fmt: skip


# ---------------------------------------------------------------- from cells to intervals


@dataclass(frozen=True)
class _Interval:
    low: float | None
    high: float | None
    how: str


@dataclass(frozen=True)
class _Table:
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
    def of(cls, cells: Sequence[_Cell]) -> _Table:
        parts = tuple(sorted({cell.part for cell in cells}, key=str))
        places = {name: place for place, name in enumerate(parts)}
        clusters = {name: place for place, name in enumerate(dict.fromkeys(cell.cluster for cell in cells))}
        totals = np.zeros((len(clusters), max(1, len(parts)), 2))
        for cell in cells:
            totals[clusters[cell.cluster], places[cell.part]] += cell.top, cell.bottom
        binary = len(clusters) == len(cells) and all(cell.top in (0, 1) and cell.bottom == 1 for cell in cells)
        return cls(totals, parts, binary, tuple(clusters))

    @property
    def sums(self) -> Sums:
        """The sums for others to resample."""
        return Sums(clusters=self.clusters, parts=self.parts or (None,), totals=self.totals)

    @property
    def n_clusters(self) -> int:
        return len(self.totals)

    @property
    def n_least(self) -> int:
        """Clusters of the part that has the fewest: what the widening for few clusters goes by."""
        return int(np.min(np.count_nonzero(self.totals[..., 1], axis=0), initial=self.n_clusters))

    def resampled(self, seed: str, *, by_part: bool = False) -> Floats:
        """Sums over clusters drawn with replacement, shape (n_resamples, n_parts, 2); by part where parts are apart."""
        if not self.n_clusters:
            return np.zeros((0, *self.totals.shape[1:]))
        rng = _generator(seed)
        present = self.totals[..., 1] != 0
        if by_part and len(self.parts) > 1 and np.all(present.sum(axis=1) == 1):
            strata = [np.flatnonzero(present[:, part]) for part in range(len(self.parts))]
        else:
            strata = [np.arange(self.n_clusters)]
        flat = self.totals.reshape(self.n_clusters, -1)
        drawn = sum(_drawn_sums(flat[rows], rng) for rows in strata if len(rows))
        return np.reshape(drawn, (N_RESAMPLES, *self.totals.shape[1:]))


def _generator(seed: str) -> np.random.Generator:
    return np.random.default_rng(np.frombuffer(hashlib.sha256(seed.encode()).digest(), dtype=np.uint32))


def _drawn_sums(rows: Floats, rng: np.random.Generator) -> Floats:
    """Sums of rows drawn with replacement, shape (n_resamples, n_columns)."""
    n = len(rows)
    chunk = max(1, 1_000_000 // n)
    sums = []
    for begin in range(0, N_RESAMPLES, chunk):
        size = min(chunk, N_RESAMPLES - begin)
        places = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(places.ravel(), minlength=size * n).reshape(size, n)
        sums.append(counts @ rows)
    return np.concatenate(sums)


def _ratios(sums: Floats) -> Floats:
    """Above over below the bar, nan where nothing is below; shape (..., n_parts)."""
    below = sums[..., 1]
    return np.divide(sums[..., 0], below, out=np.full(below.shape, np.nan), where=below != 0)


def _mean_of_ratios(sums: Floats) -> Floats:
    return np.mean(_ratios(sums), axis=-1)


def _estimate(sums: Floats, estimate: Callable[[Floats], Floats]) -> float | None:
    value = float(estimate(sums))
    return value if math.isfinite(value) else None


def _widening(n: int) -> float:
    """How much wider than the bootstrap's an interval over `n` clusters must be: sqrt(n / (n - 1)) t / z.

    The "expanded percentile interval" of Hesterberg (2015), What teachers should know about the bootstrap, The American
    Statistician 69.
    """
    tail = (1 + CONFIDENCE) / 2
    return math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, tail)) / float(ndtri(tail))


def _resampled_interval(
    value: float | None, drawn: Floats, table: _Table, *, bounds: tuple[float, float] | None
) -> _Interval:
    """Interval of what was drawn; where resampling is blind, the bound for clusters that all agree."""
    if value is None:
        return _Interval(None, None, "")
    interval = _bootstrap_interval(value, drawn, n=table.n_least, n_clusters=table.n_clusters, bounds=bounds)
    return interval or _agreed_interval(value, n=table.n_least, bounds=bounds)


def _bootstrap_interval(
    value: float, drawn: Floats, *, n: int, n_clusters: int, bounds: tuple[float, float] | None
) -> _Interval | None:
    """Expanded percentile interval; below `MIN_CLUSTERS` widened to Student's; None where resampling is blind."""
    known = drawn[np.isfinite(drawn)]
    if n < 2 or known.size < N_RESAMPLES // 2 or np.ptp(known) < 1e-12:
        return None
    if n < MIN_CLUSTERS and bounds is not None:
        return _few_clusters_interval(value, n=n, bounds=bounds)
    tail = float(ndtr(_widening(n) * ndtri((1 - CONFIDENCE) / 2)))
    low, high = (float(end) for end in np.quantile(known, [tail, 1 - tail]))
    how = f"cluster bootstrap over {n_clusters:,} clusters, {N_RESAMPLES:,} resamples"
    if n < MIN_CLUSTERS:
        half = _widening(n) * float(ndtri((1 + CONFIDENCE) / 2)) * float(known.std())
        low, high = min(low, value - half), max(high, value + half)
        how = f"Student's, on the bootstrap error of {n} clusters"
    return _Interval(min(low, value), max(high, value), how)


def _few_clusters_interval(value: float, *, n: int, bounds: tuple[float, float]) -> _Interval:
    """Wilson's interval with every cluster taken as one item.

    No values within the bounds vary more than zeros and ones of the same mean, so that it is wide enough; a percentile
    cannot lie beyond the few clusters seen.
    """
    least, most = min(bounds[0], value), max(bounds[1], value)
    share = min(1.0, max(0.0, (value - least) / (most - least)))
    found = wilson(n_success=share * n, n=n)  # type: ignore[arg-type]  # the formula holds between counts as well
    low, high = (least + (most - least) * end for end in (found.low, found.high))
    return _Interval(min(low, value), max(high, value), f"Wilson on {n} clusters, each taken as one item")


def _agreed_interval(value: float, *, n: int, bounds: tuple[float, float] | None) -> _Interval:
    """The interval where all of `n` clusters have the same value: some share, by Wilson, might yet lie at a bound."""
    if bounds is None or n < 1:
        return _Interval(None, None, "none: one cluster cannot be resampled" if n < 2 else "none: all values equal")
    share = wilson(n_success=0, n=n).high
    least, most = min(bounds[0], value), max(bounds[1], value)
    return _Interval(value + share * (least - value), value + share * (most - value), f"Wilson on {_clusters(n)}")


def _clusters(n: int) -> str:
    return "one cluster" if n == 1 else f"{n:,} clusters that all agree"


def _wilson_interval(cells: Sequence[_Cell]) -> _Interval:
    if not cells:
        return _Interval(None, None, "")
    found = wilson(n_success=round(sum(cell.top for cell in cells)), n=len(cells))
    return _Interval(found.low, found.high, "Wilson")


@dataclass(frozen=True)
class _Gap:
    pair: str | None = None
    high_group: str = ""
    low_group: str = ""
    high_value: float = math.nan
    low_value: float = math.nan
    value: float | None = None
    low: float | None = None
    high: float | None = None
    how: str = ""


def _widest(table: _Table, *, metric: str, bounded: bool) -> _Gap:
    """The widest gap between two parts of the table, with an interval that holds for all pairs at once."""
    values = _ratios(table.totals.sum(axis=0))
    known = [part for part in np.argsort(-values, kind="stable") if math.isfinite(values[part])] if table.parts else []
    if len(known) < 2:
        return _Gap()
    first, last = int(known[0]), int(known[-1])
    drawn = _ratios(table.resampled(metric, by_part=True))
    pairs = list(itertools.combinations(sorted(known), 2))
    deviations = np.stack([drawn[:, a] - drawn[:, b] - (values[a] - values[b]) for a, b in pairs], axis=1)
    deviations = deviations[np.isfinite(deviations).all(axis=1)]
    blind = _blind_errors(table, values, drawn) if bounded else np.zeros(len(values))
    place = pairs.index((min(first, last), max(first, last)))
    extra = float(np.hypot(blind[first], blind[last]))
    gap = float(values[first] - values[last])
    low, high, how = _gap_interval(gap, deviations, place=place, extra=extra, table=table, bounded=bounded)
    names = str(table.parts[first]), str(table.parts[last])
    return _Gap(f"{names[0]} vs {names[1]}", *names, float(values[first]), float(values[last]), gap, low, high, how)


def _blind_errors(table: _Table, values: Floats, drawn: Floats) -> Floats:
    """Standard error, by Wilson's bound, of every part whose clusters all agree; 0 of the others, shape (n_parts,)."""
    n_clusters = np.count_nonzero(table.totals[..., 1], axis=0)
    z = float(ndtri((1 + CONFIDENCE) / 2))
    known = [column[np.isfinite(column)] for column in drawn.T]
    agreed = np.array([len(column) == 0 or bool(np.ptp(column) < 1e-12) for column in known])
    reach = np.array([wilson(n_success=0, n=max(1, int(n))).high for n in n_clusters])
    return np.where(agreed, reach * np.maximum(values, 1 - values) / z, 0.0)


def _gap_interval(
    gap: float, deviations: Floats, *, place: int, extra: float, table: _Table, bounded: bool
) -> tuple[float | None, float | None, str]:
    """Gap plus and minus the 95 % quantile of the largest studentised deviation over all pairs, times its error."""
    errors = deviations.std(axis=0) if len(deviations) else np.zeros(deviations.shape[1])
    error = math.hypot(float(errors[place]), extra)
    if table.n_least < 2 or error < 1e-12:
        interval = _agreed_interval(gap, n=table.n_least, bounds=(-1.0, 1.0) if bounded else None)
        return interval.low, interval.high, interval.how
    moving = errors > 1e-12
    z = float(ndtri((1 + CONFIDENCE) / 2))
    largest = np.max(np.abs(deviations[:, moving]) / errors[moving], axis=1) if moving.any() else np.array([z])
    half = float(np.quantile(largest, CONFIDENCE)) * _widening(table.n_least) * error
    low, high = gap - half, gap + half
    if bounded:
        low, high = max(-1.0, low), min(1.0, high)
    how = f"cluster bootstrap over {table.n_clusters:,} clusters, simultaneous over {len(errors)} pairs"
    return low, high, how
