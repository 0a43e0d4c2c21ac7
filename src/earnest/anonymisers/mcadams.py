"""The McAdams coefficient: formants moved by raising the angles of the poles of linear prediction to a power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.anonymisers._base import Anonymiser, Drawn, anonymisers, at_level_of
from earnest.audio import AudioClip, Entry
from earnest.audio.prediction import driven, predictors, residual
from earnest.audio.spectra import frames, hann
from earnest.errors import BadParameter

SAMPLE_RATE = 16_000
FRAME, HOP = 320, 160
"""20 ms every 10 ms."""
ORDER = 20

Floats = NDArray[np.float64]


@anonymisers.register("mcadams")
@dataclass(frozen=True, kw_only=True)
class McAdams(Anonymiser):
    """Formants moved by the McAdams coefficient [patino2021-mcadams], baseline B2 of the VoicePrivacy challenges.

    Frames of 20 ms every 10 ms under the root of a Hann window are taken apart by linear prediction of order 20. Of each
    pole with an imaginary part the angle phi (in radians, of a rate of 16 kHz) becomes phi to the power alpha; radii and
    real poles stay, and the new filter is driven by the old residual. Below 1 alpha raises what lies under 2.5 kHz and
    lowers what lies above. It needs no training and no network. Against an attacker who trains on anonymised speech it
    protects no better than nothing (4.5 % in VoicePrivacy 2024, clean speech 4.6 %): it is here as the anchor that an
    attacker has to break.

    Prediction is by autocorrelation and not by Burg's method, and the level of the clip is kept. Clips at another rate are
    worked on at 16 kHz, so nothing is left above 8 kHz.

    Parameters
    ----------
    alpha : float
        Above 0 and at most 1, for every voice; 1 changes nothing. 0 draws it evenly between `low` and `high`.
    low, high : float
        Ends of the draw: 0.5 and 0.9 in VoicePrivacy 2022 and 2024. The paper has 0.8 for everybody.
    """

    source: ClassVar[str] = "patino2021-mcadams"

    alpha: float = 0.0
    low: float = 0.5
    high: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise BadParameter(f"alpha of mcadams must be above 0 and at most 1, or 0 to draw it, got {self.alpha!r}")
        if not 0 < self.low <= self.high <= 1:
            raise BadParameter(
                f"low and high of mcadams must be in order, above 0 and at most 1, got {self.low!r} and {self.high!r}"
            )

    def draw(self, rng: np.random.Generator) -> Drawn:
        """The coefficient of a voice."""
        return {"alpha": self.alpha or round(float(rng.uniform(self.low, self.high)), 6)}

    def apply(self, entry: Entry, clip: AudioClip, drawn: Drawn) -> AudioClip:
        """The clip with its formants moved."""
        if drawn["alpha"] == 1:
            return clip
        moved = moved_formants(clip.resampled(SAMPLE_RATE).samples, alpha=drawn["alpha"])
        back = AudioClip(moved, SAMPLE_RATE).resampled(clip.sample_rate).samples[: clip.n_samples]
        return at_level_of(clip, np.pad(back, (0, clip.n_samples - len(back))))


def moved_formants(samples: NDArray[np.float32], *, alpha: float) -> NDArray[np.float32]:
    """Samples at 16 kHz with the angles of their poles raised to `alpha`, of the same length.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    alpha : float
        1 gives the samples again, but for rounding.
    """
    n = len(samples)
    padded = np.zeros(HOP + n + 2 * HOP - n % HOP)
    padded[HOP : HOP + n] = samples
    window = np.sqrt(hann(FRAME).astype(np.float64))
    cut = frames(padded, frame_length=FRAME, hop_length=HOP) * window
    taps = predictors(cut, ORDER)
    made = driven(residual(cut, taps), with_angles_raised(taps, alpha=alpha)) * window
    joined = np.zeros((len(made) + 1, HOP))
    joined[:-1] += made[:, :HOP]
    joined[1:] += made[:, HOP:]
    return joined.reshape(-1)[HOP : HOP + n].astype(np.float32)


def with_angles_raised(taps: Floats, *, alpha: float) -> Floats:
    """Predictors whose poles that are not real have their angle phi at phi ** alpha, radii kept.

    Parameters
    ----------
    taps : float64 array, shape (n_frames, order + 1)
        1, -a1, ..., -ap of each frame.

    Examples
    --------
    A pair of poles at a radius of 0.5 and an angle of 0.25 has its angle at 0.5 under a coefficient of 0.5:

    >>> taps = np.array([[1.0, -2 * 0.5 * np.cos(0.25), 0.25]])
    >>> bool(np.allclose(with_angles_raised(taps, alpha=0.5), [[1.0, -2 * 0.5 * np.cos(0.5), 0.25]]))
    True
    """
    order = taps.shape[1] - 1
    companion = np.zeros((len(taps), order, order))
    companion[:, 0] = -taps[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    poles = np.linalg.eigvals(companion).astype(np.complex128)
    angles = np.angle(poles)
    raised = np.abs(poles) * np.exp(1j * np.sign(angles) * np.abs(angles) ** alpha)
    poles = np.where(poles.imag != 0, raised, poles)
    made = np.zeros((len(taps), order + 1), dtype=np.complex128)
    made[:, 0] = 1.0
    for place in range(order):
        made[:, 1 : place + 2] -= poles[:, place, None] * made[:, : place + 1]
    return made.real
