"""Rényi accounts against closed forms, the paper's binomial sum, the tighter account, and opacus."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp

from earnest.errors import BadParameter
from earnest.privacy.accounting import epsilon_of, noise_for
from earnest.privacy.renyi import renyi_divergence, renyi_epsilon_of


def binomial_sum(order: int, noise: float, rate: float) -> float:
    """Divergence at a whole order [mironov2019-sampled, section 3.3]."""
    terms = [
        gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
        + (order - k) * math.log1p(-rate) + k * math.log(rate) + (k * k - k) / (2 * noise**2)
        for k in range(order + 1)
    ]  # fmt: skip  # one line a factor
    return float(logsumexp(terms)) / (order - 1)


def test_by_hand() -> None:
    """Order 2, q = 1/2, s = 1: (1/4 + 1/2 + e/4) is the mean of the squared ratio; its log is the divergence."""
    found = renyi_divergence(order=2.0, noise_multiplier=1.0, sampling_rate=0.5)
    assert found == pytest.approx(math.log(0.75 + math.e / 4), rel=1e-12)
    assert renyi_divergence(order=7.5, noise_multiplier=0.5, sampling_rate=1.0) == 15.0
    assert renyi_divergence(order=7.5, noise_multiplier=0.5, sampling_rate=0.0) == 0.0


@pytest.mark.parametrize("order", [2, 3, 17, 60, 300])
@pytest.mark.parametrize(("noise", "rate"), [(1.0, 0.01), (0.4, 0.3), (6.0, 0.2), (0.3, 1e-4)])
def test_it_is_the_binomial_sum_at_whole_orders(order: int, noise: float, rate: float) -> None:
    found = renyi_divergence(order=float(order), noise_multiplier=noise, sampling_rate=rate)
    assert found == pytest.approx(binomial_sum(order, noise, rate), rel=1e-9, abs=1e-13)


def test_one_draw_without_sampling_follows_the_conversion() -> None:
    """Divergence a / (2 s^2); at delta 1e-5 and s = 1 the best order is near 5.8, and epsilon is within 0.1 % of a fine search."""
    delta, orders = 1e-5, [1 + k / 1000 for k in range(1, 30000)]
    exact = min(a / 2 + math.log1p(-1 / a) - (math.log(delta) + math.log(a)) / (a - 1) for a in orders)
    found = renyi_epsilon_of(noise_multiplier=1.0, sampling_rate=1.0, n_steps=1, delta=delta)
    assert found.low == 0.0 and found.high == pytest.approx(exact, rel=1e-3)


@settings(max_examples=8, deadline=None)
@given(
    noise=st.floats(0.5, 8),
    rate=st.floats(1e-3, 1),
    n_steps=st.integers(1, 1000),
    delta=st.sampled_from([1e-3, 1e-5, 1e-8]),
)
def test_it_never_claims_less_than_is_given_away(noise: float, rate: float, n_steps: int, delta: float) -> None:
    usual = {"noise_multiplier": noise, "sampling_rate": rate, "n_steps": n_steps, "delta": delta}
    assert renyi_epsilon_of(**usual).high >= epsilon_of(**usual).low


@pytest.mark.parametrize(
    ("noise", "rate", "n_steps", "delta"),
    [(1.0, 0.01, 1000, 1e-5), (0.5, 0.2, 120, 1e-4), (4.0, 0.2, 120, 1e-4), (1.3, 0.05, 3000, 1e-6)],
)
def test_both_accounts_agree_with_those_of_opacus(noise: float, rate: float, n_steps: int, delta: float) -> None:
    """opacus' orders lie among ours; its PRV estimate within 1 %, where 5 % would do."""
    accountants = pytest.importorskip("opacus.accountants", reason="opacus is an extra")
    theirs = {name: accountants.create_accountant(name) for name in ("rdp", "prv")}
    for accountant in theirs.values():
        accountant.history = [(noise, rate, n_steps)]
    usual = {"noise_multiplier": noise, "sampling_rate": rate, "n_steps": n_steps, "delta": delta}
    assert renyi_epsilon_of(**usual).high == pytest.approx(theirs["rdp"].get_epsilon(delta), rel=0.002)
    assert epsilon_of(**usual).high == pytest.approx(theirs["prv"].get_epsilon(delta), rel=0.01)


def test_noise_by_the_looser_account_is_more() -> None:
    usual = {"epsilon": 4.0, "delta": 1e-5, "sampling_rate": 0.05, "n_steps": 200}
    loose = noise_for(**usual, accountant=renyi_epsilon_of)
    del usual["epsilon"]
    assert 3.98 < renyi_epsilon_of(noise_multiplier=loose, **usual).high <= 4.0
    assert epsilon_of(noise_multiplier=loose, **usual).high < 3.9


def test_nothing_drawn_costs_nothing_and_values_out_of_range_are_refused() -> None:
    assert renyi_epsilon_of(noise_multiplier=1.0, sampling_rate=0.0, n_steps=5, delta=1e-5).high == 0.0
    with pytest.raises(BadParameter, match="delta must be at least 1e-10 and below 1, got -0.1"):
        renyi_epsilon_of(noise_multiplier=1.0, sampling_rate=0.1, n_steps=5, delta=-0.1)
    with pytest.raises(BadParameter, match="order must be above 1, got 1.0"):
        renyi_divergence(order=1.0, noise_multiplier=1.0, sampling_rate=0.1)
