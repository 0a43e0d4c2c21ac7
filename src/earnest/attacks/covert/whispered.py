"""The request whispered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.attacks._base import Family, attacks
from earnest.attacks._presented import Presented
from earnest.audio import AudioClip
from earnest.audio.whispering import whispered
from earnest.errors import BadParameter


@attacks.register("whispered")
@dataclass(frozen=True, kw_only=True)
class Whispered(Presented):
    """The recording as a softer whisper: all words are there, but cannot be followed from across the room.

    Parameters
    ----------
    gain_db : float
        From -60 to 0, over the recording's own level.

    Notes
    -----
    Whispers are among the changes of [roh2025-multiaudiojail]. Its whisper is an effect of its own choice; here the
    voice's tone is replaced by breath through the same vocal tract (`earnest.audio.whispering`).
    """

    source: ClassVar[str] = "roh2025-multiaudiojail"
    family: ClassVar[Family] = "covert"

    gain_db: float = -12.0

    def __post_init__(self) -> None:
        if not -60 <= self.gain_db <= 0:
            raise BadParameter(
                f"gain_db of whispered must be from -60 to 0, got {self.gain_db!r}; -12 is a whisper beside speech"
            )

    def presented(self, clip: AudioClip, *, rng: np.random.Generator) -> tuple[AudioClip, Mapping[str, Any]]:
        """The whisper."""
        breath = whispered(clip.samples, clip.sample_rate, rng=rng)
        return clip.with_samples(breath * np.float32(10 ** (self.gain_db / 20))), {}
