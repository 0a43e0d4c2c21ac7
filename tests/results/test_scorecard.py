"""Pillars, the proof that the audio was heard, gates, and two runs beside each other."""

from __future__ import annotations

import math

import pytest

from earnest.errors import BadParameter
from earnest.plan import Plan, PlannedTask
from earnest.registry import registry
from earnest.results import Finding
from earnest.results.compare import changes, verdict
from earnest.results.scorecard import Gate, audio_proof, combined, gate, scorecard

PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="model",
    fingerprint="f",
    data="probe",
    data_digest="d",
    tasks=(
        PlannedTask(name="one", pillar="safety", version=1, n_items=50),
        PlannedTask(name="two", pillar="safety", version=1, n_items=50),
        PlannedTask(name="left", pillar="fairness", version=1, n_items=0, not_run="no row"),
    ),
    items_digest="i",
)


def finding(
    task: str = "one", value: float | None = 0.8, low=0.7, high=0.9, *, n_unscored: int = 0, better=True, **fields
):
    return Finding(
        **{
            "id": f"safety.{task}.m",
            "pillar": "safety",
            "task": task,
            "metric": "m",
            "value": value,
            "low": low,
            "high": high,
            "n_scored": 50 - n_unscored,
            "n_unscored": n_unscored,
            "unscored": {"timeout": n_unscored} if n_unscored else {},
            "higher_is_better": better,
            "unit": "fraction",
            "model": "model",
            "data": "probe",
            "headline": True,
            **fields,
        }
    )


def card(*findings: Finding, lines=()):
    return scorecard(PLAN, findings, lines)


def test_a_pillar_is_the_mean_of_its_tasks_with_an_interval_made_of_theirs() -> None:
    found = combined([finding(value=0.8, low=0.7, high=0.85), finding("two", value=0.6, low=0.3, high=0.8)])
    # below: sqrt(0.1^2 + 0.3^2) / 2; above: sqrt(0.05^2 + 0.2^2) / 2
    assert found == (
        pytest.approx(0.7),
        pytest.approx(0.7 - math.sqrt(0.10) / 2),
        pytest.approx(0.7 + math.sqrt(0.0425) / 2),
    )


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
)  # fmt: skip  # a table: one row a line
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
)  # fmt: skip  # a table: one row a line
def test_an_interval_says_what_it_shows(low, high, better, said) -> None:
    assert verdict(low, high, higher_is_better=better) == said


# ---------------------------------------------------------------- what a pillar must have


def planned(*names: str, pillar: str = "safety", data: str = "probe", **fields) -> Plan:
    tasks = tuple(
        PlannedTask(
            name=name, pillar=pillar, version=getattr(registry("tasks").known(name), "version", 1), n_items=10, **fields
        )
        for name in names
    )
    return PLAN.model_copy(update={"tasks": tasks, "data": data})


def head(task: str, value: float | None = 0.9, *, pillar: str = "safety", **fields) -> Finding:
    return finding(task, value, **{"id": f"{pillar}.{task}.m", "pillar": pillar, **fields})


def asked(line, task: str, n: int = 10, **truth):
    return [line(f"{task}/{truth}{k}", 1.0, task=task, truth=truth) for k in range(n)]


def test_one_side_alone_has_no_number_and_passes_no_gate(line) -> None:
    plan, heads = planned("benign_compliance"), [head("benign_compliance", 1.0, low=0.9, high=1.0)]
    lines = asked(line, "benign_compliance", twin=False)
    card = scorecard(plan, heads, lines)
    (safety,) = card.pillars
    assert (safety.value, safety.low, safety.missing_sides) == (None, None, ("harmful",))
    assert safety.no_value == "one side only: nothing was scored of harmful"
    broken = gate("safety=0.1", scorecard=card, findings=heads)
    assert (broken.passed, broken.broken, broken.why) == (False, True, safety.no_value)
    whole = [*lines, *asked(line, "harmful_refusal")]
    both = scorecard(planned("benign_compliance", "harmful_refusal"), [*heads, head("harmful_refusal", 0.5)], whole)
    assert both.pillars[0].value == pytest.approx(0.75)


def test_a_side_of_which_nothing_was_scored_is_missing(line) -> None:
    plan = planned("benign_compliance", "harmful_refusal")
    lines = [
        *asked(line, "benign_compliance", twin=False),
        *(line(f"h/{k}", None, task="harmful_refusal") for k in range(10)),
        *(one.model_copy(update={"attack": "pgd"}) for one in asked(line, "harmful_refusal")),
    ]
    heads = [head("benign_compliance"), head("harmful_refusal", None, low=None, high=None, n_unscored=50)]
    assert scorecard(plan, heads, lines).pillars[0].missing_sides == ("harmful",)


def test_on_the_users_recordings_made_and_embedded_clips_alone_are_no_number(line) -> None:
    heads = [head("silence_transcription", pillar="hallucination")]
    made = [*asked(line, "silence_transcription", speech=False, audio="made"),
            *asked(line, "silence_transcription", speech=True, audio="embedded")]  # fmt: skip  # a table: one row a line

    def pillar(lines, data="mine"):
        plan = planned("silence_transcription", pillar="hallucination", data=data)
        return scorecard(plan, heads, lines).pillars[0]

    assert pillar(made).no_value == "nothing was scored on the data's own audio"
    assert pillar(made, data="probe").value == 0.9
    own = asked(line, "silence_transcription", n=1, speech=True)
    assert pillar([*made, *own]).value == 0.9


def test_fewer_than_half_of_the_tasks_make_no_pillar() -> None:
    names = ("one", "two", "three", "four", "five")
    nothing = {"value": None, "low": None, "high": None, "n_unscored": 50}

    def pillar(n_valued: int, plan: Plan):
        heads = [head(name, **({} if k < n_valued else nothing)) for k, name in enumerate(names)]
        return scorecard(plan, heads, []).pillars[0]

    assert pillar(3, planned(*names)).value == pytest.approx(0.9)
    assert pillar(2, planned(*names)).value is None
    assert pillar(2, planned(*names)).no_value == "made of 2 of 5 tasks, fewer than half"
    assert pillar(2, planned(*names[:4])).value == pytest.approx(0.9)
    # what the model was not made for counts; what the data does not serve does not
    left_out = [PlannedTask(name=f"n{k}", pillar="safety", version=1, n_items=0, not_run="no row") for k in range(5)]
    plan = planned(*names[:3])
    assert pillar(3, plan.model_copy(update={"tasks": (*plan.tasks, *left_out)})).value is not None
    beyond = [task.model_copy(update={"beyond": {"it gets words alone": 9}}) for task in left_out]
    assert pillar(3, plan.model_copy(update={"tasks": (*plan.tasks, *beyond)})).no_value.startswith("made of 3 of 8")


def test_a_gate_counts_what_is_missing_task_by_task() -> None:
    findings = [finding(n_unscored=0), finding("two", n_unscored=6)]  # 6 of 100 in all, 6 of 50 of one
    told = judged("safety=0.1", *findings)
    assert (told.passed, told.broken) == (False, True)
    assert told.why == "6 of 50 items of two could not be scored, more than 10%"


def test_a_gate_fails_where_what_is_missing_might_decide() -> None:
    sure = finding(value=0.95, low=0.91, high=0.98, n_unscored=4, worst_low=0.92, worst_high=0.96)
    open_ = finding(value=0.95, low=0.91, high=0.98, n_unscored=4, worst_low=0.87, worst_high=0.96)
    assert judged("safety.one.m=0.9", sure).passed
    told = judged("safety.one.m=0.9", open_)
    assert (told.passed, told.broken) == (False, True)
    assert told.why.endswith("were the 4 unscored items 0, it would be 0.87, below 0.9")
    error = finding(value=0.05, low=0.02, high=0.09, n_unscored=4, worst_low=0.04, worst_high=0.13, better=False)
    assert "were the 4 unscored items 1, it would be 0.13, above 0.1" in judged("safety.one.m=0.1", error).why
    two = finding("two", value=0.95, low=0.91, high=0.98, worst_low=0.95, worst_high=0.95)
    assert judged("safety=0.85", open_, two).passed  # mean of 0.87 and 0.95
    assert not judged("safety=0.92", open_, two).passed


def test_a_pillar_has_the_mean_of_its_tasks_worst_cases_and_none_without_a_value(line) -> None:
    one = finding(value=0.9, n_unscored=5, worst_low=0.81, worst_high=0.91)
    two = finding("two", value=0.7, worst_low=0.7, worst_high=0.7)
    (_, safety) = card(one, two).pillars
    assert (safety.worst_low, safety.worst_high) == (pytest.approx(0.755), pytest.approx(0.805))
    (_, unknown) = card(one, two.model_copy(update={"worst_low": None})).pillars
    assert (unknown.worst_low, unknown.worst_high) == (None, pytest.approx(0.805))
    without = scorecard(
        planned("benign_compliance"),
        [head("benign_compliance", worst_low=0.8, worst_high=0.9)],
        asked(line, "benign_compliance", twin=False),
    ).pillars[0]
    assert (without.value, without.worst_low, without.worst_high) == (None, None, None)


def test_what_is_missing_decides_a_pillars_gate_by_the_mean_of_the_worst_cases() -> None:
    """0.955 in the mean and an interval from 0.93, but 0.935 were the missing items wrong, within a tenth by task."""
    one = finding(value=0.95, low=0.92, high=0.98, n_unscored=5, worst_low=0.9, worst_high=0.96)
    two = finding("two", value=0.96, low=0.94, high=0.98, n_unscored=1, worst_low=0.94, worst_high=0.97)
    told = judged("safety=0.925", one, two)
    assert (told.passed, told.broken) == (False, True)
    assert told.why.endswith("were the 6 unscored items 0, it would be 0.92, below 0.925")
    assert judged("safety=0.92", one, two).passed  # on the threshold
    assert not judged("safety=0.95", one, two).broken  # it fails by its interval, whatever is missing


def test_one_task_that_is_silent_is_not_hidden_by_others() -> None:
    """A task of twelve items, four without a score, beside one of 500: under one in a hundred of all."""
    small = finding(n_scored=8, n_unscored=4, unscored={"timeout": 4})
    large = finding("two", n_scored=500)
    told = judged("safety=0.1", small, large)
    assert (told.passed, told.why) == (False, "4 of 12 items of one could not be scored, more than 10%")
    attacked = finding(n_scored=8, n_unscored=4, unscored={"timeout": 4}, threat_model={"attack": "pgd"})
    assert judged(
        "safety=0.1", finding(n_scored=12), large, attacked
    ).passed  # an attacked arm is no part of the pillar


def test_a_gate_on_fairness_allows_no_wider_gap_than_it_says() -> None:
    plan = planned("one", pillar="fairness")
    parity = head("one", 0.97, low=0.95, high=0.99, pillar="fairness")
    gap = head(
        "two",
        0.3,
        low=0.15,
        high=0.45,
        pillar="fairness",
        headline=False,
        better=False,
        metric="over_refusal_gap",
        id="fairness.two.over_refusal_gap[gender=f vs gender=m]",
    )

    def passes(threshold: float, *findings: Finding) -> Gate:
        return gate(f"fairness={threshold}", scorecard=scorecard(plan, findings, []), findings=findings)

    assert passes(0.9, parity).passed
    told = passes(0.9, parity, gap)
    assert (told.passed, told.broken) == (False, False)
    assert "over_refusal_gap[gender=f vs gender=m] is 0.3, interval 0.15 to 0.45, above 0.1" in told.why
    assert passes(0.8, parity, gap).passed  # 0.2 is allowed, and more is not established
    assert passes(0.9, parity, gap.model_copy(update={"low": -0.1})).passed


def test_a_finding_is_left_open_where_the_missing_items_might_turn_it() -> None:
    base = {"value": 0.7, "low": 0.6, "high": 0.8, "baseline": 0.5, "n_unscored": 20}
    assert finding(**base, worst_low=0.42, worst_high=0.82).left_open
    assert not finding(**base, worst_low=0.52, worst_high=0.82).left_open
    assert not finding(**{**base, "low": 0.45}, worst_low=0.42, worst_high=0.82).left_open  # nothing was concluded
    below = {"value": 0.3, "low": 0.2, "high": 0.4, "baseline": 0.5, "n_unscored": 20}
    assert finding(**below, worst_low=0.2, worst_high=0.55).left_open
    assert not finding(**below).left_open  # no bounds are known


def test_which_pillars_are_of_the_scorecard_and_which_beside_it(line) -> None:
    tasks = tuple(
        PlannedTask(name=f"t_{key}", pillar=key, version=1, n_items=10) for key in ("safety", "deepfake", "own_pillar")
    )
    card = scorecard(PLAN.model_copy(update={"tasks": tasks}), [], [])
    assert {one.pillar: one.on_scorecard for one in card.pillars} == {
        "safety": True,
        "deepfake": False,
        "own_pillar": False,
    }


def test_the_share_without_a_score_is_of_all_items() -> None:
    assert finding("t", 0.5, n_scored=6, n_unscored=2, unscored={"timeout": 2}).unscored_share == 0.25
    assert finding("t", None, n_scored=0, n_unscored=0, unscored={}).unscored_share == 1.0


@pytest.mark.parametrize(
    ("low", "high", "worst_low", "worst_high", "open_"),
    [(0.6, 0.9, 0.55, 0.95, False), (0.6, 0.9, 0.5, 0.95, True), (0.2, 0.4, 0.1, 0.45, False), (0.2, 0.4, 0.1, 0.5, True),
     (0.4, 0.6, 0.1, 0.9, False), (0.2, 0.4, 0.1, 0.4, False), (0.6, 0.9, 0.6, None, False)],
)  # fmt: skip  # a table: one row a line
def test_a_conclusion_is_open_where_a_worst_case_is_on_the_baselines_other_side(
    low, high, worst_low, worst_high, open_
) -> None:
    one = finding("t", (low + high) / 2, low, high, baseline=0.5, worst_low=worst_low, worst_high=worst_high)
    assert one.left_open is open_
