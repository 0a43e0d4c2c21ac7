"""The guard inside frameworks: real pipelines and frames where they are installed, and what they share without them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from earnest.bridges.openai_agents import guarded
from earnest.errors import BadParameter
from earnest.guard.hearing import Hearing
from earnest.guard.policy import parse_policy

RATE = 24_000


def frame(loud: bool, seconds: float = 0.1, rate: int = RATE) -> bytes:
    tone = np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return (tone * (16_000 if loud else 30)).astype("<i2").tobytes()


def policy(action: str, mode: str = "enforce", **more: Any) -> Any:
    rule = {"name": "loud", "detector": "level", "above": -20, "for_s": 0.04, "action": action} | more
    return parse_policy(json.dumps({"mode": mode, "rules": [rule]}))


def test_hearing_silences_and_lets_go() -> None:
    found: list[str] = []
    hearing = Hearing(policy("mute", open_s=0.15), on_decision=lambda one: found.append(one.rule))
    passed = [hearing.frame(frame(loud), RATE) for loud in (False, True, False, False, False)]
    assert [any(one) for one in passed] == [True, False, False, True, True] and found == ["loud"]
    assert passed[0] == frame(False)
    shadow = Hearing(policy("mute", mode="shadow"), on_decision=lambda one: found.append(one.action))
    assert shadow.frame(frame(True), RATE) == frame(True) and found[-1] == "mute"
    redacting = Hearing(policy("redact"))
    assert [any(redacting.frame(frame(loud), RATE)) for loud in (True, True, False)] == [False, False, True]
    agent = Hearing(policy("mute", hears="agent"))
    assert agent.frame(frame(True), RATE) == frame(True)
    ending = Hearing(policy("end"))
    ending.frame(frame(True), RATE)
    assert ending.ended
    tools = Hearing(policy("gate_tools", tools=["pay"]))
    assert not tools.holds_tool("pay")
    tools.frame(frame(True), RATE)
    assert tools.holds_tool("pay") and not tools.holds_tool("hours")
    with pytest.raises(BadParameter, match="caller or agent"):
        Hearing(policy("mute"), side="user")


def test_each_channel_is_judged_alone() -> None:
    """Two channels that cancel when mixed are still heard."""
    one = np.frombuffer(frame(True), "<i2")
    both = np.stack([one, -one], axis=1).tobytes()
    assert not any(Hearing(policy("mute")).frame(both, RATE, 2))


@dataclass
class _Audio:
    data: bytes
    response_id: str


@dataclass
class _Event:
    audio: _Audio
    type: str = "audio"


@dataclass
class _Session:
    """A realtime session of OpenAI Agents, as far as the bridge uses one."""

    events: list[Any]
    sent: list[bytes] = field(default_factory=list)
    interrupted: int = 0
    closed: bool = False

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        self.sent.append(audio)

    async def interrupt(self) -> None:
        self.interrupted += 1

    async def close(self) -> None:
        self.closed = True

    async def __aiter__(self) -> Any:
        for event in self.events:
            yield event


def test_openai_agents_blocks_the_response_alone() -> None:
    async def play() -> None:
        said = [("a", False), ("a", True), ("a", False), ("b", False)]
        session = _Session([_Event(_Audio(frame(loud), name)) for name, loud in said])
        made = guarded(session, policy("replace_response", say="No.", hears="agent"))
        heard = [event.audio.response_id async for event in made]
        assert heard == ["a", "b"] and session.interrupted == 1
        await made.send_audio(frame(True))
        assert session.sent == [frame(True)]
        ending = guarded(session, policy("end", hears="caller"))
        await ending.send_audio(frame(True))
        assert session.closed and len(session.sent) == 1

    asyncio.run(play())


def test_the_agents_package_has_what_the_bridge_uses() -> None:
    realtime = pytest.importorskip("agents.realtime", reason="openai-agents is not among the tests' packages")
    assert all(hasattr(realtime.RealtimeSession, name) for name in ("send_audio", "interrupt", "close", "__aiter__"))
    assert set(realtime.RealtimeAudio.__dataclass_fields__) >= {"audio", "item_id"}


def test_a_real_pipecat_pipeline() -> None:
    pytest.importorskip("pipecat", reason="pipecat-ai is 512 MB and not among the tests' packages")
    from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.runner import PipelineRunner
    from pipecat.pipeline.task import PipelineTask
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

    from earnest.bridges.pipecat import earnest_guard, earnest_observer

    class Sink(FrameProcessor):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[bytes] = []

        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, InputAudioRawFrame):
                self.heard.append(frame.audio)
            await self.push_frame(frame, direction)

    async def play(action: str) -> tuple[list[bool], list[str]]:
        sink, found = Sink(), []
        observer = earnest_observer(policy("flag"), on_decision=lambda one: found.append(one.rule))
        task = PipelineTask(Pipeline([earnest_guard(policy(action, open_s=0.15)), sink]), observers=[observer])
        for loud in (False, True, False, False, False):
            await task.queue_frame(InputAudioRawFrame(audio=frame(loud), sample_rate=RATE, num_channels=1))
        await task.queue_frame(EndFrame())
        await PipelineRunner(handle_sigint=False).run(task)
        return [any(one) for one in sink.heard], found

    heard, found = asyncio.run(play("mute"))
    assert heard == [True, False, False, True, True] and found == ["loud"]
    heard, _ = asyncio.run(play("end"))
    assert heard == [True]


def test_real_livekit_frames() -> None:
    rtc = pytest.importorskip("livekit.rtc", reason="livekit is not among the tests' packages")
    from earnest.bridges.livekit import earnest_frames

    class Canceller(rtc.FrameProcessor[rtc.AudioFrame]):
        enabled = True
        closed = False

        def _process(self, given: Any) -> Any:
            return rtc.AudioFrame(b"\x01\x00" * 2400, RATE, 1, 2400)

        def _close(self) -> None:
            self.closed = True

    canceller = Canceller()
    made = earnest_frames(policy("mute", open_s=0.15), canceller=canceller)
    passed = [made._process(rtc.AudioFrame(frame(loud), RATE, 1, 2400)) for loud in (False, True, False, False)]
    assert [bytes(one.data) == b"\x01\x00" * 2400 for one in passed] == [True, False, False, True]
    assert not any(bytes(passed[1].data)) and passed[1].samples_per_channel == 2400
    made._close()
    assert canceller.closed and made.enabled
