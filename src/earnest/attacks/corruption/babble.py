"""Other voices in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks.corruption._severity import Corruption
from earnest.audio import AudioClip, effects
from earnest.errors import BadParameter

PITCHES_CENTS = (-500.0, 500.0, -300.0, 300.0, -100.0, 100.0)
"""Of the voices, one after the other: no two alike, none at the clip's own pitch."""


@attacks.register("babble")
@dataclass(frozen=True, kw_only=True)
class Babble(Corruption):
    """Several voices talking at once behind the speaker, none of whose words can be made out.

    Severity: 20, 15, 10, 5 or 0 dB from the clip to all voices together. The voices are the clip itself played
    backwards, each at another pitch and from another place, so that no recordings are needed and nothing
    understandable is added.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe.
    n_voices : int
        From 1 to 6.

    Notes
    -----
    [shah2024-speech] mixes recordings of crowds and second talkers; here babble is made of the clip.
    """

    source: ClassVar[str] = "shah2024-speech"
    of_silence: ClassVar[bool] = False

    n_voices: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.n_voices, int) and 1 <= self.n_voices <= len(PITCHES_CENTS)):
            raise BadParameter(
                f"n_voices of babble must be a whole number from 1 to {len(PITCHES_CENTS)}, got {self.n_voices!r}"
            )

    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> effects.Changed:
        """The clip among the voices."""
        backwards, rate = np.ascontiguousarray(clip.samples[::-1]), clip.sample_rate
        voices = [
            clip.with_samples(effects.pitch(backwards, rate, cents=cents)[0])
            for cents in PITCHES_CENTS[: self.n_voices]
        ]
        changed, drawn = effects.apply("babble", clip.samples, rate, severity=self.severity, others=voices, rng=rng)
        return changed, {key: value for key, value in drawn.items() if key != "others"} | {"n_voices": self.n_voices}
