"""Answers that come as a stream of server-sent events, put together to what the endpoint would have answered whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from earnest.errors import ModelFailed

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def is_stream(data: bytes, content_type: str) -> bool:
    """Whether a body is a stream of events: by its type, or by what it begins with."""
    return content_type.lower().startswith("text/event-stream") or data.lstrip()[:5] == b"data:"


def completion_of(data: bytes, *, host: str) -> dict[str, Any]:
    """The chat completion that a stream of its pieces makes; an error in the stream is the reply.

    A recording stays a list of pieces in base64, which are decoded together.

    Raises
    ------
    ModelFailed
        `connection`, if the stream ends before the answer does: half an answer is none.
    ValueError
        If an event is no JSON object.
    """
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant"}
    finish, ended = None, False
    for text in _events(data):
        if text.strip() == "[DONE]":
            ended = True
            break
        event = json.loads(text)
        if not isinstance(event, dict):
            raise ValueError(f"an event must be a JSON object, got {text[:80]!r}")
        if event.get("error") or event.get("object") == "error":
            return {**event, **({"usage": whole["usage"]} if "usage" in whole else {})}
        whole.update({key: value for key, value in event.items() if value is not None and key != "choices"})
        choice = _first(event.get("choices"))
        delta = choice.get("delta") or choice.get("message")
        if event.get("modality") == "audio":  # vLLM-Omni puts recordings where the words stand
            delta = {"audio": {"data": delta.get("content")}} if isinstance(delta, dict) else None
        _add(message, delta)
        finish = choice.get("finish_reason") or finish
        if choice.get("error"):
            return {**whole, "error": choice["error"]}
    if not ended and finish is None:
        raise ModelFailed(
            f"{host} must end its stream with a finish_reason or [DONE], got {len(data)} bytes and no end; try again",
            reason="connection",
            retryable=True,
        )
    if "audio" in message:
        message["audio"]["transcript"] = "".join(message["audio"]["transcript"])
    message = {key: _joined(part) for key, part in message.items()}
    return {
        **whole,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


def _events(data: bytes) -> Iterator[str]:
    """The data of each event; comments and other fields are passed over."""
    lines: list[str] = []
    for line in [*data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif not line and lines:
            yield "\n".join(lines)
            lines = []


def _first(choices: Any) -> Mapping[str, Any]:
    """The choice that is read: the one of index 0."""
    whole = [choice for choice in choices or () if isinstance(choice, dict)] if isinstance(choices, list) else []
    return next((choice for choice in whole if not choice.get("index")), {})


def _joined(parts: Any) -> Any:
    """The text of pieces that are nothing but text; pieces of several kinds (thoughts, say) stay a list."""
    plain = isinstance(parts, list) and all(isinstance(part, dict) and set(part) == {"type", "text"} for part in parts)
    return "".join(str(part["text"]) for part in parts) if plain else parts


def _add(message: dict[str, Any], delta: Any) -> None:
    """Put a piece of the message behind what there is of it."""
    if not isinstance(delta, dict):
        return
    for key in _TEXTS:
        piece = delta.get(key)
        if isinstance(piece, str):
            message.setdefault(key, []).append({"type": "text", "text": piece})
        elif isinstance(piece, list):
            message.setdefault(key, []).extend(piece)
    audio = delta.get("audio")
    if isinstance(audio, dict):
        held = message.setdefault("audio", {"data": [], "transcript": []})
        for key, pieces in held.items():
            if isinstance(audio.get(key), str):
                pieces.append(audio[key])
