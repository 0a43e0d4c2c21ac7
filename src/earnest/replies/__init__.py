"""One reader of replies: what a model answered, apart from its reasoning, its preamble and its wrapping.

Models of different families wrap one answer in many ways. Everything that interprets a reply (tasks, judges, attacks,
defences, canaries) reads it here first, so that the same words mean the same everywhere. What was taken off is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from earnest.replies._echo import without_echo, without_repetition
from earnest.replies._language import language_of
from earnest.replies._reasoning import parted, sections
from earnest.replies._tables import word_set
from earnest.replies._transcripts import transcripts
from earnest.replies._wrapping import peeled

__all__ = [
    "ReadReply",
    "finish_of",
    "language_of",
    "read",
    "transcripts",
    "without_echo",
    "without_reasoning",
    "without_repetition",
]


@dataclass(frozen=True)
class ReadReply:
    """A reply, taken apart.

    Parameters
    ----------
    reasoning : str
        What the model thought aloud before it answered; never the answer.
    preamble : str
        Words that only lead up to the answer: "Sure, here is the transcription:".
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


WAYS_TO_STOP: Mapping[str, frozenset[str]] = {
    "stop": word_set("stop eos end_turn stop_sequence eos_token end complete completed word"),
    "length": word_set("length limit max_tokens max_output_tokens model_length model_context_window_exceeded"),
    "content_filter": word_set(
        "content_filter content_filtered safety recitation blocklist prohibited_content spii language image_safety"
        " image_prohibited_content image_recitation guardrail_intervened refusal sensitive"
    ),
    "tool_calls": word_set("tool_calls function_call tool_use malformed_function_call unexpected_tool_call"),
    "error": word_set("error abort aborted failed network_error timeout"),
}
"""What providers call each way to stop, in lower case: OpenAI, Gemini, Anthropic, Bedrock, Mistral, vLLM, llama.cpp."""
_FINISHES = {word: finish for finish, words in WAYS_TO_STOP.items() for word in words}


def finish_of(reason: object) -> str:
    """Why the model stopped, in one vocabulary; empty where a provider's word is not known.

    >>> finish_of("MAX_TOKENS"), finish_of("end_turn"), finish_of("SAFETY"), finish_of(None)
    ('length', 'stop', 'content_filter', '')
    """
    return _FINISHES.get(reason.lower().removeprefix("finish_reason_"), "") if isinstance(reason, str) else ""


def read(text: str, finish_reason: str | None = None) -> ReadReply:
    """The parts of a reply.

    Words that could be the answer stay in it: reading an answer again gives the same answer.

    Parameters
    ----------
    text : str
        As it came; may be empty.
    finish_reason : str or None
        Why the model stopped, as its provider calls it.

    Examples
    --------
    >>> read("<think>Is it a man?</think>Answer: **Male**", "STOP")
    ReadReply(reasoning='Is it a man?', preamble='Answer:', answer='Male', language='en', finish='stop')
    """
    reasoning, preamble, answer = _parts(text)
    return ReadReply(
        reasoning=reasoning,
        preamble=preamble,
        answer=answer,
        language=language_of(answer),
        finish=finish_of(finish_reason),
    )


_ROUNDS = 4
"""Layers may hide a block of reasoning, and a block may stand before another layer; no model goes further."""


def _parts(text: str) -> tuple[str, str, str]:
    """Reasoning, preamble and answer."""
    thoughts, preambles = [], []
    rest = text
    for _ in range(_ROUNDS):
        thought, bare = parted(rest)
        explained, result = sections(bare)
        preamble, answer = peeled(result)
        thoughts += [thought, explained]
        preambles.append(preamble)
        if answer == rest:
            break
        rest = answer
    return "\n".join(filter(None, thoughts)), " ".join(filter(None, preambles)), rest


def without_reasoning(text: str) -> str:
    """The reply as it was written but for marked reasoning: preamble, labelled sections and wrapping stay.

    >>> without_reasoning("<think>One word.</think> Answer: yes")
    'Answer: yes'
    """
    return parted(text)[1]
