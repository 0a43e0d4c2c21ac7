"""Whether the activations of one class fall into two clusters, and on which side a clip is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.detectors._activations import ActivationDetector, Floats
from earnest.detectors._base import detectors
from earnest.errors import BadParameter

N_STARTS, N_ROUNDS = 8, 50


@detectors.register("activation_clustering")
@dataclass(frozen=True, kw_only=True)
class ActivationClustering(ActivationDetector):
    """How much nearer a clip's activation is to the larger of its class's two clusters than to the smaller [chen2018-clustering].

    Poisoned rows are in the class of their planted label for another reason than the rest, and lie apart. The states of each
    class (rows that the model answers alike) are projected onto their first principal components and divided in two by k-means. The score is
    the distance to the smaller cluster's centre less that to the larger one's, over the distance of the two centres. The artefact tells
    the share of the smaller cluster and the silhouette, by which the work decides whether a class is poisoned at all.

    Parameters
    ----------
    n_components : int
        Principal components that are kept.

    Notes
    -----
    The work reduces by independent components to 10 dimensions, and reads the last hidden layer; ours are principal components.
    """

    source: ClassVar[str] = "chen2018-clustering"
    detects: ClassVar[str] = "a training clip that was poisoned"
    limits: ClassVar[str] = (
        "needs activations; the smaller of two clusters may be another voice, another recorder or another request, and there are always two; "
        "knows the suspect rows of its fit alone"
    )

    n_components: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.n_components, int) and self.n_components >= 1):
            raise BadParameter(
                f"n_components of activation_clustering must be a whole number of at least 1, got {self.n_components!r}"
            )

    def learnt_from(self, states: Floats, rng: np.random.Generator) -> Mapping[str, Any]:
        """Mean, components, the two centres (the larger cluster's first), share of the smaller, silhouette."""
        mean = states.mean(axis=0)
        components = np.linalg.svd(states - mean, full_matrices=False)[2][: self.n_components]
        rows = (states - mean) @ components.T
        assigned = two_means(rows, rng)
        if assigned.mean() > 0.5:
            assigned = 1 - assigned
        centres = np.array(
            [rows[assigned == side].mean(axis=0) if np.any(assigned == side) else rows.mean(axis=0) for side in (0, 1)]
        )
        return {
            "mean": mean,
            "components": components,
            "centres": centres,
            "smaller": np.array([assigned.mean()]),
            "silhouette": np.array([silhouette(rows, assigned)]),
        }

    def placed(self, state: Floats, arrays: Mapping[str, Any]) -> float:
        """Distance to the smaller cluster less that to the larger, over that of the centres."""
        row = (state - arrays["mean"]) @ arrays["components"].T
        larger, smaller = arrays["centres"]
        apart = float(np.linalg.norm(larger - smaller))
        return float(np.linalg.norm(row - smaller) - np.linalg.norm(row - larger)) / apart if apart > 0 else 0.0


def two_means(rows: Floats, rng: np.random.Generator) -> np.ndarray:
    """0 or 1 for each row: the division in two of least squared distance, over several random starts."""
    best, kept = np.inf, np.zeros(len(rows), dtype=np.int64)
    for _ in range(N_STARTS):
        centres = rows[rng.choice(len(rows), 2, replace=False)]
        for _ in range(N_ROUNDS):
            distances = ((rows[:, None] - centres) ** 2).sum(axis=2)
            assigned = distances.argmin(axis=1)
            moved = np.array(
                [rows[assigned == side].mean(axis=0) if np.any(assigned == side) else centres[side] for side in (0, 1)]
            )
            if np.array_equal(moved, centres):
                break
            centres = moved
        total = float(distances.min(axis=1).sum())
        if total < best - 1e-12:
            best, kept = total, assigned
    return kept


def silhouette(rows: Floats, assigned: np.ndarray) -> float:
    """Mean over rows of (b - a) / max(a, b), a the mean distance within its cluster and b that to the other; 0 of one cluster.

    >>> silhouette(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1]))  # a = 1, b = 10.5 and 9.5
    0.8997493734335839
    """
    if len(set(assigned.tolist())) < 2:
        return 0.0
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    found = []
    for place, own in enumerate(assigned):
        inside = (assigned == own) & (np.arange(len(rows)) != place)
        a = float(distances[place, inside].mean()) if inside.any() else 0.0
        b = float(distances[place, assigned != own].mean())
        found.append((b - a) / max(a, b, 1e-12) if inside.any() else 0.0)
    return float(np.mean(found))
