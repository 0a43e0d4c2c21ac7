"""Whether a run shows that the audio reached the model, and what a reply without an answer means then.

Canaries are clips with a code word that only the clip carries, and silence as their control. Where they prove that the
audio arrives, a reply that answers nothing (`earnest.records.NO_ANSWER`) is an answer, and wrong. Where they do not, it
may be that nothing was heard, and the item is unscored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.records import NO_ANSWER, JournalLine

MIN_HEARD = 0.5
"""A canary is a clip with a word that the prompt does not hold; the audio counts as heard where at least this share of
canaries is found, and this much more than of controls, which lack the word."""


@dataclass(frozen=True, kw_only=True)
class AudioProof:
    """What the canaries say of whether the model heard the audio at all."""

    proven: bool | None
    n_found: int
    n_canaries: int
    n_controls_found: int
    n_controls: int
    n_unscored: int

    @property
    def words(self) -> str:
        """The proof in a sentence."""
        if self.proven is None:
            asked = "none could be scored" if self.n_unscored else "none was asked"
            return f"Whether the audio was heard was not tested: of the canaries, {asked}."
        heard = "The audio was heard" if self.proven else "It is not shown that the audio was heard"
        return (
            f"{heard}: {self.n_found} of {self.n_canaries} canaries were found, "
            f"and {self.n_controls_found} of {self.n_controls} controls without the word"
            + (f"; {self.n_unscored} could not be scored." if self.n_unscored else ".")
        )


def audio_proof(lines: Sequence[JournalLine]) -> AudioProof:
    """What the canaries among `lines` show; lines of attacked or defended arms are not looked at."""
    canaries = [line for line in lines if line.kind == "canary" and line.attack is None and line.defence is None]
    scored = [line for line in canaries if line.status == "scored"]
    controls = [line for line in scored if line.truth.get("control")]
    real = [line for line in scored if not line.truth.get("control")]
    n_found, n_controls_found = (sum(line.label == "found" for line in side) for side in (real, controls))
    proven = None
    if real:
        share, control_share = n_found / len(real), n_controls_found / len(controls) if controls else 0.0
        proven = share >= MIN_HEARD and share - control_share >= MIN_HEARD
    return AudioProof(
        proven=proven,
        n_found=n_found,
        n_canaries=len(real),
        n_controls_found=n_controls_found,
        n_controls=len(controls),
        n_unscored=len(canaries) - len(scored),
    )


def as_proven(lines: Sequence[JournalLine]) -> list[JournalLine]:
    """The lines as they count: without a proof that the audio arrives, replies without an answer are unscored.

    Doing it twice changes nothing more.
    """
    if audio_proof(lines).proven:
        return list(lines)
    return [_taken_back(line) if line.label == NO_ANSWER else line for line in lines]


def _taken_back(line: JournalLine) -> JournalLine:
    why = line.verdict["facts"].get("why", "") if line.verdict else ""
    reason = "did_not_hear" if why == "not_heard" else "empty_answer"
    detail = f"no answer ({why or 'empty'}), and it is not shown that the audio arrives"
    return line.model_copy(update={"status": "unscored", "reason": reason, "detail": detail, "verdict": None})
