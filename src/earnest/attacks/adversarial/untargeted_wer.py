"""Untargeted descent against recognition: as many words wrong as a quiet change can make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import GradientAttack, check_descent
from earnest.attacks._victim import Victim


@attacks.register("untargeted_wer")
@dataclass(frozen=True, kw_only=True)
class UntargetedWordError(GradientAttack):
    """A change within an SNR that raises the loss of what is rightly heard, step by step along its gradient.

    It is for goals that drive away from a text (`earnest attack untargeted_wer --goal mishear`), not for goals with a target.
    Where the search asks (`check_every`), it stops at the first clip that is misheard.

    The control is noise of exactly the same size: the change found, with the sign of every sample drawn anew.

    Parameters
    ----------
    snr_db : float
        Least SNR of the change in dB: 40, as in the authors' configuration; the work has 35 too.
    steps : int
        100, as there.
    step_size : float
        Length of a step as a share of the longest change: 0.1, as there.
    random_start : bool
        Whether to begin at random within the budget, lest the gradient be zero where the model is sure.
    eot : int
        Draws of random defences over which loss and gradient are averaged.
    check_every : int
        Steps from one query to the next; 0, as there, never asks and takes the clip of highest loss.

    Notes
    -----
    Departs from [olivier2022-whisper] (RaphaelOlivier/whisper_attack@57e4c9a) in keeping the best iterate rather than the last.
    """

    source: ClassVar[str] = "olivier2022-whisper"

    snr_db: float = 40.0
    steps: int = 100
    step_size: float = 0.1
    random_start: bool = True
    eot: int = 1
    check_every: int = 0

    def __post_init__(self) -> None:
        _ = self.budget
        check_descent(self)

    @property
    def budget(self) -> Budget:
        """`snr_db`."""
        return Budget(snr_db=self.snr_db)

    def lacking(self, victim: Victim, place: int) -> Candidate | None:
        """A goal with a target is another attack's."""
        goal = victim.stimuli[place].goal
        if place in victim.open and goal is not None and goal.away_from is None:
            return Candidate(
                fault="untargeted_wer needs a goal with a text to be driven away from; use pgd for a target"
            )
        return super().lacking(victim, place)
