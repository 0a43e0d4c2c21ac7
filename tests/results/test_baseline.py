"""A run beside an earlier one: what changed is paired, holds for all comparisons at once, and nothing passes unseen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earnest import registry
from earnest.errors import BadData, BadParameter
from earnest.metrics.clusters import clustered_interval
from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.records import Arm, JournalLine
from earnest.report.gather import gather
from earnest.results import rate
from earnest.results.baseline import Baseline, gates_against
from earnest.results.scorecard import Gate
from earnest.runs.suite import Run, run_suite

PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="model",
    fingerprint="f",
    data="probe",
    data_digest="d",
    tasks=tuple(
        PlannedTask(name=name, pillar=pillar, version=1, n_items=40)
        for name, pillar in (("one", "safety"), ("two", "safety"), ("three", "privacy"))
    ),
    items_digest="i",
)


@pytest.fixture
def lines(line):
    """Lines of a task from scores, an item being a cluster."""

    def make(task: str, scores, **fields) -> list[JournalLine]:
        suffix = Arm(attack=fields.get("attack"), defences=tuple(filter(None, [fields.get("defence")]))).suffix
        return [
            line(f"{task}/{n}{suffix}", score, task=task, cluster=f"c{n}", **fields) for n, score in enumerate(scores)
        ]

    return make


def baseline(lines, plan: Plan = PLAN, name: str = "main") -> Baseline:
    return Baseline(name=name, plan=plan, lines={line.item: line for line in lines})


def judged(before, after, **options) -> dict[str, Gate]:
    return {gate.gate.split()[0]: gate for gate in gates_against(baseline(before), PLAN, after, **options)}


def test_a_fall_is_found_and_a_rise_is_none(lines) -> None:
    # 10 of 40 items right before and wrong now: the change is -0.25, and every pair that differs lies on one side
    before, after = lines("one", [1.0] * 40), lines("one", [0.0] * 10 + [1.0] * 30)
    fallen, risen = judged(before, after)["safety"], judged(after, before)["safety"]
    assert (fallen.passed, fallen.broken, fallen.against) == (False, False, "main")
    assert fallen.gate == "safety not worse than main"
    assert fallen.why.startswith("0.25 worse, interval -0.") and "paired over 40 items of one task" in fallen.why
    assert risen.passed and risen.why.startswith("0.25 better, interval 0.")


def test_what_changes_both_ways_alike_is_no_change(lines) -> None:
    before, after = lines("one", [1.0] * 5 + [0.0] * 5 + [1.0] * 30), lines("one", [0.0] * 5 + [1.0] * 35)
    gate = judged(before, after)["safety"]
    assert gate.passed and gate.why.startswith("unchanged, interval -0.")


def test_the_change_is_paired_so_what_both_runs_share_cancels(lines) -> None:
    # 4 of 40 items fall, and of the rest half is wrong in both: two runs taken apart could not be told from each other
    before, after = lines("one", [1.0] * 22 + [0.0] * 18), lines("one", [0.0] * 4 + [1.0] * 18 + [0.0] * 18)
    gate = judged(before, after)["safety"]
    low = float(gate.why.split("interval ")[1].split(" to ")[0])
    apart = clustered_interval(np.array([[1.0]] * 22 + [[0.0]] * 18), np.ones((40, 1)))
    assert -0.3 < low < -0.1 and apart is not None and apart.low - apart.high < low  # wider by half and more


def test_the_same_answers_are_unchanged_within_what_so_many_can_show(lines) -> None:
    same = lines("one", [1.0, 0.0] * 20)
    gate = judged(same, same)["safety"]
    # none of 40 clusters changed: by Clopper and Pearson at most 1 - 0.025 ** (1 / 40) = 0.0881 of all would
    assert gate.passed and gate.why.startswith("unchanged, interval -0.0881 to 0.0881 (95 %)")


def test_the_clusters_of_all_tasks_tell_how_much_an_unchanged_pillar_might_have_changed(lines) -> None:
    same = [*lines("one", [1.0, 0.0] * 20), *lines("two", [1.0, 0.0] * 3)]
    gate = judged(same, same)["safety"]
    # 40 clusters in all, six of them in "two" as well; for three comparisons: 1 - (0.025 / 3) ** (1 / 40) = 0.1128
    assert gate.why.startswith("unchanged, interval -0.113 to 0.113")


def test_the_mean_of_two_tasks_that_change_alike_is_as_sure_as_either(lines) -> None:
    before, after = [1.0] * 20 + [0.0] * 20, [0.0] * 10 + [1.0] * 30
    twice = [[*lines("one", scores), *lines("two", scores)] for scores in (before, after)]
    alone = judged(lines("one", before), lines("one", after), margin=0.9)["safety"].why
    both = judged(*twice, margin=0.9)["safety"].why
    for one, other in zip(ends(alone), ends(both), strict=True):
        assert one == pytest.approx(other, abs=0.01)


def ends(why: str) -> list[float]:
    """The ends of the interval in a gate's words."""
    return [float(end) for end in re.search(r"interval (\S+) to (\S+)", why).groups()]  # type: ignore[union-attr]


def test_a_task_that_falls_is_found_within_a_pillar_that_does_not(lines) -> None:
    before = [*lines("one", [1.0] * 20 + [0.0] * 20), *lines("two", [0.0] * 20 + [1.0] * 20)]
    after = [*lines("one", [0.0] * 40), *lines("two", [1.0] * 40)]
    gate = judged(before, after)["safety"]
    assert not gate.passed and gate.why.startswith("unchanged") and "one is 0.5 worse" in gate.why
    assert "all 3 comparisons at once" in gate.why and "40 items" not in gate.why and "80 items of 2 tasks" in gate.why


def test_the_more_is_compared_the_more_a_fall_must_show(lines) -> None:
    fall = [0.0] * 7 + [1.0] * 33
    alone = judged(lines("one", [1.0] * 40), lines("one", fall))["safety"]
    others = [*lines("two", [1.0, 0.0] * 20), *lines("three", [1.0, 0.0] * 20)]
    among = judged([*lines("one", [1.0] * 40), *others], [*lines("one", fall), *others])["safety"]
    assert not alone.passed
    assert among.passed and "all 4 comparisons at once" in among.why


def test_a_margin_wants_it_shown(lines) -> None:
    before, after = lines("one", [1.0] * 40), lines("one", [0.0] * 1 + [1.0] * 39)
    assert judged(before, after)["safety"].passed
    assert judged(before, after, margin=0.5)["safety"].passed
    strict = judged(before, after, margin=0.05)["safety"]
    assert (strict.passed, strict.broken) == (False, False) and "the lower end is not above -0.05" in strict.why
    for wrong in (0.0, 1.0, -0.1, 5.0):
        with pytest.raises(BadParameter, match="the margin to a baseline must lie between 0 and 1"):
            judged(before, after, margin=wrong)


def test_what_can_no_longer_be_scored_does_not_pass(lines) -> None:
    before = lines("one", [1.0] * 40)
    many = judged(before, lines("one", [None] * 5 + [1.0] * 35))["safety"]
    assert (many.passed, many.broken) == (False, True)
    assert many.why == "5 of 40 items of one that the baseline scored could not be scored, more than 10%"
    few = judged(before, lines("one", [None] * 4 + [0.0] * 4 + [1.0] * 32))["safety"]
    assert (few.passed, few.broken) == (False, True) and "were its 4 unscored items 0, safety would be worse" in few.why
    assert judged(before, lines("one", [None] * 2 + [1.0] * 38))["safety"].passed


def under(attack: str, defences: tuple[str, ...] = ()) -> Plan:
    arms = [Arm(attack=one, defences=stack) for stack in dict.fromkeys(((), defences)) for one in (None, attack)]
    return PLAN.model_copy(update={"arms": tuple(map(PlannedArm.of, arms))})


ATTACKED = under("noise", ("codec",))


def test_each_arm_of_both_runs_is_compared_with_the_same_arm(lines) -> None:
    # under attack 30 of 40 hold before and 20 now; undefended and unattacked nothing changes, and behind the defence all is better
    plain, worse, better = ({"attack": None}, {"attack": "noise"}, {"attack": "noise", "defence": "codec"})
    before = [
        *lines("one", [1.0] * 40, **plain),
        *lines("one", [1.0] * 30 + [0.0] * 10, **worse),
        *lines("one", [0.0] * 40, **better),
        *lines("one", [1.0] * 40, defence="codec"),
    ]
    after = [
        *lines("one", [1.0] * 40, **plain),
        *lines("one", [1.0] * 20 + [0.0] * 20, **worse),
        *lines("one", [1.0] * 40, **better),
        *lines("one", [None] * 40, defence="codec"),
    ]
    gates = gates_against(baseline(before, ATTACKED), ATTACKED, after)
    assert [gate.gate for gate in gates] == [
        f"safety{arm} not worse than main" for arm in ("", "@noise", "@+codec", "@noise+codec")
    ]
    assert [(gate.passed, gate.broken) for gate in gates] == [
        (True, False),
        (False, False),
        (False, True),
        (True, False),
    ]
    assert gates[1].why.startswith("0.25 worse, interval -0.") and "95 % for all 4 comparisons at once" in gates[1].why
    assert gates[2].why.startswith("40 of 40 items of one that the baseline scored could not be scored")
    assert all("not compared" not in gate.why for gate in gates)


def test_arms_that_one_run_has_alone_are_named(lines) -> None:
    same, attacked = lines("one", [1.0] * 40), lines("one", [0.0] * 40, attack="noise")
    other = under("noise")
    (gate,) = gates_against(baseline(same), other, [*same, *attacked])
    assert gate.passed and gate.why.endswith("; not compared: @noise (of this run alone)")
    quieter = under("noise:snr_db=30")
    (gate,) = gates_against(baseline([*same, *attacked], other), quieter, same)
    assert gate.why.endswith("; not compared: @noise:snr_db=30 (of this run alone), @noise (of main alone)")
    (gate,) = gates_against(baseline(attacked, other), PLAN, same)
    assert gate.broken and gate.why == "no item was scored in both runs; not compared: @noise (of main alone)"


def test_a_task_that_can_no_longer_be_scored_at_all_does_not_pass_beside_others(lines) -> None:
    before = [*lines("one", [1.0] * 40), *lines("three", [1.0] * 40)]
    gates = judged(before, [*lines("one", [1.0] * 40), *lines("three", [None] * 40)])
    assert gates["safety"].passed and gates["privacy"].broken and not gates["privacy"].passed
    assert gates["privacy"].why.startswith("40 of 40 items of three")


def test_only_what_was_asked_alike_in_the_same_arm_is_compared(lines) -> None:
    before = lines("one", [1.0] * 40)
    otherwise = lines("one", [0.0] * 40, prompt_hash="other")
    (gate,) = gates_against(baseline(before), PLAN, otherwise)
    assert (gate.passed, gate.broken, gate.why) == (False, True, "no item was scored in both runs")
    attacked = lines("one", [0.0] * 40, attack="noise")
    assert judged(before, [*lines("one", [1.0] * 40), *attacked])["safety"].passed
    newer = PLAN.model_copy(update={"tasks": (PLAN.tasks[0].model_copy(update={"version": 2}), *PLAN.tasks[1:])})
    assert [gate.broken for gate in gates_against(baseline(before), newer, before)] == [True]


def test_a_run_that_did_not_hear_does_not_pass(lines, line) -> None:
    deaf = [line(f"c/{n}", 0.0, label="not_found", kind="canary", truth={"control": False}) for n in range(4)]
    same = lines("one", [1.0] * 40)
    gate = judged(same, [*same, *deaf])["safety"]
    assert (gate.passed, gate.broken) == (False, True) and gate.why.startswith("audio_unproven; unchanged")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data_digest": "e"}, "its data is other data"),
        ({"seed": 3}, "its seed is 0, not 3"),
        ({"judges": ("openai/x",)}, "its answers were judged by nobody, not openai/x"),
        ({"shard": "1/2"}, "this run is part 1/2 of a run"),
        ({"tasks": ()}, "no task was run in both"),
    ],
)
def test_a_plan_that_shares_nothing_with_the_baseline_is_refused(lines, change, says: str) -> None:
    beside = baseline(lines("one", [1.0] * 3))
    beside.check(PLAN, ["one/1"])
    with pytest.raises(BadParameter, match="the baseline main cannot be compared with this run") as told:
        beside.check(PLAN.model_copy(update=change), ["one/1"])
    assert says in str(told.value)
    with pytest.raises(BadParameter, match="it was asked none of these items"):
        beside.check(PLAN, ["one/77"])


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline") / "main"
    run_suite("core", model="scripted/perfect", out=folder, task="noisy_transcription", limit=40, cache=False)
    return folder


def test_a_run_is_judged_beside_another_and_the_report_keeps_it(main: Path, tmp_path: Path) -> None:
    asked = {"suite": "core", "task": "noisy_transcription", "limit": 40, "cache": False, "baseline": main}
    same = run_suite(model="scripted/echo", out=tmp_path / "same", **asked)  # type: ignore[arg-type]
    worse = run_suite(model="scripted/by_duration", out=tmp_path / "worse", **asked)  # type: ignore[arg-type]
    assert isinstance(same, Run) and isinstance(worse, Run)
    (passed,), (failed,) = same.against, worse.against
    assert passed.passed and passed.why.startswith("unchanged")
    assert not failed.passed and "worse" in failed.why
    again = gather(tmp_path / "same", gates=["robustness=0.1"])
    assert [one.gate for one in again.gates] == ["robustness=0.1", "robustness not worse than main"]
    assert "robustness not worse than main" in (tmp_path / "worse" / "junit.xml").read_text(encoding="utf-8")
    assert Run.open(tmp_path / "same").judged_against(main).against == same.against


def test_an_attacked_run_is_compared_under_attack_as_well(tmp_path: Path) -> None:
    asked = {"suite": "core", "task": "noisy_transcription", "limit": 20, "cache": False, "attack": "noise:snr_db=20"}
    run_suite(model="scripted/perfect", out=tmp_path / "main", **asked)  # type: ignore[arg-type]
    worse = run_suite(model="scripted/by_duration", out=tmp_path / "worse", baseline=tmp_path / "main", **asked)  # type: ignore[arg-type]
    assert isinstance(worse, Run)
    assert [gate.gate for gate in worse.against] == [
        f"robustness{arm} not worse than main" for arm in ("", "@noise:snr_db=20")
    ]
    assert all(
        "1 worse, interval -1 to -0.0" in gate.why and "paired over 20 items" in gate.why for gate in worse.against
    )


def test_what_is_no_baseline_is_refused_before_anything_is_asked(main: Path, tmp_path: Path) -> None:
    asked = {"suite": "core", "model": "scripted/echo", "task": "noisy_transcription", "limit": 4, "cache": False}
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="is no run folder"):
        run_suite(out=tmp_path / "run", baseline=tmp_path / "empty", **asked)  # type: ignore[arg-type]
    with pytest.raises(BadParameter, match="must be another run"):
        run_suite(out=main, baseline=main, **asked)  # type: ignore[arg-type]
    with pytest.raises(BadParameter, match="its seed is 0, not 4"):
        run_suite(out=tmp_path / "run", baseline=main, seed=4, **asked)  # type: ignore[arg-type]
    with pytest.raises(BadParameter, match="a margin needs a baseline"):
        run_suite(out=tmp_path / "run", baseline_margin=0.1, **asked)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    deaf = replace(Baseline.read(main), name="deaf")
    assert deaf.plan.model == "scripted/perfect"
    run_suite(out=tmp_path / "deaf", **{**asked, "model": "scripted/always_refuse"})  # type: ignore[arg-type]
    with pytest.raises(BadParameter, match="the baseline deaf is audio_unproven"):
        Baseline.read(tmp_path / "deaf")


def test_a_task_of_which_one_side_alone_is_scored_now_is_lost_and_fails_its_gate(lines, monkeypatch) -> None:
    class OneSided:
        title, source, version = "One-sided", "", 1

        def measures(self, own):
            whole = rate(own, metric="held", headline=True)
            return [whole if len({line.score for line in own}) > 1 else replace(whole, value=None, low=None, high=None)]

    monkeypatch.setitem(registry.registry("tasks")._found, "one", OneSided)
    both, one_side = lines("one", [1.0, 0.0] * 20), lines("one", [1.0] * 40)
    gate = judged(both, one_side)["safety"]
    assert not gate.passed and "40" in gate.why
    assert "safety" not in judged(one_side, both) or judged(one_side, both)["safety"].passed
