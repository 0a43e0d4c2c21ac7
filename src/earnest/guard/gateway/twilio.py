"""Twilio Media Streams: Twilio is the client, the agent's own server is upstream; mu-law at 8 kHz both ways.

Twilio goes on with the verb after `<Connect>` when the stream closes, so `transfer` and `end` both close it, and the
verb that follows decides what happens (a `<Dial>` to a person, a `<Hangup>`).
"""

from __future__ import annotations

from typing import Any

from earnest.guard.gateway.dialect import Dialect, Heard
from earnest.guard.gateway.sound import Sound

_KNOWN = {"connected", "start", "stop", "mark", "dtmf", "clear"}


class Twilio(Dialect):
    name = "twilio"

    def __init__(self) -> None:
        self.stream = ""

    def from_client(self, event: dict[str, Any]) -> Heard:
        if event.get("event") == "start" and isinstance(event.get("streamSid"), str):
            self.stream = event["streamSid"]
        media = event.get("media")
        outbound = isinstance(media, dict) and media.get("track") == "outbound"
        return self._heard(event, "agent" if outbound else "caller")

    def from_upstream(self, event: dict[str, Any]) -> Heard:
        return self._heard(event, "agent")

    def clear_playback(self, response: str) -> list[dict[str, Any]]:
        return [{"event": "clear", "streamSid": self.stream}]

    def _heard(self, event: dict[str, Any], side: str) -> Heard:
        kind, media = event.get("event"), event.get("media")
        if kind == "media" and isinstance(media, dict) and isinstance(media.get("payload"), str):
            return Heard("audio", side).add(Sound(media["payload"], "mulaw", 8000), media, "payload")
        return Heard("other" if kind in _KNOWN else "unknown", side, flush=kind == "stop")
