"""Reverberation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks.corruption._severity import Corruption
from earnest.audio import AudioClip, effects


@attacks.register("room")
@dataclass(frozen=True, kw_only=True)
class Room(Corruption):
    """The clip heard in a simulated room, drawn for each clip, at the clip's own level.

    Severity: reverberation time of 0.2, 0.4, 0.7, 1.1 or 1.8 s, in a shoebox of 3 to 10 by 3 to 8 by 2.5 to 4 m.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe.

    Notes
    -----
    [shah2024-speech] has room responses among its corruptions; sizes and times here are our own.
    """

    source: ClassVar[str] = "shah2024-speech"

    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> effects.Changed:
        """The clip in the room."""
        return effects.apply("room", clip.samples, clip.sample_rate, severity=self.severity, rng=rng)
