"""What the base class owes every attack: verification, accounting, fresh draws, defences, side effects."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from earnest.attacks import Attack, Budget, Candidate, unchanged
from earnest.attacks.adversarial.pgd import ProjectedGradientDescent
from earnest.attacks.jailbreak.best_of_n import BestOfN
from earnest.audio import AudioClip, Stimulus
from earnest.defences import Defence
from earnest.defences.smoothing import Smoothing
from earnest.errors import BadParameter, ModelFailed
from earnest.models import Answer, System
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


def run(attack, stimuli, *, model, defences=(), seed=0, **options):
    return attack.run(System(model, tuple(defences)), stimuli, rng=np.random.default_rng(seed), **options)


def alternating(n=400, offset=0.25):
    return np.array([(-1) ** i + offset for i in range(n)], dtype=np.float32)


# ---- adaptive and transfer ----


def test_transfer_is_undone_by_smoothing_and_adaptive_is_not():
    # weights (-1)^i + 1/4; a mean of three turns them into 1/4 - (-1)^i / 3 inside the clip. Their signs alternate as
    # well, but the other way about: what raises the bare product lowers the smoothed one.
    stimulus = toy_stimulus(n_samples=400)
    defence = Smoothing(width_ms=3 / 16)
    clean = LinearModel(alternating()).product(defence.apply(stimulus.clip, rng=None).samples)
    model = LinearModel(alternating(), threshold=clean + 0.05)
    options = {"epsilon": 64 * STEP, "steps": 20}
    adaptive = run(ProjectedGradientDescent(**options), [stimulus], model=model, defences=[defence])
    transfer = run(ProjectedGradientDescent(**options, transfer=True), [stimulus], model=model, defences=[defence])
    assert (adaptive.n_success, transfer.n_success) == (1, 0)
    assert (adaptive.attempts[0].adaptive, transfer.attempts[0].adaptive) == (True, False)
    # what a search reached on what it was built on is no success on the judged system
    assert transfer.attempts[0].first_success is None and adaptive.attempts[0].first_success == 1


def test_a_transfer_attack_on_an_undefended_system_is_adaptive():
    model = LinearModel(alternating(), threshold=1e9)
    attempt = run(ProjectedGradientDescent(steps=2, transfer=True), [toy_stimulus()], model=model).attempts[0]
    assert attempt.adaptive is True


@dataclass(frozen=True, kw_only=True)
class Coarse(Defence):
    """Rounds to sixteenths; `honest` passes gradients straight, otherwise it hides them."""

    source: ClassVar[str] = "nobody2026-coarse"
    gradient: ClassVar[str] = "stand_in"
    honest: bool = True

    def apply(self, clip, *, rng):
        return clip.with_samples(np.round(clip.samples * 16) / np.float32(16))

    def backward(self, gradient, *, clip, rng):
        return gradient if self.honest else np.zeros_like(gradient)


def test_hidden_gradients_are_no_robustness():
    stimulus, attack = toy_stimulus(n_samples=400), ProjectedGradientDescent(epsilon=0.05)
    clean = LinearModel(alternating()).product(Coarse().apply(stimulus.clip, rng=None).samples)
    model = LinearModel(alternating(), threshold=clean + 1)
    honest = run(attack, [stimulus], model=model, defences=[Coarse()])
    hidden = run(attack, [stimulus], model=model, defences=[Coarse(honest=False)])
    assert (honest.n_success, honest.n_judged) == (1, 1)
    assert (hidden.n_success, hidden.n_judged, hidden.unjudged) == (0, 0, {"attack_failed": 1})


# ---- draws ----


@dataclass(frozen=True, kw_only=True)
class Flipping(Defence):
    """Turns the clip's polarity with a chance of a quarter."""

    source: ClassVar[str] = "nobody2026-flip"
    gradient: ClassVar[str] = "exact"
    random: ClassVar[bool] = True
    drawn: ClassVar[list] = []

    def _sign(self, rng):
        draw = rng.random()
        self.drawn.append(draw)
        return np.float32(-1 if draw < 0.25 else 1)

    def apply(self, clip, *, rng):
        return clip.with_samples(self._sign(rng) * clip.samples)

    def backward(self, gradient, *, clip, rng):
        return self._sign(rng) * gradient


def test_the_way_back_goes_through_the_draw_of_the_way_there():
    stimulus, system = toy_stimulus(), System(LinearModel(alternating()), (Flipping(),))
    for draw in range(8):
        losses, (gradient,) = system.loss_and_gradient([stimulus], targets=["yes"], draw=draw)
        # the loss is -sign * w.x and the gradient -sign * w
        assert np.dot(gradient.astype(np.float64), stimulus.clip.samples) == pytest.approx(losses[0], rel=1e-5)


def test_more_draws_find_the_way_where_one_wavers():
    def gain(eot):
        attack = ProjectedGradientDescent(
            epsilon=64 * STEP, steps=12, step_size=0.08, last_step=1, momentum=0, eot=eot, check_every=0
        )
        model = LinearModel(alternating(), threshold=1e9)
        stimulus = toy_stimulus(n_samples=400)
        attempt = run(attack, [stimulus], model=model, defences=[Flipping()]).attempts[0]
        assert attempt.n_gradients == 13 * eot
        return model.product(attempt.clip.samples) - model.product(stimulus.clip.samples)

    best = 64 * STEP * float(np.abs(alternating()).sum())
    assert gain(32) > 0.8 * best > gain(1)  # a step is 0.08 of the way, so 12 of one mind cover 0.96


def test_what_is_judged_is_a_draw_that_the_search_has_not_seen():
    Flipping.drawn.clear()
    model = LinearModel(alternating(), threshold=1e9)
    run(BestOfN(n=5), [toy_stimulus()], model=model, defences=[Flipping()])
    assert len(Flipping.drawn) == len(set(Flipping.drawn)) == 1 + 5 + 1 + 5 + 1  # clean, search, verified; control


# ---- audio before and after ----


@dataclass(frozen=True, kw_only=True)
class Prepended(Attack):
    """Ten loud samples before the clip and five after it."""

    source: ClassVar[str] = "nobody2026-prepended"
    family: ClassVar[str] = "adversarial"
    epsilon: float | None = 100 * STEP
    told: bool = True

    @property
    def budget(self) -> Budget:
        return Budget(epsilon=self.epsilon)

    def propose(self, victim, stimuli: Sequence[Stimulus], *, rngs):
        shifts = {"n_before": 10, "n_after": 5} if self.told else {}
        loud = [np.concatenate([np.full(10, 0.5), s.clip.samples, np.full(5, -0.5)]) for s in stimuli]
        return [
            Candidate(clip=s.clip.with_samples(x.astype(np.float32)), **shifts)
            for s, x in zip(stimuli, loud, strict=True)
        ]


def test_what_is_put_before_and_after_is_held_to_the_budget():
    stimulus = toy_stimulus()
    (attempt,) = run(Prepended(), [stimulus], model=LinearModel(alternating())).attempts
    steps = attempt.clip.samples / np.float32(STEP)
    assert np.array_equal(steps[:10], np.full(10, 100)) and np.array_equal(steps[-5:], np.full(5, -100))
    assert np.array_equal(attempt.clip.samples[10:-5], stimulus.clip.samples)
    assert attempt.within_budget and attempt.distortion.peak == 100 * STEP
    assert attempt.distortion.length_ratio == 1615 / 1600


def test_another_length_without_a_budget_is_measured_by_its_length():
    (attempt,) = run(Prepended(epsilon=None, told=False), [toy_stimulus()], model=LinearModel(alternating())).attempts
    assert attempt.distortion.snr_db is None and attempt.distortion.peak is None and attempt.within_budget
    assert attempt.facts()["length_ratio"] == 1615 / 1600


def test_another_length_under_a_budget_is_refused():
    with pytest.raises(BadParameter, match="must keep the clip's length of 1600 samples, got 1615"):
        run(Prepended(told=False), [toy_stimulus()], model=LinearModel(alternating()))


# ---- 16 bits ----


def test_clean_clips_are_asked_as_files_hold_them():
    # one sample a third of a step above the threshold: in a file it is below
    clip = AudioClip(np.array([0.25 + STEP / 3], dtype=np.float32), 16_000)
    model = LinearModel(np.ones(1, dtype=np.float32), threshold=0.25 + STEP / 6)
    stimulus = toy_stimulus().with_clip(clip)
    assert model.ask([stimulus])[0].text == "yes"
    (attempt,) = run(ProjectedGradientDescent(epsilon=0), [stimulus], model=model).attempts
    assert attempt.clean.text == "no" and attempt.distortion.peak == 0


# ---- side effects ----


class Breaking(LinearModel):
    """Fails at the fourth gradient."""

    def loss_and_gradient(self, stimuli, *, targets):
        self.n_steps = getattr(self, "n_steps", 0) + 1
        if self.n_steps == 4:
            raise ModelFailed("out of memory")
        return super().loss_and_gradient(stimuli, targets=targets)


@pytest.mark.parametrize("model", [LinearModel(alternating(), threshold=1e9), Breaking(alternating(), threshold=1e9)])
def test_inputs_weights_and_global_randomness_are_untouched_also_after_an_exception(model):
    stimuli = [toy_stimulus(seed=seed) for seed in range(2)]
    before = [np.array(s.clip.samples) for s in stimuli], np.array(model.weights)
    np.random.seed(3)
    state = np.random.get_state()
    try:
        run(ProjectedGradientDescent(steps=5, random_start=True), stimuli, model=model)
    except ModelFailed:
        assert isinstance(model, Breaking)
    assert all(np.array_equal(s.clip.samples, x) for s, x in zip(stimuli, before[0], strict=True))
    assert np.array_equal(model.weights, before[1])
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), state, strict=True))


def test_only_one_number_is_drawn_from_the_generator():
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    attack = BestOfN(n=3)
    attack.run(System(LinearModel(alternating(), threshold=1e9)), [toy_stimulus()], rng=rng)
    other.integers(2**31)
    assert rng.random() == other.random()


def test_a_gradient_of_another_shape_is_told():
    class Short(LinearModel):
        def loss_and_gradient(self, stimuli, *, targets):
            losses, gradients = super().loss_and_gradient(stimuli, targets=targets)
            return losses, [gradient[1:] for gradient in gradients]

    with pytest.raises(ModelFailed, match=r"shape \(1600,\) of its clip, got \(1599,\) from 'toy/linear'"):
        run(ProjectedGradientDescent(), [toy_stimulus()], model=Short(alternating(), threshold=1e9))


# ---- results ----


def test_an_attack_on_nothing_gives_nothing():
    result = run(BestOfN(), [], model=LinearModel(alternating()))
    assert (result.attempts, result.n_judged, result.n_success, result.unjudged) == ((), 0, 0, {})


def test_the_facts_are_json():
    (attempt,) = run(BestOfN(n=2), [toy_stimulus()], model=LinearModel(alternating(), threshold=1e9)).attempts
    facts = json.loads(json.dumps(attempt.facts(), allow_nan=False))
    assert facts["success"] is False and facts["control"] == "plain_resampling" and facts["control_n_queries"] == 2
    assert facts["clean_answer"] == facts["control_answer"] == "no"


def test_a_goal_that_cannot_be_told_is_not_judged():
    from earnest.audio import Goal

    stimulus = toy_stimulus()
    vague = Stimulus(clips=stimulus.clips, prompt="?", goal=Goal(target="yes", reached=lambda text: None))
    result = run(BestOfN(n=2), [vague], model=LinearModel(alternating()))
    assert result.unjudged == {"cannot_tell": 1} and result.attempts[0].n_queries == 2


def test_an_attack_without_its_control_is_told():
    @dataclass(frozen=True, kw_only=True)
    class Forgetful(Attack):
        source: ClassVar[str] = "nobody2026-forgetful"
        family: ClassVar[str] = "adversarial"
        control_name: ClassVar[str] = "noise"

        def propose(self, victim, stimuli, *, rngs):
            return unchanged(stimuli)

    with pytest.raises(BadParameter, match="names a control and has none; implement `control`"):
        run(Forgetful(), [toy_stimulus()], model=LinearModel(alternating()))


# ---- defences in a system ----


@dataclass(frozen=True, kw_only=True)
class Prompting(Defence):
    """Puts a warning before the prompt and a stamp under the answer."""

    source: ClassVar[str] = "nobody2026-prompting"
    gradient: ClassVar[str] = "none"

    def instruct(self, stimulus):
        from dataclasses import replace

        return replace(stimulus, system_prompt="Beware.")

    def review(self, answer):
        from dataclasses import replace

        return replace(answer, text=answer.text + "!")


def test_prompts_and_answers_pass_the_defences_for_answers_and_gradients_alike():
    heard = []

    class Listening(LinearModel):
        def ask(self, stimuli, **options):
            heard.extend(s.system_prompt for s in stimuli)
            return super().ask(stimuli, **options)

        def loss_and_gradient(self, stimuli, **options):
            heard.extend(s.system_prompt for s in stimuli)
            return super().loss_and_gradient(stimuli, **options)

    system = System(Listening(alternating(), threshold=1e9), (Prompting(),))
    assert system.ask([toy_stimulus()])[0].text == "no!"
    system.loss_and_gradient([toy_stimulus()], targets=["yes"])
    assert heard == ["Beware.", "Beware."]


def test_every_clip_is_defended_for_gradients_too():
    heard = []

    class Listening(LinearModel):
        def loss_and_gradient(self, stimuli, **options):
            heard.extend(stimuli)
            return super().loss_and_gradient(stimuli, **options)

    stimulus = toy_stimulus().with_clip(toy_stimulus(seed=4).clip, role="background")
    system = System(Listening(alternating()), (Smoothing(),))
    system.loss_and_gradient([stimulus], targets=["yes"])
    assert heard[0].clips == system.defended(stimulus).clips
    assert heard[0].clips["background"] != stimulus.clips["background"]


def test_an_answer_without_defences_is_the_models_own():
    assert isinstance(System(LinearModel(alternating())).ask([toy_stimulus()])[0], Answer)
