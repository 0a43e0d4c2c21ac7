"""What a run did of each of the 26 sub-tasks: items asked, items scored, or why none was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earnest.pillars import SUBTASKS
from earnest.plan import Plan, PlannedTask
from earnest.records import JournalLine
from earnest.results.reach import within_reach


@dataclass(frozen=True, kw_only=True)
class SubtaskCount:
    """How far a sub-task was covered, in the clean arm.

    Parameters
    ----------
    key, about : str
        `robustness/noise_interference`, and what is varied.
    tasks : tuple of str
        Those that asked it.
    n_items, n_scored : int
        Items planned in tasks that ran, and those of them that have a verdict (controls included).
    unscored : mapping of str to int
        By reason.
    not_asked : mapping of str to str
        By task that could have served it, why it did not.
    """

    key: str
    about: str
    tasks: tuple[str, ...]
    n_items: int
    n_scored: int
    unscored: dict[str, int]
    not_asked: dict[str, str]

    @property
    def scored_share(self) -> float | None:
        """Share of the items that could be scored; None where none was asked."""
        return self.n_scored / self.n_items if self.n_items else None

    def as_json(self) -> dict[str, Any]:
        """The count as JSON values."""
        return asdict(self) | {"scored_share": self.scored_share}


def subtask_counts(plan: Plan, lines: Sequence[JournalLine]) -> list[SubtaskCount]:
    """The sub-tasks that a plan touches, in their order; none for a plan whose tasks serve none."""
    plan, lines = within_reach(plan, lines)
    clean = [line for line in lines if line.kind == "item" and not line.arm.suffix and "subtask" in line.truth]
    lines_of: dict[str, list[JournalLine]] = {}
    for line in clean:
        lines_of.setdefault(line.truth["subtask"], []).append(line)
    touched = {key for task in plan.tasks for key in (*task.subtasks, *task.unserved)}
    return [_count(plan, key, lines_of.get(key, [])) for key in SUBTASKS if key in touched]


def _count(plan: Plan, key: str, lines: Sequence[JournalLine]) -> SubtaskCount:
    ran = [task for task in plan.tasks if task.not_run is None and key in task.subtasks]
    n_items = len(lines) if plan.shard else sum(task.subtasks[key] for task in ran)
    unscored = Counter(line.reason or "unparsed" for line in lines if line.status == "unscored")
    if n_items > len(lines):
        unscored["not_run"] = n_items - len(lines)
    return SubtaskCount(
        key=key,
        about=SUBTASKS[key],
        tasks=tuple(task.name for task in ran),
        n_items=n_items,
        n_scored=sum(line.status == "scored" for line in lines),
        unscored=dict(unscored.most_common()),
        not_asked={task.name: why for task in plan.tasks if (why := _why_not(task, key))},
    )


def _why_not(task: PlannedTask, key: str) -> str | None:
    if task.not_run is not None:
        return task.not_run if key in task.subtasks or key in task.unserved else None
    return task.unserved.get(key)
