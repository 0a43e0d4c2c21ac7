"""One segment that jailbreaks whatever request comes after it, as in "I am bad"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._universal import UniversalAttack, requested
from earnest.audio import Entry, Stimulus
from earnest.models.access import System


@attacks.register("iambad")
@dataclass(frozen=True, kw_only=True)
class IAmBad(UniversalAttack):
    """A loud segment in front of any harmful request that makes the model comply.

    It is fitted on rows labelled `harmful` whose `action` is known, so that the answer to each begins as a complying one.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    length_s, epsilon : float
        1 s and 0.1 of full scale; the stealthy form has less: `epsilon=0.01`.
    prompt : str
        What the model is asked while it is fitted.
    steps, batch : int
        Steps of the fit, and rows of each: not told in what was read, here what the embedded model takes.
    learning_rate : float
        Of Adam at the first step, as a share of `epsilon`; it falls to a tenth. Not told in what was read.

    Notes
    -----
    Follows [gupta2025-bad] as its abstract tells: one change of a base clip (here silence before the speech) that is universal over
    prompts, in loud and stealthy forms. Departs in its targets: openings of complying answers to each request where the work takes
    a set of toxic sentences, which say nothing of success on target. Of a model that writes a transcript before it
    answers that is driven too, to none (`Model.aimed_together`).
    """

    source: ClassVar[str] = "gupta2025-bad"
    other_words: ClassVar[bool] = True

    length_s: float = 1.0
    epsilon: float = 0.1
    batch: int = 6
    learning_rate: float = 0.15

    def aims(self, rows: Sequence[Entry], system: System, stimuli: Sequence[Stimulus]) -> list[str | None]:
        """How a complying answer to each harmful row begins."""
        return [requested(entry) for entry in rows]
