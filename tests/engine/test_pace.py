"""How long a run will still take, before a fifth of it is done."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.engine.pace import Left, Pace


def simulated(
    jobs, *, connections: int, constant: float, slope: float, at: float, before_s: float = 0.0, n_calls: float = 30.0
):
    """Estimate and truth when a share `at` of the jobs is done; calls of `constant + slope * d` seconds, in their order.

    Nothing is asked in the first `before_s` seconds; an attacked job takes `n_calls` calls.
    """
    pace = Pace(jobs)
    free = np.full(connections, before_s)
    finished = []
    for job in jobs:
        place = int(free.argmin())
        n = n_calls if job.attack else 1.0
        call_s = constant + slope * (job.duration_s or 0.0)
        free[place] += n * call_s
        finished.append((float(free[place]), job, call_s, n))
    finished.sort(key=lambda one: one[0])
    whole = finished[-1][0]
    n_done = int(at * len(jobs))
    for passed_s, job, call_s, n in finished[:n_done]:
        pace.finished(job, call_s=call_s, passed_s=passed_s, n_calls=n)
    passed = finished[n_done - 1][0]
    return pace.eta_s(passed), whole - passed


@pytest.mark.parametrize("order", ["long first", "long last", "mixed"])
@pytest.mark.parametrize(("constant", "slope"), [(0.5, 0.0), (0.3, 0.05), (0.0, 0.2)])
@pytest.mark.parametrize("connections", [1, 16])
def test_after_a_tenth_the_estimate_is_within_a_factor_of_one_and_a_half(order, constant, slope, connections) -> None:
    rng = np.random.default_rng(5)
    lengths = np.concatenate([rng.uniform(1, 5, 900), rng.uniform(60, 300, 30)])
    lengths = {"long first": np.sort(lengths)[::-1], "long last": np.sort(lengths), "mixed": rng.permutation(lengths)}[
        order
    ]
    jobs = [Left("", d) for d in lengths]
    eta, left = simulated(jobs, connections=connections, constant=constant, slope=slope, at=0.1)
    assert left / 1.5 <= eta <= left * 1.5


@pytest.mark.parametrize("at", [0.05, 0.2, 0.8])
def test_what_a_run_needs_before_its_first_answer_is_no_part_of_what_items_take(at) -> None:
    eta, left = simulated([Left("", 2.0)] * 400, connections=4, constant=0.1, slope=0.0, at=at, before_s=1.0)
    assert eta == pytest.approx(left, rel=0.5 if at == 0.05 else 0.1)


def test_attacked_items_count_with_the_calls_that_they_take() -> None:
    jobs = [Left("", 2.0)] * 100 + [Left("best_of_n", 2.0)] * 100
    eta, left = simulated(jobs, connections=1, constant=0.2, slope=0.0, at=0.6)
    assert left / 1.5 <= eta <= left * 1.5
    early, left = simulated(jobs, connections=1, constant=0.2, slope=0.0, at=0.1)
    assert 0.5 * left < early < 1.5 * left  # not yet known: twenty calls are taken for thirty


def test_an_attack_that_says_how_much_it_asks_is_not_taken_for_a_long_search() -> None:
    jobs = [Left("", 2.0)] * 100 + [Left("best_of_n", 2.0, 6.0)] * 100
    early, left = simulated(jobs, connections=1, constant=0.2, slope=0.0, at=0.1, n_calls=4.0)
    assert left < early < 1.5 * left  # (90 + 600) calls for (90 + 400)
    late, left = simulated(jobs, connections=1, constant=0.2, slope=0.0, at=0.75, n_calls=4.0)
    assert late == pytest.approx(left, rel=0.05)


def test_attacked_items_are_not_thought_to_go_as_fast_as_the_plain_ones_before_them() -> None:
    """Eight at once without an attack, one with: the speed of the first half says nothing of the second."""
    pace = Pace([Left("", 2.0)] * 80 + [Left("best_of_n", 2.0, 5.0)] * 20)
    for turn in range(10):
        for _ in range(8):
            pace.finished(Left("", 2.0), call_s=1.0, passed_s=1.0 + turn)
    for number in range(8):
        pace.finished(Left("best_of_n", 2.0, 5.0), call_s=1.0, passed_s=15.0 + 5 * number, n_calls=5.0)
    assert pace.eta_s(50.0) == pytest.approx(12 * 5.0, rel=0.2)


def test_while_a_batch_is_waited_for_the_estimate_falls_and_then_rises() -> None:
    pace = Pace([Left("", 2.0)] * 40)
    for turn in range(1, 4):
        for _ in range(10):
            pace.finished(Left("", 2.0), call_s=1.0, passed_s=10.0 * turn)
    assert [pace.eta_s(30.0 + waited) for waited in (0.0, 4.0, 30.0)] == pytest.approx([10.0, 6.0, 7.5])


def test_a_few_attacked_items_that_end_at_once_do_not_stretch_the_estimate() -> None:
    """The first batch of attacks is under way, and four whose attack could not begin are through."""
    pace = Pace([Left("", 2.0)] * 500 + [Left("best_of_n", 2.0, 6.0)] * 140)
    for second in range(1, 101):
        for _ in range(5):
            pace.finished(Left("", 2.0), call_s=0.2, passed_s=float(second))
    for number in range(4):
        pace.finished(Left("best_of_n", 2.0, 6.0), call_s=0.2, passed_s=103.0 + 3 * number)
    assert 20 < pace.eta_s(112.0) < 6 * 136 / 5


def test_one_attacks_long_searches_say_nothing_of_anothers() -> None:
    pace = Pace([Left("pgd", 2.0, 1.0)] * 10 + [Left("best_of_n", 2.0, 5.0)] * 10)
    for number in range(10):
        pace.finished(Left("pgd", 2.0, 1.0), call_s=0.01, passed_s=1.0 + number, n_calls=100.0)
    assert pace.eta_s(10.0) == pytest.approx(10 * 5 / 100, rel=0.01)


def test_nothing_finished_has_no_estimate_and_calls_without_a_time_count_alike() -> None:
    pace = Pace([Left("", None)] * 10)
    assert pace.eta_s(1.0) is None
    for number in range(4):
        pace.finished(Left("", None), call_s=0.0, passed_s=0.5 * (number + 1))
    assert pace.eta_s(2.0) == pytest.approx(3.0)


def test_when_nothing_is_left_nothing_is_left() -> None:
    pace = Pace([Left("", 1.0)])
    pace.finished(Left("", 1.0), call_s=0.5, passed_s=1.0)
    assert pace.eta_s(1.0) == pace.eta_s(60.0) == 0.0


def test_a_long_run_is_remembered_in_a_few_hundred_marks() -> None:
    pace = Pace([Left("", 1.0)] * 20_000)
    for number in range(10_000):
        pace.finished(Left("", 1.0), call_s=0.5, passed_s=0.01 * 1.002**number)
    assert len(pace._marks) <= 256
    assert pace.eta_s(pace._marks[-1].passed_s) is not None
