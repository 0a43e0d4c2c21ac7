"""A poor microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks.corruption._severity import Corruption
from earnest.audio import AudioClip, effects


@attacks.register("microphone")
@dataclass(frozen=True, kw_only=True)
class Microphone(Corruption):
    """A narrow band, an amplifier that saturates, and the microphone's own noise.

    Severity, as band in Hz, drive above saturation in dB, noise in dBFS: 80-7000, -6, -70; 150-6000, 0, -60;
    200-5000, 10, -52; 250-4000, 20, -46; 300-3000, 30, -40. `earnest.audio.effects.microphone` tells what each does.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe.

    Notes
    -----
    [shah2024-speech] records on real devices; here one is simulated, at strengths of our own.
    """

    source: ClassVar[str] = "shah2024-speech"

    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> effects.Changed:
        """The clip as it is recorded."""
        return effects.apply("microphone", clip.samples, clip.sample_rate, severity=self.severity, rng=rng)
