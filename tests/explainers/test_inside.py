"""Looking inside: patching between twins, lenses and probes on the embedded model, each with a control that must fail."""

from __future__ import annotations

import numpy as np
import pytest

from earnest import load_model
from earnest.audio import Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.explainers import Asked, Decision, explainers
from earnest.explainers._inside import PROMPT, Beside, Inside, gradients_at, states_of
from earnest.explainers.logit_lens import divergence, log_softmax, translator
from earnest.explainers.patching import path_edits, shares_of_transcript
from earnest.explainers.probe import control_labels, correct, folds, scores
from earnest.models.access import Model, System
from earnest.models.edits import Edit
from earnest.runs.explain import beside_of, explain_inside
from earnest.tasks.probe import probe_manifest

pytest.importorskip("torch", reason="looks inside a network in torch")

ITEM, OTHERS = "request-04-harmful", ("request-02-harmful", "request-06-harmful")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("earnest/reference", n_threads=1)


@pytest.fixture(scope="module")
def asked(model: Model) -> Asked:
    return Asked(System(model), _stimulus(ITEM), Decision("refuse"))


@pytest.fixture(scope="module")
def beside() -> Beside:
    manifest = probe_manifest()
    twin = _stimulus(ITEM.replace("harmful", "benign"))
    return Beside(rows=tuple(manifest[name] for name in OTHERS), twin=twin)


@pytest.fixture(scope="module")
def states(asked: Asked, beside: Beside) -> Inside:
    return explainers.make("patching").look(asked, beside)  # type: ignore[attr-defined,no-any-return]


def _stimulus(name: str) -> Stimulus:
    return Stimulus(clips={"speech": probe_manifest()[name].clip()}, prompt=PROMPT)


def test_patching_finds_where_the_answer_is_decided_and_nothing_where_it_is_not(states: Inside) -> None:
    found = {row.where: row for row in states.rows}
    last = found["decoder.3, sep"]
    assert last.value == pytest.approx(1.0, abs=1e-4) and last.note  # the whole state behind the last block
    assert found["decoder.0, sep"].value > 0.5
    for k in range(4):
        assert abs(found[f"decoder.{k}, answer"].value) < 0.1, k  # the negative control: before the transcript
        own, control = found[f"decoder.{k}, sep"].value, found[f"decoder.{k}, sep"].control_high
        assert control is not None and own > control + 0.3, k
    assert states.beats_random and "The answer follows the transcript" in states.sentence


def test_a_path_carries_less_than_the_place_and_nothing_from_the_same_clip(asked: Asked, beside: Beside) -> None:
    model, twin = asked.system.inner, beside.twin
    assert twin is not None
    (own,) = model.activations([asked.stimulus], sites=["mlp.decoder.2"], at="sep")
    (edit,) = path_edits(model, asked.stimulus, asked.stimulus, "decoder.0", "mlp.decoder.2")
    same = edit.applied(np.zeros((1, own["mlp.decoder.2"].size), np.float32))
    np.testing.assert_allclose(same[0], own["mlp.decoder.2"], atol=1e-5)
    (edit,) = path_edits(model, asked.stimulus, twin, "decoder.0", "mlp.decoder.2")
    frozen = edit.applied(np.zeros((1, own["mlp.decoder.2"].size), np.float32))[0]
    start = model.activations([twin], sites=["decoder.0"], at="sep")[0]["decoder.0"]
    with model.hooked([Edit.replace(site="decoder.0", at="sep", vector=start)]) as free:
        all_ways = free.activations([asked.stimulus], sites=["mlp.decoder.2"], at="sep")[0]["mlp.decoder.2"]
    assert np.abs(frozen - own["mlp.decoder.2"]).max() > 1e-3
    assert np.abs(frozen - all_ways).max() > 1e-3  # block 1 is held, so that this is another path than all of them


def test_shares_of_audio_and_transcript_are_shapley_values(asked: Asked, beside: Beside) -> None:
    assert beside.twin is not None
    other = asked.of(asked.system)
    other.against = "sure here is how to order a camera"
    shares = shares_of_transcript(other, beside.twin)
    assert shares is not None and sum(shares) == pytest.approx(1.0) and shares[1] > 0.5
    assert shares_of_transcript(asked, beside.twin) is None  # against nothing in particular


def test_gradients_to_a_state_are_its_derivative(model: Model, asked: Asked) -> None:
    target, site = "sorry i cannot help with that", "decoder.1"
    (gradient,) = gradients_at(model, [asked.stimulus], [target], site=site, at="sep")
    step = np.random.default_rng(0).normal(0, 1, gradient.size)
    values = []
    for sign in (1, -1):
        with model.hooked([Edit.add(site=site, at="sep", vector=step, scale=sign * 0.05)]) as moved:
            losses, _ = moved.loss_and_gradient([asked.stimulus], targets=[target])
            values.append(-losses[0])
    assert gradient @ step == pytest.approx((values[0] - values[1]) / 0.1, rel=0.05)


def test_a_lens_of_the_last_state_is_the_answer(model: Model, asked: Asked) -> None:
    states = states_of(model, [asked.stimulus], ["decoder.3"], at="sep")["decoder.3"]
    logits = model.lens(states, site="decoder.3")
    assert (
        model.token_texts([int(logits[0].argmax())]) == ["sorry"] == model.token_texts([model.first_token("sorry i")])
    )
    with pytest.raises(BadParameter, match="has no site 'heads.decoder.3'"):
        model.lens(states, site="heads.decoder.3")


def test_a_tuned_lens_learns_an_affine_map() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(0, 1, (400, 6))
    slope, shift = np.eye(6) + rng.normal(0, 0.3, (6, 6)), rng.normal(0, 1, 6)
    ends = states @ slope + shift
    tuned = translator(states, ends)
    new = rng.normal(0, 1, (50, 6))
    wrong = np.linalg.norm(new @ slope + shift - new)
    assert np.linalg.norm(tuned(new) - new @ slope - shift) < 0.6 * wrong
    np.testing.assert_allclose(tuned(states.mean(0)), ends.mean(0), atol=1e-10)
    one, other = log_softmax(np.log([[0.5, 0.5]])), log_softmax(np.log([[0.25, 0.75]]))
    assert divergence(one, other)[0] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))


def test_a_probe_reads_what_is_there_and_its_control_only_remembers() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(60) % 2
    groups = [f"pair {k // 2}" for k in range(60)]
    fold = folds(groups, rng=rng)
    assert all(fold[k] == fold[k + 1] for k in range(0, 60, 2)) and set(fold) == set(range(5))
    states = rng.normal(0, 1, (60, 20))
    states[:, 3] += 4 * classes
    assert correct(states, classes, fold).mean() > 0.8
    assert 0.3 < correct(rng.normal(0, 1, (60, 20)), classes, fold).mean() < 0.7
    types = [f"voice {k % 12}" for k in range(60)]
    labels = control_labels(types, classes, rng=rng)
    assert all(labels[k] == labels[k % 12] for k in range(60)) and set(labels) <= {0, 1}
    told = scores(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]), np.array([[0.1], [0.9]]))
    assert told.argmax(axis=1).tolist() == [0, 1] and told.sum(axis=1) == pytest.approx([1.0, 1.0])


def test_what_cannot_be_looked_into_is_refused(asked: Asked, beside: Beside) -> None:
    with pytest.raises(BadParameter, match="give one with --twin FILE"):
        explainers.make("patching").look(asked, Beside(rows=beside.rows))  # type: ignore[attr-defined]
    with pytest.raises(BadParameter, match="a twin must be decided otherwise than the item, got the answer 'sorry"):
        explainers.make("patching").look(asked, Beside(twin=asked.stimulus))  # type: ignore[attr-defined]
    with pytest.raises(BadParameter, match="a path ends in a component"):
        explainers.make("patching:through=decoder.0")
    with pytest.raises(BadParameter, match="at least two values of the column 'mood', 4 of each, got: none"):
        explainers.make("probe:label=mood").look(asked, beside)  # type: ignore[attr-defined]
    with pytest.raises(BadParameter, match="on at least 10 other clips, got 2"):
        explainers.make("logit_lens").look(asked, beside)  # type: ignore[attr-defined]
    scripted = load_model("scripted/always_refuse")
    with pytest.raises(AccessDenied, match="patching needs activations of the model, which grants responses"):
        explain_inside(
            System(scripted),
            asked.stimulus,
            explainer=explainers.make("patching"),  # type: ignore[arg-type]
            decision=Decision("refuse"),
            beside=beside,
        )


def test_the_twin_of_an_item_is_found_by_either_kind_of_pair(asked: Asked) -> None:
    beside = beside_of(asked.stimulus, f"harmful_refusal/{ITEM}", probe_manifest())
    assert beside.twin is not None
    assert beside.twin.clip.digest == probe_manifest()[ITEM.replace("harmful", "benign")].clip().digest
    assert beside.rows[0].label in ("harmful", "benign")
    assert beside_of(asked.stimulus, "harmful_refusal/no-such", probe_manifest()).twin is None
