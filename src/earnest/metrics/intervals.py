"""Intervals for rates, means and differences, and a test for pairs.

An interval is given with its confidence; 0.95 unless asked otherwise, and always two-sided with equal tails. No data
gives no interval: `n = 0`, a single value or a single cluster raises `BadParameter`. Bootstraps take their generator;
one seed gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter

CONFIDENCE = 0.95
N_RESAMPLES = 2000
_BLOCK = 4_000_000  # numbers drawn at once, so that a bootstrap of many clusters stays within some 32 MB


@dataclass(frozen=True)
class Interval:
    """A two-sided interval.

    Attributes
    ----------
    low, high : float
        Ends; `low` is not above `high`.
    confidence : float in (0, 1)
    """

    low: float
    high: float
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        _check_confidence(self.confidence)
        if not self.low <= self.high:
            raise BadParameter(f"an interval needs low <= high, got {self.low} and {self.high}")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise BadParameter(f"confidence must lie between 0 and 1, got {confidence}")


def _check_counts(*, n_success: int, n: int) -> None:
    if n < 1:
        raise BadParameter(f"an interval needs at least one trial, got n = {n}; report the rate as unscored")
    if not 0 <= n_success <= n:
        raise BadParameter(f"n_success must lie between 0 and n = {n}, got {n_success}")


def _z(confidence: float) -> float:
    _check_confidence(confidence)
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(*, n_success: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Score interval of a rate, for independent trials.

    Parameters
    ----------
    n_success, n : int
        Successes among n trials; n at least 1.

    Returns
    -------
    Interval within [0, 1]
        Of use also for 0 or n successes.

    Raises
    ------
    BadParameter
        If n is 0 or n_success is not in [0, n].

    Examples
    --------
    >>> found = wilson(n_success=1, n=29)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0061, 0.1718)

    References
    ----------
    [wilson1927-interval]
    """
    _check_counts(n_success=n_success, n=n)
    z, rate = _z(confidence), n_success / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if n_success == 0 else max(0.0, centre - half)
    high = 1.0 if n_success == n else min(1.0, centre + half)
    return Interval(low, high, confidence)


def clopper_pearson(*, n_success: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Exact binomial interval of a rate; covers at least as often as it says, often more.

    Parameters
    ----------
    n_success, n : int
        Successes among n trials; n at least 1.

    Raises
    ------
    BadParameter
        If n is 0 or n_success is not in [0, n].

    References
    ----------
    [clopper1934-interval]
    """
    from scipy.special import betaincinv

    _check_counts(n_success=n_success, n=n)
    _check_confidence(confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if n_success == 0 else float(betaincinv(n_success, n - n_success + 1, tail))
    high = 1.0 if n_success == n else float(betaincinv(n_success + 1, n - n_success, 1 - tail))
    return Interval(low, high, confidence)


def score_interval(
    value: float, *, error: float, dof: float, bounds: tuple[float, float] | None, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of a number whose standard error was estimated, for items that need not be independent.

    Within bounds it is Wilson's score interval, with as many items as would give a rate of this value this error (the
    effective sample size), and Student's t in place of the normal quantile [korn1998-intervals],
    [franco2019-proportions]. Where there is only a lower bound it is the score interval of a Poisson mean made likewise;
    without bounds Student's own.

    Parameters
    ----------
    value, error : float
        The error above 0.
    dof : float
        Degrees of freedom of the error, at least 1; infinite for a known one.
    bounds : tuple of float or None
        Least and greatest number that can be; the second may be infinite. They give way to a value beyond them.

    Raises
    ------
    BadParameter
        If the error is not above 0, there is less than one degree of freedom, or bounds are not in order.

    Examples
    --------
    An error as of a rate of independent items gives Wilson's interval; few degrees of freedom a wider one.

    >>> error = (0.25 * 0.75 / 40) ** 0.5
    >>> found = score_interval(0.25, error=error, dof=math.inf, bounds=(0, 1))
    >>> known = wilson(n_success=10, n=40)
    >>> math.isclose(found.low, known.low) and math.isclose(found.high, known.high)
    True
    >>> score_interval(0.25, error=error, dof=5, bounds=(0, 1)).high > found.high
    True

    References
    ----------
    [wilson1927-interval], [korn1998-intervals], [franco2019-proportions]
    """
    _check_confidence(confidence)
    if not (error > 0 and dof >= 1 and math.isfinite(value) and math.isfinite(error)):
        raise BadParameter(f"a score interval needs an error above 0 and a degree of freedom, got {error} and {dof}")
    low, high = score_ends(value, reach=error * t_quantile((1 + confidence) / 2, dof=dof), bounds=bounds)
    return Interval(low, high, confidence)


def t_quantile(level: float, *, dof: float) -> float:
    """Student's quantile; the normal one where the degrees of freedom are infinite."""
    from scipy.special import stdtrit

    return NormalDist().inv_cdf(level) if math.isinf(dof) else float(stdtrit(dof, level))


def score_ends(value: float, *, reach: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Ends of the score interval of a number from how far an interval without bounds would reach to either side.

    Raises
    ------
    BadParameter
        If bounds are not in order.
    """
    if bounds is None:
        return value - reach, value + reach
    least, most = min(bounds[0], value), max(bounds[1], value)
    if not least < most:
        raise BadParameter(f"bounds must be (least, greatest), got {bounds}")
    if value in (least, most):
        return max(least, value - reach), min(most, value + reach)
    if math.isinf(most):
        low, high = _poisson_score(value - least, reach)
        return least + low, least + high
    low, high = _binomial_score((value - least) / (most - least), reach / (most - least))
    return least + (most - least) * low, least + (most - least) * high


def _binomial_score(rate: float, reach: float) -> tuple[float, float]:
    """Where a rate lies `reach` of its own errors from the one seen, the error being that of as many trials."""
    spread = rate * (1 - rate)
    inflation = reach * reach / spread  # z^2 / n
    centre = (rate + inflation / 2) / (1 + inflation)
    half = math.sqrt(inflation * (spread + inflation / 4)) / (1 + inflation)
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def _poisson_score(mean: float, reach: float) -> tuple[float, float]:
    """The same of a mean that nothing bounds above, its variance growing as itself."""
    inflation = reach * reach / mean
    half = math.sqrt(reach * reach + inflation * inflation / 4)
    return max(0.0, mean + inflation / 2 - half), mean + inflation / 2 + half


def disagreement_bound(*, n_clusters: float, confidence: float = CONFIDENCE) -> float:
    """The largest share of clusters that might differ where none of those seen does: Clopper and Pearson's upper end.

    Parameters
    ----------
    n_clusters : float
        At least 1; no whole number where a cluster is worth several independent items.

    Returns
    -------
    float in (0, 1)

    Raises
    ------
    BadParameter
        If there are fewer than one.

    Examples
    --------
    >>> round(disagreement_bound(n_clusters=30), 4)  # 1 - 0.025^(1/30)
    0.1157

    References
    ----------
    [clopper1934-interval]
    """
    if not n_clusters >= 1:
        raise BadParameter(f"a bound needs at least one cluster, got {n_clusters}")
    _check_confidence(confidence)
    return float(-math.expm1(math.log((1 - confidence) / 2) / n_clusters))


def mean_interval(values: ArrayLike, *, confidence: float = CONFIDENCE) -> Interval:
    """Student's interval of a mean, for independent values.

    Parameters
    ----------
    values : float array, shape (n_values,)
        Finite, at least two. Equal values give an interval of no width.

    Raises
    ------
    BadParameter
        If there are fewer than two values or one is not finite.
    """
    from scipy.special import stdtrit

    found = _finite(values, name="values")
    if found.size < 2:
        raise BadParameter(f"the interval of a mean needs two values, got {found.size}")
    _check_confidence(confidence)
    half = float(stdtrit(found.size - 1, (1 + confidence) / 2)) * found.std(ddof=1) / math.sqrt(found.size)
    return Interval(float(found.mean() - half), float(found.mean() + half), confidence)


def difference_of_proportions(
    *, n_success_first: int, n_first: int, n_success_second: int, n_second: int, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the first rate minus the second, for two independent groups.

    Newcombe's hybrid of two Wilson intervals (his method 10).

    Parameters
    ----------
    n_success_first, n_first, n_success_second, n_second : int
        Successes and trials; at least one trial each.

    Returns
    -------
    Interval within [-1, 1]

    Raises
    ------
    BadParameter
        If a group is empty or has more successes than trials.

    References
    ----------
    [newcombe1998-difference]
    """
    first = wilson(n_success=n_success_first, n=n_first, confidence=confidence)
    second = wilson(n_success=n_success_second, n=n_second, confidence=confidence)
    p, q = n_success_first / n_first, n_success_second / n_second
    return Interval(
        p - q - math.hypot(p - first.low, second.high - q),
        p - q + math.hypot(first.high - p, q - second.low),
        confidence,
    )


def paired_difference_of_proportions(
    *, both: int, only_first: int, only_second: int, neither: int, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the first rate minus the second, for the same items under two conditions.

    Newcombe's hybrid of two Wilson intervals with the correlation of the pairs (his method 10), continuity-corrected.

    Parameters
    ----------
    both, only_first, only_second, neither : int
        Items that succeeded under both conditions, under one alone, and under none.

    Returns
    -------
    Interval within [-1, 1]

    Raises
    ------
    BadParameter
        If a count is negative or all are 0.

    References
    ----------
    [newcombe1998-paired]
    """
    n = _n_pairs(both, only_first, only_second, neither)
    first = wilson(n_success=both + only_first, n=n, confidence=confidence)
    second = wilson(n_success=both + only_second, n=n, confidence=confidence)
    p, q = (both + only_first) / n, (both + only_second) / n
    phi = _phi(both, only_first, only_second, neither)

    def spread(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))

    low = p - q - spread(p - first.low, second.high - q)
    high = p - q + spread(first.high - p, q - second.low)
    return Interval(max(-1.0, low), min(1.0, high), confidence)


def _n_pairs(*counts: int) -> int:
    if min(counts) < 0 or sum(counts) == 0:
        raise BadParameter(f"the four counts of pairs must be at least 0 and not all 0, got {counts}")
    return sum(counts)


def _phi(a: int, b: int, c: int, d: int) -> float:
    """Correlation of a fourfold table, drawn towards 0 by half a case where it is positive."""
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    product = a * d - b * c
    if product > 0:
        product = max(product - (a + b + c + d) / 2, 0)
    return product / math.sqrt(margins)


def mcnemar(*, only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that two conditions succeed equally often on the same items.

    Only items that differ count; without any the value is 1.

    Parameters
    ----------
    only_first, only_second : int
        Items that succeeded under one condition alone.

    Returns
    -------
    float in (0, 1]

    Raises
    ------
    BadParameter
        If a count is negative.

    Examples
    --------
    >>> mcnemar(only_first=1, only_second=5)  # 2 (1 + 6) / 64
    0.21875

    References
    ----------
    [mcnemar1947-test]
    """
    if min(only_first, only_second) < 0:
        raise BadParameter(f"counts must be at least 0, got {only_first} and {only_second}")
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n)


def percentile_interval(draws: ArrayLike, *, confidence: float = CONFIDENCE) -> Interval:
    """The middle `confidence` of bootstrap draws.

    Parameters
    ----------
    draws : float array, shape (n_resamples,)
        Finite, at least 100.

    Raises
    ------
    BadParameter
        If there are fewer than 100 draws or one is not finite.

    References
    ----------
    [efron1993-bootstrap]
    """
    _check_confidence(confidence)
    found = _finite(draws, name="draws")
    if found.size < 100:
        raise BadParameter(f"a bootstrap interval needs at least 100 resamples, got {found.size}")
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), confidence)


def _finite(values: ArrayLike, *, name: str) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or found.size == 0 or not np.isfinite(found).all():
        raise BadParameter(f"{name} must be a non-empty array of finite numbers, shape (n,), got shape {found.shape}")
    return found


def cluster_places(clusters: Sequence[Hashable], *, n: int) -> tuple[int, NDArray[np.int64]]:
    """Number of clusters, and for each of `n` rows the number of its cluster.

    Raises
    ------
    BadParameter
        If there is not one cluster name a row, or fewer than two clusters.
    """
    if len(clusters) != n:
        raise BadParameter(f"clusters must name one cluster a row, got {len(clusters)} for {n} rows")
    names: dict[Hashable, int] = {}
    places = np.fromiter((names.setdefault(name, len(names)) for name in clusters), dtype=np.int64, count=n)
    if len(names) < 2:
        raise BadParameter(
            f"a cluster bootstrap needs at least two clusters (speakers, say), got {len(names)}; "
            "one cluster says nothing about others"
        )
    return len(names), places


def cluster_bootstrap(
    values: ArrayLike,
    *,
    clusters: Sequence[Hashable],
    rng: np.random.Generator,
    statistic: Literal["mean"] | Callable[[NDArray], float] = "mean",
    method: Literal["percentile", "bca"] = "percentile",
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Bootstrap interval of a statistic of rows that come in clusters, such as the recordings of a speaker.

    Whole clusters are drawn with replacement. For the mean over rows this is done on sums and counts, without copying
    rows.

    Parameters
    ----------
    values : array, shape (n_rows,) or (n_rows, n_columns)
        Rows; numbers for "mean", anything that `statistic` takes otherwise.
    clusters : sequence, length n_rows
        Name of each row's cluster; at least two different ones. Fewer than some twenty give intervals that are too
        narrow, whatever the method.
    statistic : "mean" or callable
        Takes drawn rows and returns a number.
    method : "percentile" or "bca"
        `bca` corrects for bias and skewness, with a jackknife over clusters.

    Raises
    ------
    BadParameter
        If there is one cluster only, or lengths differ.

    References
    ----------
    [efron1993-bootstrap]
    """
    rows = np.asarray(values)
    if rows.ndim == 0 or len(rows) == 0:
        raise BadParameter(f"values must hold at least one row, got shape {rows.shape}")
    n_clusters, places = cluster_places(clusters, n=len(rows))
    if method not in ("percentile", "bca"):
        raise BadParameter(f"method must be 'percentile' or 'bca', got {method!r}")
    if statistic == "mean":
        of = _clustered_mean(_finite(rows, name="values"), n_clusters=n_clusters, places=places)
    else:
        of = _clustered(rows, n_clusters=n_clusters, places=places, statistic=statistic)
    draws = _drawn(of, n_clusters=n_clusters, rng=rng, n_resamples=n_resamples)
    if method == "percentile":
        return percentile_interval(draws, confidence=confidence)
    alone = of(np.ones((1, n_clusters), dtype=np.int64))[0]
    return _bca(draws, value=alone, jackknife=of(1 - np.eye(n_clusters, dtype=np.int64)), confidence=confidence)


Weighted = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""From how often each cluster was drawn, shape (n_draws, n_clusters), to the statistic, shape (n_draws,)."""


def _clustered_mean(values: NDArray[np.float64], *, n_clusters: int, places: NDArray[np.int64]) -> Weighted:
    sums = np.bincount(places, weights=values, minlength=n_clusters)
    sizes = np.bincount(places, minlength=n_clusters)
    return lambda drawn: (drawn @ sums) / (drawn @ sizes)


def _clustered(rows: NDArray, *, n_clusters: int, places: NDArray[np.int64], statistic: Callable) -> Weighted:
    order = np.argsort(places, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(places, minlength=n_clusters))[:-1])

    def of(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        chosen = (np.repeat(np.arange(n_clusters), times) for times in drawn)
        return np.array([float(statistic(rows[np.concatenate([members[k] for k in draw])])) for draw in chosen])

    return of


def _drawn(of: Weighted, *, n_clusters: int, rng: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    block = max(1, _BLOCK // n_clusters)
    even = np.full(n_clusters, 1 / n_clusters)
    sizes = [min(block, n_resamples - start) for start in range(0, n_resamples, block)]
    return np.concatenate([of(rng.multinomial(n_clusters, even, size=size)) for size in sizes] or [np.empty(0)])


def _bca(draws: NDArray[np.float64], *, value: float, jackknife: NDArray[np.float64], confidence: float) -> Interval:
    """Bias-corrected and accelerated interval."""
    percentile_interval(draws, confidence=confidence)  # the same checks
    equal = np.isclose(draws, value, rtol=1e-12, atol=1e-12)  # draws that repeat the data, whatever the rounding
    share = np.mean((draws < value) & ~equal) + np.mean(equal) / 2
    spread = jackknife.mean() - jackknife
    if share in (0.0, 1.0) or not spread.any():
        return percentile_interval(draws, confidence=confidence)
    normal = NormalDist()
    bias = normal.inv_cdf(float(share))
    acceleration = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5)

    def level(tail: float) -> float:
        z = bias + normal.inv_cdf(tail)
        return normal.cdf(bias + z / (1 - acceleration * z))

    low, high = np.quantile(draws, sorted((level((1 - confidence) / 2), level((1 + confidence) / 2))))
    return Interval(float(low), float(high), confidence)


def paired_bootstrap(
    *,
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    clusters: Sequence[Hashable] | None = None,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile bootstrap interval of the mean of `first` minus `second`, for the same items under two conditions.

    Parameters
    ----------
    first, second : float array, shape (n_items,)
        Values of the same items in the same order; finite, at least two.
    clusters : sequence, length n_items, optional
        Name of each item's cluster; pairs are then drawn by whole clusters.

    Raises
    ------
    BadParameter
        If lengths differ, there are fewer than two items, or one cluster only.

    References
    ----------
    [efron1993-bootstrap]
    """
    first, second = _finite(first, name="first"), _finite(second, name="second")
    if first.size != second.size or first.size < 2:
        raise BadParameter(
            f"first and second must hold the same items, at least two, got {first.size} and {second.size}"
        )
    return cluster_bootstrap(
        first - second,
        clusters=range(first.size) if clusters is None else clusters,
        rng=rng,
        n_resamples=n_resamples,
        confidence=confidence,
    )
