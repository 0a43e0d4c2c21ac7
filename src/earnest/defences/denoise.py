"""Noise taken out by the log-spectral amplitude estimator of Ephraim and Malah."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.short_time import Grid
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.defences.spectral_gate import whole_frames
from earnest.errors import BadParameter

FRAME_S = 0.032
SMOOTHING = 0.98
"""Weight of the frame before in the a priori ratio (decision directed)."""

LEAST_RATIO = 10 ** (-25 / 10)
"""Least a priori signal-to-noise ratio: -25 dB."""

MOST_RATIO = 1e4
"""Most a posteriori ratio: beyond 40 dB the gain is 1 anyway."""

QUIET = 0.2
"""Quantile of a bin's power over time that is taken for noise."""

Floats = NDArray[np.float64]


@defences.register("denoise")
@dataclass(frozen=True, kw_only=True)
class Denoise(Defence):
    """The clip with each frame and frequency multiplied by the gain that estimates the logarithm of the speech best.

    Frames of 32 ms every 8 ms. The power of the noise is estimated for each frequency from the clip itself: the quantile
    0.2 of its power over time, brought to the mean of noise that is exponentially distributed. The ratio of speech to
    noise follows the frame before (decision directed, 0.98) and never falls under -25 dB; gains are at most 1.

    Parameters
    ----------
    strength : float
        Exponent of the gains, in [0, 1]: 1 is the estimator, 0 changes nothing.

    Notes
    -----
    The estimator and its a priori ratio are those of [ephraim1985-logspectral]. There the noise is known; the estimate by
    a quantile is ours, and steady sounds are part of it. The gradient is a stand-in: through the gains of the clip as they
    are, held fixed. Enhancement before an audio language model may cost more than it gains: read the utility.
    """

    source: ClassVar[str] = "ephraim1985-logspectral"
    gradient: ClassVar[Gradient] = "stand_in"

    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise BadParameter(f"strength of denoise must lie from 0 to 1, got {self.strength!r}")

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip with less noise."""
        if not self.strength:
            return clip
        return sounding(self._weighted(clip.samples, clip), clip=clip, by="denoise", instead="lower its strength")

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient through the gains of the clip."""
        return self._weighted(gradient, clip) if self.strength else gradient

    def _weighted(self, samples: NDArray[np.float32], clip: AudioClip) -> NDArray[np.float32]:
        grid = Grid.of(FRAME_S, clip.sample_rate)
        power = np.square(np.abs(grid.spectra(clip.samples)).astype(np.float64))
        noise = noise_power(whole_frames(power, grid, clip.n_samples))
        gains = log_spectral_gains(power, noise) ** self.strength
        return np.asarray(grid.weighted(samples, gains), dtype=np.float32)


def noise_power(power: Floats) -> Floats:
    """The mean power of the noise in each bin, shape (n_bins,), from powers of shape (n_frames, n_bins).

    Of power that is exponentially distributed, as that of Gaussian noise is, the quantile q is -ln(1 - q) of the mean.
    """
    return np.asarray(np.quantile(power, QUIET, axis=0) / -np.log1p(-QUIET))


def log_spectral_gains(power: Floats, noise: Floats) -> Floats:
    """The gain of each frame and bin [ephraim1985-logspectral, equation 20], at most 1; 1 where there is no noise.

    Parameters
    ----------
    power : float64 array, shape (n_frames, n_bins)
        Of the noisy clip.
    noise : float64 array, shape (n_bins,)
        Mean power of the noise.
    """
    heard = noise > 0
    posterior = np.minimum(power / np.where(heard, noise, 1), MOST_RATIO)
    gains = np.ones_like(power)
    before = np.ones(power.shape[1])
    for frame, ratio in enumerate(posterior):
        prior = SMOOTHING * before + (1 - SMOOTHING) * np.maximum(ratio - 1, 0)
        gains[frame] = log_spectral_gain(np.maximum(prior, LEAST_RATIO), ratio)
        before = gains[frame] ** 2 * ratio
    return np.where(heard, gains, 1.0)


def log_spectral_gain(prior: Floats, posterior: Floats) -> Floats:
    """ξ / (1 + ξ) exp(E1(ν) / 2) with ν = ξ γ / (1 + ξ), at most 1.

    >>> float(np.round(log_spectral_gain(np.array([1.0]), np.array([1.0]))[0], 4))
    0.6615
    """
    from scipy.special import exp1

    share = prior / (1 + prior)
    return np.asarray(np.minimum(share * np.exp(0.5 * exp1(np.maximum(share * posterior, 1e-12))), 1.0))
