"""The gateway's other routes: Gemini Live, Twilio, vLLM, chat completions and transcriptions."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
import wave
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from yarl import URL

pytest.importorskip("prometheus_client", reason="the gateway needs the extra guard")
sys.path.insert(0, str(Path(__file__).parent))
from provider import Provider, client, guarded, on_loopback, pcm, rule, until  # noqa: E402

from earnest.errors import BadParameter  # noqa: E402
from earnest.guard.enforcement import ROUTES, enforcement, held_s, strength, unenforceable  # noqa: E402
from earnest.guard.gateway.server import Gateway, Settings  # noqa: E402
from earnest.guard.gateway.sound import Sound, samples  # noqa: E402
from earnest.guard.gateway.whole import inflated  # noqa: E402
from earnest.guard.policy import parse_policy  # noqa: E402


def mulaw(seconds: float, *, loud: bool) -> str:
    n = round(seconds * 8000)
    return base64.b64encode((b"\x80\x00" if loud else b"\xff\x7f") * (n // 2)).decode()


def wav(seconds: float, *, loud: bool, then_quiet: bool = False) -> bytes:
    data = base64.b64decode(pcm(seconds, loud=loud, rate=16_000))
    if then_quiet:
        data += base64.b64decode(pcm(seconds, loud=False, rate=16_000))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(data)
    return out.getvalue()


def test_g711_against_values_of_the_recommendation() -> None:
    """ITU-T G.711: mu-law 0x80 is +8031 of 8159 (14 bits), 0xFF is 0; A-law 0xD5 is +1 of 4096 (13 bits), 0xAA is +4032."""
    heard = samples(bytes([0x80, 0x00, 0xFF, 0x7F, 0xEF]), "mulaw") * 32768
    assert heard.tolist() == [32124, -32124, 0, 0, 132]
    heard = samples(bytes([0xD5, 0x55, 0xAA, 0x2A, 0xC5]), "alaw") * 32768
    assert heard.tolist() == [8, -8, 32256, -32256, 264]
    for encoding in ("mulaw", "alaw"):
        levels = samples(bytes(range(256)), encoding)
        assert len(np.unique(levels)) >= 255 and abs(float(levels.sum())) < 1e-6  # as many above zero as below


def test_silence_is_put_where_the_span_is() -> None:
    loud = Sound(base64.b64encode(b"\x10\x20" * 100).decode(), "pcm16", 1000)
    data = base64.b64decode(loud.silenced([(-1, 0.01), (0.05, 0.06), (0.095, 9)]))
    heard = np.frombuffer(data, "<i2") != 0
    assert np.flatnonzero(~heard).tolist() == [*range(10), *range(50, 60), *range(95, 100)]
    assert loud.duration_s == pytest.approx(0.1)
    assert set(base64.b64decode(Sound(mulaw(0.1, loud=True), "mulaw", 8000).silenced([(0, 1)]))) == {0xFF}


def test_the_table_of_enforcement() -> None:
    def row(**fields: Any) -> dict[str, str]:
        return enforcement(parse_policy(rule(**fields)))[0]

    muted = row(action="mute")
    assert {route: muted[route] for route in ROUTES} == {
        "realtime": "contain",
        "gemini": "contain",
        "twilio": "contain",
        "vllm": "contain",
        "chat": "prevent",
        "transcriptions": "prevent",
    }
    assert row(action="mute", strength="prevent")["realtime"] == "prevent"
    assert row(action="gate_tools", tools=["pay"])["twilio"] == "not enforceable"
    assert row(action="transfer")["realtime"] == "not enforceable" and row(action="transfer")["twilio"] == "contain"
    assert row(action="hold_turn", say="No.", hears="agent")["realtime"] == "not enforceable"
    assert row(action="flag", hears="agent")["vllm"] == "not enforceable"
    assert row(action="mute", mode="shadow")["realtime"] == "detect"
    assert row(action="mute", mode="off")["realtime"] == "off"
    policy = parse_policy(rule("mute", strength="prevent", hears="caller", for_s=0.2))
    assert held_s(policy, "caller") == pytest.approx(0.22) and held_s(policy, "agent") == 0
    assert strength(policy.rules[0], "twilio") == "prevent"


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_what_cannot_be_enforced_stops_the_start(mode: str) -> None:
    text = rule("challenge", say="Who are you?", strength="prevent", mode=mode)
    faults = unenforceable(parse_policy(text), ("realtime", "twilio", "chat"))
    assert len(faults) == 3 and "line 1, loud: challenge on realtime is contain; the rule asks for prevent" in faults
    with pytest.raises(BadParameter, match="challenge on realtime is contain; the rule asks for prevent"):
        Gateway(text, Settings(upstream="ws://127.0.0.1", routes=("realtime",)))
    made = Gateway(text, Settings(upstream="ws://127.0.0.1", routes=("realtime",), allow_degraded=True))
    assert len(made.degraded) == 1


def test_twilio_in_mulaw() -> None:
    """Media of the caller and of the agent are heard at 8 kHz; muting the agent clears what Twilio has buffered."""
    start = {"event": "start", "streamSid": "MZ1", "start": {"mediaFormat": {"encoding": "audio/x-mulaw"}}}

    def media(payload: str) -> dict[str, Any]:
        return {"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": payload}}

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await provider.until(lambda: len(provider.received) == 2)
        await socket.send_json({"event": "media", "streamSid": "MZ1", "media": {"payload": mulaw(0.1, loud=True)}})
        await socket.send_json({"event": "mark", "streamSid": "MZ1", "mark": {"name": "greeting"}})
        await asyncio.sleep(0.3)
        await socket.send_json({"event": "media", "streamSid": "MZ1", "media": {"payload": mulaw(0.1, loud=False)}})

    async def play() -> None:
        provider = Provider(script)
        async with (
            guarded(provider, rule("mute", hears="agent"), routes=("twilio",)) as gateway,
            client(gateway, "/streams") as one,
        ):
            await one.socket.send_json(start)
            await one.socket.send_json(media(mulaw(0.1, loud=True)))
            await until(lambda: len(one.received) == 4)
        assert provider.events()[1] == media(mulaw(0.1, loud=True))  # the rule hears the agent alone
        first, mark, cleared, second = one.events()
        if mark["event"] == "clear":
            mark, cleared = cleared, mark
        assert first["media"]["payload"] == mulaw(0.1, loud=True) and mark["mark"] == {"name": "greeting"}
        assert cleared == {"event": "clear", "streamSid": "MZ1"}
        assert set(base64.b64decode(second["media"]["payload"])) == {0xFF}
        assert gateway.decisions[0]["end_s"] == pytest.approx(0.04)

    asyncio.run(play())


def test_twilio_hands_over_when_a_rule_transfers() -> None:
    async def play() -> None:
        provider = Provider()
        policy = rule("transfer", hears="caller")
        async with guarded(provider, policy, routes=("twilio",)) as gateway, client(gateway, "/streams") as one:
            await one.socket.send_json(
                {"event": "media", "streamSid": "MZ1", "media": {"payload": mulaw(0.1, loud=True)}}
            )
            await until(lambda: one.ended)
        assert one.socket.close_code == 1008

    asyncio.run(play())


def test_gemini_live() -> None:
    """JSON in binary frames, either spelling, both rates; a blocked turn ends with `interrupted`."""

    def spoken(payload: str) -> dict[str, Any]:
        part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": payload}}
        return {"serverContent": {"modelTurn": {"parts": [part]}}}

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await provider.until(lambda: len(provider.received) == 2)
        made = [
            {"setupComplete": {}},
            spoken(pcm(0.1, loud=False)),
            spoken(pcm(0.1, loud=True)),
            {"serverContent": {"outputTranscription": {"text": "planted"}}},
            {"serverContent": {"generationComplete": True}},
            {"serverContent": {"turnComplete": True}},
        ]
        for event in made:
            await socket.send_bytes(json.dumps(event).encode())
        await provider.until(lambda: len(provider.received) == 3)
        await socket.send_bytes(json.dumps(spoken(pcm(0.1, loud=False))).encode())
        await socket.send_bytes(json.dumps({"serverContent": {"turnComplete": True}}).encode())

    async def play() -> None:
        provider = Provider(script)
        policy = rule("replace_response", hears="agent", strength="prevent", say="Not that.")
        path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k"
        async with guarded(provider, policy, routes=("gemini",)) as gateway, client(gateway, path) as one:
            await one.socket.send_json({"setup": {"model": "models/m"}})
            blob = {"mimeType": "audio/pcm;rate=16000", "data": pcm(0.5, loud=True, rate=16_000)}
            await one.socket.send_json({"realtime_input": {"media_chunks": [blob]}})
            await until(lambda: sum("turnComplete" in json.dumps(event) for event in one.events()) == 2)
            (call,) = gateway.calls.values()
            assert call.sides["caller"].heard_s == pytest.approx(0.5)
        text = [json.dumps(event) for event in one.events()]
        cleared = next(at for at, event in enumerate(text) if "interrupted" in event)
        assert pcm(0.1, loud=True) not in "".join(text) and "planted" not in "".join(text[cleared:])
        assert any(pcm(0.1, loud=False) in event for event in text[cleared:])
        assert "Not that." in json.dumps(provider.events()[2]["clientContent"])
        assert provider.paths[0].endswith("?key=k")

    asyncio.run(play())


def test_gemini_tools_wait() -> None:
    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await provider.until(lambda: bool(provider.received))
        for name in ("pay", "hours"):
            await socket.send_json({"toolCall": {"functionCalls": [{"id": name, "name": name, "args": {}}]}})

    async def play() -> None:
        policy = rule("gate_tools", hears="caller", tools=["pay"])
        async with (
            guarded(Provider(script), policy, routes=("gemini",)) as gateway,
            client(gateway, "/BidiGenerateContent") as one,
        ):
            blob = {"mimeType": "audio/pcm;rate=16000", "data": pcm(0.5, loud=True, rate=16_000)}
            await one.socket.send_json({"realtimeInput": {"audio": blob}})
            await until(lambda: bool(one.received))
            await asyncio.sleep(0.1)
        assert "hours" in json.dumps(one.events()) and "pay" not in json.dumps(one.events())

    asyncio.run(play())


def test_vllm_transcription() -> None:
    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json({"type": "session.created", "id": "s"})
        await provider.until(lambda: len(provider.received) == 3)
        await socket.send_json({"type": "transcription.done", "text": "hello", "usage": {}})

    async def play() -> None:
        provider = Provider(script)
        policy = rule("redact", hears="caller")
        async with guarded(provider, policy, routes=("vllm",)) as gateway, client(gateway) as one:
            await one.say(pcm(0.2, loud=True, rate=16_000), pcm(0.2, loud=False, rate=16_000))
            await one.socket.send_json({"type": "input_audio_buffer.commit", "final": True})
            await until(lambda: len(one.received) == 2)
        loud, quiet, commit = provider.events()
        assert set(loud["audio"].rstrip("=")) == {"A"} and quiet["audio"] == pcm(0.2, loud=False, rate=16_000)
        assert commit["final"] is True and gateway.decisions[0]["end_s"] == pytest.approx(0.04)

    asyncio.run(play())


# whole clips


def chat(clip: bytes | str, **more: Any) -> dict[str, Any]:
    if isinstance(clip, bytes):
        part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(clip).decode(), "format": "wav"}}
    else:
        part = {"type": "audio_url", "audio_url": {"url": clip}}
    return {"model": "m", "messages": [{"role": "user", "content": [part]}]} | more


def answer(request: web.Request, body: bytes) -> web.Response:
    asked = json.loads(body)
    call = {"id": "c", "type": "function", "function": {"name": "pay", "arguments": "{}"}}
    message = {"role": "assistant", "content": "fine", "tool_calls": [call]}
    if "modalities" in asked:
        message["audio"] = {"id": "a", "data": base64.b64encode(wav(0.3, loud=True)).decode(), "transcript": "planted"}
    return web.json_response({"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})


def ask(
    policy: str, body: Any, reply: Any = answer, *, path: str = "/v1/chat/completions", **how: Any
) -> tuple[Any, ...]:
    """Status, body and headers that the client gets, and what the provider got."""

    async def play() -> tuple[Any, ...]:
        provider = Provider(reply=reply)
        routes = ("transcriptions",) if "audio" in path else ("chat",)
        async with (
            guarded(provider, policy, routes=routes, scheme="http") as gateway,
            aiohttp.ClientSession() as session,
        ):
            sent = {"json": body} if isinstance(body, dict) else {"data": body}
            async with session.post(f"http://127.0.0.1:{gateway.port}{path}", **sent, **how) as got:
                data, status, headers = await got.read(), got.status, got.headers
            await until(lambda: not gateway._opening)
            return status, data, headers, provider, gateway

    return asyncio.run(play())


def test_chat_in_shadow_is_unchanged_both_ways() -> None:
    text = json.dumps(chat(wav(0.3, loud=True), modalities=["text", "audio"]), indent=3).encode()
    status, data, headers, provider, gateway = ask(
        rule("end", mode="shadow"), text, headers={"Content-Type": "application/json", "Authorization": "Bearer k"}
    )
    assert status == 200 and provider.received[0][2] == text and provider.headers[0]["Authorization"] == "Bearer k"
    assert (
        json.loads(data)["choices"][0]["message"]["audio"]["transcript"] == "planted" and "Earnest-Guard" not in headers
    )
    assert sorted(one["side"] for one in gateway.decisions) == ["agent", "caller"]


@pytest.mark.parametrize("address", [False, True])
def test_chat_redacts_the_span_alone(address: bool) -> None:
    clip = wav(0.3, loud=True, then_quiet=True)
    body = chat("data:audio/wav;base64," + base64.b64encode(clip).decode() if address else clip)
    status, _, _, provider, _ = ask(rule("redact", hears="caller"), body)
    part = json.loads(provider.received[0][2])["messages"][0]["content"][0]
    sent = part["audio_url"]["url"].partition(",")[2] if address else part["input_audio"]["data"]
    with wave.open(io.BytesIO(base64.b64decode(sent))) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    with wave.open(io.BytesIO(clip)) as file:
        before = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert status == 200 and not heard[:4800].any() and (heard[4800:] == before[4800:]).all()


@pytest.mark.parametrize("action", ["hold_turn", "challenge", "replace_response"])
def test_chat_answers_itself(action: str) -> None:
    status, data, headers, provider, _ = ask(
        rule(action, hears="caller", say="Who are you?"), chat(wav(0.3, loud=True))
    )
    message = json.loads(data)["choices"][0]
    assert (
        status == 200
        and message["message"]["content"] == "Who are you?"
        and message["finish_reason"] == "content_filter"
    )
    assert not provider.received and headers["Earnest-Guard"] == "loud"
    status, data, _, provider, _ = ask(rule(action, hears="caller", say="Who are you?"), chat(wav(0.3, loud=False)))
    assert json.loads(data)["choices"][0]["message"]["content"] == "fine"
    _, data, headers, _, _ = ask(rule(action, hears="caller", say="Who?"), chat(wav(0.3, loud=True), stream=True))
    assert headers["Content-Type"] == "text/event-stream" and data.endswith(b"data: [DONE]\n\n") and b"Who?" in data


def test_chat_gates_tools_and_ends() -> None:
    policy = rule("gate_tools", hears="caller", tools=["pay"])
    _, data, _, _, _ = ask(policy, chat(wav(0.3, loud=True)))
    choice = json.loads(data)["choices"][0]
    assert "tool_calls" not in choice["message"] and choice["finish_reason"] == "content_filter"
    _, data, _, _, _ = ask(policy, chat(wav(0.3, loud=False)))
    assert json.loads(data)["choices"][0]["message"]["tool_calls"]
    status, data, _, provider, _ = ask(rule("end", hears="caller"), chat(wav(0.3, loud=True)))
    assert status == 403 and json.loads(data)["error"]["code"] == "ended_by_policy" and not provider.received
    _, _, headers, _, _ = ask(rule("annotate", hears="caller"), chat(wav(0.3, loud=True)))
    assert headers["Earnest-Guard"] == "loud"


def test_what_the_agent_says_in_chat_is_replaced() -> None:
    body = chat(wav(0.3, loud=False), modalities=["text", "audio"], audio={"format": "wav", "voice": "v"})
    _, data, _, _, _ = ask(rule("replace_response", hears="agent", say="Not that."), body)
    assert b"planted" not in data and json.loads(data)["choices"][0]["message"]["content"] == "Not that."
    _, data, _, _, _ = ask(rule("redact", hears="agent"), body)
    sent = base64.b64decode(json.loads(data)["choices"][0]["message"]["audio"]["data"])
    assert sent[:4] == b"RIFF" and not any(sent[44:])

    def streamed(request: web.Request, asked: bytes) -> web.Response:
        parts = [{"audio": {"data": pcm(0.1, loud=loud)}} for loud in (False, True, False)]
        chunks = [{"id": "x", "choices": [{"index": 0, "delta": part, "finish_reason": None}]} for part in parts]
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return web.Response(text=text, content_type="text/event-stream")

    _, data, _, _, _ = ask(rule("redact", hears="agent"), body | {"stream": True}, streamed)
    lines = [json.loads(line[6:]) for line in data.decode().split("\n\n") if line.startswith("data: {")]
    sent = [base64.b64decode(line["choices"][0]["delta"]["audio"]["data"]) for line in lines]
    assert [any(one) for one in sent] == [True, False, True] and data.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("clip", [b"no audio at all", "https://elsewhere.example/a.wav"])
def test_what_cannot_be_judged_fails_as_the_rule_says(clip: bytes | str) -> None:
    status, _, _, provider, gateway = ask(rule("end", hears="caller"), chat(clip))
    assert status == 200 and len(provider.received) == 1
    assert gateway.metrics.fail_open["loud"]._value.get() == 1
    status, _, _, provider, _ = ask(rule("end", hears="caller", on_failure="closed"), chat(clip))
    assert status == 403 and not provider.received


def form(clip: bytes) -> aiohttp.FormData:
    made = aiohttp.FormData()
    made.add_field("model", "whisper")
    made.add_field("file", clip, filename="a.wav", content_type="audio/wav")
    return made


def test_transcriptions() -> None:
    def reply(request: web.Request, body: bytes) -> web.Response:
        return web.json_response({"text": "hello"})

    path, clip = "/v1/audio/transcriptions", wav(0.3, loud=True, then_quiet=True)
    status, data, _, provider, _ = ask(rule("redact", hears="caller"), form(clip), reply, path=path)
    sent = provider.received[0][2]
    assert status == 200 and json.loads(data) == {"text": "hello"} and b"whisper" in sent
    at = sent.index(b"RIFF") + 44
    assert not any(sent[at : at + 9600]) and sent[at + 9600 : at + 19_200] == clip[44 + 9600 :]
    status, _, _, provider, _ = ask(rule("end", hears="caller"), form(clip), reply, path=path)
    assert status == 403 and not provider.received
    status, _, _, provider, _ = ask(rule("end", hears="caller"), form(wav(0.3, loud=False)), reply, path=path)
    assert status == 200


def test_other_requests_pass() -> None:
    def reply(request: web.Request, body: bytes) -> web.Response:
        return web.Response(status=418, body=b"\x1f\x8bnot really", headers={"Content-Encoding": "gzip", "X-Own": "1"})

    async def play() -> None:
        provider = Provider(reply=reply)
        how = {"routes": ("chat",), "scheme": "http", "upstream_key": "sk-own"}
        async with (
            guarded(provider, rule("end"), **how) as gateway,
            aiohttp.ClientSession(auto_decompress=False) as session,
        ):
            address = URL(f"http://127.0.0.1:{gateway.port}/v1/models?x=%2F", encoded=True)
            async with session.get(address, headers={"Authorization": "Bearer mine", "Earnest-Caller": "+44"}) as got:
                assert got.status == 418 and await got.read() == b"\x1f\x8bnot really" and got.headers["X-Own"] == "1"
        assert provider.paths == ["/v1/models?x=%2F"] and provider.headers[0]["Authorization"] == "Bearer sk-own"
        assert "Earnest-Caller" not in provider.headers[0]

    asyncio.run(play())


def test_the_upstream_path_is_not_doubled() -> None:
    async def play() -> None:
        provider = Provider(reply=lambda request, body: web.json_response({}))
        async with on_loopback(provider) as address:
            made = Settings(upstream=f"http://{address}/v1", routes=("chat",), port=0, admin_port=0, drain_s=0)
            gateway = Gateway(rule("flag"), made)
            await gateway.start()
            async with aiohttp.ClientSession() as session:
                for path in ("/v1/models", "/models"):
                    await (await session.get(f"http://127.0.0.1:{gateway.port}{path}")).read()
            await gateway.stop()
        assert provider.paths == ["/v1/models", "/v1/models"]

    asyncio.run(play())


def test_bodies_are_inflated_within_a_limit() -> None:
    import gzip

    assert inflated(gzip.compress(b"a" * 1000), "gzip", 2000) == b"a" * 1000
    assert inflated(gzip.compress(bytes(50 << 20)), "gzip", 1 << 20) is None
    assert (
        inflated(b"x", "br", 100) is None
        and inflated(b"no gzip", "gzip", 100) is None
        and inflated(b"x", "", 1) == b"x"
    )
