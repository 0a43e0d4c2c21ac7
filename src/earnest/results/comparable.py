"""May these two runs be compared? On which items, tasks and arms, and why not on the others.

Two answers are comparable where the item, its prompt and the recording that was played are the same, the task has one version
and equal parameters, and, where a judge decided, the same judge's word counted. Everything else may differ: the model, its
sampling parameters, how much of a suite was run. What differs in the data or in the seed costs the items that it changed,
and no others. A run that is not shown to have heard can be compared with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from earnest.plan import Plan, PlannedTask
from earnest.records import Arm, JournalLine
from earnest.results.headline_change import made_of
from earnest.results.proof import audio_proof

Answer = Literal["yes", "in part", "no"]

LinePair = tuple[JournalLine, JournalLine]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A run as a comparison takes it: what it is called, its plan and its lines, without what is beyond the model."""

    name: str
    plan: Plan
    lines: Sequence[JournalLine] = field(repr=False)

    @cached_property
    def by_item(self) -> dict[str, JournalLine]:
        """The lines of items, canaries left out, by the item's id, which ends with the arm."""
        return {line.item: line for line in self.lines if line.kind == "item"}

    @cached_property
    def tasks(self) -> dict[str, PlannedTask]:
        """The tasks that were run, by name."""
        return {task.name: task for task in self.plan.tasks if task.not_run is None}

    @cached_property
    def judged(self) -> dict[str, str]:
        """The judge whose word counts, by task; tasks that only rules scored are not in it."""
        found: dict[str, str] = {}
        for line in self.by_item.values():
            if line.judges:
                found.setdefault(line.task, next(iter([*self.plan.judges, *line.judges])))
        return found


@dataclass(frozen=True, kw_only=True)
class Comparability:
    """Whether two runs may be compared, and on what.

    Parameters
    ----------
    answer : {"yes", "in part", "no"}
    reasons : tuple of str
        Whole sentences.
    tasks : tuple of str
        Tasks that are compared.
    left_out : mapping
        Why a task, or an arm, is not compared, by what it is called.
    n_alike : int
        Items of these tasks that both runs were asked alike, over all arms that both have.
    n_otherwise : int
        Items of these tasks and arms that both have, and asked with another prompt or another recording.
    n_alone : int
        Items of these tasks and arms that only one of the runs has.
    """

    answer: Answer
    reasons: tuple[str, ...]
    tasks: tuple[str, ...]
    left_out: Mapping[str, str]
    n_alike: int
    n_otherwise: int
    n_alone: int

    def as_json(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return {**asdict(self), "reasons": list(self.reasons), "tasks": list(self.tasks)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Alike:
    """What two runs were asked alike.

    Parameters
    ----------
    pairs : mapping of Arm to list
        By arm the earlier and the later line of every item that both asked alike.
    tasks : tuple of PlannedTask
        The tasks that can be compared, as the later run planned them.
    comparable : Comparability
    """

    pairs: Mapping[Arm, Sequence[LinePair]] = field(repr=False)
    tasks: tuple[PlannedTask, ...]
    comparable: Comparability


def alike(first: Side, second: Side, *, arm_name: Callable[[Arm], str] = lambda arm: arm.suffix or "clean") -> Alike:
    """What two runs were asked alike, and whether they may be compared.

    Parameters
    ----------
    first, second : Side
        The earlier run, or baseline, and the later one.
    arm_name : callable
        What an arm is called in reasons.
    """
    tasks, left_out = _tasks(first, second)
    arms = [arm for arm in second.plan.by_arm if arm in first.plan.by_arm]
    left_out |= _lone_arms(first, second, arm_name)
    names = {task.name for task in tasks}
    pairs = _pairs(first, second, names=names, arms=arms)
    n_alike = sum(map(len, pairs.values()))
    n_both, n_either = _counts(first, second, names=names, arms=arms)
    for task in tasks:
        if task.n_items and not any(there.task == task.name for some in pairs.values() for there, _ in some):
            left_out[task.name] = "no item was asked with the same prompt and the same recording in both runs"
            names.discard(task.name)
    kept = tuple(task for task in tasks if task.name in names)
    counts = {"n_alike": n_alike, "n_otherwise": n_both - n_alike, "n_alone": n_either - n_both}
    answer, reasons = _answer(first, second, tasks=kept, left_out=left_out, **counts)
    found = Comparability(
        answer=answer, reasons=tuple(reasons), tasks=tuple(task.name for task in kept), left_out=left_out, **counts
    )
    return Alike(pairs=pairs if answer != "no" else {}, tasks=kept, comparable=found)


def _tasks(first: Side, second: Side) -> tuple[list[PlannedTask], dict[str, str]]:
    """The tasks that both ran alike, and why others are not compared."""
    kept: list[PlannedTask] = []
    left_out: dict[str, str] = {}
    for name in dict.fromkeys([*second.tasks, *first.tasks]):
        there, here = first.tasks.get(name), second.tasks.get(name)
        if there is None or here is None:
            left_out[name] = f"only {second.name if there is None else first.name} ran it"
        elif why := _made_otherwise(there, here) or _judged_otherwise(first, second, name):
            left_out[name] = why
        else:
            kept.append(here)
    return kept, left_out


def _made_otherwise(there: PlannedTask, here: PlannedTask) -> str:
    if made_of(there) == made_of(here):
        return ""
    if there.registered != here.registered:
        return f"it is {there.registered} in one run and {here.registered} in the other"
    if there.version != here.version:
        return f"it was run in version {there.version} and in version {here.version}, which may score otherwise"
    names = sorted({*there.parameters, *here.parameters})
    told = [
        f"{name} was {there.parameters.get(name, 'the default')} and {here.parameters.get(name, 'the default')}"
        for name in names
        if there.parameters.get(name) != here.parameters.get(name)
    ]
    return f"its parameters differ: {', '.join(told)}"


def _judged_otherwise(first: Side, second: Side, name: str) -> str:
    there, here = first.judged.get(name), second.judged.get(name)
    if there == here:
        return ""
    return f"its answers were judged by {there or 'no judge'} in one run and by {here or 'no judge'} in the other"


def _lone_arms(first: Side, second: Side, arm_name: Callable[[Arm], str]) -> dict[str, str]:
    here, there = list(second.plan.by_arm), list(first.plan.by_arm)
    alone = [(arm, second.name) for arm in here if arm not in there] + [
        (arm, first.name) for arm in there if arm not in here
    ]
    return {f"arm {arm_name(arm)}": f"only {name} has it" for arm, name in alone}


def _pairs(first: Side, second: Side, *, names: set[str], arms: Sequence[Arm]) -> dict[Arm, list[LinePair]]:
    found: dict[Arm, list[LinePair]] = {arm: [] for arm in arms}
    for item, here in second.by_item.items():
        there = first.by_item.get(item)
        if there is not None and here.task in names and there.arm in found and _asked_alike(first, second, there, here):
            found[there.arm].append((there, here))
    return found


def _asked_alike(first: Side, second: Side, there: JournalLine, here: JournalLine) -> bool:
    """Whether two lines answer one question about one recording; what failed before it was asked differs in nothing.

    An attack makes its own recording, and is compared where the clean item was the same.
    """
    if not _same(there, here, clips=there.arm == Arm()):
        return False
    if there.arm == Arm():
        return True
    base = there.item.removesuffix(there.arm.suffix)
    clean, again = first.by_item.get(base), second.by_item.get(base)
    return clean is None or again is None or _same(clean, again, clips=True)


def _same(there: JournalLine, here: JournalLine, *, clips: bool) -> bool:
    if there.task != here.task:
        return False
    if there.prompt_hash != here.prompt_hash and "unscored" not in (there.status, here.status):
        return False
    return not clips or not there.clips or not here.clips or there.clips == here.clips


def _counts(first: Side, second: Side, *, names: set[str], arms: Sequence[Arm]) -> tuple[int, int]:
    """Items of the tasks and arms that both runs have, and that either has."""
    within = [
        {item for item, line in side.by_item.items() if line.task in names and line.arm in arms}
        for side in (first, second)
    ]
    return len(within[0] & within[1]), len(within[0] | within[1])


# ---------------------------------------------------------------- the answer


def _answer(
    first: Side,
    second: Side,
    *,
    tasks: Sequence[PlannedTask],
    left_out: Mapping[str, str],
    n_alike: int,
    n_otherwise: int,
    n_alone: int,
) -> tuple[Answer, list[str]]:
    against = [*_deaf(first, second), *_shards(first, second)]
    if not against and not tasks:
        against = ["They have no task in common that was run in one version, with equal parameters and one judge."]
    if not against and not n_alike:
        against = ["They were asked no item with the same prompt and the same recording."]
    if against:
        return "no", against
    held = [
        f"Both runs were asked the same {n_alike:,} items of {_some(len(tasks), 'task')} with the same prompts and recordings."
    ]
    open_ = _differences(first, second) if n_otherwise + n_alone else []
    if n_otherwise:
        open_.append(
            f"{n_otherwise:,} items were asked with another prompt or another recording, and are not compared."
        )
    if n_alone:
        open_.append(f"{n_alone:,} items were asked in one run alone, and are not compared.")
    n_arms = sum(name.startswith("arm ") for name in left_out)
    if len(left_out) - n_arms:
        open_.append(f"{_some(len(left_out) - n_arms, 'task')} cannot be compared; the reasons stand below.")
    if n_arms:
        open_.append(
            f"{_some(n_arms, 'arm')} exists in one run alone."
            if n_arms == 1
            else f"{n_arms} arms exist in one run alone."
        )
    if open_:
        return "in part", held + open_
    return "yes", [*held, "Task versions, parameters, data, seed and judges agree."]


def _deaf(first: Side, second: Side) -> list[str]:
    deaf = [side.name for side in (first, second) if audio_proof(list(side.lines)).proven is False]
    return [
        f"It is not shown that {name} heard the audio, so that its scores say nothing about hearing." for name in deaf
    ]


def _shards(first: Side, second: Side) -> list[str]:
    parts = [side for side in (first, second) if side.plan.shard is not None]
    return [f"{side.name} is part {side.plan.shard} of a run; join the parts with `earnest merge`." for side in parts]


def _differences(first: Side, second: Side) -> list[str]:
    """What differs in the two plans and costs items, in sentences."""
    told = []
    if first.plan.data_digest != second.plan.data_digest:
        told.append(
            f"The data differ ({first.plan.data} and {second.plan.data}): only recordings that both hold are compared."
        )
    if first.plan.seed != second.plan.seed:
        told.append(
            f"The seeds differ ({first.plan.seed} and {second.plan.seed}): only what was drawn alike is compared."
        )
    return told


def _some(n: int, what: str) -> str:
    return f"one {what}" if n == 1 else f"{n:,} {what}s"
