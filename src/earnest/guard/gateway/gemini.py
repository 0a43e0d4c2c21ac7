"""Gemini Live: JSON over a WebSocket, 16 kHz in and 24 kHz out unless the event's type says otherwise.

The protocol gives a response no id, so the turns of the model are numbered here.
"""

from __future__ import annotations

import re
from typing import Any

from earnest.guard.gateway.dialect import Dialect, Heard
from earnest.guard.gateway.sound import Sound

_CLIENT = {
    "setup",
    "clientContent",
    "client_content",
    "realtimeInput",
    "realtime_input",
    "toolResponse",
    "tool_response",
}
_SERVER = {
    "setupComplete",
    "serverContent",
    "toolCall",
    "toolCallCancellation",
    "goAway",
    "sessionResumptionUpdate",
    "usageMetadata",
    "voiceActivity",
    "voiceActivityDetectionSignal",
}
_RATE = re.compile(r"rate=(\d{4,6})")


class Gemini(Dialect):
    name = "gemini"

    def __init__(self) -> None:
        self.turn, self.speaking = 1, False

    def from_client(self, event: dict[str, Any]) -> Heard:
        if not _CLIENT.intersection(event):
            return Heard("unknown")
        heard = Heard("other", "caller")
        live = event.get("realtimeInput", event.get("realtime_input"))
        if isinstance(live, dict):
            chunks = live.get("mediaChunks", live.get("media_chunks"))
            for blob in [live.get("audio"), *(chunks if isinstance(chunks, list) else [])]:
                _add(heard, blob, 16_000)
            if {"activityEnd", "audioStreamEnd", "activity_end", "audio_stream_end"}.intersection(live):
                heard.kind, heard.flush = heard.kind if heard.sounds else "commit", True
        content = event.get("clientContent", event.get("client_content"))
        if isinstance(content, dict):
            for turn in content.get("turns") or []:
                _add_parts(heard, turn, 16_000)
            heard.flush = True
        return heard

    def from_upstream(self, event: dict[str, Any]) -> Heard:
        content, calls = event.get("serverContent"), event.get("toolCall")
        if isinstance(calls, dict):
            made = [one for one in calls.get("functionCalls") or [] if isinstance(one, dict)]
            name = str(made[0].get("name", "")) if len(made) == 1 else ""  # several at once: all are held if one may be
            return Heard(
                "tool", "agent", response=self._response(), item=str(made[0].get("id", "")) if made else "", tool=name
            )
        if not isinstance(content, dict):
            return Heard("other" if _SERVER.intersection(event) else "unknown")
        heard = Heard("part", "agent", response=self._response())
        if not self.speaking and content.get("modelTurn"):
            heard.kind, self.speaking = "begin", True
        _add_parts(heard, content.get("modelTurn"), 24_000)
        if content.get("turnComplete") or content.get("interrupted"):
            heard.kind, heard.flush = "end", True
            self.turn, self.speaking = self.turn + 1, False
        elif content.get("generationComplete"):
            heard.flush = True
        elif not {"modelTurn", "outputTranscription"}.intersection(content):
            heard.response = ""  # the caller's transcription belongs to no response
            heard.kind = "other"
        return heard

    def clear_playback(self, response: str) -> list[dict[str, Any]]:
        return [{"serverContent": {"interrupted": True}}]

    def say(self, text: str) -> list[dict[str, Any]]:
        words = f"Say exactly the following sentence, and nothing else: {text}"
        turns = [{"role": "user", "parts": [{"text": words}]}]
        return [{"clientContent": {"turns": turns, "turnComplete": True}}]

    def emptied(self, event: dict[str, Any]) -> dict[str, Any] | None:
        return {"serverContent": {"turnComplete": True}}

    def _response(self) -> str:
        return f"turn-{self.turn}"


def _add_parts(heard: Heard, turn: object, sample_rate: int) -> None:
    parts = turn.get("parts") if isinstance(turn, dict) else None
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict):
            _add(heard, part.get("inlineData", part.get("inline_data")), sample_rate)


def _add(heard: Heard, blob: object, sample_rate: int) -> None:
    if not isinstance(blob, dict) or not isinstance(blob.get("data"), str):
        return
    kind = str(blob.get("mimeType", blob.get("mime_type", "audio/pcm")))
    if not kind.startswith("audio/pcm"):
        return
    rate = _RATE.search(kind)
    heard.kind = "audio" if heard.kind == "other" else heard.kind
    heard.add(Sound(blob["data"], "pcm16", int(rate[1]) if rate else sample_rate), blob, "data")
