"""A universal additive change: one quiet noise for every clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._universal import UniversalAttack, requested
from earnest.audio import Entry, Stimulus
from earnest.models.access import System


@attacks.register("universal_additive")
@dataclass(frozen=True, kw_only=True)
class UniversalAdditive(UniversalAttack):
    """One noise, repeated and added to every clip, that makes the model comply with harmful requests.

    It is fitted on rows labelled `harmful` whose `action` is known, so that the answer to each begins as a complying one.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    length_s, epsilon : float
        1 s, repeated or cut to the length of a clip, and 0.01 of full scale.
    prompt : str
        What the model is asked while it is fitted.
    steps, batch : int
        Steps of the fit, and rows of each: not those of the work.
    learning_rate : float
        Of Adam, as a share of `epsilon`: not that of the work.

    Notes
    -----
    Departs from [neekhara2019-universal] in seeking compliance where the work raises the error of a recogniser, in Adam on batches
    for one clip after the other, and in repeating a second for a change as long as the longest clip.
    """

    source: ClassVar[str] = "neekhara2019-universal"
    added: ClassVar[bool] = True

    length_s: float = 1.0
    epsilon: float = 0.01

    def aims(self, rows: Sequence[Entry], system: System, stimuli: Sequence[Stimulus]) -> list[str | None]:
        """How a complying answer to each harmful row begins."""
        return [requested(entry) for entry in rows]
