"""The model's own transcript is asked again in writing, and a refusal there refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from earnest.audio import Stimulus
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._transcripts import said_by, transcript_of, withheld
from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer, Sampling, Target
from earnest.models.guards import SUBJECT, Guards


@defences.register("self_check")
@dataclass(frozen=True, kw_only=True)
class SelfCheck(Defence):
    """What the model heard goes back to it as a written request; if it refuses that, the answer is withheld.

    Alignment that was trained on text holds in writing where a change of the waveform gets round it in speech. The
    transcript is `details["transcript"]` of the answer; a model that gives none is asked for one, which costs a second
    call. Where nothing was heard, or nothing was spoken, the answer is let through. `details` gain `self_check`:
    "refused", "passed" or "nothing heard".

    An attacker who knows of it drives the transcript as well as the answer, towards one that the model does not refuse in
    writing (`lets_by`); an attack that happens to change the transcript, as `pgd` does on a model that writes one first,
    gets by without knowing of it. A model that is made to hear nothing is not checked.

    Parameters
    ----------
    max_tokens : int
        Longest answer to the written request; a refusal shows in its first words.

    Notes
    -----
    Self-examination of language models is [phute2023-selfdefense], which asks a model whether a text is harmful; here it
    is asked the request itself, so that it needs no judgement, only the alignment that it has. The written answer is read
    by the reader of refusals. That is another text than the answer that is scored, so that the two do not err together.
    """

    source: ClassVar[str] = "phute2023-selfdefense"
    gradient: ClassVar[Gradient] = "none"

    max_tokens: int = 64

    def __post_init__(self) -> None:
        if not isinstance(self.max_tokens, int) or self.max_tokens < 1:
            raise BadParameter(f"max_tokens of {self.name} must be at least 1, got {self.max_tokens!r}")

    @property
    def asks(self) -> tuple[str, ...]:
        """The model itself."""
        return (SUBJECT,)

    @property
    def reads_transcript(self) -> bool:
        """Always."""
        return True

    def review(
        self, answer: Answer, *, stimulus: Stimulus | None = None, note: Any = None, guards: Guards | None = None
    ) -> Answer:
        """The answer, or a refusal.

        Raises
        ------
        ModelFailed
            If the model gives no answer to the written request, or an empty one.
        """
        heard = transcript_of(answer, stimulus=stimulus, guards=guards, by=self.name)
        if guards is None or not heard or (stimulus is not None and not stimulus.clips):
            return replace(answer, details={**answer.details, "self_check": "nothing heard"})
        if self._refuses(heard, system_prompt=stimulus.system_prompt if stimulus else None, guards=guards):
            return withheld(answer, self_check="refused")
        return replace(answer, details={**answer.details, "self_check": "passed"})

    def lets_by(self, target: str, *, guards: Guards) -> bool:
        """Whether the model answers the transcript that a search drives, in writing; a target without one tells nothing."""
        transcript = target.transcript if isinstance(target, Target) else None
        return not transcript or not self._refuses(transcript, system_prompt=None, guards=guards)

    def _refuses(self, request: str, *, system_prompt: str | None, guards: Guards) -> bool:
        asked = Stimulus(clips={}, prompt=request, system_prompt=system_prompt)
        reply = guards.ask(SUBJECT, asked, by=self.name, sampling=Sampling(max_tokens=self.max_tokens))
        return refusal_label(said_by(reply, by=self.name)) == "refusal"
