"""Selective control: a segment before speech that acts on some speakers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.attacks._base import attacks
from earnest.attacks._universal import UniversalAttack
from earnest.audio import Entry, Stimulus
from earnest.models.access import Answer, System, Target


@attacks.register("selective")
@dataclass(frozen=True, kw_only=True)
class Selective(UniversalAttack):
    """A segment in front of any speech that mutes the model only for speakers with one attribute.

    It is fitted so that rows whose column `attribute` is `value` are answered with nothing, and all others with what the
    model says to them without it.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    length_s, epsilon : float
        0.64 s and 0.02 of full scale, as in the works on muting.
    prompt : str
        What the model is asked while it is fitted.
    steps, batch : int
        Steps of the fit, and rows of each: not told in what was read.
    learning_rate : float
        Of Adam at the first step, as a share of `epsilon`; it falls to a tenth: 0.05, as for muting.
    attribute, value : str
        Column of the data, and its value for those who are to be silenced.

    Notes
    -----
    Follows [ma2025-control] as its abstract tells: a prepended segment that acts only where an attribute of the speaker is present, with a
    term that keeps the rest unchanged. Here both are one loss, each row with its own target.
    """

    source: ClassVar[str] = "ma2025-control"

    attribute: str = "gender"
    value: str = "female"

    def aims(self, rows: Sequence[Entry], system: System, stimuli: Sequence[Stimulus]) -> list[str | None]:
        """Nothing for those with the attribute; for the others what is said to them anyhow."""
        said = [reply.said or None if isinstance(reply, Answer) else None for reply in system.ask(stimuli)]
        return [Target("") if self._meant(entry) else text for entry, text in zip(rows, said, strict=True)]

    def _meant(self, entry: Entry) -> bool:
        own = getattr(entry, self.attribute, None) or entry.attributes.get(self.attribute)
        return str(own or "").lower() == self.value.lower()
