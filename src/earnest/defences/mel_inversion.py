"""The clip taken down to a mel spectrogram and made audible again: phases, and detail within bands, are gone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.short_time import Grid, Spectra, griffin_lim
from earnest.audio.spectra import mel_filters
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.errors import BadParameter

FRAME_S = 0.064
LOW_HZ, HIGH_HZ = 125.0, 7600.0

Floats = NDArray[np.float32]


@defences.register("mel_inversion")
@dataclass(frozen=True, kw_only=True)
class MelInversion(Defence):
    """The clip from its mel spectrogram: magnitudes by the pseudo-inverse of the filters, phases by Griffin and Lim.

    Frames of 64 ms every 16 ms (1,024 and 256 samples at 16 kHz), triangular filters on magnitudes between 125 and
    7,600 Hz. Magnitudes that the pseudo-inverse makes negative are 0. Length and alignment are kept.

    Parameters
    ----------
    n_mels : int
        Bands, 10 to 512.
    iterations : int
        From 0, which leaves all phases 0, to 200.

    Notes
    -----
    Mel extraction and inversion of [hussain2021-waveguard], with its frames (stated there for 1,024 and 256 samples), band
    edges and 80 bands. Its code takes the phases by local weighted sums; ours come from [griffin1984-signal]. Its limits
    of the levels (a range of 100 dB) are left out, so that the level of a clip makes no difference.

    The gradient is a stand-in: the derivative through the magnitudes, exactly, under the phases that the iteration came
    to, held fixed. Passing it straight through would compare samples whose phases have nothing in common.
    """

    source: ClassVar[str] = "hussain2021-waveguard"
    gradient: ClassVar[Gradient] = "stand_in"

    n_mels: int = 80
    iterations: int = 32

    def __post_init__(self) -> None:
        for name, low, high in (("n_mels", 10, 512), ("iterations", 0, 200)):
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise BadParameter(
                    f"{name} of mel_inversion must be a whole number from {low} to {high}, got {value!r}"
                )

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip as its mel spectrogram sounds."""
        grid = Grid.of(FRAME_S, clip.sample_rate)
        magnitudes = self._kept(np.abs(grid.spectra(clip.samples)), clip.sample_rate)
        samples, _ = griffin_lim(magnitudes, grid=grid, n_samples=clip.n_samples, iterations=self.iterations)
        return sounding(np.asarray(samples, np.float32), clip=clip, by="mel_inversion", instead="leave the item out")

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient through the magnitudes, under the phases that `apply` ends with."""
        grid = Grid.of(FRAME_S, clip.sample_rate)
        spectra = grid.spectra(clip.samples)
        modulus = np.abs(spectra)
        magnitudes = self._kept(modulus, clip.sample_rate)
        _, phases = griffin_lim(magnitudes, grid=grid, n_samples=clip.n_samples, iterations=self.iterations)
        filters, inverse = _pair(self.n_mels, clip.sample_rate, grid.frame)
        twice = np.full(modulus.shape[1], 2, np.float32)  # a bin stands for two of the full spectrum, but for the ends
        twice[[0, -1]] = 1
        along = twice * np.real(np.conj(phases) * grid.spectra(gradient))
        along = np.where(magnitudes > 0, along, 0) @ inverse.T @ filters.T / twice
        direction: Spectra = np.where(modulus > 0, spectra / np.where(modulus > 0, modulus, 1), 0)
        return np.asarray(grid.samples(direction * along, clip.n_samples), dtype=np.float32)

    def _kept(self, magnitudes: Floats, sample_rate: int) -> Floats:
        """What the pseudo-inverse makes of the bands of these magnitudes."""
        filters, inverse = _pair(self.n_mels, sample_rate, 2 * (magnitudes.shape[1] - 1))
        return np.maximum(magnitudes @ filters @ inverse, 0)


@lru_cache(maxsize=8)
def _pair(n_mels: int, sample_rate: int, frame: int) -> tuple[Floats, Floats]:
    """The filters, shape (n_bins, n_mels), and their pseudo-inverse."""
    top = min(HIGH_HZ, sample_rate / 2)
    filters = mel_filters(sample_rate=sample_rate, n_fft=frame, n_mels=n_mels, low_hz=min(LOW_HZ, top / 4), high_hz=top)
    return filters, np.linalg.pinv(filters.astype(np.float64)).astype(np.float32)
