"""Earlier turns: how each kind of model is given them, and that none is answered without them."""

import asyncio
import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import AccessDenied, BadParameter, HistoryRefused, ModelFailed
from earnest.models import Answer, Failure, Model, Sampling, load_model
from earnest.models.access import System
from earnest.models.cascade import PROMPT, CascadeModel
from earnest.testing.loopback import Loopback


def clip_of(n_samples, sample_rate=1_000):
    samples = np.random.default_rng(n_samples).normal(0, 0.1, n_samples).astype(np.float32)
    return AudioClip(samples, sample_rate).quantised()


ONE, TWO, THREE, FOUR = (clip_of(n) for n in (11, 12, 13, 14))


class Guarded(dict):
    """A truth that nobody but a scripted model may read."""

    def __getitem__(self, key):
        raise AssertionError("truth was read")

    get = keys = values = items = __iter__ = __len__ = __bool__ = __getitem__


def conversation(*history, **options):
    options = {"clips": {"speech": THREE}, "prompt": "And now?", **options}
    return Stimulus(history=history, truth=Guarded(), **options)


SPOKEN = Turn(role="user", text="Listen.", clips={"speech": ONE, "noise": TWO})
SAID = Turn(role="assistant", text='I "heard" – ü.')
WRITTEN = Turn(role="user", text="Go on.")
BARE = Turn(role="user", clips={"speech": FOUR})
TWO_TURNS = conversation(SPOKEN, SAID, system_prompt="Be brief.")
THREE_TURNS = conversation(BARE, SAID, WRITTEN, Turn(role="assistant", text="yes", clips={"speech": TWO}))


# ---- at the door


class Deaf(Model):
    """Takes no earlier turns, and says what it was asked."""

    name, batch_size = "deaf", 8
    access = frozenset({"responses", "scores", "gradients", "activations"})

    def __init__(self):
        self.asked = []

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        self.asked.append([stimulus.prompt for stimulus in stimuli])
        return [Answer(text=stimulus.prompt) for stimulus in stimuli]

    def loss_and_gradient(self, stimuli, *, targets):
        return np.zeros(len(stimuli)), [np.zeros(stimulus.clip.n_samples, np.float32) for stimulus in stimuli]

    def score(self, stimuli, texts):
        return np.full(len(stimuli), -1.0)

    def activations(self, stimuli, *, sites=None, at=None):
        return [{} for _ in stimuli]


class Remote(Model):
    name, destination = "remote", "example.org"

    async def ask_one(self, stimulus, *, sampling=Sampling()):  # noqa: B008
        return Answer(text=stimulus.prompt)


class Child(Deaf):
    """Overrides nothing."""


class Grandchild(Child):
    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        return super().ask(stimuli, sampling=sampling)


PLAIN = [replace(conversation(), prompt=prompt) for prompt in ("a", "b")]


@pytest.mark.parametrize("cls", [Deaf, Child, Grandchild])
def test_a_model_without_turns_is_not_asked_with_them_and_answers_the_rest(cls):
    model = cls()
    first, refused, last = model.ask([PLAIN[0], TWO_TURNS, PLAIN[1]])
    assert (first.text, last.text) == ("a", "b") and model.asked == [["a", "b"]]
    assert refused.reason == "history_refused"
    assert refused.detail.startswith(
        "'deaf' takes no earlier turns, got a stimulus with 2; ask a model that takes them"
    )
    assert [reply.reason for reply in model.ask([TWO_TURNS])] == ["history_refused"] and len(model.asked) == 1
    with pytest.raises(ModelFailed, match="takes no earlier turns") as caught:
        asyncio.run(model.ask_one(TWO_TURNS))
    assert caught.value.reason == "history_refused"
    for method, options in (("loss_and_gradient", {"targets": ["x"]}), ("activations", {})):
        with pytest.raises(HistoryRefused, match="takes no earlier turns"):
            getattr(model, method)([TWO_TURNS], **options)
        getattr(model, method)([PLAIN[0]], **options)
    with pytest.raises(HistoryRefused, match="takes no earlier turns"):
        model.score([PLAIN[0], TWO_TURNS], ["x", "y"])
    assert model.score([PLAIN[0]], ["x"]) == [-1.0]


def test_a_model_that_takes_turns_is_asked_with_them():
    model = Deaf()
    model.takes_history = True
    assert [reply.text for reply in model.ask([TWO_TURNS])] == ["And now?"]
    assert asyncio.run(model.ask_one(TWO_TURNS)).text == "And now?"
    assert model.score([TWO_TURNS], ["x"]) == [-1.0]


def test_remote_models_refuse_too():
    first, second = Remote().ask([TWO_TURNS, PLAIN[0]])
    assert first.reason == "history_refused" and second.text == "a"
    with pytest.raises(ModelFailed, match="no earlier turns") as caught:
        asyncio.run(Remote().ask_one(TWO_TURNS))
    assert caught.value.reason == "history_refused" and not caught.value.retryable


def test_what_most_models_do_not_grant():
    for call in (
        lambda: Remote().score([PLAIN[0]], ["x"]),
        lambda: Remote().activations([PLAIN[0]], sites=["decoder.1"], at="sep"),
        lambda: Remote().hooked([]),
    ):
        with pytest.raises(AccessDenied, match="'remote' grants responses only, not"):
            call()


# ---- behind defences


class Quieter:
    """Halves clips and says how many it has seen; exact."""

    def __init__(self):
        self.seen = []

    def apply(self, clip, *, rng):
        self.seen.append(clip.n_samples)
        return clip.with_samples(clip.samples / 2)

    def instruct(self, stimulus):
        return replace(stimulus, prompt=f"{stimulus.prompt} [{len(stimulus.history)} before]")

    def review(self, answer):
        return answer

    def backward(self, gradient, *, clip, rng):
        return gradient / 2


class Shifted(Quieter):
    """Adds a constant: does not commute with halving."""

    def apply(self, clip, *, rng):
        return clip.with_samples(clip.samples + np.float32(0.25))


def test_the_users_earlier_clips_pass_through_the_defences_too():
    quieter = Quieter()
    spoken = Turn(role="assistant", text="so", clips={"speech": FOUR})
    got = System(Deaf(), (quieter, Shifted())).defended(conversation(SPOKEN, spoken))
    assert got.clip == THREE.with_samples(THREE.samples / 2 + np.float32(0.25))
    user, said = got.history
    assert dict(user.clips) == {
        role: clip.with_samples(clip.samples / 2 + np.float32(0.25)) for role, clip in SPOKEN.clips.items()
    }
    assert (user.text, user.role, said) == ("Listen.", "user", spoken)  # what the assistant said stays
    assert got.prompt == "And now? [2 before] [2 before]"
    assert sorted(quieter.seen) == [11, 12, 13]
    assert System(Deaf()).defended(TWO_TURNS) is TWO_TURNS


class Recording(Deaf):
    """Takes earlier turns; scores by what reaches it."""

    takes_history = True

    def score(self, stimuli, texts):
        return np.array(
            [-float(len(text)) - float(abs(s.clip.samples[0])) for s, text in zip(stimuli, texts, strict=True)]
        )


def test_scores_go_through_the_defences():
    system = System(Recording(), (Shifted(),))
    loud = conversation(clips={"speech": AudioClip(np.array([0.5, 0.1], np.float32), 1_000)})
    np.testing.assert_allclose(system.score([loud, loud], ["ab", "abcd"]), [-2.75, -4.75])
    np.testing.assert_allclose(system.undefended().score([loud], ["ab"]), [-2.5])


class Noisy(Quieter):
    """Adds what it draws."""

    def apply(self, clip, *, rng):
        return clip.with_samples(clip.samples + rng.normal(0, 0.1, clip.n_samples).astype(np.float32))


def test_a_random_defence_does_to_an_earlier_clip_what_it_would_do_to_it_now():
    system = System(Deaf(), (Noisy(),), seed=3)
    spoken = conversation(Turn(role="user", clips={"x": ONE}))
    for draw in (0, 5):
        now = system.defended(Stimulus(clips={"speech": ONE}, prompt="p"), draw=draw).clip
        assert system.defended(spoken, draw=draw).history[0].clips["x"] == now != ONE
    first, other = (system.defended(spoken, draw=draw).history[0] for draw in (0, 5))
    assert first != other


# ---- over HTTP


def sent_clip(part):
    assert part["type"] == "input_audio" and part["input_audio"]["format"] == "wav"
    return AudioClip.from_bytes(base64.b64decode(part["input_audio"]["data"]))


def heard_over_http(stimulus):
    calls = []
    with Loopback(answer=lambda call: calls.append(call) or "ok") as server:
        (reply,) = load_model(f"{server.url}#m").ask([stimulus])
    assert isinstance(reply, Answer), reply
    (call,) = calls
    return call


def test_two_turns_over_http_are_messages():
    call = heard_over_http(TWO_TURNS)
    system, first, said, last = call.body["messages"]
    assert list(call.body) == ["model", "max_tokens", "temperature", "seed", "messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert list(first) == ["role", "content"] and first["role"] == "user"
    assert [sent_clip(part) for part in first["content"][:2]] == [ONE, TWO]
    assert first["content"][2:] == [{"type": "text", "text": "Listen."}]
    assert said == {"role": "assistant", "content": 'I "heard" – ü.'}
    assert last["role"] == "user" and sent_clip(last["content"][0]) == THREE
    assert last["content"][1:] == [{"type": "text", "text": "And now?"}]
    assert [turn.role for turn in call.turns] == ["user", "assistant", "user"]
    assert (call.prompt, call.clips, call.system_prompt) == ("And now?", [THREE], "Be brief.")


def test_three_turns_over_http_are_messages():
    call = heard_over_http(THREE_TURNS)
    first, said, second, again, last = call.body["messages"]
    assert [sent_clip(part) for part in first["content"]] == [FOUR]  # a clip without words has one part
    assert said == {"role": "assistant", "content": 'I "heard" – ü.'}
    assert second == {"role": "user", "content": [{"type": "text", "text": "Go on."}]}
    assert again == {"role": "assistant", "content": "yes"}  # its recording is not sent back
    assert sent_clip(last["content"][0]) == THREE and last["content"][1:] == [{"type": "text", "text": "And now?"}]


def test_the_bytes_of_a_single_turn_are_as_before():
    model = load_model("http://127.0.0.1:1/v1#m")
    body = model.request_body(Stimulus(clips={}, prompt="Hi", system_prompt="s"), Sampling())
    assert body == (
        b'{"model": "m", "max_tokens": 256, "temperature": 0.0, "seed": 0,"messages":['
        b'{"role": "system", "content": "s"},{"role":"user","content":[{"type": "text", "text": "Hi"}]}]}'
    )


def test_an_answer_that_is_only_a_recording_cannot_be_sent_back(monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "g")
    wordless = conversation(SPOKEN, Turn(role="assistant", clips={"speech": TWO}))
    for spec in ("http://127.0.0.1:1/v1#m", "gemini/x"):
        (reply,) = load_model(spec).ask([wordless])
        assert reply.reason == "history_refused" and "give the turn its words as text" in reply.detail


def test_a_refusal_of_audio_in_an_earlier_turn_is_told_as_such(server):
    server.replies = [(400, {"error": {"message": "this model does not support audio input"}})]
    (reply,) = load_model(f"{server.url}/v1#m").ask([conversation(SPOKEN, SAID, clips={})])
    assert reply.reason == "audio_refused"


def gemini_clip(part):
    assert part["inline_data"]["mime_type"] == "audio/wav"
    return AudioClip.from_bytes(base64.b64decode(part["inline_data"]["data"]))


def test_turns_of_gemini_are_contents(server, monkeypatch):
    monkeypatch.setenv("GEMINI_BASE_URL", server.url)
    server.replies = [{"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}]
    assert [reply.text for reply in load_model("gemini/x").ask([TWO_TURNS, THREE_TURNS])] == ["ok", "ok"]
    two, three = (request.body for request in server.requests)
    assert two["system_instruction"] == {"parts": [{"text": "Be brief."}]} and "system_instruction" not in three
    first, said, last = two["contents"]
    assert first["role"] == "user" and [gemini_clip(part) for part in first["parts"][:2]] == [ONE, TWO]
    assert first["parts"][2:] == [{"text": "Listen."}]
    assert said == {"role": "model", "parts": [{"text": 'I "heard" – ü.'}]}
    assert gemini_clip(last["parts"][0]) == THREE and last["parts"][1:] == [{"text": "And now?"}]
    assert [content["role"] for content in three["contents"]] == ["user", "model", "user", "model", "user"]
    assert [gemini_clip(part) for part in three["contents"][0]["parts"]] == [FOUR]
    assert three["contents"][2:4] == [
        {"role": "user", "parts": [{"text": "Go on."}]},
        {"role": "model", "parts": [{"text": "yes"}]},
    ]


# ---- Python


SOURCE = """
def plain(clip, prompt): return prompt
def turns(clip, prompt, history): return f"{prompt}|" + "|".join(f"{t.role} {t.text} {list(t.clips)}" for t in history)
async def later(clip, prompt, history=()): return f"{len(history)} before {prompt}"
def words(prompt, history): return f"{len(history)} before {prompt}"

class Batched:
    def __call__(self, clip, prompt, history): return "never"
    def batch(self, clips, prompts, histories): return [f"{p} {len(h)}" for p, h in zip(prompts, histories)]

class Deaf(Batched):
    def batch(self, clips, prompts): return prompts
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    (tmp_path / "my_turns_model.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return lambda name: load_model(f"python:my_turns_model:{name}")


def test_callables_take_turns_by_a_parameter(made):
    assert [made(name).takes_history for name in ("plain", "turns", "later", "words")] == [False, True, True, True]
    (reply,) = made("turns").ask([TWO_TURNS])
    assert reply.text == "Be brief.\n\nAnd now?|user Listen. ['speech', 'noise']|assistant I \"heard\" – ü. []"
    (reply,) = made("plain").ask([TWO_TURNS])
    assert reply.reason == "history_refused"
    assert [reply.text for reply in made("later").ask([THREE_TURNS, PLAIN[0]])] == ["4 before And now?", "0 before a"]


def test_callables_that_take_words_alone_refuse_audio_of_earlier_turns(made):
    written = conversation(WRITTEN, SAID, clips={})
    first, second = made("words").ask([written, replace(written, history=(SPOKEN, SAID))])
    assert first.text == "2 before And now?" and second.reason == "audio_refused"


def test_batches_take_turns_by_a_parameter_of_their_own(made):
    batched, deaf = made("Batched"), made("Deaf")
    assert (batched.takes_history, deaf.takes_history) == (True, False)
    assert [reply.text for reply in batched.ask([THREE_TURNS, PLAIN[0]])] == ["And now? 4", "a 0"]
    first, second = deaf.ask([THREE_TURNS, PLAIN[0]])
    assert first.reason == "history_refused" and second.text == "a"


# ---- cascades


class Ear(Model):
    """Hears how many samples there are; nothing in clips of 12; fails on clips of 7."""

    name, fingerprint, batch_size = "ear", "1", 2

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        assert all(stimulus.prompt == PROMPT and not stimulus.history for stimulus in stimuli)
        return [self._heard(stimulus.clip.n_samples) for stimulus in stimuli]

    def _heard(self, n):
        if n == 7:
            return Failure(reason="bad_audio", detail="seven")
        pieces = [{"text": str(n), "start_s": 0.0, "end_s": 0.5}]
        return Answer(text="" if n == 12 else str(n), usage={"input_tokens": 10}, details={"pieces": pieces})


class Mouth(Model):
    """Says the conversation that it was told."""

    name, fingerprint, batch_size, takes_history = "mouth", "2", 3, True

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        assert all(not turn.clips for stimulus in stimuli for turn in stimulus.turns)
        told = [[stimulus.system_prompt, *([turn.role, turn.text] for turn in stimulus.turns)] for stimulus in stimuli]
        return [Answer(text=json.dumps(each), usage={"input_tokens": 1}) for each in told]


def cascade():
    return CascadeModel("cascade/ear+mouth", recogniser=Ear(), text=Mouth())


def test_a_cascade_transcribes_the_earlier_turns():
    model = cascade()
    assert model.takes_history
    wordless = conversation(SPOKEN, Turn(role="assistant", clips={"a": FOUR}), Turn(role="user", clips={"b": TWO}))
    two, three, other, plain = model.ask([TWO_TURNS, THREE_TURNS, wordless, PLAIN[0]])
    heard_now = ["user", "And now?\n\nTranscript of the recording:\n13"]
    assert json.loads(two.text) == [
        "Be brief.",
        ["user", "Listen.\n\nTranscript of 'speech':\n11\n\nTranscript of 'noise':\n(nothing was heard)"],
        ["assistant", 'I "heard" – ü.'],
        heard_now,
    ]
    assert two.details["transcript"] == "13"
    assert two.details["earlier_transcripts"] == [{"speech": "11", "noise": ""}, None]
    assert two.usage == {"input_tokens": 31}  # three clips, and the text model
    assert [piece["text"] for piece in two.details["pieces"]] == ["13"]
    assert json.loads(three.text) == [
        None,
        ["user", "Transcript of the recording:\n14"],
        ["assistant", 'I "heard" – ü.'],
        ["user", "Go on."],
        ["assistant", "yes"],
        heard_now,
    ]
    assert three.details["earlier_transcripts"] == ["14", None, None, None]  # its words are given: not transcribed
    assert json.loads(other.text)[2:4] == [
        ["assistant", "14"],
        ["user", "Transcript of the recording:\n(nothing was heard)"],
    ]
    assert other.details["earlier_transcripts"] == [{"speech": "11", "noise": ""}, "14", ""]
    assert "earlier_transcripts" not in plain.details and plain.details["transcript"] == "13"


def test_both_forms_of_asking_a_cascade_agree_on_turns():
    model = cascade()
    for stimulus in (TWO_TURNS, THREE_TURNS):
        alone = asyncio.run(model.ask_one(stimulus))
        assert replace(alone, duration_ms=0) == replace(model.ask([stimulus])[0], duration_ms=0)
    (reply,) = model.ask([conversation(Turn(role="user", clips={"x": clip_of(7)}))])
    assert reply == Failure(reason="bad_audio", detail="seven")


def test_a_cascade_takes_no_turns_where_its_text_half_takes_none():
    for model in (
        CascadeModel("cascade/ear", recogniser=Ear(), text=None),
        CascadeModel("cascade/ear+deaf", recogniser=Ear(), text=Deaf()),
    ):
        (reply,) = model.ask([TWO_TURNS])
        assert not model.takes_history and reply.reason == "history_refused"


def test_scripted_models_answer_the_turn_that_is_asked():
    told = Stimulus(clips={"speech": THREE}, prompt="p", truth={"text": "now"}, history=(SPOKEN, SAID))
    model = load_model("scripted/echo")
    assert model.takes_history and model.ask([told])[0].text == "now"


def test_recognisers_take_no_turns():
    from earnest.models.recognisers import Recogniser

    assert not Recogniser.takes_history


def test_turns_are_written_as_the_message_says():
    with pytest.raises(BadParameter, match="a turn must have text or a clip"):
        Turn(role="assistant")
