"""A suffix that is learnt for one clip."""

import numpy as np
import pytest

from earnest.attacks.adversarial.audiojailbreak import BASES, AudioJailbreak, based
from earnest.errors import BadParameter
from earnest.models import System
from earnest.testing.toys import LinearModel, toy_stimulus


def weights(n=2000):
    return np.random.default_rng(4).standard_normal(n).astype(np.float32)


def run(attack, model, stimulus):
    return attack.run(System(model), [stimulus], rng=np.random.default_rng(0)).attempts[0]


@pytest.mark.source("attacks/audiojailbreak", of="chen2025-audiojailbreak", at="AudioJailbreak/AudioJailbreak@b2c8df7")
def test_the_speech_is_left_alone_and_the_suffix_goes_the_way_of_the_gradient():
    """As its base case: tanh of a free variable, Adam of 0.001 on the loss of the target, 500 steps."""
    default = AudioJailbreak()
    assert (default.steps, default.learning_rate) == (500, 0.001)
    stimulus = toy_stimulus(n_samples=800)
    attack = AudioJailbreak(length_s=0.05, steps=60, learning_rate=0.05, base_level=0.01, epsilon=0.5)
    attempt = run(attack, LinearModel(weights(), threshold=1e9), stimulus)
    assert attempt.clip.n_samples == 1600 and np.array_equal(attempt.clip.samples[:800], stimulus.clip.samples)
    suffix = attempt.clip.samples[800:]
    assert np.mean(np.sign(suffix) == np.sign(weights()[800:1600])) > 0.97 and attempt.within_budget
    assert attempt.control_trial.clip.n_samples == 1600
    np.testing.assert_allclose(np.abs(attempt.control_trial.clip.samples[800:]), np.abs(suffix), atol=1e-4)


def test_it_succeeds_where_the_suffix_can_and_stops_there():
    stimulus, model = toy_stimulus(n_samples=800), LinearModel(weights())
    model.threshold = model.product(stimulus.clip.samples) + 100.0
    attempt = run(AudioJailbreak(length_s=0.05, steps=200, learning_rate=0.05), model, stimulus)
    assert attempt.success and not attempt.control_success and attempt.n_gradients < 200


@pytest.mark.parametrize("base", BASES)
def test_a_base_has_its_level_and_no_more(base):
    samples = based(base, toy_stimulus(n_samples=500).clip, 16_000, level=0.02, rng=np.random.default_rng(0))
    assert (
        samples.shape == (16_000,)
        and np.sqrt(np.mean(samples**2)) == pytest.approx(0.02, rel=0.05)
        and np.abs(samples).max() <= 0.1 + 1e-6
    )


@pytest.mark.parametrize(
    "options", [{"base": "rain"}, {"length_s": 0}, {"steps": 0}, {"learning_rate": 0.0}, {"base_level": 2.0}]
)
def test_numbers_that_are_none_are_refused(options):
    with pytest.raises(BadParameter, match=f"{next(iter(options))} of audiojailbreak"):
        AudioJailbreak(**options)
