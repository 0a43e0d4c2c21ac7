"""How long a run will still take, before a fifth of it is done."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.engine.pace import Pace


def simulated(jobs, *, connections: int, constant: float, slope: float, at: float):
    """Estimate and truth when a share `at` of the jobs is done; calls of `constant + slope * d` seconds, in their order."""
    pace = Pace(jobs)
    free = np.zeros(connections)
    finished = []
    for attacked, d in jobs:
        place = int(free.argmin())
        n_calls = 30.0 if attacked else 1.0
        call_s = constant + slope * (d or 0.0)
        free[place] += n_calls * call_s
        finished.append((float(free[place]), attacked, d, call_s, n_calls))
    finished.sort(key=lambda one: one[0])
    whole = finished[-1][0]
    n = int(at * len(jobs))
    for _, attacked, d, call_s, n_calls in finished[:n]:
        pace.finished(attacked=attacked, duration_s=d, call_s=call_s, n_calls=n_calls)
    passed = finished[n - 1][0]
    return pace.eta_s(passed), whole - passed


@pytest.mark.parametrize("order", ["long first", "long last", "mixed"])
@pytest.mark.parametrize(("constant", "slope"), [(0.5, 0.0), (0.3, 0.05), (0.0, 0.2)])
@pytest.mark.parametrize("connections", [1, 16])
def test_after_a_tenth_the_estimate_is_within_a_factor_of_one_and_a_half(order, constant, slope, connections) -> None:
    rng = np.random.default_rng(5)
    lengths = np.concatenate([rng.uniform(1, 5, 900), rng.uniform(60, 300, 30)])
    lengths = {"long first": np.sort(lengths)[::-1], "long last": np.sort(lengths), "mixed": rng.permutation(lengths)}[order]
    eta, left = simulated([(False, d) for d in lengths], connections=connections, constant=constant, slope=slope, at=0.1)
    assert left / 1.5 <= eta <= left * 1.5


def test_attacked_items_count_with_the_calls_that_they_take() -> None:
    jobs = [(False, 2.0)] * 100 + [(True, 2.0)] * 100
    eta, left = simulated(jobs, connections=1, constant=0.2, slope=0.0, at=0.6)
    assert left / 1.5 <= eta <= left * 1.5
    early, left = simulated(jobs, connections=1, constant=0.2, slope=0.0, at=0.1)
    assert 0.5 * left < early < 1.5 * left  # not yet known: twenty calls are taken for thirty


def test_nothing_finished_has_no_estimate_and_calls_without_a_time_count_alike() -> None:
    pace = Pace([(False, 1.0)] * 10)
    assert pace.eta_s(1.0) is None
    for _ in range(4):
        pace.finished(attacked=False, duration_s=None, call_s=0.0)
    assert pace.eta_s(2.0) == pytest.approx(3.0)


def test_when_nothing_is_left_nothing_is_left() -> None:
    pace = Pace([(False, 1.0)])
    pace.finished(attacked=False, duration_s=1.0, call_s=0.5)
    assert pace.eta_s(1.0) == 0.0
