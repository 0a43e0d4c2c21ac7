"""What models behind HTTP share: one session per event loop, one request per call, and what went wrong in words.

A call is a single attempt; retries, rates and cost belong to the engine. Redirects are not followed, so that recordings
and keys go to the host that `destination` names and to no other.

Endpoints that offer one API differ in what they take of it. What one refuses is learnt at the first refusal: the request
is sent again without, the rest of the run asks so, and `learnt` says what and why. A refusal is never an answer, so that
no two items are asked differently. Where an endpoint does not say which field it refuses, those that could be meant are
left out one after the other. What a user has set is never taken back.
"""

from __future__ import annotations

import abc
import asyncio
import copy
import hashlib
import io
import json
import math
import os
import re
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from urllib.parse import urlencode, urlsplit

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
from earnest.models._aside import aside
from earnest.models._error_bodies import ErrorBody, RequestAudio, kind_of, read_error
from earnest.models._transport import ENCODINGS, Response, is_loopback, proxy_for, read_response, retry_after_s, trusted
from earnest.models.access import Answer, Learnt, Model, Sampling, counted
from earnest.models.timing import is_limited, waiting

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

N_CONNECTIONS = 1024
"""Most connections a model keeps open; how many requests are in flight is the engine's to say."""
TIMEOUT_S = 120.0
"""Longest wait for a reply where nobody sets a limit."""
TRIES_OF_A_READABLE_BODY = 2
"""A reply of another form than the API's is asked for once more: it was billed, and is likely to come again."""

_SHOWN = 300  # characters of an endpoint's own words that a message carries
_SHORT_BODY = 2**16  # bytes that are read in less than a millisecond
_MOST_STEPS = 6  # fields that one call may find out to be refused
_MOST_SEARCHES = 2  # refusals that do not say what was refused, and are looked into

_REFUSALS = (400, 404, 415, 422, 500, 501)
_SCHEMA_REFUSED = re.compile(
    r"response_?format|json_?schema|response_?(json_?)?schema|response_?mime|structured|guided|grammar|requested parameters"
    r"|extra (inputs|fields)|(unrecogni[sz]ed|unknown|unexpected|unsupported) (field|argument|parameter|request|name|keyword)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Alternative:
    """What can be sent in place of a field that an endpoint refuses.

    Parameters
    ----------
    field : str
    instead : str
        What is done; `left out`, or a value.
    named : pattern
        Found in a refusal that means it.
    by_search : bool
        Whether it is tried where a refusal does not say what it means.
    """

    field: str
    instead: str
    named: re.Pattern[str]
    by_search: bool = True


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What is asked; the body follows from it and from what was learnt."""

    stimulus: Stimulus
    sampling: Sampling
    schema: Mapping[str, Any] | None

    @property
    def audio(self) -> RequestAudio:
        clips = [clip for turn in self.stimulus.turns for clip in turn.clips.values()]
        return RequestAudio(n_clips=len(clips), duration_s=sum(clip.duration_s for clip in clips))


class RemoteModel(Model):
    """A model behind HTTP; a provider says how a request is written and how a reply is read.

    Parameters
    ----------
    name : str
        Its specification.
    url : str
        Where requests are posted.
    headers : mapping
        Sent with every request; `env:NAME` takes the value from the environment.
    key_variable : str
        The environment variable that holds the credential, for messages.
    key : str or None
        The credential, so that it never appears in a message.
    timeout_s : float or None
        Longest wait for one reply; None takes the engine's limit, or 120 s where there is none.
    connect_timeout_s : float
        Longest wait for a connection.
    identity : str
        What else tells this model from others of its name: options that change the answers.
    query : mapping or None
        What is put behind the address; `env:NAME` as in headers.
    """

    takes_schema = True
    takes_text_alone = None
    reads_streams: ClassVar[bool] = False
    adaptable: ClassVar[frozenset[str]] = frozenset({"response_format"})
    """Fields of a request that may be learnt to be sent otherwise."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        headers: Mapping[str, str],
        key_variable: str,
        key: str | None,
        timeout_s: float | None = None,
        connect_timeout_s: float = 30.0,
        identity: str = "",
        query: Mapping[str, str] | None = None,
    ) -> None:
        for option, value in (("timeout_s", timeout_s), ("connect_timeout_s", connect_timeout_s)):
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise BadParameter(f"{option} must be above 0, got {value!r}; 120 suits most endpoints")
        self.name, self._key_variable = name, key_variable
        self.timeout_s, self._connect_timeout_s = timeout_s, connect_timeout_s
        sent, parameters = _filled(headers, "header"), _filled(query or {}, "query")
        self._secrets = [key, *secrets_in(headers), *secrets_in(query or {})]
        self._url = f"{url}?{urlencode(parameters)}" if parameters else url
        self._headers = {
            "Content-Type": "application/json", "User-Agent": "earnest", "Accept-Encoding": ENCODINGS, **sent,
        }  # fmt: skip  # a table: one row a line
        self.fingerprint = hashlib.sha256(f"{url}\n{identity}".encode()).hexdigest()[:16]
        host = urlsplit(url).hostname or ""
        self._host = host
        self.destination = None if is_loopback(host) else host
        self.free = self.destination is None
        self._proxy, self._trusted = proxy_for(url), trusted(url)
        self.learnt = {}
        self._n_searches = 0
        self._sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]
        self._sessions = weakref.WeakKeyDictionary()
        self._learning: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._learning = weakref.WeakKeyDictionary()

    @abc.abstractmethod
    def request_body(self, stimulus: Stimulus, sampling: Sampling, schema: Mapping[str, Any] | None = None) -> bytes:
        """The JSON that asks for an answer, one that meets `schema` where there is one, as far as `learnt` allows."""

    @abc.abstractmethod
    def read_reply(self, reply: Mapping[str, Any]) -> Answer:
        """The answer in the endpoint's JSON."""

    def usage_in(self, reply: Mapping[str, Any]) -> dict[str, float]:
        """What the endpoint's JSON bills, also where there is no answer in it."""
        return {}

    def alternatives(self, stimulus: Stimulus) -> Iterable[Alternative]:
        """What could be sent otherwise in a request of `stimulus`, likeliest first; not what `learnt` has already."""
        return ()

    async def ask_one(
        self,
        stimulus: Stimulus,
        *,
        sampling: Sampling = Sampling(),  # noqa: B008
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The answer to one stimulus, by a single attempt; see `Model.ask_one`.

        What an endpoint refuses of the request, a schema for one, is left out then and for good.
        """
        begun = time.perf_counter()
        request = _Request(stimulus=stimulus, sampling=sampling, schema=schema if self.takes_schema else None)
        response, reply = await self._exchanged(request)
        try:
            answer = await _beside(response, lambda: self._answer_in(response, reply, audio=request.audio))
        except ModelFailed as error:
            error.usage = {**self._usage(response, reply), **error.usage}
            raise
        usage = {**self._usage(response, {} if answer.usage else reply), **answer.usage}
        return replace(answer, usage=usage, duration_ms=1e3 * (time.perf_counter() - begun))

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

    # ---------------------------------------------------------------- one request

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=N_CONNECTIONS, keepalive_timeout=60, ttl_dns_cache=300, ssl=self._trusted or True
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                auto_decompress=False,  # bodies are unpacked piece by piece
            )
            self._sessions[loop] = session
        return session

    async def _posted(self, request: _Request) -> tuple[Response, Mapping[str, Any]]:
        """The response to a request, and its JSON where its status says that it is an answer."""
        response = await self._sent(self.request_body(request.stimulus, request.sampling, request.schema))
        if not 200 <= response.status < 300:
            return response, {}
        reply = await _beside(response, lambda: self._decoded(response))
        error = self.error_in(reply)
        if error is None:
            return replace(response, status=200), reply
        return replace(response, status=code_of(error), data=json.dumps({"error": error}).encode()), reply

    async def _sent(self, body: bytes) -> Response:
        import aiohttp

        limit_s = self.timeout_s or (None if is_limited() else TIMEOUT_S)
        patience = aiohttp.ClientTimeout(total=limit_s, sock_connect=min(self._connect_timeout_s, limit_s or math.inf))
        file = io.BytesIO(body)
        del body  # aiohttp makes the file copy it; a second copy would be held while the reply is waited for
        try:
            sent = self._session().post(
                self._url, data=file, proxy=self._proxy, allow_redirects=False, timeout=patience
            )
            async with sent as response:
                return await read_response(response, host=self._host)
        except TimeoutError as error:
            raise ModelFailed(
                f"{self._host} must answer within {limit_s or self._connect_timeout_s:g} s, got nothing; allow more with "
                "--timeout, or ask less at once with --max-connections",
                reason="timeout",
                retryable=True,
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise ModelFailed(
                f"{self._host} shows a certificate that cannot be trusted: {error}; where it is your own, name the file "
                "of its authority in REQUESTS_CA_BUNDLE",
                reason="connection",
                ends_run="unless_answered",
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            if fault := machine_failed(error):
                raise fault from error
            words = self._hidden(str(error) or type(error).__name__)
            unreachable = isinstance(error, aiohttp.ClientConnectorError)  # refused, or no such host
            raise ModelFailed(
                f"the connection to {self._host} broke ({words}); check that the address is right and the server runs",
                reason="connection",
                retryable=True,
                ends_run="unless_answered" if unreachable else "no",
            ) from error

    def _decoded(self, response: Response) -> Mapping[str, Any]:
        from earnest.models._events import completion_of, is_stream

        try:
            if self.reads_streams and is_stream(response.data, response.headers.get("Content-Type", "")):
                return completion_of(response.data, host=self._host)
            reply = json.loads(response.data)
        except (ValueError, RecursionError) as error:
            raise self._nonsense(response.data) from error
        if not isinstance(reply, dict):
            raise self._nonsense(response.data)
        return reply

    # ---------------------------------------------------------------- what an endpoint refuses

    async def _exchanged(self, request: _Request) -> tuple[Response, Mapping[str, Any]]:
        """The response to a request, sent again without what the endpoint refuses of it."""
        known = dict(self.learnt)
        response, reply = await self._posted(request)
        if request.schema is not None and response.status in _REFUSALS and _SCHEMA_REFUSED.search(_words(response)):
            refused = response
            request = replace(request, schema=None)
            response, reply = await self._posted(request)
            if response.status == 200 and self.takes_schema:
                self.takes_schema = False
                self._note("response_format", "left out", refused)
        if not (self._refuses_a_field(response, request) or (response.status in _REFUSALS and self.learnt != known)):
            return response, reply
        lock = self._learning.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with waiting():
            await lock.acquire()
        try:
            if self.learnt != known:  # found out by another call meanwhile
                response, reply = await self._posted(request)
            return await self._learning_from(response, reply, request)
        finally:
            lock.release()

    async def _learning_from(
        self, response: Response, reply: Mapping[str, Any], request: _Request
    ) -> tuple[Response, Mapping[str, Any]]:
        """The response after all that it names was left out, or else what it might mean."""
        trial, first = self._copy(), (response, reply)
        for _ in range(_MOST_STEPS):
            if not trial._refuses_a_field(response, request):
                break
            words = _words(response)
            named = [one for one in trial.alternatives(request.stimulus) if one.named.search(words)]
            if not named:
                response, reply = await self._searched(trial, response, reply, request)
                break
            trial._note(named[0].field, named[0].instead, response)
            response, reply = await trial._posted(request)
        if response.status == 200:
            self.learnt = {**self.learnt, **trial.learnt}
        return first if self._refuses_a_field(response, request) else (response, reply)

    async def _searched(
        self, trial: Self, refused: Response, reply: Mapping[str, Any], request: _Request
    ) -> tuple[Response, Mapping[str, Any]]:
        """The first response that is none of this refusal: with one field sent otherwise, or with all of them."""
        open_ones = [one for one in trial.alternatives(request.stimulus) if one.by_search]
        if not open_ones or self._n_searches >= _MOST_SEARCHES:
            return refused, reply
        self._n_searches += 1
        before = dict(trial.learnt)
        for group in [*([one] for one in open_ones), *([open_ones] if len(open_ones) > 1 else [])]:
            trial.learnt = dict(before)
            for one in group:
                trial._note(one.field, one.instead, refused)
            response, reply = await trial._posted(request)
            if response.status == 200:
                return response, reply
        trial.learnt = before
        return refused, {}

    def _refuses_a_field(self, response: Response, request: _Request) -> bool:
        """Whether a response refuses the form of the request, as far as it says, and not what is asked."""
        if response.status not in (400, 404, 405, 422, 500, 501):
            return False
        error = read_error(response.data)
        kind = kind_of(response.status, error, audio=request.audio)
        field = _WAYS_OF_AUDIO.get(kind or "")
        if field is not None:  # of the way in which it is sent or asked for, where the refusal names another
            ways = (one for one in self.alternatives(request.stimulus) if one.field == field)
            return any(one.named.search(error.words) for one in ways)
        return kind == "field_refused" or (kind is None and response.status in (400, 422) and error.says_nothing)

    def recall(self, learnt: Mapping[str, Learnt]) -> None:
        """Ask from now on as an earlier sitting learnt to; fields that this model has no other way for are passed over."""
        self.learnt = {field: one for field, one in learnt.items() if field in self.adaptable}
        self.takes_schema = self.takes_schema and "response_format" not in self.learnt

    def _note(self, field: str, instead: str, response: Response) -> None:
        said = f"{response.status}: {self._shown(response.data)}"
        self.learnt = {**self.learnt, field: Learnt(instead=instead, said=said)}

    def _copy(self) -> Self:
        """The same model with its own `learnt`, for trials."""
        trial = copy.copy(self)
        trial.learnt = dict(self.learnt)
        return trial

    # ---------------------------------------------------------------- what came back

    def _answer_in(self, response: Response, reply: Mapping[str, Any], *, audio: RequestAudio) -> Answer:
        if response.status != 200:
            return self._not_answered(response, audio=audio)
        try:
            return self.read_reply(reply)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
            failed = self._nonsense(json.dumps(reply, default=str)[:4000].encode())
            failed.most_attempts = TRIES_OF_A_READABLE_BODY
            raise failed from error

    def _usage(self, response: Response, reply: Mapping[str, Any]) -> dict[str, float]:
        """What a call used; LiteLLM tells the cost in a header."""
        try:
            usage = self.usage_in(reply)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            usage = {}
        try:
            cost = counted({"cost_usd": float(response.headers.get("x-litellm-response-cost", "nan"))})
        except ValueError:
            cost = {}
        return {**cost, **usage}

    def _nonsense(self, data: bytes) -> ModelFailed:
        return ModelFailed(
            f"{self._host} must answer with JSON of its own API, got {self._shown(data)!r}; check the base address",
            reason="bad_response",
            retryable=True,
        )

    def _shown(self, data: bytes) -> str:
        return self._hidden(read_error(data).message)[:_SHOWN]

    def _hidden(self, text: str) -> str:
        """The text without credentials, and without what is no Unicode."""
        for secret in self._secrets:
            text = text.replace(secret, "***") if secret else text
        return text.encode("utf-8", errors="replace").decode("utf-8")

    def _not_answered(self, response: Response, *, audio: RequestAudio) -> Answer:
        """An answer that says it was blocked, where the provider's filter stopped the question; else raises."""
        error, status = read_error(response.data), response.status
        shown = self._shown(response.data)
        said = f"{self._host} answered {status}: {shown}"
        kind = kind_of(status, error, audio=audio)
        if kind == "blocked":
            return Answer(text="", details={"blocked": True, "finish_reason": "content_filter", "filter": shown})
        if kind == "audio_refused":
            raise AudioRefused(f"{said}; choose a model that takes audio, or put a recogniser before it: cascade/...")
        if kind == "text_refused":
            raise TextRefused(f"{said}; it takes no request without audio")
        if kind == "quota":
            raise ModelFailed(
                f"{said}; the account behind {self._key_variable} has no credit or quota left",
                reason="quota",
                ends_run="yes",
            )
        if kind is not None:
            ends_run: EndsRun = "unless_answered" if kind in _OF_EVERY_CALL else "no"
            raise ModelFailed(f"{said}; {self._advice(kind, error)}", reason=kind, ends_run=ends_run)  # type: ignore[arg-type]
        raise self._failed(response, said, error)

    def _advice(self, kind: str, error: ErrorBody) -> str:
        """What to do about a fault of this kind."""
        return _ADVICE[kind]

    def _failed(self, response: Response, message: str, error: ErrorBody) -> ModelFailed:
        status = response.status
        if 300 <= status < 400:
            return ModelFailed(
                f"{message}; redirects are not followed: set the base address to the new one",
                reason="bad_response",
                ends_run="unless_answered",
            )
        if status in (401, 403):
            return ModelFailed(
                f"{message}; set {self._key_variable} to a key that may use the model",
                reason="http_4xx",
                ends_run="yes" if status == 401 else "unless_answered",
            )
        other = (
            ("http_5xx", True, "") if status >= 500 else ("http_4xx", False, "; check the model's name and the options")
        )
        reason, retryable, fix = _KINDS.get(status, other)
        wait_s = retry_after_s(response.headers) if retryable else None
        if retryable and wait_s is None and status in (429, 503):
            wait_s = error.wait_s
        ends_run: EndsRun = (
            "unless_answered" if status == 404 or (status < 500 and _NO_MODEL.search(error.words)) else "no"
        )
        return ModelFailed(message + fix, reason=reason, retryable=retryable, retry_after_s=wait_s, ends_run=ends_run)


_NO_MODEL = re.compile(
    r"(invalid|unknown|no such) model\b|\bmodel\b.{0,80}(does not exist|not found|not exist)", re.IGNORECASE
)
"""What gateways say of a model's name with another status than 404."""

_OF_EVERY_CALL = frozenset({"field_refused", "audio_format"})
"""Kinds that the next call would meet as well."""

_WAYS_OF_AUDIO = {"audio_refused": "audio", "audio_format": "audio.format"}
"""The field that is sent otherwise, by the kind of a refusal of it."""

_ADVICE: Mapping[str, str] = {
    "too_long": "shorten the audio or the prompt",
    "too_short": "the recording is too short for this endpoint",
    "too_many_clips": "the endpoint takes fewer recordings in one request; choose tasks with one recording with --task",
    "audio_format": "send another form of audio",
    "bad_audio": "the endpoint could not read the recording",
    "field_refused": "check the options of the request",
}

_KINDS: dict[int, tuple[FailureReason, bool, str]] = {
    0: ("bad_response", True, ""),
    404: ("http_4xx", False, "; check the model's name and the base address"),
    408: ("timeout", True, ""),
    409: ("http_4xx", True, ""),
    425: ("http_4xx", True, ""),
    429: ("rate_limited", True, "; ask less at once with --max-connections"),
    501: ("http_5xx", False, ""),
}


async def _beside(response: Response, work: Callable[[], T]) -> T:
    """What the work on a body gives; beside the event loop where the body is long or holds a recording."""
    return await aside(work) if len(response.data) > _SHORT_BODY or b'"audio"' in response.data else work()


def _words(response: Response) -> str:
    return read_error(response.data).words


_CODES = {
    "rate_limit_exceeded": 429, "rate_limited": 429, "rate_limit_error": 429, "insufficient_quota": 429, "resource_exhausted": 429,
    "server_error": 500, "internal_error": 500, "internal_server_error": 500, "api_error": 500, "overloaded_error": 503,
    "service_unavailable": 503, "bad_gateway": 502, "provider_error": 502, "timeout": 504, "deadline_exceeded": 504,
    "invalid_request_error": 400, "bad_request": 400, "badrequesterror": 400, "authentication_error": 401, "permission_error": 403,
    "not_found_error": 404, "content_filter": 400, "content_policy_violation": 400,
}  # fmt: skip  # a table: one row a line
"""The status that a gateway would have sent, by the name that it gives the error."""


def code_of(error: Any) -> int:
    """The status of an error, from its `code`, a number or its name, `status` or `type`; 0 where none of them tells."""
    names = [error.get(key) for key in ("code", "status", "type")] if isinstance(error, dict) else []
    for name in names:
        if isinstance(name, str):
            name = int(name) if name.isascii() and name.isdecimal() and len(name) == 3 else _CODES.get(name.lower(), 0)
        if isinstance(name, int) and 400 <= name < 600:
            return name
    return 0


# ---------------------------------------------------------------- addresses and credentials

FROM_ENVIRONMENT = "env:"
"""What stands before the name of a variable whose value is sent, and never written down."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CREDENTIAL = re.compile(r"authori[sz]ation|api.?key|token|secret|cookie|password|subscription", re.IGNORECASE)


def _filled(values: Mapping[str, str], kind: str) -> dict[str, str]:
    """Headers or query with values from the environment put in.

    Raises
    ------
    BadParameter
        If a name or value cannot be sent, or a credential stands where it would be written to the plan.
    MissingKey
        If a variable is not set.
    """
    filled = {}
    for name, value in values.items():
        text = str(value)
        if not _NAME.fullmatch(name) or not text.isprintable():
            raise BadParameter(
                f"a {kind} must have a plain name and a value of one line, got {name!r}={text!r}; correct it"
            )
        if text.startswith(FROM_ENVIRONMENT):
            variable = text.removeprefix(FROM_ENVIRONMENT)
            if not os.environ.get(variable):
                raise MissingKey(
                    f"the {kind} {name!r} is taken from {variable}, which is not set; export {variable}=..."
                )
            text = os.environ[variable]
        filled[name] = text
    return filled


def secrets_in(values: Mapping[str, str]) -> list[str]:
    """The values that come from the environment."""
    named = (
        str(value).removeprefix(FROM_ENVIRONMENT)
        for value in values.values()
        if str(value).startswith(FROM_ENVIRONMENT)
    )
    return [os.environ.get(name, "") for name in named]


def check_no_credential(values: Mapping[str, str], *, kind: str) -> None:
    """Refuse a credential that was written out: options are part of the plan, which others read.

    Raises
    ------
    BadParameter
        Naming the environment as the place for it.
    """
    for name, value in values.items():
        if _CREDENTIAL.search(name) and not str(value).startswith(FROM_ENVIRONMENT):
            raise BadParameter(
                f"the {kind} {name!r} looks like a credential, which would be written to the plan; put it into a variable "
                f"and write {kind}.{name}={FROM_ENVIRONMENT}VARIABLE"
            )


def checked_url(url: str, *, example: str) -> str:
    """The address without a slash at its end.

    Raises
    ------
    BadParameter
        If it is no http address, or carries a credential: addresses are written to journals.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises where it is none)
        host = parts.hostname
    except ValueError as error:
        raise BadParameter(f"a base address must look like {example}, got one that cannot be read ({error})") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadParameter(f"a base address must look like {example}, got {url!r}")
    if parts.username or parts.password:
        raise BadParameter(
            f"a base address must look like {example}, got one for {parts.scheme}://{host}{parts.path} with a password in "
            "it; give the key in its environment variable"
        )
    if parts.query:
        raise BadParameter(
            f"a base address must look like {example}, got one for {parts.scheme}://{host}{parts.path} with a query in it; "
            "write the query as --model-option query.NAME=VALUE, and a key as query.NAME=env:VARIABLE"
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
