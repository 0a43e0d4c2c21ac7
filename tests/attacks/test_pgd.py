"""PGD on a linear model, whose best perturbation is known."""

import math

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks._descent import Path
from earnest.attacks.adversarial.pgd import ProjectedGradientDescent
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.models import System
from earnest.models.access import Target
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


def weights(n=1600, seed=9):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def run(attack, stimuli, *, model=None, seed=0, defences=(), **options):
    model = model or LinearModel(weights(), threshold=1e9)
    return attack.run(System(model, defences), stimuli, rng=np.random.default_rng(seed), **options)


def test_under_epsilon_it_finds_the_best_perturbation_there_is():
    stimulus = toy_stimulus()
    (attempt,) = run(ProjectedGradientDescent(epsilon=64 * STEP), [stimulus]).attempts
    best = stimulus.clip.samples + np.float32(64 * STEP) * np.sign(weights())
    assert np.array_equal(attempt.clip.samples, best.clip(-1, 1 - STEP))
    assert attempt.distortion.peak == 64 * STEP


class Bowl(LinearModel):
    """Loss 0.5 sum c (x - t)^2 for every target, so that signs of the gradient turn on the way."""

    t = np.array([0.9, 0.1, 0.517, 0.6505, 0.8037, 0.4135], dtype=np.float32)
    c = np.array([1, 2, 3, 1, 0.5, 4], dtype=np.float32)

    def loss_and_gradient(self, stimuli, *, targets):
        away = [stimulus.clip.samples - self.t for stimulus in stimuli]
        return np.array([0.5 * float(self.c @ x**2) for x in away]), [self.c * x for x in away]


@pytest.mark.source("attacks/pgd", of="madry2017-pgd", at="MadryLab/mnist_challenge@3ee3643")
@pytest.mark.parametrize(
    ("steps", "last"),
    [
        (3, [0.2055, 0.32575, 0.518, 0.65025, 0.8065, 0.41225]),
        (4, [0.2115, 0.31975, 0.512, 0.65625, 0.8005, 0.41825]),
        (9, [0.2175, 0.31375, 0.518, 0.65025, 0.8065, 0.41225]),
    ],
)
def test_steps_and_projection_are_the_authors(steps, last):
    """`LinfPGDAttack(model, epsilon=0.03, k=steps, a=0.006, random_start=False, "xent").perturb`, run on the negative of
    this loss (it ascends, and here a target is sought); up to rounding to 16 bits. Of these counts of steps the last
    iterate is the best, so that keeping the best makes no difference."""
    clean = AudioClip(np.array([0.1875, 0.34375, 0.5, 0.65625, 0.8125, 0.40625], dtype=np.float32), 16_000)
    goal = Goal(target="yes", reached=lambda text: False, description="never")
    stimulus = Stimulus(clips={"speech": clean}, prompt="?", goal=goal)
    attack = ProjectedGradientDescent(epsilon=0.03, steps=steps, step_size=0.2, last_step=1, momentum=0, check_every=0)
    (attempt,) = run(attack, [stimulus], model=Bowl(np.ones(6), threshold=1e9)).attempts
    np.testing.assert_allclose(attempt.clip.samples, last, atol=1.5 * STEP)


def test_under_an_snr_it_finds_the_direction_of_the_weights():
    stimulus = toy_stimulus()
    (attempt,) = run(ProjectedGradientDescent(snr_db=20, power=1), [stimulus]).attempts
    change = attempt.clip.samples.astype(np.float64) - stimulus.clip.samples
    cosine = np.dot(change, weights()) / np.linalg.norm(change) / np.linalg.norm(weights())
    assert cosine > 0.9999
    assert attempt.distortion.snr_db == pytest.approx(20, abs=0.01)
    assert attempt.distortion.snr_db >= 20 and attempt.within_budget


def test_it_succeeds_exactly_where_the_best_perturbation_does():
    # the best gain within epsilon is epsilon * sum|w|; a threshold just under it is reached, one just above is not
    stimulus, epsilon = toy_stimulus(), 32 * STEP
    reach = LinearModel(weights()).product(stimulus.clip.samples) + epsilon * float(np.abs(weights()).sum())
    attack = ProjectedGradientDescent(epsilon=epsilon, steps=40)
    outcomes = [
        run(attack, [stimulus], model=LinearModel(weights(), threshold=reach + shift)).n_success
        for shift in (-0.01, 0.01)
    ]
    assert outcomes == [1, 0]


def test_queries_and_gradients_are_counted_exactly():
    attack = ProjectedGradientDescent(epsilon=64 * STEP, steps=25, check_every=10)
    (attempt,) = run(attack, [toy_stimulus()]).attempts
    assert (attempt.n_queries, attempt.n_gradients) == (3, 26)  # after steps 10, 20 and 25; at 0, 1, ..., 25
    assert attempt.control_trial.n_queries == 3
    assert (attempt.n_failed_queries, attempt.first_success, attempt.success) == (0, None, False)


def test_a_stimulus_is_done_at_its_first_success_and_the_others_go_on():
    easy = toy_stimulus(seed=1)
    hard = easy.with_clip(easy.clip.with_samples(easy.clip.samples - np.float32(20 * STEP) * np.sign(weights())))
    model = LinearModel(weights())
    model.threshold = model.product(easy.clip.samples) + 4 * STEP * float(np.abs(weights()).sum())
    attack = ProjectedGradientDescent(
        epsilon=64 * STEP, steps=20, step_size=0.05, last_step=1, momentum=0, check_every=2
    )
    result = run(attack, [easy, hard], model=model)
    # the easy clip must rise by 4 16-bit steps and the hard one by 24; a stride is 0.05 * 64 = 3.2, a check every 2
    assert [attempt.success for attempt in result.attempts] == [True, True]
    assert [attempt.drawn["step"] for attempt in result.attempts] == [2, 8]
    assert [attempt.first_success for attempt in result.attempts] == [1, 4]
    assert [attempt.n_gradients for attempt in result.attempts] == [3, 9]
    assert [result.n_success_within(k) for k in (0, 1, 3, 4)] == [0, 1, 1, 2]


def test_without_early_stop_the_success_of_least_loss_is_kept():
    stimulus, epsilon = toy_stimulus(), 64 * STEP
    model = LinearModel(weights())
    model.threshold = model.product(stimulus.clip.samples) + epsilon / 4 * float(np.abs(weights()).sum())
    attack = ProjectedGradientDescent(epsilon=epsilon, steps=20, step_size=0.1, check_every=5, stop_early=False)
    (attempt,) = run(attack, [stimulus], model=model).attempts
    assert attempt.success and attempt.n_queries == 4 and attempt.drawn["step"] >= 10
    assert np.array_equal(np.unique(np.abs(attempt.clip.samples - stimulus.clip.samples)), [np.float32(epsilon)])


def test_the_clip_of_least_loss_is_kept_where_none_succeeds():
    class Rough(LinearModel):
        """Gradients that point the wrong way after the first three."""

        def loss_and_gradient(self, stimuli, *, targets):
            losses, gradients = super().loss_and_gradient(stimuli, targets=targets)
            self.n_steps = getattr(self, "n_steps", 0) + 1
            return losses, gradients if self.n_steps <= 3 else [-g for g in gradients]

    attack = ProjectedGradientDescent(epsilon=64 * STEP, steps=12, check_every=0)
    (attempt,) = run(attack, [toy_stimulus()], model=Rough(weights(), threshold=1e9)).attempts
    assert attempt.drawn["step"] == 3 and attempt.n_queries == 0


def test_rounding_can_undo_an_attack_and_is_then_a_failure():
    # one weight of 1: the clip must rise by 1.2 steps, epsilon allows 1.4 of them, a file holds 1 or 2
    stimulus = toy_stimulus(n_samples=1)
    threshold = float(stimulus.clip.samples[0]) + 1.2 * STEP
    model = LinearModel(np.ones(1, dtype=np.float32), threshold=threshold)
    attack = ProjectedGradientDescent(epsilon=1.4 * STEP, steps=10)
    (attempt,) = run(attack, [stimulus], model=model).attempts
    in_float = stimulus.with_clip(AudioClip(stimulus.clip.samples + np.float32(1.4 * STEP), 16_000))
    assert model.ask([in_float])[0].text == "yes"
    assert attempt.success is False and attempt.answer.text == "no"
    assert attempt.first_success is None and attempt.n_queries == 1


def test_a_zero_budget_changes_nothing():
    stimulus = toy_stimulus()
    for attack in (ProjectedGradientDescent(epsilon=0), ProjectedGradientDescent(snr_db=math.inf, random_start=True)):
        (attempt,) = run(attack, [stimulus]).attempts
        assert attempt.clip == stimulus.clip and attempt.distortion.snr_db == math.inf
        assert attempt.control_trial.clip == stimulus.clip
        assert attempt.facts()["snr_db"] is None and attempt.facts()["peak"] == 0


@pytest.mark.parametrize("options", [{}, {"random_start": True, "momentum": 0.5}, {"epsilon": 0.01, "snr_db": 25}])
def test_results_do_not_depend_on_batch_or_order(options):
    stimuli = [toy_stimulus(seed=seed, n_samples=1000 + 100 * seed) for seed in range(4)]
    attack = ProjectedGradientDescent(steps=15, **options)
    together = run(attack, stimuli).attempts
    backwards = run(attack, stimuli[::-1]).attempts[::-1]
    alone = [run(attack, [stimulus]).attempts[0] for stimulus in stimuli]
    for attempt, other, single in zip(together, backwards, alone, strict=True):
        assert attempt.clip == other.clip == single.clip
        assert attempt.facts() == other.facts() == single.facts()
        assert attempt.control_trial.clip == other.control_trial.clip == single.control_trial.clip


def test_a_random_start_is_used_and_replayed():
    attack = ProjectedGradientDescent(steps=1, check_every=0, random_start=True)
    first, again, other = (run(attack, [toy_stimulus()], seed=seed).attempts[0].clip for seed in (0, 0, 1))
    assert first == again and first != other


@pytest.mark.parametrize("seed", range(4))
def test_a_random_start_under_an_snr_is_as_likely_near_as_far_within_the_budget(seed):
    """Its direction is normal, and its length a uniform share of the longest change: 20 dB are a tenth of the clean clip's."""
    clean = toy_stimulus().clip
    attack = ProjectedGradientDescent(snr_db=20.0, random_start=True)
    change = Path(attack, clean, rng=np.random.default_rng(seed)).clip().samples - clean.samples
    again = np.random.default_rng(seed)
    direction, share = again.standard_normal(clean.n_samples), again.uniform()
    assert 0.05 < share < 0.95, "a length of its own, and no bound of the budget"
    wanted = share * 0.1 * np.linalg.norm(clean.samples.astype(np.float64)) * direction / np.linalg.norm(direction)
    assert np.allclose(change, wanted, atol=1e-6)


def test_the_loss_of_the_clean_clip_is_kept_beside_the_least():
    """Of a linear loss -w·x the sign steps of a quarter of epsilon lower it by epsilon sum |w| / 4 each."""
    stimulus = toy_stimulus()
    attack = ProjectedGradientDescent(
        epsilon=64 * STEP, steps=3, step_size=0.25, last_step=1, momentum=0, check_every=0
    )
    model = LinearModel(weights())
    model.threshold = (
        model.product(stimulus.clip.samples) + 10
    )  # out of reach, and near enough for a float to tell the losses apart
    (attempt,) = run(attack, [stimulus], model=model).attempts
    (clean,), _ = model.loss_and_gradient([stimulus], targets=[stimulus.goal.text])
    (last,), _ = model.loss_and_gradient([stimulus.with_clip(attempt.clip)], targets=[stimulus.goal.text])
    assert attempt.drawn["step"] == attempt.drawn["steps_taken"] == 3
    assert attempt.drawn["first_loss"] == pytest.approx(float(clean))
    assert attempt.drawn["loss"] == pytest.approx(float(last), rel=1e-3) and last < 0.95 * clean


def test_momentum_goes_on_where_the_gradient_turns():
    class Turning(LinearModel):
        """The third gradient points backwards."""

        def loss_and_gradient(self, stimuli, *, targets):
            losses, gradients = super().loss_and_gradient(stimuli, targets=targets)
            self.n_steps = getattr(self, "n_steps", 0) + 1
            return losses, gradients if self.n_steps <= 2 else [-g for g in gradients]

    def best_step(momentum):
        attack = ProjectedGradientDescent(epsilon=64 * STEP, steps=3, check_every=0, momentum=momentum)
        return run(attack, [toy_stimulus()], model=Turning(weights(), threshold=1e9)).attempts[0].drawn["step"]

    # with 0.9 the third direction is -1 + 0.9 * (1 + 0.9) = 0.71 forwards
    assert (best_step(0.0), best_step(0.9)) == (2, 3)


def test_the_control_is_noise_of_exactly_the_same_size():
    stimulus = toy_stimulus()
    (attempt,) = run(ProjectedGradientDescent(snr_db=25), [stimulus]).attempts
    noise = attempt.control_trial
    assert attempt.control == "same_size_noise" and noise.success is False
    assert (noise.distortion, noise.within_budget) == (attempt.distortion, True)
    changes = [np.abs(clip.samples - stimulus.clip.samples) for clip in (noise.clip, attempt.clip)]
    assert np.array_equal(*changes) and noise.clip != attempt.clip


def test_a_control_that_succeeds_is_told():
    # the answer is "yes" for almost any change: a weight alternates, the threshold is the clean product
    stimulus = toy_stimulus()
    model = LinearModel(weights())
    model.threshold = model.product(stimulus.clip.samples)
    result = run(ProjectedGradientDescent(), [stimulus], model=model)
    assert result.n_success == 1 and result.n_control_success == 1
    assert result.attempts[0].facts()["control_success"] is True


def test_what_the_clean_system_does_anyhow_is_not_counted_and_not_attacked():
    broken, withstanding, aimless = toy_stimulus(seed=1), toy_stimulus(seed=2), toy_stimulus(seed=3, goal=False)
    model = LinearModel(weights())
    products = [model.product(s.clip.samples) for s in (broken, withstanding)]
    model.threshold = sum(products) / 2
    if products[0] < products[1]:
        broken, withstanding = withstanding, broken
    result = run(ProjectedGradientDescent(snr_db=10), [broken, withstanding, aimless], model=model)
    assert (result.n_judged, result.n_success) == (1, 1)
    assert result.unjudged == {"already_reached": 1, "no_goal": 1}
    assert result.attempts[0].n_gradients == 0 and result.attempts[0].clip == broken.clip


def test_a_goal_without_target_text_is_a_fault_and_no_withstood_attack():
    stimulus = toy_stimulus(goal=False)
    goal = Goal(target=None, reached=lambda text: text == "yes")
    aimless = Stimulus(clips=stimulus.clips, prompt="?", goal=goal)
    result = run(ProjectedGradientDescent(), [aimless])
    assert result.attempts[0].success is None and result.unjudged == {"attack_failed": 1}
    assert "needs a goal with a target text" in result.attempts[0].answer.detail


@pytest.mark.parametrize("value, word", [(0.0, "zero"), (math.nan, "not finite")])
def test_a_gradient_of_no_use_is_a_fault_and_no_withstood_attack(value, word):
    class Masked(LinearModel):
        def loss_and_gradient(self, stimuli, *, targets):
            losses, gradients = super().loss_and_gradient(stimuli, targets=targets)
            return losses, [np.full_like(gradient, value) for gradient in gradients]

    result = run(ProjectedGradientDescent(), [toy_stimulus()], model=Masked(weights(), threshold=1e9))
    assert result.unjudged == {"attack_failed": 1} and result.n_judged == 0
    assert f"the gradient is {word} at step 0" in result.attempts[0].answer.detail


def test_calls_that_fail_are_counted_and_never_a_success_or_safe():
    # one answer, to the clean clip; every later call fails
    model = LinearModel(weights(), threshold=1e9, n_answers=1)
    result = run(ProjectedGradientDescent(steps=20), [toy_stimulus()], model=model)
    (attempt,) = result.attempts
    assert (attempt.n_queries, attempt.n_failed_queries) == (2, 2)
    assert attempt.success is None and result.n_judged == 0 and result.unjudged == {"timeout": 1}
    assert attempt.control_success is None and attempt.facts()["unjudged"] == "timeout"


def test_a_model_without_gradients_is_refused():
    model = LinearModel(weights(), access=("responses",))
    with pytest.raises(AccessDenied, match="attack 'pgd' needs gradients access, but 'toy/linear' grants responses"):
        run(ProjectedGradientDescent(), [toy_stimulus()], model=model)


def test_it_may_be_built_on_a_surrogate_and_is_judged_on_the_system():
    stimulus = toy_stimulus()
    judged = LinearModel(weights(seed=10), threshold=1e9, access=("responses",))
    surrogate = System(LinearModel(weights(), threshold=1e9))
    (attempt,) = run(
        ProjectedGradientDescent(epsilon=64 * STEP), [stimulus], model=judged, surrogate=surrogate
    ).attempts
    assert attempt.adaptive is False and judged.n_asked == 3  # clean, attacked, control
    assert np.array_equal(np.sign(attempt.clip.samples - stimulus.clip.samples), np.sign(weights()))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"steps": 0}, "steps of pgd must be a whole number of at least 1, got 0"),
        ({"eot": 1.5}, "eot of pgd must be a whole number of at least 1, got 1.5"),
        ({"step_size": 0}, "step_size of pgd must be a positive share of the budget"),
        ({"momentum": 1.0}, r"momentum of pgd must lie in \[0, 1\)"),
        ({"power": 0}, r"power of pgd must lie in \(0, 1\]"),
        ({"epsilon": 1e-6}, "epsilon must be 0 or lie from"),
    ],
)
def test_parameters_out_of_range_are_refused(options, message):
    with pytest.raises(BadParameter, match=message):
        ProjectedGradientDescent(**options)


def test_a_specification_makes_it_and_tells_it():
    attack = attacks.make("pgd:steps=40,epsilon=0.002,transfer=true")
    assert str(attack.spec) == "pgd:epsilon=0.002,steps=40,transfer=true"
    assert attacks.make(attack.spec) == attack


def test_steps_fall_evenly_to_the_last_one():
    stimulus = toy_stimulus(n_samples=1)  # one weight of 1, so that every step is upwards
    attack = ProjectedGradientDescent(
        epsilon=600 * STEP, steps=3, step_size=0.2, last_step=0.5, momentum=0, check_every=0
    )
    (attempt,) = run(attack, [stimulus], model=LinearModel(np.ones(1, dtype=np.float32), threshold=1e9)).attempts
    risen = (attempt.clip.samples - stimulus.clip.samples) / np.float32(STEP)
    np.testing.assert_allclose(risen, [120 + 90 + 60], atol=1)


def test_a_step_under_an_snr_goes_along_the_sizes_of_the_gradient_to_a_power():
    stimulus = toy_stimulus(n_samples=2)
    slopes = np.array([4, -1], dtype=np.float32)
    for power, ratio in ((1.0, -4.0), (0.5, -2.0)):
        attack = ProjectedGradientDescent(snr_db=10, steps=1, step_size=1, power=power, momentum=0, check_every=0)
        (attempt,) = run(attack, [stimulus], model=LinearModel(slopes, threshold=1e9)).attempts
        change = attempt.clip.samples.astype(np.float64) - stimulus.clip.samples
        assert change[0] > 0 and change[0] / change[1] == pytest.approx(ratio, rel=0.02)


class Aiming(LinearModel):
    """Gives a target a transcript that counts how often it was aimed."""

    def aimed(self, stimuli, *, targets):
        self.asked_for = [*getattr(self, "asked_for", []), *targets]
        n = [int(getattr(target, "transcript", None) or 0) for target in targets]
        return [Target(target, end_weight=None, transcript=str(k + 1)) for target, k in zip(targets, n, strict=True)]

    def loss_and_gradient(self, stimuli, *, targets):
        self.driven = [*getattr(self, "driven", []), *(target.transcript for target in targets)]
        return super().loss_and_gradient(stimuli, targets=[str(target) for target in targets])


def test_what_is_driven_is_sought_anew_after_a_failed_look_in_the_first_half_and_counted():
    model = Aiming(weights(), threshold=1e9)
    attack = ProjectedGradientDescent(epsilon=64 * STEP, steps=8, step_size=0.05, check_every=2)
    (attempt,) = run(attack, [toy_stimulus()], model=model).attempts
    # looks after 2, 4, 6 and 8 steps; only the first is before the half
    assert model.driven == ["1"] * 3 + ["2"] * 6
    assert [getattr(target, "transcript", None) for target in model.asked_for] == [None, "1"]
    assert (attempt.n_aims, attempt.n_gradients, attempt.facts()["n_aims"]) == (2, 9, 2)
    assert attempt.n_aims <= attack.max_aims and attempt.n_gradients == attack.max_gradients
