"""The clip spoken again from a model of the vocal tract: what linear prediction does not describe is not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.prediction import driven, predictors, residual
from earnest.audio.spectra import frames, hann
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.errors import BadParameter

EXCITATIONS = ("voiced", "noise", "residual")
FRAME_S = 0.025
EMPHASIS = 0.9
PITCH_HZ = (60.0, 400.0)
VOICED = 0.5
"""Least normalised autocorrelation at a pitch period of a frame that counts as voiced."""

Floats = NDArray[np.float64]


@defences.register("lpc")
@dataclass(frozen=True, kw_only=True)
class LinearPrediction(Defence):
    """The clip analysed by linear prediction and synthesised from the coefficients, gains and a made excitation.

    Frames of 25 ms overlap by half under Hann windows, after pre-emphasis (0.9). Each is described by its predictor, the
    energy of its residual and, if it is voiced, its pitch.

    Parameters
    ----------
    order : int
        Coefficients of the predictor, 1 to 100.
    excitation : {"voiced", "noise", "residual"}
        What drives the filters: pulses at the pitch in voiced frames and noise in the others; noise throughout; or the
        residual itself, which gives the clip again but for rounding.

    Notes
    -----
    One of the transformations of [hussain2021-waveguard], whose code excites voiced frames by a sawtooth at the first
    formant's frequency; ours by pulses at the pitch of the frame. It also takes the coefficients through line spectral
    frequencies and back, which loses nothing, so this is left out. The gradient is a stand-in: passed straight through,
    which is the derivative under the clip's own residual. The noise is drawn.
    """

    source: ClassVar[str] = "hussain2021-waveguard"
    gradient: ClassVar[Gradient] = "stand_in"

    order: int = 20
    excitation: Literal["voiced", "noise", "residual"] = "voiced"

    def __post_init__(self) -> None:
        if not (isinstance(self.order, int) and 1 <= self.order <= 100):
            raise BadParameter(f"order of lpc must be a whole number from 1 to 100, got {self.order!r}")
        if self.excitation not in EXCITATIONS:
            raise BadParameter(f"excitation of lpc must be one of {', '.join(EXCITATIONS)}, got {self.excitation!r}")

    @property
    def random(self) -> bool:
        """Whether noise is drawn."""
        return self.excitation != "residual"

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip as the filters say it."""
        from scipy.signal import lfilter

        hop = max(4, round(FRAME_S * clip.sample_rate / 2))
        plain = clip.samples.astype(np.float64)
        emphasised = np.zeros(clip.n_samples + 3 * hop - clip.n_samples % hop)
        emphasised[hop : hop + clip.n_samples] = plain
        emphasised[hop + 1 : hop + clip.n_samples] -= EMPHASIS * plain[:-1]
        cut = frames(emphasised, frame_length=2 * hop, hop_length=hop) * hann(2 * hop).astype(np.float64)
        taps = predictors(cut, self.order)
        left = residual(cut, taps)
        made = driven(left if self.excitation == "residual" else self._excited(left, cut, clip.sample_rate, rng), taps)
        joined = np.zeros((len(made) + 1, hop))
        joined[:-1] += made[:, :hop]
        joined[1:] += made[:, hop:]
        spoken = lfilter([1.0], [1.0, -EMPHASIS], joined.reshape(-1)[hop : hop + clip.n_samples])
        return sounding(spoken.astype(np.float32), clip=clip, by="lpc", instead="raise the order")

    def _excited(self, left: Floats, cut: Floats, sample_rate: int, rng: np.random.Generator) -> Floats:
        """Pulses or noise for each frame, under the window and with the energy of its residual."""
        n_frames, length = left.shape
        shape = rng.standard_normal((n_frames, length))
        if self.excitation == "voiced":
            periods = pitch_periods(cut, sample_rate)
            for place in np.flatnonzero(periods):
                first = -(place * length // 2) % periods[place]  # pulses of frames with one pitch fall together
                shape[place] = 0.0
                shape[place, first :: periods[place]] = 1.0
        shape *= hann(length).astype(np.float64)
        energy = np.einsum("ij,ij->i", shape, shape)
        wanted = np.einsum("ij,ij->i", left, left)
        return shape * np.sqrt(wanted / np.maximum(energy, 1e-30))[:, None]


def pitch_periods(cut: Floats, sample_rate: int) -> NDArray[np.int64]:
    """The pitch period of each windowed frame in samples, 0 of frames that are not voiced, shape (n_frames,)."""
    from scipy import fft

    length = cut.shape[1]

    def correlation(rows: Floats) -> Floats:
        spectrum = fft.rfft(rows, 2 * length, axis=1)
        return np.asarray(fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, :length])

    shortest, longest = max(1, int(sample_rate / PITCH_HZ[1])), min(length // 2, int(sample_rate / PITCH_HZ[0]))
    if longest <= shortest:
        return np.zeros(len(cut), dtype=np.int64)
    window = correlation(hann(length).astype(np.float64)[None])[0]
    own = correlation(cut)
    normal = own[:, shortest : longest + 1] / np.maximum(own[:, :1], 1e-20)
    normal *= window[0] / window[shortest : longest + 1]
    best = np.argmax(normal, axis=1)
    voiced = normal[np.arange(len(cut)), best] > VOICED
    return np.where(voiced, best + shortest, 0)
