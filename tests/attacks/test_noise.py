"""Additive noise as an attack: one draw, exact on the 16-bit clip."""

import numpy as np
import pytest

from earnest.attacks.corruption.noise import AdditiveNoise
from earnest.errors import BadParameter
from earnest.models import System
from earnest.testing.toys import LinearModel, toy_stimulus


def run(attack, stimuli, seed=0):
    model = LinearModel(np.ones(3, dtype=np.float32), access=("responses",))
    return attack.run(System(model), stimuli, rng=np.random.default_rng(seed)).attempts


@pytest.mark.parametrize("snr_db", [30, 10, 0])
@pytest.mark.parametrize("colour", ["white", "speech"])
def test_the_snr_holds_on_the_16_bit_clip(snr_db, colour):
    (attempt,) = run(AdditiveNoise(snr_db=snr_db, colour=colour), [toy_stimulus(goal=False, n_samples=8000)])
    assert attempt.distortion.snr_db == pytest.approx(snr_db, abs=0.01)
    assert attempt.distortion.snr_db >= snr_db and attempt.within_budget
    assert attempt.clip == attempt.clip.quantised()


def test_it_asks_nothing_and_needs_no_goal():
    (attempt,) = run(AdditiveNoise(), [toy_stimulus(goal=False)])
    assert (attempt.n_queries, attempt.n_gradients, attempt.control, attempt.success) == (0, 0, None, None)
    assert attempt.drawn["colour"] == "white" and attempt.unjudged == "no_goal"


def test_noise_comes_also_over_stimuli_that_reach_their_goal_clean():
    stimulus = toy_stimulus(seed=1)
    model = LinearModel(np.ones(3, dtype=np.float32), threshold=-1e9)
    (attempt,) = AdditiveNoise().run(System(model), [stimulus], rng=np.random.default_rng(0)).attempts
    assert attempt.unjudged == "already_reached" and attempt.clip != stimulus.clip


def test_a_silent_clip_is_a_fault_and_the_others_are_attacked():
    stimulus = toy_stimulus()
    silent = stimulus.with_clip(stimulus.clip.with_samples(np.zeros(80, dtype=np.float32)))
    attempts = run(AdditiveNoise(), [silent, stimulus])
    assert attempts[0].answer.reason == "attack_failed" and attempts[1].distortion.snr_db == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize(
    "options, message", [({"snr_db": 300}, "from -120 to 200"), ({"colour": "red"}, "one of white")]
)
def test_parameters_out_of_range_are_refused(options, message):
    with pytest.raises(BadParameter, match=message):
        AdditiveNoise(**options)
