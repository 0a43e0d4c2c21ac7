"""Coarser amplitudes: a change smaller than half a step is rounded away, or to a whole step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip, effects
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding
from earnest.errors import BadParameter


@defences.register("quantise")
@dataclass(frozen=True, kw_only=True)
class Quantise(Defence):
    """Every sample rounded to the nearest multiple of `q` steps of 16-bit audio.

    Rounding has no derivative worth the name; gradients pass straight through, which is enough to attack it adaptively
    ([athalye2018-obfuscated]).

    Parameters
    ----------
    q : int
        A power of two from 1 to 16384; the works try 128, 256, 512 and 1024. 256 leaves 8 bits; 1 rounds to 16 bits,
        which changes no clip that was read from a 16-bit file.

    Raises
    ------
    BadAudio
        If nothing of a clip with sound is left: it is softer than half a step throughout. The item is counted as
        unscored and not asked as silence.

    Notes
    -----
    Quantisation is tested by [yang2018-temporal] and [hussain2021-waveguard]. Their code and their text differ in whether
    the lattice has a step at full scale; ours is that of 16-bit audio, from -1 to 1 - q/32768.
    """

    source: ClassVar[str] = "yang2018-temporal"
    gradient: ClassVar[Gradient] = "stand_in"

    q: int = 256

    def __post_init__(self) -> None:
        if not (isinstance(self.q, int) and 1 <= self.q <= 2**14 and self.q & (self.q - 1) == 0):
            raise BadParameter(f"q of quantise must be a power of two from 1 to 16384 16-bit steps, got {self.q!r}")

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip on the coarser lattice."""
        samples, _ = effects.quantise(clip.samples, clip.sample_rate, n_bits=17 - self.q.bit_length())
        return sounding(samples, clip=clip, by="quantise", instead="take a smaller q")
