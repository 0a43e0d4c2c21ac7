"""Gaussian mixtures with diagonal covariances, fitted by expectation maximisation, and straight-line calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

Floats = NDArray[np.float64]

VARIANCE_FLOOR = 1e-2
"""Least variance of a component, as a share of that of all frames."""
_BLOCK = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """A mixture of Gaussians.

    Parameters
    ----------
    weights : float64 array, shape (n_components,)
    means, variances : float64 array, shape (n_components, n_features)
    """

    weights: Floats
    means: Floats
    variances: Floats

    def log_joint(self, frames: Floats) -> Floats:
        """Log of weight times density of each component, shape (n_frames, n_components)."""
        precision = 1 / self.variances
        constant = np.log(self.weights) - 0.5 * np.sum(
            np.log(2 * np.pi * self.variances) + self.means**2 * precision, axis=1
        )
        return constant - 0.5 * (frames**2) @ precision.T + frames @ (self.means * precision).T

    def log_likelihood(self, frames: Floats) -> Floats:
        """Log density of each frame, shape (n_frames,)."""
        return logsumexp(self.log_joint(frames), axis=1)

    def refined(self, frames: Floats, *, floor: Floats) -> Mixture:
        """After one step of expectation maximisation; a component that no frame belongs to stays where it is."""
        n, first, second = np.zeros(len(self.weights)), np.zeros_like(self.means), np.zeros_like(self.means)
        for begin in range(0, len(frames), _BLOCK):
            block = frames[begin : begin + _BLOCK]
            joint = self.log_joint(block)
            share = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
            n, first, second = n + share.sum(axis=0), first + share.T @ block, second + share.T @ block**2
        held = (n > 1e-3)[:, None]
        size = np.maximum(n, 1e-3)[:, None]
        means = np.where(held, first / size, self.means)
        variances = np.where(held, np.maximum(second / size - (first / size) ** 2, floor), self.variances)
        return Mixture(weights=(n + 1e-6) / (n + 1e-6).sum(), means=means, variances=variances)


def fitted_mixture(frames: Floats, *, n_components: int, n_steps: int, rng: np.random.Generator) -> Mixture:
    """A mixture fitted to frames, begun at frames that are drawn; with fewer frames than components, as many as frames."""
    n = min(n_components, len(frames))
    spread = np.maximum(frames.var(axis=0), 1e-8)
    begun = Mixture(
        weights=np.full(n, 1 / n),
        means=frames[rng.choice(len(frames), n, replace=False)],
        variances=np.tile(spread, (n, 1)),
    )
    for _ in range(n_steps):
        begun = begun.refined(frames, floor=VARIANCE_FLOOR * spread)
    return begun


def calibration(*, bona_fide: Floats, spoof: Floats, n_steps: int = 100) -> tuple[float, float]:
    """Scale and offset that turn scores into natural log-likelihood ratios: logistic regression, both classes weighing alike.

    Targets are Platt's, drawn in from 0 and 1, so that classes that part perfectly do not give an infinite scale. A scale
    below 0 (scores that point the wrong way) is kept: it is what was found.
    """
    scores = np.concatenate([bona_fide, spoof])
    n, m = len(bona_fide), len(spoof)
    targets = np.concatenate([np.full(n, (n + 1) / (n + 2)), np.full(m, 1 / (m + 2))])
    weights = np.concatenate([np.full(n, 0.5 / n), np.full(m, 0.5 / m)])
    centre, spread = float(scores.mean()), max(float(scores.std()), 1e-12)
    design = np.stack([(scores - centre) / spread, np.ones_like(scores)], axis=1)
    found = np.zeros(2)
    for _ in range(n_steps):  # Newton's method on a convex loss; the ridge keeps the step finite
        chance = expit(design @ found)
        slope = design.T @ (weights * (chance - targets))
        curve = (design * (weights * chance * (1 - chance))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return float(found[0] / spread), float(found[1] - found[0] * centre / spread)
