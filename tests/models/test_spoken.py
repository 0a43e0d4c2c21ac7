"""Spoken answers: whole, in the pieces of a stream, and decoded beside the event loop."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time

import numpy as np
import pytest
from aiohttp import web

from earnest.audio import AudioClip, Stimulus
from earnest.errors import ModelFailed
from earnest.models import load_model
from earnest.models._spoken import spoken_clip
from earnest.testing.loopback import Loopback


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def raw(clip: AudioClip) -> bytes:
    """The samples as OpenAI streams them, told by a WAV file without its head."""
    return clip.wav_bytes()[44:]


@pytest.fixture
def spoken() -> AudioClip:
    """An odd number of samples at the rate of streams, exact in 16 bits."""
    samples = np.random.default_rng(2).normal(0, 0.1, 2_401).astype(np.float32)
    return AudioClip(samples, 24_000).quantised()


def streaming(*deltas, **event):
    """A habit: a stream of these pieces, as OpenAI sends it; `event` goes with each."""

    async def stream(server, request, asked):
        if not asked.get("stream"):
            return web.json_response({"error": {"message": "Audio output requires stream: true"}}, status=400)
        if asked["audio"]["format"] != server.answer:
            said = f"'audio.format' does not support '{asked['audio']['format']}'. Supported values are: '{server.answer}'."
            return web.json_response({"error": {"message": said}}, status=400)
        events = [{"choices": [{"index": 0, "delta": delta}], **event} for delta in deltas]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens_details": {"audio_tokens": 3}}})
        body = "".join(f"data: {json.dumps(one)}\n\n" for one in events) + "data: [DONE]\n\n"
        return web.Response(text=body, content_type="text/event-stream")

    return stream


def asked(model, clip):
    async def one():
        try:
            return await model.ask_one(Stimulus(clips={"speech": clip}, prompt="What?"))
        finally:
            await model.aclose()

    return asyncio.run(one())


@pytest.mark.parametrize("form", ["pcm16", "wav"])
def test_a_spoken_stream_is_asked_for_in_the_form_that_the_endpoint_takes_and_put_together(form, clip, spoken) -> None:
    data = raw(spoken)
    deltas = [
        {"role": "assistant", "audio": {"id": "audio_1", "transcript": "good "}},
        {"audio": {"data": b64(data[:1_000])}},  # every piece is padded by itself, and cuts samples in two
        {"audio": {"transcript": "day"}},
        {"audio": {"data": b64(data[1_000:3_001])}},
        {"audio": {"data": b64(data[3_001:])}},
        {"audio": {"expires_at": 1}},
    ]
    with Loopback(answer=form, habits=[streaming(*deltas)]) as server:
        model = load_model(f"{server.url}#m", spoken=True)
        answer = asked(model, clip)
        assert (answer.text, answer.clip) == ("good day", spoken)
        assert answer.usage["output_audio_tokens"] == 3 and answer.details["finish_reason"] == "stop"
        learnt = {"pcm16": {"stream": "true"}, "wav": {"stream": "true", "audio.format": "wav"}}
        assert {field: one.instead for field, one in model.learnt.items()} == learnt[form]
        given = load_model(f"{server.url}#m", spoken=True, stream=True)
        assert asked(given, clip).clip == spoken
        assert server.requests[-1]["audio"] == {"voice": "alloy", "format": form}
        own = {"modalities": ["text", "audio"], "audio": {"voice": "verse", "format": form}}
        assert asked(load_model(f"{server.url}#m", stream=True, extra=own), clip).clip == spoken
        assert server.requests[-1]["audio"] == own["audio"]


def test_a_stream_of_files_is_one_recording(clip, spoken) -> None:
    halves = [AudioClip(part, 24_000) for part in (spoken.samples[:1_201], spoken.samples[1_201:])]
    with Loopback(answer="pcm16") as server:
        server.habits = (
            streaming(
                {"content": b64(halves[0].wav_bytes())}, {"content": b64(halves[1].wav_bytes())}, modality="audio"
            ),
        )
        answer = asked(load_model(f"{server.url}#m", spoken=True, stream=True), clip)
    assert (answer.text, answer.clip) == ("", spoken)


def test_pieces_may_be_cut_anywhere_and_nothing_is_no_clip(spoken) -> None:
    whole = b64(raw(spoken))
    assert spoken_clip([whole[:7], whole[7:9], "", whole[9:]]) == spoken  # as one text, cut in its midst
    file = b64(spoken.wav_bytes())
    assert spoken_clip([file[:60], file[60:]]) == spoken == spoken_clip(file)
    assert spoken_clip([]) is None and spoken_clip([""]) is None


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([b64(b"odd")], "an even number of bytes, got 3"),
        (["AAAA", "A"], "Incorrect padding|number of data characters"),
        (
            [b64(AudioClip(np.ones(9, dtype=np.float32) / 2, rate).wav_bytes()) for rate in (8_000, 16_000)],
            "one rate, got 16000 Hz, 8000 Hz",
        ),
        ([b64(b"RIFF....WAVE")], "spoken answer must be a WAV file"),
    ],
)
def test_a_stream_that_cannot_be_heard_is_a_bad_response(pieces, says) -> None:
    with pytest.raises(ModelFailed, match=says) as raised:
        spoken_clip(pieces)
    assert raised.value.reason == "bad_response"


def test_a_recording_that_takes_long_to_decode_holds_up_neither_calls_nor_the_end(clip, spoken, monkeypatch) -> None:
    begun, go_on, decoded = threading.Event(), threading.Event(), AudioClip.from_bytes

    def slowly(data):
        begun.set()
        assert threading.current_thread().daemon
        go_on.wait(30)
        return decoded(data)

    async def both(address):
        slow, fast = load_model(f"{address}#slow", spoken=True), load_model(f"{address}#fast")
        stimulus = Stimulus(clips={}, prompt="What?")
        waits = asyncio.create_task(slow.ask_one(stimulus))
        await asyncio.to_thread(begun.wait, 30)
        answer = await fast.ask_one(stimulus)
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
        await slow.aclose()
        await fast.aclose()
        return answer.text, waits.cancelled()

    with Loopback(answer=lambda heard: spoken if heard.model == "slow" else "quick") as server:
        monkeypatch.setattr(AudioClip, "from_bytes", slowly)
        since = time.monotonic()
        assert asyncio.run(both(server.url)) == ("quick", True)
        assert not go_on.is_set() and time.monotonic() - since < 20
        go_on.set()


def test_long_bodies_are_read_beside_the_loop_and_short_ones_on_it(monkeypatch) -> None:
    threads = []
    loads = json.loads

    def noted(data, **options):
        threads.append(threading.current_thread() is threading.main_thread())
        return loads(data, **options)

    with Loopback(answer=lambda heard: "no" if "short" in heard.prompt else "no " * 40_000) as server:
        model = load_model(f"{server.url}#m")
        monkeypatch.setattr("earnest.models._remote.json.loads", noted)
        model.ask([Stimulus(clips={}, prompt="short")])
        assert True in threads
        on_loop = threads.count(True)
        model.ask([Stimulus(clips={}, prompt="long")])
        assert threads.count(True) == on_loop
