"""The other choice, by a change that nobody hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._descent import GradientAttack
from earnest.errors import BadParameter


@attacks.register("choice_flip")
@dataclass(frozen=True, kw_only=True)
class ChoiceFlip(GradientAttack):
    """A change under the masking threshold of the clip that reverses a choice: of a speaker, a label, a verdict.

    It goes along the gradient towards the answer that the item's goal wants (the second of two speakers, say), and
    every iterate is made so quiet that it lies `masking_db` over the clip's masking threshold at most, on average
    over what is audible. The control is noise of the same size. That a choice between people can be turned by what
    nobody hears is a finding on the choice, whichever way it goes.

    Parameters
    ----------
    masking_db : float
        Most that the change may lie above the masking threshold, in dB; 0 is the threshold itself.
    snr_db : float
        Least SNR of the change besides.
    steps : int
        At least 1.
    step_size : float
        Share of the longest change that `snr_db` allows.
    check_every : int
        Steps from one query to the next; 0 never asks.

    Notes
    -----
    The threshold is that of [qin2019-imperceptible], put right (`earnest.audio.masking`). There it is part of the
    loss and the target a transcript; here it is a budget that is kept, and the target a choice.
    """

    source: ClassVar[str] = "qin2019-imperceptible"

    masking_db: float = 0.0
    snr_db: float = 20.0
    steps: int = 50
    step_size: float = 0.1
    check_every: int = 10

    def __post_init__(self) -> None:
        _ = self.budget  # refuses its own faults
        for name, least in (("steps", 1), ("check_every", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise BadParameter(f"{name} of choice_flip must be a whole number of at least {least}, got {value!r}")
        if not self.step_size > 0:
            raise BadParameter(f"step_size of choice_flip must be a positive share, got {self.step_size!r}")

    @property
    def budget(self) -> Budget:
        """Masking and SNR together."""
        return Budget(masking_db=self.masking_db, snr_db=self.snr_db)
