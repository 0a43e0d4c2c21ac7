"""From journal lines to measures: a number, how many items it rests on, its interval, direction and unit.

Conventions
-----------
- Lines are those of one arm of one task. Canaries are never counted. A line that could not be scored counts as
  unscored in every measure that it belongs to; `among` says which lines those are and may look at `truth` alone.
- Items of one cluster (one speaker, one text) are not independent, so the error is the jackknife's over clusters: Wilson's
  interval for the effective number of items with Student's t, or Student's own outside a known range
  (`earnest.metrics.clusters` says how, and what it covers). Where every item is its own cluster and its value is 0 or
  1, it is Wilson's as it stands. `interval` says which it was.
- Where all clusters agree, no spread can be seen, and claiming certainty would be wrong; then Clopper and Pearson's bound
  on the share of clusters that might differ is used, and outside a known range, or where it has no upper end (a word
  error rate above 1), there is no interval at all.
- `worst_low` and `worst_high` are what the value would be with the unscored items at either end of their range
  (`earnest.results.worst`).
- Where a reader with known errors decided a rate, they widen its interval and never move its value
  (`earnest.results.reading`); `interval` says so.
- Everything is deterministic: where something is drawn, the generator is seeded with the metric's name.
- Nothing scored gives `value`, `low` and `high` None.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

import numpy as np

from earnest.errors import BadParameter
from earnest.metrics.clusters import NO_SPREAD, gap_interval, jackknife_interval, jackknife_of, jackknife_of_ratios
from earnest.metrics.intervals import CONFIDENCE, N_RESAMPLES, disagreement_bound, score_interval, wilson
from earnest.records import JournalLine
from earnest.results.cells import GAPS, SHARES, Cell, Floats, Table, Value, cells_of, differences, parted, shares_of
from earnest.results.finding import unscored_by_reason
from earnest.results.reading import ReaderErrors, excess, widened
from earnest.results.sums import Estimate, Sums, ratios
from earnest.results.worst import (
    Worst,
    known_size,
    worst_by_part,
    worst_difference,
    worst_ends,
    worst_of_gap,
    worst_ratio,
)

MIN_GROUP = 10
"""A group with fewer scored items is listed, but takes no part in the worst gap."""

AMOUNTS = frozenset({"ms", "s", "queries", "gradients", "calls", "tokens", "USD"})
"""Units of which there is never less than none."""

MIN_CLUSTERS = 6
"""Below this, percentiles of resamples cover too rarely (68 % at two clusters, 78 to 88 % at three and four, simulated)."""


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
        What the value would be with every unscored item at 0, and at 1: the least and the greatest that it could be. The
        value itself where no item is unscored, and None without a value or where nothing bounds what an item might add.
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
        What it was made of, where it is made of sums over clusters.
    worst : Worst or None
        What the worst case was made of, so that further items can be counted.
    reader : str
        Name and version of the reader whose errors are in the interval; empty where none are.
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
    worst: Worst | None = field(default=None, repr=False, compare=False)
    reader: str = ""

    def __post_init__(self) -> None:
        """The worst case is the value where nothing is unscored, and none without a value, whatever was replaced."""
        if self.value is None or not self.n_unscored:
            object.__setattr__(self, "worst_low", self.value)
            object.__setattr__(self, "worst_high", self.value)

    def mapped(self, rising: Callable[[float], float], **fields: Any) -> Measure:
        """The measure on another scale, ends and worst case with it; `rising` is a straight line that rises."""

        def of(number: float | None) -> float | None:
            return None if number is None else rising(number)

        ends = {name: of(getattr(self, name)) for name in ("value", "low", "high", "worst_low", "worst_high")}
        return replace(self, **{**ends, "sums": None, "worst": None, **fields})

    def with_unscored(self, n: int, *, reason: str) -> Measure:
        """The measure with `n` further items that could not be scored and of which nothing else is known.

        The worst case puts them where they do most: in the class that they move most, in the groups that they part most.
        Where a measure is no mean, ratio or gap, they weigh in it as the items that were asked.
        """
        if n <= 0:
            return self
        low, high = self._worst_with(n)
        unscored = {**self.unscored, reason: self.unscored.get(reason, 0) + n}
        worst = None if self.worst is None else replace(self.worst, loose=self.worst.loose + n)
        ends = {"worst_low": low, "worst_high": high, "worst": worst}
        return replace(self, n_unscored=self.n_unscored + n, unscored=unscored, **ends)

    def _worst_with(self, n: int) -> tuple[float | None, float | None]:
        if self.value is None or self.worst_low is None or self.worst_high is None:
            return None, None
        if self.worst is not None:
            low, high = self.worst.bounds(n)
            return min(self.value, low), max(self.value, high)
        if self.unit != "fraction":
            return None, None
        share = n / (self.n_scored + self.n_unscored + n)
        return self.worst_low * (1 - share), self.worst_high * (1 - share) + share


class _FreeFields(TypedDict, total=False):
    """The keywords of a `Shape` that every function here takes, for type checkers."""

    headline: bool
    baseline: float | None
    group: str | None
    level: float | str | None
    note: str


class ShapeFields(_FreeFields, total=False):
    """The same with the direction."""

    higher_is_better: bool | None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a measure is called and how it is read, whatever its value: the fields of `Measure` that no line moves.

    Every function here takes these as keywords, and hands them on as one value.

    Parameters
    ----------
    metric, unit : str
    higher_is_better : bool or None
    headline : bool
    baseline : float or None
    group : str or None
    level : float, str or None
    note : str
    """

    metric: str
    unit: str = "fraction"
    higher_is_better: bool | None = True
    headline: bool = False
    baseline: float | None = None
    group: str | None = None
    level: float | str | None = None
    note: str = ""

    def noted(self, *notes: str) -> Shape:
        """The same with further notes behind its own."""
        return replace(self, note="; ".join(part for part in (self.note, *notes) if part))


def rate(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    success: Value | None = None,
    among: Callable[[JournalLine], bool] | None = None,
    errors: ReaderErrors | None = None,
    **shape: Unpack[ShapeFields],
) -> Measure:
    """Share of successes, a fraction.

    Parameters
    ----------
    success : callable
        Of a scored line: True or False, a share in [0, 1], or None where it is no part of this measure. By default the
        verdict's score.
    among : callable
        Which lines the measure is about, scored or not; by default all.
    errors : ReaderErrors or None
        Of the reader that decided the successes; they widen the interval.
    **shape
        How it is read (`Shape`); more is better unless it is said otherwise.

    Raises
    ------
    BadParameter
        If a share is outside [0, 1].
    """
    scored, unscored = parted(lines, among)
    scored = [line for line in scored if (success or _score)(line) is not None]
    cells = cells_of(scored, success or _score)
    if any(not 0 <= cell.top <= 1 for cell in cells):
        raise BadParameter(f"a rate is made of shares in [0, 1], and {metric!r} has others; use mean() for them")
    measure = _measured(cells, unscored, Shape(metric=metric, **shape), bounds=SHARES)
    return measure if errors is None else errors.folded(measure, scored, [cell.top for cell in cells])


def mean(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    value: Value,
    unit: str,
    higher_is_better: bool | None,
    among: Callable[[JournalLine], bool] | None = None,
    **shape: Unpack[_FreeFields],
) -> Measure:
    """Mean of `value` over the scored lines for which it is not None, in `unit`; read as its `Shape` says.

    Values of the unit `fraction` are in [0, 1].
    """
    scored, unscored = parted(lines, among)
    about = Shape(metric=metric, unit=unit, higher_is_better=higher_is_better, **shape)
    bounds, floor = (SHARES if unit == "fraction" else None), (0.0 if unit in AMOUNTS else None)
    return _measured(cells_of(scored, value), unscored, about, bounds=bounds, floor=floor)


def ratio(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    numerator: Value,
    denominator: Value,
    unit: str = "fraction",
    higher_is_better: bool | None = False,
    among: Callable[[JournalLine], bool] | None = None,
    **shape: Unpack[_FreeFields],
) -> Measure:
    """Sum of `numerator` over sum of `denominator`: the word error rate of a corpus, say; read as its `Shape` says.

    Lines for which either is None are left out. A denominator that sums to zero gives no value. In the worst case, an
    unscored line has a numerator of 0, or as large as its denominator; where its denominator is not known (the words of
    an answer that is not there) it is the mean of the others, and the note says so.
    """
    scored, unscored = parted(lines, among)
    cells = cells_of(scored, numerator, denominator)
    worst, guessed = worst_ratio(cells, unscored, denominator)
    about = Shape(metric=metric, unit=unit, higher_is_better=higher_is_better, **shape)
    if unit != "fraction":
        return _measured(cells, unscored, about, bounds=None)
    return _measured(cells, unscored, about.noted(guessed), bounds=_range(cells), worst=worst)


def balanced(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    correct: Value,
    of: Callable[[JournalLine], Hashable],
    among: Callable[[JournalLine], bool] | None = None,
    both: bool = False,
    weights: Mapping[Hashable, float] | None = None,
    errors: Mapping[Hashable, ReaderErrors] | None = None,
    **shape: Unpack[ShapeFields],
) -> Measure:
    """Mean over the classes of the share of `correct` in each: balanced accuracy, a fraction.

    Parameters
    ----------
    correct : callable
        Of a scored line: True or False, a share in [0, 1], or None where it is no part of this measure.
    of : callable
        The class of a line, scored or not. In the worst case an unscored line counts in its own class.
    both : bool
        Whether one class alone has no value: a model that gives one answer throughout would be right in it.
    weights : mapping or None
        Of classes in the mean; 1 where a class is not named.
    errors : mapping or None
        By class, of the reader that decided what is correct; they widen the interval, as if all went the same way.
    **shape
        How it is read (`Shape`); more is better unless it is said otherwise.
    """
    scored, unscored = parted(lines, among)
    cells, about = cells_of(scored, correct, part=of), Shape(metric=metric, **shape)
    if both and cells and len({cell.part for cell in cells}) < 2:
        return _of_one_class(cells, unscored, about)
    worst = worst_by_part(cells, unscored, of, weights=weights)
    measure = _measured(cells, unscored, about, bounds=SHARES, exact=False, weights=weights, worst=worst)
    return (
        measure if not errors else _with_errors(measure, scored, correct=correct, of=of, weights=weights, errors=errors)
    )


def _of_one_class(cells: Sequence[Cell], unscored: Sequence[JournalLine], shape: Shape) -> Measure:
    """A balanced rate without a value: what answers alike throughout would be right in one class."""
    note = "; ".join(part for part in ("one class alone, so that a constant answer would be right", shape.note) if part)
    return replace(_measured([], unscored, replace(shape, note=note), bounds=SHARES), n_scored=len(cells))


def _with_errors(
    measure: Measure,
    scored: Sequence[JournalLine],
    *,
    correct: Value,
    of: Callable[[JournalLine], Hashable],
    weights: Mapping[Hashable, float] | None,
    errors: Mapping[Hashable, ReaderErrors],
) -> Measure:
    """A balanced rate, its interval widened by what a reader's errors add to each class's own, as if all erred alike."""
    if measure.value is None or measure.low is None or measure.high is None:
        return measure
    parts = _grouped([line for line in scored if correct(line) is not None], of)
    shares = shares_of(tuple(parts), weights) or (1 / len(parts),) * len(parts)
    extra, told = [0.0, 0.0], {}
    for (part, members), share in zip(parts.items(), shares, strict=True):
        inner = rate(members, metric=measure.metric, success=correct)
        outer = (
            inner if part not in errors else rate(members, metric=measure.metric, success=correct, errors=errors[part])
        )
        told |= {errors[part].told: outer.reader} if outer.reader else {}
        extra = [total + share * added for total, added in zip(extra, excess(outer, inner), strict=True)]
    below, above = math.hypot(measure.value - measure.low, extra[0]), math.hypot(measure.high - measure.value, extra[1])
    if not told:
        return measure
    low, high = max(0.0, measure.value - below), min(1.0, measure.value + above)
    return widened(measure, low=low, high=high, how="; ".join(told), reader=next(iter(told.values())))


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
    errors: ReaderErrors | None = None,
    **shape: Unpack[_FreeFields],
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
    errors : ReaderErrors or None
        Of the reader that decided the values; they widen the interval.
    **shape
        How it is read (`Shape`); the baseline is 0 unless it is said otherwise.

    Returns
    -------
    Measure
        Counted in pairs: `n_unscored` are those of which a side could not be scored, by the first reason met. In the
        worst case the missing side of such a pair is 0 or 1, and a pair without either side -1 or 1; a side that has a
        scored line counts by it.
    """
    scored, unscored = parted(lines, among)
    cells, broken = differences(scored, unscored, value=value or _score, pair=pair, side=side)
    about = Shape(**{"metric": metric, "unit": unit, "higher_is_better": higher_is_better, "baseline": 0.0, **shape})
    bounds, worst = (GAPS if unit == "fraction" else None), worst_difference(cells, broken)
    measure = _measured(cells, [one.line for one in broken], about, bounds=bounds, worst=worst, exact=False)
    return measure if errors is None or not any(map(errors.reads, scored)) else errors.scaled(measure)


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
    errors: ReaderErrors | None = None,
) -> list[Measure]:
    """One measure a group, sorted by name: a rate (the score, or `value`), a mean in another `unit`, or a ratio.

    Lines whose group is None are left out. A group with fewer than `min_n` scored items says so in its note. `errors` are
    those of the reader that decided a rate.
    """
    kind = _Kind(value=value, numerator=numerator, denominator=denominator, unit=unit, among=among, errors=errors)
    measures = []
    for name, members in _grouped(lines, group).items():
        measure = kind.of(members, metric=metric, higher_is_better=higher_is_better, baseline=baseline, group=name)
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
    errors: ReaderErrors | None = None,
) -> Measure:
    """Largest difference between two groups, in `unit`; `group` names the pair, the higher first.

    The interval holds for all pairs at once, so that picking the largest does not flatter or blacken: Newcombe's, made
    of the two groups' own intervals at the level that all pairs need (`earnest.metrics.clusters.gap_interval`). Groups
    that share clusters are taken with their correlation. Its lower end is below zero where no gap is established. Fewer
    than two groups with `min_n` scored items give no value. The worst case is the least and the greatest that the widest
    gap could be, whichever groups it were then between. `errors` are those of the reader that decided a rate.
    """
    scored, unscored = parted([line for line in lines if group(line) is not None], among)
    cells = cells_of(scored, numerator or value or _score, denominator, part=group)
    lost = [(group(line), 1.0 if denominator is None else known_size(denominator, line)) for line in unscored]
    about = Shape(metric=metric, unit=unit, higher_is_better=False, baseline=0.0, headline=headline, note=note)
    measure = _gap_measure(cells, unscored, lost, about, min_n=min_n)
    return measure if errors is None or not any(map(errors.reads, scored)) else errors.scaled(measure)


def unscored_gap(
    lines: Sequence[JournalLine],
    *,
    group: Callable[[JournalLine], str | None],
    metric: str = "unscored_gap",
    among: Callable[[JournalLine], bool] | None = None,
    min_n: int = MIN_GROUP,
    note: str = "",
) -> Measure:
    """Highest less lowest share of unscored items among groups, a fraction; `group` names the pair, the higher first.

    Whether an item could be scored is known of every item, so that `n_scored` are all lines of a known group and none is
    unscored. Where answers are missing more often from one group, what was scored of it says little about the rest. The
    interval is that of `worst_gap`; groups with fewer than `min_n` items are left out.
    """
    kept = [line for line in lines if line.kind == "item" and (among is None or among(line))]
    known = [line for line in kept if group(line) is not None]
    cells = cells_of(known, lambda line: line.status == "unscored", part=group)
    about = Shape(metric=metric, higher_is_better=False, baseline=0.0, note=note)
    return _gap_measure(cells, [], [], about, min_n=min_n)


def _gap_measure(
    cells: Sequence[Cell],
    unscored: Sequence[JournalLine],
    lost: Sequence[tuple[Hashable, float | None]],
    shape: Shape,
    *,
    min_n: int,
) -> Measure:
    """The widest gap between the parts of `cells`; `lost` are group and size of the unscored lines."""
    sizes = Counter(cell.part for cell in cells)
    small = sorted(str(name) for name, n in sizes.items() if n < min_n)
    kept = [cell for cell in cells if sizes[cell.part] >= min_n]
    bounds = _range(kept) if shape.unit == "fraction" else None
    gap = _widest(Table.of(kept), metric=shape.metric, bounds=bounds, n_items=_items_a_cluster(kept))
    words = [f"{gap.high_group} {gap.high_value:.3g}, {gap.low_group} {gap.low_value:.3g}"] if gap.pair else []
    words += ["fewer than two groups are large enough"] if not gap.pair else []
    words += [f"left out, with fewer than {min_n} scored items: {', '.join(small)}"] if small else []
    worst = worst_of_gap(cells, lost, min_n=min_n) if gap.pair and shape.unit == "fraction" else None
    low, high = worst_ends(gap.value, worst)
    note = "; ".join([*words, *([shape.note] if shape.note else [])])
    return Measure(
        **vars(replace(shape, group=gap.pair, note=note)),
        value=gap.value,
        low=gap.low,
        high=gap.high,
        n_scored=len(kept),
        n_unscored=len(unscored),
        unscored=unscored_by_reason(list(unscored)),
        worst_low=low,
        worst_high=high,
        interval=gap.how,
        worst=worst,
    )


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
    kind = _Kind(value=value, numerator=numerator, denominator=denominator, unit=unit, among=among)
    shape = {"metric": metric, "higher_is_better": higher_is_better, "baseline": baseline, "group": group}
    return [kind.of(members, **shape, level=at) for at, members in _grouped(lines, level).items()]


def resampled_value(
    totals: Floats,
    estimate: Estimate,
    *,
    seed: str,
    bounds: tuple[float, float] | None = None,
    reach: float | None = 1.0,
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
    reach : float or None
        How many times their share clusters that differ could move the estimate, where all agree (`agreed_interval`);
        None gives no interval then.

    Returns
    -------
    tuple
        The interval is the expanded percentile interval of whole clusters drawn with replacement; of fewer than six
        clusters, which percentiles cannot see beyond, the jackknife's. Where all clusters agree, it is
        `agreed_interval`, and None outside a known range.
    """
    n = len(totals)
    value = _estimate(totals.sum(axis=0), estimate)
    if value is None or n < 2:
        return value, None, None, "" if value is None else "none: one cluster cannot be resampled"
    if n < MIN_CLUSTERS:
        interval = _few_clusters_interval(value, totals, estimate, bounds=bounds)
    else:
        drawn = estimate(
            np.reshape(_drawn_sums(totals.reshape(n, -1), _generator(seed)), (N_RESAMPLES, *totals.shape[1:]))
        )
        interval = _bootstrap_interval(value, drawn, n=n)
    if interval is None and bounds is not None and reach is not None:
        return value, *agreed_interval(value, n_clusters=n, bounds=bounds, reach=reach)
    return (
        (value, interval.low, interval.high, interval.how)
        if interval
        else (value, None, None, "none: all values equal")
    )


def agreed_interval(
    value: float, *, n_clusters: int, bounds: tuple[float, float], reach: float = 1.0
) -> tuple[float, float, str]:
    """Low and high end where all clusters agree, and how they were made.

    Some share of clusters, by Clopper and Pearson, might yet lie at either bound; `reach` is how many times their share
    such clusters move the value.
    """
    share = min(1.0, reach * disagreement_bound(n_clusters=n_clusters))
    low, high = sorted(value + share * (bound - value) for bound in bounds)
    return low, high, _how(n_clusters, spread=False, bounded=True)


# ---------------------------------------------------------------- from lines to cells


def _score(line: JournalLine) -> float | None:
    return line.score


def _grouped(lines: Sequence[JournalLine], key: Callable[[JournalLine], Any]) -> dict[Any, list[JournalLine]]:
    found: dict[Any, list[JournalLine]] = {}
    for line in lines:
        name = key(line) if line.kind == "item" else None
        if name is not None:
            found.setdefault(name, []).append(line)
    numeric = all(isinstance(name, (int, float)) for name in found)
    return {name: found[name] for name in sorted(found, key=None if numeric else str)}


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Which measure is made of each group or level: a rate, a mean in another unit, or a ratio."""

    value: Value | None
    numerator: Value | None
    denominator: Value | None
    unit: str
    among: Callable[[JournalLine], bool] | None
    errors: ReaderErrors | None = None

    def of(self, lines: Sequence[JournalLine], **shape: Any) -> Measure:
        """The measure of some lines."""
        if self.numerator is not None and self.denominator is not None:
            parts = {"numerator": self.numerator, "denominator": self.denominator}
            return ratio(lines, **parts, unit=self.unit, among=self.among, **shape)
        if self.unit == "fraction":
            return rate(lines, success=self.value, among=self.among, errors=self.errors, **shape)
        return mean(lines, value=self.value or _score, unit=self.unit, among=self.among, **shape)


def _measured(
    cells: Sequence[Cell],
    unscored: Sequence[JournalLine],
    shape: Shape,
    *,
    bounds: tuple[float, float] | None,
    worst: Worst | None = None,
    floor: float | None = None,
    exact: bool = True,
    weights: Mapping[Hashable, float] | None = None,
) -> Measure:
    """The mean over parts of the ratio of sums; Wilson where `exact` and the cells are independent zeros and ones."""
    table = Table.of(cells)
    sums = table.sums(weights)
    value = sums.value
    if exact and bounds == SHARES and table.binary:
        interval = _wilson_interval(cells)
    else:
        interval = _clustered_interval(sums, bounds=bounds)
    if floor is not None and interval.low is not None:
        interval = replace(interval, low=max(floor, interval.low))
    worst = (worst or worst_by_part(cells, unscored)) if bounds is not None and value is not None else None
    low, high = worst_ends(value, worst)
    return Measure(
        **vars(shape),
        value=value,
        low=interval.low,
        high=interval.high,
        n_scored=len(cells),
        n_unscored=len(unscored),
        unscored=unscored_by_reason(list(unscored)),
        worst_low=low,
        worst_high=high,
        interval=interval.how,
        sums=sums,
        worst=worst,
    )


def _range(cells: Sequence[Cell]) -> tuple[float, float]:
    """What bounds a ratio: 1, unless an item has more above the bar than below, as with more errors than words."""
    return SHARES if all(cell.top <= cell.bottom for cell in cells) else (0.0, math.inf)


# ---------------------------------------------------------------- from cells to intervals


@dataclass(frozen=True)
class _Interval:
    low: float | None
    high: float | None
    how: str


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


def _estimate(sums: Floats, estimate: Callable[[Floats], Floats]) -> float | None:
    value = float(estimate(sums))
    return value if math.isfinite(value) else None


def _widening(n: int) -> float:
    """How much wider than the bootstrap's an interval over `n` clusters must be: sqrt(n / (n - 1)) t / z.

    The "expanded percentile interval" of Hesterberg (2015), What teachers should know about the bootstrap, The American
    Statistician 69.
    """
    from scipy.special import ndtri, stdtrit

    tail = (1 + CONFIDENCE) / 2
    return math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, tail)) / float(ndtri(tail))


def _clustered_interval(sums: Sums, *, bounds: tuple[float, float] | None) -> _Interval:
    """Interval of the mean over parts, by the jackknife over clusters."""
    value, made = sums.value, sums.jackknife(bounds=bounds)
    if value is None or made is None:
        return _Interval(None, None, "")
    found = jackknife_interval(value, made, bounds=bounds)
    if found is None:
        return _Interval(
            None, None, "none: one cluster cannot be left out" if made.n_clusters < 2 else "none: all values equal"
        )
    low, high = found.low, found.high
    if bounds == GAPS and made.error:
        low, high = _one_sided(value, low, high, sums=sums, error=made.error, dof=made.dof)
    return _Interval(low, high, _how(made.n_clusters, spread=made.error > 0, bounded=bounds is not None))


def _how(n_clusters: int, *, spread: bool, bounded: bool) -> str:
    if not spread:
        return f"Clopper-Pearson on {'one cluster' if n_clusters == 1 else f'{n_clusters:,} clusters that all agree'}"
    method = "Wilson's for the effective number of items" if bounded else "Student's"
    return f"{method}, jackknife over {n_clusters:,} clusters"


def _one_sided(value: float, low: float, high: float, *, sums: Sums, error: float, dof: float) -> tuple[float, float]:
    """The interval of a difference whose clusters all lean to one side, or not at all: the far end may lie farther.

    It is then a mean of numbers from 0 to 1, skewed as rates are; Student's far end alone covers as few as 85 %
    (8 clusters of 12 pairs of which a tenth differ, simulated).
    """
    tops = sums.totals[..., 0]
    if (tops >= 0).all():
        return low, max(high, score_interval(value, error=error, dof=dof, bounds=SHARES).high)
    if (tops <= 0).all():
        return min(low, -score_interval(-value, error=error, dof=dof, bounds=SHARES).high), high
    return low, high


def _bootstrap_interval(value: float, drawn: Floats, *, n: int) -> _Interval | None:
    """Expanded percentile interval of what was drawn over `n` clusters; None where resampling is blind."""
    from scipy.special import ndtr, ndtri

    known = drawn[np.isfinite(drawn)]
    if known.size < N_RESAMPLES // 2 or np.ptp(known) < NO_SPREAD:
        return None
    tail = float(ndtr(_widening(n) * ndtri((1 - CONFIDENCE) / 2)))
    low, high = (float(end) for end in np.quantile(known, [tail, 1 - tail]))
    how = f"cluster bootstrap over {n:,} clusters, {N_RESAMPLES:,} resamples"
    return _Interval(min(low, value), max(high, value), how)


def _few_clusters_interval(
    value: float, totals: Floats, estimate: Estimate, *, bounds: tuple[float, float] | None
) -> _Interval | None:
    made = jackknife_of(totals, estimate, bounds=bounds)
    found = jackknife_interval(value, made, bounds=bounds) if made.error >= NO_SPREAD else None
    return found and _Interval(found.low, found.high, _how(len(totals), spread=True, bounded=bounds is not None))


def _wilson_interval(cells: Sequence[Cell]) -> _Interval:
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


def _items_a_cluster(cells: Sequence[Cell]) -> float:
    """How many items a cluster has in a part, on average; 1 where there are none."""
    return len(cells) / len({(cell.cluster, cell.part) for cell in cells}) if cells else 1.0


def _widest(table: Table, *, metric: str, bounds: tuple[float, float] | None, n_items: float) -> _Gap:
    """The widest gap between two parts of the table, with an interval that holds for all pairs at once."""
    sums = table.totals.sum(axis=0)
    known = [place for place in range(len(table.parts)) if sums[place, 1] > 0]
    if len(known) < 2:
        return _Gap()
    values = ratios(sums)[known]
    order = np.argsort(-values, kind="stable")
    first, last = int(order[0]), int(order[-1])
    made = jackknife_of_ratios(
        table.totals[:, known, 0], table.totals[:, known, 1], bounds=bounds, weights=np.ones(len(known))
    )
    found = gap_interval(values, made, high=first, low=last, bounds=bounds, rng=_generator(metric), n_items=n_items)
    how = f"Newcombe's, jackknife over {len(table.totals):,} clusters, simultaneous over {found.n_pairs} pairs"
    names = str(table.parts[known[first]]), str(table.parts[known[last]])
    return _Gap(
        pair=f"{names[0]} vs {names[1]}",
        high_group=names[0],
        low_group=names[1],
        high_value=float(values[first]),
        low_value=float(values[last]),
        value=float(values[first] - values[last]),
        low=found.interval and found.interval.low,
        high=found.interval and found.interval.high,
        how=how if found.interval else "none: all values of a group equal",
    )
