"""What each cluster adds to a measure: what measures of several tasks, or of several runs, are resampled by together."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.metrics.clusters import Jackknife, jackknife_of, jackknife_of_ratios

Floats = NDArray[np.float64]
Estimate = Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """What each cluster adds to a measure.

    Parameters
    ----------
    clusters : tuple of str
    parts : tuple
        Names of the parts (classes, say); one where there are none.
    totals : float64 array, shape (n_clusters, n_parts, 2)
        Above and below the bar; with an `estimate` any shape (n_clusters, ...).
    estimate : callable or None
        Of sums of shape (..., *totals.shape[1:]) the measure, shape (...); None where it is the mean over parts of the
        ratio of their sums.
    weights : tuple of float
        Of the parts in that mean; they sum to 1. Empty: all alike.
    """

    clusters: tuple[str, ...]
    parts: tuple[Hashable, ...]
    totals: Floats
    estimate: Estimate | None = None
    weights: tuple[float, ...] = ()

    @property
    def value(self) -> float | None:
        """The measure, made anew; None where a part has nothing below the bar."""
        if not len(self.totals):
            return None
        found = float(self.of(self.totals.sum(axis=0)))
        return found if math.isfinite(found) else None

    def of(self, sums: Floats) -> Floats:
        """The measure of sums of shape (..., *totals.shape[1:]), shape (...); nan where it has no value."""
        if self.estimate is not None:
            return self.estimate(sums)
        return np.average(ratios(sums), axis=-1, weights=self.weights or None)

    def jackknife(self, *, bounds: tuple[float, float] | None) -> Jackknife | None:
        """What leaving out one cluster at a time tells of the measure; None where it has no value."""
        if self.value is None:
            return None
        if self.estimate is None:
            above, below = self.totals[..., 0], self.totals[..., 1]
            return jackknife_of_ratios(above, below, bounds=bounds, weights=self.weights or None)
        return jackknife_of(self.totals, self.estimate, bounds=bounds)


def ratios(sums: Floats) -> Floats:
    """Above over below the bar, nan where nothing is below; shape (..., n_parts)."""
    below = sums[..., 1]
    return np.divide(sums[..., 0], below, out=np.full(below.shape, np.nan), where=below != 0)
