"""Speech and music codecs as corruptions: one codec at five settings, from what is hardly heard to what is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.attacks.corruption._severity import Corruption
from earnest.audio import AudioClip, coding, effects


@dataclass(frozen=True, kw_only=True)
class Coding(Corruption):
    """A codec there and back, its length and alignment kept."""

    source: ClassVar[str] = "shah2024-speech"
    codec: ClassVar[str]
    settings: ClassVar[tuple[Mapping[str, Any], ...]]
    """By severity: a bit rate in bit/s, or how many times it is coded and decoded."""

    def ready(self) -> None:
        """Refuse to begin where the codec is not there.

        Raises
        ------
        MissingExtra
        """
        coding.chosen(self.codec, None)

    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> effects.Changed:
        """The clip as it is decoded."""
        setting = self.settings[self.severity - 1]
        samples, n_clipped = clip.samples, 0
        for _ in range(setting.get("passes", 1)):
            samples, drawn = effects.codec(samples, clip.sample_rate, name=self.codec, bit_rate=setting.get("bit_rate"))
            n_clipped = drawn["n_clipped"]
        return samples, {**drawn, **setting, "n_clipped": n_clipped}
