"""Attacks with gradients on models whose best change is known: fgsm, carlini_wagner, qin_imperceptible, qin_robust, untargeted_wer."""

import dataclasses
import math

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks._shrinking import Adam
from earnest.attacks.adversarial.carlini_wagner import CarliniWagner
from earnest.attacks.adversarial.fgsm import FastGradientSign
from earnest.attacks.adversarial.qin_imperceptible import QinImperceptible
from earnest.attacks.adversarial.qin_robust import QinRobust
from earnest.attacks.adversarial.untargeted_wer import UntargetedWordError
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.audio.masking import masking_excess_db
from earnest.errors import BadParameter
from earnest.models import System
from earnest.testing.contracts import check_attack
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


def weights(n=1600, seed=9):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def run(attack, stimuli, *, model, seed=0, defences=()):
    return attack.run(System(model, defences), stimuli, rng=np.random.default_rng(seed))


def just_out_of_reach(stimulus, reach):
    """A model that says yes where each sample goes `reach` the right way."""
    model = LinearModel(weights(stimulus.clip.n_samples))
    model.threshold = model.product(stimulus.clip.samples) + reach * float(
        np.abs(weights(stimulus.clip.n_samples)).sum()
    )
    return model


@pytest.mark.parametrize(
    "name",
    [
        "fgsm",
        "carlini_wagner:steps=40",
        "qin_imperceptible:steps=40",
        "qin_robust:steps=4,rooms=1,heard_in=2,check_every=2",
    ],
)
def test_the_contract_holds(name):
    check_attack(attacks.make(name))


@pytest.mark.source("attacks/fgsm", of="goodfellow2014-fgsm", at="Section 4, equation of the fast gradient sign method")
def test_one_step_is_the_best_there_is_on_a_linear_model():
    # eta = epsilon sign(gradient): "linear perturbation" raises the product by epsilon times the L1 norm of the weights
    stimulus = toy_stimulus()
    (attempt,) = run(
        FastGradientSign(epsilon=64 * STEP), [stimulus], model=LinearModel(weights(), threshold=1e9)
    ).attempts
    best = stimulus.clip.samples + np.float32(64 * STEP) * np.sign(weights())
    assert np.array_equal(attempt.clip.samples, best) and (attempt.n_queries, attempt.n_gradients) == (0, 1)
    assert (
        run(FastGradientSign(epsilon=32 * STEP), [stimulus], model=just_out_of_reach(stimulus, 33 * STEP)).n_success
        == 0
    )
    assert (
        run(FastGradientSign(epsilon=34 * STEP), [stimulus], model=just_out_of_reach(stimulus, 33 * STEP)).n_success
        == 1
    )


def test_adam_takes_the_steps_of_its_formula():
    # gradient 1 each time: mean and root of square, both put right for the beginning, are 1, so a step is the rate;
    # after a gradient of 1 and one of -3: mean (0.09 - 0.3) / 0.19, square (0.000999 + 0.009) / 0.001999
    adam = Adam(1)
    assert adam.step(np.ones(1, np.float32), learning_rate=0.5)[0] == pytest.approx(0.5, rel=1e-5)
    second = adam.step(np.full(1, -3.0, np.float32), learning_rate=0.5)[0]
    assert second == pytest.approx(0.5 * (-0.21 / 0.19) / math.sqrt(0.009999 / 0.001999), rel=1e-4)


@pytest.mark.source("attacks/carlini_wagner", of="carlini2018-audio", at="carlini/audio_adversarial_examples@edb1dce")
def test_the_bound_shrinks_to_four_fifths_of_what_was_needed():
    """By the rule of the authors' attack.py: signs go into Adam, so each step is 10 units as long as they do not turn; every
    ten steps, where it worked, rescale = min(rescale, max|delta| / bound) * 0.8."""
    stimulus = toy_stimulus()
    model = just_out_of_reach(stimulus, 150 * STEP)
    attack = CarliniWagner(steps=40, check_every=10)
    (attempt,) = run(attack, [stimulus], model=model).attempts
    # after 10 steps 100 units, too little; after 20 steps 200, enough: bound 160; at once clipped to 160, still enough after
    # 30 steps, when max|delta| is 300: bound 0.8 * 160 = 128; after 40 steps 128 is too little
    assert attempt.success and attempt.distortion.peak == pytest.approx(160 * STEP, abs=STEP)
    assert attempt.drawn["bound"] == pytest.approx(128 * STEP, rel=1e-4) and attempt.drawn["step"] == 30
    assert attempt.n_queries == 4 and attempt.first_success == 2


def test_what_never_worked_is_the_last_iterate():
    stimulus = toy_stimulus()
    (attempt,) = run(CarliniWagner(steps=12), [stimulus], model=LinearModel(weights(), threshold=1e9)).attempts
    assert attempt.success is False and attempt.distortion.peak == pytest.approx(120 * STEP, abs=STEP)


def spoken(n=8000, seed=0):
    """A clip that masks something: a few partials, 16-bit."""
    time = np.arange(n) / 16_000
    rng = np.random.default_rng(seed)
    voice = sum(0.2 / k * np.sin(2 * np.pi * 180 * k * time + rng.uniform(0, 6)) for k in range(1, 12))
    return AudioClip(voice.astype(np.float32), 16_000).quantised()


def wanting_yes(clip):
    return Stimulus(clips={"speech": clip}, prompt="?", goal=Goal(target="yes", reached=lambda text: text == "yes"))


@pytest.mark.source("attacks/qin_imperceptible", of="qin2019-imperceptible", at="cleverhans-lab/cleverhans@140fd61")
def test_the_second_stage_makes_what_worked_less_audible_and_alpha_follows():
    """By the rule of generate_imperceptible_adv.py: alpha 0.05, 1.2 times as much every 20 steps on target, 0.8 times every 50
    where it is not, 0.0005 at least; the change of least hinge that was on target is kept."""
    clip = spoken()
    stimulus, n = wanting_yes(clip), clip.n_samples
    model = just_out_of_reach(stimulus, 30 * STEP)
    first = run(CarliniWagner(steps=40, learning_rate=20 * STEP), [stimulus], model=model).attempts[0]
    (attempt,) = run(QinImperceptible(steps=200, check_every=10), [stimulus], model=model).attempts
    excess = [
        masking_excess_db(clean=clip.samples, perturbed=each.clip.samples, sample_rate=16_000)
        for each in (first, attempt)
    ]
    assert attempt.success and first.success and excess[1] < excess[0]
    assert attempt.distortion.masking_excess_db == pytest.approx(excess[1], abs=1e-6) and n == attempt.clip.n_samples
    never = run(
        QinImperceptible(steps=300, check_every=10), [stimulus], model=LinearModel(weights(n), threshold=1e9)
    ).attempts[0]
    # the second stage begins after 60 steps; failures at 100, 150, 200, 250 and 300
    assert never.drawn["alpha"] == pytest.approx(0.05 * 0.8**5) and never.success is False
    always = QinImperceptible(steps=100)
    won = run(always, [stimulus], model=just_out_of_reach(stimulus, 0.5 * STEP)).attempts[0]
    assert won.drawn["alpha"] == pytest.approx(0.05 * 1.2**5)  # at 20, 40, 60, 80 and 100, the second stage from 20 on


@pytest.mark.source("attacks/qin_robust", of="qin2019-imperceptible", at="cleverhans-lab/cleverhans@140fd61")
def test_the_robust_attack_counts_the_rooms_that_it_works_in():
    """As generate_robust_adv.py: Adam of rate 50 on the sign, a room for each step, checks in rooms that are drawn afresh."""
    stimulus = wanting_yes(spoken(4000))
    model = LinearModel(np.ones(4000, dtype=np.float32), threshold=1e9)
    attack = QinRobust(steps=4, rooms=2, heard_in=3, check_every=2)
    (attempt,) = run(attack, [stimulus], model=model).attempts
    assert (attempt.n_queries, attempt.n_gradients) == (6, 10) and attempt.drawn["on_target_in"] == 0
    model.threshold = -1e9
    model.ask = lambda stimuli, **options: [
        dataclasses.replace(r, text="no") if len(asked) < 1 and not asked.append(1) else r
        for r in LinearModel.ask(model, stimuli)
    ]
    asked = []  # the clean clip alone is told no
    (won,) = run(attack, [stimulus], model=model).attempts
    assert won.success and won.drawn["on_target_in"] == 3 and won.n_queries == 3 and won.within_budget


def test_the_robust_attack_takes_a_tenth_of_its_steps_in_the_second_half():
    """The gradient of a linear model keeps its sign, so that every step of Adam is as long as its rate: 3 x 1 and 2 x 0.1."""
    stimulus = wanting_yes(spoken(4000))
    attack = QinRobust(steps=5, rooms=1, check_every=5, heard_in=1, learning_rate=10 * STEP, epsilon=2000 * STEP)
    path = attack.path(stimulus, rng=np.random.default_rng(0))
    places = [path.clip().samples]
    for step in range(5):
        path.note(1.0, step=step)
        assert path.advance(np.ones(4000, np.float32))
        places.append(path.clip().samples)
    lengths = [float(np.median(before - after)) / STEP for before, after in zip(places, places[1:], strict=False)]
    assert lengths == pytest.approx([10, 10, 10, 1, 1], rel=1e-2)


@pytest.mark.source("attacks/untargeted_wer", of="olivier2022-whisper", at="RaphaelOlivier/whisper_attack@57e4c9a")
def test_it_goes_the_way_that_raises_the_loss_and_ends_on_the_budget():
    """Defaults of its configuration: 40 dB, 100 steps, each a tenth of the ball; on a linear model the end is the ball's edge."""
    goal = Goal(away_from="no", reached=lambda text: text != "no")
    stimulus = dataclasses.replace(toy_stimulus(), goal=goal)
    (attempt,) = run(UntargetedWordError(), [stimulus], model=LinearModel(weights(), threshold=1e9)).attempts
    change = attempt.clip.samples.astype(np.float64) - stimulus.clip.samples
    assert np.dot(change, weights()) / np.linalg.norm(change) / np.linalg.norm(weights()) > 0.999
    assert attempt.distortion.snr_db == pytest.approx(40, abs=0.01) and attempt.n_queries == 0
    model = LinearModel(weights(), threshold=1e9)
    (clean,), _ = model.loss_and_gradient([stimulus], targets=["no"])
    still = run(UntargetedWordError(steps=1, random_start=False), [stimulus], model=model).attempts[0]
    assert still.drawn["first_loss"] == pytest.approx(-float(clean)), (
        "the loss that is to rise, its sign turned and nothing else"
    )
    aimed = run(UntargetedWordError(steps=1), [toy_stimulus()], model=LinearModel(weights(), threshold=1e9))
    assert aimed.unjudged == {"attack_failed": 1}


@pytest.mark.parametrize("spec", ["fgsm:epsilon=3", "fgsm:eot=0", "carlini_wagner:steps=0", "carlini_wagner:learning_rate=0", "qin_imperceptible:check_every=30",
                                  "qin_robust:rooms=0", "qin_robust:rt60_low_s=0.9", "untargeted_wer:steps=0", "pgd:l2=-1", "pgd:masking_db=-1"])  # fmt: skip  # a table: one row a line
def test_numbers_that_are_none_are_refused(spec):
    with pytest.raises(BadParameter):
        attacks.make(spec)


def test_pgd_within_a_length_and_below_the_threshold():
    clip = spoken()
    stimulus = wanting_yes(clip)
    model = LinearModel(weights(clip.n_samples), threshold=1e9)
    short = run(attacks.make("pgd:l2=0.3,steps=20"), [stimulus], model=model).attempts[0]
    assert short.distortion.l2 == pytest.approx(0.3, abs=1e-3) and short.within_budget
    quiet = run(attacks.make("pgd:snr_db=15,masking_db=0.5,steps=8,check_every=0"), [stimulus], model=model).attempts[0]
    assert quiet.within_budget and quiet.distortion.masking_excess_db <= 0.5 and quiet.distortion.peak > 0
