"""From a run folder to findings: the journal's lines by task and arm, asked of the tasks, compared in pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

from earnest import registry
from earnest.plan import Plan, PlannedTask, old_stacks
from earnest.records import Arm, JournalLine
from earnest.results.agreement import agreement
from earnest.results.calibrated import calibrated, kept_labels
from earnest.results.ears import ear_measures
from earnest.results.finding import Finding
from earnest.results.gaps import gaps
from earnest.results.judged import read_judgements, with_judgements
from earnest.results.measures import Measure, rate
from earnest.results.naming import Place, numbered, sides_of, tasks_of, with_missing
from earnest.results.pairs import Pair, pairs
from earnest.results.proof import as_proven
from earnest.results.reach import SEEN, within_reach
from earnest.results.shortcut import shortcut
from earnest.run_folder import file_in, read_appended, taken_as_data

Journal = dict[tuple[str, Arm], list[JournalLine]]


class _Task(Protocol):
    title: str
    source: str

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]: ...


def read_lines(folder: Path) -> list[JournalLine]:
    """Every finished item of a run folder, sorted by item; of several lines of one item the last holds.

    What judges said later (`judgements.jsonl`) is put into the lines (`earnest.results.judged`), and lines count as the
    run's canaries allow (`earnest.results.proof`).
    A last line that was cut off, by a crash say, is left out.

    Raises
    ------
    BadData
        If another line cannot be read; every such line is named.
    """
    path = file_in(folder, "journal.jsonl")
    advice = "as a journal; restore it, or run again into another folder"
    read = read_appended(path, JournalLine, advice=advice, context=old_stacks(folder)) if path.exists() else ()
    found = {line.item: line for line in read}
    lines = sorted(found.values(), key=lambda line: line.item)
    judgements = read_judgements(Path(folder))
    with taken_as_data(folder):
        return as_proven(with_judgements(lines, judgements))


def build(folder: Path) -> list[Finding]:
    """Every finding of a run folder: the tasks' measures arm by arm, then pairs of arms, then agreement of judges.

    Raises
    ------
    BadData
        If the folder holds no plan, or a journal that cannot be read.
    """
    folder = Path(folder)
    return build_from(Plan.read(folder), read_lines(folder), clips=folder / "clips", people=kept_labels(folder))


def build_from(
    plan: Plan,
    lines: Sequence[JournalLine],
    *,
    clips: Path | None = None,
    compared: Sequence[Pair] | None = None,
    people: Mapping[str, str] | None = None,
) -> list[Finding]:
    """The findings of a plan whose journal holds `lines`; planned items without a line count as `not_run`.

    `clips` is the folder of what was sent, where it is there; `compared` are the pairs of `lines`, where they are
    already made; `people` are people's labels by item, which correct the headline rates.
    """
    plan, lines = within_reach(plan, as_proven(lines))
    journal, tasks = by_task_and_arm(lines), tasks_of(plan)
    findings: list[Finding] = []
    for task in plan.tasks:
        made = tasks[task.name]
        for arm in plan.arms_of(task) if task.not_run is None else ():
            own = journal.get((task.name, arm), [])
            place = Place(plan, task.pillar, task.name, arm)
            if reads_all(made):
                own = [line for (_, asked), group in journal.items() if asked == arm for line in group]
                findings += [place.finding(measure) for measure in task_measures(task, made, own)]
                continue
            sides = sides_of(made, version=task.version)
            findings += _of_arm(place, task, made, own)
            findings += [replace(place, pillar="fairness").finding(measure) for measure in gaps(sides, own)]
            findings += [place.finding(measure) for measure in ear_measures(made if sides else None, own, sides=sides)]
    findings += calibrated(plan, lines, people, findings=findings) if people else []
    beside = pairs(plan, lines) if compared is None else compared
    findings += [finding for pair in beside for finding in pair.findings.values()]
    findings += agreement(plan, lines)
    findings += _together(plan, lines, tasks)
    findings += _of_sound(plan, lines, clips) if clips is not None else []
    return numbered(findings)


def _together(plan: Plan, lines: Sequence[JournalLine], tasks: Mapping[str, Any | None]) -> list[Finding]:
    """What the tasks of one benchmark give together, once for each benchmark that the plan has a task of."""
    gathering = dict.fromkeys(
        gather for task in tasks.values() if (gather := getattr(task, "together", None)) is not None
    )
    return [finding for gather in gathering for finding in gather(plan, lines)]


def by_task_and_arm(lines: Sequence[JournalLine]) -> Journal:
    """The lines in their tasks and arms, canaries left out."""
    journal: Journal = {}
    for line in lines:
        if line.kind == "item":
            journal.setdefault((line.task, line.arm), []).append(line)
    return journal


def _of_arm(place: Place, planned: PlannedTask, task: Any | None, lines: list[JournalLine]) -> list[Finding]:
    n_missing = 0 if place.plan.shard else planned.n_items - len(lines)  # how many items a shard has is not in its plan
    return [
        place.finding(
            _told_seen(with_missing(measure, n_missing), planned) if _is_about_all(measure, lines) else measure
        )
        for measure in task_measures(planned, task, lines)
    ]


def _told_seen(measure: Measure, task: PlannedTask) -> Measure:
    """A headline that says how many items are in no number because an artefact has seen them."""
    if not (task.seen and measure.headline):
        return measure
    return replace(
        measure, note="; ".join([*([measure.note] if measure.note else []), f"{task.seen} items left out, {SEEN}"])
    )


def reads_all(task: Any | None) -> bool:
    """Whether a task asked nothing of its own and reads the lines of all others."""
    return bool(getattr(task, "across", False))


def _of_sound(plan: Plan, lines: Sequence[JournalLine], clips: Path) -> list[Finding]:
    tasks = [task for task in plan.tasks if task.pillar == "safety" and task.not_run is None]
    names = {task.name for task in tasks}
    measure = shortcut([line for line in lines if line.kind == "item" and line.task in names], clips)
    if measure is None:
        return []
    return [Place(plan, "safety", tasks[0].name, Arm()).finding(measure)]


def _is_about_all(measure: Measure, lines: Sequence[JournalLine]) -> bool:
    whole = measure.n_scored + measure.n_unscored == len(lines)
    return measure.headline or (whole and measure.group is None and measure.level is None)


def task_measures(planned: PlannedTask, task: Any | None, lines: list[JournalLine]) -> list[Measure]:
    """What a planned task makes of its lines in one arm.

    `task` is what `earnest.results.naming.tasks_of` gives for it. The mean score stands in where it is not installed
    here, or only in another version than the one that asked: what an answer was scored by then, this version's measures
    need not know.
    """
    if task is not None and getattr(task, "version", planned.version) == planned.version:
        return cast(_Task, task).measures(lines)
    note = f"task {planned.registered!r} {_absence(planned, task)}: the mean score stands in for its own measures"
    return [rate(lines, metric="score", headline=True, note=note)]


def _absence(planned: PlannedTask, task: Any | None) -> str:
    """Why a planned task cannot make its own measures here."""
    tasks, name = registry.registry("tasks"), planned.registered
    if task is not None:
        return f"is installed in version {task.version}, and asked in version {planned.version}"
    if tasks.known(name) is not None:
        return f"cannot be made here with the parameters {planned.parameters}"
    return "was not loaded" if tasks.waits(name) else "is not installed here"


def dumped(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as JSON values."""
    return [json.loads(finding.model_dump_json()) for finding in findings]
