"""The guard in LiveKit: a frame processor in the place of the room input's noise canceller, which it calls first.

    room_input_options=RoomInputOptions(noise_cancellation=earnest_frames("policy.yaml", canceller=...))

Needs `livekit`. Frames are silenced under `mute` and `redact` from the decision on; every other action reaches
`on_decision`, and it is the agent that carries it out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from earnest.guard.hearing import Hearing
from earnest.guard.policy import Policy
from earnest.guard.session import Decision
from earnest.registry import extra


def earnest_frames(
    policy: Policy | str | Path,
    *,
    canceller: Any = None,
    caller: str = "",
    on_decision: Callable[[Decision], None] = lambda decision: None,
) -> Any:
    """A `FrameProcessor` for the caller's frames; `canceller` is the one that would stand there without the guard."""
    return _processor()(Hearing(policy, caller=caller, on_decision=on_decision), canceller)


@cache
def _processor() -> type:
    extra("livekit", needed_by="the LiveKit bridge")
    from livekit import rtc

    class EarnestFrames(rtc.FrameProcessor[rtc.AudioFrame]):
        def __init__(self, hearing: Hearing, canceller: Any) -> None:
            self.hearing, self._canceller, self._enabled = hearing, canceller, True

        @property
        def enabled(self) -> bool:
            return self._enabled

        @enabled.setter
        def enabled(self, value: bool) -> None:
            self._enabled = value

        def _on_stream_info_updated(self, **facts: Any) -> None:
            if self._canceller is not None:
                self._canceller._on_stream_info_updated(**facts)

        def _on_stream_info_cleared(self) -> None:
            if self._canceller is not None:
                self._canceller._on_stream_info_cleared()

        def _on_credentials_updated(self, **facts: Any) -> None:
            if self._canceller is not None:
                self._canceller._on_credentials_updated(**facts)

        def _on_credentials_cleared(self) -> None:
            if self._canceller is not None:
                self._canceller._on_credentials_cleared()

        def _process(self, frame: Any) -> Any:
            raw = bytes(frame.data)
            heard = self.hearing.frame(raw, frame.sample_rate, frame.num_channels) if self._enabled else raw
            clean = self._canceller._process(frame) if self._canceller is not None else frame
            if heard == raw:
                return clean
            return rtc.AudioFrame(
                bytes(len(bytes(clean.data))), clean.sample_rate, clean.num_channels, clean.samples_per_channel
            )

        def _close(self) -> None:
            if self._canceller is not None:
                self._canceller._close()

    return EarnestFrames
