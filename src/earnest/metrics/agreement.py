"""Agreement of judges and raters, beyond what chance gives, and rank correlation.

1 is full agreement, 0 what independent raters reach by chance, below 0 is less than chance. Higher is better. Where
every rating is the same value the coefficients are undefined (there is nothing to agree or disagree about) and raise.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics._register import metrics
from earnest.metrics.intervals import CONFIDENCE, Interval

Level = Literal["nominal", "ordinal", "interval"]


@metrics.register("cohens_kappa")
def cohens_kappa(*, first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Agreement of two raters on unordered labels, beyond chance.

    Parameters
    ----------
    first, second : sequence of labels, length n_items
        Labels of the same items in the same order.

    Returns
    -------
    float in [-1, 1]
        Higher is better.

    Raises
    ------
    BadParameter
        If lengths differ, there is no item, or both raters gave one and the same label throughout.

    Examples
    --------
    >>> cohens_kappa(first=["a", "a", "b", "b"], second=["a", "b", "b", "b"])  # 3/4 agree, 1/2 by chance
    0.5

    References
    ----------
    [cohen1960-kappa]
    """
    if len(first) != len(second) or len(first) == 0:
        raise BadParameter(
            f"first and second must label the same items, at least one, got {len(first)} and {len(second)}"
        )
    table = _table(first, second)
    n = table.sum()
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1)) / n**2
    if by_chance == 1:
        raise BadParameter(
            f"kappa is undefined: both raters gave one label to all {n} items; report the agreement itself"
        )
    return float((np.trace(table) / n - by_chance) / (1 - by_chance))


def _table(first: Sequence[Hashable], second: Sequence[Hashable]) -> NDArray[np.int64]:
    """Counts, shape (n_labels, n_labels): first rater in rows."""
    place: dict[Hashable, int] = {}
    for label in (*first, *second):
        place.setdefault(label, len(place))
    table = np.zeros((len(place), len(place)), dtype=np.int64)
    np.add.at(table, ([place[label] for label in first], [place[label] for label in second]), 1)
    return table


@metrics.register("krippendorffs_alpha")
def krippendorffs_alpha(ratings: Sequence[Sequence[Any]], *, level: Level = "nominal") -> float:
    """Agreement of any number of raters, beyond chance, with ratings missing at will.

    Parameters
    ----------
    ratings : sequence of sequences, shape (n_raters, n_items)
        None or nan is a missing rating. Numbers for "ordinal" and "interval", any labels for "nominal". Items rated
        once are left out.
    level : "nominal", "ordinal" or "interval"
        How far apart two values are: different or not, by ranks, or by the square of their difference.

    Returns
    -------
    float, at most 1
        Higher is better.

    Raises
    ------
    BadParameter
        If rows differ in length, no item was rated twice, or all paired ratings are one value.

    Examples
    --------
    >>> ratings = [["a", "a", "b", "b"], ["a", "b", "b", "b"]]
    >>> round(krippendorffs_alpha(ratings), 3)  # 2 of 8 values disagree, 30 / 7 of 8 by chance: 1 - 14 / 30
    0.533

    References
    ----------
    [krippendorff2011-alpha]
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise BadParameter(f"level must be 'nominal', 'ordinal' or 'interval', got {level!r}")
    if len({len(row) for row in ratings}) != 1:
        raise BadParameter(f"ratings must have shape (n_raters, n_items), got rows of {[len(row) for row in ratings]}")
    values, counts = _counts(ratings, level=level)
    rated = counts.sum(axis=1)
    counts, rated = counts[rated >= 2], rated[rated >= 2]
    if not len(counts):
        raise BadParameter("alpha needs an item that two raters rated, got none")
    pairs = counts / (rated - 1)[:, None]
    coincidences = pairs.T @ counts - np.diag(pairs.sum(axis=0))
    totals = coincidences.sum(axis=0)
    distance = _distance(values, totals, level=level)
    expected = (np.outer(totals, totals) * distance).sum() / (totals.sum() - 1)
    if expected == 0:
        raise BadParameter("alpha is undefined: every paired rating has the same value; report the agreement itself")
    return float(1 - (coincidences * distance).sum() / expected)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and math.isnan(value))


def _counts(ratings: Sequence[Sequence[Any]], *, level: Level) -> tuple[list, NDArray[np.float64]]:
    """The values that occur, and how often each item got each, shape (n_items, n_values)."""
    items = [[value for value in column if not _missing(value)] for column in zip(*ratings)]
    found = dict.fromkeys(value for item in items for value in item)
    values = list(found) if level == "nominal" else sorted(found)
    place = {value: k for k, value in enumerate(values)}
    counts = np.zeros((len(items), len(values)))
    for row, item in zip(counts, items):
        for value in item:
            row[place[value]] += 1
    return values, counts


def _distance(values: list, totals: NDArray[np.float64], *, level: Level) -> NDArray[np.float64]:
    """Squared difference of each pair of values, shape (n_values, n_values)."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    # ordinal: the ratings from one value to the other, each end counted half
    place = np.cumsum(totals) - totals / 2 if level == "ordinal" else np.asarray(values, dtype=np.float64)
    return (place[:, None] - place[None, :]) ** 2


@dataclass(frozen=True)
class RankCorrelation:
    """A rank correlation with its interval and the number of pairs."""

    value: float
    interval: Interval
    n: int


@metrics.register("rank_correlation")
def rank_correlation(
    *,
    first: ArrayLike,
    second: ArrayLike,
    kind: Literal["spearman", "kendall"] = "spearman",
    confidence: float = CONFIDENCE,
) -> RankCorrelation:
    """Rank correlation of two measures of the same items, with its interval.

    Ties share their mean rank (Spearman) or are taken out of the norm (Kendall's tau-b). The interval is Fisher's
    transformation with the variances of Bonett and Wright, (1 + r^2 / 2) / (n - 3) and 0.437 / (n - 4); it assumes
    independent items and is rough below some 25 of them.

    Parameters
    ----------
    first, second : float array, shape (n_items,)
        Finite; at least five items; not all equal.

    Returns
    -------
    RankCorrelation
        `value` in [-1, 1]; at exactly 1 or -1 the interval has no width.

    Raises
    ------
    BadParameter
        If lengths differ, there are fewer than five items, a value is not finite, or one side is constant.

    Examples
    --------
    >>> found = rank_correlation(first=[1, 2, 3, 4, 5], second=[2, 1, 4, 3, 5])
    >>> round(found.value, 3), found.n  # 1 - 6 * 4 / (5 * 24)
    (0.8, 5)

    References
    ----------
    [bonett2000-correlation]
    """
    from scipy.stats import kendalltau, rankdata

    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _check_pairs(first, second)
    if kind == "spearman":
        value = float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
        variance = (1 + value**2 / 2) / (first.size - 3)
    elif kind == "kendall":
        value = float(kendalltau(first, second).statistic)
        variance = 0.437 / (first.size - 4)
    else:
        raise BadParameter(f"kind must be 'spearman' or 'kendall', got {kind!r}")
    if 1 - abs(value) < 1e-12:  # rounding
        value = math.copysign(1.0, value)
    return RankCorrelation(value, _fisher(value, variance=variance, confidence=confidence), first.size)


def _check_pairs(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    if first.ndim != 1 or first.shape != second.shape or first.size < 5:
        raise BadParameter(f"a rank correlation needs five pairs or more, got shapes {first.shape} and {second.shape}")
    for name, side in (("first", first), ("second", second)):
        if not np.isfinite(side).all():
            raise BadParameter(f"{name} must be finite; leave out unscored items")
        if (side == side[0]).all():
            raise BadParameter(f"{name} is constant, so nothing can correlate with it")


def _fisher(value: float, *, variance: float, confidence: float) -> Interval:
    if abs(value) == 1:
        return Interval(value, value, confidence)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    return Interval(math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half), confidence)
