"""A real HTTP server on this machine, and small clips, for the tests of models."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from earnest.audio import AudioClip


@dataclass
class Request:
    """What the server was sent."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    query: str


@dataclass
class Loopback:
    """A server that gives the queued replies in turn, and the last one again; it keeps what it was sent."""

    replies: list[Callable[[], Any] | web.Response | dict] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    n_connections: set[Any] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.n_connections.add(request.transport)
        self.requests.append(Request(request.path, headers, json.loads(await request.read()), request.query_string))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, dict):
            return web.json_response(reply)
        if isinstance(reply, tuple):
            status, content, headers = (*reply, {})[:3]
            text = content if isinstance(content, str) else json.dumps(content)
            return web.Response(status=status, text=text, headers=headers)
        return await reply(request)


@pytest.fixture
def server() -> Iterator[Loopback]:
    """The server, running on its own loop in a thread."""
    loopback, ready, loop = Loopback(), threading.Event(), asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{path:.*}", loopback.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        loopback.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    yield loopback
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture
def clip() -> AudioClip:
    """A tenth of a second of noise at 16 kHz, exact in 16 bits."""
    samples = np.random.default_rng(0).normal(0, 0.1, 1_600).astype(np.float32)
    return AudioClip(samples, 16_000).quantised()


@pytest.fixture
def other_clip() -> AudioClip:
    """A twentieth of a second of another noise at 8 kHz, exact in 16 bits."""
    samples = np.random.default_rng(1).normal(0, 0.1, 400).astype(np.float32)
    return AudioClip(samples, 8_000).quantised()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credential of this machine is seen by a test."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "EARNEST_API_KEY", "GEMINI_API_KEY", "GEMINI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
