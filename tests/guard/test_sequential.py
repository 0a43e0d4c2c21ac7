"""Sequential decisions: run lengths known from tables, and the stated rate of false alarms in simulated calls."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from earnest.guard.sequential import Cusum, average_run_length, fitted, threshold_of

CALLS, HOP_S, WINDOWS = 20_000, 4.0, 75


def simulated_alarms(cusum: Cusum, *, mean: float, seed: int = 1) -> float:
    """Alarms per call of 300 s over windows of 4 s with the correlation that the rule takes for granted."""
    rng = np.random.default_rng(seed)
    threshold, rho = cusum.threshold(HOP_S), cusum.correlation
    noise, sums, n_alarms = rng.standard_normal(CALLS), np.zeros(CALLS), 0
    for _ in range(WINDOWS):
        scores = mean + cusum.deviation * noise
        sums = np.maximum(
            0, sums + [cusum.step(0) + 0.0] * np.ones(CALLS) + (cusum.step(1.0) - cusum.step(0.0)) * scores
        )
        alarms = sums > threshold
        n_alarms += int(alarms.sum())
        sums[alarms] = 0
        noise = rho * noise + np.sqrt(1 - rho**2) * rng.standard_normal(CALLS)
    return n_alarms / CALLS


@pytest.mark.parametrize(("reference", "threshold", "published"), [(0.5, 4, 335.4), (0.5, 5, 930.9), (0.25, 8, 736.8)])
def test_average_run_lengths_are_those_of_the_tables(reference: float, threshold: float, published: float) -> None:
    """One-sided; the two-sided values of the textbooks (168, 465 and 368) are half of them."""
    assert average_run_length(threshold, reference) == pytest.approx(published, rel=2e-3)
    assert threshold_of(published, reference) == pytest.approx(threshold, abs=2e-3)


@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.7])
@pytest.mark.parametrize(("harmful", "deviation"), [(-2.0, 2.0), (4.0, 2.0)])
def test_benign_calls_have_the_stated_rate_of_alarms(correlation: float, harmful: float, deviation: float) -> None:
    cusum = Cusum(
        benign_mean=1.0,
        harmful_mean=harmful,
        deviation=deviation,
        correlation=correlation,
        false_alarms_per_call=0.1,
    )
    assert 0.06 < simulated_alarms(cusum, mean=1.0) < 0.115
    assert simulated_alarms(cusum, mean=harmful) > 1  # an attack of five minutes is not missed


def test_parameters_come_back_from_scores() -> None:
    rng = np.random.default_rng(0)
    calls = []
    for _ in range(60):
        noise = [rng.standard_normal()]
        for _ in range(199):
            noise.append(0.5 * noise[-1] + np.sqrt(0.75) * rng.standard_normal())
        calls.append(3 + 2 * np.array(noise))
    made = fitted(calls, rng.normal(-1, 1, 500), false_alarms_per_call=0.2)
    assert made.benign_mean == pytest.approx(3, abs=0.1) and made.deviation == pytest.approx(2, rel=0.05)
    assert made.correlation == pytest.approx(0.5, abs=0.04) and made.harmful_mean == pytest.approx(-1, abs=0.15)
    assert made.step(-1) > 0 > made.step(3)  # a low score is the harmful one here


def test_means_that_are_equal_are_refused() -> None:
    with pytest.raises(ValidationError, match="no rule separates them"):
        Cusum(benign_mean=1, harmful_mean=1.01, deviation=1, false_alarms_per_call=0.1)
