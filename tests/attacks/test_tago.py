"""Sparse descent and targets that say what is wanted of their end."""

import pickle

import numpy as np
import pytest

from earnest.attacks.adversarial.pgd import ProjectedGradientDescent, kept_tokens, pruned
from earnest.errors import BadParameter
from earnest.models import System
from earnest.models.access import Target, ending_weights
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


def run(attack, stimulus, model):
    return attack.run(System(model), [stimulus], rng=np.random.default_rng(0)).attempts[0]


@pytest.mark.source(
    "attacks/pgd",
    of="fang2026-tago",
    at="Section 3, as summarised: sample energies summed over each token, the top share kept",
)
def test_only_the_tokens_with_the_most_energy_in_the_gradient_move():
    stimulus = toy_stimulus(n_samples=800)  # ten tokens of 5 ms
    weights = np.repeat(np.float32([1, 9, 2, 8, 3, 7, 4, 6, 5, 0.5]), 80)
    attack = ProjectedGradientDescent(epsilon=64 * STEP, keep=0.3, token_ms=5.0, check_every=0, steps=20)
    attempt = run(attack, stimulus, LinearModel(weights, threshold=1e9))
    moved = (attempt.clip.samples != stimulus.clip.samples).reshape(10, 80).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [1, 3, 5]
    whole = run(
        ProjectedGradientDescent(epsilon=64 * STEP, check_every=0, steps=20),
        stimulus,
        LinearModel(weights, threshold=1e9),
    )
    assert (whole.clip.samples != stimulus.clip.samples).mean() > 0.99
    cut = pruned(clean=stimulus.clip, perturbed=whole.clip, keep=0.3, token_ms=5.0)
    assert (cut.samples != stimulus.clip.samples).reshape(10, 80).any(axis=1).sum() == 3


def test_a_last_token_that_is_cut_short_counts_with_what_it_has():
    assert kept_tokens(np.float32([0, 0, 1, 1, 3]), keep=0.34, n_samples=2).tolist() == [0, 0, 0, 0, 1]


def test_the_weight_of_the_end_reaches_the_model():
    class Heard(LinearModel):
        def loss_and_gradient(self, stimuli, *, targets):
            heard.extend(targets)
            return super().loss_and_gradient(stimuli, targets=[str(target) for target in targets])

    heard = []
    run(
        ProjectedGradientDescent(steps=1, eos_weight=0.5),
        toy_stimulus(n_samples=400),
        Heard(np.ones(400), threshold=1e9),
    )
    assert [(type(one), one.end_weight, one.unending) for one in heard] == [(Target, 0.5, False)] * 2 and heard[
        0
    ] == "yes"
    heard.clear()
    run(ProjectedGradientDescent(steps=1), toy_stimulus(n_samples=400), Heard(np.ones(400), threshold=1e9))
    assert [type(one) for one in heard] == [str, str]


def test_a_target_is_a_text_with_two_wishes():
    target = pickle.loads(pickle.dumps(Target("yes", end_weight=2, unending=True)))
    assert (target, target.end_weight, target.unending) == ("yes", 2.0, True)
    with pytest.raises(BadParameter, match="end_weight must be at least 0, got -1"):
        Target("yes", end_weight=-1)
    weights = ending_weights(4)
    assert weights.sum() == pytest.approx(1) and weights[3] / weights[0] == pytest.approx(np.exp(3))


@pytest.mark.parametrize("options", [{"keep": 0.0}, {"keep": 1.1}, {"token_ms": 0.0}, {"eos_weight": -1.0}])
def test_numbers_that_are_none_are_refused(options):
    with pytest.raises(BadParameter, match=f"{next(iter(options))} of pgd"):
        ProjectedGradientDescent(**options)
