"""Explainers: parity with captum, hand-worked cases, planted truth, and what they refuse."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import AccessDenied, BadData, BadParameter, ModelFailed
from earnest.explainers import Asked, Decision, Explainer, Map, Tiles, explainers
from earnest.explainers._base import BASELINES
from earnest.explainers._trust import checks_of, evidence, random_weights, rank_correlation, trust_of
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, System
from earnest.runs.explain import explain_stimulus

sys.path.insert(0, str(Path(__file__).parent))
from small import CLIP, FIRST, SECOND, Small

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
RATE = 1_000
RNG = np.random.default_rng(0)
NOISE = AudioClip(RNG.normal(0, 0.1, 2 * RATE).clip(-1, 1).astype(np.float32), RATE)


class Places(Model):
    """Refuses while both of the third and fourth quarters of a second are heard; answers only."""

    name = "places"
    access = frozenset({"responses"})

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        return [Answer(text="I cannot help with that." if self.heard(one) else "The answer is 4.") for one in stimuli]

    def heard(self, stimulus: Stimulus) -> bool:
        x = stimulus.clip.samples
        return bool(np.any(x[500:750]) and np.any(x[750:1000]))


class Moody(Places):
    """Answers by seed."""

    def ask_each(self, stimuli: Sequence[Stimulus], *, samplings: Sequence[Sampling]) -> list[Reply]:
        return [
            Answer(text="I cannot help with that." if s.seed % 2 == 0 and self.heard(one) else "The answer is 4.")
            for one, s in zip(stimuli, samplings, strict=True)
        ]


def asked(model: Model, clip: AudioClip, decision: str, **options: object) -> Asked:
    return Asked(System(model), Stimulus(clips={"speech": clip}, prompt="?"), Decision(decision), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion", "shapley"])
def test_maps_equal_those_of_captum(name: str) -> None:
    clip = CLIP
    one = asked(Small(), clip, "label:yes")
    found = explainers.make(name).explain(one, Tiles(clip, seconds=0.1))
    np.testing.assert_allclose(found.values, GOLDEN[name], atol=1e-5)
    if found.gap is not None:
        assert found.gap < 1e-5


def test_shapley_divides_between_tiles_that_need_each_other() -> None:
    clip = AudioClip(NOISE.samples[:1500], RATE)
    one = asked(Places(), clip, "refuse")
    found = explainers.make("shapley").explain(one, Tiles(clip))
    np.testing.assert_allclose(found.values, [0, 0, 0.5, 0.5, 0, 0], atol=1e-12)
    sampled = explainers.make("shapley:n_orders=60").explain(one, Tiles(clip))
    assert sampled.values.sum() == pytest.approx(1.0)
    assert sampled.values == pytest.approx([0, 0, 0.5, 0.5, 0, 0], abs=0.2)


def test_occlusion_finds_the_place_and_the_sentence_counts_draws() -> None:
    made = explain_stimulus(
        System(Places()),
        Stimulus(clips={"speech": NOISE}, prompt="?"),
        explainer=explainers.make("occlusion"),
        decision=Decision("refuse"),
    )
    assert [tile.value for tile in made.file.tiles] == [0, 0, 1, 1, 0, 0, 0, 0]
    assert [tile.evidence for tile in made.file.tiles] == [False, False, True, False, False, False, False, False]
    muting = made.file.muting
    assert (muting.changed, muting.n, made.file.unit) == (1, 1, "share of draws")  # it answers alike each time
    assert 1 <= muting.random_changed <= 2 and muting.random_changed < muting.random_n <= 8  # different masks alone
    assert 0.2 < muting.low < 0.21
    said = (
        "Muting 0.25 s between 0.50 s and 0.75 s ends the refusal in 1 of 1 draw (the model answers alike each time); a "
        "random mask of the same size in "
    )
    assert made.file.sentence == said + f"{muting.random_changed} of {muting.random_n}."


def test_draws_that_differ_are_counted_one_by_one() -> None:
    tiles = Tiles(NOISE)
    masks = np.eye(8, dtype=bool)[[2]]
    one = asked(Places(), NOISE, "refuse")
    assert one.observed(tiles.muted(masks) * 10).tolist() == [False]
    other = asked(Places(), NOISE, "refuse")
    noises = [tiles.muted(masks, baseline="noise", seed=seed)[0] for seed in range(4)]
    assert other.observed(noises).tolist() == [True] * 4  # noise is heard, so that it goes on refusing
    warm = asked(Moody(), NOISE, "refuse", sampling=Sampling(temperature=1.0), draws=2)
    assert warm.observed([NOISE] * 4).tolist() == [True, False, True, False]
    sure = asked(Places(), NOISE, "refuse", sampling=Sampling(temperature=1.0))
    assert sure.observed([NOISE] * 4).tolist() == [True] * 4  # drawn each time, though the answer is always the same


def test_a_map_of_the_truth_beats_random_maps_and_one_of_nothing_does_not() -> None:
    tiles = Tiles(CLIP, seconds=0.05)
    one = asked(Small(), CLIP, "label:yes")
    truth = explainers.make("occlusion").explain(one, tiles)
    good, bad = (trust_of(Map(values), one, tiles) for values in (truth.values, -truth.values))
    assert good.beats_random and good.deletion is not None and good.deletion.area < good.deletion.low
    assert good.insertion is not None and good.insertion.area > good.insertion.random
    assert not bad.beats_random and bad.deletion is not None and bad.deletion.p == 1.0
    assert good.infidelity is not None and bad.infidelity is not None
    assert good.infidelity < 0.3
    shuffled = trust_of(Map(np.roll(truth.values, 5)), one, tiles)
    assert shuffled.infidelity is not None and shuffled.infidelity > 2 * good.infidelity


def test_evidence_is_the_head_of_the_map() -> None:
    assert evidence(np.array([0.1, 3.0, -5.0, 2.0])) == (1,)
    assert evidence(np.array([2.0, 2.0, 2.0, -9.0])) == (0, 1)
    assert evidence(np.array([-1.0, -2.0])) == (0,)


def test_muting_touches_the_muted_tiles_alone() -> None:
    tiles = Tiles(NOISE, seconds=0.25)
    mask = np.zeros((1, 8), bool)
    mask[0, [2, 3]] = True
    for baseline in BASELINES:
        (clip,) = tiles.muted(mask, baseline=baseline)
        same = clip.samples == NOISE.samples
        assert same[:500].all() and same[1000:].all() and not same[500:1000].any(), baseline
    (filled,) = tiles.muted(mask, baseline="infill")
    assert filled.samples[500] == NOISE.samples[499] and filled.samples[999] == NOISE.samples[1000]


def test_tiles_of_frequency_mute_a_band() -> None:
    t = np.arange(16_000) / 16_000
    low, high = np.sin(2 * np.pi * 500 * t), np.sin(2 * np.pi * 6_000 * t)
    tiles = Tiles(AudioClip((0.2 * (low + high)).astype(np.float32), 16_000), seconds=0.5, bands=2)
    (clip,) = tiles.muted(np.array([[False, True, False, False]]))
    left = np.abs(clip.samples[1000:7000] - 0.2 * low[1000:7000]).max()
    right = np.abs(clip.samples[9000:] - tiles.clip.samples[9000:]).max()
    assert left < 0.01 and right < 1e-3


def test_gradient_methods_agree_where_there_is_no_noise() -> None:
    one, tiles = asked(Small(), CLIP, "label:yes"), Tiles(CLIP, seconds=0.1)
    plain = explainers.make("gradient_x_input").explain(one, tiles).values
    same = explainers.make("smoothgrad:n_copies=2,noise=0").explain(one, tiles).values
    np.testing.assert_allclose(plain, same, atol=1e-12)
    step = 1e-4  # the derivative along the clip, by differences
    up, down = (AudioClip((CLIP.samples * s).astype(np.float32), CLIP.sample_rate) for s in (1 + step, 1 - step))
    values, _ = one.gradients([up, down])
    assert plain.sum() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-2)


def test_a_decision_reads_answers() -> None:
    def made(name: str, text: str) -> bool:
        return Decision(name).made_by(Answer(text=text))

    assert made("refuse", "I cannot help with that.") and not made("comply", "I cannot help with that.")
    assert made("comply", "The answer is 4.") and not made("comply", "")
    assert made("word:four", "It is Four!") and not made("word:four", "It is fourteen.")
    assert made("label:yes", "Yes.") and not made("label:yes", "Yes and no")
    with pytest.raises(ModelFailed, match="a failed call decides nothing"):
        Decision("refuse").made_by(Failure(reason="timeout"))


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"refuse, comply, word:TEXT or label:TEXT, got 'maybe'"):
        Decision("maybe")
    with pytest.raises(BadData, match="no decision 'comply' to be explained: the model answers 'I cannot"):
        asked(Places(), NOISE, "comply")
    with pytest.raises(BadData, match="an item without a clip"):
        Asked(System(Places()), Stimulus(clips={}, prompt="?"), Decision("refuse"))
    with pytest.raises(BadParameter, match="one tile has nothing to be compared with; take shorter tiles"):
        Tiles(AudioClip(NOISE.samples[:200], RATE))
    one = asked(Places(), NOISE, "refuse")
    for name in ("integrated_gradients", "gradient_x_input", "smoothgrad"):
        with pytest.raises(AccessDenied, match=f"{name} needs gradients of the model, which grants responses; take"):
            explainers.make(name).explain(one, Tiles(NOISE))
    with pytest.raises(BadParameter, match="at least 19 random maps"):
        trust_of(Map(np.zeros(8)), one, Tiles(NOISE), n_random=5)


def test_a_model_that_answers_differently_each_time_needs_draws() -> None:
    warm = Sampling(temperature=1.0)
    with pytest.raises(BadParameter, match=r"in 1 of 2 answers.*--draws 10"):
        asked(Moody(), NOISE, "refuse", sampling=warm)
    one = asked(Moody(), NOISE, "refuse", sampling=warm, draws=4)
    assert one.values([NOISE]) == pytest.approx([0.5])


def test_the_page_shows_that_a_map_does_not_beat_random(tmp_path: Path) -> None:
    made = explain_stimulus(
        System(Small()),
        Stimulus(clips={"speech": CLIP}, prompt="?"),
        explainer=explainers.make("occlusion"),
        decision=Decision("label:yes"),
        item="<b>item</b>",
        seconds=0.05,
    )
    json_path, page_path = made.save(tmp_path)
    page = page_path.read_text(encoding="utf-8")
    assert made.file.beats_random and "does not beat" not in page
    assert page.count("<audio") == 3 and "<b>item" not in page and "http" not in page.replace("http-equiv", "")
    assert len(page) < 100_000
    assert type(made.file).model_validate_json(json_path.read_text(encoding="utf-8")) == made.file
    worse = made.file.model_copy(update={"beats_random": False})
    made = type(made)(file=worse, sounds=made.sounds)
    assert "does not beat random maps" in made._repr_html_() and "does not beat random maps" in made.as_text()
    x = made.sounds["Evidence muted"].samples + made.sounds["All but the evidence muted"].samples
    np.testing.assert_allclose(x, CLIP.samples, atol=1e-6)


def test_an_item_of_a_run_is_explained_from_the_command_line(tmp_path: Path) -> None:
    from click.testing import CliRunner

    import earnest
    from earnest.cli.explain import explain_command
    from earnest.results.build import read_lines

    run = earnest.run("core", model="scripted/always_refuse", task="harmful_refusal", limit=1, out=tmp_path / "run")
    item = next(line.item for line in read_lines(run.folder) if line.kind == "item" and line.answer)
    given = [str(run.folder), item, "--decision", "refuse", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(explain_command, given, standalone_mode=False)
    assert done.exception is None and done.return_value == 1, done.output
    assert "ends the refusal in 0 of 1 draw" in done.output and "does not beat random maps" in done.output
    assert (tmp_path / "out" / "explanation.html").is_file()


def test_rank_correlation_is_spearmans_with_mean_ranks_of_ties() -> None:
    one, other = np.array([0.1, 3.0, 3.0, 7.0]), np.array([5.0, 1.0, 2.0, 9.0])
    # ranks 1, 2.5, 2.5, 4 and 3, 1, 2, 4: centred products -1.5 * 0.5 + 0 + 0 + 1.5 * 1.5 = 1.5
    assert rank_correlation(one, other) == pytest.approx(1.5 / np.sqrt(4.5 * 5.0))
    assert rank_correlation(one, -one) == -1.0
    assert rank_correlation(np.ones(4), other) == 0.0


def test_a_map_is_made_again_and_compared() -> None:
    tiles, one = Tiles(CLIP, seconds=0.05), asked(Small(), CLIP, "label:yes")
    occlusion = explainers.make("occlusion")
    found = occlusion.explain(one, tiles)
    checks = checks_of(found, one, tiles, explainer=occlusion)
    assert checks.noise is not None and checks.noise.n == 5 and checks.noise.low > 0.9
    assert checks.sensitivity is not None and checks.random_sensitivity is not None
    assert 0 < checks.sensitivity < 0.2 < checks.random_sensitivity
    assert set(checks.methods) == {"integrated_gradients", "gradient_x_input", "smoothgrad"}
    agreed = checks.methods["integrated_gradients"]
    assert agreed.mean > agreed.random_high and (agreed.low, agreed.high) == (-1.0, 1.0)  # one map has no interval
    assert -0.7 < agreed.random_low < -0.3 < 0.3 < agreed.random_high < 0.7
    assert checks.weights is None and checks.labels is None  # the small network is no module of torch
    shifted = checks_of(Map(np.roll(found.values, 3)), one, tiles, explainer=occlusion)
    assert shifted.noise is not None and shifted.noise.mean < 0.6


class OfWeights(Small):
    """The small network with its second layer as a weight."""

    def __init__(self, second: np.ndarray) -> None:
        self.second = second

    def learner(self) -> OfWeights:  # type: ignore[override]
        return self

    def weights(self) -> dict[str, np.ndarray]:
        return {"second": self.second}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> OfWeights:
        return OfWeights(weights["second"])

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> np.ndarray:
        hidden = [np.tanh(FIRST @ np.asarray(one.clip.samples, dtype=np.float64)) for one in stimuli]
        yes = np.array([-np.logaddexp(0, -self.second @ own) for own in hidden])
        return np.where([text == "yes" for text in texts], yes, np.log(-np.expm1(yes)))


def test_random_weights_destroy_a_map_of_the_model_and_not_one_of_the_clip() -> None:
    tiles, one = Tiles(CLIP, seconds=0.05), asked(OfWeights(SECOND), CLIP, "label:yes")
    shuffled = random_weights(one.system.model, np.random.default_rng(0))
    assert sorted(shuffled.second) == sorted(SECOND) and not np.array_equal(shuffled.second, SECOND)  # type: ignore[attr-defined]
    occlusion = explainers.make("occlusion")
    shown = checks_of(occlusion.explain(one, tiles), one, tiles, explainer=occlusion, n_noisy=0, n_weights=20)
    assert shown.noise is None and shown.weights is not None and shown.weights.n == 20
    assert shown.weights.mean < 0.4
    loud = checks_of(Loudness().explain(one, tiles), one, tiles, explainer=Loudness(), n_noisy=0, n_weights=3)
    assert loud.weights is not None and loud.weights.mean == 1.0  # whatever the model is


@dataclass(frozen=True, kw_only=True)
class Loudness(Explainer):
    """A map that looks at no model."""

    name = "loudness"
    source = "zeiler2014-visualizing"

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        return Map(tiles.summed(np.square(tiles.clip.samples, dtype=np.float64)))
