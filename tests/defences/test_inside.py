"""Defences inside a model: the linear algebra by hand, and the reference model with and without them."""

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.defences import defences
from earnest.defences._inside import requests
from earnest.defences.activation_clamp import ActivationClamp
from earnest.defences.almguard import AlmGuard, Watched, perturbed, salient_bins
from earnest.defences.refusal_steering import RefusalSteering, in_space, moved
from earnest.defences.spirit import Spirit, top_neurons
from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.models import Answer, System, load_model
from earnest.tasks.probe import probe_manifest

# ---- by hand


@pytest.mark.source("defences/refusal_steering", of="lin2025-sarsteer", at="linweiii/SARSteer@5d9aafe, defense.py")
def test_what_lies_in_the_space_of_harmless_states_is_taken_off():
    # centred states vary along (3, 4, 0) / 5 alone: of (1, 2, 3) the part 11/5 of (0.6, 0.8, 0) lies there
    safe = np.array([[10, 10, 7], [13, 14, 7], [7, 6, 7]], float)
    np.testing.assert_allclose(in_space(np.array([1.0, 2.0, 3.0]), safe, k=10), [1.32, 1.76, 0], atol=1e-12)
    # the mean is taken off first: without that the third number would count
    assert np.array_equal(in_space(np.array([1.0, 2.0, 3.0]), safe, k=0), [0, 0, 0])


def test_of_principal_directions_the_strongest_come_first():
    safe = np.array([[5, 0, 0], [-5, 0, 0], [0, 1, 0], [0, -1, 0]], float)
    np.testing.assert_allclose(in_space(np.array([1.0, 1.0, 1.0]), safe, k=1), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(in_space(np.array([1.0, 1.0, 1.0]), safe, k=2), [1, 1, 0], atol=1e-12)


def test_a_gate_moves_what_is_above_its_threshold_alone():
    states = np.array([[1.0, 0.0], [3.0, 5.0]], np.float32)
    out = moved(states, unit=np.array([1.0, 0.0]), threshold=2.0, step=np.array([0.0, -1.0]))
    assert out.dtype == np.float32 and out.tolist() == [[1, 0], [3, 4]]
    torch = pytest.importorskip("torch", reason='needs pip install "earnest[torch]"')
    assert moved(
        torch.tensor(states), unit=np.array([1.0, 0.0]), threshold=2.0, step=np.array([0.0, -1.0])
    ).tolist() == [
        [1, 0],
        [3, 4],
    ]


@pytest.mark.source(
    "defences/spirit", of="djanibekov2025-spirit", at="mbzuai-nlp/spirit-breaking@e3044bd, noise_analyzer.py"
)
def test_the_top_neurons_are_taken_over_all_blocks_together():
    scores = [np.array([1.0, 9.0, 2.0]), np.array([8.0, 7.0, 0.0, 3.0])]
    # 7 neurons: 50 % are 3.5, of which the work takes 3: 9, 8 and 7, one in the first block and two in the second
    assert [each.tolist() for each in top_neurons(scores, percent=50)] == [
        [False, True, False],
        [True, True, False, False],
    ]
    assert sum(each.sum() for each in top_neurons(scores, percent=0.1)) == 1
    assert all(each.all() for each in top_neurons(scores, percent=100))


@pytest.mark.source("defences/almguard", of="jin2025-almguard", at="WeifeiJin/ALMGuard@244c657, rule of the mask")
def test_the_mask_takes_what_matters_to_the_jailbreak_and_little_to_recognition():
    jailbreak, recognition = np.array([4.0, 6.0, 1.0, 9.0]), np.array([2.0, 1.0, 0.1, 9.0])
    # ratios 2, 6, 10, 1: the largest gradient is no reason to be taken
    assert salient_bins(jailbreak, recognition, n=2).tolist() == [False, True, True, False]
    # the smallest divisor is 1e-6: a bin without any gradient is not taken first
    assert salient_bins(np.array([0.0, 1e-9]), np.array([0.0, 1.0]), n=1).tolist() == [False, True]
    assert AlmGuard().share * 128 == 48


def test_a_perturbation_covers_the_frames_that_it_has():
    frames = np.zeros((3, 2), np.float32)
    assert perturbed(frames, perturbation=np.ones((2, 2))).tolist() == [[1, 1], [1, 1], [0, 0]]
    assert perturbed(frames[:1], perturbation=np.ones((2, 2))).tolist() == [[1, 1]]
    with pytest.raises(BadParameter, match="has 3 mel bins, and this model hears 2; fit it on this model"):
        perturbed(frames, perturbation=np.ones((2, 3)))


# ---- on the reference model


@pytest.fixture(scope="module")
def rows():
    """Spoken requests of both labels, six of each."""
    entries = probe_manifest().entries
    found = []
    for label in ("harmful", "benign"):
        found += [e for e in entries if e.label == label and e.role == "request" and e.language in (None, "en")][:6]
    return found


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("torch", reason='needs pip install "earnest[torch]"')
    return load_model("earnest/reference")


def stimuli_of(rows, label):
    stimuli, harmful = requests(rows, prompt="Listen to the speaker and answer in one sentence.", by="a test")
    return [each for each, h in zip(stimuli, harmful, strict=True) if h == (label == "harmful")]


def texts(model, stimuli, *around):
    replies = System(model, around).ask(stimuli)
    assert all(isinstance(reply, Answer) for reply in replies)
    return [reply.said for reply in replies]


def fitted(defence, rows, model, tmp_path, **use):
    artefact = defence.fit(rows, System(model), np.random.default_rng(3))
    path = artefact.save(tmp_path)
    return artefact, type(defence)(**{**defence.spec.parameters, "artefact": str(path), **use})


def test_steering_by_labels_makes_it_refuse_and_at_no_strength_nothing_changes(rows, model, tmp_path):
    artefact, steering = fitted(RefusalSteering(contrast="labels", k=1), rows, model, tmp_path, strength=0.5)
    plain = texts(model, stimuli_of(rows, "benign"))
    assert sum(refusal_label(text) == "refusal" for text in plain) <= 1
    pushed = texts(model, stimuli_of(rows, "benign"), steering)
    assert sum(refusal_label(text) == "refusal" for text in pushed) >= 4
    assert texts(model, stimuli_of(rows, "benign")) == plain  # the model itself is as it was
    none = type(steering)(**{**steering.spec.parameters, "strength": 0.0})
    assert texts(model, stimuli_of(rows, "benign"), none) == plain
    left = artefact.about["length_left"]
    assert set(left) == {f"decoder.{k}" for k in range(4)} and all(0 < each <= 1 + 1e-9 for each in left.values())


def test_a_gated_one_leaves_most_harmless_requests_alone(rows, model, tmp_path):
    _, gated = fitted(
        RefusalSteering(contrast="labels", k=1),
        rows,
        model,
        tmp_path,
        strength=0.5,
        gated=True,
        false_positive_rate=0.05,
    )
    plain = texts(model, stimuli_of(rows, "benign"))
    held = texts(model, stimuli_of(rows, "benign"), gated)
    assert sum(a == b for a, b in zip(plain, held, strict=True)) >= 4


def test_a_model_that_does_not_read_the_suffix_has_no_direction(rows, model):
    with pytest.raises(BadParameter, match=r'same with and without refusal.*contrast="labels"'):
        RefusalSteering().fit(rows, System(model), np.random.default_rng(0))


@pytest.mark.parametrize("mode", ["patch", "prune", "bias"])
def test_spirit_changes_the_named_neurons_and_no_others(mode, rows, model, tmp_path):
    artefact, spirit = fitted(Spirit(), rows[:3] + rows[6:9], model, tmp_path, mode=mode, top_percent=1.0, bias=2.5)
    sites = [site for site in model.sites if site.startswith("mlp.encoder.")]
    chosen = dict(zip(sites, top_neurons([artefact.arrays[f"{s}.moved"] for s in sites], percent=1.0), strict=True))
    first = next(site for site in sites if chosen[site].any())
    stimulus = stimuli_of(rows, "benign")[0]
    (before,) = model.activations([stimulus], sites=[first], at="all")
    (after,) = spirit.around(model).activations([stimulus], sites=[first], at="all")
    here, there = before[first], after[first]
    where = chosen[first]
    expected = {
        "patch": np.broadcast_to(artefact.arrays[f"{first}.clean"][where], here[:, where].shape),
        "prune": np.zeros_like(here[:, where]),
        "bias": here[:, where] + 2.5,
    }[mode]
    np.testing.assert_allclose(there[:, where], expected, atol=1e-5)
    assert np.array_equal(there[:, ~where], here[:, ~where])


def test_spirit_ranks_by_the_difference_of_sums_and_keeps_the_mean_of_clean_clips(rows, model):
    some = rows[:2] + rows[6:8]
    artefact = Spirit(snr_db=200.0).fit(some, System(model), np.random.default_rng(0))
    louder = Spirit(snr_db=10.0).fit(some, System(model), np.random.default_rng(0))
    site = "mlp.encoder.2"
    assert artefact.arrays[f"{site}.moved"].max() < 1e-2 < louder.arrays[f"{site}.moved"].max()
    stimuli, _ = requests(some, prompt=Spirit().prompt, by="a test")
    read = np.concatenate([one[site] for one in model.activations(stimuli, sites=[site], at="all")])
    np.testing.assert_allclose(artefact.arrays[f"{site}.clean"], read.mean(axis=0), atol=1e-5)
    assert (artefact.arrays[f"{site}.clean"] >= 0).all()  # what enters the last layer has been rectified


def test_a_clamp_keeps_states_within_the_range_of_ordinary_requests(rows, model, tmp_path):
    artefact, clamp = fitted(ActivationClamp(outside=0.0), rows, model, tmp_path)
    benign = stimuli_of(rows, "benign")
    assert texts(model, benign, clamp) == texts(model, benign)  # what it was calibrated on passes as it is
    loud = benign[0].with_clip(AudioClip(np.random.default_rng(0).normal(0, 0.3, 16_000).astype(np.float32), 16_000))
    (held,) = clamp.around(model).activations([loud], sites=["encoder.5"], at="all")
    (free,) = model.activations([loud], sites=["encoder.5"], at="all")
    low, high = (artefact.arrays[f"encoder.5.{end}"] for end in ("low", "high"))
    assert (free["encoder.5"] > high + 1e-4).any()
    assert (held["encoder.5"] <= high + 1e-4).all() and (held["encoder.5"] >= low - 1e-4).all()


def test_almguard_learns_a_perturbation_in_its_bins_and_within_its_bound(rows, model, tmp_path):
    # clips that the model answers stand for attacked ones
    answered = [entry.model_copy(update={"label": "harmful"}) for entry in rows[6:7]]
    refusal = texts(model, stimuli_of(rows, "harmful"))[0]
    assert refusal_label(refusal) == "refusal"
    defence = AlmGuard(attacks="", refusal=refusal, epochs=2, steps=20, learning_rate=0.02, stop_at=0.0)
    artefact, guard = fitted(defence, [*answered, *answered, *rows[8:10]], model, tmp_path)
    mask, delta = artefact.arrays["mask"].astype(bool), artefact.arrays["perturbation"]
    assert mask.sum() == 24 and delta.shape == (3_000, 64)
    assert not delta[:, ~mask].any() and 0 < np.abs(delta).max() <= 0.5
    assert len(artefact.about["mean_loss_by_epoch"]) == 2
    stimulus = stimuli_of(rows, "benign")[0]
    (plain,), _ = System(model).loss_and_gradient([stimulus], targets=[refusal])
    (driven,), _ = System(model, (guard,)).loss_and_gradient([stimulus], targets=[refusal])
    assert driven < plain
    (before,) = model.activations([stimulus], sites=["features"], at="all")
    (after,) = guard.around(model).activations([stimulus], sites=["features"], at="all")
    np.testing.assert_allclose(after["features"] - before["features"], delta[: len(before["features"])], atol=1e-5)


def test_the_gradient_at_the_spectrum_is_that_of_the_loss(rows, model):
    watched = Watched(System(model), key="a test")
    stimulus = stimuli_of(rows, "benign")[0]
    watched.perturbation = np.zeros((3_000, 64))
    _, gradient = watched.loss_and_gradient(stimulus, "sorry i cannot help with that")
    place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    ends = []
    for step in (0.01, -0.01):
        watched.perturbation = np.zeros((3_000, 64))
        watched.perturbation[place] = step
        ends.append(watched.loss_and_gradient(stimulus, "sorry i cannot help with that")[0])
    assert (ends[0] - ends[1]) / 0.02 == pytest.approx(gradient[place], rel=0.05)


def test_an_attacker_who_knows_the_defence_gets_gradients_through_it(rows, model, tmp_path):
    _, steering = fitted(RefusalSteering(contrast="labels", k=1), rows, model, tmp_path, strength=0.5)
    stimulus = stimuli_of(rows, "harmful")[0]
    system = System(model, (steering,))
    (loss,), (gradient,) = system.loss_and_gradient([stimulus], targets=["sure"])
    (plain,), (bare,) = System(model).loss_and_gradient([stimulus], targets=["sure"])
    assert loss != plain and np.abs(gradient).max() > 0 and not np.array_equal(gradient, bare)


# ---- what is wrong


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: RefusalSteering(contrast="other"), "must be 'suffix' or 'labels', got 'other'"),
        (lambda: RefusalSteering(safe_share=2), r"safe_share in \[0, 1\], got 10 and 2"),
        (lambda: RefusalSteering(false_positive_rate=0), "false_positive_rate between 0 and 1"),
        (lambda: Spirit(mode="cut"), "must be 'patch', 'prune' or 'bias'"),
        (lambda: Spirit(top_percent=0), "must lie above 0 and up to 100"),
        (lambda: ActivationClamp(outside=0.5), r"must lie in \[0, 0.5\)"),
        (lambda: AlmGuard(share=0), r"must lie in \(0, 1\]"),
        (lambda: AlmGuard(steps=0), "must be at least 1"),
    ],
)
def test_parameters_are_checked(make, match):
    with pytest.raises(BadParameter, match=match):
        make()


@pytest.mark.parametrize("name", ["refusal_steering", "spirit", "activation_clamp", "almguard"])
def test_a_fit_needs_requests_and_a_model_whose_inside_can_be_read(name, rows):
    defence = defences.make(name)
    with pytest.raises(BadParameter, match="needs a model to learn from; give --model"):
        defence.fit(rows, None, np.random.default_rng(0))
    with pytest.raises(BadParameter, match="which names no sites"):
        defence.fit(rows, System(load_model("scripted/echo")), np.random.default_rng(0))


def test_rows_of_one_label_alone_are_refused(rows, model):
    with pytest.raises(BadParameter, match="got 6 and 0; give data with the column label"):
        Spirit().fit(rows[:6], System(model), np.random.default_rng(0))
