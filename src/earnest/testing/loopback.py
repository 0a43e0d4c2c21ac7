"""An endpoint on this machine that speaks OpenAI's chat completions, answers as it is told, and fails as it is told.

    with Loopback(answer=lambda heard: "yes", faults=Faults(rate_limited=0.3)) as server:
        model = load_model(f"{server.url}#fake")

or, in a process of its own, for measurements:

    python -m earnest.testing.loopback --latency-ms 50

It prints its address. How often it was asked can be read as JSON at `<url>/asked`; with habits, what it was asked, at `server.requests`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property
from typing import Any

from aiohttp import web

from earnest.audio import AudioClip, Turn

MAX_BYTES = 256 * 2**20

Habit = Callable[["Loopback", web.Request, Mapping[str, Any]], Awaitable[web.StreamResponse | None]]
"""What an endpoint does with a request instead of answering it as it should; None: nothing."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often what goes wrong: shares of the calls, drawn with `seed`.

    Parameters
    ----------
    rate_limited : float
        429 with `Retry-After`.
    overloaded : float
        503 without it.
    server_error : float
        500.
    timeout : float
        No reply for `stall_s`.
    cut : float
        The connection is closed before a reply.
    nonsense : float
        200 with a body that is no JSON.
    retry_after : str
        The header's value; `"date"` for a date one second ahead.
    stall_s : float
    first_n : int or None
        Only the first so many calls are in danger.
    seed : int
    """

    rate_limited: float = 0.0
    overloaded: float = 0.0
    server_error: float = 0.0
    timeout: float = 0.0
    cut: float = 0.0
    nonsense: float = 0.0
    retry_after: str = "0.02"
    stall_s: float = 3600.0
    first_n: int | None = None
    seed: int = 0

    KINDS = ("rate_limited", "overloaded", "server_error", "timeout", "cut", "nonsense")

    def drawn(self, rng: random.Random, *, n_before: int) -> str | None:
        """Which fault a call meets, or None."""
        if self.first_n is not None and n_before >= self.first_n:
            return None
        left = rng.random()
        for kind in self.KINDS:
            left -= getattr(self, kind)
            if left < 0:
                return kind
        return None


@dataclass(frozen=True)
class Heard:
    """A call as the endpoint got it.

    Parameters
    ----------
    body : mapping
        The request's JSON.
    """

    body: Mapping[str, Any] = field(repr=False)

    @property
    def model(self) -> str:
        """Which model was asked for."""
        return self.body.get("model", "")

    @property
    def system_prompt(self) -> str | None:
        """The system message, if any."""
        for message in self.body["messages"]:
            if message["role"] == "system":
                return message["content"]
        return None

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation, recordings decoded; the last turn is the one to be answered."""
        return tuple(_turn(message) for message in self.body["messages"] if message["role"] != "system")

    @property
    def prompt(self) -> str:
        """The text beside the audio of the turn to be answered."""
        return self.turns[-1].text

    @property
    def clips(self) -> list[AudioClip]:
        """The recordings of the turn to be answered."""
        return list(self.turns[-1].clips.values())


def _turn(message: Mapping[str, Any]) -> Turn:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = " ".join(part["text"] for part in parts if part["type"] == "text")
    found = [part[part["type"]] for part in parts if part["type"] in ("input_audio", "audio_url")]
    data = [
        (sent.get("data") or sent["url"]).rpartition(",")[2] for sent in found
    ]  # plain, or behind the head of a data URI
    clips = {f"clip {place}": AudioClip.from_bytes(base64.b64decode(one)) for place, one in enumerate(data, 1)}
    return Turn(role=message["role"], text=text, clips=clips)


def echo(heard: Heard) -> str:
    """The answer by default: what came, in words that depend on the content alone."""
    *earlier, (last, prompt) = [(_lengths(turn), turn.text) for turn in heard.turns]
    before = "".join(f"After {lengths or 'no clip'} and the words {text!r}: " for lengths, text in earlier)
    return f"{before}I heard {last or 'nothing'} and was asked: {prompt}"


def _lengths(turn: Turn) -> str:
    return ", ".join(f"{clip.n_samples} samples {clip.digest[:8]}" for clip in turn.clips.values())


class Loopback:
    """The endpoint, in a thread of its own; a context manager.

    Parameters
    ----------
    answer : callable (Heard) -> str, AudioClip or dict
        What is said; a clip is a spoken answer; a dictionary is the whole reply. None: "ok", without reading the body.
    latency_s : float
        Before each reply.
    faults : Faults
    usage : bool
        Whether replies count tokens.
    habits : sequence of async callable (Loopback, web.Request, dict) -> web.StreamResponse or None
        Asked in turn with each request and its JSON; the first that gives a response has answered. `earnest.testing.habits`
        has those of real servers, and of bad ones.
    """

    def __init__(
        self,
        answer: Callable[[Heard], Any] | None = echo,
        *,
        latency_s: float = 0.0,
        faults: Faults = Faults(),  # noqa: B008
        usage: bool = True,
        habits: Sequence[Habit] = (),
        port: int = 0,
    ) -> None:
        self.habits = tuple(habits)
        self.requests: list[Mapping[str, Any]] = []
        self.answer, self.latency_s, self.faults, self.usage, self.port = answer, latency_s, faults, usage, port
        self.n_requests = 0
        self.n_answered = 0
        self.n_in_flight = self.most_in_flight = 0
        self.n_faults: Counter[str] = Counter()
        self.n_by_content: Counter[str] = Counter()
        self._random = random.Random(faults.seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="earnest-loopback", daemon=True)

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Loopback:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self.serve())
        finally:
            self._loop.close()

    async def serve(self) -> None:
        """Serve until told to stop."""
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=MAX_BYTES)
        app.router.add_post("/{base:.*}/chat/completions", self._completions)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/asked", self._answer_counts)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    async def _answer_counts(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "n_requests": self.n_requests,
                "n_answered": self.n_answered,
                "most_in_flight": self.most_in_flight,
                "n_faults": dict(self.n_faults),
            }
        )

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self.faults.drawn(self._random, n_before=self.n_requests)
        self.n_requests += 1
        self.n_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.n_in_flight)
        try:
            await asyncio.sleep(self.latency_s)
            if fault is not None:
                self.n_faults[fault] += 1
                return await self._failed(request, fault)
            if self.habits:
                asked = json.loads(body)
                self.requests.append(asked)
                for habit in self.habits:
                    if (response := await habit(self, request, asked)) is not None:
                        return response
            return self._answered(body)
        finally:
            self.n_in_flight -= 1

    async def _failed(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault == "rate_limited":
            soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
            wait = soon if self.faults.retry_after == "date" else self.faults.retry_after
            return _error(429, "rate limit reached", headers={"Retry-After": wait})
        if fault == "timeout":
            await asyncio.sleep(self.faults.stall_s)
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "nonsense":
            return web.Response(text="<html>it works</html>", content_type="text/html")
        return _error(503 if fault == "overloaded" else 500, "something broke")

    def _answered(self, body: bytes) -> web.Response:
        self.n_answered += 1
        if self.answer is None:
            return web.Response(body=_OK, content_type="application/json")
        heard = Heard(json.loads(body))
        said = (f"{turn.text} {' '.join(clip.digest for clip in turn.clips.values())}" for turn in heard.turns)
        self.n_by_content[" | ".join(said)] += 1
        return web.json_response(self._completion(heard, self.answer(heard)))

    def completion(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What would be answered to the JSON of a request, for a habit that answers in its own way."""
        heard = Heard(payload)
        return self._completion(heard, "ok" if self.answer is None else self.answer(heard))

    def _completion(self, heard: Heard, answer: Any) -> dict[str, Any]:
        if isinstance(answer, dict):
            return answer
        message: dict[str, Any] = {"role": "assistant", "content": answer if isinstance(answer, str) else None}
        n_audio_out = 0
        if isinstance(answer, AudioClip):
            n_audio_out = round(20 * answer.duration_s)
            message["audio"] = {
                "id": "a",
                "data": base64.b64encode(answer.wav_bytes()).decode(),
                "transcript": "spoken",
            }
        completion = {
            "id": "loopback",
            "object": "chat.completion",
            "model": heard.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        if self.usage:
            n_audio = round(10 * sum(clip.duration_s for turn in heard.turns for clip in turn.clips.values()))
            n_text, n_said = sum(len(turn.text.split()) for turn in heard.turns), len(str(message["content"]).split())
            completion["usage"] = {
                "prompt_tokens": n_text + n_audio,
                "completion_tokens": n_said + n_audio_out,
                "total_tokens": n_text + n_audio + n_said + n_audio_out,
                "prompt_tokens_details": {"audio_tokens": n_audio},
                "completion_tokens_details": {"audio_tokens": n_audio_out},
            }
        return completion


def _error(status: int, message: str, *, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "code": status}}, status=status, headers=headers)


_OK = json.dumps(
    {
        "id": "loopback",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 1, "total_tokens": 31},
    }
).encode()


@contextlib.contextmanager
def in_own_process(latency_ms: float = 0.0) -> Iterator[str]:
    """The address of a loopback endpoint in a process of its own, which ends with the block."""
    command = [sys.executable, "-m", "earnest.testing.loopback", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def main() -> None:
    """Serve until killed, and print the address."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    given = parser.parse_args()
    server = Loopback(None, latency_s=given.latency_ms / 1e3, port=given.port)

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        await asyncio.to_thread(server._ready.wait)
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        await serving

    asyncio.run(serve())


if __name__ == "__main__":
    main()
