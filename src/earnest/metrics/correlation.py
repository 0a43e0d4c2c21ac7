"""Do models that are good at one thing tend to be good at another? Spearman's correlation with a clustered bootstrap.

Of two scores that are 0 or 1 it is phi. The interval comes from whole clusters drawn with replacement and ranked anew; it
is the percentile interval, too narrow below some twenty clusters. Of several pairs looked at together, one in twenty shows
an interval clear of 0 by chance alone: say how many there were.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics.intervals import CONFIDENCE, N_RESAMPLES

Floats = NDArray[np.float64]

MIN_PAIRS = 5
"""Fewer pairs, or fewer clusters, give no correlation unless asked otherwise."""


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A rank correlation of two measures.

    Parameters
    ----------
    value, low, high : float or None
        In [-1, 1], with a 95 % interval; None where there is none.
    n, n_clusters : int
        Pairs, and clusters of them.
    why : str
        Why there is no value or no interval; empty otherwise.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_clusters: int
    why: str = ""


def correlation(
    *,
    first: ArrayLike,
    second: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    minimum: int = MIN_PAIRS,
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> Correlation:
    """Spearman's correlation of two measures of the same things, with its clustered bootstrap interval.

    Parameters
    ----------
    first, second : float array, shape (n_pairs,)
        nan is a missing measure; pairs with one are left out.
    clusters : sequence, length n_pairs, or None
        What pairs are drawn by, such as speakers; None: each pair alone.
    minimum : int
        Fewer pairs, or fewer clusters, give no value.

    Returns
    -------
    Correlation
        Without a value below the minimum, or where a side is constant; without an interval where more than
        half of the draws are constant on a side.

    Raises
    ------
    BadParameter
        If lengths differ.

    Examples
    --------
    >>> found = correlation(first=[1, 2, 3, 4, 5], second=[2, 1, 4, 3, 5], rng=np.random.default_rng(0))
    >>> found.value, found.n  # 1 - 6 * 4 / (5 * 24)
    (0.8, 5)
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    names = list(range(len(x))) if clusters is None else list(clusters)
    if x.ndim != 1 or x.shape != y.shape or len(names) != len(x):
        raise BadParameter(f"first, second and clusters must go together, got {x.shape}, {y.shape} and {len(names)}")
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    order = {name: place for place, name in enumerate(dict.fromkeys(n for n, k in zip(names, known, strict=True) if k))}
    places = np.array([order[name] for name, k in zip(names, known, strict=True) if k], dtype=np.int64)
    n, n_clusters = len(x), len(order)
    why = _why_not(x, y, n_clusters, minimum=minimum)
    if why:
        return Correlation(value=None, low=None, high=None, n=n, n_clusters=n_clusters, why=why)
    value = float(_spearman(x, y, np.ones((1, n)))[0])
    drawn = _drawn(x, y, places, n_clusters, rng=rng, n_resamples=n_resamples)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) * 2 < n_resamples:
        why = "most draws hold one value only"
        return Correlation(value=value, low=None, high=None, n=n, n_clusters=n_clusters, why=why)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Correlation(
        value=value, low=min(float(low), value), high=max(float(high), value), n=n, n_clusters=n_clusters
    )


def pairwise(
    columns: Mapping[str, ArrayLike],
    *,
    clusters: Sequence[Hashable] | None = None,
    minimum: int = MIN_PAIRS,
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> dict[tuple[str, str], Correlation]:
    """The correlation of every two columns, in their order; nan is a missing measure."""
    return {
        (a, b): correlation(
            first=columns[a], second=columns[b], clusters=clusters, minimum=minimum, rng=rng, n_resamples=n_resamples
        )
        for a, b in combinations(columns, 2)
    }


def _why_not(x: Floats, y: Floats, n_clusters: int, *, minimum: int) -> str:
    if len(x) < minimum:
        return f"{len(x)} {'pair' if len(x) == 1 else 'pairs'}, fewer than {minimum}"
    if n_clusters < minimum:
        return f"{n_clusters} {'cluster' if n_clusters == 1 else 'clusters'}, fewer than {minimum}"
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return "all of one side are equal"
    return ""


def _drawn(
    x: Floats, y: Floats, places: NDArray[np.int64], n_clusters: int, *, rng: np.random.Generator, n_resamples: int
) -> Floats:
    block = max(1, 2_000_000 // len(x))
    even = np.full(n_clusters, 1 / n_clusters)
    sizes = [min(block, n_resamples - start) for start in range(0, n_resamples, block)]
    weights = (rng.multinomial(n_clusters, even, size=size)[:, places].astype(np.float64) for size in sizes)
    return np.concatenate([_spearman(x, y, some) for some in weights])


def _spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Spearman's correlation of pairs that occur `weights` times, shape (n_draws,); nan where a side is constant."""
    a, b = _midranks(x, weights), _midranks(y, weights)
    total = weights.sum(axis=1, keepdims=True)
    a -= (weights * a).sum(axis=1, keepdims=True) / total
    b -= (weights * b).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((weights * a * a).sum(axis=1) * (weights * b * b).sum(axis=1))
    product = (weights * a * b).sum(axis=1)
    return np.clip(np.divide(product, spread, out=np.full(len(product), np.nan), where=spread > 1e-9), -1.0, 1.0)


def _midranks(values: Floats, weights: Floats) -> Floats:
    """Mean rank of each value where values occur `weights` times, shape (n_draws, n_values)."""
    levels, level = np.unique(values, return_inverse=True)
    counts = np.zeros((len(weights), len(levels)))
    np.add.at(counts.T, level, weights.T)
    middle = np.cumsum(counts, axis=1) - counts / 2
    return middle[:, level]
