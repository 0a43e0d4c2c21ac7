"""The interval of a pillar: worked out by hand, and by how often it holds the truth where tasks share their texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import betaincinv, ndtr, stdtrit

from earnest.metrics.clusters import jackknife_interval, jackknife_of_ratios, joined
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm
from earnest.results import rate
from earnest.results.combining import Combined, combine
from earnest.results.finding import Finding
from earnest.results.naming import Place

SHARES = (0.0, 1.0)
TASKS = ("one", "two", "three", "four", "five", "six")
PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="model",
    fingerprint="f",
    data="probe",
    data_digest="d",
    tasks=tuple(PlannedTask(name=name, pillar="safety", version=1, n_items=1) for name in TASKS),
    items_digest="i",
)


def finding_of(lines, task: str = "one") -> Finding:
    """The finding that a run makes of a task's lines, sums and all."""
    return Place(PLAN, "safety", task, Arm()).finding(rate(lines, metric="right", headline=True))


@pytest.fixture
def task_of(line):
    """A task's finding from how many of how many items are right, by text."""

    def make(right: dict[str, tuple[int, int]], task: str = "one") -> Finding:
        scores = [(text, k, k < n_right) for text, (n_right, n) in right.items() for k in range(n)]
        return finding_of([line(f"{text}-{k}", float(held), cluster=text) for text, k, held in scores], task)

    return make


def reach(found: Combined | Finding) -> tuple[float, float]:
    return found.value - found.low, found.high - found.value


# ---------------------------------------------------------------- by hand


def test_two_tasks_that_do_the_same_on_the_same_texts_tell_no_more_than_one(task_of) -> None:
    right = {"a": (3, 4), "b": (4, 4), "c": (1, 4), "d": (4, 4), "e": (2, 4)}
    one, two = task_of(right), task_of(right, "two")
    found = combine([one, two])
    assert (found.value, found.low, found.high) == pytest.approx((one.value, one.low, one.high))
    assert found.how == "Wilson's for the effective number of items, jackknife over the 5 clusters of 2 tasks"


def test_tasks_on_texts_of_their_own_err_independently(task_of) -> None:
    """The error of the mean is half the root of both squared errors, and less than that of either."""
    first = {"a": (3, 4), "b": (4, 4), "c": (1, 4), "d": (4, 4), "e": (2, 4)}
    second = {"v": (2, 6), "w": (5, 6), "x": (4, 6), "y": (1, 6)}
    one, two = task_of(first), task_of(second, "two")
    parts = [
        jackknife_of_ratios([[n] for n, _ in right.values()], [[n] for _, n in right.values()], bounds=SHARES).scaled(
            0.5
        )
        for right in (first, second)
    ]
    whole = joined([(tuple("abcde"), parts[0]), (tuple("vwxy"), parts[1])])
    assert whole.error == pytest.approx(math.hypot(parts[0].error, parts[1].error))
    by_hand = jackknife_interval((14 / 20 + 12 / 24) / 2, whole, bounds=SHARES)
    found = combine([one, two])
    assert (found.low, found.high) == pytest.approx((by_hand.low, by_hand.high))
    assert sum(reach(found)) < sum(reach(one)) < sum(reach(two))
    assert "the 9 clusters of 2 tasks" in found.how


def test_what_goes_wrong_on_one_text_in_both_tasks_is_wider_than_on_two(task_of) -> None:
    one = task_of({"a": (0, 4), "b": (4, 4), "c": (3, 4), "d": (4, 4)})
    same = task_of({"a": (1, 4), "b": (4, 4), "c": (4, 4), "d": (3, 4)}, "two")
    other = task_of({"a": (4, 4), "b": (1, 4), "c": (4, 4), "d": (3, 4)}, "two")
    assert same.value == other.value
    assert sum(reach(combine([one, same]))) > 1.2 * sum(reach(combine([one, other])))


def test_a_task_without_sums_is_added_as_if_it_erred_with_the_others(task_of) -> None:
    one = task_of({"a": (3, 4), "b": (4, 4), "c": (1, 4), "d": (4, 4), "e": (2, 4)})
    two = one.model_copy(update={"value": 0.5, "low": 0.44, "high": 0.58}).with_sums(None)
    found = combine([one, two])
    assert found.value == pytest.approx((0.7 + 0.5) / 2)
    assert reach(found) == pytest.approx(((reach(one)[0] + 0.06) / 2, (reach(one)[1] + 0.08) / 2))
    assert found.how.endswith("1 of 2 tasks without clusters added as if they erred with these")


def test_sums_that_do_not_make_the_value_are_no_sums_of_it(task_of) -> None:
    """A rate that a judge's confusion has moved: what its clusters tell is of another number."""
    one, two = task_of({"a": (3, 4), "b": (4, 4), "c": (1, 4)}), task_of({"a": (1, 4), "b": (4, 4), "c": (3, 4)}, "two")
    moved = two.model_copy(update={"value": 0.7}).with_sums(two.sums)
    assert combine([one, moved]).how.endswith("1 of 2 tasks without clusters added as if they erred with these")
    assert "without clusters" not in combine([one, two]).how


def test_what_an_interval_is_wider_for_than_its_clusters_is_kept(task_of) -> None:
    """A judge's own errors, in quadrature: the two tasks' together as if alike, then to that of the clusters."""
    right = {"a": (3, 4), "b": (4, 4), "c": (1, 4), "d": (4, 4), "e": (2, 4)}
    one = task_of(right)
    below, above = reach(one)
    low, high = one.value - math.hypot(below, 0.05), one.value + math.hypot(above, 0.03)
    wide = one.model_copy(update={"low": low, "high": high}).with_sums(one.sums)
    found = combine([wide, task_of(right, "two")])
    assert reach(found) == pytest.approx((math.hypot(below, 0.025), math.hypot(above, 0.015)))
    assert "what other errors add to tasks' own intervals taken as if all erred alike" in found.how
    both = combine([wide, wide])
    assert reach(both) == pytest.approx((math.hypot(below, 0.05), math.hypot(above, 0.03)))


def test_findings_from_a_file_are_taken_as_independent_and_say_so(task_of) -> None:
    right = {"a": (3, 4), "b": (4, 4), "c": (1, 4), "d": (4, 4), "e": (2, 4)}
    one, two = task_of(right), task_of(right, "two")
    read = [Finding.model_validate_json(finding.model_dump_json()) for finding in (one, two)]
    assert [finding.sums for finding in read] == [None, None]
    found = combine(read)
    assert found.how == "made of the intervals of 2 tasks, taken as independent"
    below, above = reach(one)
    assert reach(found) == pytest.approx((below / math.sqrt(2), above / math.sqrt(2)))


def test_one_task_keeps_its_interval_and_none_makes_nothing(task_of) -> None:
    one = task_of({"a": (3, 4), "b": (4, 4), "c": (1, 4)})
    assert combine([one]) == Combined(value=one.value, low=one.low, high=one.high, how=one.interval)
    assert combine([]) == Combined()
    without = one.model_copy(update={"low": None, "high": None})
    assert combine([one, without]) == Combined(value=one.value, how="none: a task has no interval")


def test_tasks_that_are_always_right_are_not_certain_together(task_of) -> None:
    """Six texts, all right twice: the share of texts that might be wrong, in both tasks alike."""
    right = {name: (2, 2) for name in "abcdef"}
    found = combine([task_of(right), task_of(right, "two")])
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 6))
    apart = combine([task_of(right), task_of({name: (2, 2) for name in "uvwxyz"}, "two")])
    assert apart.low == pytest.approx(1 - (1 - 0.025 ** (1 / 6)) / math.sqrt(2))


def test_it_is_never_narrower_than_drawing_clusters_would_make_it(task_of) -> None:
    """Texts that are all right or all wrong: without one, 1/2 moves by 5/26, 1/7, 1/7 and 5/26; Wilson's draws in."""
    right = {"a": (5, 5), "b": (0, 4), "c": (4, 4), "d": (0, 5)}
    found = combine([task_of(right), task_of(right, "two")])
    drawn = 1.959964 * math.sqrt(2 * (5 / 26) ** 2 + 2 / 7**2) * (1 - 1 / 4)
    alone = reach(task_of(right))
    assert alone[0] == pytest.approx(alone[1]) and alone[0] < 0.92 * drawn
    assert reach(found) == pytest.approx((drawn, drawn))


# ---------------------------------------------------------------- how often it covers

RATES = np.array([0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
"""Of six tasks; a right answer is as likely as the difficulty of its text makes it, which all tasks share."""

N_EACH = 4


@pytest.fixture
def pillar_of(line):
    """The findings of six tasks from the number of right answers by task and text, `N_EACH` of each."""
    made: dict[tuple[int, int, bool], object] = {}

    def one(text: int, k: int, held: bool):
        if (text, k, held) not in made:
            made[text, k, held] = line(f"{text}-{k}", float(held), cluster=f"text {text}")
        return made[text, k, held]

    def make(right: np.ndarray) -> list[Finding]:
        return [
            finding_of([one(text, k, k < n) for text, n in enumerate(row) for k in range(N_EACH)], task)
            for task, row in zip(TASKS, right.tolist(), strict=True)
        ]

    return make


def right_answers(rng: np.random.Generator, *, n_texts: int, correlation: float = 0.3) -> np.ndarray:
    """Right answers by task and text, shape (6, n_texts), items of one text correlated within a task by so much."""
    level, strength = ndtr(rng.standard_normal(n_texts)), (1 - correlation) / correlation
    p = betaincinv(RATES[:, None] * strength, (1 - RATES[:, None]) * strength, level)
    return rng.binomial(N_EACH, p)


@pytest.mark.parametrize(("n_texts", "n_runs"), [(6, 300), (15, 200), (30, 120)])
def test_a_pillar_of_tasks_that_share_texts_covers_93_percent(pillar_of, n_texts: int, n_runs: int) -> None:
    rng, truth = np.random.default_rng(n_texts), float(RATES.mean())
    held = independent = 0
    for _ in range(n_runs):
        findings = pillar_of(right_answers(rng, n_texts=n_texts))
        found, apart = combine(findings), combine([finding.with_sums(None) for finding in findings])
        held += found.low <= truth <= found.high
        independent += apart.low <= truth <= apart.high
    assert held >= 0.93 * n_runs
    assert independent < 0.9 * n_runs  # which the tasks are not


def of_few(lines, rng: np.random.Generator, *, n: int, correlation: float, rate_: float = 0.8) -> list:
    """Lines of `n` speakers with twelve items each, right as often as each speaker's own rate makes them."""
    strength = (1 - correlation) / correlation
    p = rng.beta(rate_ * strength, (1 - rate_) * strength, size=n)
    held = rng.random((n, 12)) < p[:, None]
    return [lines[speaker, k, bool(held[speaker, k])] for speaker in range(n) for k in range(12)]


@pytest.fixture
def speakers(line):
    """Lines of eight speakers, right and wrong, to choose from."""
    return {
        (speaker, k, held): line(f"{speaker}-{k}", float(held), cluster=f"speaker {speaker}")
        for speaker in range(8)
        for k in range(12)
        for held in (True, False)
    }


@pytest.mark.parametrize("correlation", [0.1, 0.3])
def test_eight_speakers_of_twelve_items_are_covered(speakers, correlation: float) -> None:
    rng = np.random.default_rng(812)
    found = [rate(of_few(speakers, rng, n=8, correlation=correlation), metric="right") for _ in range(400)]
    assert np.mean([one.low <= 0.8 <= one.high for one in found]) >= 0.93


@pytest.mark.parametrize("n", [4, 5])
def test_four_or_five_speakers_are_at_most_1_3_times_as_wide_as_students_on_the_true_error(speakers, n: int) -> None:
    rng = np.random.default_rng(n)
    found = [rate(of_few(speakers, rng, n=n, correlation=0.1, rate_=0.7), metric="right") for _ in range(400)]
    values = np.array([one.value for one in found])
    half = float(stdtrit(n - 1, 0.975)) * values.std()
    students = np.mean(np.minimum(values + half, 1) - np.maximum(values - half, 0))
    assert np.mean([one.low <= 0.7 <= one.high for one in found]) >= 0.93
    assert np.mean([one.high - one.low for one in found]) <= 1.3 * students
