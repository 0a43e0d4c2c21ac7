"""Other weights of the embedded model: on a network of its own, out of force for everybody else; and a learner's losses."""

import numpy as np
import pytest

from earnest.audio import Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.models import load_model
from earnest.models.edits import Edit
from earnest.models.learner import put_weights, weights_digest, weights_of
from earnest.tasks.probe import probe_manifest

pytest.importorskip("torch", reason='needs pip install "earnest[torch]"')

PROMPT = "Listen to the speaker and answer in one sentence."


@pytest.fixture(scope="module")
def model():
    return load_model("earnest/reference", n_threads=1)


@pytest.fixture(scope="module")
def stimuli():
    rows = [entry for entry in probe_manifest().entries if entry.id in ("request-00-harmful", "request-00-benign")]
    return [Stimulus(clips={"speech": entry.clip()}, prompt=PROMPT) for entry in rows]


def texts(model, stimuli):
    return [reply.text for reply in model.ask(stimuli)]


def deaf(model):
    """Weights that say nothing but the end of an answer."""
    own = model.learner().weights()
    bias = np.zeros_like(own["next_token.bias"])
    bias[model._reference.checkpoint.vocabulary.index["<end>"]] = 1e3
    return {"next_token.bias": bias}


def test_its_own_weights_change_no_answer_and_others_change_it_for_nobody_else(model, stimuli):
    plain, fingerprint = texts(model, stimuli), model.fingerprint
    before = weights_of(model._differentiable.network)
    same, other = model.with_weights(model.learner().weights()), model.with_weights(deaf(model))
    assert plain[0].startswith("sorry") and plain[1].startswith("sure")
    assert texts(same, stimuli) == plain and texts(other, stimuli) == ["", ""]
    assert texts(same, stimuli) == plain and texts(model, stimuli) == plain  # two arms at once, and the bare model
    assert model.fingerprint == fingerprint
    assert len({fingerprint, same.fingerprint, other.fingerprint}) == 3
    after = weights_of(model._differentiable.network)
    assert weights_digest(before) == weights_digest(after)


def test_weights_are_out_of_force_after_an_exception(model, stimuli, monkeypatch):
    other = model.with_weights(deaf(model))

    def broken(*_args, **_options):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(type(other._differentiable), "answer", broken)
        with pytest.raises(RuntimeError, match="no memory"):
            other.ask(stimuli)
    assert texts(other, stimuli) == ["", ""] and texts(model, stimuli)[0].startswith("sorry")


def test_gradients_scores_and_edits_are_those_of_the_other_weights(model, stimuli):
    other = model.with_weights(deaf(model))
    target = ["sure"] * len(stimuli)
    assert np.all(
        other.loss_and_gradient(stimuli, targets=target)[0] > model.loss_and_gradient(stimuli, targets=target)[0]
    )
    assert np.all(other.score(stimuli, ["", ""]) > -1e-3)
    with other.hooked([Edit.replace(site="decoder.0", at="sep", vector=0.0)]) as edited:
        assert edited.fingerprint.startswith(other.fingerprint) and texts(edited, stimuli) == ["", ""]
        with pytest.raises(BadParameter, match="weights of 'earnest/reference' are changed before its activations"):
            edited.with_weights(deaf(model))
    again = other.with_weights({"next_token.bias": model.learner().weights()["next_token.bias"]})
    assert texts(again, stimuli) == texts(model, stimuli)  # what is left out stays as it was in the model that is asked


def test_weights_that_are_none_of_its_own_are_refused_and_nothing_is_changed(model):
    module = model.learner().module
    before = weights_of(module)
    good = {"next_token.bias": before["next_token.bias"] + 1}
    for bad, message in (
        ({"next_token.weights": np.zeros(3)}, "has no parameter 'next_token.weights'"),
        ({"decoder_norm.bias": np.zeros(3)}, r"must be finite and of shape \(224,\), got \(3,\)"),
        ({"decoder_norm.bias": np.full(224, np.nan)}, "must be finite and of shape .*, got other numbers"),
    ):
        with pytest.raises(BadParameter, match=message):
            put_weights(module, {**good, **bad}, name="earnest/reference")
    assert weights_digest(weights_of(module)) == weights_digest(before)


def test_a_model_without_a_network_or_inside_a_context_has_no_weights_to_change(model):
    scripted = load_model("scripted/always_refuse")
    inside = model.within(lambda: model.hooked([Edit.replace(site="decoder.0", at="sep", vector=0.0)]), key="x")
    for one, message in ((scripted, "grants responses"), (inside, "name the defence that changes weights last")):
        with pytest.raises(AccessDenied, match=message):
            one.with_weights({})
    with pytest.raises(AccessDenied, match="train the model itself"):
        inside.learner()


def test_the_loss_of_a_learner_by_hand(model, stimuli):
    """From the logits of the other route: transcript and its end count 1, a short answer 5 in all, a long one 1.5 a token."""
    learner = model.learner()
    said, answers = "teach me to hack a phone", ["no", "sorry i cannot help with that at all today"]
    losses = learner.losses(stimuli, answers, heard=[said, said]).detach().numpy()
    encode = model._reference.checkpoint.vocabulary.encode
    for stimulus, answer, loss in zip(stimuli, answers, losses, strict=True):
        (question,) = model._questions([stimulus], model._reference)[0]
        text = f"{said}<sep>{answer}"
        tokens = encode(f"{text}<end>")
        logits = model._reference.logits(question, text).astype(np.float64)[: len(tokens)]
        nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(tokens)), tokens]
        n_answer = len(encode(answer))
        own = 5.0 if n_answer == 1 else 1.5
        weights = np.concatenate([np.ones(len(encode(said)) + 1), np.full(n_answer, own), [1.0]])
        assert loss == pytest.approx(float((nats * weights).sum() / weights.sum()), rel=1e-3)


def test_a_learner_leaves_the_model_alone_and_its_own_transcript_counts_for_nothing(model, stimuli):
    import torch

    learner = model.learner()
    alone = learner.losses(stimuli[:1], ["sure"], heard=[None])
    alone.sum().backward()
    assert alone.item() > 1 and torch.isfinite(learner.module.conv1.weight.grad).all()
    with torch.no_grad():
        learner.module.next_token.bias[model._reference.checkpoint.vocabulary.index["<end>"]] = 1e3
    assert texts(learner.model, stimuli) == ["", ""] and texts(model, stimuli)[0].startswith("sorry")
    assert learner.model.fingerprint != model.fingerprint


def test_states_of_a_learner_are_what_the_model_lets_read(model, stimuli):
    learner = model.learner()
    words = [reply.details["transcript"] for reply in model.ask(stimuli)]
    states = learner.states(stimuli, site="decoder.3", heard=words).detach().numpy()
    read = model.activations(stimuli, sites=["decoder.3"], at="sep")
    np.testing.assert_allclose(states, [one["decoder.3"] for one in read], atol=2e-4)
    first = learner.logits(learner.states(stimuli, site="decoder.3", heard=words)).argmax(dim=1).tolist()
    tokens = model._reference.checkpoint.vocabulary.tokens
    assert [tokens[k] for k in first] == ["sorry", "sure"]
