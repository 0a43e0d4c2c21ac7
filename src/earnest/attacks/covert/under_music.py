"""The request under music."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import Family, attacks
from earnest.attacks._presented import Presented
from earnest.audio import AudioClip, effects
from earnest.errors import BadParameter

CHORDS_HZ = (
    (130.81, 164.81, 196.0),
    (98.0, 146.83, 196.0, 246.94),
    (110.0, 164.81, 220.0, 261.63),
    (87.31, 130.81, 174.61, 220.0),
)
"""C major, G major, A minor, F major: a second of each."""


@attacks.register("under_music")
@dataclass(frozen=True, kw_only=True)
class UnderMusic(Presented):
    """The recording under music that is louder than it: a passer-by hears a tune, the device a request as well.

    Parameters
    ----------
    snr_db : float
        Power of the recording over that of the music, from -30 to 30.

    Notes
    -----
    Music over requests is one of the overlays of [hughes2024-bon]. Here it hides the request and is drawn once; the
    tune is a progression of four plucked chords, made by rule.
    """

    source: ClassVar[str] = "hughes2024-bon"
    family: ClassVar[Family] = "covert"

    snr_db: float = -3.0

    def __post_init__(self) -> None:
        if not -30 <= self.snr_db <= 30:
            raise BadParameter(
                f"snr_db of under_music must be from -30 to 30, got {self.snr_db!r}; -3 has the music louder"
            )

    def presented(self, clip: AudioClip, *, rng: np.random.Generator) -> tuple[AudioClip, Mapping[str, Any]]:
        """The recording under the tune, turned down where it would pass full scale."""
        music = clip.with_samples(tune(clip.n_samples, clip.sample_rate))
        samples, drawn = effects.second_speaker(
            clip.samples, clip.sample_rate, other=music, snr_db=self.snr_db, rng=rng
        )
        peak = float(np.abs(samples).max())
        gain = min(1.0, 0.999 / peak) if peak else 1.0
        return clip.with_samples(samples * np.float32(gain)), {"offset_s": drawn["offset_s"], "gain": gain}


def tune(n_samples: int, sample_rate: int) -> NDArray[np.float32]:
    """Four chords in turn, one a second, each note of each struck anew every quarter of a second."""
    time_s = np.arange(n_samples) / sample_rate
    chord = np.floor(time_s).astype(int) % len(CHORDS_HZ)
    decay = np.exp(-3 * (time_s % 0.25))
    tones = np.zeros(n_samples)
    for place, notes in enumerate(CHORDS_HZ):
        sounding = chord == place
        for note in notes:
            for k in range(1, 5):
                if k * note < sample_rate / 2:
                    tones[sounding] += np.sin(2 * np.pi * k * note * time_s[sounding]) / k**2
    return (0.1 * (decay * tones + 1e-3)).astype(np.float32)
