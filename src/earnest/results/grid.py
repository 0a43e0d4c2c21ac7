"""Attacks by stacks of defences: how often each attack succeeds against each stack, task by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from earnest.arms import Arm
from earnest.plan import Plan
from earnest.results.finding import Finding

SUCCESS = "attack_on_target_rate"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What attacks reach against stacks of defences on one task.

    Parameters
    ----------
    task : str
    columns : tuple of tuple of str
        Stacks of defences; the empty one is the model alone.
    rows : tuple of str
        What is asked, as it is shown: the row without an attack is empty.
    cells : tuple of tuple of Finding or None
        Row by row: the task's headline without an attack, else the attack's success; None where there is none.
    """

    task: str
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[Finding | None, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """The grid as JSON values, findings by their ids."""
        return {
            "task": self.task,
            "columns": [list(stack) for stack in self.columns],
            "rows": [row or None for row in self.rows],
            "cells": [[None if cell is None else cell.id for cell in row] for row in self.cells],
        }


def grids(plan: Plan, findings: Sequence[Finding]) -> list[Grid]:
    """A grid of each task that is attacked, in the order of the plan."""
    by_place: dict[tuple[str, Arm], Finding] = {}
    for finding in findings:
        wanted = finding.metric == SUCCESS if finding.threat_model.attack else finding.headline
        if wanted:
            by_place.setdefault((finding.task, finding.threat_model.arm), finding)
    attacked = {task for task, arm in by_place if arm.attack}
    return [_grid(plan, task.name, by_place) for task in plan.tasks if task.name in attacked]


def _grid(plan: Plan, task: str, by_place: dict[tuple[str, Arm], Finding]) -> Grid:
    arms = list(plan.by_arm)
    columns = tuple(dict.fromkeys(arm.defences for arm in arms))
    rows = tuple(dict.fromkeys((arm.attack, arm.crafted_on) for arm in arms))
    cells = tuple(
        tuple(by_place.get((task, Arm(attack=attack, crafted_on=on, defences=stack))) for stack in columns)
        for attack, on in rows
    )
    shown = tuple(Arm(attack=attack, crafted_on=on).shown_attack for attack, on in rows)
    return Grid(task=task, columns=columns, rows=shown, cells=cells)
