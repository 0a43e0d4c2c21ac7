"""A run folder of version 0.1, kept from before arms were data: it is read, and says what it said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earnest.arms import UNDEFENDED, Arm
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.build import build, read_lines

KEPT = Path(__file__).parent / "run_of_0_1"
STACK = ("codec:bit_rate=16000,format=opus", "smoothing")


def test_every_finding_is_what_it_was() -> None:
    was = json.loads((KEPT / "findings.json").read_text())
    later = ("attack_on_target_rate", "control_on_target_rate")  # other names of what was there, since 0.4
    found = [finding for finding in build(KEPT) if finding.metric not in later]
    assert [finding.id for finding in found] == list(was)
    for finding in found:
        now = [finding.value, finding.low, finding.high, finding.n_scored, finding.n_unscored]
        assert now == pytest.approx(was[finding.id], abs=1e-12), finding.id


def test_its_arms_are_read_from_one_attack_and_one_stack() -> None:
    plan = Plan.read(KEPT)
    assert [one.arm for one in plan.arms] == [
        Arm(),
        Arm(attack="pgd:steps=1"),
        Arm(defences=STACK),
        Arm(attack="pgd:steps=1", defences=STACK),
        Arm(attack="pgd:steps=1", crafted_on=UNDEFENDED, defences=STACK),
    ]
    assert plan.arms[1].access == "gradients" and plan.arms[1].family == "adversarial"
    attacked = {task.name: len(plan.arms_of(task)) for task in plan.tasks}
    assert attacked == {"harmful_refusal": 5, "environmental_sound": 2}


def test_its_lines_lie_in_the_arms_of_its_plan() -> None:
    plan, lines = Plan.read(KEPT), read_lines(KEPT)
    assert {line.arm for line in lines} == set(plan.by_arm)
    for line in lines:
        assert line.item.endswith(line.arm.suffix)


def test_what_is_written_now_is_read_as_it_is() -> None:
    line = next(line for line in read_lines(KEPT) if line.arm.transferred)
    assert JournalLine.model_validate_json(line.dumped()) == line
    plan = Plan.read(KEPT)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
