"""A band alone, or shelves around the clip's own centre: attacks often live where speech does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, effects
from earnest.audio.spectra import stft_power
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.errors import BadParameter

KINDS = ("band", "shelves")
FRAME = 2048
"""Samples in a frame of the centroid, as in the work's code."""

LOW_SHARE, HIGH_SHARE = 0.1, 1.5
"""Corners of the shelves, as shares of the median centroid."""

LOW_DB, HIGH_DB = -30.0, -12.0


@defences.register("band_limit")
@dataclass(frozen=True, kw_only=True)
class BandLimit(Defence):
    """What of the clip lies between two frequencies, without delay; or the clip with what lies far from its centre softer.

    Parameters
    ----------
    low_hz : float
        Lower edge of the band; 0 keeps the lowest.
    high_hz : float or None
        Upper edge; None, or half the sample rate and above, keeps the highest.
    kind : {"band", "shelves"}
        "shelves" ignores the edges: it lowers what is below a tenth of the clip's median spectral centroid by 30 dB, and
        what is above one and a half times it by 12 dB, as the code of [hussain2021-waveguard] does.

    Notes
    -----
    A band is one of the preprocessings of [rajaratnam2018-isolated]; the edges are ours, and keep most of speech. The filter is linear and symmetric in time, and so its own adjoint. The shelves follow the clip; their gradient is
    that of the filter for the corners as they are, a stand-in. Where the work uses shelving filters of an effects
    program, ours are raised cosines over an octave on either side of the corner, without delay.
    """

    source: ClassVar[str] = "rajaratnam2018-isolated"

    low_hz: float = 80.0
    high_hz: float | None = 4000.0
    kind: Literal["band", "shelves"] = "band"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadParameter(f"kind of band_limit must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not 0 <= self.low_hz < (np.inf if self.high_hz is None else self.high_hz):
            raise BadParameter(
                f"low_hz of band_limit must be at least 0 and under high_hz, got {self.low_hz!r} and {self.high_hz!r}"
            )

    @property
    def gradient(self) -> Gradient:
        """Exact for a band; for shelves a stand-in, since they follow the clip."""
        return "exact" if self.kind == "band" else "stand_in"

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip within the band, or between the shelves."""
        filtered = self._filtered(clip.samples, clip)
        return sounding(filtered, clip=clip, by="band_limit", instead="widen the band")

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient through the same filter."""
        return self._filtered(gradient, clip)

    def _filtered(self, samples: NDArray[np.float32], clip: AudioClip) -> NDArray[np.float32]:
        if self.kind == "band":
            limited, _ = effects.band_limit(samples, clip.sample_rate, low_hz=self.low_hz, high_hz=self.high_hz)
            return np.asarray(limited, dtype=np.float32)
        return effects.filtered(samples, clip.sample_rate, gain=_shelves(centroid_hz(clip)))


def centroid_hz(clip: AudioClip) -> float:
    """The median over frames of the spectrum's centre of gravity in Hz, frames of silence left out; 0 for silence."""
    length = min(FRAME, max(8, clip.n_samples))
    magnitudes = np.sqrt(stft_power(clip.samples, frame_length=length, hop_length=max(1, length // 4)))
    weights = magnitudes.sum(axis=1)
    frequencies = np.fft.rfftfreq(length, 1.0 / clip.sample_rate)
    sounding = weights > 0
    return float(np.median(magnitudes[sounding] @ frequencies / weights[sounding])) if sounding.any() else 0.0


def _shelves(centre_hz: float) -> effects.Response:
    def gain(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        if not centre_hz:
            return np.ones_like(frequency)
        octaves = np.log2(np.maximum(frequency, 1e-3) / centre_hz)
        low = LOW_DB * _falling(octaves - np.log2(LOW_SHARE))
        high = HIGH_DB * _falling(np.log2(HIGH_SHARE) - octaves)
        return np.asarray(10 ** ((low + high) / 20))

    return gain


def _falling(octaves: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 an octave below, 0 an octave above, half a cosine between."""
    return np.asarray(0.5 - 0.5 * np.sin(np.pi / 2 * np.clip(octaves, -1.0, 1.0)))
