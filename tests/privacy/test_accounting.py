"""Epsilon against closed forms, against the PRV accountant of opacus, and by its properties."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from earnest.errors import BadParameter
from earnest.privacy.accounting import epsilon_of, noise_for

GOLDEN = Path(__file__).parent / "data" / "accounting.json"
USUAL = {"noise_multiplier": 1.0, "sampling_rate": 0.01, "n_steps": 1000, "delta": 1e-5}


def gaussian_delta(epsilon: float, mu: float) -> float:
    """Delta of one draw from N(mu, 1) against one from N(0, 1): the analytic Gaussian mechanism."""
    return norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)


def gaussian_epsilon(mu: float, delta: float) -> float:
    return brentq(lambda epsilon: gaussian_delta(epsilon, mu) - delta, 0, 200)


@pytest.mark.parametrize(
    ("noise", "n_steps", "delta"), [(1.0, 1, 1e-5), (0.5, 1, 1e-3), (5.0, 10, 1e-5), (20.0, 1000, 1e-6), (3.0, 1, 0.05)]
)
def test_without_sampling_it_is_the_analytic_gaussian_mechanism(noise: float, n_steps: int, delta: float) -> None:
    """Sums of Gaussian noise are Gaussian: n steps at s are one at s / sqrt(n)."""
    exact = gaussian_epsilon(math.sqrt(n_steps) / noise, delta)
    found = epsilon_of(noise_multiplier=noise, sampling_rate=1.0, n_steps=n_steps, delta=delta)
    assert found.low <= exact + 1e-9 and exact - 1e-9 <= found.high
    assert found.high - found.low < 0.005


@pytest.mark.parametrize(("noise", "rate", "delta"), [(1.0, 0.2, 1e-5), (0.6, 0.05, 1e-4), (2.0, 0.7, 1e-6)])
def test_one_step_follows_amplification_by_sampling(noise: float, rate: float, delta: float) -> None:
    """Removing an example costs log(1 + q (exp(epsilon) - 1)) at delta q, from epsilon and delta without sampling; adding one costs less."""
    exact = math.log1p(rate * math.expm1(gaussian_epsilon(1 / noise, delta / rate)))
    found = epsilon_of(noise_multiplier=noise, sampling_rate=rate, n_steps=1, delta=delta)
    assert found.low <= exact + 1e-9 and exact - 1e-9 <= found.high
    assert found.high == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_it_agrees_with_the_prv_accountant(every: int) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden["made_by"].startswith("opacus ") and len(golden["rows"]) > 50
    for row in golden["rows"][::every]:
        found = epsilon_of(**{name: row[name] for name in USUAL})
        assert found.low <= row["high"] and row["low"] <= found.high, row
        assert found.high == pytest.approx(row["estimate"], rel=0.01), row
        assert found.high - found.low < 0.02 + 0.005 * row["estimate"], row


def test_what_the_recipe_of_model_1_was() -> None:
    """Its own account said 4.39, by Rényi divergences at whole orders."""
    found = epsilon_of(noise_multiplier=1.0, sampling_rate=0.06, n_steps=120, delta=1e-3)
    assert found.high == pytest.approx(2.961, abs=0.005)


def test_a_run_between_two_data_sets_is_told_apart_no_better_than_it_says() -> None:
    """Two steps of a strong sampler, simulated: the best test of each direction at the stated epsilon has an advantage of delta."""
    noise, rate, n_steps, delta = 0.9, 0.4, 2, 0.05
    found = epsilon_of(noise_multiplier=noise, sampling_rate=rate, n_steps=n_steps, delta=delta)
    rng = np.random.default_rng(0)
    n = 400_000
    without = noise * rng.standard_normal((n, n_steps))
    with_it = noise * rng.standard_normal((n, n_steps)) + (rng.random((n, n_steps)) < rate)

    def loss(x: np.ndarray) -> np.ndarray:
        return np.log1p(rate * np.expm1((2 * x - 1) / (2 * noise**2))).sum(axis=1)

    removing = np.maximum(0, -np.expm1(found.high - loss(with_it))).mean()
    adding = np.maximum(0, -np.expm1(found.high + loss(without))).mean()
    assert max(removing, adding) == pytest.approx(delta, abs=0.001)


@settings(max_examples=5, deadline=None)
@given(
    noise=st.floats(0.4, 8),
    rate=st.floats(1e-4, 1),
    n_steps=st.integers(1, 3000),
    delta=st.floats(1e-8, 1e-2),
    more=st.floats(1.05, 2),
)
def test_it_falls_with_noise_and_delta_and_grows_with_steps_and_sampling(
    noise: float, rate: float, n_steps: int, delta: float, more: float
) -> None:
    usual = {"noise_multiplier": noise, "sampling_rate": rate, "n_steps": n_steps, "delta": delta}
    found = epsilon_of(**usual)
    assert 0 <= found.low <= found.high
    assert epsilon_of(**{**usual, "noise_multiplier": more * noise}).low <= found.high
    assert epsilon_of(**{**usual, "delta": min(0.5, more * delta)}).low <= found.high
    assert epsilon_of(**{**usual, "n_steps": math.ceil(more * n_steps)}).high >= found.low
    assert epsilon_of(**{**usual, "sampling_rate": min(1.0, more * rate)}).high >= found.low


def test_nothing_drawn_gives_nothing_away() -> None:
    for change in ({"n_steps": 0}, {"sampling_rate": 0.0}):
        found = epsilon_of(**{**USUAL, **change})
        assert found.low == found.high == 0.0


def test_too_little_noise_has_no_epsilon() -> None:
    found = epsilon_of(noise_multiplier=0.02, sampling_rate=1.0, n_steps=10, delta=1e-5)
    assert found.high == math.inf and found.low >= 0


def test_noise_for_an_epsilon_gives_it_and_little_less() -> None:
    usual = {"sampling_rate": 0.2, "n_steps": 150, "delta": 1e-4}
    noise = noise_for(epsilon=6.0, **usual)
    assert 5.9 < epsilon_of(noise_multiplier=noise, **usual).high <= 6.0
    assert epsilon_of(noise_multiplier=0.97 * noise, **usual).low > 6.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise_multiplier": 0.0}, "noise_multiplier must be at least 0.01, got 0"),
        ({"noise_multiplier": math.nan}, "noise_multiplier must be at least 0.01"),
        ({"sampling_rate": 1.5}, r"sampling_rate must be a probability in \[0, 1\], got 1.5"),
        ({"n_steps": 2.5}, "n_steps must be a whole number"),
        ({"n_steps": -1}, "n_steps must be a whole number"),
        ({"delta": 0.0}, "delta must be at least 1e-10 and below 1, got 0"),
        ({"delta": 1.0}, "delta must be at least 1e-10 and below 1, got 1"),
    ],
)
def test_values_out_of_range_are_refused(change: dict, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        epsilon_of(**{**USUAL, **change})


def test_an_epsilon_of_zero_is_refused() -> None:
    with pytest.raises(BadParameter, match="epsilon must lie between 0 and 100, got 0"):
        noise_for(epsilon=0, delta=1e-5, sampling_rate=0.1, n_steps=10)
