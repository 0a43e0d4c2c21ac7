"""Gaussian mixtures with diagonal covariances, fitted by expectation maximisation, and detectors with one mixture a side."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.detectors._calibrated import Calibrated, Held, folds
from earnest.detectors._labels import bona_fide_and_spoof
from earnest.errors import BadParameter
from earnest.models.access import System

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


SIDES = ("bona_fide", "spoof")
_PARTS = ("weights", "means", "variances")


@dataclass(frozen=True, kw_only=True)
class TwoMixtures(Calibrated):
    """Base of detectors with a mixture of Gaussians fitted to the features of each side.

    Parameters
    ----------
    n_components : int
        Gaussians of each mixture.
    n_steps : int
        Steps of expectation maximisation.
    max_frames : int
        Frames of each side that are fitted to, drawn from all.
    """

    sample_rate: ClassVar[int | None] = 16_000

    n_components: int = 64
    n_steps: int = 15
    max_frames: int = 60_000

    def __post_init__(self) -> None:
        for name in ("n_components", "n_steps", "max_frames"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BadParameter(
                    f"{name} of detector {self.name!r} must be a whole number of at least 1, got {value!r}"
                )

    @abc.abstractmethod
    def features(self, clip: AudioClip) -> Floats:
        """A row for each frame that is heard, shape (n_frames, n_features)."""

    def raw(self, clip: AudioClip) -> float:
        """Mean over frames of the log-likelihood of bona fide speech less that of spoofed speech."""
        return _ratio(self.features(clip), self._learnt)

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """Both mixtures over all rows, and the calibration over scores of rows that a fold's mixtures have not seen."""
        sides = dict(zip(SIDES, bona_fide_and_spoof(rows), strict=True))
        both = [entry for side in sides.values() for entry in side]
        frames = {entry.id: self.features(entry.clip()) for entry in both}
        placed = folds(both, rng)
        held = []
        for fold in sorted(set(placed.values())):
            inside = {side: [frames[e.id] for e in sides[side] if placed[e.id] != fold] for side in SIDES}
            if all(inside.values()):  # a fold that holds all of one side leaves nothing to fit on
                mixtures = self._mixtures(inside, rng)
                rest = [entry for entry in both if placed[entry.id] == fold]
                held.append(Held(rows=rest, raw=lambda clip, m=mixtures: _ratio(self.features(clip), m)))
        whole = self._mixtures({side: [frames[e.id] for e in sides[side]] for side in SIDES}, rng)
        crossed = all({e.id for part in held for e in part.rows} & {e.id for e in sides[side]} for side in SIDES)
        if not crossed:
            held = [Held(rows=both, raw=lambda clip: _ratio(self.features(clip), whole))]
        arrays = {f"{side}.{part}": getattr(whole[side], part).astype(np.float32) for side in SIDES for part in _PARTS}
        return self.calibrated_artefact(
            held,
            arrays,
            rng=rng,
            how="rows that a fold had not seen"
            if crossed
            else "the rows that it was fitted to: too few clusters for folds",
            n_bona_fide=len(sides["bona_fide"]),
            n_spoof=len(sides["spoof"]),
        )

    def _mixtures(self, features: Mapping[str, Sequence[Floats]], rng: np.random.Generator) -> dict[str, Mixture]:
        frames = {side: np.concatenate(list(parts)) for side, parts in features.items()}
        return {
            side: fitted_mixture(
                rows[np.sort(rng.choice(len(rows), min(len(rows), self.max_frames), replace=False))],
                n_components=self.n_components,
                n_steps=self.n_steps,
                rng=rng,
            )
            for side, rows in frames.items()
        }

    @cached_property
    def _learnt(self) -> dict[str, Mixture]:
        arrays: Mapping[str, Any] = self.fitted.arrays
        wanted = [f"{side}.{part}" for side in SIDES for part in _PARTS]
        if not {*wanted, "calibration"} <= arrays.keys():
            raise BadParameter(
                f"an artefact of {self.name!r} must hold {', '.join(wanted)} and calibration, got {', '.join(arrays)}; fit anew"
            )
        return {
            side: Mixture(**{part: np.asarray(arrays[f"{side}.{part}"], dtype=np.float64) for part in _PARTS})
            for side in SIDES
        }


def _ratio(features: Floats, mixtures: Mapping[str, Mixture]) -> float:
    return float(np.mean(mixtures["bona_fide"].log_likelihood(features) - mixtures["spoof"].log_likelihood(features)))
