"""Corruptions in five steps of severity: one effect of `earnest.audio.effects`, put on once, whatever comes of it."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.attacks._base import Attack, Family
from earnest.attacks._candidate import Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.audio.effects import Changed
from earnest.errors import BadParameter
from earnest.models.access import rng_for

STEPS = 5


@dataclass(frozen=True, kw_only=True)
class Corruption(Attack, abc.ABC):
    """What happens to a clip on its way, without anybody's intent: asks nothing, needs no goal, has no control.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe.
    """

    family: ClassVar[Family] = "corruption"
    of_silence: ClassVar[bool] = True
    """Whether it can be put on a silent clip; where not, such a clip is a fault."""

    severity: int = 3

    def __post_init__(self) -> None:
        if self.severity not in range(1, STEPS + 1) or isinstance(self.severity, bool):
            raise BadParameter(
                f"severity of {self.name} must be a whole number from 1 to {STEPS}, got {self.severity!r}; 1 is mild"
            )

    @property
    def max_queries(self) -> int:
        """None."""
        return 0

    @abc.abstractmethod
    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> Changed:
        """Samples of the clip after it, at the clip's own rate, and what was drawn."""

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The corrupted clips."""
        return [self._candidate(stimulus.clip, rng) for stimulus, rng in zip(stimuli, rngs, strict=True)]

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """The same corruption of another clip, in a draw of its own."""
        made = self._candidate(clip, rng_for(0, "twin", clip.digest))
        return None if made.fault else made.clip

    def _candidate(self, clip: AudioClip, rng: np.random.Generator) -> Candidate:
        if clip.peak == 0 and not self.of_silence:
            return Candidate(fault=f"the clip is silent, and {self.name} has no ratio to silence")
        samples, drawn = self.corrupted(clip, rng)
        facts: dict[str, Any] = {"severity": self.severity, **drawn}
        return Candidate(clip=clip.with_samples(samples), drawn=facts)
