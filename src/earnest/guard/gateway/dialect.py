"""What a call needs to know of a protocol's events: which carry audio, and how to act in the protocol's own words."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any, ClassVar

from earnest.guard.gateway.sound import Sound


@dataclass(slots=True)
class Heard:
    """What one event is to the guard.

    `kind` is one of audio, commit (the caller's turn ends), ask (for a response), begin and end (of a response), part (of
    a response), tool (a call of a tool), config, other (known, of no concern) and unknown. `places` are where the
    payloads of `sounds` stand in the event.
    """

    kind: str = "other"
    side: str = ""
    sounds: list[Sound] = field(default_factory=list)
    places: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    response: str = ""
    item: str = ""
    tool: str = ""
    words: str = ""  # the provider's transcript of a turn
    flush: bool = False  # no audio of this response, or of this turn, follows

    def add(self, sound: Sound, place: dict[str, Any], key: str) -> Heard:
        self.sounds.append(sound)
        self.places.append((place, key))
        return self


class Dialect(abc.ABC):
    """One call's protocol and its state. An event that a method returns goes out as JSON text."""

    name: ClassVar[str]

    @abc.abstractmethod
    def from_client(self, event: dict[str, Any]) -> Heard:
        """What is heard in an event of the client."""

    @abc.abstractmethod
    def from_upstream(self, event: dict[str, Any]) -> Heard:
        """What is heard in an event of the provider."""

    def gate_turns(self, event: dict[str, Any]) -> bool:
        """Change the client's settings so that a response waits to be asked for; whether the event was changed."""
        return False

    def gate_opening(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Events to the provider that do so when the call opens."""
        return []

    def waits_for_ask(self) -> bool:
        """Whether the end of a turn has to be followed by a request for a response, because turns are gated."""
        return False

    def ask(self) -> list[dict[str, Any]]:
        return []

    def drop_turn(self, item: str) -> list[dict[str, Any]]:
        return []

    def cancel(self, response: str) -> list[dict[str, Any]]:
        """Events to the provider that end a response."""
        return []

    def clear_playback(self, response: str) -> list[dict[str, Any]]:
        """Events to the client after which it plays nothing more of the response."""
        return []

    def say(self, text: str) -> list[dict[str, Any]]:
        """Events to the provider that make the agent say the text."""
        return []

    def emptied(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """The end of a blocked response without its content, or None where the client does not need it."""
        return None

    def without_tools(self, event: dict[str, Any], items: set[str]) -> dict[str, Any]:
        """The end of a response without the calls of these items."""
        return event

    def tools_of(self, event: dict[str, Any]) -> dict[str, str]:
        """Items and names of the tools that the end of a response calls."""
        return {}

    def annotation(self, note: dict[str, Any]) -> list[dict[str, Any]]:
        return []

    def closing(self, rule: str) -> list[dict[str, Any]]:
        """Events to the client before the call is ended by a rule."""
        return []
