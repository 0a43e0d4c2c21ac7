"""Noise at a given level: what a street or a fan does to speech, without anybody's intent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import Attack, Family, attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus, effects
from earnest.audio.noises import COLOURS
from earnest.errors import BadParameter


@attacks.register("noise")
@dataclass(frozen=True, kw_only=True)
class AdditiveNoise(Attack):
    """Noise added once to every stimulus at an exact signal-to-noise ratio over the whole clip.

    It needs no goal and asks nothing: one draw, whatever comes of it. The ratio holds on the 16-bit clip, to 0.01 dB
    where the noise is well above a 16-bit step and no peak is cut off. A silent clip has no such ratio and is a fault.

    Parameters
    ----------
    snr_db : float
        From -120 to 200.
    colour : {"white", "pink", "brown", "blue", "speech"}
        "speech" has the long-term spectrum of speech.

    Notes
    -----
    Follows the noises of [hendrycks2019-corruptions], which perturbs images at five levels, with dB in place of levels.
    """

    source: ClassVar[str] = "hendrycks2019-corruptions"
    family: ClassVar[Family] = "corruption"

    snr_db: float = 10.0
    colour: str = "white"

    def __post_init__(self) -> None:
        if not -120 <= self.snr_db <= 200:
            raise BadParameter(f"snr_db of noise must be from -120 to 200, got {self.snr_db!r}; 10 is a loud street")
        if self.colour not in COLOURS:
            raise BadParameter(f"colour of noise must be one of {', '.join(COLOURS)}, got {self.colour!r}")

    @property
    def budget(self) -> Budget:
        """No louder than `snr_db`, rounding included."""
        return Budget(snr_db=self.snr_db)

    @property
    def max_queries(self) -> int:
        """None."""
        return 0

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The noisy clips."""
        return [self._noisy(stimulus.clip, rng) for stimulus, rng in zip(stimuli, rngs, strict=True)]

    def _noisy(self, clip: AudioClip, rng: np.random.Generator) -> Candidate:
        if clip.peak == 0:
            return Candidate(fault="the clip is silent, and noise has no ratio to silence")
        samples, drawn = effects.noise(clip.samples, clip.sample_rate, snr_db=self.snr_db, colour=self.colour, rng=rng)
        return Candidate(clip=clip.with_samples(samples), drawn=drawn)
