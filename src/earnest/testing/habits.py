"""Habits of endpoints, good and bad, for `Loopback(habits=...)`: what real servers want, and what faulty ones do.

    with Loopback(habits=[refuses("temperature")]) as server: ...
    with Loopback(habits=[HABITS["drips"].hitting(lambda payload: "7" in str(payload))]) as server: ...

Each of `HABITS` says what an evaluator must make of it: an answer as any other, or no answer and why.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from earnest.testing.loopback import Habit, Loopback

Payload = Mapping[str, Any]
"""The JSON of a request."""

DRIP_S = 0.02
BIG_BYTES = 40 * 2**20


# ---------------------------------------------------------------- what servers want


def refuses(field: str, *, status: int = 400, message: str | None = None, code: str | None = None) -> Habit:
    """Refuses a request that has the field at all."""
    said = f"Unsupported parameter: '{field}' is not supported with this model." if message is None else message

    async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
        return _error(status, said, code=code) if field in payload else None

    return habit


def refuses_role(role: str, *, status: int = 400, message: str = "") -> Habit:
    """Refuses messages of a role."""

    async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
        return _error(status, message) if any(turn["role"] == role for turn in payload["messages"]) else None

    return habit


def wants_query(**wanted: str) -> Habit:
    """Answers 404 without this in the query; `_` in a name stands for `-`."""

    async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
        names = {name.replace("_", "-"): value for name, value in wanted.items()}
        fits = all(request.query.get(name) == value for name, value in names.items())
        return None if fits else _error(404, "Resource not found")

    return habit


def wants_header(name: str, value: str) -> Habit:
    """Answers 401 without this header."""

    async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
        fits = request.headers.get(name) == value
        return None if fits else _error(401, "Access denied due to invalid subscription key or wrong API endpoint.")

    return habit


def wants_audio(form: str, *, message: str) -> Habit:
    """Takes audio in one form alone: `base64`, `data_uri` or `audio_url`."""

    async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
        sent = {
            _form(part) for turn in payload["messages"] if isinstance(turn["content"], list) for part in turn["content"]
        }
        return _error(400, message) if sent - {None, form} else None

    return habit


def _form(part: Mapping[str, Any]) -> str | None:
    if part["type"] == "audio_url":
        return "audio_url"
    if part["type"] != "input_audio":
        return None
    return "data_uri" if part["input_audio"]["data"].startswith("data:") else "base64"


def wants_stream(message: str = "This model only support stream mode, please enable the stream parameter.") -> Habit:
    """Answers as server-sent events, and only where it is asked to."""

    async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
        return await streamed(server, request, payload) if payload.get("stream") else _error(400, message)

    return habit


async def streamed(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """The answer as server-sent events, a word each, with a comment before and the usage behind."""
    return await _as_events(server, request, payload)


async def _as_events(
    server: Loopback,
    request: web.Request,
    payload: Payload,
    *,
    until: int | None = None,
    then: Mapping[str, Any] | None = None,
) -> web.StreamResponse:
    whole = server.completion(payload)
    text = whole["choices"][0]["message"]["content"] or ""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    await response.write(b": PROCESSING\r\n\r\n")
    words = text.split(" ")
    for place, word in enumerate(words[:until]):
        piece = word if place == 0 else f" {word}"
        await _event(response, {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
    if then is not None:
        await _event(response, then)
    if until is None:
        await _event(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        wants_usage = (payload.get("stream_options") or {}).get("include_usage")
        if wants_usage and "usage" in whole:
            await _event(response, {"choices": [], "usage": whole["usage"]})
        await response.write(b"data: [DONE]\n\n")
    return response


async def _event(response: web.StreamResponse, event: Mapping[str, Any]) -> None:
    await response.write(f"data: {json.dumps(event)}\n\n".encode())


# ---------------------------------------------------------------- what faulty servers do


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """A habit of a faulty server.

    Parameters
    ----------
    name : str
    does : Habit
    becomes : str
        `answered`, or the reason why an item that meets it every time has no score.
    """

    name: str
    does: Habit
    becomes: str

    def hitting(self, is_hit: Callable[[Payload], bool], *, first_n: int | None = None) -> Habit:
        """The habit on requests that `is_hit` picks; on the first so many of them alone, where that is said."""
        n_hit = itertools.count()

        async def habit(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse | None:
            if not is_hit(payload) or (first_n is not None and next(n_hit) >= first_n):
                return None
            server.n_faults[self.name] += 1
            return await self.does(server, request, payload)

        return habit


HABITS: dict[str, Faulty] = {}
"""By name."""


def _habit(becomes: str) -> Callable[[Habit], Habit]:
    def register(does: Habit) -> Habit:
        HABITS[does.__name__] = Faulty(name=does.__name__, does=does, becomes=becomes)
        return does

    return register


def _replying(name: str, becomes: str, reply: Callable[[dict[str, Any]], Any]) -> None:
    """A habit of status 200 whose body is made of what the right one would have been."""

    async def does(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
        body = reply(server.completion(payload))
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=data, content_type="application/json")

    HABITS[name] = Faulty(name=name, does=does, becomes=becomes)


def _answering(name: str, becomes: str, status: int, body: Any, **headers: str) -> None:
    """A habit of another status."""

    async def does(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(
            status=status, text=text, headers={name.replace("_", "-"): said for name, said in headers.items()}
        )

    HABITS[name] = Faulty(name=name, does=does, becomes=becomes)


@_habit("connection")
async def closes_before_a_reply(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """The connection is closed without a word."""
    return _closed(request)


@_habit("connection")
async def closes_within_a_reply(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """The connection is closed after half of the body."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [{"message": {"content": "say')
    return _closed(request, response)


@_habit("connection")
async def speaks_no_http(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """Bytes that are no HTTP."""
    assert request.transport is not None
    request.transport.write(b"\x00\x15\x03\x01 what is this\r\n\r\n")
    return _closed(request)


@_habit("timeout")
async def is_silent(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """No reply, ever."""
    await asyncio.sleep(3600)
    return web.Response()


@_habit("timeout")
async def drips(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A byte now and then, so that no limit between two bytes is met."""
    return await _dripped(request, b" ")


@_habit("timeout")
async def drips_headers(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A header that does not end."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\nX-Wait: ")
    while not request.transport.is_closing():
        request.transport.write(b"a")
        await asyncio.sleep(DRIP_S)
    return web.Response()


@_habit("timeout")
async def keeps_a_stream_alive(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """Comments of a stream, and no event."""
    return await _dripped(request, b": keep-alive\n\n", **{"Content-Type": "text/event-stream"})


async def _dripped(request: web.Request, piece: bytes, **headers: str) -> web.StreamResponse:
    """The same piece again and again, until the caller leaves."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    while True:
        await response.write(piece)
        await asyncio.sleep(DRIP_S)


@_habit("bad_response")
async def never_ends(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A body without an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'{"choices": "')
    for _ in range(BIG_BYTES // 2**16):
        await response.write(b"a" * 2**16)
    return response


@_habit("bad_response")
async def sends_a_bomb(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A small body that unpacks to a very large one."""
    return web.Response(body=_bomb(), headers={"Content-Encoding": "gzip"})


@_habit("connection")
async def cuts_a_packed_body(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """The first half of a compressed body, declared as the whole."""
    packed = gzip.compress(json.dumps(server.completion(payload)).encode())
    return web.Response(body=packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"})


@_habit("bad_response")
async def packs_wrongly(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A body that says that it is compressed, and is not."""
    return web.Response(body=json.dumps(server.completion(payload)).encode(), headers={"Content-Encoding": "gzip"})


@_habit("bad_response")
async def packs_as_nobody_asked(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A compression that was not offered."""
    return web.Response(body=b"\x8b\x00\x80x\x03", headers={"Content-Encoding": "br"})


@_habit("answered")
async def packs_rightly(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A compressed body, as was offered."""
    packed = gzip.compress(json.dumps(server.completion(payload)).encode())
    return web.Response(body=packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


@_habit("answered")
async def streams_unasked(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A stream that nobody asked for."""
    return await _as_events(server, request, payload)


@_habit("answered")
async def streams_and_stays(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """A stream that has ended, on a connection that has not."""
    response = await _as_events(server, request, payload)
    await asyncio.sleep(3600)
    return response


@_habit("connection")
async def breaks_a_stream_off(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """The first words of a stream, and its end."""
    return await _as_events(server, request, payload, until=2)


@_habit("http_5xx")
async def fails_within_a_stream(server: Loopback, request: web.Request, payload: Payload) -> web.StreamResponse:
    """The first words of a stream, and an error."""
    error = {"error": {"code": 502, "message": "the provider broke"}}
    return await _as_events(server, request, payload, until=2, then=error)


def _with_message(reply: dict[str, Any], **members: Any) -> dict[str, Any]:
    reply["choices"][0]["message"] |= members
    return reply


def _with_choice(reply: dict[str, Any], **members: Any) -> dict[str, Any]:
    reply["choices"][0] |= members
    return reply


_BROKE = {"code": 502, "message": "the provider broke"}

_replying("answers_with_a_page", "bad_response", lambda reply: b"<html><body>Please log in</body></html>")
_replying("answers_nothing", "bad_response", lambda reply: b"")
_replying("cuts_its_json", "bad_response", lambda reply: json.dumps(reply).encode()[:40])
_replying("answers_a_list", "bad_response", lambda reply: [reply])
_replying("nests_deeply", "bad_response", lambda reply: b"[" * 100_000)
_replying("writes_a_huge_number", "bad_response", lambda reply: b'{"choices": ' + b"9" * 10_000 + b"}")
_replying("has_no_choices", "bad_response", lambda reply: reply | {"choices": []})
_replying("makes_a_choice_a_text", "bad_response", lambda reply: reply | {"choices": ["yes"]})
_replying("makes_choices_an_object", "bad_response", lambda reply: reply | {"choices": {"0": reply["choices"][0]}})
_replying("makes_the_message_null", "bad_response", lambda reply: _with_choice(reply, message=None))
_replying("says_a_number", "bad_response", lambda reply: _with_message(reply, content=7))
_replying("says_nothing", "empty_answer", lambda reply: _with_message(reply, content=""))
_replying("refuses_with_a_number", "empty_answer", lambda reply: _with_message(reply, content=None, refusal=7))
_replying(
    "fails_beside_half_an_answer", "http_5xx", lambda reply: _with_choice(reply, finish_reason="error", error=_BROKE)
)
_replying("finishes_with_an_error", "http_5xx", lambda reply: _with_choice(reply, finish_reason="error"))
_replying("fails_with_status_200", "http_5xx", lambda reply: {"error": {"message": "Upstream error", "code": "502"}})
_replying("fails_without_a_code", "bad_response", lambda reply: {"error": {"message": "something went wrong"}})
_replying("says_no_unicode", "answered", lambda reply: _with_message(reply, content=f"\ud800 {_content(reply)} \udfff"))
_replying(
    "says_too_much",
    "answered",
    lambda reply: _with_message(reply, content=f"{_content(reply)} " + "and so on " * 50_000),
)
_replying(
    "counts_what_is_no_number",
    "answered",
    lambda reply: reply | {"usage": {"cost": float("nan"), "prompt_tokens": float("inf")}},
)
_replying("counts_below_zero", "answered", lambda reply: reply | {"usage": {"cost": -1e9, "completion_tokens": -5}})
_replying(
    "counts_in_words",
    "answered",
    lambda reply: reply | {"usage": {"cost": "a dollar", "prompt_tokens": [1], "total_tokens": {}}},
)
_replying("counts_nothing", "answered", lambda reply: reply | {"usage": "none"})
_replying("begins_with_blanks", "answered", lambda reply: b"\n \n" * 50 + json.dumps(reply).encode())
_replying("begins_with_a_mark", "answered", lambda reply: b"\xef\xbb\xbf" + json.dumps(reply).encode())
_answering("redirects", "bad_response", 302, "", Location="http://192.0.2.1/v1")
_answering("has_no_content", "bad_response", 204, "")
_answering("is_overloaded", "http_5xx", 503, "no healthy upstream")
_answering("is_behind_a_gateway", "http_5xx", 502, "<html><head><title>502 Bad Gateway</title></head></html>")
_answering("asks_for_an_hour", "rate_limited", 429, {"error": "slow down"}, Retry_After="3600")
_answering("asks_for_no_number", "rate_limited", 429, {"error": "slow down"}, Retry_After="nan")
_answering(
    "asks_for_a_past_date", "rate_limited", 429, {"error": "slow down"}, Retry_After="Thu, 01 Jan 2026 00:00:00 -0000"
)
_answering("asks_in_milliseconds", "rate_limited", 429, {"error": "slow down"}, retry_after_ms="2")
_answering(
    "cannot_read_a_clip",
    "bad_audio",
    400,
    {"object": "error", "message": "Invalid or unsupported audio file.", "code": 400},
)
_answering("finds_a_clip_too_long", "too_long", 413, "Request Entity Too Large")
_answering("finds_a_clip_too_short", "too_short", 400, {"detail": "Audio is too short: at least 10 s"})
_answering("flags_a_request", "content_filter", 403, {"error": {"message": "Your input was flagged", "code": 403}})
_answering("wants_another_rate", "audio_format", 400, {"detail": "Unsupported sample rate; expected 16000 Hz"})


def _content(reply: Mapping[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def _bomb() -> bytes:
    head = b'{"choices": "' + b"a" * 2**20
    return gzip.compress(head + b"a" * BIG_BYTES)


def _closed(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return response or web.Response()


def _error(status: int, message: str, *, code: str | None = None) -> web.Response:
    return web.json_response({"error": {"message": message, "code": code or status}}, status=status)
