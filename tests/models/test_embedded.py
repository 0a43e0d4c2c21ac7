import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models import Answer, Failure, load_model, models
from earnest.models.embedded import EmbeddedModel
from earnest.models.reference import checkpoint, instructions, onnx_route, torch_route


@dataclass
class Folder:
    weights: Path


class FakeOnnx:
    """Tells what it was given; a clip of more than 12 s is too long."""

    def __init__(self, weights=None, *, n_threads=2):
        self.checkpoint = Folder(weights / "reference.safetensors")

    def answer(self, clips, *, prompts):
        return [
            onnx_route.ReferenceOutput(
                text=f"{prompt} {len(clip)}", transcript="t", logprob=-1.5, too_long=len(clip) > 192_000
            )
            for clip, prompt in zip(clips, prompts)
        ]


class FakeTorch:
    """A loss that is the sum of the samples, weighted by their place."""

    def __init__(self, weights=None):
        pass

    def loss_and_gradient(self, clips, *, prompts, targets):
        gradients = [np.arange(len(clip), dtype=np.float32) for clip in clips]
        return np.array([float(clip @ gradient) for clip, gradient in zip(clips, gradients)]), gradients

    def activations(self, clips, prompts):
        return {"encoder.0": np.array([[len(clip), 1] for clip in clips], dtype=np.float32)}


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "reference.safetensors").write_bytes(b"weights")
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
    assert replies[0].log_probability == -1.5 and replies[0].details == {"transcript": "t"}
    assert isinstance(replies[3], Failure) and replies[3].reason == "too_long" and "12 s" in replies[3].detail
    assert asyncio.run(model.ask_one(two)).text == replies[1].text


def test_what_is_ignored_is_told(model):
    (reply,) = model.ask([asked({"speech": of(160)}, system_prompt="Be brief.")])
    assert reply.details["ignored"] == "system prompt"


def test_gradients_are_those_of_the_primary_clip(model):
    stimuli = [asked({"speech": of(160)}), asked({"noise": of(100), "speech": of(160)}), asked({"only": of(50)})]
    losses, gradients = model.loss_and_gradient(stimuli, targets=["x"] * 3)
    assert losses.shape == (3,) and [len(gradient) for gradient in gradients] == [160, 160, 50]
    assert gradients[0][0] == 0 and gradients[1][0] == 100 + 8_000 and gradients[2][0] == 0
    with pytest.raises(BadParameter, match="16000 Hz"):
        model.loss_and_gradient([asked({"speech": of(160, 8_000)})], targets=["x"])


def test_activations_are_one_row_a_stimulus(model):
    first, second = model.activations([asked({"speech": of(160)}), asked({"speech": of(200)})])
    assert first["encoder.0"].tolist() == [160, 1] and second["encoder.0"].tolist() == [200, 1]


def test_what_it_is(model, monkeypatch):
    weights, prompts = checkpoint.sha256_of(model._reference.checkpoint.weights), Path(instructions.__file__)
    assert model.fingerprint == f"{weights}-{checkpoint.sha256_of(prompts)[:8]}"  # an answer hangs on both
    assert model.beyond("Transcribe the speech.") is None and "no such instruction" in model.beyond("Write a poem.")
    assert model.batch_size == 32 and model.destination is None and "not real models" in model.note
    monkeypatch.setattr("earnest.registry.has_extra", lambda module: False)
    assert EmbeddedModel("x", weights=model._folder).access == {"responses", "scores"}
    monkeypatch.setattr("earnest.registry.has_extra", lambda module: True)
    assert EmbeddedModel("x", weights=model._folder).access == {"responses", "scores", "gradients", "activations"}


def test_what_cannot_be_named():
    assert "earnest" in models.names()
    with pytest.raises(BadParameter, match="earnest/reference"):
        load_model("earnest/no-such-folder")


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
