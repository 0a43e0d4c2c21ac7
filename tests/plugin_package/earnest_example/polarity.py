"""An attack in a foreign package."""

from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks import Attack, Candidate, Family, attacks


@attacks.register("polarity")
@dataclass(frozen=True, kw_only=True)
class PolarityFlip(Attack):
    """The clip upside down, which nobody hears and no model should mind.

    Parameters
    ----------
    gain : float
        What the clip is multiplied by besides.
    """

    source: ClassVar[str] = "example2026-polarity"
    family: ClassVar[Family] = "corruption"

    gain: float = 1.0

    def propose(self, victim, stimuli, *, rngs):
        """Every clip times minus `gain`."""
        return [Candidate(clip=s.clip.with_samples(-abs(self.gain) * s.clip.samples)) for s in stimuli]
