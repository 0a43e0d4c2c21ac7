"""Other weights and training of a checkpoint in transformers: of one family, with random weights."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models import Edit, Sampling, load_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch = pytest.importorskip("torch", reason='needs pip install "earnest[transformers]"')
pytest.importorskip("transformers", reason='needs pip install "earnest[transformers]"')

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)

SHORT = Sampling(max_tokens=4)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(f"transformers/{tiny.write('qwen2_audio', tmp_path_factory.mktemp('tiny'))}")


@pytest.fixture(scope="module")
def stimuli():
    rng = np.random.default_rng(0)
    clips = [AudioClip((0.1 * rng.standard_normal(n)).astype(np.float32), 16_000) for n in (8000, 9600)]
    return [Stimulus(clips={"speech": clip}, prompt="What is said?") for clip in clips]


def texts(model, stimuli):
    return [reply.text for reply in model.ask(stimuli, sampling=SHORT)]


def test_training_changes_the_copy_and_its_weights_can_be_put_into_another(model, stimuli):
    before, learner = texts(model, stimuli), model.learner()
    start = learner.losses(stimuli, ["no", "yes"], heard=[None, None])
    end = model._prompts.answer_ids("")  # what ends an answer is learned too
    assert end and start.shape == (2,)
    scores = model.score(stimuli, ["no", "yes"])
    lengths = [len(model._prompts.answer_ids(text)) for text in ("no", "yes")]
    np.testing.assert_allclose(start.detach().numpy(), -scores / lengths, rtol=1e-4)
    optimiser = torch.optim.AdamW(learner.module.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        learner.losses(stimuli, ["no", "yes"], heard=[None, None]).sum().backward()
        optimiser.step()
    assert texts(learner.model, stimuli) == ["no", "yes"]
    assert texts(model, stimuli) == before != ["no", "yes"]
    other = model.with_weights(learner.weights())
    assert texts(other, stimuli) == ["no", "yes"] and texts(model, stimuli) == before
    assert len({model.fingerprint, other.fingerprint, learner.model.fingerprint}) == 3
    hook = other.hooked([Edit.replace(site="decoder.1", at="all", vector=0.0)])
    with hook as edited, pytest.raises(BadParameter, match="are changed before its activations"):
        edited.learner()


def test_states_and_logits_are_those_that_can_be_read(model, stimuli):
    learner, last = model.learner(), [site for site in model.sites if site.startswith("decoder.")][-1]
    states = learner.states(stimuli, site=last, heard=[None, None])
    read = model.activations(stimuli, sites=[last], at="sep")
    np.testing.assert_allclose(states.detach().numpy(), [one[last] for one in read], atol=1e-5)
    first = learner.logits(states).detach().log_softmax(dim=1)
    (token,) = model._prompts.target_ids("n")
    losses, _ = model.loss_and_gradient(stimuli, targets=["n", "n"])
    np.testing.assert_allclose(-first[:, token].numpy(), losses, rtol=1e-4)
    states.sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in learner.module.parameters())
