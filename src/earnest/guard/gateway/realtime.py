"""OpenAI Realtime over a WebSocket, with the names of the general release and of the beta."""

from __future__ import annotations

from typing import Any

from earnest.guard.gateway.dialect import Dialect, Heard
from earnest.guard.gateway.sound import Sound

_FORMATS = {
    "pcm16": ("pcm16", 24_000),
    "audio/pcm": ("pcm16", 24_000),
    "g711_ulaw": ("mulaw", 8000),
    "audio/pcmu": ("mulaw", 8000),
    "g711_alaw": ("alaw", 8000),
    "audio/pcma": ("alaw", 8000),
}
_AUDIO = {"response.output_audio.delta", "response.audio.delta"}
_AUDIO_DONE = {"response.output_audio.done", "response.audio.done"}
_TOOL = {"response.function_call_arguments.delta", "response.function_call_arguments.done"}
_PREFIXES = ("response.", "conversation.", "input_audio_buffer.", "output_audio_buffer.", "mcp_list_tools.")
_CLIENT = {
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "input_audio_buffer.clear",
    "output_audio_buffer.clear",
    "response.cancel",
    "transcription_session.update",
}
_SERVER = {
    "error",
    "rate_limits.updated",
    "transcription_session.created",
    "transcription_session.updated",
}


class Realtime(Dialect):
    name = "realtime"

    def __init__(self) -> None:
        self.formats = {"caller": ("pcm16", 24_000), "agent": ("pcm16", 24_000)}
        self.beta = False
        self.creates = True  # the provider would answer by itself when the caller's turn ends
        self.gated = False
        self.responses: dict[str, str] = {}  # by item
        self.tools: dict[str, str] = {}

    def from_client(self, event: dict[str, Any]) -> Heard:
        kind = event.get("type")
        if kind == "input_audio_buffer.append":
            return self._sound(Heard("audio", "caller"), event, "audio")
        if kind == "input_audio_buffer.commit":
            return Heard("commit", "caller", flush=True)
        if kind == "response.create":
            return Heard("ask", "caller", flush=True)
        if kind == "session.update":
            self._learn(event.get("session"))
            return Heard("config")
        if kind == "conversation.item.create":
            heard = Heard("other", "caller")
            for part in _dicts(_dict(event.get("item")).get("content")):
                if part.get("type") == "input_audio":
                    heard.kind, heard.flush = "audio", True
                    self._sound(heard, part, "audio")
            return heard
        return Heard("other" if kind in _CLIENT else "unknown")

    def from_upstream(self, event: dict[str, Any]) -> Heard:
        kind, response, item = event.get("type"), _text(event.get("response_id")), _text(event.get("item_id"))
        if not isinstance(kind, str):
            return Heard("unknown")
        if kind in _AUDIO:
            return self._sound(Heard("audio", "agent", response=response, item=item), event, "delta")
        if kind in _AUDIO_DONE:
            return Heard("part", "agent", response=response, item=item, flush=True)
        if kind in _TOOL:
            name = self.tools.get(item, _text(event.get("name")))
            return Heard("tool", "agent", response=response, item=item, tool=name)
        if kind == "response.created":
            return Heard("begin", "agent", response=_text(_dict(event.get("response")).get("id")))
        if kind == "response.done":
            return Heard("end", "agent", response=_text(_dict(event.get("response")).get("id")), flush=True)
        if kind in {"session.created", "session.updated"}:
            self._learn(event.get("session"))
            return Heard("config")
        if kind == "input_audio_buffer.committed":
            return Heard("commit", "caller", item=item)
        if kind == "conversation.item.input_audio_transcription.completed":
            return Heard("other", "caller", item=item, words=_text(event.get("transcript")))
        if kind in {"response.output_audio_transcript.done", "response.audio_transcript.done"}:
            return Heard("part", "agent", response=response, item=item, words=_text(event.get("transcript")))
        made = _dict(event.get("item"))
        if made:
            item = _text(made.get("id"))
            if kind.startswith("response.output_item."):
                if len(self.responses) > 10_000:
                    self.responses.clear()
                self.responses[item] = response
            response = response or self.responses.get(item, "")
            if made.get("type") == "function_call":
                self.tools[item] = _text(made.get("name"))
                return Heard("tool", "agent", response=response, item=item, tool=self.tools[item])
        response = response or self.responses.get(item, "")
        if response:
            return Heard("part", "agent", response=response, item=item)
        return Heard("other" if kind in _SERVER or kind.startswith(_PREFIXES) else "unknown")

    def gate_turns(self, event: dict[str, Any]) -> bool:
        session = event.get("session")
        if not isinstance(session, dict):
            return False
        detection = session.get("turn_detection")
        if not isinstance(detection, dict):
            detection = _dict(_dict(session.get("audio")).get("input")).get("turn_detection")
        if not isinstance(detection, dict):
            return False
        detection["create_response"] = False
        self.gated = True
        return True

    def gate_opening(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        session = _dict(event.get("session"))
        if event.get("type") != "session.created" or session.get("type") == "transcription":
            return []
        made: dict[str, Any] = {"type": "session.update", "session": session}
        if not self.gate_turns(made):
            return []
        if self.beta:
            return [{"type": "session.update", "session": {"turn_detection": session["turn_detection"]}}]
        detection = session["audio"]["input"]["turn_detection"]
        audio = {"input": {"turn_detection": detection}}
        return [{"type": "session.update", "session": {"type": "realtime", "audio": audio}}]

    def waits_for_ask(self) -> bool:
        return self.gated and self.creates

    def ask(self) -> list[dict[str, Any]]:
        return [{"type": "response.create"}]

    def drop_turn(self, item: str) -> list[dict[str, Any]]:
        return [{"type": "conversation.item.delete", "item_id": item}] if item else []

    def cancel(self, response: str) -> list[dict[str, Any]]:
        return [{"type": "response.cancel", "response_id": response}]

    def clear_playback(self, response: str) -> list[dict[str, Any]]:
        # `output_audio_buffer.cleared` is the protocol's word; clients over a WebSocket stop their own playback when
        # somebody begins to speak, so they get that as well
        return [
            {"type": "output_audio_buffer.cleared", "event_id": "guard_cleared", "response_id": response},
            {
                "type": "input_audio_buffer.speech_started",
                "event_id": "guard_started",
                "item_id": "guard",
                "audio_start_ms": 0,
            },
            {
                "type": "input_audio_buffer.speech_stopped",
                "event_id": "guard_stopped",
                "item_id": "guard",
                "audio_end_ms": 0,
            },
        ]

    def say(self, text: str) -> list[dict[str, Any]]:
        words = f"Say exactly the following sentence, and nothing else: {text}"
        return [{"type": "response.create", "response": {"instructions": words, "tool_choice": "none"}}]

    def emptied(self, event: dict[str, Any]) -> dict[str, Any] | None:
        response = _dict(event.get("response"))
        kept = {key: response[key] for key in ("id", "object", "conversation_id") if key in response}
        reason = {"type": "cancelled", "reason": "client_cancelled"}
        return event | {"response": kept | {"status": "cancelled", "status_details": reason, "output": []}}

    def without_tools(self, event: dict[str, Any], items: set[str]) -> dict[str, Any]:
        response = _dict(event.get("response"))
        kept = [one for one in _dicts(response.get("output")) if one.get("id") not in items]
        return event | {"response": response | {"output": kept}}

    def tools_of(self, event: dict[str, Any]) -> dict[str, str]:
        outputs = _dicts(_dict(event.get("response")).get("output"))
        return {_text(one.get("id")): _text(one.get("name")) for one in outputs if one.get("type") == "function_call"}

    def annotation(self, note: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"type": "earnest.guard.decision", "event_id": "guard_note", "decision": note}]

    def closing(self, rule: str) -> list[dict[str, Any]]:
        error = {"type": "guard", "code": "ended_by_policy", "message": f"the call was ended by the rule {rule}"}
        return [{"type": "error", "event_id": "guard_end", "error": error}]

    def _learn(self, session: object) -> None:
        """Formats and turn detection of a session's settings, in either form."""
        if not isinstance(session, dict):
            return
        audio = _dict(session.get("audio"))
        for side, way in (("caller", "input"), ("agent", "output")):
            old, new = session.get(f"{way}_audio_format"), _dict(_dict(audio.get(way)).get("format"))
            if isinstance(old, str):
                self.beta = True
                self.formats[side] = _FORMATS.get(old, self.formats[side])
            elif isinstance(new.get("type"), str):
                encoding, rate = _FORMATS.get(new["type"], self.formats[side])
                asked = new.get("rate")
                self.formats[side] = (encoding, asked if encoding == "pcm16" and isinstance(asked, int) else rate)
        settings = session if "turn_detection" in session else _dict(audio.get("input"))
        if "turn_detection" in settings and not self.gated:
            detection = settings["turn_detection"]
            self.creates = isinstance(detection, dict) and detection.get("create_response") is not False

    def _sound(self, heard: Heard, place: dict[str, Any], key: str) -> Heard:
        payload = place.get(key)
        if isinstance(payload, str) and payload:
            return heard.add(Sound(payload, *self.formats[heard.side]), place, key)
        return heard


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
