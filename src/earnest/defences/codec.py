"""Lossy coding: what a codec throws away may hold the attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip, coding, effects
from earnest.defences._base import Defence, Gradient, defences


@defences.register("codec")
@dataclass(frozen=True, kw_only=True)
class Codec(Defence):
    """The clip coded and decoded before the model hears it, its length and alignment kept.

    Coding has no derivative; gradients pass straight through, which is enough to attack it adaptively
    ([athalye2018-obfuscated]). Silence stays nearly silent.

    Parameters
    ----------
    format : {"mp3", "opus", "vorbis", "mu_law", "a_law", "gsm", "aac", "g722", "amr_nb"}
        The last three need `earnest[codecs]`. mu_law, a_law, gsm and amr_nb run at 8 kHz, g722 at 16 kHz.
    bit_rate : int or None
        In bit/s; None takes the codec's usual one.

    Notes
    -----
    [das2018-adagio] reports that MP3 and AMR undo targeted attacks on speech recognition. Whether that holds against an
    attacker who knows of the codec is what adaptive runs are for.
    """

    source: ClassVar[str] = "das2018-adagio"
    gradient: ClassVar[Gradient] = "stand_in"

    format: str = "mp3"
    bit_rate: int | None = None

    def __post_init__(self) -> None:
        coding.chosen(self.format, self.bit_rate)  # refuses what there is not

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip as it comes out of the decoder."""
        samples, _ = effects.codec(clip.samples, clip.sample_rate, name=self.format, bit_rate=self.bit_rate)
        return clip.with_samples(samples)
