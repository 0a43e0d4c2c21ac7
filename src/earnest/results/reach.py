"""What is in no number of a run: items beyond its model, of rows that something in it was fitted to, and judged by a guard.

The first two count as not asked, as if the plan had left them out, and both are told.

An answer that left a system whose guard is the judge tells nothing: what the guard let through is what the judge finds
right. So a line whose verdict came from the very model that a defence asks, or from the very reader by which a defence
decides about answers, counts as unscored for the reason `guard_is_judge`; a cell of such lines has no value. Whether an
attack reached its goal is not decided by a judge, and stays.

A model behind an address may refuse every request without audio. That is known after the first one, when the plan is
written; so the journal has lines whose reason is one of `earnest.records.BEYOND`. Results are made of the plan and the
lines that remain without them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from earnest import registry
from earnest.metrics.refusal import READER
from earnest.plan import Plan, PlannedTask
from earnest.records import BEYOND, HEARING, Arm, JournalLine
from earnest.results.reading import READ_AS_HELP_OR_NOT, is_read

SEEN = "of rows, speakers or texts that an artefact of the run was fitted to, so that they are in no number"
READ_FOR_REFUSAL = READ_AS_HELP_OR_NOT | {"other_compliance"}
"""Labels that the reader of refusals takes part in giving."""
_DIGEST = re.compile(r"[0-9a-f]{16}")
"""How a fingerprint begins that tells models of any name apart; others tell models of one name apart."""


def within_reach(plan: Plan, lines: Sequence[JournalLine]) -> tuple[Plan, list[JournalLine]]:
    """The plan with what was found to be beyond the model left out and told, and the lines of the rest.

    Doing it twice changes nothing more.
    """
    plan, lines = _unseen(plan, _unjudged_by_guards(plan, lines))
    refused: dict[str, list[JournalLine]] = {}
    for line in lines:
        if line.reason in BEYOND and line.kind == "item" and not line.arm.suffix:
            refused.setdefault(line.task, []).append(line)
    if refused:
        tasks = tuple(_without(task, refused.get(task.name, ()), model=plan.model) for task in plan.tasks)
        plan = plan.model_copy(update={"tasks": tasks})
    return plan, [line for line in lines if line.reason not in BEYOND]


def _unjudged_by_guards(plan: Plan, lines: Sequence[JournalLine]) -> list[JournalLine]:
    """The lines, those that a guard of their own arm has judged being unscored."""
    guards = {arm: _Guards.of(plan, arm) for arm in {line.arm for line in lines} if arm.defences}
    return [guards[line.arm].unjudged(line) if line.arm in guards else line for line in lines]


@dataclass(frozen=True)
class _Guards:
    """By what the defences of an arm decide: readers of answers, and models by name and by fingerprint."""

    plan: Plan
    readers: frozenset[str]
    names: frozenset[str]
    fingerprints: frozenset[str]

    @classmethod
    def of(cls, plan: Plan, arm: Arm) -> _Guards:
        models = {name: digest for spec in arm.defences for name, digest in plan.guards.get(spec, {}).items()}
        known = (registry.registry("defences").known(registry.parse_spec(spec).name) for spec in arm.defences)
        readers = frozenset(filter(None, (getattr(defence, "reader", "") for defence in known)))
        return cls(plan, readers, frozenset(models), frozenset(filter(_DIGEST.match, models.values())))

    def unjudged(self, line: JournalLine) -> JournalLine:
        """The line without its verdict where one of them gave it; what was blocked was given none by a judge."""
        why = self._why(line) if line.status == "scored" and line.blocked is None else ""
        unscored = {"status": "unscored", "reason": "guard_is_judge", "detail": why, "verdict": None}
        return line.model_copy(update=unscored) if why else line

    def _why(self, line: JournalLine) -> str:
        judge = str(((line.verdict or {}).get("facts") or {}).get("judge") or "")
        if judge:
            same = judge.removesuffix(HEARING) in self.names
            same = same or self.plan.judge_fingerprints.get(judge) in self.fingerprints
            return f"a defence asks {judge}, which is also the judge" if same else ""
        if READER in self.readers and is_read(line) and line.label in READ_FOR_REFUSAL:
            return f"a defence decides by the reader {READER}, by which the answer was scored too"
        return ""


def judging_guards(plan: Plan, arm: Arm) -> list[str]:
    """The judges of a run by which the defences of an arm decide too; empty where guard and judge are apart."""
    guards = _Guards.of(plan, arm)
    models = (
        judge
        for judge in plan.judges
        if judge.removesuffix(HEARING) in guards.names or plan.judge_fingerprints.get(judge) in guards.fingerprints
    )
    return sorted({*models, *(guards.readers & {READER})})


def left_out(plan: Plan) -> dict[str, str]:
    """Why a task is not asked, or how many of its items are not and why, by task; others are not in it."""
    parts = {
        task.name: "; ".join(
            [
                *(f"{n} of its items: unsupported by {plan.model}: {why}" for why, n in task.beyond.items()),
                *([f"{task.seen} of its items: {SEEN}"] if task.seen else []),
            ]
        )
        for task in plan.tasks
    }
    whole = {task.name: task.not_run for task in plan.tasks if task.not_run is not None}
    return {name: told for name, part in parts.items() if (told := whole.get(name) or part)}


def _unseen(plan: Plan, lines: Sequence[JournalLine]) -> tuple[Plan, list[JournalLine]]:
    """The plan with the items that were found to be seen counted as such and no longer asked, and the lines of the rest.

    An item is seen in all arms alike, so that arms stay comparable; its clip may tell what its row did not.
    """
    seen: dict[str, set[str]] = {}
    for line in lines:
        if line.seen and line.kind == "item" and line.reason not in BEYOND:
            seen.setdefault(line.task, set()).add(line.item.removesuffix(line.arm.suffix))
    if not seen:
        return plan, list(lines)
    tasks = tuple(_without_seen(task, seen[task.name], lines) if task.name in seen else task for task in plan.tasks)
    kept = [line for line in lines if line.item.removesuffix(line.arm.suffix) not in seen.get(line.task, ())]
    return plan.model_copy(update={"tasks": tasks}), kept


def _without_seen(task: PlannedTask, seen: Collection[str], lines: Sequence[JournalLine]) -> PlannedTask:
    told = [line.truth.get("subtask") for line in lines if line.task == task.name and line.item in seen]
    subtasks = Counter(task.subtasks)
    subtasks.subtract(str(name) for name in told if name)
    n_items = max(0, task.n_items - len(seen))
    change = {"n_items": n_items, "seen": len(seen), "subtasks": {key: n for key, n in subtasks.items() if n > 0}}
    return task.model_copy(update=change if n_items else {**change, "not_run": f"all {len(seen)} of its items: {SEEN}"})


def _without(task: PlannedTask, refused: Sequence[JournalLine], *, model: str) -> PlannedTask:
    found = Counter(BEYOND[line.reason or ""] for line in refused)
    if not found or found.items() <= task.beyond.items():
        return task
    subtasks = Counter(task.subtasks)
    subtasks.subtract(str(line.truth.get("subtask")) for line in refused)
    n_items = max(0, task.n_items - len(refused))
    change = {"beyond": {**task.beyond, **found}, "n_items": n_items}
    if n_items == 0:  # what it would have served stays in the plan, as where it was known before
        return task.model_copy(update={**change, "not_run": f"unsupported by {model}: {'; '.join(found)}"})
    return task.model_copy(update={**change, "subtasks": {key: n for key, n in subtasks.items() if n > 0}})
