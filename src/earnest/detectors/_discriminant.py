"""A straight line between two classes of vectors: Fisher's discriminant with shrinkage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Discriminant:
    """Log-likelihood ratio of two Gaussians that share a covariance, each side equally likely.

    Parameters
    ----------
    weights : float64 array, shape (n_features,)
    offset : float
    """

    weights: Floats
    offset: float

    def scores(self, rows: Floats) -> Floats:
        """The ratio of each row, above 0 for the first class; shape (n_rows,)."""
        return rows @ self.weights + self.offset


def fitted_discriminant(*, first: Floats, second: Floats, shrinkage: float = 0.1) -> Discriminant:
    """The discriminant of two classes of rows, shape (n_rows, n_features), two each at least.

    The covariance within the classes is shrunk by a share towards its own diagonal, so that few rows suffice.
    """
    centred = np.concatenate([first - first.mean(axis=0), second - second.mean(axis=0)])
    within = centred.T @ centred / max(1, len(centred) - 2)
    variances = np.diag(within)
    floor = 1e-6 * max(float(variances.max(initial=0.0)), 1e-12)
    shrunk = (1 - shrinkage) * within + shrinkage * np.diag(variances) + floor * np.eye(len(within))
    weights = np.linalg.solve(shrunk, first.mean(axis=0) - second.mean(axis=0))
    return Discriminant(weights=weights, offset=-float((first.mean(axis=0) + second.mean(axis=0)) @ weights) / 2)
