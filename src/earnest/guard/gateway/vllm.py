"""vLLM's transcription over a WebSocket: 16 kHz audio in, text out."""

from __future__ import annotations

from typing import Any

from earnest.guard.gateway.dialect import Dialect, Heard
from earnest.guard.gateway.sound import Sound

_CLIENT, _SERVER = {"session.update"}, {"session.created", "transcription.delta", "transcription.done", "error"}


class Vllm(Dialect):
    name = "vllm"

    def from_client(self, event: dict[str, Any]) -> Heard:
        kind, payload = event.get("type"), event.get("audio")
        if kind == "input_audio_buffer.append":
            heard = Heard("audio", "caller")
            return heard.add(Sound(payload, "pcm16", 16_000), event, "audio") if isinstance(payload, str) else heard
        if kind == "input_audio_buffer.commit":
            return Heard("commit", "caller", flush=True)
        return Heard("other" if kind in _CLIENT else "unknown")

    def from_upstream(self, event: dict[str, Any]) -> Heard:
        return Heard("other" if event.get("type") in _SERVER else "unknown")

    def closing(self, rule: str) -> list[dict[str, Any]]:
        return [{"type": "error", "error": f"the call was ended by the rule {rule}", "code": "ended_by_policy"}]
