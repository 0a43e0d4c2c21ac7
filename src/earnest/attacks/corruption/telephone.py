"""A telephone line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks.corruption._severity import Corruption
from earnest.audio import AudioClip, effects


@attacks.register("telephone")
@dataclass(frozen=True, kw_only=True)
class Telephone(Corruption):
    """Over a telephone: 300 to 3,400 Hz, coded, and from severity 3 on with frames lost and concealed.

    Severity: mu-law; GSM; GSM with 2 % of frames lost; GSM twice (from one network to the next) with 5 %; the same
    with 10 %.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe.

    Notes
    -----
    [shah2024-speech] codes and filters; the line as a whole, and its steps, are our own.
    """

    source: ClassVar[str] = "shah2024-speech"

    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> effects.Changed:
        """The clip as it comes out of the line."""
        return effects.apply("telephone", clip.samples, clip.sample_rate, severity=self.severity, rng=rng)
