"""Requests that carry whole clips: chat completions with audio, and transcriptions.

Where the gateway enforces, the clips are judged before the request goes on, and a reply with audio or gated tools is
read to its end before it is given out, streamed or not. Otherwise both go through as they come, and a copy is judged.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from earnest.errors import EarnestError
from earnest.guard.enforcement import SIDES
from earnest.guard.gateway.audit import Trail
from earnest.guard.gateway.ear import Answer, Ear
from earnest.guard.gateway.metrics import Metrics
from earnest.guard.gateway.realtime import _dict, _dicts
from earnest.guard.gateway.sound import Sound, decoded
from earnest.guard.policy import Policy, Rule

LONGEST_S = 600
"""Seconds of a clip that are judged; what lies beyond is reported as not judged."""
REPLY_BYTES = 64 << 20
CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip in a request or a reply. `put` writes another one in its place, or is None where that is impossible."""

    data: bytes
    form: str  # wav, mp3, ..., or pcm16 (24 kHz)
    put: Callable[[bytes], None] | None = None
    remote: bool = False


@dataclass
class Verdict:
    """What the rules ask for on one request or reply."""

    rules: list[Rule] = field(default_factory=list)
    silence: dict[int, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)  # spans, by clip and rule
    unjudged: str = ""

    def first(self, *actions: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.action in actions), None)


class Whole:
    """One request. It is the listener of its clips' answers."""

    def __init__(
        self,
        *,
        number: int,
        name: str,
        route: str,
        policy: Policy,
        enforcing: bool,
        ear: Ear,
        trail: Trail,
        metrics: Metrics,
        seen: Callable[[dict[str, Any]], None] = lambda note: None,
    ) -> None:
        self.number, self.name, self.route, self.policy, self.enforcing = number, name, route, policy, enforcing
        self._ear, self._trail, self._metrics, self._seen = ear, trail, metrics, seen
        self._rules = {rule.name: rule for rule in policy.rules}
        self._answers: list[Answer] = []
        self._arrived = asyncio.Event()
        self._streams = 0
        self.judged: dict[str, Verdict] = {}

    def answered(self, side: str, answer: Answer) -> None:
        self._answers.append(answer)
        self._arrived.set()

    async def judge(self, side: str, clips: list[Clip]) -> Verdict:
        """The rules that the clips meet, each decision recorded."""
        verdict = Verdict()
        for at, clip in enumerate(clips):
            try:
                channels, sample_rate, whole = await asyncio.to_thread(_channels, clip)
            except (EarnestError, RuntimeError, ValueError, MemoryError) as error:
                self._fail(side, "a remote clip" if clip.remote else type(error).__name__, verdict)
                continue
            if not whole:
                self._fail(side, f"longer than {LONGEST_S} s", verdict)
            for channel in channels:
                await self._channel(side, at, channel, sample_rate, verdict)
        verdict.rules = [rule for rule in self.policy.rules if rule in verdict.rules]
        self.judged[side] = verdict
        return verdict

    async def _channel(self, side: str, at: int, channel: np.ndarray, sample_rate: int, verdict: Verdict) -> None:
        self._answers.clear()
        # every channel is a stream of its own for the detectors, under a negative number that no call has
        self._streams += 1
        stream = -(self.number * 1000 + self._streams)
        size, start_s, n_sent = sample_rate * 5, 0.0, 0
        for start in range(0, len(channel), size):
            sound = Sound(base64.b64encode(channel[start : start + size].tobytes()).decode(), "pcm16", sample_rate)
            end_s = start_s + sound.duration_s
            self._ear.hear(stream, self, side, sound, start_s, end_s, within_s=0.0)
            start_s, n_sent = end_s, n_sent + 1
            while len(self._answers) < n_sent:
                self._arrived.clear()
                await self._arrived.wait()
        self._ear.forget(stream)
        for answer in self._answers:
            if answer.not_judged:
                self._fail(side, answer.not_judged, verdict)
            for decision in answer.decisions:
                self._decided(side, at, decision, verdict, len(channel) / sample_rate)
            for name, until_s in answer.still.items():
                spans = verdict.silence.get(at, {}).get(name, [])
                if self._rules[name].action == "redact" and spans:
                    spans[-1] = (spans[-1][0], max(spans[-1][1], until_s))

    def _decided(self, side: str, at: int, decision: dict[str, Any], verdict: Verdict, duration_s: float) -> None:
        rule = self._rules[decision["rule"]]
        note = decision | {"side": side, "clip": at, "enforce": self.enforcing, "at": time.time()}
        self._metrics.decided(rule.name, rule.action, enforced=self.enforcing, route=self.route)
        self._trail.write(kind="decision", **note)
        self._seen(note | {"session": self.name, "route": self.route})
        self._meet(rule, verdict, at, float(decision["start_s"]), float(decision["until_s"]), duration_s)

    def _meet(self, rule: Rule, verdict: Verdict, at: int, start_s: float, until_s: float, duration_s: float) -> None:
        if rule not in verdict.rules:
            verdict.rules.append(rule)
        if rule.action == "redact":
            verdict.silence.setdefault(at, {}).setdefault(rule.name, []).append((start_s, until_s))
        if rule.action == "mute":
            verdict.silence.setdefault(at, {}).setdefault(rule.name, []).append(
                (start_s, min(duration_s, until_s + rule.open_s))
            )

    def _fail(self, side: str, reason: str, verdict: Verdict) -> None:
        self._metrics.unjudged[self.route, side].inc()
        if verdict.unjudged:
            return
        verdict.unjudged = reason
        self._trail.write(kind="not_judged", side=side, reason=reason, from_s=0.0)
        for rule in self.policy.rules:
            if not rule.hears_side(side):
                continue
            if rule.on_failure == "open":
                self._metrics.fail_open[rule.name].inc()
            else:
                self._trail.write(kind="failed_closed", rule=rule.name, action=rule.action, side=side, at=time.time())
                if rule not in verdict.rules:
                    verdict.rules.append(rule)

    # what is done

    async def before(self, clips: list[Clip]) -> Rule | None:
        """Judge what the caller sends; silence what has to be, and return the rule that refuses the request, if any."""
        verdict = await self.judge("caller", clips)
        return (
            verdict.first("end")
            or await self._silence(clips, verdict)
            or verdict.first("hold_turn", "challenge", "replace_response")
        )

    async def after(self, clips: list[Clip]) -> Rule | None:
        """The same for what the agent says."""
        verdict = await self.judge("agent", clips)
        return verdict.first("end") or await self._silence(clips, verdict) or verdict.first("replace_response")

    async def _silence(self, clips: list[Clip], verdict: Verdict) -> Rule | None:
        """Silence the spans; a clip that cannot be rewritten refuses its request."""
        rule = verdict.first("redact", "mute")
        if rule is None:
            return None
        if verdict.unjudged and rule.on_failure == "closed":
            return rule
        for at, by_rule in verdict.silence.items():
            spans = [span for spans in by_rule.values() for span in spans]
            put = clips[at].put
            if put is None:
                return rule
            try:
                put(await asyncio.to_thread(_silenced, clips[at], spans))
            except (EarnestError, RuntimeError, ValueError):
                return rule
        return None

    def gated_tools(self) -> set[str]:
        met = [rule for side in SIDES if side in self.judged for rule in self.judged[side].rules]
        return {tool for rule in met if rule.action == "gate_tools" for tool in rule.tools}

    def annotated(self) -> list[str]:
        met = [rule for verdict in self.judged.values() for rule in verdict.rules]
        return sorted({rule.name for rule in met if rule.action == "annotate"})

    def holds_reply(self, *, speaks: bool) -> bool:
        """Whether the reply is read whole before it is given out."""
        if not self.enforcing:
            return False
        acting = {"redact", "mute", "replace_response", "end"}
        heard = any(rule.hears_side("agent") and rule.action in acting for rule in self.policy.rules)
        return bool(self.gated_tools()) or (speaks and heard)


def _channels(clip: Clip) -> tuple[list[np.ndarray], int, bool]:
    """16-bit samples of each channel, the sample rate, and whether that is the whole clip."""
    if clip.remote:
        raise ValueError("the clip is elsewhere")
    if clip.form == "pcm16":
        return [np.frombuffer(clip.data[: len(clip.data) // 2 * 2], "<i2")], 24_000, True
    import soundfile

    with soundfile.SoundFile(io.BytesIO(clip.data)) as file:
        if file.channels > CHANNELS:
            raise ValueError("too many channels")
        most = LONGEST_S * file.samplerate
        data = file.read(most, dtype="int16", always_2d=True)
        return [np.ascontiguousarray(data[:, at]) for at in range(file.channels)], file.samplerate, file.frames <= most


def _silenced(clip: Clip, spans: list[tuple[float, float]]) -> bytes:
    """The clip with silence in the spans: as it was for pcm16, otherwise as a WAV file of 16 bits."""
    if clip.form == "pcm16":
        payload = Sound(base64.b64encode(clip.data).decode(), "pcm16", 24_000).silenced(spans)
        return base64.b64decode(payload)
    import soundfile

    data, sample_rate = soundfile.read(io.BytesIO(clip.data), dtype="int16", always_2d=True)
    data = data.copy()
    for start_s, end_s in spans:
        data[int(start_s * sample_rate) : int(np.ceil(end_s * sample_rate))] = 0
    out = io.BytesIO()
    soundfile.write(out, data, sample_rate, format="WAV", subtype="PCM_16")
    return out.getvalue()


# chat completions


def chat_clips(body: dict[str, Any]) -> list[Clip]:
    """Every clip of the request's messages: `input_audio`, and `audio_url` as a data address or elsewhere."""
    clips = []
    for message in _dicts(body.get("messages")):
        for part in _dicts(message.get("content")):
            audio, url = _dict(part.get("input_audio")), _dict(part.get("audio_url"))
            if isinstance(audio.get("data"), str):
                clips.append(_inline(audio))
            elif isinstance(url.get("url"), str):
                clips.append(_addressed(url))
            elif part.get("type") in {"input_audio", "audio_url"}:
                clips.append(Clip(b"", "", None))
    return clips


def _inline(audio: dict[str, Any]) -> Clip:
    def put(data: bytes) -> None:
        audio["data"] = base64.b64encode(data).decode()
        if audio.get("format") != "pcm16":
            audio["format"] = "wav"

    payload = audio["data"].partition(",")[2] if audio["data"].startswith("data:") else audio["data"]
    return Clip(_lenient(payload), str(audio.get("format", "wav")), put)


def _addressed(url: dict[str, Any]) -> Clip:
    def put(data: bytes) -> None:
        url["url"] = "data:audio/wav;base64," + base64.b64encode(data).decode()

    head, _, payload = url["url"].partition(",")
    if head.startswith("data:") and head.endswith(";base64"):
        return Clip(_lenient(payload), "wav", put)
    return Clip(b"", "", None, remote=True)


def _lenient(payload: str) -> bytes:
    try:
        return decoded(payload)
    except EarnestError:
        return b""


def spoken(body: dict[str, Any]) -> bool:
    return "audio" in (body.get("modalities") or []) or "audio" in body


def chat_refusal(body: dict[str, Any], words: str) -> tuple[bytes, str]:
    """A completion of the gateway's own, in the form that was asked for, and its content type."""
    base = {"id": "guard", "created": int(time.time()), "model": str(body.get("model", ""))}
    if body.get("stream"):
        whole = base | {"object": "chat.completion.chunk"}
        parts = [
            whole
            | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": words}, "finish_reason": None}]},
            whole | {"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]},
        ]
        text = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
        return text.encode(), "text/event-stream"
    message = {"role": "assistant", "content": words, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "content_filter", "logprobs": None}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return json.dumps(
        base | {"object": "chat.completion", "choices": [choice], "usage": usage}
    ).encode(), "application/json"


@dataclass
class Reply:
    """A reply of chat completions, read whole: one object, or the chunks of a stream."""

    chunks: list[dict[str, Any]]
    streamed: bool

    @classmethod
    def read(cls, data: bytes) -> Reply | None:
        try:
            if data.lstrip()[:5] == b"data:":
                lines = [line[5:].strip() for line in data.replace(b"\r\n", b"\n").split(b"\n") if line[:5] == b"data:"]
                chunks, streamed = [json.loads(line) for line in lines if line != b"[DONE]"], True
            else:
                chunks, streamed = [json.loads(data)], False
        except (ValueError, RecursionError):
            return None
        return cls(chunks, streamed) if all(isinstance(one, dict) for one in chunks) else None

    def choices(self) -> list[dict[str, Any]]:
        return [one for chunk in self.chunks for one in _dicts(chunk.get("choices"))]

    def clips(self, form: str) -> list[Clip]:
        """What is spoken, one clip for each choice; the pieces of a stream are joined."""
        if not self.streamed:
            audio = [_dict(_dict(one.get("message")).get("audio")) for one in self.choices()]
            return [_said(one, form) for one in audio if isinstance(one.get("data"), str)]
        pieces: dict[int, list[dict[str, Any]]] = {}
        for one in self.choices():
            audio = _dict(_dict(one.get("delta")).get("audio"))
            if isinstance(audio.get("data"), str):
                pieces.setdefault(int(one.get("index", 0)), []).append(audio)
        return [_joined(audio) for audio in pieces.values()]

    def without_tools(self, names: set[str]) -> int:
        """Take calls of these tools out; how many. In a stream a call's later pieces are known by its number."""
        removed, dropped = 0, set()
        for one in self.choices():
            place = _dict(one.get("delta" if self.streamed else "message"))
            calls = _dicts(place.get("tool_calls"))
            kept = []
            for call in calls:
                key, name = (one.get("index"), call.get("index")), _dict(call.get("function")).get("name")
                if name in names:
                    removed += 1
                    dropped.add(key)
                elif not self.streamed or name or key not in dropped:
                    kept.append(call)
            if len(kept) < len(calls):
                place["tool_calls"] = kept
                if not kept:
                    del place["tool_calls"]
            if removed and one.get("finish_reason") == "tool_calls" and not kept:
                one["finish_reason"] = "content_filter"
        return removed

    def written(self) -> bytes:
        if not self.streamed:
            return json.dumps(self.chunks[0]).encode()
        return ("".join(f"data: {json.dumps(one)}\n\n" for one in self.chunks) + "data: [DONE]\n\n").encode()


def _said(audio: dict[str, Any], form: str) -> Clip:
    def put(data: bytes) -> None:
        audio["data"] = base64.b64encode(data).decode()

    return Clip(_lenient(audio["data"]), form, put if form in {"wav", "pcm16"} else None)


def _joined(pieces: list[dict[str, Any]]) -> Clip:
    data = [_lenient(one["data"]) for one in pieces]

    def put(whole: bytes) -> None:
        at = 0
        for one, part in zip(pieces, data, strict=True):
            one["data"] = base64.b64encode(whole[at : at + len(part)]).decode()
            at += len(part)

    return Clip(b"".join(data), "pcm16", put)


# transcriptions


def form_clips(body: bytearray, content_type: str) -> list[Clip]:
    """The files of a form, each of which can be replaced in the body if it is a WAV file."""
    boundary = next(
        (piece.strip()[9:].strip('"') for piece in content_type.split(";") if piece.strip()[:9].lower() == "boundary="),
        "",
    )
    clips = []
    for part in bytes(body).split(b"--" + boundary.encode("latin-1", "replace")) if boundary else ():
        head, found, data = part.partition(b"\r\n\r\n")
        if found and (b"filename" in head.lower() or b'name="file"' in head.lower()):
            data = data.removesuffix(b"\r\n")
            clips.append(Clip(data, "wav", _in_form(body, data) if data[:4] == b"RIFF" else None))
    return clips or [Clip(b"", "", None)]


def _in_form(body: bytearray, old: bytes) -> Callable[[bytes], None]:
    def put(new: bytes) -> None:
        at = body.find(old)
        body[at : at + len(old)] = new

    return put


def inflated(data: bytes, encoding: str, most: int) -> bytes | None:
    """The body as it was before its Content-Encoding, or None where it is another, or beyond `most` bytes."""
    if encoding in {"", "identity"}:
        return data
    if encoding not in {"gzip", "deflate"}:
        return None
    one = zlib.decompressobj(wbits=47 if encoding == "gzip" else 15)
    try:
        out = one.decompress(data, most)
    except zlib.error:
        return None
    return out if one.eof else None
