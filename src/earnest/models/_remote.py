"""What models behind HTTP share: one session per event loop, one request per call, and what went wrong in words.

A call is a single attempt; retries, rates and cost belong to the engine. Redirects are not followed, so that recordings
and keys go to the host that `destination` names and to no other.
"""

from __future__ import annotations

import abc
import asyncio
import email.utils
import hashlib
import io
import ipaddress
import json
import math
import os
import re
import time
import urllib.request
import weakref
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from earnest.audio import Stimulus
from earnest.errors import (
    AudioRefused,
    BadParameter,
    EndsRun,
    FailureReason,
    MissingKey,
    ModelFailed,
    TextRefused,
    machine_failed,
)
from earnest.models.access import Answer, Model, Sampling

if TYPE_CHECKING:
    import aiohttp

N_CONNECTIONS = 1024
"""Most connections a model keeps open; how many requests are in flight is the engine's to say."""

_SHOWN = 300  # characters of an endpoint's own words that a message carries

_TOO_LONG = re.compile(
    r"context.length|context.window|maximum context|too (long|large|many tokens)|exceeds? the (maximum|limit|context)"
    r"|longer than|token count .* exceeds",
    re.IGNORECASE,
)
_UNREADABLE = re.compile(
    r"(invalid|malformed)( or \w+)? audio (file|data|clip|content)|could not be decoded|corrupt|(fail|unable|error)\w* .{0,20}(decod|load|read)\w* .{0,20}audio", re.I
)
_NO_AUDIO = re.compile(
    r"audio.{0,120}(not|n't|un|only) ?(be )?(support|accept|allow|enabled|permitted)"
    r"|(not|n't|un|no) ?(support|accept|allow|endpoints).{0,120}audio"
    r"|(unknown|invalid|unexpected|unsupported).{0,80}input_audio|at most 0 audio|not a multimodal model"
    r"|either text or image_url|only (text|string)|mmproj",
    re.IGNORECASE | re.DOTALL,
)
_AUDIO_WANTED = re.compile(
    r"(requires?|required|must|needs?|missing|without|expect(s|ed)|provide|no|empty)\b.{0,80}(\b|_)audio"
    r"|audio.{0,60}\b(required|missing|expected|needed|must|empty|not (provided|found|given))",
    re.IGNORECASE | re.DOTALL,
)
_LIMIT_REFUSED = re.compile(r"max_\w*tokens.{0,12}too large", re.IGNORECASE)
_REFUSALS = (400, 404, 415, 422, 500, 501)
_SCHEMA_REFUSED = re.compile(
    r"response_?format|json_?schema|response_?(json_?)?schema|response_?mime|structured|guided|grammar|requested parameters"
    r"|extra (inputs|fields)|(unrecogni[sz]ed|unknown|unexpected|unsupported) (field|argument|parameter|request|name|keyword)",
    re.IGNORECASE,
)
_BLOCKED = re.compile(r"content_filter|content_policy|content management policy|responsible.?ai", re.IGNORECASE)


class RemoteModel(Model):
    """A model behind HTTP; a provider says how a request is written and how a reply is read.

    Parameters
    ----------
    name : str
        Its specification.
    url : str
        Where requests are posted.
    headers : mapping
        Sent with every request.
    key_variable : str
        The environment variable that holds the credential, for messages.
    key : str or None
        The credential, so that it never appears in a message.
    timeout_s : float
        Longest wait for one reply.
    identity : str
        What else tells this model from others of its name: options that change the answers.
    """

    takes_schema = True
    takes_text_alone = None
    advice = "; check the model's name and the options"
    """What to do where an endpoint refuses a request for a reason of its own."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        headers: Mapping[str, str],
        key_variable: str,
        key: str | None,
        timeout_s: float,
        identity: str = "",
    ) -> None:
        if not timeout_s > 0:
            raise BadParameter(f"timeout_s must be above 0, got {timeout_s!r}; 120 suits most endpoints")
        self.name, self._url, self._key_variable, self._key = name, url, key_variable, key
        self._headers = {"Content-Type": "application/json", "User-Agent": "earnest", **headers}
        self._timeout_s = timeout_s
        self.fingerprint = hashlib.sha256(f"{url}\n{identity}".encode()).hexdigest()[:16]
        host = urlsplit(url).hostname or ""
        self._host = host
        self.destination = None if is_loopback(host) else host
        self._proxy = _proxy_for(url)
        self._sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]
        self._sessions = weakref.WeakKeyDictionary()

    @abc.abstractmethod
    def request_body(self, stimulus: Stimulus, sampling: Sampling, schema: Mapping[str, Any] | None = None) -> bytes:
        """The JSON that asks for an answer, one that meets `schema` where there is one."""

    @abc.abstractmethod
    def read_reply(self, reply: Mapping[str, Any]) -> Answer:
        """The answer in the endpoint's JSON."""

    async def ask_one(
        self,
        stimulus: Stimulus,
        *,
        sampling: Sampling = Sampling(),  # noqa: B008
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The answer to one stimulus, by a single attempt; see `Model.ask_one`.

        An endpoint that refuses a schema is asked again without, and never again with one.
        """
        begun = time.perf_counter()
        held = schema if self.takes_schema else None
        status, headers, data = await self._posted(self.request_body(stimulus, sampling, held))
        if held is not None and status in _REFUSALS and _SCHEMA_REFUSED.search(words_of(data, whole=True)):
            status, headers, data = await self._posted(self.request_body(stimulus, sampling))
            self.takes_schema = status != 200
        duration_ms = 1e3 * (time.perf_counter() - begun)
        reply = self._decoded(data) if status == 200 else {}
        error = self.error_in(reply)
        if error is not None:
            status, data = code_of(error), json.dumps({"error": error}).encode()
        if status != 200:
            answer = self._not_answered(status, headers, data, with_audio=stimulus.has_audio)
            return replace(answer, duration_ms=duration_ms)
        return replace(self._read(reply), duration_ms=duration_ms)

    def error_in(self, reply: Mapping[str, Any]) -> Any:
        """The error in a reply that says it went well, as some gateways give it; None where there is none."""
        if reply.get("object") == "error":
            return {key: value for key, value in reply.items() if key != "object"}
        return reply.get("error") or None

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the model may be asked again."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=N_CONNECTIONS, keepalive_timeout=60, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(30, self._timeout_s)),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
            )
            self._sessions[loop] = session
        return session

    async def _posted(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        import aiohttp

        try:
            request = self._session().post(self._url, data=io.BytesIO(body), proxy=self._proxy, allow_redirects=False)
            async with request as response:
                return response.status, response.headers, await response.read()
        except TimeoutError as error:
            raise ModelFailed(
                f"{self._host} must answer within {self._timeout_s:g} s, got nothing; raise timeout_s or ask less at once",
                reason="timeout",
                retryable=True,
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise ModelFailed(
                f"{self._host} shows a certificate that cannot be trusted: {error}",
                reason="connection",
                ends_run="unless_answered",
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            if fault := machine_failed(error):
                raise fault from error
            words = str(error) or type(error).__name__
            unreachable = isinstance(error, aiohttp.ClientConnectorError)  # refused, or no such host
            raise ModelFailed(
                f"the connection to {self._host} broke ({words}); check that the address is right and the server runs",
                reason="connection",
                retryable=True,
                ends_run="unless_answered" if unreachable else "no",
            ) from error

    def _decoded(self, data: bytes) -> Mapping[str, Any]:
        try:
            reply = json.loads(data)
        except ValueError as error:
            raise self._nonsense(data) from error
        if not isinstance(reply, dict):
            raise self._nonsense(data)
        return reply

    def _read(self, reply: Mapping[str, Any]) -> Answer:
        try:
            return self.read_reply(reply)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise self._nonsense(json.dumps(reply).encode()) from error

    def _nonsense(self, data: bytes) -> ModelFailed:
        return ModelFailed(
            f"{self._host} must answer with JSON of its own API, got {self._shown(data)!r}; check the base address",
            reason="bad_response",
            retryable=True,
        )

    def _shown(self, data: bytes) -> str:
        text = words_of(data)
        return (text.replace(self._key, "***") if self._key else text)[:_SHOWN]

    def _not_answered(self, status: int, headers: Mapping[str, str], data: bytes, *, with_audio: bool) -> Answer:
        """An answer that says it was blocked, where the provider's filter stopped the question; else raises."""
        text, said = words_of(data, whole=True), f"{self._host} answered {status}: {self._shown(data)}"
        if status in (400, 403) and _BLOCKED.search(text):
            return Answer(text="", details={"blocked": True, "finish_reason": "content_filter"})
        if status == 413 or (status in (400, 422) and _TOO_LONG.search(text) and not _LIMIT_REFUSED.search(text)):
            raise ModelFailed(f"{said}; shorten the audio or the prompt", reason="too_long")
        if with_audio and status in (400, 404, 415, 422, 500, 501) and "modalities" not in text:
            if _UNREADABLE.search(text):
                raise ModelFailed(f"{said}; the endpoint could not read the recording", reason="bad_audio")
            if status == 415 or _NO_AUDIO.search(text):
                raise AudioRefused(
                    f"{said}; choose a model that takes audio, or put a recogniser before it: cascade/..."
                )
        if not with_audio and status in (400, 415, 422) and _AUDIO_WANTED.search(text):
            raise TextRefused(f"{said}; it takes no request without audio")
        raise self._failed(status, headers, said, text)

    def _failed(self, status: int, headers: Mapping[str, str], said: str, text: str) -> ModelFailed:
        if status == 429 and "insufficient_quota" in text:
            return ModelFailed(
                f"{said}; the account behind {self._key_variable} has no credit left",
                reason="http_4xx",
                ends_run="yes",
            )
        if 300 <= status < 400:
            return ModelFailed(
                f"{said}; redirects are not followed: set the base address to the new one",
                reason="bad_response",
                ends_run="unless_answered",
            )
        if status in (401, 403):
            return ModelFailed(
                f"{said}; set {self._key_variable} to a key that may use the model",
                reason="http_4xx",
                ends_run="yes" if status == 401 else "unless_answered",
            )
        other = ("http_5xx", True, "") if status >= 500 else ("http_4xx", False, self.advice)
        reason, retryable, fix = _KINDS.get(status, other)
        wait_s = retry_after_s(headers) if retryable else None
        ends_run: EndsRun = "unless_answered" if status == 404 else "no"
        return ModelFailed(
            said + fix, reason=reason, retryable=retryable, retry_after_s=wait_s, ends_run=ends_run
        )


_KINDS: dict[int, tuple[FailureReason, bool, str]] = {
    0: ("bad_response", True, ""),
    404: ("http_4xx", False, "; check the model's name and the base address"),
    408: ("timeout", True, ""),
    409: ("http_4xx", True, ""),
    425: ("http_4xx", True, ""),
    429: ("rate_limited", True, "; ask less at once"),
    501: ("http_5xx", False, ""),
}


def words_of(data: bytes, *, whole: bool = False) -> str:
    """The message in an endpoint's error, or its text; `whole` keeps codes and parameters."""
    text = data.decode("utf-8", errors="replace")
    try:
        error = json.loads(text)
    except ValueError:
        return text
    if whole:
        return text
    while isinstance(error, list) and error:
        error = error[0]
    for key in ("error", "message", "detail"):
        if isinstance(error, dict) and error.get(key):
            error = error[key]
    return error if isinstance(error, str) else json.dumps(error)


_CODES = {
    "rate_limit_exceeded": 429, "rate_limited": 429, "rate_limit_error": 429, "insufficient_quota": 429, "resource_exhausted": 429,
    "server_error": 500, "internal_error": 500, "internal_server_error": 500, "api_error": 500, "overloaded_error": 503,
    "service_unavailable": 503, "bad_gateway": 502, "provider_error": 502, "timeout": 504, "deadline_exceeded": 504,
    "invalid_request_error": 400, "bad_request": 400, "badrequesterror": 400, "authentication_error": 401, "permission_error": 403,
    "not_found_error": 404, "content_filter": 400, "content_policy_violation": 400,
}  # fmt: skip
"""The status that a gateway would have sent, by the name that it gives the error."""


def code_of(error: Any) -> int:
    """The status of an error, from its `code`, a number or its name, `status` or `type`; 0 where none of them tells."""
    names = [error.get(key) for key in ("code", "status", "type")] if isinstance(error, dict) else []
    for name in names:
        if isinstance(name, str):
            name = int(name) if name.isdecimal() and len(name) == 3 else _CODES.get(name.lower(), 0)
        if isinstance(name, int) and 400 <= name < 600:
            return name
    return 0


def counted(counts: Mapping[str, Any]) -> dict[str, float]:
    """The counts that are numbers, finite and not negative; a gateway may send anything."""
    numbers = {key: float(count) for key, count in counts.items() if isinstance(count, int | float)}
    return {key: number for key, number in numbers.items() if math.isfinite(number) and number >= 0}


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, given in seconds or as a date; None where it is missing or odd."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:  # written "-0000": the time is UTC, the place unknown
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def checked_url(url: str, *, example: str) -> str:
    """The address without a slash at its end.

    Raises
    ------
    BadParameter
        If it is no http address, or carries a credential: addresses are written to journals.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadParameter(f"a base address must look like {example}, got {url!r}")
    if parts.username or parts.password or parts.query:
        shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
        raise BadParameter(
            f"a base address must look like {example}, got one for {shown} with a password or a query in it; "
            "give the key in its environment variable"
        )
    return url.rstrip("/")


def key_from(variable: str, *, base: str, needed_by: str) -> str | None:
    """The credential in an environment variable; None where there is none and `base` is on this machine.

    Raises
    ------
    MissingKey
        If it is not set, and the address is another machine's.
    """
    key = os.environ.get(variable)
    if not key and not is_loopback(urlsplit(base).hostname or ""):
        raise MissingKey(f"{needed_by!r} needs a key in {variable}, which is not set; export {variable}=...")
    return key


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _proxy_for(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)
