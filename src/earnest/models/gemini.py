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
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import ModelFailed
from earnest.models import models
from earnest.models._remote import RemoteModel, checked_url, counted, key_from
from earnest.models.access import Answer, Sampling, written_answer
from earnest.replies import finish_of

GEMINI_URL = "https://generativelanguage.googleapis.com/v1beta"
MAX_REQUEST_BYTES = 20_000_000

_DELAY = re.compile(r'"retryDelay"\s*:\s*"([0-9.]+)s"')


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
    timeout_s : float
        Longest wait for one reply.
    """

    takes_history = True

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        key: str | None,
        generation: Mapping[str, Any] | None = None,
        safety: list[Mapping[str, str]] | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        self.model, self._generation, self._safety = model, dict(generation or {}), safety
        super().__init__(
            name=f"gemini/{model}",
            url=f"{base_url}/models/{quote(model)}:generateContent",
            headers={"x-goog-api-key": key} if key else {},
            key_variable="GEMINI_API_KEY",
            key=key,
            timeout_s=timeout_s,
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
                "seed": sampling.seed,
                **({} if schema is None else {"responseMimeType": "application/json", "responseSchema": _schema(schema)}),
                **self._generation,
            }
        }
        if stimulus.system_prompt is not None:
            fields["system_instruction"] = {"parts": [{"text": stimulus.system_prompt}]}
        if self._safety is not None:
            fields["safetySettings"] = self._safety
        contents = [self._content(turn) for turn in stimulus.turns]
        body = b"".join([json.dumps(fields).encode()[:-1], b',"contents":[', b",".join(contents), b"]}"])
        if len(body) > MAX_REQUEST_BYTES:
            raise ModelFailed(
                f"a request to {self.name} must stay under 20 MB, got {len(body) / 1e6:.1f} MB; shorten the audio or lower its rate",
                reason="too_long",
            )
        return body

    def _content(self, turn: Turn) -> bytes:
        if turn.role == "assistant":
            return json.dumps({"role": "model", "parts": [{"text": written_answer(turn, name=self.name)}]}).encode()
        parts = [_audio_part(clip) for clip in turn.clips.values()]
        if turn.text:
            parts.append(json.dumps({"text": turn.text}).encode())
        return b"".join([b'{"role":"user","parts":[', b",".join(parts), b"]}"])

    def read_reply(self, reply: Mapping[str, Any]) -> Answer:
        """The answer in a reply of `generateContent`: the words of its first candidate, thoughts left out."""
        candidates = reply.get("candidates") or []
        if not candidates:
            reason = reply["promptFeedback"]["blockReason"]
            return self._answer("", reply, finish=reason, blocked=True)
        finish = candidates[0].get("finishReason")
        parts = (candidates[0].get("content") or {}).get("parts") or []
        text, thoughts = ("".join(part.get("text", "") for part in parts if bool(part.get("thought")) is own) for own in (False, True))
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
            usage=_usage(reply.get("usageMetadata") or {}),
            details={key: value for key, value in details.items() if value is not None},
        )

    def _failed(self, status: int, headers: Mapping[str, str], said: str, text: str) -> ModelFailed:
        if status == 400 and "API_KEY_INVALID" in text:
            return ModelFailed(f"{said}; set {self._key_variable} to a valid key", reason="http_4xx", ends_run="yes")
        error = super()._failed(status, headers, said, text)
        delay = _DELAY.search(text)
        if delay and error.retryable and error.retry_after_s is None:
            error.retry_after_s = float(delay[1])
        return error


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema in Gemini's subset: types in capitals, and no word on further members."""
    kept = {key: value for key, value in schema.items() if key not in ("additionalProperties", "properties", "type")}
    members = {name: _schema(member) for name, member in schema.get("properties", {}).items()}
    return {"type": str(schema["type"]).upper(), **kept, **({"properties": members} if members else {})}


def _audio_part(clip: AudioClip) -> bytes:
    data = base64.b64encode(clip.wav_bytes())
    return b'{"inline_data":{"mime_type":"audio/wav","data":"' + data + b'"}}'


def _usage(usage: Mapping[str, Any]) -> dict[str, float]:
    by_kind = {part.get("modality"): part.get("tokenCount") for part in usage.get("promptTokensDetails") or []}
    counts = {
        "input_tokens": usage.get("promptTokenCount"),
        "output_tokens": usage.get("candidatesTokenCount"),
        "input_audio_tokens": by_kind.get("AUDIO"),
        "cached_input_tokens": usage.get("cachedContentTokenCount"),
        "reasoning_tokens": usage.get("thoughtsTokenCount"),
    }
    return counted(counts)


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
