"""May these two runs be compared? What differs costs the items that it changed, is said, and costs no others."""

from __future__ import annotations

from typing import Any

import pytest

from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.records import Arm, JournalLine
from earnest.results.comparable import Side, alike
from earnest.results.compare import Shift, headline_changes, n_comparisons, shifts

TASKS = (("one", "safety"), ("two", "safety"), ("three", "privacy"))


def plan(**fields: Any) -> Plan:
    some = fields.pop("tasks", {})
    tasks = tuple(
        PlannedTask(**{"name": name, "pillar": pillar, "version": 1, "n_items": 40, **some.get(name, {})})
        for name, pillar in TASKS
    )
    told = {
        "earnest": "0",
        "suite": "s",
        "suite_version": 1,
        "model": "model",
        "fingerprint": "f",
        "data": "probe",
        "data_digest": "d",
    }
    return Plan(**{**told, "tasks": tasks, "items_digest": "i", **fields})


@pytest.fixture
def lines(line):
    """Lines of a task from scores, an item being a cluster."""

    def make(task: str, scores, **fields) -> list[JournalLine]:
        suffix = Arm(attack=fields.get("attack")).suffix
        return [
            line(f"{task}/{n}{suffix}", score, task=task, cluster=f"c{n}", **fields) for n, score in enumerate(scores)
        ]

    return make


@pytest.fixture
def every(lines):
    """Ten lines of each task."""
    return lambda **fields: [one for name, _ in TASKS for one in lines(name, [1.0] * 6 + [0.0] * 4, **fields)]


def side(name: str, some, **fields) -> Side:
    return Side(name=name, plan=plan(**fields), lines=some)


def test_runs_that_asked_the_same_may_be_compared(every) -> None:
    found = alike(side("a", every()), side("b", every(), model="other"))
    assert found.comparable.answer == "yes" and found.comparable.left_out == {}
    assert (
        found.comparable.reasons[0]
        == "Both runs were asked the same 30 items of 3 tasks with the same prompts and recordings."
    )
    assert (found.comparable.n_alike, found.comparable.n_otherwise, found.comparable.n_alone) == (30, 0, 0)


def test_a_task_in_another_version_is_left_out_with_the_reason(every) -> None:
    found = alike(side("a", every()), side("b", every(), tasks={"two": {"version": 3}}))
    assert found.comparable.answer == "in part" and found.comparable.tasks == ("one", "three")
    assert found.comparable.left_out == {"two": "it was run in version 1 and in version 3, which may score otherwise"}
    assert {there.task for pairs in found.pairs.values() for there, _ in pairs} == {"one", "three"}


def test_parameters_and_lone_tasks_are_named(every) -> None:
    other = {"one": {"parameters": {"max_rows": 7}}, "three": {"not_run": "no column"}}
    found = alike(side("a", every()), side("b", every(), tasks=other))
    assert found.comparable.left_out == {
        "one": "its parameters differ: max_rows was the default and 7",
        "three": "only a ran it",
    }


def test_another_seed_costs_the_items_that_it_changed_and_no_others(lines) -> None:
    clip, other = {"speech": "a" * 64}, {"speech": "b" * 64}
    before = lines("one", [1.0] * 10, clips=clip) + lines("three", [1.0] * 10, clips=clip)
    after = lines("one", [1.0] * 10, clips=clip) + lines("three", [1.0] * 10, clips=other)
    found = alike(side("a", before), side("b", after, seed=1))
    assert (
        found.comparable.answer == "in part" and found.comparable.n_alike == 10 and found.comparable.n_otherwise == 10
    )
    assert "The seeds differ (0 and 1): only what was drawn alike is compared." in found.comparable.reasons
    assert found.comparable.left_out["three"].startswith(
        "no item was asked with the same prompt and the same recording"
    )
    same = alike(side("a", before), side("b", before, seed=1))
    assert same.comparable.answer == "in part", "task two has no item"
    assert not any("seed" in reason for reason in same.comparable.reasons), "nothing was drawn otherwise"


def test_an_attacked_item_is_compared_where_its_clean_item_is_the_same(lines) -> None:
    arms = (PlannedArm(), PlannedArm(attack="pgd"))
    clip, made, other = ({"speech": sign * 64} for sign in "abc")
    before = lines("one", [1.0] * 4, clips=clip) + lines("one", [1.0] * 4, attack="pgd", clips=made)
    again = lines("one", [1.0] * 4, clips=clip) + lines("one", [0.0] * 4, attack="pgd", clips=other)
    found = alike(side("a", before, arms=arms), side("b", again, arms=arms))
    assert len(found.pairs[Arm(attack="pgd")]) == 4, "an attack makes its own recording"
    elsewhere = lines("one", [1.0] * 4, clips=other) + lines("one", [0.0] * 4, attack="pgd", clips=other)
    assert not alike(side("a", before, arms=arms), side("b", elsewhere, arms=arms)).pairs


def test_an_arm_of_one_run_alone_is_named(every, lines) -> None:
    arms = (PlannedArm(), PlannedArm(attack="pgd"))
    attacked = every() + lines("one", [1.0] * 10, attack="pgd")
    found = alike(side("a", every()), side("b", attacked, arms=arms))
    assert found.comparable.left_out == {"arm @pgd": "only b has it"} and found.comparable.answer == "in part"


def test_answers_of_two_judges_are_not_compared(every, lines) -> None:
    judged = [one.model_copy(update={"judges": {"x": "label"}}) if one.task == "one" else one for one in every()]
    again = [one.model_copy(update={"judges": {"y": "label"}}) if one.task == "one" else one for one in every()]
    found = alike(side("a", judged, judges=("x",)), side("b", again, judges=("y",)))
    assert found.comparable.left_out == {"one": "its answers were judged by x in one run and by y in the other"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"shard": "1/2"}, "b is part 1/2 of a run; join the parts with `earnest merge`."),
        ({"tasks": {name: {"version": 2} for name, _ in TASKS}}, "They have no task in common"),
    ],
)
def test_runs_that_share_nothing_may_not_be_compared(every, fields: dict[str, Any], why: str) -> None:
    found = alike(side("a", every()), side("b", every(), **fields))
    assert found.comparable.answer == "no" and why in found.comparable.reasons[0] and not found.pairs


def test_what_is_not_shown_to_have_heard_may_not_be_compared(every, line) -> None:
    deaf = [
        line(
            f"canary/{n}",
            None,
            kind="canary",
            status="scored",
            reason=None,
            task="canary",
            answer="no idea",
            truth={"control": n >= 8},
            verdict={"score": None, "label": "not_found", "facts": {}},
        )
        for n in range(12)
    ]
    found = alike(side("a", every()), side("b", every() + deaf))
    assert found.comparable.answer == "no"
    assert found.comparable.reasons[0].startswith("It is not shown that b heard the audio")


# ---------------------------------------------------------------- what changed


def found_shifts(before, after, *, times: int = 1) -> dict[str, Shift]:
    both = alike(side("a", before), side("b", after))
    changed = headline_changes(both, plan())
    return {one.id: one for one in shifts(changed, n_looked_at=times * n_comparisons(changed))}


def test_what_got_worse_is_worse_with_its_items(lines) -> None:
    # 16 of 40 pass before and fail now, 2 the other way: -14/40; the pillar of two tasks changes by half of it
    before = lines("one", [1.0] * 38 + [0.0] * 2) + lines("two", [1.0] * 40)
    after = lines("one", [0.0] * 16 + [1.0] * 22 + [1.0] * 2) + lines("two", [1.0] * 40)
    found = found_shifts(before, after)
    one, pillar = found["safety.one"], found["safety"]
    assert (one.first, one.second) == (0.95, 0.6) and one.value == pytest.approx(-0.35)
    assert (one.n_fell, one.n_rose, one.n_items, one.verdict) == (16, 2, 40, "worse")
    assert pillar.task is None and pillar.n_tasks == 2 and pillar.value == pytest.approx(-0.175)
    assert found["safety.two"].verdict == "no difference shown"


def test_intervals_hold_for_all_comparisons_at_once_and_stay_on_the_scale(lines) -> None:
    before, after = lines("one", [1.0] * 4), lines("one", [0.0, 0.0, 1.0, 1.0])
    alone, among = found_shifts(before, after)["safety.one"], found_shifts(before, after, times=50)["safety.one"]
    assert alone.low == alone.alone_low and alone.high == alone.alone_high, "one comparison is its own family"
    assert -1 <= among.low < alone.low < alone.value < alone.high < among.high <= 1
    assert among.confidence == pytest.approx(1 - 0.05 / 50) and among.alone_low == alone.low


def test_a_change_turned_round_is_its_mirror(lines) -> None:
    before, after = lines("one", [1.0] * 30 + [0.0] * 10), lines("one", [0.0] * 12 + [1.0] * 18 + [0.0] * 10)
    there, back = found_shifts(before, after)["safety.one"], found_shifts(after, before)["safety.one"]
    assert (there.verdict, back.verdict) == ("worse", "better")
    assert there.value == pytest.approx(-back.value) and there.low == pytest.approx(-back.high)
    assert (there.n_fell, there.n_rose) == (back.n_rose, back.n_fell) == (12, 0)


def test_too_much_unscored_is_unknown_and_says_why(lines) -> None:
    found = found_shifts(lines("one", [1.0] * 20), lines("one", [1.0] * 16 + [None] * 4))["safety.one"]
    assert found.verdict == "unknown" and found.why == "4 of 20 items that the baseline scored could not be scored"
    gone = found_shifts(lines("one", [1.0] * 20), lines("one", [None] * 20))["safety.one"]
    assert gone.value is None and gone.why == "nothing is left to compare: 20 items could not be scored"


def test_a_change_that_nearly_every_item_shares_is_found(lines) -> None:
    # 14 of 15 fall, none rises: McNemar gives 2 / 2^14 = 0.0001, and two tasks of one pillar say it more surely than one
    before, after = [1.0] * 14 + [0.0], [0.0] * 15
    found = found_shifts(
        lines("one", before) + lines("two", before), lines("one", after) + lines("two", after), times=12
    )
    assert {one.verdict for one in found.values()} == {"worse"}
    assert found["safety"].high == pytest.approx(found["safety.one"].high), (
        "the two tasks change alike, so that together they say no more"
    )


def test_no_more_is_said_than_the_exact_test_says(lines) -> None:
    # 7 of 40 fall, none rises: McNemar gives 2 / 2^7 = 0.0156, which is less than 0.05 and more than 0.05 / 4
    before, after = lines("one", [1.0] * 40), lines("one", [0.0] * 7 + [1.0] * 33)
    assert found_shifts(before, after)["safety.one"].verdict == "worse"
    among = found_shifts(before, after, times=4)["safety.one"]
    assert among.verdict == "no difference shown" and among.high == 0.0


def test_items_that_share_a_speaker_are_no_table_of_pairs(line) -> None:
    def some(scores):
        return [line(f"one/{n}", score, task="one", cluster=f"c{n // 5}") for n, score in enumerate(scores)]

    apart = [line(f"one/{n}", score, task="one", cluster=f"c{n}") for n, score in enumerate([1.0] * 20)]
    fell = [
        one.model_copy(update={"verdict": {"score": float(n >= 8), "label": "x", "facts": {}}})
        for n, one in enumerate(apart)
    ]
    joint = found_shifts(some([1.0] * 20), some([0.0] * 8 + [1.0] * 12))["safety.one"]
    single = found_shifts(apart, fell)["safety.one"]
    assert joint.value == single.value and joint.high - joint.low > single.high - single.low
