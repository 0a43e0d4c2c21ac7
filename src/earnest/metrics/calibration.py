"""Rates that a fallible judge gave: corrected by people's labels of some of the items, or widened by its known errors.

Conventions
-----------
- `people` are people's values of the labelled items, `judge` the judge's of the same items in the same order, `rest`
  the judge's of the items that nobody labelled. The labelled items must be a random sample of all: who labels the
  items that look wrong corrects for the wrong thing.
- Items of one cluster (a speaker, a text) are not independent; `clusters` and `rest_clusters` name each item's cluster.
  Without them every item is its own.
- Values are scores in [0, 1] for `calibrated_mean`, and 0 or 1 for `calibrated_rate`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics._register import metrics
from earnest.metrics.intervals import CONFIDENCE

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A corrected number.

    Parameters
    ----------
    value, low, high : float
        With its interval; within [0, 1].
    naive : float
        The judge's own number over all items.
    people : float
        People's number over the labelled items alone.
    n_labelled, n_all : int
    power : float
        Weight of the judge (lambda); 0: it told nothing, 1: it was taken in full. nan where the method has none.
    sensitivity, specificity : float
        Of the judge, as people see it; nan where the method has none.
    """

    value: float
    low: float
    high: float
    naive: float
    people: float
    n_labelled: int
    n_all: int
    power: float = math.nan
    sensitivity: float = math.nan
    specificity: float = math.nan


@metrics.register("calibrated_mean")
def calibrated_mean(
    *,
    people: ArrayLike,
    judge: ArrayLike,
    rest: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    rest_clusters: Sequence[Hashable] | None = None,
    confidence: float = CONFIDENCE,
) -> Calibrated:
    """Mean score that people would have given, by prediction-powered inference.

    `mean(people) + power * (mean(rest) - mean(judge))` [angelopoulos2023-ppi], where `power` in [0, 1] is the weight
    that makes the variance least [angelopoulos2023-ppiplusplus]. It is unbiased whatever the judge does; a good judge
    makes the interval narrower than people's labels alone would.

    We depart from the papers in three places: errors are summed over clusters; the interval is Student's, with the
    labelled clusters' degrees of freedom; and two imagined labelled items of which people and judge differ, one in each
    direction, with half a weight each, keep the interval from closing where by chance no difference was seen.

    Parameters
    ----------
    people, judge : float array, shape (n_labelled,)
        In [0, 1]; at least two.
    rest : float array, shape (n_rest,)
        In [0, 1]; may be empty, and the result is then people's mean.

    Raises
    ------
    BadParameter
        If lengths differ, a value is outside [0, 1], or the labelled items are of fewer than two clusters.

    Examples
    --------
    >>> found = calibrated_mean(people=[1, 0, 1, 0], judge=[1, 0, 1, 1], rest=[1, 1, 0, 1, 1, 1])
    >>> found.naive, found.people, round(found.power, 3), round(found.value, 3)
    (0.8, 0.5, 0.446, 0.537)

    References
    ----------
    [angelopoulos2023-ppi], [angelopoulos2023-ppiplusplus]
    """
    from scipy.special import stdtrit

    y, f, g = _values(people, name="people"), _values(judge, name="judge"), _values(rest, name="rest", least=0)
    _check_pairs(y, f)
    names, places, rest_places = _places(clusters, rest_clusters, n=y.size, n_rest=g.size)
    n_labelled_clusters = len(np.unique(places))
    if n_labelled_clusters < 2:
        raise BadParameter("a correction needs labelled items of two clusters (speakers, say), got one; label more")
    # What a cluster adds to the error of mean(people), and of mean(rest) - mean(judge)
    a = np.bincount(places, weights=(y - y.mean()) / y.size, minlength=names)
    b = np.bincount(places, weights=-(f - f.mean()) / f.size, minlength=names)
    if g.size:
        b += np.bincount(rest_places, weights=(g - g.mean()) / g.size, minlength=names)
    power = float(np.clip(-(a @ b) / (b @ b), 0.0, 1.0)) if g.size and b @ b > 0 else 0.0
    value = float(y.mean() + (power * (g.mean() - f.mean()) if g.size else 0.0))
    errors = a + power * b
    imagined = 2 * 0.5 / y.size**2  # two differences of 1, each of half a weight: (1 / n)^2 / 2 + (1 / n)^2 / 2
    variance = float(errors @ errors) * n_labelled_clusters / (n_labelled_clusters - 1) + imagined
    half = float(stdtrit(n_labelled_clusters - 1, (1 + confidence) / 2)) * math.sqrt(variance)
    return Calibrated(
        value=min(1.0, max(0.0, value)),
        low=max(0.0, value - half),
        high=min(1.0, value + half),
        naive=float(np.concatenate([f, g]).mean()),
        people=float(y.mean()),
        n_labelled=y.size,
        n_all=y.size + g.size,
        power=power,
    )


@metrics.register("calibrated_rate")
def calibrated_rate(
    *,
    people: ArrayLike,
    judge: ArrayLike,
    rest: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    rest_clusters: Sequence[Hashable] | None = None,
    confidence: float = CONFIDENCE,
) -> Calibrated:
    """Rate that people would have found, by the judge's sensitivity and specificity.

    `(rate + specificity - 1) / (sensitivity + specificity - 1)` [rogan1978-prevalence], where `rate` is the judge's over
    all items. The interval carries the uncertainty of all three, with the corrections for small numbers of
    [lang2014-prevalence]; we depart from it in that the labelled items are among all items, and in that each number of
    items is divided by its design effect where items come in clusters.

    Parameters
    ----------
    people, judge : array of 0 and 1, shape (n_labelled,)
        People must have found both.
    rest : array of 0 and 1, shape (n_rest,)

    Raises
    ------
    BadParameter
        If a value is neither 0 nor 1, people found one of them only, or the judge does no better than chance.

    Examples
    --------
    >>> labelled = {"people": [1] * 10 + [0] * 10, "judge": [1] * 8 + [0] * 2 + [0] * 9 + [1]}
    >>> found = calibrated_rate(**labelled, rest=[1] * 41 + [0] * 39)
    >>> found.naive, found.sensitivity, found.specificity, round(found.value, 4)  # (0.5 + 0.9 - 1) / 0.7
    (0.5, 0.8, 0.9, 0.5714)

    References
    ----------
    [rogan1978-prevalence], [lang2014-prevalence]
    """
    y, f, g = _values(people, name="people"), _values(judge, name="judge"), _values(rest, name="rest", least=0)
    _check_pairs(y, f)
    if not np.isin(np.concatenate([y, f, g]), (0.0, 1.0)).all():
        raise BadParameter("a rate is corrected by labels of 0 and 1, got others; use calibrated_mean")
    if y.min() == y.max():
        raise BadParameter(
            f"people must have found both kinds, got {y.size} of one; label more, or use calibrated_mean"
        )
    names, places, rest_places = _places(clusters, rest_clusters, n=y.size, n_rest=g.size)
    yes, every, every_places = y == 1, np.concatenate([f, g]), np.concatenate([places, rest_places])
    counts = (
        (float(every.mean()), _effective(every, every_places)),
        (float(f[yes].mean()), _effective(f[yes], places[yes])),
        (float(1 - f[~yes].mean()), _effective(f[~yes], places[~yes])),
    )
    rate, sensitivity, specificity = (share for share, _ in counts)
    if sensitivity + specificity <= 1:
        raise BadParameter(
            f"a judge must do better than chance, got sensitivity {sensitivity:.2f} and specificity {specificity:.2f}; "
            "its rate says nothing of people's"
        )
    value = (rate + specificity - 1) / (sensitivity + specificity - 1)
    low, high = _lang_reiczigel(*counts, n_all=every.size, confidence=confidence)
    value = min(1.0, max(0.0, value))
    return Calibrated(
        value=value,
        low=min(low, value),
        high=max(high, value),
        naive=rate,
        people=float(y.mean()),
        n_labelled=y.size,
        n_all=every.size,
        sensitivity=sensitivity,
        specificity=specificity,
    )


@dataclass(frozen=True)
class JudgeCounts:
    """How a judge did on items whose truth people know, for one yes-no question.

    Parameters
    ----------
    n_yes, n_hit : int
        Items that people call yes, and how many of them the judge calls yes.
    n_no, n_rejected : int
        Items that people call no, and how many of them the judge calls no.
    source : str
        Whose items they are: a judge errs more on one model's answers than on another's.
    """

    n_yes: int
    n_hit: int
    n_no: int
    n_rejected: int
    source: str = ""

    def __post_init__(self) -> None:
        if not (0 <= self.n_hit <= self.n_yes and 0 <= self.n_rejected <= self.n_no and self.n_yes and self.n_no):
            raise BadParameter(
                f"counts must have items of both kinds and no more hits than items, got {self.n_hit} of {self.n_yes} and "
                f"{self.n_rejected} of {self.n_no}"
            )


@metrics.register("folded_interval")
def folded_interval(
    *,
    value: float,
    low: float,
    high: float,
    n: int,
    counts: Sequence[JudgeCounts],
    n_read: int | None = None,
    n_read_yes: int | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """The interval of a rate that a fallible judge decided, widened by what the judge is known to get wrong.

    The value stays as observed. The interval is the hull of the sampling interval and of the intervals of the rate that
    is corrected for sensitivity and specificity [rogan1978-prevalence], with the uncertainty of all three
    [lang2014-prevalence, equations 6, 7, 16 and 17]. No single source's errors are believed: every sensitivity is put
    together with every specificity of `counts`.

    We depart from the paper in two places. The rate's number of items is what its interval is worth, so that items in
    clusters are not counted as independent; and where the judge decided some of the items only, the correction moves
    their share of the rate, and the sampling error of the others is added as independent.

    Parameters
    ----------
    value, low, high : float in [0, 1]
        The rate and its sampling interval, of whatever kind.
    n : int
        Items of the rate; at least one.
    counts : sequence of JudgeCounts
        For the question whose yes the rate counts; at least one.
    n_read, n_read_yes : int, optional
        How many of the items the judge decided, and how many of those as yes; all of them if left out. With none, the
        sampling interval is returned.

    Returns
    -------
    low, high : float in [0, 1]
        Never narrower than what was given. (0, 1) where a source's judge does hardly better than chance.

    Raises
    ------
    BadParameter
        If the value is outside its interval, a number outside its range, or there are no counts.

    Examples
    --------
    >>> counts = [JudgeCounts(n_yes=200, n_hit=180, n_no=100, n_rejected=95)]
    >>> low, high = folded_interval(value=0.5, low=0.4, high=0.6, n=100, counts=counts)
    >>> round(low, 2), round(high, 2)  # (0.5 + 0.95 - 1) / 0.85 is 0.53
    (0.4, 0.65)

    References
    ----------
    [rogan1978-prevalence], [lang2014-prevalence]
    """
    n_read = n if n_read is None else n_read
    n_read_yes = round(value * n_read) if n_read_yes is None else n_read_yes
    if not 0 <= low <= value <= high <= 1:
        raise BadParameter(f"a rate must lie in its interval and both in [0, 1], got {value:g} in ({low:g}, {high:g})")
    if not (n >= 1 and 0 <= n_read <= n and 0 <= n_read_yes <= n_read) or not counts:
        raise BadParameter(
            f"expected n of at least 1, no more items read than n, no more yes than read, and counts of the judge; got "
            f"n={n}, n_read={n_read}, n_read_yes={n_read_yes}, {len(counts)} counts"
        )
    if n_read == 0:
        return low, high
    share, rate = n_read / n, value if n_read == n else n_read_yes / n_read
    worth = _worth(value, low, high, n=n, confidence=confidence) * share
    rest = math.sqrt(1 - share)
    ends = [(low, high)]
    for yes in counts:
        for no in counts:
            corrected = _lang_reiczigel(
                (rate, worth),
                (yes.n_hit / yes.n_yes, yes.n_yes),
                (no.n_rejected / no.n_no, no.n_no),
                n_all=math.inf,
                confidence=confidence,
            )
            down, up = share * (rate - corrected[0]), share * (corrected[1] - rate)
            ends.append((value - _added(down, rest * (value - low)), value + _added(up, rest * (high - value))))
    return max(0.0, min(end[0] for end in ends)), min(1.0, max(end[1] for end in ends))


def _added(moved: float, sampling: float) -> float:
    """How far an end lies from the value: errors are added in squares; a correction that moves inwards is kept as it is."""
    return math.hypot(moved, sampling) if moved > 0 else moved + sampling


def _worth(value: float, low: float, high: float, *, n: int, confidence: float) -> float:
    """How many independent items a rate's interval is worth: with so many, Wilson's interval is as wide; at most n."""
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2

    def width(size: float) -> float:
        return 2 * math.sqrt(z2 * (value * (1 - value) / size + z2 / (4 * size * size))) / (1 + z2 / size)

    below, above = 1.0, float(n)
    if width(above) >= high - low:
        return above
    for _ in range(60):
        middle = (below + above) / 2
        below, above = (middle, above) if width(middle) > high - low else (below, middle)
    return above


def _lang_reiczigel(
    rate: tuple[float, float],
    sensitivity: tuple[float, float],
    specificity: tuple[float, float],
    *,
    n_all: float,
    confidence: float,
) -> tuple[float, float]:
    """The interval of Lang and Reiczigel (2014, equations 6, 7, 16 and 17); the first three are a share and its n.

    Theirs is for sensitivity and specificity from other items, which `n_all` of infinity stands for. Where the labelled
    items are among those of the rate, their covariance, `se (1 - se) / n_all` and `-sp (1 - sp) / n_all`, is taken into
    account.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    n, n_se, n_sp = rate[1] + z * z, sensitivity[1] + 2, specificity[1] + 2
    p = (rate[1] * rate[0] + z * z / 2) / n
    se, sp = (sensitivity[1] * sensitivity[0] + 1) / n_se, (specificity[1] * specificity[0] + 1) / n_sp
    if se + sp - 1 <= 0.05:
        return 0.0, 1.0
    value = (p + sp - 1) / (se + sp - 1)
    of_se, of_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    shift = 2 * z * z * (value * of_se - (1 - value) * of_sp)
    apart = p * (1 - p) / n + value**2 * of_se + (1 - value) ** 2 * of_sp
    share = min(1.0, max(0.0, value))
    shared = 2 * (share * se * (1 - se) + (1 - share) * sp * (1 - sp)) / n_all
    variance = max(apart - shared, apart / 4) / (se + sp - 1) ** 2
    low, high = value + shift - z * math.sqrt(variance), value + shift + z * math.sqrt(variance)
    return min(1.0, max(0.0, low)), max(0.0, min(1.0, high))


def _effective(values: Floats, places: NDArray[np.int64]) -> float:
    """How many independent items the values are worth: their number over the design effect of their clusters."""
    n, spread = values.size, float(values.var())
    sums = np.bincount(places, weights=values - values.mean())
    n_clusters = len(np.unique(places))
    if n_clusters == n:
        return float(n)
    if spread == 0 or n_clusters < 2:
        return float(n_clusters)
    effect = float(sums @ sums) * n_clusters / (n_clusters - 1) / (n * spread)
    return n / max(1.0, effect)


def _values(given: ArrayLike, *, name: str, least: int = 2) -> Floats:
    found = np.asarray(given, dtype=np.float64)
    if found.ndim != 1 or found.size < least or not ((found >= 0) & (found <= 1)).all():
        raise BadParameter(
            f"{name} must be at least {least} numbers in [0, 1], shape (n,), got shape {found.shape}"
            + (f" from {found.min():g} to {found.max():g}" if found.size else "")
        )
    return found


def _check_pairs(people: Floats, judge: Floats) -> None:
    if people.size != judge.size:
        raise BadParameter(f"people and judge must label the same items, got {people.size} and {judge.size}")


def _places(
    clusters: Sequence[Hashable] | None, rest_clusters: Sequence[Hashable] | None, *, n: int, n_rest: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Number of clusters over both parts, and the place of each item's."""
    labelled = list(range(n)) if clusters is None else list(clusters)
    rest = [("rest", k) for k in range(n_rest)] if rest_clusters is None else list(rest_clusters)
    if (clusters is None) != (rest_clusters is None) and n_rest:
        raise BadParameter("clusters and rest_clusters must both be given, or neither; give the cluster of every item")
    if (len(labelled), len(rest)) != (n, n_rest):
        raise BadParameter(f"one cluster an item: expected {n} and {n_rest}, got {len(labelled)} and {len(rest)}")
    names: dict[Hashable, int] = {}
    found = [
        np.array([names.setdefault(name, len(names)) for name in side], dtype=np.int64) for side in (labelled, rest)
    ]
    return len(names), found[0], found[1]
