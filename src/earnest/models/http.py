"""Models that speak OpenAI's chat completions: OpenAI itself, and every server that offers the same.

    openai/<name>       https://api.openai.com/v1, or OPENAI_BASE_URL; the key is in OPENAI_API_KEY
    <url>#<name>        http://localhost:8000/v1#Qwen/Qwen2-Audio-7B-Instruct; EARNEST_API_KEY is sent where it is set

Clips go first, in order, as `input_audio` parts of 16-bit WAV at their own rate; the prompt comes last. Earlier turns
are messages before that: the user's in the same form, the assistant's as text, since recordings of answers cannot be
sent back. Keys are needed at once for OpenAI (not where its base is this machine); for another address only if it
answers 401, and then the failure names the variable.

Servers differ in what they take. A field that one refuses (temperature, seed, the name of the longest answer, the system's
role) is sent otherwise from then on, as `RemoteModel` says; so is a stream or another way of sending audio that it asks
for. Options (`ChatModel`, on the command line `--model-option`) settle the same beforehand.

What comes back is an answer even if the provider's filter stopped it: its text is what there is, perhaps nothing, and
`details["blocked"]` is true. A reply cut off by `max_tokens` before its first word is an answer without words, whose
`details["finish_reason"]` says so. What a model thought beside its answer is in `details["reasoning"]`. An error inside a
choice is a failure, whatever text came with it, and so is a stream that breaks off.

`probe` finds out whether an endpoint takes audio and speaks; nothing is assumed from a name.

No endpoint grants `score`. Chat completions give the log-probabilities of what a model says, not of a text that it is
given. vLLM's `echo` does, on plain completions, which take no audio; its `prompt_logprobs` on chat completions is its
own, has failed beside pictures (issue 16107 there), and does not say which tokens are the answer's.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.audio.files import KINDS, encoded
from earnest.errors import BadParameter, MissingKey, ModelFailed
from earnest.models import models
from earnest.models._error_bodies import ErrorBody
from earnest.models._remote import (
    Alternative,
    RemoteModel,
    check_no_credential,
    checked_url,
    key_from,
)
from earnest.models._spoken import spoken_clip
from earnest.models._transport import Response
from earnest.models.access import Answer, Model, Sampling, counted, written_answer
from earnest.replies import finish_of

OPENAI_URL = "https://api.openai.com/v1"

AudioForm = Literal["base64", "data_uri", "audio_url"]
AUDIO_FORMS = ("base64", "data_uri", "audio_url")
SYSTEM_ROLES = ("system", "developer", "user")
LIMITS = ("max_tokens", "max_completion_tokens")
"""What servers call the longest answer."""

_SEED = re.compile(r"\bseed\b")
_TEMPERATURE = re.compile(r"\btemperature\b", re.IGNORECASE)
_LIMIT = re.compile(
    r"^(?!.*(too large|exceed|at most|less than|greater than|must be)).*max_(completion_|new_)?tokens", re.DOTALL
)
_ROLE = re.compile(r"\bsystem\b|\bdeveloper\b|\broles?\b", re.IGNORECASE)
_STREAM = re.compile(
    r"only supports? (the )?stream|requires stream|enable (the )?stream|stream\w*( mode| parameter)?.{0,30}\b(required|must|only)|must.{0,30}\bstream",
    re.IGNORECASE,
)
_SPOKEN_FORMAT = re.compile(r"^(?!.*input_audio).*(\bpcm(16)?\b|format.{0,120}\bwav\b)", re.IGNORECASE | re.DOTALL)
_STREAM_OPTIONS = re.compile(r"stream_options|include_usage")
_AUDIO_URL = re.compile(r"^(?!.*(not|n't|un)\S* (support|accept|allow)\w* .{0,20}audio_url).*audio_url", re.DOTALL)
_DATA_URI = re.compile(r"data[ _-]?ur[il]|data:(audio|;base64)|provided url does not|valid url", re.IGNORECASE)


class ChatModel(RemoteModel):
    """A model behind an endpoint of OpenAI's chat completions.

    Parameters
    ----------
    name : str
        Its specification.
    model : str
        What the endpoint calls it.
    base_url : str
        Without `/chat/completions`.
    key : str or None
        Sent as a bearer token.
    key_variable : str
        Where the key comes from.
    spoken : bool
        Ask for spoken answers too.
    voice : str
        Whose, for spoken answers.
    limit_field : str
        What the endpoint calls the longest answer.
    extra : mapping or None
        Further fields of the request; a field that is None is left out, so `{"temperature": None}` suits models that
        refuse it.
    timeout_s, connect_timeout_s : float
        Longest wait for one reply, and for a connection.
    headers, query : mapping or None
        What goes with every request; `env:NAME` takes the value from the environment.
    key_header : str
        The header that carries the key; in any but Authorization it stands alone, without `Bearer`.
    system : {"system", "developer", "user"}
        Whose words a system prompt is; the user's puts it before the first prompt.
    stream : bool
        Ask for the answer as server-sent events.
    audio : {"base64", "data_uri", "audio_url"}
        How a clip is sent: in `input_audio` as it is or as a data URI, or in `audio_url`.
    audio_format : str
        `wav`, `flac`, `mp3`, ...; a lossy one is heard as such.
    sample_rate : int or None
        In Hz; what clips are resampled to before they are sent. None leaves them at their own.
    """

    takes_history = True
    reads_streams = True
    adaptable = frozenset(
        {
            "response_format",
            "system",
            "seed",
            "temperature",
            *LIMITS,
            "stream",
            "stream_options",
            "audio",
            "audio.format",
        }
    )

    def __init__(
        self,
        name: str,
        *,
        model: str,
        base_url: str,
        key: str | None,
        key_variable: str,
        spoken: bool = False,
        voice: str = "alloy",
        limit_field: str = "max_tokens",
        extra: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        connect_timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        key_header: str = "Authorization",
        system: str = "system",
        stream: bool = False,
        audio: AudioForm = "base64",
        audio_format: str = "wav",
        sample_rate: int | None = None,
    ) -> None:
        asked = {
            "headers": dict(headers or {}), "query": dict(query or {}), "key_header": key_header, "system": system,
            "stream": stream, "audio": audio, "audio_format": audio_format, "sample_rate": sample_rate,
        }  # fmt: skip  # a table: one row a line
        _check_options(asked)
        self.model, self.spoken = model, spoken
        self._made_with: dict[str, Any] = {
            "model": model, "base_url": base_url, "key": key, "key_variable": key_variable, "voice": voice,
            "limit_field": limit_field, "extra": dict(extra or {}), "timeout_s": timeout_s,
            "connect_timeout_s": connect_timeout_s, **asked,
        }  # fmt: skip  # a table: one row a line
        self._limit_field, self._extra = limit_field, dict(extra or {})
        self._system, self._stream, self._audio = system, stream, audio
        self._audio_format, self._sample_rate = audio_format, sample_rate
        if spoken:
            self._extra = {"modalities": ["text", "audio"], "audio": {"voice": voice, "format": "wav"}, **self._extra}
        bearer = f"Bearer {key}" if key_header.lower() == "authorization" else key
        unusual = {option: value for option, value in asked.items() if value != _USUAL[option]}
        super().__init__(
            name=name,
            url=f"{base_url}/chat/completions",
            headers={**({key_header: bearer} if key and bearer else {}), **asked["headers"]},
            query=asked["query"],
            key_variable=key_variable,
            key=key,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            identity=json.dumps([model, limit_field, self._extra, *([unusual] if unusual else [])], sort_keys=True),
        )

    def speaking(self) -> ChatModel:
        """The same model, asked for spoken answers."""
        return ChatModel(self.name, **{**self._made_with, "spoken": True})

    def request_body(self, stimulus: Stimulus, sampling: Sampling, schema: Mapping[str, Any] | None = None) -> bytes:
        """The request as JSON, put together from bytes: the audio is encoded once and never escaped.

        Raises
        ------
        ModelFailed
            `history_refused`, if an earlier answer is a recording without words.
        """
        streams = self._stream or "stream" in self.learnt
        fields = {
            "model": self.model,
            self._limit: sampling.max_tokens,
            "temperature": None if "temperature" in self.learnt else sampling.temperature,
            "seed": None if "seed" in self.learnt else sampling.seed,
            "response_format": None if schema is None else _form(schema),
            "stream": streams or None,
            "stream_options": {"include_usage": True} if streams and "stream_options" not in self.learnt else None,
            **self._extra,
        }
        if streams and self._streams_raw_samples:
            fields["audio"] = {**self._extra["audio"], "format": "pcm16"}
        head = json.dumps({key: value for key, value in fields.items() if value is not None}).encode()
        return b"".join([head[:-1], b',"messages":[', b",".join(self._messages(stimulus)), b"]}"])

    @property
    def _limit(self) -> str:
        """What the longest answer is called here, as far as is known."""
        learnt = self.learnt.get(self._limit_field)
        return learnt.instead if learnt is not None and learnt.instead in LIMITS else self._limit_field

    @property
    def _streams_raw_samples(self) -> bool:
        """Whether a spoken answer is asked for as raw samples in a stream: OpenAI has no other; Qwen's own API calls it WAV."""
        return self.spoken and "audio" not in self._made_with["extra"] and "audio.format" not in self.learnt

    def _messages(self, stimulus: Stimulus) -> Iterator[bytes]:
        role = "user" if "system" in self.learnt else self._system
        said = stimulus.system_prompt
        if said is not None and role != "user":
            yield json.dumps({"role": role, "content": said}).encode()
            said = None
        for turn in stimulus.turns:
            before = said if turn.role == "user" else None  # the system's words stand before the user's first ones
            yield self._message(turn, before=before)
            said = said if before is None else None

    def _message(self, turn: Turn, *, before: str | None = None) -> bytes:
        if turn.role == "assistant":
            return json.dumps({"role": "assistant", "content": written_answer(turn, name=self.name)}).encode()
        parts = [self._audio_part(clip) for clip in turn.clips.values()]
        text = "\n\n".join(words for words in (before, turn.text) if words)
        if text:
            parts.append(json.dumps({"type": "text", "text": text}).encode())
        return b"".join([b'{"role":"user","content":[', b",".join(parts), b"]}"])

    def _audio_part(self, clip: AudioClip) -> bytes:
        learnt = self.learnt.get("audio")
        form = learnt.instead if learnt is not None and learnt.instead in AUDIO_FORMS else self._audio
        return _audio_part(clip, form=form, kind=self._audio_format, sample_rate=self._sample_rate)

    def alternatives(self, stimulus: Stimulus) -> Iterator[Alternative]:
        """What could be sent otherwise; fields that the user set stay as they are."""
        if stimulus.system_prompt is not None and self._system != "user" and "system" not in self.learnt:
            yield Alternative("system", "user", _ROLE)
        for field, named in (("seed", _SEED), ("temperature", _TEMPERATURE)):
            if field not in self._extra and field not in self.learnt:
                yield Alternative(field, "left out", named)
        if self._limit_field in LIMITS and not {*LIMITS} & {*self._extra, *self.learnt}:
            (other,) = (name for name in LIMITS if name != self._limit_field)
            yield Alternative(self._limit_field, other, _LIMIT)
        streams = self._stream or "stream" in self.learnt
        if not streams and "stream" not in self._extra:
            yield Alternative("stream", "true", _STREAM, by_search=False)
        if streams and "stream_options" not in self.learnt:
            yield Alternative("stream_options", "left out", _STREAM_OPTIONS, by_search=False)
        if streams and self._streams_raw_samples:
            yield Alternative("audio.format", "wav", _SPOKEN_FORMAT, by_search=False)
        if self._audio == "base64" and "audio" not in self.learnt and stimulus.has_audio:
            yield Alternative("audio", "audio_url", _AUDIO_URL, by_search=False)
            yield Alternative("audio", "data_uri", _DATA_URI, by_search=False)

    def _advice(self, kind: str, error: ErrorBody) -> str:
        if kind == "audio_format":
            kinds = ", ".join(KINDS)
            return (
                f"send another form with --model-option audio_format=mp3 ({kinds}) or --model-option sample_rate=16000"
            )
        if kind != "field_refused":
            return super()._advice(kind, error)
        words = error.words
        if re.search(r"max_\w*tokens.{0,12}(too large|exceed)", words):
            return "ask for shorter answers with --max-tokens"
        for named, option in _SETTLED_BY:
            if named.search(words):
                return f"settle it with --model-option {option}"
        return (
            "set a field of the request with --model-option NAME=VALUE, or leave it out with NAME=none (seed=none, say)"
        )

    def _failed(self, response: Response, message: str, error: ErrorBody) -> ModelFailed:
        failed = super()._failed(response, message, error)
        wants_version = re.search(r"api.?version|^resource not found|deployment", error.words, re.IGNORECASE)
        if response.status in (400, 404) and wants_version:
            more = "; where it wants its version in the query: --model-option query.api-version=2024-10-21"
        elif response.status in (401, 403) and self._made_with["key_header"] == "Authorization":
            more = "; where the key belongs into another header: --model-option key_header=api-key"
        elif response.status in (400, 422):
            more = "; a field of the request is set with --model-option NAME=VALUE, and left out with NAME=none"
        else:
            return failed
        failed.args = (f"{failed}{more}",)
        return failed

    def error_in(self, reply: Mapping[str, Any]) -> Any:
        """As `RemoteModel.error_in`; also the error of a provider that a gateway puts into the choice."""
        choices = reply.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        inside = choice.get("error")
        if not inside and finish_of(choice.get("finish_reason")) == "error":
            inside = {"code": 502, "message": "the provider stopped with an error"}
        return super().error_in(reply) or inside or None

    def read_reply(self, reply: Mapping[str, Any]) -> Answer:
        """The answer in a chat completion: its text, its spoken form, usage, what was thought, and how it ended."""
        choice = reply["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        spoken = message.get("audio") or {}
        clip = spoken_clip(spoken["data"]) if spoken.get("data") else None
        said = (_text_of(message.get("content")), spoken.get("transcript"), message.get("refusal"))
        details = {
            "finish_reason": finish,
            "revision": reply.get("system_fingerprint") or reply.get("model"),
            "reasoning": _reasoning_of(message) or None,
            "blocked": finish_of(finish) == "content_filter" or None,
        }
        return Answer(
            text=next((text for text in said if isinstance(text, str) and text), ""),
            clip=clip,
            usage=self.usage_in(reply),
            details={key: value for key, value in details.items() if value is not None},
        )

    def usage_in(self, reply: Mapping[str, Any]) -> dict[str, float]:
        """Tokens and cost, as far as the reply tells them."""
        usage = reply.get("usage")
        return _usage(usage) if isinstance(usage, dict) else {}


_USUAL: Mapping[str, Any] = {
    "headers": {}, "query": {}, "key_header": "Authorization", "system": "system", "stream": False, "audio": "base64",
    "audio_format": "wav", "sample_rate": None,
}  # fmt: skip  # a table: one row a line

_SETTLED_BY = (
    (_STREAM, "stream=true"),
    (_AUDIO_URL, "audio=audio_url"),
    (_DATA_URI, "audio=data_uri"),
    (_SEED, "seed=none"),
    (_TEMPERATURE, "temperature=none (it is left out) or temperature=1"),
    (re.compile(r"max_completion_tokens"), "limit_field=max_completion_tokens"),
    (re.compile(r"max_tokens"), "limit_field=max_completion_tokens"),
    (re.compile(r"modalities"), "modalities='[\"text\"]'"),
    (re.compile(r"response_format"), "response_format=none"),
    (_ROLE, "system=user"),
)
"""The option that settles what an endpoint complains of."""


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that cannot be sent, before anything is."""
    for name, allowed in (
        ("system", SYSTEM_ROLES),
        ("audio", AUDIO_FORMS),
        ("audio_format", tuple(KINDS)),
        ("stream", (True, False)),
    ):
        if options[name] not in allowed:
            raise BadParameter(
                f"{name} must be one of {', '.join(map(str, allowed))}, got {options[name]!r}; choose one of these"
            )
    rate = options["sample_rate"]
    if rate is not None and not (isinstance(rate, int) and 1_000 <= rate <= 192_000):
        raise BadParameter(f"sample_rate must be 1000 to 192000 Hz, got {rate!r}; leave it out for each clip's own")
    check_no_credential(options["headers"], kind="header")
    check_no_credential(options["query"], kind="query")


def _form(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)}}


def _audio_part(clip: AudioClip, *, form: str, kind: str, sample_rate: int | None) -> bytes:
    sent = clip if sample_rate is None else clip.resampled(sample_rate)
    # a clip that is sent as it is comes from its own cache of 16-bit values
    file = sent.wav_bytes() if kind == "wav" else encoded(sent.samples, sent.sample_rate, kind=kind)
    data = base64.b64encode(file)
    uri = b"data:audio/" + kind.encode() + b";base64," + data
    if form == "audio_url":
        return b'{"type":"audio_url","audio_url":{"url":"' + uri + b'"}}'
    named = b'{"type":"input_audio","input_audio":{"format":"' + kind.encode() + b'","data":"'
    return named + (uri if form == "data_uri" else data) + b'"}}'


def _text_of(content: Any) -> str:
    """The words of a message, whose content is a text, a list of parts, or missing."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(
        part["text"]
        for part in content
        if part.get("type") in ("text", "output_text") and isinstance(part["text"], str)
    )


def _reasoning_of(message: Mapping[str, Any]) -> str:
    """What a model thought beside its answer: in a member of its own, or in parts of the content that say so."""
    for name in ("reasoning_content", "reasoning", "reasoning_details"):
        if thought := _thought(message.get(name)):
            return thought
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return "".join(_thought(part.get("thinking")) for part in parts if isinstance(part, dict))


def _thought(value: Any) -> str:
    """The words of a thought, written as a text, or as a list of parts with a text or a summary."""
    if isinstance(value, list):
        return "".join(_thought(part.get("text") or part.get("summary")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _usage(usage: Mapping[str, Any]) -> dict[str, float]:
    """Tokens and cost by the names that servers give them; thoughts are output, wherever they are counted."""
    asked, said = (_details(usage, *names) for names in (_ASKED, _SAID))
    counts = counted(
        {
            "input_tokens": _first_of(usage, "prompt_tokens", "input_tokens"),
            "output_tokens": _first_of(usage, "completion_tokens", "output_tokens"),
            "input_audio_tokens": asked.get("audio_tokens"),
            "cached_input_tokens": asked.get("cached_tokens"),
            "output_audio_tokens": said.get("audio_tokens"),
            "reasoning_tokens": said.get("reasoning_tokens"),
            "cost_usd": _cost(usage),
            "total_tokens": usage.get("total_tokens"),
        }
    )
    total, thought = counts.pop("total_tokens", 0.0), counts.get("reasoning_tokens", 0.0)
    if "output_tokens" in counts and "input_tokens" in counts:
        # some count thoughts apart, and only the total has them; more thoughts than output are such too
        beside = counts["output_tokens"] + (thought if thought > counts["output_tokens"] else 0.0)
        counts["output_tokens"] = max(beside, total - counts["input_tokens"])
    return counts


_ASKED = ("prompt_tokens_details", "input_tokens_details")
_SAID = ("completion_tokens_details", "output_tokens_details")


def _details(usage: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return next((usage[name] for name in names if isinstance(usage.get(name), dict)), {})


def _first_of(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _cost(usage: Mapping[str, Any]) -> Any:
    """What a gateway says that a call cost in US dollars; with a key of one's own, the provider's part too."""
    cost, details = usage.get("cost"), usage.get("cost_details")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    upstream = details.get("upstream_inference_cost") if usage.get("is_byok") and isinstance(details, dict) else None
    if isinstance(cost, int | float) and isinstance(upstream, int | float):
        return cost + upstream
    return cost


@models.register("openai")
def openai(rest: str, **options: Any) -> ChatModel:
    """The OpenAI model called `rest`; options are those of `ChatModel`.

    Raises
    ------
    MissingKey
        If OPENAI_API_KEY is not set, and the base address is not this machine.
    """
    base = checked_url(os.environ.get("OPENAI_BASE_URL") or OPENAI_URL, example=OPENAI_URL)
    variable = options.pop("key_variable", "OPENAI_API_KEY")
    key = key_from(variable, base=base, needed_by=f"openai/{rest}")
    options = {"limit_field": "max_completion_tokens", **options}
    return ChatModel(f"openai/{rest}", model=rest, base_url=base, key=key, key_variable=variable, **options)


@models.register("url")
def url(rest: str, **options: Any) -> ChatModel:
    """The model behind `<url>#<name>`; options are those of `ChatModel`.

    Raises
    ------
    BadParameter
        If the name is missing, or the address is none or carries a password.
    """
    example = "http://localhost:8000/v1"
    base, _, model = rest.partition("#")
    if not model:
        raise BadParameter(f"a model behind an address is written {example}#<name>, got {rest!r}; add # and its name")
    base = checked_url(base, example=example).removesuffix("/chat/completions")
    variable = options.pop("key_variable", "EARNEST_API_KEY")
    key = os.environ.get(variable)
    if key is None and variable != "EARNEST_API_KEY":
        raise MissingKey(f"{rest!r} takes its key from {variable}, which is not set; export {variable}=...")
    return ChatModel(rest, model=model, base_url=base, key=key, key_variable=variable, **options)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a model was found to do.

    Parameters
    ----------
    audio_in, audio_out : bool or None
        Whether it takes recordings, and whether it speaks; None where that could not be found out.
    reason : str
        What was seen.
    """

    audio_in: bool | None
    audio_out: bool | None
    reason: str


async def probe(model: Model) -> Capabilities:
    """What `model` does with a recording, found out by sending half a second of tone.

    A model that takes the tone may still not listen; the canaries of a run prove that. Costs one short call, and a
    second one to find out whether a chat endpoint speaks.
    """
    stimulus = Stimulus(clips={"speech": _tone()}, prompt="Say in one word what you hear.")
    try:
        answer = await model.ask_one(stimulus, sampling=_SHORT)
    except ModelFailed as error:
        return Capabilities(audio_in=_TAKEN.get(error.reason), audio_out=None, reason=str(error))
    n_heard = answer.usage.get("input_audio_tokens")
    seen = f"{n_heard:g} audio tokens were counted" if n_heard else "the tone was taken, audio tokens are not counted"
    if answer.clip is not None or not isinstance(model, ChatModel) or model.spoken:
        return Capabilities(audio_in=True, audio_out=answer.clip is not None, reason=seen)
    speaks, why = await _speaks(model.speaking(), stimulus)
    return Capabilities(audio_in=True, audio_out=speaks, reason=f"{seen}; {why}")


_SHORT = Sampling(max_tokens=64)
_TAKEN = {"audio_refused": False}  # other failures say nothing about audio


async def _speaks(model: ChatModel, stimulus: Stimulus) -> tuple[bool | None, str]:
    try:
        answer = await model.ask_one(stimulus, sampling=_SHORT)
    except ModelFailed as error:
        return (False if error.reason in ("http_4xx", "field_refused") else None), f"asked to speak: {error}"
    finally:
        await model.aclose()
    return answer.clip is not None, "it speaks" if answer.clip is not None else "asked to speak, it wrote"


def _tone() -> AudioClip:
    time_s = np.arange(8_000) / 16_000
    return AudioClip((0.2 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32), 16_000)
