"""Attacks by scores: square, nes and genetic, on a model whose scores are known."""

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks.adversarial.genetic import Genetic
from earnest.attacks.adversarial.nes import estimated
from earnest.attacks.adversarial.square import Square
from earnest.errors import AccessDenied, BadParameter
from earnest.models import System
from earnest.testing.contracts import check_attack
from earnest.testing.toys import CurvedModel, LinearModel, toy_stimulus

STEP = 2.0**-15


def weights(n=400, seed=9):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def run(attack, *, reach, seed=0, n=400):
    """The attack on a model whose product must rise by `reach`."""
    stimulus = toy_stimulus(n_samples=n)
    model = CurvedModel(weights(n))
    model.threshold = model.product(stimulus.clip.samples) + reach
    result = attack.run(System(model), [stimulus], rng=np.random.default_rng(seed))
    return result.attempts[0], model, stimulus


SPECS = ["square:queries=20", "nes:queries=24,population=4", "genetic:queries=24,population=4"]


@pytest.mark.parametrize("spec", SPECS)
def test_the_contract_holds(spec):
    check_attack(attacks.make(spec))


@pytest.mark.parametrize("spec", SPECS)
def test_scores_are_needed_and_counted(spec):
    attack = attacks.make(spec)
    attempt, model, stimulus = run(attack, reach=1e6)
    assert (
        16 < attempt.n_queries <= attack.queries and attempt.n_gradients == 0 and attempt.control_trial.n_queries == 8
    )
    with pytest.raises(AccessDenied, match="needs scores access"):
        attack.run(System(LinearModel(weights())), [stimulus], rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "spec",
    ["square:snr_db=10,queries=300", "nes:queries=600,population=20,step_size=0.003", "genetic:queries=600,bits=12"],
)
def test_they_go_further_than_noise_of_the_same_size(spec):
    attempt, model, stimulus = run(attacks.make(spec), reach=1e6)
    gains = [
        model.product(trial.clip.samples) - model.product(stimulus.clip.samples)
        for trial in (attempt, attempt.control_trial)
    ]
    assert gains[0] > 3 * max(1.0, gains[1]) and attempt.within_budget


@pytest.mark.parametrize(
    "spec", ["square:queries=300", "nes:queries=600,population=20,step_size=0.003", "genetic:queries=600,bits=12"]
)
def test_they_end_where_the_target_is_what_is_said(spec):
    attempt, _, _ = run(attacks.make(spec), reach=8.0)
    assert attempt.success and attempt.n_queries < attacks.make(spec).queries


@pytest.mark.source("attacks/square", of="andriushchenko2019-square", at="max-andr/square-attack@ea6fb1d")
def test_stretches_become_shorter_on_the_schedule_of_the_code():
    """`p_selection` of attack.py over 10,000 steps: p until 10, p/2 until 50, p/4 until 200, p/8 until 500, p/16 until 1000,
    p/32 until 2000, p/64 until 4000, p/128 until 6000, p/256 until 8000, then p/512."""
    attack = Square(queries=10_000, p=0.5)
    lengths = [
        attack.length(step, 10_240) for step in (1, 10, 11, 50, 51, 200, 201, 501, 1001, 2001, 4001, 6001, 8001, 9999)
    ]
    assert lengths == [5120, 5120, 2560, 2560, 1280, 1280, 640, 320, 160, 80, 40, 20, 10, 10]


def test_under_epsilon_every_stretch_is_at_the_edge():
    attempt, _, stimulus = run(Square(epsilon=64 * STEP, queries=40), reach=1e6)
    change = np.abs(attempt.clip.samples - stimulus.clip.samples)
    assert np.allclose(change, 64 * STEP) and attempt.distortion.peak == 64 * STEP


@pytest.mark.source(
    "attacks/nes", of="ilyas2018-blackbox", at="Section 2.2, equation of the estimate with antithetic sampling"
)
def test_the_estimate_is_the_gradient_of_a_linear_loss_on_average():
    """1/(n sigma) sum of delta_i F(x + sigma delta_i) over n points, half of them the negatives of the others."""
    rng = np.random.default_rng(1)
    slope = np.array([3.0, -1.0, 0.5])
    noise = rng.standard_normal((4000, 3)).astype(np.float32)
    losses = np.concatenate([(0.1 * noise) @ slope, (-0.1 * noise) @ slope])
    np.testing.assert_allclose(estimated(noise, losses, sigma=0.1), slope, atol=0.15)
    # by hand: one pair, noise (2, 1), losses 5 and 3: (5 - 3) * (2, 1) / (2 * 0.5)
    np.testing.assert_allclose(estimated(np.array([[2.0, 1.0]]), np.array([5.0, 3.0]), sigma=0.5), [4.0, 2.0])


@pytest.mark.source(
    "attacks/genetic",
    of="alzantot2018-didyouhear",
    at="Section 3, algorithm 1: noise in the lowest 8 bits, elite, crossover of two parents, mutation",
)
def test_children_come_of_two_parents_and_the_best_is_carried_over():
    attack, rng = Genetic(mutation=0.0, temperature=1e-3), np.random.default_rng(0)
    changes = np.stack([np.full(2000, k, np.float32) * np.float32(STEP) for k in range(20)])
    losses = np.full(20, 9.0)
    losses[[3, 7]] = 1.0  # alone worth anything to the selection
    made = attack._children(changes, losses, elite=changes[3], rng=rng)
    assert made.shape == changes.shape and np.array_equal(made[0], changes[3])
    assert set(np.unique(np.rint(made / STEP))) == {3.0, 7.0}
    mixed = [row for row in made[1:] if len(set(row.tolist())) == 2]
    assert mixed and all(0.4 < np.mean(row == changes[3, 0]) < 0.6 for row in mixed)
    noise = attacks.make("genetic:bits=8")._noise(100_000, 0.25, rng) / STEP
    assert noise.min() == -128 and noise.max() == 127 and np.mean(noise != 0) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    "spec",
    [
        "square:queries=1",
        "square:p=0",
        "square:colour=red",
        "nes:population=1",
        "nes:sigma=0",
        "genetic:bits=17",
        "genetic:mutation=-1",
    ],
)
def test_numbers_that_are_none_are_refused(spec):
    with pytest.raises(BadParameter):
        attacks.make(spec)
