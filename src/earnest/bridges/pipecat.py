"""The guard in a Pipecat pipeline: a processor that enforces, and an observer that only decides.

    Pipeline([transport.input(), earnest_guard("policy.yaml"), stt, llm, tts, earnest_guard("policy.yaml", side="agent"), ...])

Needs `pipecat-ai`. The processor silences audio frames under `mute` and `redact` from the decision on, and cancels the
pipeline under `end` and `transfer`. Every other action reaches `on_decision` alone.
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


def earnest_guard(
    policy: Policy | str | Path,
    *,
    side: str = "caller",
    caller: str = "",
    on_decision: Callable[[Decision], None] = lambda decision: None,
) -> Any:
    """An `EarnestGuard`, which is a `FrameProcessor`, for one side of the call."""
    return _processor()(Hearing(policy, side=side, caller=caller, on_decision=on_decision), side)


def earnest_observer(policy: Policy | str | Path, *, on_decision: Callable[[Decision], None], caller: str = "") -> Any:
    """An observer, which cannot change a frame: both sides are heard once, each where it is first pushed."""
    hearings = {
        side: Hearing(policy, side=side, caller=caller, on_decision=on_decision) for side in ("caller", "agent")
    }
    return _observer()(hearings)


@cache
def _processor() -> type:
    extra("pipecat", needed_by="the Pipecat bridge")
    from pipecat.frames.frames import CancelTaskFrame, InputAudioRawFrame, OutputAudioRawFrame
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

    class EarnestGuard(FrameProcessor):
        def __init__(self, hearing: Hearing, side: str) -> None:
            super().__init__()
            self.hearing = hearing
            self._kind = InputAudioRawFrame if side == "caller" else OutputAudioRawFrame

        async def process_frame(self, frame: Any, direction: Any) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, self._kind):
                ended = self.hearing.ended
                frame.audio = self.hearing.frame(frame.audio, frame.sample_rate, frame.num_channels)
                if self.hearing.ended:
                    if not ended:
                        await self.push_frame(CancelTaskFrame(), FrameDirection.UPSTREAM)
                    return
            await self.push_frame(frame, direction)

    return EarnestGuard


@cache
def _observer() -> type:
    extra("pipecat", needed_by="the Pipecat bridge")
    from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame
    from pipecat.observers.base_observer import BaseObserver

    class EarnestObserver(BaseObserver):
        def __init__(self, hearings: dict[str, Hearing]) -> None:
            super().__init__(observe_every_push=False)
            self.hearings = hearings

        async def on_push_frame(self, data: Any) -> None:
            frame = data.frame
            if isinstance(frame, InputAudioRawFrame | OutputAudioRawFrame):
                side = "caller" if isinstance(frame, InputAudioRawFrame) else "agent"
                self.hearings[side].frame(frame.audio, frame.sample_rate, frame.num_channels)

    return EarnestObserver
