"""Findings of two runs: paired over clusters where both know what each adds, and never beyond their scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from earnest.metrics.clusters import jackknife_interval
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm
from earnest.results import difference, rate, ratio
from earnest.results.compare import _excess, changes, verdict
from earnest.results.naming import Place

PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="model",
    fingerprint="f",
    data="probe",
    data_digest="d",
    tasks=(PlannedTask(name="task", pillar="safety", version=1, n_items=40),),
    items_digest="i",
)


def change(first, second):
    """The change of one finding, from two measures."""
    place = Place(PLAN, "safety", "task", Arm())
    (found,) = changes(
        [], [], first_findings=[place.finding(first)], second_findings=[place.finding(second)], plan=PLAN
    )
    return found


@pytest.fixture
def scored(line):
    return lambda scores: [line(f"i{n}", score, cluster=f"c{n}") for n, score in enumerate(scores)]


def test_what_both_runs_share_cancels(scored) -> None:
    # half of the items fail in both: two independent runs of 40 could not show a change of 4
    before = rate(scored([1.0] * 20 + [0.0] * 20), metric="m")
    after = rate(scored([0.0] * 4 + [1.0] * 16 + [0.0] * 20), metric="m")
    found = change(before, after)
    assert found.how == "clusters" and found.value == pytest.approx(-0.1)
    apart = 0.5 - before.low + after.high - after.value
    assert found.high - found.low < apart


def test_equal_runs_have_no_difference_and_a_measure_without_sums_is_taken_as_independent(scored) -> None:
    same = rate(scored([1.0, 0.0] * 10), metric="m")
    assert change(same, same).value == 0 and change(same, same).verdict == "no difference shown"
    place = Place(PLAN, "safety", "task", Arm())
    bare = place.finding(same).with_sums(None)
    (found,) = changes([], [], first_findings=[bare], second_findings=[bare], plan=PLAN)
    assert found.how == "unpaired" and found.low == pytest.approx(-found.high)


def test_a_change_of_a_difference_lies_within_two(line) -> None:
    """Differences of two clusters each: their intervals reach from -1 to 1, so that a change may reach 2 and no further."""

    def lost(scores):
        lines = [
            line(f"{side}{n}", score, cluster=f"c{n}")
            for side, some in zip("ab", scores, strict=True)
            for n, score in enumerate(some)
        ]
        return difference(lines, metric="lost", pair=lambda one: one.item[1:], side=lambda one: one.item[0] == "a")

    found = change(lost(([1.0, 1.0], [0.0, 1.0])), lost(([0.0, 0.0], [1.0, 1.0])))
    assert found.value == pytest.approx(-1.5) and -2 <= found.low <= found.value <= found.high <= 2


def test_no_interval_of_a_rate_leaves_the_scale(line) -> None:
    rng = np.random.default_rng(0)

    def lines(scores):
        return [line(f"i{n}", float(score), cluster=f"c{n % 5}") for n, score in enumerate(scores)]

    for _ in range(60):
        n = int(rng.integers(2, 13))
        before, after = rng.choice([0.0, 0.3, 1.0], n), rng.choice([0.0, 0.6, 1.0], n)
        found = change(rate(lines(before), metric="m"), rate(lines(after), metric="m"))
        if found.low is not None:
            assert -1 <= found.low <= found.value <= found.high <= 1, (before, after)


def test_a_word_error_rate_above_one_is_compared_without_a_scale(scored, line) -> None:
    def errors(counts):
        lines = [line(f"i{n}", 0.0, cluster=f"c{n}", truth={"e": count}) for n, count in enumerate(counts)]
        return ratio(lines, metric="word_error_rate", numerator=lambda one: one.truth["e"], denominator=lambda one: 4)

    found = change(errors([1, 9, 2, 3, 1, 2]), errors([1, 1, 2, 3, 1, 2]))
    assert found.value == pytest.approx(-8 / 24) and found.how == "clusters" and found.low < found.value < found.high


@pytest.mark.parametrize(
    ("low", "high", "better", "said"),
    [
        (0.1, 0.2, True, "better"), (0.1, 0.2, False, "worse"), (-0.2, -0.1, True, "worse"), (-0.2, -0.1, False, "better"),
        (-0.1, 0.1, True, "no difference shown"), (0.0, 0.1, True, "no difference shown"), (0.1, 0.2, None, "different"), (None, None, True, "unknown"),
    ],
)  # fmt: skip  # a table: one row a line
def test_what_an_interval_shows(low, high, better, said) -> None:
    assert verdict(low, high, higher_is_better=better) == said


def test_what_an_interval_is_wider_by_than_its_clusters_make_it_is_taken_in_quadrature(scored) -> None:
    found = Place(PLAN, "safety", "task", Arm()).finding(rate(scored([1.0] * 12 + [0.0] * 8), metric="m"))
    made = found.sums.jackknife(bounds=(0.0, 1.0))
    alone = jackknife_interval(found.value, made, bounds=(0.0, 1.0))
    below, above = found.value - alone.low, alone.high - found.value
    wider = found.model_copy(update={"low": alone.low - 0.05, "high": alone.high + 0.1})
    wanted = (math.sqrt((below + 0.05) ** 2 - below**2), math.sqrt((above + 0.1) ** 2 - above**2))
    assert _excess(wider, made) == pytest.approx(wanted)
    assert _excess(found.model_copy(update={"low": alone.low, "high": alone.high}), made) == pytest.approx(
        (0, 0), abs=1e-6
    )
    narrower = found.model_copy(update={"low": alone.low + 0.05, "high": alone.high - 0.1})
    assert _excess(narrower, made) == (0, 0)
