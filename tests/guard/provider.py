"""A provider on loopback that speaks the protocols from recorded orders of events, and keeps what reached it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
from aiohttp import WSMsgType, web

Script = Callable[["Provider", web.WebSocketResponse], Awaitable[None]]


def pcm(seconds: float, *, loud: bool, rate: int = 24_000) -> str:
    """Base64 of a tone at -9 dBFS, or of one at -60."""
    times = np.arange(round(seconds * rate)) / rate
    tone = (0.5 if loud else 0.0014) * np.sin(2 * np.pi * 440 * times)
    return base64.b64encode((tone * 32767).astype("<i2").tobytes()).decode()


def response(number: int, pieces: list[str], *, beta: bool = False, words: str = "") -> list[dict[str, Any]]:
    """One spoken response in the order in which the provider sends its events."""
    name, item = f"resp_{number}", f"item_{number}"
    audio = "response.audio" if beta else "response.output_audio"
    ids = {"response_id": name, "item_id": item, "output_index": 0, "content_index": 0}
    made = {"id": item, "type": "message", "role": "assistant", "content": []}
    said = made | {"content": [{"type": "output_audio", "transcript": words}]}
    return [
        {"type": "response.created", "response": {"id": name, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "response_id": name, "output_index": 0, "item": made},
        {"type": "conversation.item.created" if beta else "conversation.item.added", "item": made},
        {"type": "response.content_part.added", **ids, "part": {"type": "audio"}},
        *(
            event
            for piece in pieces
            for event in (
                {"type": f"{audio}_transcript.delta", **ids, "delta": words},
                {"type": f"{audio}.delta", **ids, "delta": piece},
            )
        ),
        {"type": f"{audio}.done", **ids},
        {"type": f"{audio}_transcript.done", **ids, "transcript": words},
        {"type": "response.content_part.done", **ids, "part": {"type": "audio", "transcript": words}},
        {"type": "response.output_item.done", "response_id": name, "output_index": 0, "item": said},
        *([] if beta else [{"type": "conversation.item.done", "item": said}]),
        {"type": "response.done", "response": {"id": name, "status": "completed", "output": [said]}},
    ]


def tool_call(number: int, tool: str) -> list[dict[str, Any]]:
    name, item = f"resp_{number}", f"call_item_{number}"
    made = {"id": item, "type": "function_call", "name": tool, "call_id": f"call_{number}", "arguments": ""}
    ids = {"response_id": name, "item_id": item, "output_index": 0, "call_id": f"call_{number}"}
    whole = made | {"arguments": '{"amount": 900}'}
    return [
        {"type": "response.created", "response": {"id": name, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "response_id": name, "output_index": 0, "item": made},
        {"type": "conversation.item.added", "item": made},
        {"type": "response.function_call_arguments.delta", **ids, "delta": '{"amount"'},
        {"type": "response.function_call_arguments.done", **ids, "name": tool, "arguments": '{"amount": 900}'},
        {"type": "response.output_item.done", "response_id": name, "output_index": 0, "item": whole},
        {"type": "response.done", "response": {"id": name, "status": "completed", "output": [whole]}},
    ]


SESSION = {
    "type": "session.created",
    "session": {
        "type": "realtime",
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": {"type": "server_vad"}},
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
        },
    },
}


class Provider:
    """`script` speaks once a WebSocket is open; `reply` answers requests. What arrived is in `received`."""

    def __init__(self, script: Script | None = None, reply: Callable[[web.Request, bytes], Any] | None = None) -> None:
        self.script, self.reply = script, reply
        self.received: list[tuple[float, WSMsgType, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.open = 0
        self.refuses = 0
        self.closed_with: list[int | None] = []

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        made = [json.loads(data) for _, _, data in self.received]
        return [one for one in made if one.get("type") == kind] if kind else made

    async def until(self, condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
        await until(condition, seconds=seconds)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        self.paths.append(request.raw_path)
        if self.refuses:
            return web.Response(status=self.refuses)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            body = await request.read()
            self.received.append((time.monotonic(), WSMsgType.BINARY, body))
            assert self.reply is not None
            return self.reply(request, body)
        socket = web.WebSocketResponse(max_msg_size=64 << 20, protocols=("realtime",))
        await socket.prepare(request)
        self.open += 1
        speaking = asyncio.create_task(self.script(self, socket)) if self.script else None
        try:
            async for message in socket:
                self.received.append((time.monotonic(), message.type, message.data))
        finally:
            self.open -= 1
            self.closed_with.append(socket.close_code)
            if speaking:
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)
        return socket


async def until(condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def on_loopback(provider: Provider) -> AsyncIterator[str]:
    """The provider's address, without a scheme."""
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", provider.serve)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def guarded(provider: Provider, policy: str, **settings: Any) -> AsyncIterator[Any]:
    """A gateway in front of the provider."""
    from earnest.guard.gateway.server import Gateway, Settings

    async with on_loopback(provider) as address:
        scheme = settings.pop("scheme", "ws")
        made = {"routes": ("realtime",), "port": 0, "admin_port": 0, "drain_s": 0.0} | settings
        gateway = Gateway(policy, Settings(upstream=f"{scheme}://{address}", **made))
        await gateway.start()
        try:
            yield gateway
        finally:
            await gateway.stop()


@asynccontextmanager
async def client(gateway: Any, path: str = "/v1/realtime?model=m", **how: Any) -> AsyncIterator[Client]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{gateway.port}{path}", max_msg_size=64 << 20, **how) as socket,
    ):
        made = Client(socket)
        reading = asyncio.create_task(made.read())
        try:
            yield made
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


class Client:
    """What came to the client, with its time."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.received: list[tuple[float, WSMsgType, Any]] = []
        self.ended = False

    async def read(self) -> None:
        async for message in self.socket:
            self.received.append((time.monotonic(), message.type, message.data))
        self.ended = True

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        made = [json.loads(data) for _, _, data in self.received]
        return [one for one in made if one.get("type") == kind] if kind else made

    def kinds(self) -> list[str]:
        return [one.get("type", "") for one in self.events()]

    async def say(self, *payloads: str) -> None:
        for payload in payloads:
            await self.socket.send_json({"type": "input_audio_buffer.append", "audio": payload})


def rule(action: str, **more: Any) -> str:
    """A policy that enforces one rule, which loud audio meets."""
    fields = {"name": "loud", "detector": "level", "above": -20, "for_s": 0.04, "action": action} | more
    mode = fields.pop("mode", "enforce")
    return json.dumps({"mode": mode, "rules": [fields]})
