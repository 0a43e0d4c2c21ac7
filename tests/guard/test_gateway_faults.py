"""The gateway under faults: calls go on as the rules say, counters rise, memory stays bounded, nothing leaks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import logging
import os
import re
import resource
import signal
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

pytest.importorskip("prometheus_client", reason="the gateway needs the extra guard")
sys.path.insert(0, str(Path(__file__).parent))
from provider import SESSION, Provider, client, guarded, on_loopback, pcm, response, rule, until  # noqa: E402

from earnest.errors import BadParameter  # noqa: E402
from earnest.guard.gateway.audit import Audit, remove_older  # noqa: E402
from earnest.guard.recording import verified  # noqa: E402

LOUD, QUIET = pcm(0.1, loud=True), pcm(0.1, loud=False)
ADMIN = "http://127.0.0.1:{}"


def metrics(gateway: Any) -> str:
    from prometheus_client import generate_latest

    return generate_latest(gateway.metrics.registry).decode()


@pytest.mark.parametrize("on_failure", ["open", "closed"])
@pytest.mark.parametrize("fault", ["killed", "hung"])
def test_detectors_that_end_do_not_end_calls(fault: str, on_failure: str) -> None:
    """A killed or stopped process: the rule fails as it says, once; a new process judges what comes after."""

    async def play() -> None:
        provider = Provider()
        policy = json.loads(rule("mute", hears="caller", on_failure=on_failure)) | {"detector_timeout_s": 0.3}
        async with guarded(provider, json.dumps(policy)) as gateway, client(gateway) as one:
            await one.say(QUIET)
            await until(lambda: gateway.ear.waiting == 0 and bool(provider.received))
            first = gateway.ear.pid
            os.kill(first, signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
            await one.say(QUIET)
            await until(lambda: gateway.ear.restarts == 1, seconds=10)
            await one.say(QUIET)
            await until(lambda: len(provider.received) == 3)
            await until(lambda: gateway.ear.running, seconds=10)
            assert gateway.ear.pid != first
            if on_failure == "open":
                await one.say(LOUD)
                await until(lambda: len(gateway.decisions) == 1)
                assert 'earnest_fail_open_total{rule="loud"} 1.0' in metrics(gateway)
            assert gateway.ear.waiting == 0 and "earnest_detector_restarts_total 1.0" in metrics(gateway)
            assert 'earnest_unjudged_total{route="realtime",side="caller"} 0.0' not in metrics(gateway)
        third = provider.events()[2]["audio"]
        assert (set(third.rstrip("=")) == {"A"}) == (on_failure == "closed")

    asyncio.run(play())


@pytest.mark.slow
def test_detectors_out_of_memory_fail_alone() -> None:
    async def play() -> None:
        async with guarded(Provider(), rule("mute"), detector_memory_mb=170) as gateway, client(gateway) as one:
            await one.say(pcm(240, loud=False))  # 15 MB of text, 23 MB as floats, several times over
            await until(lambda: gateway.ear.waiting == 0 and bool(gateway.calls), seconds=20)
            await until(lambda: next(iter(gateway.calls.values())).counts["unjudged"] == 1, seconds=20)
            await until(lambda: gateway.ear.running, seconds=20)
            await one.say(LOUD)
            await until(lambda: len(gateway.decisions) == 1, seconds=20)

    asyncio.run(play())


@pytest.mark.slow
def test_frames_of_one_byte_and_of_ten_megabytes() -> None:
    async def play() -> None:
        provider = Provider()
        async with guarded(provider, rule("flag", hears="caller"), max_message_bytes=16 << 20) as gateway:
            async with client(gateway) as one:
                data = base64.b64decode(LOUD)[:4000]
                for at in range(len(data)):
                    await one.say(base64.b64encode(data[at : at + 1]).decode())
                await until(lambda: len(gateway.decisions) == 1, seconds=10)
                assert gateway.decisions[0]["end_s"] == pytest.approx(0.04)
                await one.socket.send_str('{"type":"input_audio_buffer.append","audio":"' + QUIET * 1640 + '"}')
                await until(lambda: len(provider.received) == 4001, seconds=10)
                assert len(provider.received[-1][2]) > 10_000_000
                await until(lambda: gateway.ear.waiting == 0, seconds=20)
            async with client(gateway) as one:
                with contextlib.suppress(ConnectionError):
                    await one.socket.send_bytes(bytes(17 << 20))
                await until(lambda: one.ended, seconds=10)
                assert one.socket.close_code == 1009 and len(provider.received) == 4001

    asyncio.run(play())


@pytest.mark.slow
def test_compressed_frames_and_bombs_are_refused() -> None:
    async def play() -> None:
        provider = Provider(reply=lambda request, body: web.json_response({}))
        async with guarded(provider, rule("end", on_failure="closed"), routes=("chat",), scheme="http") as gateway:
            bomb = gzip.compress(bytes(200 << 20))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            async with aiohttp.ClientSession() as session:
                address, headers = f"http://127.0.0.1:{gateway.port}/v1/chat/completions", {"Content-Encoding": "gzip"}
                async with session.post(address, data=bomb, headers=headers) as got:
                    assert got.status == 403
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
        async with guarded(provider, rule("end")) as gateway, aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"http://127.0.0.1:{gateway.port}/v1/realtime", compress=15)
            assert not socket.compress  # not agreed to
            packed = zlib.compressobj(wbits=-15)
            frame = packed.compress(bytes(100 << 20)) + packed.flush(zlib.Z_SYNC_FLUSH)
            head = bytes([0xC2, 0xFF]) + len(frame).to_bytes(8, "big") + bytes(4)  # compressed bit, mask of zeros
            transport = socket._conn.transport
            transport.write(head + frame)
            message = await socket.receive(timeout=5)
            assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR) and socket.close_code == 1002
            assert not provider.received[1:]
            await socket.close()

    asyncio.run(play())


def test_a_provider_that_closes_garbles_refuses_or_is_gone() -> None:
    async def closing(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        await socket.send_bytes(os.urandom(500))
        await socket.send_str("}{")
        await socket.close(code=4008, message=b"session expired")

    async def play() -> None:
        async with guarded(Provider(closing), rule("end")) as gateway, client(gateway) as one:
            await until(lambda: one.ended)
            assert one.socket.close_code == 4008 and len(one.received) == 3
            await until(lambda: not gateway.calls)

        refusing = Provider()
        refusing.refuses = 401
        async with guarded(refusing, rule("end")) as gateway:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with client(gateway):
                    pass
            assert caught.value.status == 401
            gateway._origin = "http://127.0.0.1:9"
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with client(gateway):
                    pass
            assert caught.value.status == 502 and 'earnest_refused_sessions_total{reason="provider"} 2.0' in metrics(
                gateway
            )

    asyncio.run(play())


@pytest.mark.slow
def test_a_provider_or_client_that_does_not_read_costs_bounded_memory() -> None:
    """The sender is slowed down; what waits in the gateway stays within its buffers."""

    async def play(mode: str) -> None:
        slow = Provider()
        slow.serve = _not_reading  # type: ignore[method-assign]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async with guarded(slow, rule("mute", hears="agent", mode=mode)) as gateway, client(gateway) as one:
            sent, text = 0, "x" * 100_000
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    while sent < 400 << 20:
                        await one.socket.send_str(text)
                        sent += len(text)
            assert sent < 200 << 20  # most of it in the system's own socket buffers
            assert all(not call.controls or call.to_upstream.n_bytes < 6 << 20 for call in gateway.calls.values())
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000

    asyncio.run(play("shadow"))
    asyncio.run(play("enforce"))


async def _not_reading(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await asyncio.sleep(3)
    request.transport.abort()
    return socket


def test_a_client_that_is_gone_frees_its_call() -> None:
    async def play() -> None:
        provider = Provider()
        async with guarded(provider, rule("mute")) as gateway:
            async with client(gateway) as one:
                await one.say(QUIET)
                await until(lambda: len(gateway.calls) == 1 and bool(provider.received))
                one.socket._conn.transport.abort()
            await until(lambda: not gateway.calls and provider.open == 0)
            assert 'earnest_sessions{route="realtime"} 0.0' in metrics(gateway)

    asyncio.run(play())


@pytest.mark.slow
def test_half_open_connections_and_slow_requests_do_not_keep_others_out() -> None:
    async def play() -> None:
        provider = Provider(reply=lambda request, body: web.json_response({}))
        async with guarded(provider, rule("flag"), header_s=1.0, body_s=0.5, routes=("realtime", "chat")) as gateway:
            opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(1000)))
            for number, (_, writer) in enumerate(opened):
                if number % 2:
                    writer.write(b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            async with client(gateway) as one:  # a call opens all the same
                await one.say(QUIET)
                await until(lambda: bool(provider.received))
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            assert b"408" in await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            ended = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in opened)), 10)
            assert len(ended) == 1000
            for _, writer in opened:
                writer.close()

    asyncio.run(play())


def test_limits_of_calls_and_connections() -> None:
    async def play() -> None:
        async with guarded(Provider(), rule("flag"), max_sessions=1) as gateway, client(gateway):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with client(gateway):
                    pass
            assert caught.value.status == 503 and caught.value.headers["Retry-After"] == "5"
        async with guarded(Provider(), rule("flag"), max_connections=2) as gateway:
            kept = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(2)]
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            for _, one in [*kept, (reader, writer)]:
                one.close()
        async with guarded(Provider(), rule("flag"), longest_s=0.3) as gateway, client(gateway) as one:
            await until(lambda: one.ended)
            assert one.socket.close_code == 1001

    asyncio.run(play())


def test_a_full_disk_under_the_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines wait, a torn one is cut, and what could not be kept is counted in the chain."""
    full, write = [False], os.write

    def limited(file: int, data: bytes) -> int:
        if full[0] and b'"kind"' in data:
            write(file, data[:7])  # torn
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", limited)
    lost: list[int] = []
    audit = Audit(tmp_path, key="k", on_lost=lost.append)
    audit.put("call", {"kind": "start"})
    while audit._lines.qsize():
        time.sleep(0.01)
    full[0] = True
    for number in range(1100):
        audit.put("call", {"kind": "decision", "number": number})
    while audit._lines.qsize() or not audit.failing:
        time.sleep(0.01)
    full[0] = False
    audit.put("call", {"kind": "end"})
    audit.close()
    read = verified(tmp_path / "call.jsonl", key="k")
    assert read.ended and not read.torn and not audit.failing
    missing = next(line for line in read.lines if line["kind"] == "lost")["lines"]
    assert missing == sum(lost) and 100 <= missing <= 102
    assert len(read.lines) == 1102 - missing + 1 and read.lines[-2]["number"] == 1099


def test_an_audit_that_must_be_kept_closes_the_gateway(tmp_path: Path) -> None:
    async def play() -> None:
        async with guarded(Provider(), rule("flag"), audit=tmp_path / "a", audit_closed=True) as gateway:
            assert gateway.ready
            gateway.audit.failing = True
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                async with client(gateway):
                    pass
            assert caught.value.status == 503 and not gateway.ready

    asyncio.run(play())
    (tmp_path / "file").write_text("")
    with pytest.raises(BadParameter, match="cannot be made"):
        Audit(tmp_path / "file" / "a")


def test_old_audits_are_removed(tmp_path: Path) -> None:
    for name, days in (("old", 3), ("new", 1)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("")
        os.utime(path, (time.time() - days * 86_400,) * 2)
    assert remove_older(tmp_path, 2) == 1 and [one.stem for one in tmp_path.iterdir()] == ["new"]


@pytest.mark.slow
def test_a_clock_that_steps_changes_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with guarded(Provider(), rule("mute", hears="caller")) as gateway, client(gateway) as one:
            for step in (0, 86_400, -86_400):
                stepped = time.time() + step
                monkeypatch.setattr(time, "time", lambda stepped=stepped: stepped)
                await one.say(LOUD, QUIET)
                monkeypatch.undo()
            await until(lambda: len(gateway.decisions) >= 1 and gateway.ear.waiting == 0)
            assert gateway.decisions[0]["end_s"] == pytest.approx(0.04)

    asyncio.run(play())


def test_no_key_no_word_and_no_audio_is_written_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Keys, words and audio pass through, and appear in no log, audit, metric or state."""
    caplog.set_level(logging.DEBUG)
    words, key, own = "plantedwords", "sk-plantedclient", "sk-plantedown"

    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        for event in response(1, [LOUD], words=words):
            await socket.send_json(event)
        await socket.send_str(words + " is no JSON")

    async def play() -> str:
        provider = Provider(script)
        settings = {"audit": tmp_path, "upstream_key": own, "key": "plantedaudit", "admin_token": "plantedadmin"}
        async with guarded(provider, rule("annotate"), **settings) as gateway:
            headers = {"Authorization": f"Bearer {key}", "Earnest-Caller": "+44plantedcaller"}
            async with client(gateway, f"/v1/realtime?model=m&key={key}", headers=headers) as one:
                await one.say(LOUD)
                await one.socket.send_json({"type": "conversation.item.create", "item": {"content": [{"text": words}]}})
                await until(lambda: len(gateway.decisions) == 2 and len(one.received) > 12)
                os.kill(gateway.ear.pid, signal.SIGKILL)
                await until(lambda: gateway.ear.restarts == 1, seconds=10)
                async with aiohttp.ClientSession() as session:
                    state = await (await session.get(ADMIN.format(gateway.admin_port) + "/state.json")).text()
            assert provider.headers[0]["Authorization"] == f"Bearer {own}" and key in provider.paths[0]
            settings_shown = repr(gateway.settings)
            text = metrics(gateway)
        return text + state + settings_shown

    written = asyncio.run(play()) + caplog.text
    for path in tmp_path.iterdir():
        assert verified(path, key="plantedaudit").ended
        written += path.read_text()
    assert "fingerprint" in written and "loud" in written
    for planted in ("planted", LOUD[100:140], LOUD[2000:2040]):
        assert planted not in written


def test_sigterm_drains(tmp_path: Path) -> None:
    """The command itself: ready, no new call after SIGTERM, the one under way goes on until it ends."""

    async def play() -> None:
        policy = tmp_path / "policy.yaml"
        policy.write_text(rule("flag"))
        async with on_loopback(provider := Provider()) as address:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "earnest", "guard", "serve", str(policy), "--upstream", f"ws://{address}"),
                *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--audit", str(tmp_path / "audit")),
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stderr is not None
            text = b""
            while b"clients:" not in text:
                text = await asyncio.wait_for(process.stderr.readline(), 20)
            port, admin = re.findall(r":(\d+)", text.decode())
            async with aiohttp.ClientSession() as session:
                assert (await session.get(ADMIN.format(admin) + "/readyz")).status == 200
                socket = await session.ws_connect(f"http://127.0.0.1:{port}/v1/realtime")
                await socket.send_json({"type": "input_audio_buffer.append", "audio": LOUD})
                await until(lambda: len(provider.received) == 1)
                process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.2)
                assert (await session.get(ADMIN.format(admin) + "/readyz")).status == 503
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await session.ws_connect(f"http://127.0.0.1:{port}/v1/realtime")
                await socket.send_json({"type": "input_audio_buffer.append", "audio": QUIET})
                await until(lambda: len(provider.received) == 2)
                await socket.close()
            assert await asyncio.wait_for(process.wait(), 10) == 0
        files = sorted((tmp_path / "audit").iterdir())
        assert len(files) == 2 and all(verified(path).ended for path in files)

    asyncio.run(play())


def test_the_admin_address_answers_under_its_own_names_alone() -> None:
    async def play() -> None:
        async with guarded(Provider(), rule("mute", mode="shadow")) as gateway, aiohttp.ClientSession() as session:
            address = ADMIN.format(gateway.admin_port)

            async def status(path: str, method: str = "GET", **headers: str) -> int:
                sent = {"json": {"mode": "enforce", "why": "test"}} if method == "POST" else {}
                async with session.request(method, address + path, headers=headers, **sent) as got:
                    await got.read()
                    assert "default-src 'none'" in got.headers["Content-Security-Policy"]
                    return got.status

            for path in ("/", "/admin.js", "/admin.css", "/state.json", "/metrics", "/healthz", "/readyz"):
                assert await status(path) == 200
                assert await status(path, Host="evil.example") == 403
            assert await status("/other") == 404 and await status("/mode") == 405
            assert await status("/mode", "POST", Host="evil.example") == 403
            assert await status("/mode", "POST", Origin="http://evil.example") == 403
            assert await status("/mode", "POST", Origin="null") == 403 and gateway.mode == "shadow"
            async with session.post(address + "/mode", data="mode=enforce") as got:
                assert got.status == 415
            for wrong in ({"mode": "off"}, {}, [], {"mode": ["enforce"]}):
                async with session.post(address + "/mode", json=wrong) as got:
                    assert got.status == 400
            assert gateway.mode == "shadow" and not gateway.switches
            assert await status("/mode", "POST", Origin=address) == 200 and gateway.mode == "enforce"
            assert gateway.switches[0]["why"] == "test"
        how: dict[str, Any] = {"admin_token": "t"}
        async with (
            guarded(Provider(), rule("mute", mode="shadow"), **how) as gateway,
            aiohttp.ClientSession() as session,
        ):
            address = ADMIN.format(gateway.admin_port) + "/mode"
            for token, expected in (("wrong", 401), ("", 401), ("t", 200)):
                headers = {"Authorization": f"Bearer {token}"}
                async with session.post(address, json={"mode": "enforce"}, headers=headers) as got:
                    assert got.status == expected
        how = {"admin_host": "0.0.0.0", "admin_names": ("guard.example",)}
        async with (
            guarded(Provider(), rule("mute", mode="shadow"), **how) as gateway,
            aiohttp.ClientSession() as session,
        ):
            address = ADMIN.format(gateway.admin_port)
            async with session.get(address + "/metrics", headers={"Host": "guard.example:8461"}) as got:
                assert got.status == 200
            async with session.post(address + "/mode", json={"mode": "enforce"}) as got:
                assert got.status == 403 and gateway.mode == "shadow"

    asyncio.run(play())
