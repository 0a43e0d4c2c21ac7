"""The admin address: a page, its state as JSON, the switch of the mode, metrics and health."""

from __future__ import annotations

import hmac
import platform
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from earnest import __version__
from earnest.errors import BadParameter
from earnest.guard.enforcement import strength

if TYPE_CHECKING:
    from earnest.guard.gateway.server import Gateway

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PAGE = {
    "/": ("admin.html", "text/html"),
    "/admin.js": ("admin.js", "text/javascript"),
    "/admin.css": ("admin.css", "text/css"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def admin_app(gateway: Gateway) -> web.Application:
    settings = gateway.settings
    names = {*LOOPBACK, settings.admin_host, *settings.admin_names} - {"0.0.0.0", "::", ""}

    @web.middleware
    async def guarded(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer only under a name of this address, so that no page of another site reads or switches anything."""
        if _name(f"//{request.headers.get('Host', '')}") not in names:
            return web.json_response({"error": "unknown Host; name it with --admin-name"}, status=403, headers=_HEADERS)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
            return web.json_response({"error": "foreign Origin"}, status=403, headers=_HEADERS)
        try:
            reply = await handler(request)
        except web.HTTPException as error:
            reply = web.json_response({"error": error.reason}, status=error.status)
        reply.headers.update(_HEADERS)
        return reply

    async def page(request: web.Request) -> web.Response:
        name, kind = _PAGE[request.path]
        return web.Response(text=files(__package__).joinpath(name).read_text(encoding="utf-8"), content_type=kind)

    async def state(request: web.Request) -> web.Response:
        return web.json_response(_state(gateway))

    async def metrics(request: web.Request) -> web.Response:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return web.Response(
            body=generate_latest(gateway.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(request: web.Request) -> web.Response:
        said = {
            "ready": gateway.ready,
            "draining": gateway.draining,
            "detectors": gateway.ear.running,
            "audit_failing": gateway.audit.failing,
        }
        return web.json_response(said, status=200 if gateway.ready else 503)

    async def switch(request: web.Request) -> web.Response:
        token = settings.admin_token
        if token and not hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        ):
            return web.json_response({"error": "a token is needed to switch"}, status=401)
        if not token and settings.admin_host not in LOOPBACK:
            return web.json_response(
                {"error": "switching needs a token where the admin address is not loopback"}, status=403
            )
        if request.content_type != "application/json":
            return web.json_response({"error": "expected application/json"}, status=415)
        try:
            asked = await request.json()
            mode, why = asked["mode"], str(asked.get("why", ""))[:200]
            gateway.switch(mode, why=why)
        except (ValueError, KeyError, TypeError, AttributeError, BadParameter) as error:
            text = str(error) if isinstance(error, BadParameter) else "expected an object with mode and why"
            return web.json_response({"error": text}, status=400)
        return web.json_response({"mode": gateway.mode})

    app = web.Application(middlewares=[guarded], client_max_size=4096)
    for path in _PAGE:
        app.router.add_get(path, page)
    app.router.add_get("/state.json", state)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", ready)
    app.router.add_post("/mode", switch)
    return app


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _state(gateway: Gateway) -> dict[str, Any]:
    now, settings = time.time(), gateway.settings
    calls = [
        {
            "name": call.name,
            "route": call.dialect.name,
            "seconds": round(now - call.began_at, 1),
            "enforce": call.enforcing,
            "flagged": sorted(call.flagged),
            "heard_s": {side: round(part.heard_s, 1) for side, part in call.sides.items()},
            "counts": dict(call.counts),
        }
        for call in list(gateway.calls.values())[-200:]
    ]
    table = [
        {
            "rule": rule.name,
            "action": rule.action,
            "hears": rule.hears,
            "asked": rule.strength or "",
            "on_failure": rule.on_failure,
            "routes": {route: strength(rule, route) for route in settings.routes},
        }
        for rule in gateway.policy.rules
    ]
    return {
        "now": now,
        "started": gateway.started_at,
        "mode": gateway.mode,
        "policy_mode": gateway.policy.mode,
        "policy": gateway.version,
        "canary_share": gateway.policy.canary_share,
        "routes": settings.routes,
        "degraded": gateway.degraded,
        "n_calls": len(gateway.calls),
        "calls": calls,
        "decisions": list(gateway.decisions)[-200:],
        "switches": list(gateway.switches),
        "table": table,
        "latency": [[edge if edge != float("inf") else None, n] for edge, n in gateway.metrics.latency()],
        "ready": gateway.ready,
        "draining": gateway.draining,
        "audit": {"folder": settings.audit is not None, "failing": gateway.audit.failing},
        "detectors": {"running": gateway.ear.running, "restarts": gateway.ear.restarts},
        "needs_token": bool(settings.admin_token),
        "versions": {"earnest": __version__, "python": platform.python_version(), "aiohttp": aiohttp.__version__},
    }
