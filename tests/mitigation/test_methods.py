"""Each method by hand, and what all have in common: strength 0 changes nothing, to the last bit."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest
from earnest.errors import BadData, BadParameter
from earnest.mitigation import Frames, Rows, Scores, mitigation, trained
from earnest.mitigation._base import WORDS, Reweighted, collapsed
from earnest.mitigation.group_decoding import best_bias, biased
from earnest.mitigation.group_temperature import cooled, temperature
from earnest.mitigation.recipes import FRAMES_PER_S, read_characters, recipes
from earnest.mitigation.reject_option import band, deprived_groups
from earnest.mitigation.resampling import drawn
from earnest.mitigation.reweighing import independent

torch = pytest.importorskip("torch", reason="networks are trained with torch")


def rows_of(labels, groups, *, inputs=None, texts=None, speakers=None) -> Rows:
    n = len(labels)
    return Rows(
        inputs=tuple(np.zeros(2, np.float32) for _ in range(n)) if inputs is None else tuple(inputs),
        labels=np.array(labels),
        groups=np.array(groups),
        weights=np.ones(n),
        speakers=tuple(speakers or (f"s{k}" for k in range(n))),
        texts=tuple(texts or [""] * n),
        classes=("bad", "good"),
        names=("a", "b"),
    )


def mixed_rows(n: int = 60) -> Rows:
    """Two groups; the label is in the second feature, the group in the first."""
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(2, size=n), rng.integers(2, size=n)
    x = np.stack([2.0 * groups, 2.0 * labels], axis=1) + rng.standard_normal((n, 2))
    return rows_of(labels, groups, inputs=list(x.astype(np.float32)), texts=[f"t{k % 5}" for k in range(n)])


def spoken_rows(n: int = 24) -> Rows:
    rng = np.random.default_rng(1)
    inputs = [(rng.standard_normal((8 + k % 3, 4)).astype(np.float32), np.array([2, 3])) for k in range(n)]
    return replace(rows_of([0] * n, [k % 2 for k in range(n)], inputs=inputs, texts=["ab"] * n), classes=("",))


# ------------------------------------------------------------------ in common
@pytest.mark.parametrize("name", mitigation.names())
def test_strength_0_changes_nothing(name) -> None:
    method = mitigation.make(name).at(0.0)
    words = method.needs == (WORDS,)
    recipe = recipes.make("reference_ctc:n_steps=3,width=8" if words else "log_mel:n_steps=5")
    rows = spoken_rows() if words else mixed_rows()
    if name == "counterfactual_voices":
        rows = replace(rows, entries=(None,) * len(rows))  # none of them is read
    plain = trained(recipe, rows, mitigation.make("group_decoding" if words else "group_temperature"), seed=3)
    prepared = method.prepared(rows, recipe, np.random.default_rng(0))
    network = trained(recipe, prepared, method, seed=3)
    for one, other in zip(plain.state_dict().values(), network.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    outputs = recipe.outputs(network, rows)
    after = method.rule(outputs, rows)(outputs, rows)
    if words:
        assert all(map(np.array_equal, outputs.log_probabilities, after.log_probabilities))
    else:
        assert np.array_equal(outputs.scores, after.scores) and np.array_equal(outputs.decisions, after.decisions)


@pytest.mark.parametrize("name", [name for name in mitigation.names() if mitigation.get(name).stage == "in"])
def test_full_strength_changes_the_network_and_not_the_random_state(name) -> None:
    method = mitigation.make(name)
    words = method.needs == (WORDS,)
    recipe = recipes.make("reference_ctc:n_steps=3,width=8" if words else "log_mel:n_steps=5")
    rows = spoken_rows() if words else mixed_rows()
    before = torch.random.get_rng_state()
    plain, network = (trained(recipe, rows, method.at(s), seed=3) for s in (0.0, 1.0))
    assert torch.equal(before, torch.random.get_rng_state())
    assert not torch.equal(next(plain.parameters()), next(network.parameters()))


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan"), True])
def test_a_strength_is_a_share(strength) -> None:
    with pytest.raises(BadParameter, match=r"strength of reweighing must be in \[0, 1\]"):
        mitigation.get("reweighing")(strength=strength)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("group_dro:eta=0", "eta of group_dro must be above 0"),
        ("gradient_reversal:most=0", "most above 0"),
        ("equalised_odds:weight=-1", "weight of equalised_odds must be above 0"),
        ("worst_group_ctc:alpha=-1", "alpha of at least 0"),
        ("group_thresholds:constraint=odd", "constraint of group_thresholds must be one of equalized_odds"),
        ("reject_option:target=odd", "target of reject_option must be selection_rate or"),
        ("resampling:target=odd", "target of resampling must be independent or equal"),
        ("matched_subsets:on=odd", "on of matched_subsets must be text or label"),
        ("counterfactual_voices:n_most=0", "n_most of counterfactual_voices"),
    ],
)
def test_bad_parameters(spec, message) -> None:
    with pytest.raises(BadParameter, match=message):
        mitigation.make(spec)


# ------------------------------------------------------------------ before training
@pytest.mark.source("mitigation/reweighing", of="kamiran2012-preprocessing", at="table 1 and section 4.2")
def test_reweighing_is_the_works_example() -> None:
    """Ten applicants: of five men four are taken, of five women two. The work gives 0.75, 2, 1.5 and 0.67."""
    groups = np.repeat([0, 1], 5)
    labels = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0])
    weights = independent(groups, labels)
    assert weights[:5].tolist() == pytest.approx([0.75] * 4 + [2.0])
    assert weights[5:].tolist() == pytest.approx([1.5] * 2 + [2 / 3] * 3)
    half = mitigation.make("reweighing:strength=0.5").prepared(rows_of(labels, groups), None, np.random.default_rng(0))
    assert half.weights[4] == pytest.approx(1.5) and half.weights.sum() == pytest.approx(10)


@pytest.mark.source("mitigation/resampling", of="kamiran2012-preprocessing", at="table 1 and section 4.3")
def test_resampling_gives_the_works_counts() -> None:
    """Of the same ten applicants 3 of each sex are taken then, and 2 of each are not."""
    groups, labels = np.repeat([0, 1], 5), np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0])
    made = mitigation.make("resampling").prepared(rows_of(labels, groups), None, np.random.default_rng(0))
    assert Counter(zip(made.groups.tolist(), made.labels.tolist(), strict=True)) == {
        (0, 1): 3, (0, 0): 2, (1, 1): 3, (1, 0): 2,
    }  # fmt: skip
    equal = mitigation.make("resampling:target=equal").prepared(
        rows_of([0, 1] * 3 + [0, 1], [0] * 6 + [1] * 2), None, np.random.default_rng(0)
    )
    assert Counter(equal.groups.tolist()) == {0: 4, 1: 4}


def test_resampling_keeps_every_row_of_a_cell_that_grows() -> None:
    places = drawn(np.array([0, 0, 0, 0, 1, 1]), {0: 2.0, 1: 5.0}, 1.0, np.random.default_rng(0))
    assert set(places[places >= 4]) == {4, 5} and (places >= 4).sum() == 5 and len(set(places[places < 4])) == 2


def test_matched_subsets_drop_what_has_no_match() -> None:
    """Text x is good in a and bad in b: it matches nothing. Of text y, a has two rows and b one."""
    rows = rows_of([1, 0, 1, 1, 1], [0, 1, 0, 0, 1], texts=["x", "x", "y", "y", "y"])
    made = mitigation.make("matched_subsets").prepared(rows, None, np.random.default_rng(0))
    assert made.texts == ("y", "y") and sorted(made.groups.tolist()) == [0, 1]
    half = mitigation.make("matched_subsets:strength=0.34").prepared(rows, None, np.random.default_rng(0))
    assert len(half) == 4  # one of three unmatched rows is left out
    by_label = mitigation.make("matched_subsets:on=label").prepared(rows, None, np.random.default_rng(0))
    assert by_label.labels.tolist() == [1, 1]
    with pytest.raises(BadData, match="none are left of 2; match on the label alone"):
        mitigation.make("matched_subsets").prepared(rows.taken([0, 1]), None, np.random.default_rng(0))


def test_counterfactual_voices_have_the_other_groups_pitch(tmp_path) -> None:
    """A voice of 120 Hz and one of 180 Hz: each gets a twin of the other's pitch, the same label and speaker."""
    from earnest.audio.voices_alike import median_pitch_hz

    (tmp_path / "metadata.csv").write_text("path,speaker,gender,label\n0.wav,m,male,good\n1.wav,f,female,bad\n")
    for k, hz in enumerate((120, 180)):
        t = np.arange(16000) / 16000
        tones = sum(np.sin(2 * np.pi * hz * h * t) / h for h in range(1, 6000 // hz))
        samples = 0.1 * tones * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
        AudioClip(samples.astype(np.float32), 16000).write(tmp_path / f"{k}.wav")

    class Pitch:
        def input_of(self, clip, text):
            return median_pitch_hz(clip)

    rows = replace(
        rows_of([1, 0], [0, 1], inputs=[120.0, 180.0], speakers=["m", "f"]),
        entries=tuple(Manifest.read(tmp_path)),
    )
    made = mitigation.make("counterfactual_voices").prepared(rows, Pitch(), np.random.default_rng(0))
    assert made.labels.tolist() == [1, 0, 1, 0] and made.groups.tolist() == [0, 1, 1, 0]
    assert made.speakers == ("m", "f", "m", "f")
    assert made.inputs[2:] == pytest.approx((180, 120), rel=0.03)
    with pytest.raises(BadData, match="these rows have none"):
        mitigation.make("counterfactual_voices").prepared(replace(rows, entries=()), Pitch(), np.random.default_rng(0))


# ------------------------------------------------------------------ in training
@pytest.mark.source("mitigation/group_dro", of="sagawa2020-groupdro", at="section 3, algorithm 1")
def test_a_step_of_group_dro_by_hand() -> None:
    """eta = ln 2 and losses 1 and 0 double the first weight; two steps quadruple it."""
    weights = Reweighted(n=2, eta=math.log(2))
    assert weights.step(np.array([1.0, 0.0])) == pytest.approx([2 / 3, 1 / 3])
    assert weights.step(np.array([1.0, 0.0])) == pytest.approx([4 / 5, 1 / 5])


def test_the_loss_of_group_dro_by_hand() -> None:
    """Losses 3 and 1 of group a, 4 of b, eta ln 2: means 2 and 4, weights 4 : 16, so 0.2 * 2 + 0.8 * 4 = 3.6."""

    class Given:
        def losses(self, network, rows, places):
            return torch.tensor([3.0, 1.0, 4.0])[torch.from_numpy(places)]

    rows = rows_of([0, 0, 0], [0, 0, 1])
    for strength, expected in ((1.0, 3.6), (0.5, (3.6 + 8 / 3) / 2), (0.0, 8 / 3)):
        method = mitigation.make(f"group_dro:eta={math.log(2)},strength={strength}")
        loss, own = method.loss(rows, Given(), None)
        assert float(loss(np.arange(3), 0.0)) == pytest.approx(expected) and own == ()


def test_a_smoothed_step_of_worst_group_ctc_by_hand() -> None:
    """q = 1/2, alpha = 1/2: the step is eta * loss / 1. Then q = 2/3, 1/3: eta * 1 / (7/6) for the first alone."""
    weights = Reweighted(n=2, eta=math.log(2), smoothing=0.5)
    assert weights.step(np.array([1.0, 0.0])) == pytest.approx([2 / 3, 1 / 3])
    raised = 2 * 2 ** (6 / 7)
    assert weights.step(np.array([1.0, 0.0])) == pytest.approx([raised / (raised + 1), 1 / (raised + 1)])


def test_the_gradient_is_reversed_and_scaled() -> None:
    from earnest.mitigation.gradient_reversal import reversed_gradient, schedule

    x = torch.tensor([1.0, -2.0], requires_grad=True)
    out = reversed_gradient(x, 0.5)
    assert torch.equal(out, x)
    (out * torch.tensor([3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [-1.5, -2.0]
    assert schedule(0.0) == 0 and schedule(1.0) == pytest.approx(2 / (1 + math.exp(-10)) - 1)


def test_an_adversary_can_tell_the_groups_of_plain_states_and_not_of_reversed_ones() -> None:
    from earnest.detectors._discriminant import fitted_discriminant

    rows, recipe = mixed_rows(400), recipes.make("log_mel:n_steps=600,width=4,learning_rate=0.01")
    share = {}
    for strength in (0.0, 1.0):
        network = trained(recipe, rows, mitigation.make("gradient_reversal:most=4").at(strength), seed=0)
        with torch.no_grad():
            states = recipe.states(network, rows, np.arange(len(rows))).double().numpy()
            right = recipe.outputs(network, rows).decisions[np.arange(len(rows)), rows.labels].mean()
        found = fitted_discriminant(first=states[rows.groups == 1], second=states[rows.groups == 0])
        share[strength] = np.mean((found.scores(states) > 0) == (rows.groups == 1))
        assert right > 0.75  # it still knows the label
    assert share[0.0] > 0.75 and share[1.0] < 0.65


def test_the_penalty_of_equalised_odds_by_hand() -> None:
    """Label 1: groups 0.8 and 0.5, difference 0.3. Label 0: groups 0.9 and (0.6 + 0.8) / 2, difference 0.2."""
    from earnest.mitigation.equalised_odds import odds_penalty

    scores = torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    labels, groups = np.array([1, 1, 0, 0, 0]), np.array([0, 1, 0, 1, 1])
    assert float(odds_penalty(scores, labels, groups)) == pytest.approx(0.3**2 + 0.2**2)
    assert float(odds_penalty(scores, labels, groups * 0)) == 0


# ------------------------------------------------------------------ after training
def scored_rows(n: int = 300) -> tuple[Scores, Rows]:
    """Scores whose group b is pulled down."""
    rng = np.random.default_rng(2)
    groups, labels = rng.integers(2, size=n), rng.integers(2, size=n)
    scores = 1 / (1 + np.exp(-(1.5 * (2 * labels - 1) - 1.2 * groups + rng.standard_normal(n))))
    return Scores.of(np.column_stack([1 - scores, scores])), rows_of(labels, groups)


def rates(outputs: Scores, rows: Rows) -> list[float]:
    """Of favourable decisions, by label and group."""
    chosen = outputs.decisions[:, 1]
    return [float(chosen[(rows.labels == y) & (rows.groups == g)].mean()) for y in (0, 1) for g in (0, 1)]


@pytest.mark.source("mitigation/group_thresholds", of="hardt2016-equality", at="fairlearn 0.15.0, ThresholdOptimizer")
@pytest.mark.parametrize("constraint", ["equalized_odds", "demographic_parity", "true_positive_rate_parity"])
def test_group_thresholds_are_fairlearns(constraint) -> None:
    pytest.importorskip("fairlearn", reason="it is the engine of group_thresholds, and the oracle here")
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.linear_model import LogisticRegression

    outputs, rows = scored_rows()
    decided = mitigation.make(f"group_thresholds:constraint={constraint}").rule(outputs, rows)(outputs, rows)
    logits = np.log(outputs.scores[:, 1] / outputs.scores[:, 0])[:, None]
    same = LogisticRegression().fit([[-1.0], [1.0]], [0, 1])
    same.coef_, same.intercept_ = np.array([[1.0]]), np.array([0.0])  # gives back the scores
    oracle = ThresholdOptimizer(
        estimator=same, constraints=constraint, objective="accuracy_score", prefit=True, predict_method="predict_proba"
    ).fit(logits, rows.labels, sensitive_features=rows.groups)
    draws = [oracle.predict(logits, sensitive_features=rows.groups, random_state=k) for k in range(150)]
    assert decided.decisions[:, 1] == pytest.approx(np.mean(draws, axis=0), abs=0.2)
    assert np.mean(np.abs(decided.decisions[:, 1] - np.mean(draws, axis=0))) < 0.01
    found = rates(decided, rows)
    if constraint == "equalized_odds":
        assert rates(outputs, rows)[2] - rates(outputs, rows)[3] > 0.2
        assert found[0] == pytest.approx(found[1], abs=0.02) and found[2] == pytest.approx(found[3], abs=0.02)


def test_thresholds_need_both_labels_and_known_groups() -> None:
    pytest.importorskip("fairlearn", reason="it is the engine of group_thresholds")
    outputs, rows = scored_rows(40)
    method = mitigation.make("group_thresholds")
    with pytest.raises(BadData, match="rows of b that are calibrated on have one"):
        method.rule(outputs, replace(rows, labels=np.where(rows.groups == 1, 1, rows.labels)))
    alone = np.flatnonzero(rows.groups == 0)
    some = Scores(scores=outputs.scores[alone], decisions=outputs.decisions[alone])
    with pytest.raises(BadData, match="no row of b was calibrated on"):
        method.rule(some, rows.taken(alone))(outputs, rows)


def test_the_reject_option_by_hand() -> None:
    """Group b is never favoured, a in 2 of 3. Within 0.15 of a half lie 0.55 of a and 0.4 of b: they swap, 1 of 3 each."""
    scores, groups = np.array([0.9, 0.55, 0.1, 0.4, 0.2, 0.1]), np.array([0, 0, 0, 1, 1, 1])
    assert deprived_groups(scores > 0.5, groups).tolist() == [1]
    assert band(scores, groups, np.array([1])) == pytest.approx(0.1)
    outputs, rows = Scores.of(np.column_stack([1 - scores, scores])), rows_of([1, 1, 0, 1, 0, 0], groups)
    decided = mitigation.make("reject_option").rule(outputs, rows)(outputs, rows)
    assert decided.decisions[:, 1].tolist() == [1, 0, 0, 1, 0, 0]
    half = mitigation.make("reject_option:strength=0.55").rule(outputs, rows)(outputs, rows)
    assert half.decisions[:, 1].tolist() == [1, 0, 0, 0, 0, 0]  # 0.55 lies within 0.055 of a half, 0.4 does not


def test_a_temperature_is_found_and_decisions_stay() -> None:
    """Labels drawn from scores whose logits are then tripled in one group: its temperature is 3, the other's 1."""
    rng = np.random.default_rng(0)
    n = 6000
    logits, groups = 2 * rng.standard_normal(n), np.arange(n) % 2
    labels = (rng.random(n) < 1 / (1 + np.exp(-logits))).astype(int)
    given = 1 / (1 + np.exp(-logits * np.where(groups == 1, 3, 1)))
    outputs = Scores.of(np.column_stack([1 - given, given]))
    for group, expected in ((0, 1.0), (1, 3.0)):
        assert temperature(outputs.scores[groups == group], labels[groups == group]) == pytest.approx(
            expected, rel=0.08
        )
    made = mitigation.make("group_temperature").rule(outputs, rows_of(labels, groups))(outputs, rows_of(labels, groups))
    assert np.array_equal(made.decisions, outputs.decisions) and not np.array_equal(made.scores, outputs.scores)
    assert cooled(np.array([[0.2, 0.8]]), np.array([2.0]))[0, 1] == pytest.approx(2 / 3)  # odds 4 become 2


def test_decoding_by_group_by_hand() -> None:
    """The blank is a little likelier than every letter: nothing is read, until it is weighed less."""
    assert collapsed(np.array([0, 2, 2, 0, 2, 3, 3, 0])) == [2, 2, 3]
    assert read_characters([2, 3, 1, 4]) == "ab c"
    frame = np.log(np.array([[0.5, 0.05, 0.4, 0.05], [0.9, 0.05, 0.03, 0.02], [0.5, 0.05, 0.05, 0.4]], np.float32))
    outputs = Frames(log_probabilities=(frame, frame), read=read_characters)
    rows = rows_of([0, 0], [0, 1], texts=["ab", "zz"])
    assert outputs.texts() == ["", ""]
    assert best_bias(outputs, rows, 0) == -0.5 and best_bias(outputs, rows, 1) == 0.0  # nothing helps the second
    decoded = mitigation.make("group_decoding").rule(outputs, rows)(outputs, rows)
    assert decoded.texts() == ["ab", ""]
    assert np.array_equal(biased(frame, 0.0), frame) and biased(frame, 1.0)[0, 0] == pytest.approx(math.log(0.5) + 1)


def test_the_loss_of_a_recogniser_is_per_second() -> None:
    recipe, rows = recipes.make("reference_ctc:width=8,n_steps=1"), spoken_rows(2)
    network = trained(recipe, rows, mitigation.make("group_decoding"), seed=0)
    with torch.no_grad():
        both = recipe.losses(network, rows, np.arange(2))
        logits = recipe.logits(network, rows, np.array([1])).log_softmax(-1).transpose(0, 1)
        alone = torch.nn.functional.ctc_loss(
            logits, torch.tensor([[2, 3]]), torch.tensor([9]), torch.tensor([2]), reduction="none"
        )
    assert both[1].item() == pytest.approx(alone.item() * FRAMES_PER_S / 9, rel=1e-5)
