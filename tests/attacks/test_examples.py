"""The attack among the examples: one small file that meets the contract and does what it says."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.audio import Goal
from earnest.models import System
from earnest.testing import check_attack
from earnest.testing.toys import CurvedModel, LinearModel, toy_stimulus

FILE = Path(__file__).parents[2] / "examples" / "one_step.py"
STEP = 2.0**-15


@pytest.fixture
def one_step(monkeypatch):
    spec = importlib.util.spec_from_file_location("one_step", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "one_step", module)
    spec.loader.exec_module(module)
    yield module.OneStep
    del attacks._found["one_step"]


def test_it_is_short_and_meets_the_contract(one_step):
    assert len(FILE.read_text().splitlines()) < 80
    check_attack(one_step(epsilon=0.02))


def test_one_step_on_a_linear_model_is_the_best_there_is(one_step):
    weights = np.random.default_rng(9).standard_normal(1600).astype(np.float32)
    stimulus = toy_stimulus()
    (attempt,) = (
        one_step(epsilon=64 * STEP)
        .run(System(LinearModel(weights, threshold=1e9)), [stimulus], rng=np.random.default_rng(0))
        .attempts
    )
    best = stimulus.clip.samples + np.float32(64 * STEP) * np.sign(weights)
    assert np.array_equal(attempt.clip.samples, best.clip(-1, 1 - STEP)) and attempt.n_gradients == 1
    noise = attempt.control_trial.clip.samples - stimulus.clip.samples
    assert np.array_equal(np.unique(np.abs(noise)), [np.float32(64 * STEP)]) and 0.4 < np.mean(noise > 0) < 0.6


def test_it_drives_away_from_a_text_as_well(one_step):
    weights = np.random.default_rng(9).standard_normal(1600).astype(np.float32)
    model = CurvedModel(weights, threshold=-1e9)
    away = replace(toy_stimulus(), goal=Goal(away_from="yes", reached=lambda text: text == "no"))
    (attempt,) = one_step(epsilon=64 * STEP).run(System(model), [away], rng=np.random.default_rng(0)).attempts
    assert model.product(attempt.clip.samples) < model.product(away.clip.samples)


def test_a_goal_without_a_text_is_a_fault(one_step):
    aimless = replace(toy_stimulus(), goal=Goal(reached=lambda text: False))
    model = LinearModel(np.ones(4, dtype=np.float32), threshold=1e9)
    result = one_step().run(System(model), [aimless], rng=np.random.default_rng(0))
    assert result.unjudged == {"attack_failed": 1} and result.attempts[0].control_answer.reason == "attack_failed"
