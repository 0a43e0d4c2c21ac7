"""Ranks with intervals: what place a model has, and what places it might have had with other speakers and texts.

Rank 1 is the best; models of one value share the better rank. Whole clusters of items are drawn with replacement, the
same for every model, so that items that are hard for all do not blur the order. A rank interval says which places the
draws leave open, and says nothing of models that were not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics.intervals import CONFIDENCE, N_RESAMPLES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankInterval:
    """A model's rank, and the ranks that the draws leave open; all count from 1."""

    rank: int
    low: int
    high: int


def clustered_draws(totals: ArrayLike, *, rng: np.random.Generator, n_resamples: int = N_RESAMPLES) -> Floats:
    """Values of all models on clusters drawn with replacement, the same clusters for all.

    A value is the mean over parts (classes, say) of the sum above over the sum below. Clusters that each belong to one
    part are drawn part by part.

    Parameters
    ----------
    totals : float64 array, shape (n_models, n_clusters, n_parts, 2)
        What each cluster adds above and below the bar; zeros where a model lacks the cluster.

    Returns
    -------
    float64 array, shape (n_resamples, n_models)
        nan where a part has nothing below.

    Raises
    ------
    BadParameter
        If the shape is another, or there is no cluster.
    """
    sums = np.asarray(totals, dtype=np.float64)
    if sums.ndim != 4 or sums.shape[3] != 2 or 0 in sums.shape:
        raise BadParameter(f"totals must have shape (n_models, n_clusters, n_parts, 2), got {sums.shape}")
    n_models, n_clusters, n_parts, _ = sums.shape
    flat = sums.transpose(1, 0, 2, 3).reshape(n_clusters, -1)
    drawn = np.zeros((n_resamples, flat.shape[1]))
    for rows in _strata(sums):
        drawn += rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=n_resamples) @ flat[rows]
    drawn = drawn.reshape(n_resamples, n_models, n_parts, 2)
    above, below = drawn[..., 0], drawn[..., 1]
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0).mean(axis=-1)


def _strata(sums: Floats) -> list[NDArray[np.int64]]:
    """Places of the clusters that are drawn together."""
    present = (sums[..., 1] != 0).any(axis=0)
    if present.shape[1] > 1 and (present.sum(axis=1) == 1).all():
        return [np.flatnonzero(column) for column in present.T if column.any()]
    return [np.arange(present.shape[0])]


def interval_draws(
    value: float, *, low: float, high: float, rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> Floats:
    """Draws of a value of which only a 95 % interval is known: half a normal to either side, within [0, 1].

    Parameters
    ----------
    value, low, high : float in [0, 1]
        `low <= value <= high`.

    Returns
    -------
    float64 array, shape (n_resamples,)
    """
    if not low - 1e-9 <= value <= high + 1e-9:
        raise BadParameter(f"an interval must hold its value, got {low} to {high} around {value}")
    steps = rng.standard_normal(n_resamples) / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return np.clip(value + np.where(steps < 0, steps * (value - low), steps * (high - value)), 0.0, 1.0)


def rank_intervals(draws: ArrayLike, *, values: ArrayLike, confidence: float = CONFIDENCE) -> list[RankInterval]:
    """Rank of each model by `values`, with the middle `confidence` of its ranks over the draws; higher is better.

    In a draw, tied models may have any of the ranks that they share: the best of these counts towards the lower end of
    the interval, the worst towards the upper.

    Parameters
    ----------
    draws : float64 array, shape (n_draws, n_models)
        Finite; at least 100 draws.
    values : float64 array, shape (n_models,)
        What the models are ranked by.

    Returns
    -------
    list of RankInterval, one a model

    Raises
    ------
    BadParameter
        If shapes do not fit, there are too few draws, or a number is not finite.

    Examples
    --------
    >>> rank_intervals(np.tile([0.9, 0.2, 0.9], (100, 1)), values=[0.9, 0.2, 0.9])
    [RankInterval(rank=1, low=1, high=2), RankInterval(rank=3, low=3, high=3), RankInterval(rank=1, low=1, high=2)]
    """
    drawn, known = np.asarray(draws, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if drawn.ndim != 2 or len(drawn) < 100 or known.shape != drawn.shape[1:]:
        raise BadParameter(
            f"draws must have shape (n_draws, n_models) with at least 100 draws and a value a model, "
            f"got {drawn.shape} and {known.shape}"
        )
    if not (np.isfinite(drawn).all() and np.isfinite(known).all()):
        raise BadParameter("draws and values must be finite; leave out models without a value")
    tail = (1 - confidence) / 2
    found = []
    for place, value in enumerate(known):
        others = np.delete(drawn, place, axis=1)
        own = drawn[:, [place]]
        best, worst = 1 + (others > own).sum(axis=1), 1 + (others >= own).sum(axis=1)
        rank = 1 + int((known > value).sum())
        low = int(np.quantile(best, tail, method="inverted_cdf"))
        high = int(np.quantile(worst, 1 - tail, method="inverted_cdf"))
        found.append(RankInterval(rank, min(low, rank), max(high, rank)))
    return found


def rank_bands(intervals: Sequence[RankInterval]) -> list[tuple[int, int]]:
    """The band of ranks that each model shares with those it cannot be told apart from, (first, last).

    Two models share a band where their rank intervals overlap, or where a chain of such overlaps joins them. The bands
    are apart and cover every rank.

    Examples
    --------
    >>> rank_bands([RankInterval(1, 1, 2), RankInterval(2, 1, 2), RankInterval(3, 3, 3)])
    [(1, 2), (1, 2), (3, 3)]
    """
    order = sorted(range(len(intervals)), key=lambda place: (intervals[place].low, intervals[place].high))
    bands: list[tuple[int, int]] = [(0, 0)] * len(intervals)
    begin = 0
    for at in range(len(order)):
        reach = max(intervals[p].high for p in order[begin : at + 1])
        ends = at + 1 == len(order) or intervals[order[at + 1]].low > reach
        if ends:
            for member in order[begin : at + 1]:
                bands[member] = (begin + 1, at + 1)
            begin = at + 1
    return bands
