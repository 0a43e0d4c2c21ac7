"""Muting: a short segment before speech that leaves a model without a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._universal import UniversalAttack
from earnest.audio import Entry, Stimulus
from earnest.models.access import System, Target


@attacks.register("mute")
@dataclass(frozen=True, kw_only=True)
class Mute(UniversalAttack):
    """A segment in front of any speech that makes the model say nothing.

    It is fitted so that the first token of the answer to any row is the end.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    length_s, epsilon : float
        0.64 s and 0.02 of full scale, as in the work.
    prompt : str
        What the model is asked while it is fitted.
    steps, batch : int
        Steps of the fit, and rows of each: 40 to 160 epochs of batches of 16 in the work.
    learning_rate : float
        Of Adam at the first step, as a share of `epsilon`; it falls to a tenth: 0.001 of full scale in the work, which is 0.05.

    Notes
    -----
    Follows the authors' code (rainavyas/prepend_acoustic_attack@c7c0164): AdamW on the mean log-probability of the end as the first
    token, samples clamped after each step. Departs from [raina2024-muting] in the model, and in Adam without weight decay.
    """

    source: ClassVar[str] = "raina2024-muting"

    def aims(self, rows: Sequence[Entry], system: System, stimuli: Sequence[Stimulus]) -> list[str | None]:
        """Nothing at all."""
        return [Target("") for _ in rows]
