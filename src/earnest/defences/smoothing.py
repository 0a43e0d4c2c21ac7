"""Smoothing over time, with or without noise: an attack that lives in fine detail is blurred."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from earnest.audio import AudioClip
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadParameter

KINDS = ("mean", "gaussian", "median", "none")


@defences.register("smoothing")
@dataclass(frozen=True, kw_only=True)
class Smoothing(Defence):
    """The clip with every sample replaced by an average around it; before and after the clip counts as silence.

    Parameters
    ----------
    kind : {"mean", "gaussian", "median", "none"}
        The average. The window of "gaussian" spans four standard deviations; "none" only adds noise.
    width_ms : float
        Length of the window, to the nearest odd number of samples, at least 3: at 16 kHz, 0.3 ms are 5.
    sigma : float
        Standard deviation of white noise that is added first, full scale being 1. Above 0 the defence is random: attack
        it with several draws (`pgd:eot=8`).

    Notes
    -----
    Local smoothing is one of the transformations of [yang2018-temporal]. Noise is that of [olivier2021-smoothing], but
    without a vote over several answers, and so without a certificate. Gradients are exact, but for the median: they
    pass straight through it.
    """

    source: ClassVar[str] = "yang2018-temporal"

    kind: Literal["mean", "gaussian", "median", "none"] = "mean"
    width_ms: float = 0.3
    sigma: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadParameter(f"kind of smoothing must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not 0 < self.width_ms <= 1000:
            raise BadParameter(f"width_ms of smoothing must lie above 0 and up to 1000, got {self.width_ms!r}")
        if not 0 <= self.sigma <= 1:
            raise BadParameter(f"sigma of smoothing must lie in [0, 1], full scale being 1, got {self.sigma!r}")

    @property
    def gradient(self) -> Gradient:
        """Exact for linear averages, which are their own adjoints; a stand-in for the median."""
        return "stand_in" if self.kind == "median" else "exact"

    @property
    def random(self) -> bool:
        """Whether noise is added."""
        return self.sigma > 0

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The noisy clip, smoothed."""
        samples = clip.samples
        if self.sigma:
            samples = samples + np.float32(self.sigma) * rng.standard_normal(clip.n_samples, dtype=np.float32)
        return clip.with_samples(self._smoothed(samples, clip.sample_rate))

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient smoothed alike: a symmetric window between silences is its own adjoint."""
        return gradient if self.kind == "median" else self._smoothed(gradient, clip.sample_rate)

    def _smoothed(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        half = max(1, round((self.width_ms * 1e-3 * sample_rate - 1) / 2))
        if self.kind == "mean":
            return ndimage.uniform_filter1d(samples, 2 * half + 1, mode="constant")
        if self.kind == "gaussian":
            return ndimage.gaussian_filter1d(samples, (2 * half + 1) / 4, mode="constant", radius=math.ceil(1.5 * half))
        if self.kind == "median":
            return ndimage.median_filter(samples, size=2 * half + 1, mode="constant")
        return samples
