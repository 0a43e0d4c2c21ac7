"""One reader of replies: what a model answered, apart from its reasoning, its preamble and its wrapping.

Models of different families wrap one answer in many ways. Everything that interprets a reply (tasks, judges, attacks,
defences, canaries) reads it here first, so that the same words mean the same everywhere. What was taken off is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ReadReply:
    """A reply, taken apart.

    Parameters
    ----------
    reasoning : str
        What the model thought aloud before it answered; never the answer.
    preamble : str
        Words that only lead up to the answer: "Sure, here is the transcript:".
    answer : str
        What is left; empty where the reply holds no answer.
    language : str
        ISO 639-1 code of the answer's language; empty where the words do not tell.
    finish : str
        Why the model stopped: `stop`, `length`, `content_filter`, `error`, `tool_calls`; empty where it is not known.
    """

    reasoning: str
    preamble: str
    answer: str
    language: str
    finish: str


def without_echo(text: str, *, told: Sequence[str]) -> str:
    """The answer without what only repeats what the model was told: its prompt, or the words that it heard."""
    return text


def read(text: str, finish_reason: str | None = None) -> ReadReply:
    """The parts of a reply."""
    return ReadReply(reasoning="", preamble="", answer=text.strip(), language="", finish=finish_reason or "")
