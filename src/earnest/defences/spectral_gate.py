"""What is not louder than a frequency's usual level is taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.short_time import OVERLAP, Grid
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.errors import BadParameter

FRAME_S = 0.064
RANGE_DB = 80.0
"""Nothing counts as softer than so much under the loudest spot."""


@defences.register("spectral_gate")
@dataclass(frozen=True, kw_only=True)
class SpectralGate(Defence):
    """The clip with each frequency silenced while it is not well above its own mean level.

    Of each frequency bin the mean and the standard deviation of its level in dB are taken over the clip; frames in which it
    lies at most `n_std` deviations above the mean are closed. The gate is smoothed over frequency and time and applied to
    the short-time spectrum (64 ms, three quarters of overlap).

    The gate has no derivative; gradients pass through the gate as it is, held fixed, which is a stand-in.

    Parameters
    ----------
    n_std : float
        How far above the mean, in standard deviations, -10 to 10.
    reduction : float
        Share that a closed gate takes away, in [0, 1]; 0 changes nothing.
    smooth_hz, smooth_ms : float
        Half widths of the triangles over which the gate is smoothed, 0 to 5000 and 0 to 1000.

    Raises
    ------
    BadAudio
        If the gate is closed all the time, as for a tone of steady level.

    Notes
    -----
    The stationary algorithm of [sainburg2020-latent], with its defaults, where no recording of the noise alone is given.
    Enhancement before an audio language model may cost more than it gains: read the utility.
    """

    source: ClassVar[str] = "sainburg2020-latent"
    gradient: ClassVar[Gradient] = "stand_in"

    n_std: float = 1.5
    reduction: float = 1.0
    smooth_hz: float = 500.0
    smooth_ms: float = 50.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("n_std", -10, 10),
            ("reduction", 0, 1),
            ("smooth_hz", 0, 5000),
            ("smooth_ms", 0, 1000),
        ):
            if not low <= getattr(self, name) <= high:
                raise BadParameter(
                    f"{name} of spectral_gate must lie from {low} to {high}, got {getattr(self, name)!r}"
                )

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip through the gate."""
        if not self.reduction:
            return clip
        gated = self._gated(clip.samples, clip)
        return sounding(gated, clip=clip, by="spectral_gate", instead="lower n_std or reduction")

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient through the gate that the clip opens and closes."""
        return self._gated(gradient, clip) if self.reduction else gradient

    def _gated(self, samples: NDArray[np.float32], clip: AudioClip) -> NDArray[np.float32]:
        grid = Grid.of(FRAME_S, clip.sample_rate)
        return np.asarray(grid.weighted(samples, self.gains(clip)), dtype=np.float32)

    def gains(self, clip: AudioClip) -> NDArray[np.float32]:
        """How much of each frame and bin is kept, in [0, 1], shape (n_frames, n_bins)."""
        from scipy import ndimage

        grid = Grid.of(FRAME_S, clip.sample_rate)
        magnitudes = np.abs(grid.spectra(clip.samples)).astype(np.float64)
        top = float(magnitudes.max())
        if top == 0.0:
            return np.ones(magnitudes.shape, dtype=np.float32)
        levels_db = 20 * np.log10(np.maximum(magnitudes / top, 10 ** (-RANGE_DB / 20)))
        inner = whole_frames(levels_db, grid, clip.n_samples)
        threshold = inner.mean(axis=0) + self.n_std * inner.std(axis=0)
        # what equals its mean but for rounding lies at the threshold, not above it
        open_gate = (levels_db > threshold + 1e-9).astype(np.float64)
        bin_hz, hop_ms = clip.sample_rate / grid.frame, 1e3 * grid.hop / clip.sample_rate
        for axis, reach in ((1, self.smooth_hz / (2 * bin_hz)), (0, self.smooth_ms / hop_ms)):
            open_gate = ndimage.convolve1d(open_gate, _triangle(int(reach)), axis=axis, mode="constant")
        return np.asarray(1 - self.reduction * (1 - open_gate), dtype=np.float32)


def whole_frames(values: NDArray[np.float64], grid: Grid, n_samples: int) -> NDArray[np.float64]:
    """The rows of frames that lie within the clip; all of them where it is shorter than a frame."""
    inside = values[OVERLAP : n_samples // grid.hop + 1]
    return inside if len(inside) else values


def _triangle(reach: int) -> NDArray[np.float64]:
    """Weights that fall evenly to 0 just beyond `reach` places on either side, in sum 1."""
    weights = (reach + 1 - np.abs(np.arange(-reach, reach + 1))).astype(np.float64)
    return weights / weights.sum()
