"""Gemini models, by `generateContent`, with the recordings inline.

    gemini/<name>       the key is in GEMINI_API_KEY and travels in a header; GEMINI_BASE_URL sets another base address

Clips go first, in order, as `inline_data` of 16-bit WAV; the prompt comes last. Earlier turns are contents before that:
the user's in the same form, the assistant's (`model`) as text. A request may hold 20 MB in all, about seven minutes at
16 kHz; what is longer is `too_long`, before anything is sent.

A question or an answer that the provider's filter stopped is an answer with the text there is, perhaps nothing;
`details["blocked"]` is true and `details["finish_reason"]` tells why. Thoughts are in `details["reasoning"]`. A reply that
`maxOutputTokens` cut off before its first word, thinking included, is an answer without words.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import ModelFailed
from earnest.models import models
from earnest.models._error_bodies import ErrorBody
from earnest.models._remote import Alternative, RemoteModel, check_no_credential, checked_url, key_from
from earnest.models._transport import Response
from earnest.models.access import Answer, Sampling, counted, written_answer
from earnest.replies import finish_of

GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta"
MAX_REQUEST_BYTES = 20_000_000

_SYSTEM = re.compile(r"(developer|system)\b.{0,3}instruction|system_instruction", re.IGNORECASE)
_SEED = re.compile(r"\bseed\b")


class GeminiModel(RemoteModel):
    """A Gemini model.

    Parameters
    ----------
    model : str
        Its name, without `models/`.
    base_url : str
    key : str or None
    generation : mapping or None
        Further fields of `generationConfig`, `{"thinkingConfig": {"thinkingBudget": 0}}` for one.
    safety : sequence of mapping or None
        The request's `safetySettings`; the provider's defaults where it is missing.
    timeout_s, connect_timeout_s : float
        Longest wait for one reply, and for a connection.
    headers : mapping or None
        What goes with every request; `env:NAME` takes the value from the environment.
    """

    takes_history = True
    adaptable = frozenset({"response_format", "system", "seed"})

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        key: str | None,
        generation: Mapping[str, Any] | None = None,
        safety: list[Mapping[str, str]] | None = None,
        timeout_s: float | None = None,
        connect_timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        check_no_credential(headers or {}, kind="header")
        self.model, self._generation, self._safety = model, dict(generation or {}), safety
        super().__init__(
            name=f"gemini/{model}",
            url=f"{base_url}/models/{quote(model)}:generateContent",
            headers={**({"x-goog-api-key": key} if key else {}), **(headers or {})},
            key_variable="GEMINI_API_KEY",
            key=key,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            identity=json.dumps([self._generation, safety], sort_keys=True),
        )

    def request_body(self, stimulus: Stimulus, sampling: Sampling, schema: Mapping[str, Any] | None = None) -> bytes:
        """The request as JSON, put together from bytes.

        Raises
        ------
        ModelFailed
            `too_long`, if it passes 20 MB; `history_refused`, if an earlier answer is a recording without words.
        """
        fields: dict[str, Any] = {
            "generationConfig": {
                "temperature": sampling.temperature,
                "maxOutputTokens": sampling.max_tokens,
                **({} if "seed" in self.learnt else {"seed": sampling.seed}),
                **(
                    {}
                    if schema is None
                    else {"responseMimeType": "application/json", "responseSchema": _schema(schema)}
                ),
                **self._generation,
            }
        }
        if stimulus.system_prompt is not None and "system" not in self.learnt:
            fields["system_instruction"] = {"parts": [{"text": stimulus.system_prompt}]}
        if self._safety is not None:
            fields["safetySettings"] = self._safety
        contents = list(self._contents(stimulus))
        body = b"".join([json.dumps(fields).encode()[:-1], b',"contents":[', b",".join(contents), b"]}"])
        if len(body) > MAX_REQUEST_BYTES:
            raise ModelFailed(
                f"a request to {self.name} must stay under 20 MB, got {len(body) / 1e6:.1f} MB; shorten the audio or lower its rate",
                reason="too_long",
            )
        return body

    def alternatives(self, stimulus: Stimulus) -> Iterator[Alternative]:
        """What could be sent otherwise: open models here take no system prompt, and some no seed."""
        if stimulus.system_prompt is not None and "system" not in self.learnt:
            yield Alternative("system", "user", _SYSTEM)
        if "seed" not in self.learnt and "seed" not in self._generation:
            yield Alternative("seed", "left out", _SEED)

    def _contents(self, stimulus: Stimulus) -> Iterator[bytes]:
        said = stimulus.system_prompt if "system" in self.learnt else None
        for turn in stimulus.turns:
            before = said if turn.role == "user" else None
            yield self._content(turn, before=before)
            said = said if before is None else None

    def _content(self, turn: Turn, *, before: str | None = None) -> bytes:
        if turn.role == "assistant":
            return json.dumps({"role": "model", "parts": [{"text": written_answer(turn, name=self.name)}]}).encode()
        parts = [_audio_part(clip) for clip in turn.clips.values()]
        text = "\n\n".join(words for words in (before, turn.text) if words)
        if text:
            parts.append(json.dumps({"text": text}).encode())
        return b"".join([b'{"role":"user","parts":[', b",".join(parts), b"]}"])

    def read_reply(self, reply: Mapping[str, Any]) -> Answer:
        """The answer in a reply of `generateContent`: the words of its first candidate, thoughts left out."""
        candidates = reply.get("candidates") or []
        if not candidates:
            reason = reply["promptFeedback"]["blockReason"]
            return self._answer("", reply, finish=reason, blocked=True)
        finish = candidates[0].get("finishReason")
        parts = (candidates[0].get("content") or {}).get("parts") or []
        text, thoughts = (
            "".join(part.get("text", "") for part in parts if bool(part.get("thought")) is own) for own in (False, True)
        )
        ended = finish_of(finish)
        if not text and ended not in ("stop", "length", "content_filter"):
            raise ModelFailed(
                f"{self.name} must say something, got nothing (finishReason {finish}); try again, or ask in other words",
                reason="empty_answer",
                retryable=finish == "OTHER",
            )
        return self._answer(text, reply, finish=finish, blocked=ended == "content_filter", reasoning=thoughts)

    def _answer(
        self, text: str, reply: Mapping[str, Any], *, finish: str | None, blocked: bool, reasoning: str = ""
    ) -> Answer:
        details = {
            "finish_reason": finish,
            "revision": reply.get("modelVersion"),
            "reasoning": reasoning or None,
            "blocked": blocked or None,
        }
        return Answer(
            text=text,
            usage=self.usage_in(reply),
            details={key: value for key, value in details.items() if value is not None},
        )

    def usage_in(self, reply: Mapping[str, Any]) -> dict[str, float]:
        """Tokens, as far as the reply tells them."""
        usage = reply.get("usageMetadata")
        return _usage(usage) if isinstance(usage, dict) else {}

    def _failed(self, response: Response, message: str, error: ErrorBody) -> ModelFailed:
        if response.status == 400 and "API_KEY_INVALID" in error.codes:
            return ModelFailed(f"{message}; set {self._key_variable} to a valid key", reason="http_4xx", ends_run="yes")
        return super()._failed(response, message, error)


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema in Gemini's subset: types in capitals, and no word on further members."""
    kept = {key: value for key, value in schema.items() if key not in ("additionalProperties", "properties", "type")}
    members = {name: _schema(member) for name, member in schema.get("properties", {}).items()}
    return {"type": str(schema["type"]).upper(), **kept, **({"properties": members} if members else {})}


def _audio_part(clip: AudioClip) -> bytes:
    data = base64.b64encode(clip.wav_bytes())
    return b'{"inline_data":{"mime_type":"audio/wav","data":"' + data + b'"}}'


def _usage(usage: Mapping[str, Any]) -> dict[str, float]:
    """Tokens; thoughts are billed as output and counted beside it."""
    by_kind = {part.get("modality"): part.get("tokenCount") for part in usage.get("promptTokensDetails") or []}
    counts = counted(
        {
            "input_tokens": usage.get("promptTokenCount"),
            "output_tokens": usage.get("candidatesTokenCount"),
            "input_audio_tokens": by_kind.get("AUDIO"),
            "cached_input_tokens": usage.get("cachedContentTokenCount"),
            "reasoning_tokens": usage.get("thoughtsTokenCount"),
        }
    )
    if "output_tokens" in counts or "reasoning_tokens" in counts:
        counts["output_tokens"] = counts.get("output_tokens", 0.0) + counts.get("reasoning_tokens", 0.0)
    elif "input_tokens" in counts:
        counts["output_tokens"] = 0.0  # a question that was blocked
    return counts


@models.register("gemini")
def gemini(rest: str, **options: Any) -> GeminiModel:
    """The Gemini model called `rest`; options are those of `GeminiModel`.

    Raises
    ------
    MissingKey
        If GEMINI_API_KEY is not set, and the base address is not this machine.
    """
    base = checked_url(os.environ.get("GEMINI_BASE_URL") or GEMINI_URL, example=GEMINI_URL)
    key = key_from("GEMINI_API_KEY", base=base, needed_by=f"gemini/{rest}")
    return GeminiModel(model=rest.removeprefix("models/"), base_url=base, key=key, **options)
