"""What the gateway of the guard adds to a call, beside a bare relay in the same run.

    python benchmarks/guard_gateway.py [--streams 50] [--rounds 3] [--seconds 10] [--all]

Streams of 20 ms frames (24 kHz, JSON events with base64) go through a bare relay and through the gateway in turn, to one
provider that answers every frame with a frame of the agent. Provider, relay, gateway with its detectors, and client are
processes of their own. The gateway runs in shadow mode with four detectors on both sides of the call. Printed are the
round trips of all frames, their difference, and the processor time of a stream in each. `--all` adds ten minutes of 200
streams, with the memory of the gateway at the start and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import aiohttp
import numpy as np
from aiohttp import WSMsgType, web

FRAME_S, RATE = 0.02, 24_000
POLICY = json.dumps(
    {
        "mode": "shadow",
        "rules": [
            {"name": name, "detector": name, "above": 1e9} for name in ("level", "clipping", "near_ultrasonic", "dtmf")
        ],
    }
)
TICKS = os.sysconf("SC_CLK_TCK")


def frame() -> str:
    samples = np.random.default_rng(0).normal(0, 2000, round(RATE * FRAME_S)).astype("<i2")
    return base64.b64encode(samples.tobytes()).decode()


async def provider(port: int) -> None:
    reply = json.dumps({"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": frame()})
    data = reply.encode()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, decode_text=False)
        await socket.prepare(request)
        async for _ in socket:
            await socket.send_frame(data, WSMsgType.TEXT)
        return socket

    await _serve(serve, port)


async def relay(port: int, upstream: int) -> None:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        client = web.WebSocketResponse(compress=False, decode_text=False)
        await client.prepare(request)
        async with session.ws_connect(f"http://127.0.0.1:{upstream}/v1/realtime", decode_text=False) as other:

            async def pass_on(source: aiohttp.ClientWebSocketResponse | web.WebSocketResponse, sink: object) -> None:
                async for message in source:
                    await sink.send_frame(message.data, message.type)  # type: ignore[attr-defined]

            both = [asyncio.create_task(pass_on(client, other)), asyncio.create_task(pass_on(other, client))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
        return client

    async with aiohttp.ClientSession() as session:
        await _serve(serve, port)


async def gateway(port: int, upstream: int) -> None:
    from earnest.guard.gateway.server import Settings, serve

    made = Settings(
        upstream=f"ws://127.0.0.1:{upstream}", routes=("realtime",), port=port, admin_port=port + 1, drain_s=0
    )
    await serve(POLICY, made)


async def _serve(handler: object, port: int) -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def load(port: int, streams: int, seconds: float) -> list[float]:
    """Round trips in ms of every frame after the first second, paced, with the streams spread over the frame's time."""
    text, taken = json.dumps({"type": "input_audio_buffer.append", "audio": frame()}).encode(), []
    begin = time.perf_counter() + 0.5

    async def stream(number: int) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/v1/realtime", decode_text=False) as socket,
        ):
            sent: deque[float] = deque()

            async def read() -> None:
                async for _ in socket:
                    at = sent.popleft()
                    if at > begin + 1:
                        taken.append((time.perf_counter() - at) * 1e3)

            reading = asyncio.create_task(read())
            for turn in range(round((seconds + 1) / FRAME_S)):
                due = begin + (turn + number / streams) * FRAME_S
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                sent.append(time.perf_counter())
                await socket.send_frame(text, WSMsgType.TEXT)
            await asyncio.sleep(0.2)
            reading.cancel()

    await asyncio.gather(*(stream(number) for number in range(streams)))
    return taken


async def listening(port: int) -> None:
    for _ in range(1200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise SystemExit(f"nothing listens on port {port} after two minutes")


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def processor_s(pid: int) -> float:
    """Processor time of a process and its children so far."""
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in family(pid)]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def memory_mb(pid: int) -> float:
    texts = [Path(f"/proc/{one}/status").read_text() for one in family(pid)]
    return sum(int(text.split("VmRSS:")[1].split()[0]) for text in texts) / 1024


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--streams", type=int, default=50)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=10)
    asked.add_argument("--port", type=int, default=8470)
    asked.add_argument("--all", action="store_true")
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--role", default="")
    given = asked.parse_args()
    port = given.port
    if given.role:
        work = {
            "provider": lambda: provider(port),
            "relay": lambda: relay(port + 1, port),
            "gateway": lambda: gateway(port + 2, port),
        }[given.role]
        _run(work())
        return
    roles = ("provider", "relay", "gateway")
    command = [sys.executable, __file__, "--port", str(port), "--role"]
    running = {role: subprocess.Popen([*command, role]) for role in roles}
    try:
        for at in range(3):
            _run(listening(port + at))
        trips: dict[str, list[float]] = {"relay": [], "gateway": []}
        spent = dict.fromkeys(trips, 0.0)
        for _ in range(given.rounds):
            for at, role in enumerate(trips, start=1):
                before = processor_s(running[role].pid)
                trips[role] += _run(load(port + at, given.streams, given.seconds))
                spent[role] += processor_s(running[role].pid) - before
        wall = given.rounds * (given.seconds + 1)
        made: dict[str, object] = {"streams": given.streams, "load": os.getloadavg()[0]}
        for role, times in trips.items():
            p50, p99, p999 = (float(one) for one in np.quantile(times, (0.5, 0.99, 0.999)))
            share = spent[role] / wall / given.streams
            made[role] = {"frames": len(times), "p50_ms": p50, "p99_ms": p99, "p99.9_ms": p999, "core_a_stream": share}
            if not given.json:
                print(
                    f"{role}: {len(times)} frames, round trip p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms; "
                    f"{100 * share:.3f} % of a core a stream, {1 / share:.0f} streams a core"
                )
        p50, p99 = np.quantile(trips["gateway"], (0.5, 0.99)) - np.quantile(trips["relay"], (0.5, 0.99))
        ratio = spent["gateway"] / spent["relay"]
        made |= {"added_p50_ms": float(p50), "added_p99_ms": float(p99), "processor_ratio": ratio}
        if given.json:
            print(json.dumps(made))
        else:
            print(
                f"added: p50 {p50:.2f} ms, p99 {p99:.2f} ms; processor time {ratio:.2f} times the relay's "
                f"({given.streams} streams, load of the machine {os.getloadavg()[0]:.1f})"
            )
        if given.all:
            _run(load(port + 2, 200, 10))
            before = memory_mb(running["gateway"].pid)
            _run(load(port + 2, 200, 600))
            print(
                f"200 streams for ten minutes: {before:.0f} MB before, {memory_mb(running['gateway'].pid):.0f} MB after"
            )
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(10)


def _run(work: object) -> object:
    try:
        from uvloop import new_event_loop as loop_factory
    except ImportError:
        loop_factory = None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(work)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
