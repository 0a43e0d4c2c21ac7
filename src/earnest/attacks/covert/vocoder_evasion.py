"""A copy sent through one more vocoder, or over the air, so that a detector loses the marks that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import Family, attacks
from earnest.attacks._presented import Presented
from earnest.audio import AudioClip, spectra
from earnest.audio.short_time import Grid, griffin_lim
from earnest.errors import BadParameter

FRAME_S = 0.05


@attacks.register("vocoder_evasion")
@dataclass(frozen=True, kw_only=True)
class VocoderEvasion(Presented):
    """The clip taken down to a mel spectrogram and made audible again by Griffin and Lim's iteration.

    Marks that the first vocoder left above the resolution of `n_mels` bands, and its phases, are gone; others come
    in. A detector that knows the marks of some vocoders may be evaded by them, and one that knows copies may see this
    one the better: the control asks the clip as it is.

    Parameters
    ----------
    n_mels : int
        Bands, from 20 to 256; 80 is what most vocoders are given.
    iterations : int
        From 1 to 200.

    Notes
    -----
    The inversion is that of [griffin1984-signal], phases begun from zero. No work is followed in using it as an
    evasion.
    """

    source: ClassVar[str] = "griffin1984-signal"
    family: ClassVar[Family] = "covert"

    n_mels: int = 80
    iterations: int = 32

    def __post_init__(self) -> None:
        for name, low, high in (("n_mels", 20, 256), ("iterations", 1, 200)):
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise BadParameter(
                    f"{name} of vocoder_evasion must be a whole number from {low} to {high}, got {value!r}"
                )

    def presented(self, clip: AudioClip, *, rng: np.random.Generator) -> tuple[AudioClip, Mapping[str, Any]]:
        """The clip from its mel spectrogram."""
        samples = from_mels(clip.samples, clip.sample_rate, n_mels=self.n_mels, iterations=self.iterations)
        level = np.sqrt(
            np.mean(clip.samples.astype(np.float64) ** 2) / max(np.mean(samples.astype(np.float64) ** 2), 1e-20)
        )
        samples = samples * np.float32(level)
        peak = float(np.abs(samples).max())
        return clip.with_samples(samples * np.float32(min(1.0, 0.999 / peak))), {}


def from_mels(samples: NDArray[np.float32], sample_rate: int, *, n_mels: int, iterations: int) -> NDArray[np.float32]:
    """What can be heard of the samples through a mel spectrogram, of the same length."""
    grid = Grid.of(FRAME_S, sample_rate)
    filters = spectra.mel_filters(sample_rate=sample_rate, n_fft=grid.frame, n_mels=n_mels).astype(np.float64)
    power = np.square(np.abs(grid.spectra(samples.astype(np.float64)))) @ filters @ np.linalg.pinv(filters)
    magnitudes = np.sqrt(np.maximum(power, 0))
    return griffin_lim(magnitudes, grid=grid, n_samples=len(samples), iterations=iterations)[0].astype(np.float32)
