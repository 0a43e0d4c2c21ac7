"""How well members of a training set are separated from others by a score, higher meaning more likely a member.

The mean over a whole curve hides what matters: an attack that is right about few people and never wrong about others has
an area near 0.5 and harms those few. So the rate of members found at a small rate of false alarms stands beside the area
([carlini2022-lira]), and where a rate is too small to be seen with the non-members at hand, there is none.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics.clusters import Jackknife, jackknife_interval
from earnest.metrics.detection import validate
from earnest.metrics.intervals import (
    CONFIDENCE,
    Interval,
    cluster_places,
    disagreement_bound,
    percentile_interval,
)

Floats = NDArray[np.float64]


def area_under_curve(*, members: ArrayLike, nonmembers: ArrayLike) -> float:
    """Probability that a member's score is above a non-member's, a tie counting half.

    Parameters
    ----------
    members, nonmembers : float64 array, shape (n_items,)
        Finite, at least one each.

    Returns
    -------
    float in [0, 1]
        0.5 is chance.

    Examples
    --------
    >>> area_under_curve(members=[3.0, 2.0], nonmembers=[1.0, 2.0])  # 3 > 1, 3 > 2, 2 > 1, and 2 = 2 counts half
    0.875
    """
    inside, outside = validate(members, name="members"), validate(nonmembers, name="nonmembers")
    return float(_wins(inside, outside).mean() / outside.size)


def area_interval(
    *,
    members: ArrayLike,
    nonmembers: ArrayLike,
    member_clusters: Sequence[Hashable],
    nonmember_clusters: Sequence[Hashable],
    confidence: float = CONFIDENCE,
) -> Interval:
    """Interval of the area, from leaving out one cluster (a speaker, say) at a time with all its items on both sides.

    With clusters of one item it is the interval from DeLong's variance, but for a score interval in place of a normal one
    and as many degrees of freedom as the clusters give. Where no cluster's absence moves the area (perfect separation) it
    reaches as far as one that disagreed might.

    Raises
    ------
    BadParameter
        If lengths differ, or a side has fewer than two clusters.
    """
    inside, outside = validate(members, name="members"), validate(nonmembers, name="nonmembers")
    if len(member_clusters) != inside.size or len(nonmember_clusters) != outside.size:
        raise BadParameter(
            f"each score needs a cluster, got {len(member_clusters)} for {inside.size} members and "
            f"{len(nonmember_clusters)} for {outside.size} non-members"
        )
    n_least = min(len(set(member_clusters)), len(set(nonmember_clusters)))
    if n_least < 2:
        raise BadParameter(
            f"an interval over clusters needs at least two on each side, got {n_least}; one speaker says nothing about others"
        )
    n_clusters, places = cluster_places([*member_clusters, *nonmember_clusters], n=inside.size + outside.size)
    own, others = places[: inside.size], places[inside.size :]
    wins = np.bincount(own, weights=_wins(inside, outside), minlength=n_clusters)
    losses = np.bincount(others, weights=_losses(inside, outside), minlength=n_clusters)
    both = np.zeros(n_clusters)
    for place in np.intersect1d(own, others):
        both[place] = _wins(inside[own == place], outside[others == place]).sum()
    left_members = inside.size - np.bincount(own, minlength=n_clusters)
    left_others = outside.size - np.bincount(others, minlength=n_clusters)
    total = float(_wins(inside, outside).sum())
    area = total / (inside.size * outside.size)
    without = (total - wins - losses + both) / np.maximum(left_members * left_others, 1)
    moves = np.where((left_members > 0) & (left_others > 0), without - area, 0.0)[:, None]
    agree = not np.abs(moves).max() > 1e-12
    share = disagreement_bound(n_clusters=n_least, confidence=confidence) if agree else 0.0
    made = Jackknife(
        moves=np.zeros_like(moves) if agree else moves,
        shares=np.full((n_clusters, 1), 1 / n_clusters),
        reach=np.array([[share * area, share * (1 - area)]]),
    )
    interval = jackknife_interval(area, made, bounds=(0.0, 1.0), confidence=confidence)
    if interval is None:  # bounded on both sides, so that there always is one
        raise AssertionError("a bounded area without an interval")
    return interval


def least_nonmembers(false_positive_rate: float) -> int:
    """How many non-members there must be for one of them to be a rate of false alarms.

    >>> least_nonmembers(0.001)
    1000
    """
    if not 0 < false_positive_rate < 1:
        raise BadParameter(f"a false positive rate must lie between 0 and 1, got {false_positive_rate}")
    return math.ceil(1 / false_positive_rate - 1e-9)


def rate_at(*, members: ArrayLike, nonmembers: ArrayLike, false_positive_rate: float) -> float | None:
    """Share of members above the threshold that at most this share of non-members is above; None with too few of these.

    The threshold is a non-member's own score, so that no false alarm more is let through by a tie.

    Examples
    --------
    >>> rate_at(members=[9.0, 8.0, 2.0], nonmembers=[8.5, 3.0, 2.0, 1.0], false_positive_rate=0.25)  # above 3
    0.6666666666666666
    >>> rate_at(members=[9.0, 8.0], nonmembers=[1.0, 2.0], false_positive_rate=0.25) is None
    True
    """
    inside, outside = validate(members, name="members"), validate(nonmembers, name="nonmembers")
    if outside.size < least_nonmembers(false_positive_rate):
        return None
    allowed = math.floor(false_positive_rate * outside.size + 1e-9)
    return float(np.mean(inside > np.sort(outside)[outside.size - 1 - allowed]))


def rate_interval(
    *,
    members: ArrayLike,
    nonmembers: ArrayLike,
    member_clusters: Sequence[Hashable],
    nonmember_clusters: Sequence[Hashable],
    false_positive_rate: float,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Bootstrap interval of `rate_at` over clusters, the threshold drawn anew each time; None with too few non-members.

    At 0 or 1 in nearly all draws it reaches as far as one cluster that disagreed might.
    """
    inside, outside = validate(members, name="members"), validate(nonmembers, name="nonmembers")
    value = rate_at(members=inside, nonmembers=outside, false_positive_rate=false_positive_rate)
    if value is None:
        return None
    n_clusters, places = cluster_places([*member_clusters, *nonmember_clusters], n=inside.size + outside.size)
    own, others = places[: inside.size], places[inside.size :]
    draws = []
    while len(draws) < n_resamples:
        times = np.bincount(rng.integers(n_clusters, size=n_clusters), minlength=n_clusters)
        some, rest = np.repeat(inside, times[own]), np.sort(np.repeat(outside, times[others]))
        if some.size and rest.size:
            allowed = math.floor(false_positive_rate * rest.size + 1e-9)
            draws.append(float(np.mean(some > rest[rest.size - 1 - allowed])))
    found = percentile_interval(draws, confidence=confidence)
    share = disagreement_bound(n_clusters=len(set(member_clusters)), confidence=confidence)
    low = min(found.low, 1 - share) if value == 1.0 else found.low
    high = max(found.high, share) if value == 0.0 else found.high
    return Interval(min(low, value), max(high, value), confidence)


def _wins(inside: Floats, outside: Floats) -> Floats:
    """For each member over how many non-members it is, ties counting half."""
    known = np.sort(outside)
    return (np.searchsorted(known, inside, "left") + np.searchsorted(known, inside, "right")) / 2.0


def _losses(inside: Floats, outside: Floats) -> Floats:
    """For each non-member how many members are over it, ties counting half."""
    return inside.size - _wins(outside, inside)
