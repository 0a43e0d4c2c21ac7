import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import BadParameter
from earnest.models import Answer, Failure, load_model, models
from earnest.models.access import Sampling
from earnest.models.edits import Edit
from earnest.models.embedded import GENUINE, EmbeddedModel
from earnest.models.reference import checkpoint, instructions, onnx_route, torch_route
from earnest.tasks import _prompts as prompts

SHAPE = {"n_encoder_blocks": 1, "n_decoder_blocks": 2, "n_heads": 4, "decoder_heads": 4}


@dataclass
class Folder:
    weights: Path
    shape: dict

    @property
    def files(self):
        return (self.weights, self.weights.with_name("vocabulary.txt"))


class FakeOnnx:
    """Tells what it was given; a clip of more than 12 s is too long."""

    def __init__(self, weights=None, *, n_threads=2):
        self.checkpoint = Folder(weights / "reference.safetensors", {**SHAPE})
        self.given, self.draws = [], []

    def answer(self, questions, *, draw=None):
        """`call f(x)` to "Call!", a yes with a probability to a passphrase; else the prompt and how long the clip is."""
        outputs = []
        for question in questions:
            self.given.append(question)
            self.draws.append(draw)
            n, prompt = len(question.samples), question.prompt
            text = {"Call!": "call open_door(garden)", GENUINE: "live" if n != 777 else "copy"}.get(
                prompt, f"{prompt} {n}"
            )
            outputs.append(
                onnx_route.ReferenceOutput(
                    text=text,
                    transcript=f"t{n}",
                    logprob=-1.5,
                    too_long=n > 192_000,
                    probability=0.9 if prompt in (GENUINE, "Sure?") else None,
                )
            )
        return outputs

    def score(self, questions, texts):
        return np.array([-float(len(text) + len(question.samples)) for question, text in zip(questions, texts)])

    def same_speaker(self, one, other):
        """Clips of about one length are of one speaker."""
        return 4.0 if abs(len(one) - len(other)) < 500 else -4.0


class FakeTorch(FakeOnnx):
    """A loss that is the sum of the samples, weighted by their place; under edits its answers say so."""

    def __init__(self, weights=None):
        super().__init__(weights)
        self.edits = ()

    def answer(self, questions, *, draw=None):
        return [
            replace(output, text=f"{output.text} {[edit.site for edit in self.edits]}")
            for output in super().answer(questions, draw=draw)
        ]

    def loss_and_gradient(self, questions, *, targets):
        clips = [question.samples for question in questions]
        gradients = [np.arange(len(clip), dtype=np.float32) for clip in clips]
        return np.array([float(clip @ gradient) for clip, gradient in zip(clips, gradients)]), gradients

    def activations(self, questions, *, sites, at):
        return [
            {site: np.array([len(question.samples), len(at or "")], dtype=np.float32) for site in sites}
            for question in questions
        ]

    @contextlib.contextmanager
    def edited(self, edits):
        outer, self.edits = self.edits, edits
        try:
            yield
        finally:
            self.edits = outer


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "reference.safetensors").write_bytes(b"weights")
    (tmp_path / "vocabulary.txt").write_bytes(b"words")
    monkeypatch.setattr(onnx_route, "OnnxReference", FakeOnnx)
    monkeypatch.setattr(torch_route, "TorchReference", FakeTorch)
    monkeypatch.setattr("earnest.registry.extra", lambda module, needed_by: None)
    return load_model(f"earnest/{tmp_path}")


class Guarded(dict):
    """A truth that nobody but a scripted model may read."""

    def __getitem__(self, key):
        raise AssertionError("truth was read")

    get = keys = values = items = __iter__ = __len__ = __bool__ = __getitem__


def of(n_samples, sample_rate=16_000):
    return AudioClip(np.full(n_samples, 0.1, dtype=np.float32), sample_rate)


def asked(clips, prompt="Well?", **options):
    return Stimulus(clips=clips, prompt=prompt, truth=Guarded(), **options)


def test_clips_are_joined_at_16_khz(model):
    two = asked({"a": of(160), "b": of(800, 8_000)})
    replies = model.ask([asked({"speech": of(160)}), two, asked({}), asked({"a": of(200_000)})])
    assert [reply.text for reply in replies[:3]] == ["Well? 160", f"Well? {160 + 8_000 + 1_600}", "Well? 0"]
    assert replies[0].log_probability == -1.5 and replies[0].details == {"transcript": "t160"}
    assert isinstance(replies[3], Failure) and replies[3].reason == "too_long" and "12 s" in replies[3].detail
    assert asyncio.run(model.ask_one(two)).text == replies[1].text


def test_system_prompts_and_turns_reach_the_network(model):
    history = (
        Turn(role="user", clips={"speech": of(300)}), Turn(role="assistant", text="Hello."), Turn(role="user", text="And you?"), Turn(role="user", clips={"speech": of(400)}, text="written"),
        Turn(role="assistant", text="Fine."),
    )  # fmt: skip  # a table: one row a line
    model.ask([asked({"speech": of(160)}, system_prompt="Be brief.", history=history)])
    *written, question = model._reference.given
    assert [(each.prompt, len(each.samples)) for each in written] == [
        ("Transcribe the speech.", 300),
        ("Transcribe the speech.", 400),
    ]
    assert question.system == "Be brief."
    assert question.history == (("t300", "Hello."), ("And you?", ""), ("t400 written", "Fine."))
    assert len(question.first) == 300  # the one who spoke first
    model.ask([asked({"speech": of(160)}, history=(Turn(role="user", text="Hi."), Turn(role="assistant", text="Hi.")))])
    assert model._reference.given[-1].first is None and model._reference.given[-1].history == (("Hi.", "Hi."),)


def test_sampling_is_handed_on(model):
    model.ask([asked({"speech": of(160)})], sampling=Sampling(temperature=0.7, seed=5, max_tokens=9))
    assert model._reference.draws[-1] == onnx_route.Draw(temperature=0.7, seed=5, max_tokens=9)


def test_calls_and_probabilities_are_told(model):
    call, sure = model.ask([asked({"speech": of(160)}, prompt="Call!"), asked({"speech": of(160)}, prompt="Sure?")])
    assert call.text == "call open_door(garden)"
    assert call.details["tool_calls"][0]["function"] == {"name": "open_door", "arguments": '{"what": "garden"}'}
    assert sure.details["probability"] == 0.9 and "tool_calls" not in sure.details


def test_who_is_enrolled_is_told_by_voice_and_liveness(model):
    """One voice: 1 / (1 + e^-4) = 0.982; live with 0.9. Another voice: 0.018."""
    same, other, copy = of(800), of(5_000), of(777)

    def answer(prompt, **clips):
        return model.ask([asked(clips, prompt=prompt)])[0]

    yes, no = (
        answer(prompts.ENROLLED, enrolment=of(700), attempt=same),
        answer(prompts.ENROLLED, enrolment=of(700), attempt=other),
    )
    assert (yes.text, no.text) == ("yes", "no")
    assert yes.details["probability"] == pytest.approx(0.982 * 0.9, abs=1e-3)
    assert no.details["probability"] == pytest.approx(1 - 0.018 * 0.9, abs=1e-3)
    assert (
        answer(prompts.ENROLLED, enrolment=of(700), attempt=copy).text == "no"
    )  # the voice, but not live: 0.982 * 0.1
    assert answer(prompts.ENROLLED_SURE, enrolment=of(700), attempt=same).text == "88"
    assert answer(prompts.which_enrolled(), enrolment=of(700), one=copy, two=same).text == "second"
    assert answer(prompts.which_enrolled("second"), enrolment=of(700), one=same, two=copy).text == "first"
    with pytest.raises(BadParameter, match="no log-probability"):
        model.score([asked({"a": same, "b": other}, prompt=prompts.ENROLLED)], ["yes"])


def test_scores_are_those_of_the_network(model):
    assert model.score([asked({"speech": of(160)}), asked({"speech": of(170)})], ["abc", ""]).tolist() == [-163, -170]


def test_edits_are_in_force_in_their_block_alone(model):
    stimulus = asked({"speech": of(160)})
    plain = model.ask([stimulus])[0].text
    with model.hooked([Edit.add(site="decoder.1", at="sep", vector=[1.0, 2.0])]) as edited:
        assert edited.ask([stimulus])[0].text == f"{plain} ['decoder.1']"
        assert model.ask([stimulus])[0].text == plain
        assert edited.fingerprint != model.fingerprint
    assert model.ask([stimulus])[0].text == plain
    with (
        pytest.raises(BadParameter, match="has no site 'decoder.2'"),
        model.hooked([Edit.add(site="decoder.2", at="sep", vector=[1.0])]),
    ):
        pass


def test_gradients_are_those_of_the_primary_clip(model):
    stimuli = [asked({"speech": of(160)}), asked({"noise": of(100), "speech": of(160)}), asked({"only": of(50)})]
    losses, gradients = model.loss_and_gradient(stimuli, targets=["x"] * 3)
    assert losses.shape == (3,) and [len(gradient) for gradient in gradients] == [160, 160, 50]
    assert gradients[0][0] == 0 and gradients[1][0] == 100 + 8_000 and gradients[2][0] == 0
    held = replace(asked({"speech": of(100), "attempt": of(160)}), held="attempt")
    _, (gradient,) = model.loss_and_gradient([held], targets=["x"])
    assert len(gradient) == 160 and gradient[0] == 100 + 8_000
    with pytest.raises(BadParameter, match="16000 Hz"):
        model.loss_and_gradient([asked({"speech": of(160, 8_000)})], targets=["x"])


def test_activations_are_one_row_a_stimulus(model):
    first, second = model.activations([asked({"speech": of(160)}), asked({"speech": of(200)})])
    assert set(first) == {"encoder.0", "projector", "decoder.0", "decoder.1"}
    assert first["encoder.0"].tolist() == [160, 0] and second["encoder.0"].tolist() == [200, 0]
    (found,) = model.activations([asked({"speech": of(160)})], sites=["decoder.1"], at="sep")
    assert {site: row.tolist() for site, row in found.items()} == {"decoder.1": [160, 3]}
    with pytest.raises(BadParameter, match="no position 'sep'"):
        model.activations([asked({"speech": of(160)})], sites=["projector"], at="sep")


def test_what_it_is(model, monkeypatch):
    weights = hashlib.sha256(b"weights").hexdigest()
    beside = hashlib.sha256(b"words" + Path(instructions.__file__).read_bytes()).hexdigest()
    assert model.fingerprint == f"{weights}-{beside[:8]}"  # an answer hangs on both
    assert model.beyond("Transcribe the speech.") is None and "does not know this instruction" in model.beyond(
        "Write a poem."
    )
    assert model.batch_size == 32 and model.destination is None and "not real models" in model.note
    monkeypatch.setattr("earnest.registry.has_extra", lambda module: False)
    assert EmbeddedModel("x", weights=model._folder).access == {"responses", "scores"}
    monkeypatch.setattr("earnest.registry.has_extra", lambda module: True)
    assert EmbeddedModel("x", weights=model._folder).access == {"responses", "scores", "gradients", "activations"}


def test_what_cannot_be_named():
    assert "earnest" in models.names()
    with pytest.raises(BadParameter, match="earnest/reference"):
        load_model("earnest/no-such-folder")
    with pytest.raises(BadParameter, match=r"last version that has it, as earnest/reference, is 0\.2\.0: pip install"):
        load_model("earnest/reference-1")


def test_the_shipped_model_answers():
    if not (checkpoint.SHIPPED / checkpoint.WEIGHTS).is_file():
        pytest.skip("this checkout holds no weights of the reference model")
    model = load_model("earnest/reference")
    stimulus = asked({"speech": of(16_000)}, prompt="Transcribe the speech.")
    (reply,) = model.ask([stimulus])
    assert isinstance(reply, Answer) and reply.log_probability <= 0
    if "gradients" in model.access:
        _, (gradient,) = model.loss_and_gradient([stimulus], targets=["hello"])
        assert gradient.shape == (16_000,) and np.isfinite(gradient).all()
