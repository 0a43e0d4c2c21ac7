"""The gateway's two addresses: calls and requests on one, their supervision on the other."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from earnest.errors import BadParameter
from earnest.guard.enforcement import unenforceable
from earnest.guard.gateway import whole
from earnest.guard.gateway.admin import admin_app
from earnest.guard.gateway.audit import Audit, Trail
from earnest.guard.gateway.call import Call
from earnest.guard.gateway.dialect import Dialect
from earnest.guard.gateway.ear import Ear
from earnest.guard.gateway.gemini import Gemini
from earnest.guard.gateway.metrics import Metrics
from earnest.guard.gateway.realtime import Realtime
from earnest.guard.gateway.twilio import Twilio
from earnest.guard.gateway.vllm import Vllm
from earnest.guard.policy import Policy, parse_policy
from earnest.guard.session import Session

log = logging.getLogger(__name__)

CALLER = "Earnest-Caller"
"""The request header that names the caller for the shares of canary mode; it is not passed on."""
LITELLM = "/beta/litellm_basic_guardrail_api"
NOTE = "Earnest-Guard"
"""The reply header with the names of the rules that annotate."""
_HOP = {
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "accept-encoding",
    CALLER.lower(),
}
_DIALECTS: dict[str, type[Dialect]] = {"realtime": Realtime, "vllm": Vllm, "gemini": Gemini, "twilio": Twilio}
_STREAMS = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    upstream: str
    routes: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8460
    admin_host: str = "127.0.0.1"
    admin_port: int = 8461
    admin_names: tuple[str, ...] = ()  # further names under which the admin address is asked
    admin_token: str = field(default="", repr=False)  # without one, the mode is switched from loopback alone
    upstream_key: str = field(default="", repr=False)  # sent in place of the client's own
    key: str = field(default="", repr=False)  # of fingerprints and of the audit's chain
    audit: Path | None = None
    audit_closed: bool = False  # refuse new calls while the audit cannot be written
    retain_days: float = 0
    allow_degraded: bool = False
    litellm: bool = False  # serve LiteLLM's guardrail endpoint for the rules on words
    max_sessions: int = 1000
    max_connections: int = 4000
    max_message_bytes: int = 16 << 20
    header_s: float = 15.0
    body_s: float = 60.0
    longest_s: float = 7200.0
    heartbeat_s: float = 30.0
    drain_s: float = 30.0
    detector_memory_mb: int = 0


def default_routes(upstream: str) -> tuple[str, ...]:
    parts = urlsplit(upstream)
    if parts.scheme not in {"ws", "wss", "http", "https"} or not parts.hostname:
        raise BadParameter(f"--upstream {upstream!r} is no address; give ws://, wss://, http:// or https:// and a host")
    return ("realtime",) if parts.scheme in _STREAMS else ("realtime", "chat", "transcriptions")


class Gateway:
    def __init__(self, policy: str, settings: Settings) -> None:
        self.settings, self.policy_text = settings, policy
        self.policy: Policy = parse_policy(policy)
        self.version = hashlib.sha256(policy.encode()).hexdigest()[:12]
        faults = unenforceable(self.policy, settings.routes) if self.policy.mode != "off" else []
        self.degraded = faults
        if faults and not settings.allow_degraded:
            raise BadParameter(
                "the policy cannot be enforced on every route; change the rule, leave the route out with --route, or "
                "accept it with --allow-degraded:\n" + "\n".join(faults)
            )
        tiers = {rule.name: self.policy.detector(rule.detector).kind.tier for rule in self.policy.rules}
        self.worded = self.policy.model_copy(
            update={"rules": tuple(rule for rule in self.policy.rules if tiers[rule.name] == "T3"), "lines": ()}
        )
        if settings.litellm and not self.worded.rules:
            raise BadParameter("--litellm hears words alone, and no rule is on words; add one, or leave --litellm out")
        self.mode: str = self.policy.mode
        self.metrics = Metrics(tuple(rule.name for rule in self.policy.rules))
        self.ear = Ear(
            policy,
            key=settings.key,
            timeout_s=self.policy.detector_timeout_s,
            memory_mb=settings.detector_memory_mb,
            on_batch=self.metrics.judged,
            on_restart=self._restarted,
        )
        self.calls: dict[int, Call] = {}
        self.decisions: deque[dict[str, Any]] = deque(maxlen=500)
        self.switches: deque[dict[str, Any]] = deque(maxlen=100)
        self.started_at = time.time()
        self.draining = False
        self._number = 0
        self._opening = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        base = urlsplit(settings.upstream)
        self._origin = f"{_STREAMS.get(base.scheme, base.scheme)}://{base.netloc}"
        self._path = base.path.rstrip("/")
        self.upstream_host = base.hostname or ""

    async def start(self) -> None:
        settings = self.settings
        self.audit = Audit(
            settings.audit,
            key=settings.key,
            retain_days=settings.retain_days,
            on_lost=lambda n: self.metrics.audit_lost.inc(n),
        )
        self.trail = Trail(self.audit, f"{_stamp()}-gateway")
        self.trail.write(
            kind="start",
            policy=self.policy_text,
            version=self.version,
            mode=self.mode,
            routes=list(settings.routes),
            degraded=self.degraded,
            at=self.started_at,
        )
        self._show_mode()
        await self.ear.start()
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=600),
            connector=aiohttp.TCPConnector(limit=0),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        app = web.Application(client_max_size=settings.max_message_bytes)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner_settings = {"access_log": None, "keepalive_timeout": settings.header_s, "auto_decompress": False}
        self._runners = [
            web.AppRunner(app, **runner_settings),
            web.AppRunner(admin_app(self), access_log=None, keepalive_timeout=settings.header_s),
        ]
        self._servers = []
        addresses = ((settings.host, settings.port), (settings.admin_host, settings.admin_port))
        for runner, (host, port) in zip(self._runners, addresses, strict=True):
            await runner.setup()
            factory = _capped(runner.server, settings.max_connections)
            try:
                server = await asyncio.get_running_loop().create_server(factory, host, port, backlog=1024)
            except OSError as error:
                raise BadParameter(
                    f"{host}:{port} cannot be opened ({error.strerror}); give another address"
                ) from error
            self._servers.append(server)
        self.port, self.admin_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def stop(self) -> None:
        """Take no new calls, let those under way end for `drain_s`, then end them."""
        self.draining = True
        end = time.monotonic() + self.settings.drain_s
        while (self.calls or self._opening) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        for call in list(self.calls.values()):
            call.end("the gateway stops")
        end = time.monotonic() + 10
        while (self.calls or self._opening) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await self.close()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for runner in self._runners:
            with suppress(TimeoutError):
                await asyncio.wait_for(runner.cleanup(), 5)
        await self.http.close()
        await self.ear.close()
        self.trail.end(at=time.time(), calls=self._number)
        await asyncio.to_thread(self.audit.close)

    def switch(self, mode: str, *, why: str) -> None:
        """The mode of new calls. Going back to shadow takes calls under way with it; enforcing begins with new ones."""
        if mode not in {"shadow", "enforce"} or self.policy.mode == "off":
            raise BadParameter(
                f"the mode cannot be switched to {mode!r}; choose shadow or enforce, in a policy that is not off"
            )
        record = {"from": self.mode, "to": mode, "why": why, "at": time.time(), "calls": len(self.calls)}
        self.mode = mode
        self.switches.append(record)
        self.trail.write(kind="switch", **record)
        self._show_mode()
        if mode == "shadow":
            for call in list(self.calls.values()):
                call.to_shadow()

    @property
    def ready(self) -> bool:
        return not self.draining and self.ear.running and not (self.settings.audit_closed and self.audit.failing)

    def _show_mode(self) -> None:
        for mode in ("off", "shadow", "enforce", "canary"):
            self.metrics.mode.labels(mode).set(mode == self.mode)

    def _restarted(self) -> None:
        self.metrics.restarts.inc()
        self.trail.write(kind="detectors_restarted", times=self.ear.restarts, at=time.time())

    # requests

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        opens = request.headers.get("Upgrade", "").lower() == "websocket"
        route = self._route(request.path, opens=opens)
        if route is None and opens:
            self.metrics.refused.labels("no route").inc()
            return _error(
                404,
                "no_route",
                f"no WebSocket route stands at this path; the gateway serves {', '.join(self.settings.routes)}",
            )
        if self.settings.litellm and request.path == LITELLM and request.method == "POST":
            return await self._litellm(request)
        if route is None:
            return await self._proxy(request)
        if refusal := self._full():
            self.metrics.refused.labels(refusal).inc()
            return _error(503, "not_accepting", f"the guard takes no new calls now: {refusal}", {"Retry-After": "5"})
        self._opening += 1
        try:
            return await (self._call(request, route) if opens else self._request(request, route))
        finally:
            self._opening -= 1

    def _route(self, path: str, *, opens: bool) -> str | None:
        routes = self.settings.routes
        if opens:
            if "BidiGenerateContent" in path:
                return "gemini" if "gemini" in routes else None
            if path.rstrip("/").endswith("/realtime"):
                return next((one for one in ("realtime", "vllm") if one in routes), None)
            return "twilio" if "twilio" in routes else None
        if path.endswith("/chat/completions") and "chat" in routes:
            return "chat"
        if path.endswith(("/audio/transcriptions", "/audio/translations")) and "transcriptions" in routes:
            return "transcriptions"
        return None

    def _full(self) -> str:
        if self.draining:
            return "draining"
        if self._opening >= self.settings.max_sessions:
            return "too many calls"
        return "audit" if self.settings.audit_closed and self.audit.failing else ""

    def _enforcing(self, request: web.Request) -> bool:
        policy = self.policy.model_copy(update={"mode": self.mode})
        caller = request.headers.get(CALLER) or request.remote or ""
        return Session(policy, 16_000, caller=caller).enforcing

    def _open(self, request: web.Request, route: str) -> tuple[int, str, Trail, bool]:
        self._number += 1
        name, enforcing = f"{_stamp()}-{secrets.token_hex(6)}", self._enforcing(request)
        trail = Trail(self.audit, name)
        caller = request.headers.get(CALLER) or request.remote or ""
        trail.write(
            kind="start",
            route=route,
            version=self.version,
            mode=self.mode,
            enforce=enforcing,
            caller=hmac.new(self.settings.key.encode(), caller.encode(), hashlib.sha256).hexdigest()
            if self.settings.key
            else "",
            at=time.time(),
        )
        return self._number, name, trail, enforcing

    def _target(self, request: web.Request) -> URL:
        path = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs  # as it came
        return URL(
            self._origin + ("" if self._path and path.startswith(self._path) else self._path) + path, encoded=True
        )

    def _headers(self, request: web.Request) -> list[tuple[str, str]]:
        dropped = _HOP | {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
        kept = [
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in dropped and not name.lower().startswith("sec-websocket-")
        ]
        if self.settings.upstream_key:
            kept = [one for one in kept if one[0].lower() != "authorization"]
            kept.append(("Authorization", f"Bearer {self.settings.upstream_key}"))
        return kept

    async def _call(self, request: web.Request, route: str) -> web.StreamResponse:
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        try:
            upstream = await self.http.ws_connect(
                self._target(request),
                headers=self._headers(request),
                protocols=offered,
                max_msg_size=self.settings.max_message_bytes,
                heartbeat=self.settings.heartbeat_s,
                decode_text=False,
            )
        except aiohttp.WSServerHandshakeError as error:
            self.metrics.refused.labels("provider").inc()
            return _error(
                error.status if error.status >= 400 else 502, "provider_refused", "the provider refused the connection"
            )
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.metrics.refused.labels("provider").inc()
            return _error(502, "provider_unreachable", "the provider cannot be reached")
        client = web.WebSocketResponse(
            protocols=(upstream.protocol,) if upstream.protocol else (),
            max_msg_size=self.settings.max_message_bytes,
            heartbeat=self.settings.heartbeat_s,
            compress=False,
            decode_text=False,
        )
        try:
            await client.prepare(request)
        except (ConnectionError, web.HTTPException):
            await upstream.close()
            raise
        number, name, trail, enforcing = self._open(request, route)
        call = Call(
            number=number,
            name=name,
            dialect=_DIALECTS[route](),
            policy=self.policy,
            enforcing=enforcing,
            ear=self.ear,
            trail=trail,
            metrics=self.metrics,
            seen=self.decisions.append,
        )
        self.calls[number] = call
        self.metrics.sessions.labels(route).inc()
        reason = "an error"
        try:
            reason = await call.run(client, upstream, longest_s=self.settings.longest_s)
        finally:
            del self.calls[number]
            self.metrics.sessions.labels(route).dec()
            heard = {side: round(state.heard_s, 3) for side, state in call.sides.items()}
            trail.end(
                reason=reason, counts=dict(call.counts), heard_s=heard, flagged=sorted(call.flagged), at=time.time()
            )
        return client

    async def _request(self, request: web.Request, route: str) -> web.StreamResponse:
        """A request with a whole clip."""
        try:
            async with asyncio.timeout(self.settings.body_s):
                raw = await request.read()
        except TimeoutError:
            return _error(408, "too_slow", f"the body did not arrive within {self.settings.body_s:g} s")
        number, name, trail, enforcing = self._open(request, route)
        judge = whole.Whole(
            number=number,
            name=name,
            route=route,
            policy=self.policy,
            enforcing=enforcing,
            ear=self.ear,
            trail=trail,
            metrics=self.metrics,
            seen=self.decisions.append,
        )
        read = whole.inflated(raw, request.headers.get("Content-Encoding", "").lower(), self.settings.max_message_bytes)
        body, clips = bytearray(read or b""), [whole.Clip(b"", "", None)]
        chat: dict[str, Any] = {}
        if read is not None and route == "chat":
            with suppress(ValueError, RecursionError):
                loaded = json.loads(read)
                chat = loaded if isinstance(loaded, dict) else {}
                clips = whole.chat_clips(chat)
        elif read is not None:
            clips = whole.form_clips(body, request.headers.get("Content-Type", ""))
        reason = "done"
        try:
            if not enforcing:
                copied = self._aside(judge.judge("caller", clips))
                kept = bytearray()
                reply = await self._proxy(request, raw, kept=kept if whole.spoken(chat) else None)
                await copied
                if kept and (said := whole.Reply.read(bytes(kept))):
                    await judge.judge("agent", said.clips(str(whole._dict(chat.get("audio")).get("format", "wav"))))
                return reply
            rule = await judge.before(clips)
            if rule is not None:
                reason = f"rule {rule.name}: {rule.action}"
                return self._refused(rule.name, rule.say, route, chat, judge)
            sent = json.dumps(chat).encode() if route == "chat" and chat else bytes(body)
            if not judge.holds_reply(speaks=whole.spoken(chat)):
                return await self._proxy(request, sent, plain=True, note=judge.annotated())
            return await self._held_reply(request, sent, chat, judge)
        finally:
            trail.end(reason=reason, at=time.time())

    async def _litellm(self, request: web.Request) -> web.Response:
        """LiteLLM's generic guardrail API: texts come, BLOCKED or NONE goes."""
        try:
            async with asyncio.timeout(self.settings.body_s):
                asked = await request.json()
            texts = [text for text in asked.get("texts") or [] if isinstance(text, str)]
        except (TimeoutError, ValueError, AttributeError):
            return _error(400, "bad_request", "expected an object with texts")
        side = "agent" if asked.get("input_type") == "response" else "caller"
        _, name, trail, enforcing = self._open(request, "litellm")
        policy, refusing = self.worded.heard_from(side), None
        for text in texts:
            for one in await asyncio.to_thread(Session(policy, 16_000).turn, own=text):
                note = {"rule": one.rule, "action": one.action, "detector": one.detector, "score": one.score}
                note |= {"side": side, "threshold": one.threshold, "enforce": enforcing, "at": time.time()}
                trail.write(kind="decision", **note)
                self.decisions.append(note | {"session": name, "route": "litellm", "start_s": 0, "end_s": 0, "line": 0})
                self.metrics.decided(one.rule, one.action, enforced=enforcing, route="litellm")
                if enforcing and one.action not in {"observe", "annotate", "flag", "challenge", "gate_tools"}:
                    refusing = refusing or next(rule for rule in policy.rules if rule.name == one.rule)
        trail.end(at=time.time(), reason=f"rule {refusing.name}" if refusing else "done")
        if refusing is None:
            return web.json_response({"action": "NONE"})
        return web.json_response({"action": "BLOCKED", "blocked_reason": refusing.say or f"rule {refusing.name}"})

    async def _held_reply(
        self, request: web.Request, sent: bytes, chat: dict[str, Any], judge: whole.Whole
    ) -> web.StreamResponse:
        headers = [one for one in self._headers(request) if one[0].lower() != "content-encoding"]
        try:
            async with self.http.request(
                request.method, self._target(request), headers=headers, data=sent, allow_redirects=False
            ) as reply:
                data = await reply.content.read(whole.REPLY_BYTES + 1)
                while len(data) <= whole.REPLY_BYTES and (more := await reply.content.read(1 << 20)):
                    data += more
        except (aiohttp.ClientError, TimeoutError):
            return _error(502, "provider_unreachable", "the provider cannot be reached")
        plain = whole.inflated(data, reply.headers.get("Content-Encoding", "").lower(), whole.REPLY_BYTES)
        if reply.status != 200:
            return web.Response(status=reply.status, body=data, headers=_passed(reply.headers))
        said = whole.Reply.read(plain) if plain is not None and len(plain) <= whole.REPLY_BYTES else None
        if said is None:
            return self._refused("unread reply", "", "chat", chat, judge)
        form = "pcm16" if said.streamed else str(whole._dict(chat.get("audio")).get("format", "wav"))
        clips = said.clips(form)
        rule = await judge.after(clips) if clips else None
        if rule is not None:
            return self._refused(rule.name, rule.say, "chat", chat, judge)
        if tools := judge.gated_tools():
            said.without_tools(tools)
        headers_out = {"Content-Type": "text/event-stream" if said.streamed else "application/json"}
        if notes := judge.annotated():
            headers_out[NOTE] = ",".join(notes)
        self.metrics.requests.labels("chat", "2xx").inc()
        return web.Response(body=said.written(), headers=headers_out)

    def _refused(self, name: str, say: str, route: str, chat: dict[str, Any], judge: whole.Whole) -> web.Response:
        self.metrics.requests.labels(route, "refused").inc()
        headers = {NOTE: ",".join({*judge.annotated(), name})}
        if say:
            data, kind = whole.chat_refusal(chat, say)
            return web.Response(body=data, headers=headers | {"Content-Type": kind})
        return _error(403, "ended_by_policy", f"the request was ended by the rule {name}", headers)

    async def _proxy(
        self,
        request: web.Request,
        data: bytes | None = None,
        *,
        plain: bool = False,
        note: list[str] | None = None,
        kept: bytearray | None = None,
    ) -> web.StreamResponse:
        """Pass the request and its reply through as they come, the reply's bytes also into `kept`."""
        headers = self._headers(request)
        if plain:
            headers = [one for one in headers if one[0].lower() != "content-encoding"]
        out = web.StreamResponse()
        route = self._route(request.path, opens=False) or "other"
        try:
            if data is None:
                async with asyncio.timeout(self.settings.body_s):
                    data = await request.read()
            async with self.http.request(
                request.method, self._target(request), headers=headers, data=data or None, allow_redirects=False
            ) as reply:
                out.set_status(reply.status, reply.reason)
                out.headers.extend(_passed(reply.headers))
                if note:
                    out.headers[NOTE] = ",".join(note)
                if "Content-Length" in reply.headers:
                    out.content_length = int(reply.headers["Content-Length"])
                await out.prepare(request)
                async for chunk in reply.content.iter_any():
                    await out.write(chunk)
                    if kept is not None and len(kept) < whole.REPLY_BYTES:
                        kept += chunk
                self.metrics.requests.labels(route, f"{reply.status // 100}xx").inc()
                await out.write_eof()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.metrics.requests.labels(route, "unreachable").inc()
            if out.prepared:
                raise ConnectionResetError("the provider closed in the middle of its reply") from error
            return _error(502, "provider_unreachable", "the provider cannot be reached")
        return out

    def _aside(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task  # type: ignore[return-value]


def _passed(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in _HOP]


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    error = {"error": {"type": "guard", "code": code, "message": message}}
    return web.json_response(error, status=status, headers=headers)


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _capped(server: Any, most: int) -> Callable[[], asyncio.BaseProtocol]:
    """Protocols of the server while it has fewer than `most` connections, and after that ones that close at once."""

    class Refused(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()

    return lambda: server() if len(server.connections) < most else Refused()


async def serve(policy: str, settings: Settings, *, started: Callable[[Gateway], None] = lambda gateway: None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends at once."""
    gateway = Gateway(policy, settings)
    await gateway.start()
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    started(gateway)
    log.info("serving, process %d", os.getpid())
    await stopping.wait()
    again = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, again.set)
    drained = asyncio.create_task(gateway.stop())
    hurried = asyncio.create_task(again.wait())
    await asyncio.wait([drained, hurried], return_when=asyncio.FIRST_COMPLETED)
    if not drained.done():
        drained.cancel()
        await asyncio.gather(drained, return_exceptions=True)
        await gateway.close()
    hurried.cancel()
