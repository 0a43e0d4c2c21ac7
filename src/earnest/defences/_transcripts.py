"""What a model writes down of a clip, for defences that read it, and what a defence says in place of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from earnest.audio import Stimulus
from earnest.defences.refusal_guard import REFUSAL
from earnest.errors import ModelFailed
from earnest.models.access import Answer, Sampling
from earnest.models.guards import SUBJECT, Guards

TRANSCRIBE = "Transcribe the speech."
"""What a model is asked that does not say by itself what it heard."""
TRANSCRIPT_TOKENS = 256


def told_transcript(answer: Answer) -> str | None:
    """What an answer says that the model heard, the clips of several roles in order; None where it does not say."""
    told = answer.details.get("transcript")
    parts = list(told.values()) if isinstance(told, Mapping) else [told]
    texts = [part.strip() for part in parts if isinstance(part, str)]
    return " ".join(filter(None, texts)) if texts else None


def transcript_of(answer: Answer, *, stimulus: Stimulus | None, guards: Guards | None, by: str) -> str:
    """What the model heard: as its answer says, or as it transcribes when it is asked to; empty where nothing was spoken.

    Raises
    ------
    ModelFailed
        If it has to be asked and gives no answer.
    """
    told = told_transcript(answer)
    if told is not None:
        return told
    if stimulus is None or not stimulus.clips or guards is None:
        return ""
    return heard(SUBJECT, stimulus, guards=guards, by=by)


def heard(spec: str, stimulus: Stimulus, *, guards: Guards, by: str) -> str:
    """What a model writes down of the clips of a stimulus; a cascade's recogniser says it beside the answer.

    Raises
    ------
    ModelFailed
        If it gives no answer.
    """
    asked = Stimulus(clips=stimulus.clips, prompt=TRANSCRIBE, held=stimulus.held)
    reply = guards.ask(spec, asked, by=by, sampling=Sampling(max_tokens=TRANSCRIPT_TOKENS))
    told = told_transcript(reply)
    return reply.said.strip() if told is None else told


def withheld(answer: Answer, text: str = REFUSAL, **details: Any) -> Answer:
    """A fixed text in place of an answer: its words, its sound and the tools that it calls are held back."""
    kept = {key: value for key, value in answer.details.items() if key != "tool_calls"}
    return replace(answer, text=text, clip=None, log_probability=None, details={**kept, **details})


def said_by(reply: Answer, *, by: str) -> str:
    """What a model that a defence asked says, without its reasoning.

    Raises
    ------
    ModelFailed
        If that is nothing: an empty reply is no verdict.
    """
    if not reply.said.strip():
        raise ModelFailed(
            f"{by} asked a model, which said nothing; an empty reply is no verdict", reason="empty_answer"
        )
    return reply.said
