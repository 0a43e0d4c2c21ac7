"""What an endpoint's error body says: its innermost message, and the kind of fault that it tells of.

Gateways wrap the words of the server behind them: OpenRouter keeps them in `metadata.raw`, LiteLLM writes them behind the
name of its own exception, FastAPI makes a list under `detail`, others send a bare text. The innermost message is what a
person needs, and what the kind is read from, beside the codes on the way to it. What a server echoes of the request is
never read: it may hold any words.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from earnest.errors import FailureReason

_DEEPEST = 12
_MOST_FAULTS = 3
_LONGEST = 4_000  # characters of a text that is looked through; an error says what is wrong at its beginning

_OUTER = 200  # characters of what stands around an error

_INNER = ("error", "errors", "fault")
_WORDS = (
    "message", "detail", "msg", "error_message", "errorMessage", "Message", "error_description", "faultstring", "title",
    "description",
)  # fmt: skip  # a table: one row a line
_CODES = ("code", "type", "param", "status", "reason", "error_type", "error_code", "errorCode", "quotaId", "loc")
_NESTED = ("innererror", "metadata", "details", "raw", *_INNER, "message", "detail")


@dataclass(frozen=True, kw_only=True)
class ErrorBody:
    """An endpoint's error.

    Parameters
    ----------
    message : str
        Its innermost message; the whole body where there is none.
    codes : str
        Codes, types and parameters on the way to it, joined by spaces.
    wait_s : float or None
        Seconds that the body asks to wait.
    """

    message: str
    codes: str
    wait_s: float | None

    @property
    def words(self) -> str:
        """All that a kind is read from."""
        return f"{self.message} {self.codes}"

    @property
    def says_nothing(self) -> bool:
        """Whether it tells no more than its status: it is empty, or says that something is wrong."""
        said = set(re.findall(r"[^\W\d_]+", self.message[:_LONGEST].lower()))
        return said <= _SAYS_NOTHING or self.message.startswith(("{", "["))


_SAYS_NOTHING = frozenset(
    "a an the your this http error errors bad invalid malformed request argument input parameter parameters body format validation "
    "failed unprocessable entity content contains is was occurred one or more".split()
)


def read_error(data: bytes) -> ErrorBody:
    """The error in a response's body, whatever its form; an empty one gives empty words."""
    text = data.decode("utf-8", errors="replace")
    body = _parsed(text)
    if body is None:
        before, inside = _split(text)
        message = _innermost(inside) or _without_markup(text)
        codes = " ".join([before, *dict.fromkeys(_codes(inside))]).strip()
        return ErrorBody(message=message.strip(), codes=codes, wait_s=_wait_in_words(message))
    codes = " ".join(dict.fromkeys(_codes(body)))
    message = _innermost(body) or text
    wait_s = next(_waits(body), None)
    return ErrorBody(message=message.strip(), codes=codes, wait_s=_wait_in_words(message) if wait_s is None else wait_s)


def _parsed(text: str) -> Any:
    """The JSON that a text is; None where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _innermost(value: Any, depth: int = 0) -> str:
    """The innermost message of a parsed body, or of a text that holds one; empty where there is none."""
    if depth > _DEEPEST:
        return ""
    if isinstance(value, str):
        return _innermost(_split(value)[1], depth + 1) or value
    if isinstance(value, list):
        parts = [part for each in value[:_MOST_FAULTS] if (part := _innermost(each, depth + 1))]
        return "; ".join(dict.fromkeys(parts))
    if not isinstance(value, Mapping):
        return ""
    return next((message for part in _inner_parts(value) if (message := _innermost(part, depth + 1))), "")


def _inner_parts(error: Mapping[str, Any]) -> Iterator[Any]:
    """Where the message of an error may be, innermost places first."""
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("raw"):
        yield metadata["raw"]
    for key in _INNER:
        yield error.get(key)
    if isinstance(error.get("loc"), list) and isinstance(error.get("msg"), str):  # FastAPI names the field apart
        yield f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
    for key in _WORDS:
        yield error.get(key)


_QUOTED = re.compile(r"[{\[]\s*[\"'{\[]")


def _split(text: str) -> tuple[str, Any]:
    """What stands before an error that a text holds as JSON or as a Python value, and the error; None without one."""
    match = _QUOTED.search(text[:_LONGEST])
    if match is None:
        return "", None
    before, quoted = text[: match.start()], text[match.start() : _LONGEST]
    try:
        return before, json.JSONDecoder().raw_decode(quoted)[0]
    except (ValueError, RecursionError):
        pass
    try:
        return before, ast.literal_eval(quoted[: max(quoted.rfind("}"), quoted.rfind("]")) + 1])
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return "", None


def _without_markup(text: str) -> str:
    """The words of a page; a proxy's error is one."""
    if not re.match(r"\s*<(!doctype|html|head|body|h1|center|title|\?xml)", text, re.IGNORECASE):
        return text
    shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text[:_LONGEST], flags=re.IGNORECASE | re.DOTALL)
    return " ".join(shown.split()) or text


def _codes(value: Any, depth: int = 0) -> Iterator[str]:
    """Every code, type and parameter of an error, and the outer messages beside them."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value[:_MOST_FAULTS]:
            yield from _codes(each, depth + 1)
    if isinstance(value, str) and depth:
        before, inside = _split(value)
        yield value[:_OUTER] if inside is None else before[:_OUTER]  # LiteLLM puts the name of its exception there
        yield from _codes(inside, depth + 1)
    if not isinstance(value, Mapping):
        return
    for key in _CODES:
        if isinstance(value.get(key), str | int) and not isinstance(value[key], bool):
            yield str(value[key])
        elif key == "loc" and isinstance(value.get(key), list):
            yield ".".join(map(str, value[key]))
    for key in (*_NESTED, "violations"):
        yield from _codes(value.get(key), depth + 1)


_DELAY = re.compile(r"(?:try again|retry)\w* (?:in|after) ((?:[\d.]+ ?(?:ms|h|m|s)[a-z]*,? ?)+)", re.IGNORECASE)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?(ms|h|m|s)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _wait_in_words(text: str) -> float | None:
    """Seconds of "try again in 6m0s" or "in 350ms"; None where nothing is said."""
    match = _DELAY.search(text[:_LONGEST])
    return _duration_s(match[1]) if match else None


def _duration_s(text: str) -> float | None:
    amounts = _AMOUNT.findall(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in amounts) if amounts else None


def _waits(value: Any, depth: int = 0) -> Iterator[float]:
    """Seconds under `retryDelay` (Gemini) and `estimated_time` (Hugging Face)."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value[:20]:
            yield from _waits(each, depth + 1)
    if not isinstance(value, Mapping):
        return
    delay, estimated = value.get("retryDelay"), value.get("estimated_time")
    if isinstance(delay, str) and (wait_s := _duration_s(delay)) is not None:
        yield wait_s
    if isinstance(estimated, int | float) and 0 <= estimated < 1e6:
        yield float(estimated)
    for key in ("error", "details"):
        yield from _waits(value.get(key), depth + 1)


# ---------------------------------------------------------------- kinds


@dataclass(frozen=True, kw_only=True)
class RequestAudio:
    """What of a request decides which kind of fault an error can tell of.

    Parameters
    ----------
    n_clips : int
        Over all turns.
    duration_s : float
        Of all clips.
    """

    n_clips: int
    duration_s: float


@dataclass(frozen=True)
class _Kind:
    reason: FailureReason | str
    says: Callable[[str, RequestAudio], object]
    statuses: frozenset[int]
    with_audio: bool | None = None


_REFUSED = frozenset({0, 400, 404, 405, 406, 413, 415, 422, 424, 500, 501, 502})
"""Statuses under which servers and gateways refuse a request for what is in it."""


def _words(*patterns: str, unless: str | None = None) -> Callable[[str, RequestAudio], object]:
    wanted = re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)
    barred = re.compile(unless, re.IGNORECASE | re.DOTALL) if unless else None
    return lambda words, audio: wanted.search(words) and not (barred and barred.search(words))


_BETWEEN = re.compile(
    r"(?:audio|duration|length|clip).{0,60}between ([\d.]+).{0,12}? (?:and|to) ([\d.]+)", re.IGNORECASE | re.DOTALL
)


def _outside(*, below: bool) -> Callable[[str, RequestAudio], object]:
    """Whether "between 0.1 and 180 s" is said to a clip that is shorter, or to another one."""

    def says(words: str, audio: RequestAudio) -> bool:
        match = _BETWEEN.search(words)
        if match is None:
            return False
        least = float(match[1].rstrip(".") or 0)
        return (audio.duration_s <= least) is below

    return says


_FORMATS = r"(wav|mp3|flac|ogg|opus|pcm\w*|m4a|aac|webm|mp4|mpeg|amr)"
_SOUND = r"(audio|clip|recording|sound|speech|wave?|voice|media)"

_KINDS = (
    _Kind(
        "blocked",
        _words(
            "content_?filter|content_?policy|content management policy|responsible.?ai|moderation_blocked|prohibited_content",
            r"(your|the) .{0,40}\b(was|were|been|is) (flagged|blocked|rejected) (as|by|for|because|due)|(input|prompt|content|request)\w* (was|has been|is|were) flagged",
            r"usage (polic|guideline)|safety[ _](system|filter|check)|data_?inspection_?failed|inappropriate content",
            r"violat\w* .{0,60}(polic|guideline|terms)|policy.?violation|unsafe content",
            unless=r"\b(account|organi[sz]ation|api key)\b.{0,80}(suspend|deactivat|disabled|banned|flagged|terminat)",
        ),
        frozenset({0, 400, 403, 406, 422, 451, 500}),
    ),
    _Kind(
        "quota",
        _words(
            r"insufficient[_ ]?(quota|credit|balance|fund)|credit balance is too low|payment required|arrearage|good standing",
            r"(no|not enough|out of|exhausted|requires? more|used all\b.{0,30}|exceeded\b.{0,40}|top up|add more) ?credits?\b",
            r"billing.{0,20}(limit|not.?active|details)|spending limit|budget (has been )?exceeded|ExceededBudget|budget_exceeded",
            r"free (allocated |tier ?)?quota|FreeTierOnly|requests per day|tokens per day|\b[RT]PD\b|PerDay|daily (limit|quota)",
        ),
        frozenset({0, 400, 401, 402, 403, 429, 500}),
    ),
    _Kind("too_short", _outside(below=True), _REFUSED, True),
    _Kind("too_long", _outside(below=False), _REFUSED, True),
    _Kind(
        "too_long",
        _words(
            _SOUND
            + r".{0,60}(must|should|needs? to|has to) (not )?be .{0,12}(less|shorter|under|at most|no longer|below|no more|longer|exceed)",
            _SOUND + r".{0,60}(must|should|can|may) ?not exceed",
            unless=r"(must|should|needs? to|has to) be .{0,12}longer|not be .{0,12}shorter",
        ),
        _REFUSED,
        True,
    ),
    _Kind(
        "too_short",
        _words(
            "too_short|"
            + _SOUND
            + r"\b.{0,60}(too (short|brief|small)|shorter than|(longer|more|greater) than|less than|below|at least|minimum|>=)",
            r"(too short|shorter|at least|minimum|longer than) .{0,60}" + _SOUND,
            r"duration.{0,40}(too short|below|less than|at least|minimum)|minimum .{0,30}(duration|length)",
            unless=r"longer than (the )?(max|\d+(\.\d+)? ?(s|sec|min|h)\w*\b.{0,3}(max|allow|limit))|maximum|exceed|is longer than|too long|at least one|one minimum|sampl\w+ rate|khz|context",
        ),
        _REFUSED,
        True,
    ),
    _Kind(
        "too_long",
        _words(
            r"context.(length|window|size)|maximum context|too (long|large|big|many tokens)|exceeds? the (maximum|limit|context|available)",
            r"longer than|token count .* exceeds|maximum (audio|clip|input|file|duration|length)|tokens?`?.{0,40}<= ?\d+|FUNCTION_PAYLOAD",
            r"(duration|length|size|audio|file|payload|body)\b.{0,50}exceed",
            unless=r"max_\w*tokens.{0,12}(too large|exceed)(?!.{0,160}input tokens)",
        ),
        _REFUSED - {404, 415},
    ),
    _Kind(
        "too_many_clips",
        _words(
            r"at most [1-9]\d* audio|(only|just|exactly|max(imum)?( of)?|up to|more than|expect(s|ed)?|single) ?(one|1|a single|single)? (audio|clip|recording)s?( file| input| clip| part)?s?\b.{0,40}(per|in (one|a|each|the)|(support|allow|accept)|got|received|found)",
            r"(one|1|single) (audio|clip|recording)( file| input| clip| part)? (per|in each|at a time|only)|(multiple|several|too many) "
            + _SOUND,
            r"number of " + _SOUND + r".{0,40}(exceed|at most|limit)|(audios?|clips?) per (prompt|request|message)",
        ),
        _REFUSED,
        True,
    ),
    _Kind(
        "audio_format",
        _words(
            r"sampl\w+[ _]?(rate|frequency).{0,80}(must|not|un|only|expect|support|require|invalid|differ)|(unsupported|invalid|wrong|expect\w*|require\w*|must be|only).{0,60}(sampl\w+[ _]?(rate|frequency)|\d+ ?k?hz)",
            r"(only|must be|expect\w*|require\w*|unsupported|not|number of).{0,30}\b(mono|stereo|channels?|single.channel|16.?bit|bit.?depth|bits per sample)\b",
            r"\b(format|codec|encoding|mime.?type|container|extension|type)\b.{0,12}['\"`]?(audio/)?(x-)?"
            + _FORMATS
            + r"['\"`]?.{0,60}(not|n't|un|only|invalid)",
            r"(invalid|unsupported|unknown)[^.]{0,40}['\"`](audio/)?(x-)?" + _FORMATS + r"['\"`]",
            r"(supported|allowed|accepted|valid) (audio |input |file )?(formats?|values|types|encodings?|codecs?)( are| is| include)?:? .{0,20}\b"
            + _FORMATS,
            r"only .{0,12}\b" + _FORMATS + r"\b.{0,20}(support|accept|allow)",
            r"input_audio\.format|must be (either |one of |in )?.{0,12}\b" + _FORMATS + r"\b",
        ),
        _REFUSED,
        True,
    ),
    _Kind(
        "bad_audio",
        _words(
            r"(invalid|malformed|broken|empty|damaged)( or \w+)? "
            + _SOUND
            + r"( input)? ?(file|data|clip|content|payload|bytes|$)|corrupt",
            r"(could ?n[o']t|cannot|can't|unable to|fail(ed|ure|s)?|error)\w* .{0,30}(decod|load|read|process|pars|open|transcod)\w* .{0,40}"
            + _SOUND,
            _SOUND
            + r".{0,60}(could not|cannot|can't|unable to|failed to|not) (be )?(decod|load|read|process|pars|open)\w*",
            r"could not be decoded|not a valid (audio|wav|riff)|libsndfile|soundfile|ffmpeg|invalid data found when processing|no audio stream|unreadable audio",
            r"invalid_audio|audio_decod\w*|base64.{0,40}(invalid|decod|incorrect|not)",
        ),
        _REFUSED,
        True,
    ),
    _Kind(
        "audio_format",
        _words(
            r"(unsupported|unknown|invalid|unrecogni[sz]ed) (audio|media|file|mime|sound)?.?(format|codec|encoding|mime)|"
            + _SOUND
            + r".{0,30}\bformat.{0,40}(not|un|invalid)",
        ),
        _REFUSED,
        True,
    ),
    _Kind(
        "audio_refused",
        _words(
            r"audio.{0,120}(not|n't|un|only) ?(be |been )?(support|accept|allow|enabled|permitted|available)",
            r"(not|n't|un|no|without|lacks?) ?(support|accept|allow|endpoints|have|process|handle|take).{0,120}audio",
            r"(unknown|invalid|unexpected|unsupported|unrecogni[sz]ed).{0,80}input_audio|at most 0 audio|not a multimodal model",
            r"either text or image_url|only (text|string)|mmproj|(text|vision).only|must be a (valid )?string|input should be a valid string",
            r"input_audio.{0,80}(does not match|not one of|expected|invalid)|(content|part)\S{0,4}.{0,20}\btypes?\b.{0,40}(unsupported|not support|unknown)|(unsupported|unknown) (content|part)",
            unless=r"modalities|audio output|output audio",
        ),
        _REFUSED - {413},
        True,
    ),
    _Kind(
        "text_refused",
        _words(
            r"(requires?|required|must|needs?|missing|without|expect(s|ed)|provide|no|empty)\b.{0,80}(\b|_)audio",
            r"audio.{0,60}\b(required|missing|expected|needed|must|empty|not (provided|found|given))",
        ),
        frozenset({0, 400, 415, 422, 500}),
        False,
    ),
    _Kind(
        "field_refused",
        _words(
            "unsupported_(value|parameter)|unknown_parameter|extra_forbidden|extra (inputs|fields)|UnsupportedParams|drop_params|only the default",
            r"(unsupported|unrecogni[sz]ed|unknown|unexpected|unpermitted|extra) (request )?(parameter|value|field|argument|keyword|key|property|propert|name)",
            r"\b(temperature|top_p|seed|max_\w*tokens|stream\w*|response_format|modalities|reasoning_effort)\b.{0,80}(not|n't|un|must|only|invalid|should|deprecated|too large|exceed)",
            r"(not|n't|un|invalid|must|use|enable|require\w*) ?.{0,60}\b(temperature|top_p|seed|max_\w*tokens|stream( ?mode|=true| parameter)?|response_format|modalities|reasoning_effort)\b",
            r"(system|developer)\b.{0,40}(not|n't|un) ?(support|allow|accept|enabled|permitted)|(not|n't|un) ?(support|allow|accept).{0,60}\b(system|developer)\b|requested parameters",
            r"only supports? stream|provided url does not|\bdata:|data ur[il]|api-version|must alternate",
        ),
        frozenset({0, 400, 404, 405, 422, 500, 501}),
    ),
)
"""Kinds of fault, the first that fits holds: those of one recording before those of all, and what names its cause first."""


_A_DAY = re.compile(r"per.?day|daily|\b[RT]PD\b", re.IGNORECASE)


def kind_of(status: int, error: ErrorBody, *, audio: RequestAudio) -> str | None:
    """The kind of a fault: a failure's reason, or `blocked`; None where the words tell none and the status must.

    Parameters
    ----------
    status : int
        Of the response, or the code inside a response of status 200; 0 where it is not known.
    error : ErrorBody
    audio : RequestAudio
    """
    words = error.words[:_LONGEST]
    for kind in _KINDS:
        if status not in kind.statuses or kind.with_audio not in (None, audio.n_clips > 0):
            continue
        if kind.reason == "quota" and status == 429 and error.wait_s is not None and not _A_DAY.search(words):
            continue  # it says when to come back: a rate
        if kind.says(words, audio):
            return kind.reason
    if status == 402:
        return "quota"
    if status == 413:
        return "too_long"
    if status == 429 and error.wait_s is None and "exceeded your current quota" in words:
        return "quota"
    return "audio_refused" if status == 415 and audio.n_clips else None
