"""A guard model reads what the model heard, and holds back the answer to a request that it calls unsafe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from earnest.audio import Stimulus
from earnest.defences._base import defences
from earnest.defences._transcripts import transcript_of, withheld
from earnest.defences._verdicts import Judging
from earnest.models.access import Answer, Target
from earnest.models.guards import Guards


@defences.register("transcript_guard")
@dataclass(frozen=True, kw_only=True)
class TranscriptGuard(Judging):
    """Any text model or classifier judges the transcript of what was asked; where it says unsafe, the answer is withheld.

    The transcript is what the model says that it heard (`details["transcript"]`; a model that does not say is asked), and
    of a request without audio its words. The guard is asked a fixed question in words, or, as a classifier, is shown the
    text alone. Where nothing was heard there is nothing to judge, and the answer is let through. `details` gain
    `transcript_guard`: "safe", "unsafe" or "nothing heard". A guard that gives no verdict, refuses or says both has not let
    anything pass: the item fails (`earnest.defences._verdicts`).

    It knows nothing of sound: what only the voice, the background or the waveform carries gets by. A model that writes a
    transcript can be driven to write a harmless one; an adaptive attack looks for one that the guard calls safe.

    Parameters
    ----------
    model : str
        Specification of the guard: `openai/<name>`, `http://localhost:8080/v1#llama-guard`, `python:mine:classify`, ...; empty
        asks the model itself.
    shown : {"question", "text"}
        What it is shown; "text" for classifiers, and for guard models that bring their own question.
    threshold : float
        Of a guard that answers with a number, the probability of harm from which a request is unsafe.

    Notes
    -----
    The place of ContentGuard in [kang2026-audioguard], a judge of the transcript by a policy; the question is ours.
    """

    source: ClassVar[str] = "kang2026-audioguard"
    question: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"what": "what users say", "asks": "asks for something", "head": "What the user said"}
    )

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
            If the guard gives no verdict.
        """
        written = stimulus.prompt if stimulus is not None and not stimulus.clips else ""
        heard = written or transcript_of(answer, stimulus=stimulus, guards=guards, by=self.name)
        if guards is None or not heard:
            return replace(answer, details={**answer.details, "transcript_guard": "nothing heard"})
        verdict = self.judged(heard, guards)
        if verdict == "unsafe":
            return withheld(answer, transcript_guard=verdict)
        return replace(answer, details={**answer.details, "transcript_guard": verdict})

    def lets_by(self, target: str, *, guards: Guards) -> bool:
        """Whether the guard calls the transcript safe that a search drives."""
        transcript = target.transcript if isinstance(target, Target) else None
        return not transcript or self.judged(transcript, guards) == "safe"
