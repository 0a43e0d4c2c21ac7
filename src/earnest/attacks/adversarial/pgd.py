"""Projected gradient descent on the waveform, towards the text that the attacker wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._descent import GradientAttack, check_descent

DEFAULT_SNR_DB = 30.0


@attacks.register("pgd")
@dataclass(frozen=True, kw_only=True)
class ProjectedGradientDescent(GradientAttack):
    """A small change of the waveform that lowers the loss of the goal's target text, step by step within a budget.

    Each step moves every sample by the sign of the gradient (under `epsilon` alone), or the clip along the gradient
    (under `snr_db`), and goes back into the budget. Every `check_every` steps the system is asked with the clip as a
    16-bit file would hold it; with `stop_early` the first clip that reaches the goal is taken. Otherwise the proposal
    is the clip of least loss among those that reached the goal when asked, else among all.

    The control is noise: the change found, with the sign of every sample drawn anew. It has the very same peak, SNR and
    course of loudness, and may be drawn as often as the attack was allowed to look at an answer.

    Parameters
    ----------
    epsilon : float or None
        Largest change of a sample, full scale being 1.
    snr_db : float or None
        Least SNR of the change in dB; 30 where no limit of size is given. All that are given hold.
    l2 : float or None
        Longest change (L2): root of the sum of squares, full scale being 1.
    masking_db : float or None
        Most that the change may lie above the clip's masking threshold, in dB, on average (`earnest.audio.masking`).
    steps : int
        At least 1; the gradient is taken `steps` + 1 times, as the last clip is measured too.
    step_size : float
        Length of a step as a share of the budget (of `epsilon`, or of the longest change that `snr_db` allows).
    momentum : float in [0, 1)
        Share of the last direction that is kept, after [dong2017-momentum]; 0 keeps none.
    random_start : bool
        Whether to begin at random within the budget instead of at the clean clip.
    eot : int
        Draws of random defences over which loss and gradient are averaged ([athalye2018-obfuscated]); 1 unless one is
        random.
    check_every : int
        Steps from one query to the next; 0 never asks, and takes the clip of least loss.
    stop_early : bool
        Whether a stimulus is done at the first clip that reaches its goal.

    Notes
    -----
    Departs from [madry2017-pgd] in seeking a target, in starting at the clean clip, and in keeping the best iterate
    rather than the last. [olivier2022-whisper] attacks speech recognition likewise, at 35 to 40 dB SNR.
    """

    source: ClassVar[str] = "madry2017-pgd"

    epsilon: float | None = None
    snr_db: float | None = None
    l2: float | None = None
    masking_db: float | None = None
    steps: int = 100
    step_size: float = 0.1
    momentum: float = 0.0
    random_start: bool = False
    eot: int = 1
    check_every: int = 10
    stop_early: bool = True

    def __post_init__(self) -> None:
        _ = self.budget  # refuses its own faults
        check_descent(self)

    @property
    def budget(self) -> Budget:
        """`epsilon`, `snr_db`, `l2` and `masking_db`; 30 dB SNR where none of the first three is given."""
        given = any(limit is not None for limit in (self.epsilon, self.snr_db, self.l2))
        snr_db = self.snr_db if given else DEFAULT_SNR_DB
        return Budget(epsilon=self.epsilon, snr_db=snr_db, l2=self.l2, masking_db=self.masking_db)
