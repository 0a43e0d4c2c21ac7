"""The loopback endpoint answers, hears, counts and fails as it is told."""

from __future__ import annotations

import asyncio
import json
import random
import urllib.error
import urllib.request

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import ModelFailed
from earnest.models import load_model
from earnest.testing.loopback import Faults, Loopback, echo, in_own_process

CLIP = AudioClip((np.arange(-400, 400) / 1024).astype(np.float32), 8_000)
STIMULUS = Stimulus(clips={"speech": CLIP}, prompt="what is it?", system_prompt="be brief")


def ask(server):
    async def one():
        model = load_model(f"{server.url}#some/model")
        try:
            return await model.ask_one(STIMULUS)
        finally:
            await model.aclose()

    return asyncio.run(one())


def test_it_hears_what_was_sent_and_says_what_it_is_told() -> None:
    heard = []
    with Loopback(answer=lambda call: heard.append(call) or "a ramp") as server:
        answer = ask(server)
    (call,) = heard
    assert (call.clips, call.prompt, call.system_prompt, call.model) == (
        [CLIP],
        "what is it?",
        "be brief",
        "some/model",
    )
    assert answer.text == "a ramp"
    assert answer.usage == {
        "input_tokens": 4.0,
        "input_audio_tokens": 1.0,
        "output_tokens": 2.0,
        "output_audio_tokens": 0.0,
    }
    assert (server.n_requests, server.n_answered, server.most_in_flight) == (1, 1, 1)


def test_it_speaks() -> None:
    with Loopback(answer=lambda call: call.clips[0]) as server:
        answer = ask(server)
    assert (answer.text, answer.clip) == ("spoken", CLIP)


@pytest.mark.parametrize(
    "fault, reason",
    [
        ("rate_limited", "rate_limited"),
        ("overloaded", "http_5xx"),
        ("server_error", "http_5xx"),
        ("cut", "connection"),
        ("nonsense", "bad_response"),
    ],
)
def test_every_fault_is_what_it_says(fault, reason) -> None:
    with Loopback(faults=Faults(**{fault: 1.0}, retry_after="7")) as server:
        with pytest.raises(ModelFailed) as caught:
            ask(server)
        assert server.n_faults == {fault: 1}
    assert caught.value.reason == reason and caught.value.retryable
    assert caught.value.retry_after_s == (7.0 if fault == "rate_limited" else None)


def test_faults_come_as_often_as_told_and_end_when_told() -> None:
    rng, faults = random.Random(0), Faults(rate_limited=0.2, cut=0.1, first_n=10_000)
    drawn = [faults.drawn(rng, n_before=0) for _ in range(10_000)]
    assert drawn.count("rate_limited") == pytest.approx(2000, abs=150)
    assert drawn.count("cut") == pytest.approx(1000, abs=120)
    assert set(drawn) == {"rate_limited", "cut", None}
    assert faults.drawn(random.Random(0), n_before=10_000) is None


def test_it_runs_in_a_process_of_its_own() -> None:
    with in_own_process() as url, urllib.request.urlopen(f"{url}/asked") as reply:
        assert json.load(reply)["n_requests"] == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/asked")


def test_it_hears_a_conversation_and_answers_its_last_turn() -> None:
    other = AudioClip(CLIP.samples[:400], 8_000)
    history = (Turn(role="user", text="first", clips={"a": other, "b": CLIP}), Turn(role="assistant", text="heard"))
    stimulus = Stimulus(clips={"speech": CLIP}, prompt="what is it?", history=history)
    heard = []
    with Loopback(answer=lambda call: heard.append(call) or echo(call)) as server:
        model = load_model(f"{server.url}#some/model")
        answers = model.ask([stimulus, Stimulus(clips={"speech": CLIP}, prompt="what is it?")])
        n_by_content = server.n_by_content
    call = heard[0]
    assert [(turn.role, turn.text, list(turn.clips)) for turn in call.turns] == [
        ("user", "first", ["clip 1", "clip 2"]),
        ("assistant", "heard", []),
        ("user", "what is it?", ["clip 1"]),
    ]
    assert list(call.turns[0].clips.values()) == [other, CLIP] and (call.clips, call.prompt) == ([CLIP], "what is it?")
    assert call.system_prompt is None
    last = f"I heard 800 samples {CLIP.digest[:8]} and was asked: what is it?"
    assert answers[0].text == (
        f"After 400 samples {other.digest[:8]}, 800 samples {CLIP.digest[:8]} and the words 'first': "
        f"After no clip and the words 'heard': {last}"
    )
    assert answers[1].text == last and len(n_by_content) == 2  # another conversation is another content
    # 0.05 s and twice 0.1 s at 10 tokens a second, and five words
    assert answers[0].usage["input_audio_tokens"] == 2 and answers[0].usage["input_tokens"] == 7
