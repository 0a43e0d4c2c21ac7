"""The gateway's orders of events: bit-exact in shadow, nothing blocked after a decision, nothing delayed unheld."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

pytest.importorskip("prometheus_client", reason="the gateway needs the extra guard")
sys.path.insert(0, str(Path(__file__).parent))
from provider import SESSION, Provider, client, guarded, pcm, response, rule, tool_call, until  # noqa: E402

LOUD, QUIET = pcm(0.1, loud=True), pcm(0.1, loud=False)


def speaking(*events: dict[str, Any], pace_s: float = 0.0) -> Any:
    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        for event in events:
            await socket.send_json(event)
            await asyncio.sleep(pace_s)

    return script


@pytest.mark.parametrize("policy", [rule("end", mode="shadow"), rule("replace_response", say="No.", mode="shadow")])
def test_shadow_passes_every_byte_in_order(policy: str) -> None:
    odd: list[tuple[WSMsgType, bytes]] = [
        (WSMsgType.TEXT, json.dumps({"type": "input_audio_buffer.append", "audio": LOUD}, indent=1).encode()),
        (WSMsgType.TEXT, b'{"type":"response.audio.delta","delta":"not base64","response_id":7}'),
        (WSMsgType.TEXT, b'{"type": "never_heard_of", "x": [1.0, 1e3]}'),
        (WSMsgType.TEXT, "no JSON: \u00e9".encode()),
        (WSMsgType.BINARY, bytes(range(256))),
        (WSMsgType.TEXT, b"[" * 5000),
        (WSMsgType.TEXT, b""),
        (WSMsgType.TEXT, b'{"type":"response.created","response":"no object"}'),
    ]

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        for kind, data in odd:
            await socket.send_frame(data, kind)

    async def play() -> None:
        provider = Provider(script)
        async with guarded(provider, policy) as gateway, client(gateway) as one:
            for kind, data in odd:
                await one.socket.send_frame(data, kind)
            await until(lambda: len(one.received) == len(odd) == len(provider.received))
            for got in (one.received, provider.received):
                bits = [(kind, data if isinstance(data, bytes) else data.encode()) for _, kind, data in got]
                assert bits == odd
            await until(lambda: len(gateway.decisions) == 1)
            assert not gateway.decisions[0]["enforce"]
            text = b"".join(_metrics(gateway))
            assert b'earnest_unknown_events_total{route="realtime",side="caller"} 7.0' in text
            assert b'earnest_unknown_events_total{route="realtime",side="agent"} 5.0' in text

    asyncio.run(play())


def _metrics(gateway: Any) -> list[bytes]:
    from prometheus_client import generate_latest

    return [generate_latest(gateway.metrics.registry)]


@pytest.mark.parametrize("beta", [False, True])
def test_nothing_of_a_blocked_response_passes_after_the_decision(beta: bool) -> None:
    """Held back for 60 ms, the loud audio itself never passes; the next response does."""
    first = response(1, [QUIET, QUIET, LOUD, LOUD, QUIET], beta=beta, words="planted")
    second = response(2, [QUIET], beta=beta, words="harmless")

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        for event in first:
            await socket.send_json(event)
            await asyncio.sleep(0.01)
        await provider.until(lambda: bool(provider.events("response.create")))
        for event in second:
            await socket.send_json(event)

    async def play() -> None:
        provider = Provider(script)
        policy = rule("replace_response", hears="agent", strength="prevent", say="I cannot help with that.")
        async with guarded(provider, policy) as gateway, client(gateway) as one:
            await until(lambda: len(one.events("response.done")) == 2)
            events = one.events()
        cleared = next(at for at, event in enumerate(events) if event["type"] == "output_audio_buffer.cleared")
        assert events[cleared]["response_id"] == "resp_1"
        before, after = events[:cleared], events[cleared:]
        delta = "response.audio.delta" if beta else "response.output_audio.delta"
        assert {event["delta"] for event in before if event["type"] == delta} <= {QUIET}
        later = [event for event in after if "resp_1" in json.dumps(event)]
        assert [event["type"] for event in later] == ["output_audio_buffer.cleared", "response.done"]
        assert later[1]["response"]["output"] == [] and later[1]["response"]["status"] == "cancelled"
        assert "planted" not in json.dumps(after) and "item_1" not in json.dumps(after)
        assert [event["delta"] for event in after if event["type"] == delta] == [QUIET]
        assert provider.events("response.cancel") == [{"type": "response.cancel", "response_id": "resp_1"}]
        (said,) = provider.events("response.create")
        assert "I cannot help with that." in said["response"]["instructions"]

    asyncio.run(play())


def test_without_prevent_what_came_before_the_decision_has_passed_and_nothing_after() -> None:
    async def play() -> None:
        provider = Provider(speaking(*response(1, [LOUD] * 40), pace_s=0.01))
        async with (
            guarded(provider, rule("replace_response", hears="agent", say="No.")) as gateway,
            client(gateway) as one,
        ):
            await until(lambda: bool(one.events("response.done")))
        kinds = one.kinds()
        cleared = kinds.index("output_audio_buffer.cleared")
        passed = kinds.count("response.output_audio.delta")
        assert 1 <= passed < 20 and "response.output_audio.delta" not in kinds[cleared:]

    asyncio.run(play())


def test_only_what_is_held_is_delayed() -> None:
    """While a response's audio waits, events that do not belong to it go ahead of it."""
    held = response(1, [QUIET])
    other = {"type": "rate_limits.updated", "rate_limits": []}
    late = {"type": "input_audio_buffer.speech_started", "item_id": "user_1", "audio_start_ms": 5}

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        for event in held[:6]:  # up to the one audio delta, and not its end
            await socket.send_json(event)
        await socket.send_json(other)
        await socket.send_json(late)
        await asyncio.sleep(0.15)
        for event in held[6:]:
            await socket.send_json(event)

    async def play() -> None:
        policy = rule("replace_response", hears="agent", strength="prevent", say="No.", for_s=0.2)
        async with guarded(Provider(script), policy) as gateway, client(gateway) as one:
            await until(lambda: bool(one.events("response.done")))
        kinds = one.kinds()
        at = {kind: kinds.index(kind) for kind in kinds}
        delta = at["response.output_audio.delta"]
        assert at["rate_limits.updated"] < delta and at["input_audio_buffer.speech_started"] < delta
        times = [when for when, _, _ in one.received]
        assert times[at["rate_limits.updated"]] - times[at["response.created"]] < 0.1
        own = [event for event in one.events() if "resp_1" in json.dumps(event)]
        sent = [event for event in held if "resp_1" in json.dumps(event)]
        assert own == sent  # nothing lost, nothing reordered

    asyncio.run(play())


def test_a_caller_is_redacted_before_the_provider_hears_it() -> None:
    async def play() -> None:
        provider = Provider(speaking())
        async with guarded(provider, rule("redact", hears="caller")) as gateway, client(gateway) as one:
            await one.say(QUIET, LOUD, LOUD, QUIET, QUIET)
            await one.socket.send_json({"type": "input_audio_buffer.commit"})
            await until(lambda: bool(provider.events("input_audio_buffer.commit")))
        sent = [event["audio"] for event in provider.events("input_audio_buffer.append")]
        silent = pcm(0.1, loud=False).__class__("A" * len(LOUD))
        assert len(sent) == 5 and sent[0] == QUIET and sent[3:] == [QUIET, QUIET]
        assert sent[1].rstrip("=") == silent.rstrip("=") and sent[2].rstrip("=") == silent.rstrip("=")
        assert provider.events()[-1]["type"] == "input_audio_buffer.commit"  # behind the audio that it commits

    asyncio.run(play())


@pytest.mark.parametrize("kept", ["caller", "agent"])
def test_mute_silences_one_side_from_the_decision_on(kept: str) -> None:
    async def play() -> None:
        provider = Provider(speaking())
        async with guarded(provider, rule("mute", hears=kept)) as gateway, client(gateway) as one:
            await one.say(LOUD)
            await asyncio.sleep(0.3)
            await one.say(QUIET)
            await until(lambda: len(provider.events("input_audio_buffer.append")) == 2)
        first, second = (event["audio"] for event in provider.events("input_audio_buffer.append"))
        assert first == LOUD
        assert (set(second.rstrip("=")) == {"A"}) == (kept == "caller")

    asyncio.run(play())


def test_listed_tools_wait_and_talk_goes_on() -> None:
    events = [*tool_call(1, "transfer_money"), *response(2, [QUIET]), *tool_call(3, "look_up_hours")]

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        await provider.until(lambda: len(provider.events("input_audio_buffer.append")) == 2)
        for event in events:
            await socket.send_json(event)

    async def play(loud: bool, open_s: float) -> Any:
        policy = rule("gate_tools", hears="caller", tools=["transfer_money"], open_s=open_s)
        async with guarded(Provider(script), policy) as gateway, client(gateway) as one:
            await one.say(LOUD if loud else QUIET, QUIET)
            await until(lambda: len(one.events("response.done")) == 3)
            held = json.dumps(one.events())
            await asyncio.sleep(1.0 if open_s < 1 else 0.1)
            call = next(iter(gateway.calls.values()))
            return held, json.dumps(one.events()), one.kinds(), dict(call.counts)

    held, _, kinds, counts = asyncio.run(play(True, 30))
    assert "transfer_money" not in held and "900" not in held.replace("look_up", "", 1).split("look_up_hours")[0]
    assert "look_up_hours" in held and "response.output_audio.delta" in kinds and counts["withheld_calls"] == 1
    held, later, _, _ = asyncio.run(play(True, 0.5))
    assert "transfer_money" not in held and "transfer_money" in later  # the suspicion is over
    held, _, kinds, counts = asyncio.run(play(False, 30))
    assert "transfer_money" in held and kinds.count("response.function_call_arguments.done") == 2
    assert "withheld_calls" not in counts


def test_a_turn_is_answered_only_after_its_judgement() -> None:
    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        for number in (1, 2):
            await provider.until(lambda n=number: len(provider.events("input_audio_buffer.append")) == n)
            await socket.send_json({"type": "input_audio_buffer.committed", "item_id": f"user_{number}"})
            await provider.until(lambda n=number: len(provider.events("response.create")) == n)
            for event in response(number, [QUIET]):
                await socket.send_json(event)

    async def play() -> None:
        provider = Provider(script)
        async with (
            guarded(provider, rule("hold_turn", hears="caller", say="Not that.")) as gateway,
            client(gateway) as one,
        ):
            mine = {
                "type": "session.update",
                "session": {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
            }
            await one.socket.send_json(mine)
            await one.say(QUIET)
            await until(lambda: len(one.events("response.done")) == 1)
            await one.say(LOUD)
            await until(lambda: len(one.events("response.done")) == 2)
        for event in provider.events("session.update"):
            assert event["session"]["audio"]["input"]["turn_detection"]["create_response"] is False
        assert len(provider.events("session.update")) == 2
        allowed, refused = provider.events("response.create")
        assert allowed == {"type": "response.create"} and "Not that." in refused["response"]["instructions"]
        assert provider.events("conversation.item.delete") == [
            {"type": "conversation.item.delete", "item_id": "user_2"}
        ]

    asyncio.run(play())


def test_challenge_annotate_flag_and_end() -> None:
    async def play(action: str, **more: Any) -> tuple[Provider, Any, Any]:
        provider = Provider(speaking())
        async with guarded(provider, rule(action, hears="caller", **more)) as gateway, client(gateway) as one:
            await one.say(LOUD)
            await until(lambda: len(gateway.decisions) == 1)
            await asyncio.sleep(0.1)
            flagged = [call.flagged for call in gateway.calls.values()]
            return provider, one, flagged

    provider, _, _ = asyncio.run(play("challenge", say="What is your date of birth?"))
    assert "date of birth" in provider.events("response.create")[0]["response"]["instructions"]
    _, one, _ = asyncio.run(play("annotate"))
    note = one.events("earnest.guard.decision")[0]["decision"]
    assert note["rule"] == "loud" and note["line"] == 1 and note["score"] > note["threshold"] == -20
    assert len(note["fingerprint"]["hmac"]) == 64
    assert asyncio.run(play("flag"))[2] == [{"loud"}]
    provider, one, _ = asyncio.run(play("end"))
    assert one.events()[-1]["error"]["code"] == "ended_by_policy" and one.socket.close_code == 1008
    assert provider.closed_with == [1008]


def test_back_to_shadow_lets_everything_go() -> None:
    async def play() -> None:
        provider = Provider(speaking(*tool_call(1, "pay"), pace_s=0.02))
        policy = rule("gate_tools", hears="caller", tools=["pay"], on_failure="closed")
        async with guarded(provider, policy) as gateway, client(gateway) as one:
            gateway.ear.hear = lambda *heard, **how: None  # never judged
            await one.say(LOUD)
            await until(lambda: bool(gateway.calls) and bool(next(iter(gateway.calls.values()))._tools))
            await asyncio.sleep(0.1)
            assert "pay" not in json.dumps(one.events())
            gateway.switch("shadow", why="test")
            await until(lambda: bool(one.events("response.done")))
            assert "pay" in json.dumps(one.events())
            async with client(gateway) as another:
                await another.say(LOUD)
                await until(lambda: len(gateway.calls) == 2)
                assert not list(gateway.calls.values())[1].controls
        assert [one["to"] for one in gateway.switches] == ["shadow"]

    asyncio.run(play())


def test_a_call_of_beta_events_and_g711() -> None:
    """The format that the client asks for travels with the frames: mu-law at 8 kHz is heard as such."""

    async def play() -> None:
        provider = Provider(speaking())
        async with guarded(provider, rule("flag", hears="caller", for_s=0.5)) as gateway, client(gateway) as one:
            await one.socket.send_json({"type": "session.update", "session": {"input_audio_format": "g711_ulaw"}})
            await one.say("gACA" * 1400)  # full scale, up and down, 4200 samples
            await until(lambda: len(gateway.decisions) == 1)
        assert gateway.decisions[0]["end_s"] == pytest.approx(0.5)

    asyncio.run(play())


def test_time_to_the_client_under_enforcement_of_what_is_not_held() -> None:
    async def play() -> None:
        async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
            for _ in range(50):
                await socket.send_json({"type": "rate_limits.updated", "at": time.monotonic()})
                await asyncio.sleep(0.005)

        async with guarded(Provider(script), rule("mute")) as gateway, client(gateway) as one:
            await until(lambda: len(one.received) == 50)
        late = sorted(when - json.loads(data)["at"] for when, _, data in one.received)
        assert late[25] < 0.02

    asyncio.run(play())
