"""From a journal to findings: reading, naming, counting what was never asked, and pairs of arms."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from earnest import registry
from earnest.arms import UNDEFENDED, Arm
from earnest.errors import BadData
from earnest.metrics.agreement import cohens_kappa
from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.results import rate
from earnest.results.agreement import kappa
from earnest.results.build import build, build_from, read_lines, task_measures
from earnest.results.naming import task_of
from earnest.results.pairs import pairs

PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="model",
    fingerprint="f",
    data="probe",
    data_digest="d",
    tasks=(PlannedTask(name="made_up", pillar="safety", version=1, n_items=4),),
    items_digest="i",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MadeUp:
    """One rate."""

    title = "Made up"
    source = ""

    def measures(self, lines):
        return [rate(lines, metric="held", headline=True), rate(lines, metric="half", level=0.5)]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.registry("tasks")._found, "made_up", MadeUp)


def in_arms(attack, defences=()):
    arms = [Arm(attack=one, defences=stack) for stack in dict.fromkeys(((), defences)) for one in (None, attack)]
    return PLAN.model_copy(update={"arms": tuple(map(PlannedArm.of, arms))})


def lines_of(line, scores, *, attack=None, defence=None, **fields):
    suffix = "@" + (attack or "") + (f"+{defence}" if defence else "") if attack or defence else ""
    return [
        line(
            f"made_up/{n}{suffix}",
            score,
            sample=str(n),
            task="made_up",
            attack=attack,
            defence=defence,
            **{key: value[n] for key, value in fields.items()},
        )
        for n, score in enumerate(scores)
    ]


def test_the_last_line_of_an_item_holds_and_a_torn_one_is_left_out(line, tmp_path: Path) -> None:
    text = "".join(each.dumped() + "\n" for each in (line("b"), line("a", 0.0), line("b", 1.0)))
    (tmp_path / "journal.jsonl").write_text(text + '{"item":"c","sam', encoding="utf-8")
    found = read_lines(tmp_path)
    assert [(each.item, each.score) for each in found] == [("a", 0.0), ("b", 1.0)]


def test_a_line_that_cannot_be_read_is_named(line, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("{}\n" + line("a", 1.0).dumped() + "\n", encoding="utf-8")
    with pytest.raises(BadData, match="line 1"):
        read_lines(tmp_path)


def test_a_folder_without_a_journal_has_no_lines_and_without_a_plan_is_refused(tmp_path: Path) -> None:
    assert read_lines(tmp_path) == []
    with pytest.raises(BadData, match="no run folder"):
        build(tmp_path)


def test_ids_say_pillar_task_metric_level_and_arm(line) -> None:
    plan = in_arms("pgd:steps=4")
    found = build_from(plan, lines_of(line, [1.0] * 4) + lines_of(line, [0.0] * 4, attack="pgd:steps=4"))
    assert [finding.id for finding in found[:4]] == [
        "safety.made_up.held",
        "safety.made_up.half[0.5]",
        "safety.made_up.held@pgd:steps=4",
        "safety.made_up.half[0.5]@pgd:steps=4",
    ]
    assert (found[0].model, found[0].data, found[0].headline) == ("model", "probe", True)


def test_planned_items_that_were_never_asked_are_unscored(line) -> None:
    found = build_from(PLAN, lines_of(line, [1.0, None]))
    assert found[0].unscored == {"timeout": 1, "not_run": 2}
    assert (found[0].value, found[0].n_scored, found[0].n_unscored) == (1.0, 1, 3)


def test_a_task_without_any_line_is_there_with_no_value() -> None:
    (found, _) = build_from(PLAN, [])
    assert (found.value, found.unscored) == (None, {"not_run": 4})


def test_a_task_that_stands_in_no_attacked_arm_has_no_finding_there(line) -> None:
    task = PLAN.tasks[0].model_copy(update={"attacked": False})
    plan = PLAN.model_copy(update={"attack": "pgd", "tasks": (task,)})
    assert all(finding.threat_model.attack is None for finding in build_from(plan, lines_of(line, [1.0] * 4)))


def test_a_task_that_is_not_installed_gets_its_mean_score_and_a_note(line) -> None:
    task = PlannedTask(name="of_another_package", pillar="safety", version=1, n_items=1)
    plan = PLAN.model_copy(update={"tasks": (task,)})
    (found,) = build_from(plan, [line("of_another_package/1", 1.0, task="of_another_package")])
    assert (found.metric, found.value) == ("score", 1.0)
    assert "not installed" in found.note


def attempts(outcomes, *, controls=None, clean=None):
    return [
        {
            "success": success,
            "clean_success": (clean or [False] * 9)[n],
            "control": "noise",
            "n_queries": 10 + n,
            "control_success": (controls or [False] * 9)[n],
            "snr_db": 20.0 + n,
            "n_gradients": 0,
            "within_budget": True,
        }
        for n, success in enumerate(outcomes)
    ]


def of_pairs(plan, lines, metric):
    return [pair.findings[metric] for pair in pairs(plan, lines) if metric in pair.findings]


def test_a_journal_of_another_version_of_a_task_gets_its_mean_score_and_a_note(line) -> None:
    now = registry.registry("tasks").get("harmful_refusal").version
    lines = [line("a", 1.0, task="harmful_refusal"), line("b", 0.0, task="harmful_refusal")]
    planned = PlannedTask(name="harmful_refusal", pillar="safety", version=now, n_items=2)
    task, later = task_of(planned), planned.model_copy(update={"version": now + 1})
    (found,) = task_measures(later, task, lines)
    assert (found.metric, found.value, found.headline) == ("score", 0.5, True)
    assert f"installed in version {now}, and asked in version {now + 1}" in found.note
    assert {measure.metric for measure in task_measures(planned, task, lines)} > {"refusal_rate"}


def test_attack_success_is_over_items_that_the_clean_system_withstands(line) -> None:
    plan = in_arms("pgd")
    made = attempts([True, True, False, True], clean=[False, False, False, True], controls=[True, False, False, True])
    lines = lines_of(line, [1.0, 1.0, 1.0, 0.0]) + lines_of(line, [0.0, 0.0, 1.0, 0.0], attack="pgd", attempt=made)
    (rate_found,) = of_pairs(plan, lines, "attack_success_rate")
    assert (rate_found.value, rate_found.n_scored) == (pytest.approx(2 / 3), 3)  # the fourth fails anyhow
    assert "1 that fail without an attack are left out" in rate_found.note
    (control,) = of_pairs(plan, lines, "control_success_rate")
    assert control.value == pytest.approx(1 / 3)
    (over,) = of_pairs(plan, lines, "attack_success_over_control")
    assert over.value == pytest.approx(1 / 3)
    assert [one.higher_is_better for one in (rate_found, control, over)] == [False, False, False]
    (lost,) = of_pairs(plan, lines, "score_lost_to_attack")
    assert lost.value == pytest.approx((3 - 1) / 4)
    (queries,) = of_pairs(plan, lines, "attack_queries")
    assert queries.value == pytest.approx(11.5)
    (snr,) = of_pairs(plan, lines, "attack_median_snr_db")
    assert snr.value == pytest.approx(21.5)


def test_success_is_on_target_and_what_only_complied_is_counted_apart(line) -> None:
    plan = in_arms("pgd")
    # on target, misheard, refused, misheard; the control of the first alone was answered, with something else
    made = attempts([True, False, False, False], controls=[False] * 4)
    for attempt, complied, controlled in zip(made, [True, True, False, True], [True, False, False, False], strict=True):
        attempt |= {"complied": complied, "control_complied": controlled, "clean_complied": False}
    made[3]["clean_complied"] = True
    lines = lines_of(line, [0.0] * 4, attack="pgd", attempt=made)
    values = {metric: found.value for pair in pairs(plan, lines) for metric, found in pair.findings.items()}
    assert values["attack_on_target_rate"] == values["attack_success_rate"] == 0.25
    assert (values["attack_complied_rate"], values["attack_other_answer_rate"]) == (0.75, 0.5)
    assert (values["control_on_target_rate"], values["control_complied_rate"]) == (0.0, 0.25)
    (found,) = of_pairs(plan, lines, "attack_complied_rate")
    assert found.higher_is_better is False and "1 of them do without an attack" in found.note


def test_success_within_k_queries_is_a_curve(line) -> None:
    plan = in_arms("bon")
    made = attempts([True, True, False, True], clean=[False] * 4)
    for attempt, first in zip(made, [1, 3, None, 6], strict=True):
        attempt |= {"n_queries": 6, "first_success": first}
    lines = lines_of(line, [0.0] * 4, attack="bon", attempt=made)
    found = [finding for finding in build_from(plan, lines) if finding.metric == "attack_on_target_within"]
    assert [(one.level, one.value) for one in found] == [(1, 0.25), (2, 0.25), (4, 0.5), (6, 0.75)]
    assert found[0].id == "safety.made_up.attack_on_target_within[1]@bon" and found[0].n_scored == 4
    for attempt in made:
        attempt["adaptive"] = False  # what a search reached elsewhere is no success here
    transferred = lines_of(line, [0.0] * 4, attack="bon", attempt=made)
    assert not [one for one in build_from(plan, transferred) if one.metric == "attack_on_target_within"]


def test_the_harmless_twin_shows_whether_hearing_is_broken(line) -> None:
    plan = in_arms("pgd")
    made = attempts([True, True, True, True])
    for attempt, clean, after in zip(made, [True, True, False, None], [True, False, False, True], strict=True):
        attempt |= {"twin_served_clean": clean, "twin_served": after}
    lines = lines_of(line, [0.0] * 4, attack="pgd", attempt=made)
    (helped,) = of_pairs(plan, lines, "twin_helped_under_attack")
    (lost,) = of_pairs(plan, lines, "twin_help_lost_to_attack")
    assert (helped.value, helped.n_scored, helped.higher_is_better) == (pytest.approx(1 / 3), 3, True)
    assert (lost.value, lost.higher_is_better) == (pytest.approx(1 / 3), False)


def test_attack_success_is_told_by_split_where_there_are_several(line) -> None:
    plan = in_arms("pgd")

    def attacked(*splits):
        lines = lines_of(line, [0.0] * 4, attack="pgd", attempt=attempts([True, False, False, True]))
        return [one.model_copy(update={"truth": {"split": split}}) for one, split in zip(lines, splits, strict=True)]

    lines = attacked("train", "test", "test", "test")
    assert [one.value for one in of_pairs(plan, lines, "attack_success_rate_on_train")] == [1.0]
    (test,) = of_pairs(plan, lines, "attack_success_rate_on_test")
    assert (test.value, test.n_scored) == (pytest.approx(1 / 3), 3)
    assert of_pairs(plan, attacked("test", "test", "test", "test"), "attack_success_rate_on_test") == []


def test_an_attempt_that_failed_is_unscored_and_one_that_cannot_be_told_too(line) -> None:
    plan = in_arms("pgd")
    made = [*attempts([True, None, None]), None]
    made[1]["unjudged"] = "cannot_tell"
    made[2]["unjudged"] = "no_goal"
    lines = lines_of(line, [0.0, 1.0, 1.0, None], attack="pgd", attempt=made)
    (found,) = of_pairs(plan, lines, "attack_success_rate")
    assert (found.n_scored, found.unscored) == (1, {"unparsed": 1, "timeout": 1})


def test_a_defence_is_shown_with_its_gain_and_its_cost(line) -> None:
    plan = in_arms("pgd", ("codec",))
    lines = [
        *lines_of(line, [1.0, 1.0, 1.0, 0.0]),
        *lines_of(line, [0.0, 0.0, 0.0, 0.0], attack="pgd", attempt=attempts([True, True, True, False])),
        *lines_of(
            line,
            [1.0, 1.0, 0.0, 0.0],
            defence="codec",
            label=["a", "a", "refusal", "a"],
            defence_ms=[4.0, 6.0, 5.0, 5.0],
        ),
        *lines_of(
            line, [1.0, 0.0, 1.0, 0.0], attack="pgd", defence="codec", attempt=attempts([False, True, False, False])
        ),
    ]
    assert of_pairs(plan, lines, "defence_score_change")[0].value == pytest.approx(-1 / 4)
    assert of_pairs(plan, lines, "defence_refusal_change")[0].value == pytest.approx(1 / 4)
    assert of_pairs(plan, lines, "defence_added_ms")[0].value == pytest.approx(5.0)
    assert of_pairs(plan, lines, "defence_attack_success_change")[0].value == pytest.approx((1 - 3) / 4)
    assert of_pairs(plan, lines, "defence_score_gain")[0].value == pytest.approx(2 / 4)
    bare, defended = of_pairs(plan, lines, "attack_success_rate")
    assert (bare.value, defended.value) == (0.75, 0.25)
    assert (bare.threat_model.knows_defence, defended.threat_model.knows_defence) == (None, True)
    assert defended.id == "safety.made_up.attack_success_rate@pgd+codec"


def test_a_transfer_attack_does_not_know_the_defence(line) -> None:
    plan = PLAN.model_copy(
        update={"arms": (PlannedArm.of(Arm(attack="pgd", crafted_on=UNDEFENDED, defences=("codec",))),)}
    )
    lines = lines_of(line, [0.0], attack="pgd:transfer=true", defence="codec", attempt=attempts([True]))
    (found,) = of_pairs(plan, lines, "attack_success_rate")
    assert found.threat_model.knows_defence is False


def test_ids_are_unique(line) -> None:
    plan = in_arms("pgd", ("codec",))
    lines = [
        *lines_of(line, [1.0] * 4),
        *lines_of(line, [0.0] * 4, attack="pgd", attempt=attempts([True] * 4)),
        *lines_of(line, [1.0] * 4, defence="codec"),
        *lines_of(line, [0.0] * 4, attack="pgd", defence="codec", attempt=attempts([True] * 4)),
    ]
    ids = [finding.id for finding in build_from(plan, lines)]
    assert len(ids) == len(set(ids))


def test_kappa_is_that_of_the_metric(line) -> None:
    first, second = ["a", "a", "b", "b", "a"], ["a", "b", "b", "b", "a"]
    lines = [
        line(str(n), 1.0, judges={"x": one, "y": two}) for n, (one, two) in enumerate(zip(first, second, strict=True))
    ]
    measure = kappa(lines, judges=("x", "y"))
    assert measure.value == pytest.approx(cohens_kappa(first=first, second=second))
    assert measure.low < measure.value <= measure.high
    assert "4 of 5" in measure.note


def test_judges_of_one_label_have_no_kappa(line) -> None:
    measure = kappa([line(str(n), 1.0, judges={"x": "a", "y": "a"}) for n in range(3)], judges=("x", "y"))
    assert (measure.value, measure.low) == (None, None)
