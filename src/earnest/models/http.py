"""Models that speak OpenAI's chat completions: OpenAI itself, and every server that offers the same.

    openai/<name>       https://api.openai.com/v1, or OPENAI_BASE_URL; the key is in OPENAI_API_KEY
    <url>#<name>        http://localhost:8000/v1#Qwen/Qwen2-Audio-7B-Instruct; EARNEST_API_KEY is sent where it is set

Clips go first, in order, as `input_audio` parts of 16-bit WAV at their own rate; the prompt comes last. Earlier turns
are messages before that: the user's in the same form, the assistant's as text, since recordings of answers cannot be
sent back. Keys are needed at once for OpenAI (not where its base is this machine); for another address only if it
answers 401, and then the failure names the variable.

What comes back is an answer even if the provider's filter stopped it: its text is what there is, perhaps nothing, and
`details["blocked"]` is true. A reply cut off by `max_tokens` before its first word is an answer without words, whose
`details["finish_reason"]` says so. What a model thought beside its answer is in `details["reasoning"]`. An error inside a
choice is a failure, whatever text came with it.

`probe` finds out whether an endpoint takes audio and speaks; nothing is assumed from a name.

No endpoint grants `score`. Chat completions give the log-probabilities of what a model says, not of a text that it is
given. vLLM's `echo` does, on plain completions, which take no audio; its `prompt_logprobs` on chat completions is its
own, has failed beside pictures (issue 16107 there), and does not say which tokens are the answer's.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import BadAudio, BadParameter, ModelFailed
from earnest.models import models
from earnest.models._remote import RemoteModel, checked_url, counted, key_from
from earnest.models.access import Answer, Model, Sampling, written_answer
from earnest.replies import finish_of

OPENAI_URL = "https://api.openai.com/v1"


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
    timeout_s : float
        Longest wait for one reply.
    """

    takes_history = True
    advice = RemoteModel.advice + "; a field that it refuses is left out with extra={'temperature': None}"

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
        timeout_s: float = 120.0,
    ) -> None:
        self.model, self.spoken, self.timeout_s = model, spoken, timeout_s
        self._base_url, self._voice = base_url, voice
        self._limit_field, self._extra = limit_field, dict(extra or {})
        if spoken:
            self._extra = {"modalities": ["text", "audio"], "audio": {"voice": voice, "format": "wav"}, **self._extra}
        super().__init__(
            name=name,
            url=f"{base_url}/chat/completions",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            key_variable=key_variable,
            key=key,
            timeout_s=timeout_s,
            identity=json.dumps([model, limit_field, self._extra], sort_keys=True),
        )

    def speaking(self) -> ChatModel:
        """The same model, asked for spoken answers."""
        return ChatModel(
            self.name,
            model=self.model,
            base_url=self._base_url,
            key=self._key,
            key_variable=self._key_variable,
            spoken=True,
            voice=self._voice,
            limit_field=self._limit_field,
            extra=self._extra,
            timeout_s=self.timeout_s,
        )

    def request_body(self, stimulus: Stimulus, sampling: Sampling, schema: Mapping[str, Any] | None = None) -> bytes:
        """The request as JSON, put together from bytes: the audio is encoded once and never escaped.

        Raises
        ------
        ModelFailed
            `history_refused`, if an earlier answer is a recording without words.
        """
        fields = {
            "model": self.model,
            self._limit_field: sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
            "response_format": None if schema is None else _form(schema),
            **self._extra,
        }
        head = json.dumps({key: value for key, value in fields.items() if value is not None}).encode()
        messages = [self._message(turn) for turn in stimulus.turns]
        if stimulus.system_prompt is not None:
            messages.insert(0, json.dumps({"role": "system", "content": stimulus.system_prompt}).encode())
        return b"".join([head[:-1], b',"messages":[', b",".join(messages), b"]}"])

    def _message(self, turn: Turn) -> bytes:
        if turn.role == "assistant":
            return json.dumps({"role": "assistant", "content": written_answer(turn, name=self.name)}).encode()
        parts = [_audio_part(clip) for clip in turn.clips.values()]
        if turn.text:
            parts.append(json.dumps({"type": "text", "text": turn.text}).encode())
        return b"".join([b'{"role":"user","content":[', b",".join(parts), b"]}"])

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
        said = (_text_of(message.get("content")), spoken.get("transcript"), message.get("refusal"))
        details = {
            "finish_reason": finish,
            "revision": reply.get("system_fingerprint") or reply.get("model"),
            "reasoning": _reasoning_of(message) or None,
            "blocked": finish_of(finish) == "content_filter" or None,
        }
        return Answer(
            text=next((text for text in said if isinstance(text, str) and text), ""),
            clip=_spoken_clip(spoken["data"]) if spoken.get("data") else None,
            usage=_usage(reply.get("usage") or {}),
            details={key: value for key, value in details.items() if value is not None},
        )


def _form(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)}}


def _audio_part(clip: AudioClip) -> bytes:
    data = base64.b64encode(clip.wav_bytes())
    return b'{"type":"input_audio","input_audio":{"format":"wav","data":"' + data + b'"}}'


def _text_of(content: Any) -> str:
    """The words of a message, whose content is a text, a list of parts, or missing."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part["text"] for part in content if part.get("type") in ("text", "output_text"))


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


def _spoken_clip(data: str) -> AudioClip:
    try:
        return AudioClip.from_bytes(base64.b64decode(data))
    except BadAudio as error:
        raise ModelFailed(
            f"the spoken answer must be a WAV file: {error}", reason="bad_response", retryable=True
        ) from error


def _usage(usage: Mapping[str, Any]) -> dict[str, float]:
    asked, said = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    counts = {
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens"),
        "input_audio_tokens": asked.get("audio_tokens"),
        "cached_input_tokens": asked.get("cached_tokens"),
        "output_audio_tokens": said.get("audio_tokens"),
        "reasoning_tokens": said.get("reasoning_tokens"),
        "cost_usd": usage.get("cost"),
    }
    return counted(counts)


@models.register("openai")
def openai(rest: str, **options: Any) -> ChatModel:
    """The OpenAI model called `rest`; options are those of `ChatModel`.

    Raises
    ------
    MissingKey
        If OPENAI_API_KEY is not set, and the base address is not this machine.
    """
    base = checked_url(os.environ.get("OPENAI_BASE_URL") or OPENAI_URL, example=OPENAI_URL)
    key = key_from("OPENAI_API_KEY", base=base, needed_by=f"openai/{rest}")
    options = {"limit_field": "max_completion_tokens", **options}
    return ChatModel(f"openai/{rest}", model=rest, base_url=base, key=key, key_variable="OPENAI_API_KEY", **options)


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
    key = os.environ.get("EARNEST_API_KEY")
    return ChatModel(rest, model=model, base_url=base, key=key, key_variable="EARNEST_API_KEY", **options)


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
        return (False if error.reason == "http_4xx" else None), f"asked to speak: {error}"
    finally:
        await model.aclose()
    return answer.clip is not None, "it speaks" if answer.clip is not None else "asked to speak, it wrote"


def _tone() -> AudioClip:
    time_s = np.arange(8_000) / 16_000
    return AudioClip((0.2 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32), 16_000)
