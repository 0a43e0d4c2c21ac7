"""Intervals of numbers that are made of sums over clusters, from two clusters on.

A cluster is what items share: a speaker, a text. Conventions
------------------------------------------------------------
- An estimate is a weighted sum of *parts* (classes, groups, tasks), each a ratio of two sums over clusters, or any
  other function of such sums. Clusters of one name are the same cluster in every part, so parts that share clusters
  are never taken as independent.
- The error is the *jackknife*'s: every cluster is left out in turn, and the squared moves of the estimate are summed.
  This is the cluster-robust estimator CV3, which errs to the safe side where clusters are few or unequal
  [mackinnon2023-cluster].
- The degrees of freedom are Satterthwaite's [satterthwaite1946-components]: for clusters of unequal size and parts of
  unequal spread by Bell and McCaffrey's working model of independent items [bell2002-bias], and where a few clusters
  carry the spread by its fourth moment; the fewer of the two.
- With them, `earnest.metrics.intervals.score_interval` gives Wilson's interval for an effective number of items
  [korn1998-intervals], [franco2019-proportions]. Outside a known range it is Student's, on Tukey's jackknife, which for a
  mean of single values is exactly Student's interval.
- A part whose clusters all have one value has no spread, and no certainty either: some share of clusters, by Clopper and
  Pearson, might lie at either end of the range. Such bounds are added to the error in quadrature, among themselves as
  correlated as the clusters that they share allow.

In simulation (`benchmarks/intervals.py`) a nominal 95 % covers 93 % and more from 4 to 200 clusters of 1 to 12 items, for
rates from 0.5 to 0.99 and any correlation within clusters; the means over all of these are 96 to 99 %. Four and five
clusters of twelve items at rates from 0.6 to 0.8 get the width of Student's interval on the true error, where this is cut
off at 0 and 1. High rates get wider ones, on average over the rates 1.4 times, since nobody can tell clusters that happen
to agree from those that always do. Word error rates whose clusters are as skewed as an exponential distribution are
covered 93 to 96 %, and the mean of six tasks that share 6, 15 or 30 texts 93 to 99 %.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics.intervals import CONFIDENCE, Interval, disagreement_bound, score_ends, score_interval, t_quantile

Floats = NDArray[np.float64]
Bounds = tuple[float, float]

NO_SPREAD = 1e-12
"""An error below this is none: what is left of equal numbers after rounding."""

_N_DRAWS = 20_000
_TABLE = "above and below must be finite arrays of one shape (n_clusters, n_parts)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Jackknife:
    """What leaving out one cluster at a time tells of an estimate.

    Parameters
    ----------
    moves : float64 array, shape (n_clusters, n_parts)
        By how much each part, times its weight, moves without the cluster; 0 where the part lacks it.
    shares : float64 array, shape (n_clusters, n_parts)
        The cluster's share of the part; a column sums to 1.
    reach : float64 array, shape (n_parts, 2)
        How far a part whose clusters all agree might lie below and above, times its weight; 0 of other parts.
    """

    moves: Floats
    shares: Floats
    reach: Floats

    @property
    def n_clusters(self) -> int:
        """Clusters of all parts together."""
        return len(self.moves)

    @property
    def n_least(self) -> int:
        """Clusters of the part that has the fewest."""
        return int(np.min(np.count_nonzero(self.shares, axis=0)))

    @property
    def error(self) -> float:
        """Standard error of the estimate; parts without spread add nothing."""
        return math.sqrt(float(np.sum(self.moves.sum(axis=1) ** 2)))

    @property
    def unbiased_error(self) -> float:
        """Tukey's: of a mean of single values exactly their standard error."""
        return self.error * math.sqrt(1 - 1 / self.n_clusters)

    @property
    def dof(self) -> float:
        """Degrees of freedom of the error, Satterthwaite's; at least 1 where there is any."""
        return min(self.working_dof(), self._fourth_moment_dof())

    def _fourth_moment_dof(self) -> float:
        """Twice the squared variance over the variance of the variance, from the moves themselves."""
        squares = self.moves.sum(axis=1) ** 2
        variance = float(squares.sum())
        spread = float(np.sum(squares**2)) - variance**2 / len(squares)
        return math.inf if spread <= NO_SPREAD * variance**2 else 2 * variance**2 / spread

    def working_dof(self) -> float:
        """Trace squared over squared norm of the covariance of the moves, were items independent within each part."""
        others = 1 - self.shares
        scale = np.divide(1.0, others, out=np.zeros_like(others), where=others > NO_SPREAD)
        spread = np.sum((self.moves * others) ** 2, axis=0) / np.maximum(np.sum(self.shares * others, axis=0), 1e-300)
        variances = self.shares * spread
        left, right, total = scale * self.shares, scale * variances, variances.sum(axis=0)
        # covariance = diagonal + sum over parts of total left left' - left right' - right left'
        diagonal = np.sum(scale**2 * variances, axis=1)
        both = np.concatenate([left, right], axis=1)
        n = len(total)
        core = np.zeros((2 * n, 2 * n))
        place = np.arange(n)
        core[place, place], core[place, place + n], core[place + n, place] = total, -1.0, -1.0
        trace = float(diagonal.sum() + np.sum((both @ core) * both))
        product = core @ (both.T @ both)
        norm = float(
            np.sum(diagonal**2) + 2 * np.sum(((both * diagonal[:, None]) @ core) * both) + np.sum(product * product.T)
        )
        return max(1.0, trace**2 / norm) if norm > 0 else math.inf

    @property
    def agreed(self) -> Floats:
        """How far parts without spread might lie below and above, together; shape (2,)."""
        present = (self.shares > 0).astype(np.float64)
        n = np.sqrt(present.sum(axis=0))
        shared = np.divide(
            present.T @ present, np.outer(n, n), out=np.zeros((len(n), len(n))), where=np.outer(n, n) > 0
        )
        return np.sqrt(np.einsum("pe,pq,qe->e", self.reach, shared, self.reach))

    def part(self, place: int) -> Jackknife:
        """One part by itself, at the weight that it has here."""
        rows = self.shares[:, place] > 0
        return Jackknife(
            moves=self.moves[rows, place, None], shares=self.shares[rows, place, None], reach=self.reach[[place]]
        )

    def difference(self, first: int, second: int) -> Jackknife:
        """One part less another."""
        rows = self.shares[:, [first, second]].any(axis=1)
        return Jackknife(
            moves=self.moves[rows][:, [first, second]] * (1.0, -1.0),
            shares=self.shares[rows][:, [first, second]],
            reach=self.reach[[first, second]],
        )

    def scaled(self, weight: float) -> Jackknife:
        """The same of the estimate times a weight."""
        return Jackknife(moves=self.moves * weight, shares=self.shares, reach=self.reach * weight)


def jackknife_of_ratios(
    above: ArrayLike, below: ArrayLike, *, bounds: Bounds | None, weights: ArrayLike | None = None
) -> Jackknife:
    """The jackknife of a weighted sum of ratios of sums.

    Parameters
    ----------
    above, below : float64 array, shape (n_clusters, n_parts)
        What each cluster adds above and below the bar; zeros where a part lacks it. Every part has something below.
    bounds : tuple of float or None
        Least and greatest ratio; None where nothing bounds it, and a part that agrees reaches nowhere.
    weights : float64 array, shape (n_parts,)
        By default the mean over parts.

    Raises
    ------
    BadParameter
        If shapes differ, a number is not finite, or a part has nothing below.
    """
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    if top.ndim != 2 or top.shape != bottom.shape or not (np.isfinite(top).all() and np.isfinite(bottom).all()):
        raise BadParameter(f"{_TABLE}, got {top.shape} and {bottom.shape}")
    size = bottom.sum(axis=0)
    if 0 in top.shape or not (size > 0).all():
        raise BadParameter("every part needs something below the bar; leave empty parts out")
    weight = np.full(len(size), 1 / len(size)) if weights is None else np.asarray(weights, dtype=np.float64)
    ratio, rest, present = top.sum(axis=0) / size, size - bottom, bottom != 0
    moves = np.divide(ratio * bottom - top, rest, out=np.zeros_like(top), where=rest > 0)
    moves[:, np.abs(moves).max(axis=0) < NO_SPREAD] = 0.0
    reach = _reach(ratio, n_clusters=present.sum(axis=0), agree=~moves.any(axis=0), bounds=bounds)
    return Jackknife(moves=moves * weight, shares=bottom / size, reach=reach * np.abs(weight)[:, None])


def jackknife_of(totals: ArrayLike, estimate: Callable[[Floats], Floats], *, bounds: Bounds | None = None) -> Jackknife:
    """The jackknife of any function of sums over clusters, as one part.

    Parameters
    ----------
    totals : float64 array, shape (n_clusters, ...)
        What each cluster adds to the sums.
    estimate : callable
        Of sums of shape (n, *totals.shape[1:]) an array of shape (n,); a cluster without which it has no value (nan)
        moves nothing.
    """
    sums = np.asarray(totals, dtype=np.float64)
    if sums.ndim < 2 or not len(sums) or not np.isfinite(sums).all():
        raise BadParameter(f"totals must be a finite array of shape (n_clusters, ...), got {sums.shape}")
    whole = sums.sum(axis=0)
    value = float(estimate(whole[None])[0])
    moves = np.nan_to_num(estimate(whole - sums) - value)[:, None]
    moves[np.abs(moves) < NO_SPREAD] = 0.0
    n = np.array([len(sums)])
    reach = _reach(np.array([value]), n_clusters=n, agree=~moves.any(axis=0), bounds=bounds)
    return Jackknife(moves=moves, shares=np.full((len(sums), 1), 1 / len(sums)), reach=reach)


def _reach(values: Floats, *, n_clusters: NDArray[np.int64], agree: NDArray[np.bool_], bounds: Bounds | None) -> Floats:
    """How far parts whose clusters agree might lie below and above, shape (n_parts, 2); 0 of other parts."""
    if bounds is None:
        return np.zeros((len(values), 2))
    share = np.array([disagreement_bound(n_clusters=int(n)) for n in n_clusters])
    ends = np.stack([values - np.minimum(bounds[0], values), np.maximum(bounds[1], values) - values], axis=1)
    return np.where(agree[:, None], share[:, None] * ends, 0.0)


def joined(made: Sequence[tuple[Sequence[Hashable], Jackknife]]) -> Jackknife:
    """The jackknife of the sum of several estimates, clusters of one name being the same.

    Parameters
    ----------
    made : sequence of (names, Jackknife)
        Names of the clusters of each estimate, in the order of its rows.

    Raises
    ------
    BadParameter
        If there is not one name a cluster, or none at all.
    """
    if not made or any(len(names) != one.n_clusters for names, one in made):
        raise BadParameter("joined needs one name for each cluster of each estimate, and at least one estimate")
    places = {name: place for place, name in enumerate(dict.fromkeys(name for names, _ in made for name in names))}
    rows = [np.array([places[name] for name in names], dtype=np.int64) for names, _ in made]
    parts = [one for _, one in made]
    return Jackknife(
        moves=_spread_out([one.moves for one in parts], rows, n=len(places)),
        shares=_spread_out([one.shares for one in parts], rows, n=len(places)),
        reach=np.concatenate([one.reach for one in parts]),
    )


def _spread_out(tables: Sequence[Floats], rows: Sequence[NDArray[np.int64]], *, n: int) -> Floats:
    """Tables beside each other, each row at its place among `n`."""
    found = []
    for table, place in zip(tables, rows, strict=True):
        wide = np.zeros((n, table.shape[1]))
        wide[place] = table
        found.append(wide)
    return np.concatenate(found, axis=1)


def jackknife_interval(
    value: float, jackknife: Jackknife, *, bounds: Bounds | None, confidence: float = CONFIDENCE
) -> Interval | None:
    """The interval of an estimate; None where no cluster differs and nothing bounds it on both sides.

    Parameters
    ----------
    value : float
    jackknife : Jackknife
        Its reach was taken at 95 % and is not changed by `confidence`.
    bounds : tuple of float or None
        Range of the estimate, as `score_interval` takes it.
    """
    error = jackknife.error
    below, above = (float(end) for end in jackknife.agreed)
    if bounds is None:
        if error < NO_SPREAD:
            return None
        return score_interval(
            value, error=jackknife.unbiased_error, dof=jackknife.dof, bounds=None, confidence=confidence
        )
    if error < NO_SPREAD and jackknife.moves.any():  # parts whose spreads cancel, cluster by cluster
        share = disagreement_bound(n_clusters=jackknife.n_least, confidence=confidence)
        below, above = share * (value - min(bounds[0], value)), share * (max(bounds[1], value) - value)
    if math.isinf(above):  # clusters that agree on a word error rate above 1 might have differed by any amount
        return None
    if error < NO_SPREAD:
        return Interval(value - below, value + above, confidence)
    core = score_interval(value, error=error, dof=jackknife.dof, bounds=bounds, confidence=confidence)
    low, high = value - math.hypot(value - core.low, below), value + math.hypot(core.high - value, above)
    return Interval(max(low, min(bounds[0], value)), min(high, max(bounds[1], value)), confidence)


def clustered_interval(
    above: ArrayLike, below: ArrayLike, *, bounds: Bounds | None = (0.0, 1.0), confidence: float = CONFIDENCE
) -> Interval | None:
    """Interval of the mean over parts of a ratio of sums over clusters: a rate, a word error rate, balanced accuracy.

    Parameters
    ----------
    above, below : float64 array, shape (n_clusters, n_parts)
        What each cluster adds above and below the bar: right answers and answers, word errors and words; zeros where a
        part lacks the cluster.
    bounds : tuple of float or None
        Range of the ratio.

    Returns
    -------
    Interval or None
        None where all clusters agree and nothing bounds the ratio on both sides.

    Raises
    ------
    BadParameter
        If shapes differ, a number is not finite, or a part has nothing below.

    Examples
    --------
    Three speakers of four items each; 4, 3 and 3 right. Student's t with two degrees of freedom widens it far:

    >>> found = clustered_interval([[4], [3], [3]], [[4], [4], [4]])
    >>> round(found.low, 2), round(found.high, 2)
    (0.3, 0.98)

    References
    ----------
    [mackinnon2023-cluster], [satterthwaite1946-components], [bell2002-bias], [korn1998-intervals],
    [franco2019-proportions]
    """
    made = jackknife_of_ratios(above, below, bounds=bounds)
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return jackknife_interval(
        float(np.mean(top.sum(axis=0) / bottom.sum(axis=0))), made, bounds=bounds, confidence=confidence
    )


# ---------------------------------------------------------------- the widest gap


@dataclass(frozen=True)
class Gap:
    """The interval of the gap between two parts, which holds for all `n_pairs` pairs at once."""

    interval: Interval | None
    n_pairs: int


def gap_interval(
    values: ArrayLike,
    jackknife: Jackknife,
    *,
    high: int,
    low: int,
    bounds: Bounds | None,
    rng: np.random.Generator,
    n_items: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Gap:
    """Interval of the gap between two of several parts, allowing for their having been picked among all pairs.

    Newcombe's hybrid of the two parts' own intervals [newcombe1998-difference], with their correlation where they share
    clusters [newcombe1998-paired], [zou2008-limits]. These are taken at the level at which all pairs hold at once: the
    largest of as many normal deviates, as correlated as the pairs [hothorn2008-simultaneous]. The errors are Tukey's,
    the degrees of freedom those of the pair: a gap that is there is to be found.

    Parameters
    ----------
    values : float64 array, shape (n_parts,)
    jackknife : Jackknife
        Of the parts, at weight 1.
    high, low : int
        Places of the two parts.
    bounds : tuple of float or None
        Range of a part.
    n_items : float
        Items of a cluster in a part, on average. A part whose clusters all agree is taken to have clusters that are
        worth as many independent items as those of the other parts, at most so many.

    Returns
    -------
    Gap
        Without an interval where a part has no spread and nothing bounds it above, or none has and nothing bounds them.

    Examples
    --------
    >>> made = jackknife_of_ratios(np.eye(4)[:, :2], [[1, 0], [0, 1], [1, 0], [0, 1]], bounds=(0, 1), weights=[1, 1])
    >>> gap_interval([0.5, 0.5], made, high=0, low=1, bounds=(0, 1), rng=np.random.default_rng(0)).n_pairs
    1
    """
    known = np.asarray(values, dtype=np.float64)
    pairs = list(itertools.combinations(range(len(known)), 2))
    gap, both = float(known[high] - known[low]), jackknife.difference(high, low)
    if np.isinf(both.reach).any():
        return Gap(None, len(pairs))
    if both.error < NO_SPREAD and (not both.reach.any() or _same_clusters(both)):
        return Gap(_agreed_gap(gap, both, bounds=bounds, confidence=confidence), len(pairs))
    level = _level(jackknife, pairs, rng=rng, confidence=confidence)
    times = _times(both, level=level, confidence=confidence)
    worth = _worth(known, jackknife, bounds=bounds, n_items=n_items)
    first, second = (
        _reaches(known[place], jackknife.part(place), times=times, level=level, worth=worth, bounds=bounds)
        for place in (high, low)
    )
    correlation = _correlation(jackknife, high, low)

    def hybrid(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a + b * b - 2 * correlation * a * b))

    least, most = gap - hybrid(first[0], second[1]), gap + hybrid(first[1], second[0])
    if bounds is not None:
        width = max(bounds[1] - bounds[0], abs(gap))
        least, most = max(-width, least), min(width, most)
    return Gap(Interval(least, most, confidence), len(pairs))


def _same_clusters(both: Jackknife) -> bool:
    present = both.shares > 0
    return bool(np.array_equal(present[:, 0], present[:, 1]))


def _agreed_gap(gap: float, both: Jackknife, *, bounds: Bounds | None, confidence: float) -> Interval | None:
    """The interval of a gap that is the same in every cluster: some share of clusters might yet differ wholly."""
    if bounds is None or math.isinf(bounds[1]):
        return None
    share = disagreement_bound(n_clusters=both.n_least, confidence=confidence)
    width = max(bounds[1] - bounds[0], abs(gap))
    return Interval(gap - share * (width + gap), gap + share * (width - gap), confidence)


def _times(both: Jackknife, *, level: float, confidence: float) -> float:
    """How many errors the interval of one of all pairs reaches to either side.

    Student's quantile at the level of all pairs; what few clusters that carry the spread add to it is taken from a pair
    alone, for so far out it is mere guessing.
    """
    if both.error < NO_SPREAD:
        return 0.0
    alone, tail = NormalDist().inv_cdf((1 + confidence) / 2), (1 + level) / 2
    widening = t_quantile((1 + confidence) / 2, dof=both.dof) / alone
    return max(t_quantile(tail, dof=both.working_dof()), widening * NormalDist().inv_cdf(tail))


def _worth(values: Floats, jackknife: Jackknife, *, bounds: Bounds | None, n_items: float) -> float:
    """How many independent items a cluster is worth in the parts that have spread; 1 where none has."""
    if bounds is None or math.isinf(bounds[1]):
        return 1.0
    rates = (values - bounds[0]) / (bounds[1] - bounds[0])
    parts = [jackknife.part(place) for place in range(len(values))]
    some = [(rate, part) for rate, part in zip(rates, parts, strict=True) if part.error >= NO_SPREAD and 0 < rate < 1]
    n_clusters = sum(part.n_clusters for _, part in some)
    scale = (bounds[1] - bounds[0]) ** 2
    worth = math.fsum(rate * (1 - rate) * scale / part.unbiased_error**2 for rate, part in some)
    return min(max(1.0, worth / n_clusters), max(1.0, n_items)) if some else 1.0


def _reaches(
    value: float, part: Jackknife, *, times: float, level: float, worth: float, bounds: Bounds | None
) -> tuple[float, float]:
    """How far a part's own interval reaches below and above."""
    if part.error >= NO_SPREAD:
        low, high = score_ends(value, reach=times * part.unbiased_error, bounds=bounds)
        return max(0.0, value - low), max(0.0, high - value)
    if bounds is None:
        return 0.0, 0.0
    share = disagreement_bound(n_clusters=part.n_clusters * worth, confidence=level)
    return share * (value - min(bounds[0], value)), share * (max(bounds[1], value) - value)


def _correlation(jackknife: Jackknife, first: int, second: int) -> float:
    moves = jackknife.moves[:, [first, second]]
    scale = math.sqrt(float(np.prod(np.sum(moves**2, axis=0))))
    return float(moves[:, 0] @ moves[:, 1]) / scale if scale > 0 else 0.0


def _level(
    jackknife: Jackknife, pairs: Sequence[tuple[int, int]], *, rng: np.random.Generator, confidence: float
) -> float:
    """The confidence of one pair at which all hold at once with `confidence`."""
    if len(pairs) == 1:
        return confidence
    normal = NormalDist()
    z = normal.inv_cdf((1 + confidence) / 2)
    n_parts = jackknife.moves.shape[1]
    reach = jackknife.reach.max(axis=1)
    blind = (
        np.where(np.isinf(reach), 1.0, reach) / z
    )  # of what nothing bounds, a whole unit: by far more than the others
    spread = jackknife.moves.T @ jackknife.moves + np.diag(blind**2)
    draws = rng.standard_normal((_N_DRAWS, n_parts)) @ _root(spread)
    largest = np.zeros(_N_DRAWS)
    for a, b in pairs:
        error = math.sqrt(max(0.0, float(spread[a, a] + spread[b, b] - 2 * spread[a, b])))
        if error > NO_SPREAD:
            np.maximum(largest, np.abs(draws[:, a] - draws[:, b]) / error, out=largest)
    limit = max(z, float(np.quantile(largest, confidence)))
    return 2 * normal.cdf(limit) - 1


def _root(covariance: Floats) -> Floats:
    """A symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
