"""One narrow band taken out of the clip, and how much of an attack was in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, effects
from earnest.audio.levels import power
from earnest.audio.spectra import band_powers
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.errors import BadParameter

EDGE_HZ = 20.0
"""Width of the slope on either side of the band, outside of it."""


@defences.register("band_mask")
@dataclass(frozen=True, kw_only=True)
class BandMask(Defence):
    """The clip without what lies between two frequencies; as an audit, the share of a change that lies there.

    The band is emptied whole; what leaves its sides alone rises over 20 Hz. A clip whose sample rate holds nothing of the
    band is left as it is, so at 8 kHz the default does nothing.

    Parameters
    ----------
    low_hz, high_hz : float
        The band. The default is that of an audit of [advwaveaudit2026-frequency], which found an attack's effect in it:
        masked, it brings the attack's success on one model to 0.10.

    Notes
    -----
    What an attack loses by the mask is a run with and without it; `energy_share` says how much of the change there was to
    lose. Speech has little there, so that utility costs little. An attacker who knows of the mask goes elsewhere: the
    filter is linear and its own adjoint, and the adaptive figure is the one to read.
    """

    source: ClassVar[str] = "advwaveaudit2026-frequency"
    gradient: ClassVar[Gradient] = "exact"

    low_hz: float = 7520.0
    high_hz: float = 7960.0

    def __post_init__(self) -> None:
        if not 0 <= self.low_hz < self.high_hz < np.inf:
            raise BadParameter(
                f"low_hz and high_hz of band_mask must be at least 0, finite and in order, got {self.low_hz!r} and {self.high_hz!r}"
            )

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip with the band emptied."""
        if self.low_hz >= clip.sample_rate / 2:
            return clip
        masked = self._masked(clip.samples, clip.sample_rate)
        return sounding(masked, clip=clip, by="band_mask", instead="narrow the band")

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient with the band emptied."""
        return gradient if self.low_hz >= clip.sample_rate / 2 else self._masked(gradient, clip.sample_rate)

    def energy_share(self, *, clean: AudioClip, perturbed: AudioClip) -> float:
        """The share of a change's energy that lies in the band, in [0, 1]; nan where nothing was changed.

        A change that is spread evenly over the spectrum has (high_hz - low_hz) / (sample_rate / 2) of its energy there:
        0.055 with the defaults at 16 kHz.

        Raises
        ------
        BadParameter
            If the clips differ in length or rate, so that there is no change to look at.
        """
        if clean.sample_rate != perturbed.sample_rate or clean.n_samples != perturbed.n_samples:
            raise BadParameter(
                f"clean and perturbed must have one rate and length, got {clean.n_samples} samples at {clean.sample_rate} Hz "
                f"and {perturbed.n_samples} at {perturbed.sample_rate} Hz; cut what was put before or after the clip"
            )
        change = perturbed.samples - clean.samples
        total = power(change)
        edges = (self.low_hz, self.high_hz)
        inside = float(band_powers(change, clean.sample_rate, edges_hz=edges)[0]) if total else 0.0
        return min(1.0, inside / total) if total else float("nan")

    def _masked(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        def gain(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
            outside = np.maximum(self.low_hz - frequency, frequency - self.high_hz)
            return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(outside / EDGE_HZ, 0.0, 1.0)))

        return effects.filtered(samples, sample_rate, gain=gain)
