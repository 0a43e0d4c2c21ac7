"""A guard model reads the answer before the user does, and holds back what it calls unsafe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from earnest.audio import Stimulus
from earnest.defences._base import defences
from earnest.defences._transcripts import withheld
from earnest.defences._verdicts import Judging
from earnest.models.access import Answer
from earnest.models.guards import Guards


@defences.register("output_filter")
@dataclass(frozen=True, kw_only=True)
class OutputFilter(Judging):
    """Any text model or classifier judges the answer in words; where it says unsafe, a refusal leaves the system instead.

    All that would leave is shown, reasoning included. An answer without words is let through unread, as is what an answer
    says in sound alone. `details` gain `output_filter`: "safe", "unsafe" or "nothing said". A guard that gives no verdict
    has not let anything pass: the item fails (`earnest.defences._verdicts`).

    An attack with gradients does not see through it. One that asks finds answers that serve the request and are called
    safe, so that figures are against an attacker who looks at the answers (`pgd` with its checks, `best_of_n`), not
    against one who drives the guard.

    Parameters
    ----------
    model : str
        Specification of the guard; empty asks the model itself.
    shown : {"question", "text"}
        What it is shown; "text" for classifiers, and for guard models that bring their own question.
    threshold : float
        Of a guard that answers with a number, the probability of harm from which an answer is unsafe.

    Notes
    -----
    The place of Llama Guard over answers [inan2023-llamaguard], as [peng2025-jalmbench] uses it; the question is ours.
    """

    source: ClassVar[str] = "inan2023-llamaguard"
    question: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"what": "what an assistant is about to say", "asks": "helps with something", "head": "The answer"}
    )

    def review(
        self, answer: Answer, *, stimulus: Stimulus | None = None, note: Any = None, guards: Guards | None = None
    ) -> Answer:
        """The answer, or a refusal.

        Raises
        ------
        ModelFailed
            If the guard gives no verdict.
        """
        if guards is None or not answer.text.strip():
            return replace(answer, details={**answer.details, "output_filter": "nothing said"})
        verdict = self.judged(answer.text.strip(), guards)
        if verdict == "unsafe":
            return withheld(answer, output_filter=verdict)
        return replace(answer, details={**answer.details, "output_filter": verdict})
