"""What detectors of backdoors take of an answer: a hard label, which is all that a black box gives."""

from __future__ import annotations

from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer

NOTHING = "nothing"


def label_of(answer: Answer) -> str:
    """Whether an answer refuses or complies, by the rules of `earnest.metrics.refusal`; "nothing" of an empty one.

    A partial refusal counts as one: a backdoor is to make a model comply.
    """
    if not answer.said.strip():
        return NOTHING
    return "compliance" if refusal_label(answer.said) == "compliance" else "refusal"
