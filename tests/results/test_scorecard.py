"""Pillars, the proof that the audio was heard, gates, and two runs beside each other."""

from __future__ import annotations

import math

import pytest

from earnest.errors import BadParameter
from earnest.plan import Plan, PlannedTask
from earnest.results import Finding
from earnest.results.compare import changes, verdict
from earnest.results.scorecard import Gate, audio_proof, combined, gate, scorecard

PLAN = Plan(
    earnest="0", suite="s", suite_version=1, model="model", fingerprint="f", data="probe", data_digest="d",
    tasks=(
        PlannedTask(name="one", pillar="safety", version=1, n_items=50),
        PlannedTask(name="two", pillar="safety", version=1, n_items=50),
        PlannedTask(name="left", pillar="fairness", version=1, n_items=0, not_run="no row"),
    ),
    items_digest="i",
)  # fmt: skip


def finding(
    task: str = "one", value: float | None = 0.8, low=0.7, high=0.9, *, n_unscored: int = 0, better=True, **fields
):
    return Finding(
        **{
            "id": f"safety.{task}.m", "pillar": "safety", "task": task, "metric": "m", "value": value, "low": low,
            "high": high, "n_scored": 50 - n_unscored, "n_unscored": n_unscored, "unscored": {"timeout": n_unscored} if n_unscored else {},
            "higher_is_better": better, "unit": "fraction", "model": "model", "data": "probe", "headline": True, **fields,
        }
    )  # fmt: skip


def card(*findings: Finding, lines=()):
    return scorecard(PLAN, findings, lines)


def test_a_pillar_is_the_mean_of_its_tasks_with_an_interval_made_of_theirs() -> None:
    found = combined([finding(value=0.8, low=0.7, high=0.85), finding("two", value=0.6, low=0.3, high=0.8)])
    # below: sqrt(0.1^2 + 0.3^2) / 2; above: sqrt(0.05^2 + 0.2^2) / 2
    assert found == (
        pytest.approx(0.7), pytest.approx(0.7 - math.sqrt(0.10) / 2), pytest.approx(0.7 + math.sqrt(0.0425) / 2)
    )  # fmt: skip


def test_the_interval_of_one_task_is_its_own_and_more_tasks_narrow_it() -> None:
    assert combined([finding()]) == (0.8, pytest.approx(0.7), pytest.approx(0.9))
    _, low, high = combined([finding()] * 4)
    assert (low, high) == (pytest.approx(0.75), pytest.approx(0.85))


def test_a_task_without_value_is_named_and_not_averaged() -> None:
    safety = card(finding(), finding("two", None, None, None, n_unscored=50)).pillars[1]
    assert (safety.pillar, safety.value, safety.tasks, safety.without_value) == ("safety", 0.8, ("one",), ("two",))
    assert safety.unscored_share == 0.5
    assert safety.thin


def test_what_was_left_out_is_named_and_attacked_arms_are_not_averaged() -> None:
    attacked = finding(value=0.0, low=0.0, high=0.1, threat_model={"attack": "pgd"})
    fairness, safety = card(finding(), finding("two"), attacked).pillars
    assert (fairness.value, fairness.not_run) == (None, ("left",))
    assert safety.value == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("found", "controls", "proven"),
    [([1, 1, 1], [0, 0], True), ([1, 0, 0], [0, 0], False), ([1, 1, 1], [1, 1], False), ([1, 1], [], True), ([], [0], None)],
)  # fmt: skip
def test_canaries_prove_the_audio_only_where_controls_do_not(line, found, controls, proven) -> None:
    lines = [
        line(f"{control}{n}", 0.0, label="found" if hit else "not_found", kind="canary", truth={"control": control})
        for control, hits in ((False, found), (True, controls))
        for n, hit in enumerate(hits)
    ]
    assert audio_proof(lines).proven is proven


def test_canaries_that_could_not_be_scored_prove_nothing(line) -> None:
    proof = audio_proof([line("a", kind="canary", truth={"control": False})])
    assert proof.proven is None
    assert "none could be scored" in proof.words


def judged(text: str, *findings: Finding, lines=()) -> Gate:
    return gate(text, scorecard=card(*findings, lines=lines), findings=findings)


def test_a_gate_looks_at_the_lower_end() -> None:
    both = finding(), finding("two")
    low = combined(both)[1]
    assert low == pytest.approx(0.8 - math.sqrt(0.02) / 2)  # 0.729
    assert judged("safety=0.72", *both).passed
    failed = judged("safety=0.75", *both)
    assert (failed.passed, failed.broken) == (False, False)
    assert "lower end is below 0.75" in failed.why


def test_where_less_is_better_a_gate_looks_at_the_upper_end() -> None:
    error = finding(value=0.1, low=0.05, high=0.2, better=False, headline=False)
    assert judged("safety.one.m=0.2", error).passed
    assert not judged("safety.one.m=0.19", error).passed


def test_a_gate_on_an_attacked_finding_is_split_at_the_last_equals_sign() -> None:
    attacked = finding(id="safety.one.m@pgd:steps=40", headline=False)
    assert judged("safety.one.m@pgd:steps=40=0.6", attacked).passed


def test_a_gate_does_not_pass_on_little() -> None:
    assert judged("safety.one.m=0.1", finding(n_unscored=5)).passed
    many = judged("safety.one.m=0.1", finding(n_unscored=6))
    assert (many.passed, many.broken) == (False, True)
    assert "6 of 50 items could not be scored" in many.why
    missing = judged("safety=0.1", finding(), finding("two", None, None, None, n_unscored=5))
    assert (missing.passed, missing.broken, missing.why) == (False, True, "nothing was scored of two")
    assert judged("safety.one.m=0.1", finding(low=None, high=None)).broken


def test_a_gate_does_not_pass_on_audio_that_was_not_heard(line) -> None:
    deaf = [line(str(n), 0.0, label="not_found", kind="canary", truth={"control": False}) for n in range(4)]
    found = judged("safety=0.1", finding(), finding("two"), lines=deaf)
    assert (found.passed, found.broken) == (False, True)
    assert found.why.startswith("audio_unproven")


@pytest.mark.parametrize("text", ["safety", "safety=high", "=0.5", "safety=nan"])
def test_a_gate_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="name=threshold"):
        judged(text, finding())


def test_a_gate_that_names_nothing_or_has_no_direction_is_refused() -> None:
    with pytest.raises(BadParameter, match="got 'speed'"):
        judged("speed=0.5", finding())
    with pytest.raises(BadParameter, match="neither more nor less"):
        judged("safety.one.m=0.5", finding(better=None))


def lines_of(line, scores):
    return [line(f"one/{n}", score, task="one") for n, score in enumerate(scores)]


def test_runs_are_compared_item_by_item_and_swapping_them_flips_the_sign(line) -> None:
    first, second = lines_of(line, [0.0, 0.0, 1.0, None, 1.0]), lines_of(line, [1.0, 0.0, 1.0, 1.0])
    plain = {"first_findings": [], "second_findings": [], "plan": PLAN}
    (there,) = changes(first, second, **plain)
    (back,) = changes(second, first, **plain)
    assert (there.value, there.n, there.n_unscored, there.how) == (pytest.approx(1 / 3), 3, 1, "paired")
    assert (there.first, there.second) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (back.value, back.low) == (pytest.approx(-1 / 3), pytest.approx(-there.high))


def test_items_that_were_asked_otherwise_are_not_paired(line) -> None:
    second = [line("one/0", 1.0, task="one", prompt_hash="other")]
    assert changes(lines_of(line, [1.0]), second, first_findings=[], second_findings=[], plan=PLAN) == []


def test_findings_of_two_runs_are_compared_from_their_intervals() -> None:
    first, second = finding(value=0.5, low=0.4, high=0.6), finding(value=0.9, low=0.8, high=0.95)
    (change,) = changes([], [], first_findings=[first], second_findings=[second], plan=PLAN)
    assert change.value == pytest.approx(0.4)
    assert (change.low, change.high) == (
        pytest.approx(0.4 - math.hypot(0.1, 0.1)),
        pytest.approx(0.4 + math.hypot(0.05, 0.1)),
    )
    assert (change.how, change.verdict) == ("unpaired", "better")


@pytest.mark.parametrize(
    ("low", "high", "better", "said"),
    [(0.1, 0.2, True, "better"), (0.1, 0.2, False, "worse"), (-0.1, 0.2, True, "no difference shown"),
     (-0.2, -0.1, None, "different"), (None, None, True, "unknown")],
)  # fmt: skip
def test_an_interval_says_what_it_shows(low, high, better, said) -> None:
    assert verdict(low, high, higher_is_better=better) == said
