"""Everything that a report says, gathered from a run folder; and `report.json`, the form that other tools read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.build import by_task_and_arm
from earnest.results.finding import Finding
from earnest.results.naming import tasks_of, tell_unloaded
from earnest.results.of_run import RunResults
from earnest.results.pairs import Pair
from earnest.results.reach import left_out
from earnest.results.reasons import ItemCounts, ReasonCount, item_counts, reason_counts
from earnest.results.scorecard import AudioProof, Gate, PillarScore, Scorecard, gate
from earnest.results.subtasks import SubtaskCount
from earnest.run_folder import file_in, read_json, taken_as_data

SCHEMA_VERSION = 1

REFERENCE_NOTE = "embedded reference model: shows the toolkit, not real models"


class ReportPillars(BaseModel):
    """The scorecard as `report.json` holds it."""

    model_config = ConfigDict(extra="forbid")

    pillars: list[PillarScore]
    audio: AudioProof


class ReportPair(BaseModel):
    """An attack or defence pair as `report.json` holds it."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(description="`attack` or `defence`.")
    pillar: str
    task: str
    attack: str | None = Field(description="Specification of the attack, or null.")
    crafted_on: str | None = Field(
        description="What the attack was built on, where that is not the system that was asked."
    )
    defence: str | None = Field(description="The defences as they are shown, joined by '+', or null.")
    defences: list[str] = Field(description="Specifications of the defences, in order.")
    control: str | None = Field(description="What the attack's control was, or null.")
    findings: dict[str, str] = Field(description="Id of the finding by metric.")


class ReportFile(BaseModel):
    """`report.json`: a run's plan and everything found."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = Field(default=SCHEMA_VERSION, description="Raised by a change that a reader must know of.")
    finished: str = Field(description="When the journal was last written, ISO 8601, UTC.")
    note: str = Field(description="What must be said with every number of this run; empty: nothing.")
    plan: Plan
    plan_digest: str = Field(description="SHA-256 of the plan.")
    scorecard: ReportPillars
    findings: list[Finding]
    pairs: list[ReportPair]
    gates: list[Gate]
    not_run: dict[str, str] = Field(description="Why a task was left out, by task.")
    subtasks: list[SubtaskCount] = Field(
        description="Of each of the 26 sub-tasks that the plan touches: items asked and scored without an attack."
    )
    unscored: dict[str, int] = Field(
        description="Unscored items of all arms by reason, `not_run` being planned and not asked."
    )
    unscored_details: dict[str, str] = Field(
        default_factory=dict, description="The commonest detail of each reason: what the endpoint or the parser said."
    )


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run, read and counted.

    Parameters
    ----------
    results : RunResults
    gates : tuple of Gate
    note : str
    finished : datetime
        When the journal was last written.
    """

    results: RunResults
    gates: tuple[Gate, ...]
    note: str
    finished: datetime

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.results.folder

    @property
    def plan(self) -> Plan:
        """The run's plan."""
        return self.results.plan

    @property
    def lines(self) -> tuple[JournalLine, ...]:
        """Every finished item, sorted by item."""
        return self.results.lines

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every number that the run established."""
        return self.results.findings

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every attack pair and defence pair."""
        return self.results.pairs

    @property
    def scorecard(self) -> Scorecard:
        """The pillars at a glance, and whether the audio was heard."""
        return self.results.scorecard

    @property
    def subtasks(self) -> tuple[SubtaskCount, ...]:
        """How far each sub-task was covered."""
        return self.results.subtasks

    @cached_property
    def items(self) -> tuple[JournalLine, ...]:
        """The lines without the canaries, and without what was found to be beyond the model."""
        return tuple(line for line in self.results.within_reach[1] if line.kind == "item")

    @cached_property
    def items_of(self) -> Mapping[tuple[str, Arm], list[JournalLine]]:
        """The same by task and arm."""
        return by_task_and_arm(self.items)

    @cached_property
    def reachable_plan(self) -> Plan:
        """The plan as far as the model could be asked."""
        return self.results.within_reach[0]

    @cached_property
    def tasks(self) -> dict[str, Any | None]:
        """The plan's tasks by name; None where one is not installed here."""
        return tasks_of(self.plan)

    @property
    def not_run(self) -> dict[str, str]:
        """Why a task was left out, by task."""
        return {task.name: task.not_run for task in self.reachable_plan.tasks if task.not_run is not None}

    @property
    def left_out(self) -> dict[str, str]:
        """Why a task was left out, or how many of its items and why, by task."""
        return left_out(self.reachable_plan)

    @property
    def unscored(self) -> dict[str, int]:
        """Unscored items of all arms by reason, the most frequent first; `not_run`: planned and never asked."""
        counts = {count.reason: count.n for count in self.reasons}
        if self.counts.n_not_run:
            counts["not_run"] = self.counts.n_not_run
        return dict(sorted(counts.items(), key=lambda pair: -pair[1]))

    @cached_property
    def counts(self) -> ItemCounts:
        """How many items were planned, scored and not scored, over all arms."""
        return item_counts(self.items, self.findings)

    @cached_property
    def reasons(self) -> list[ReasonCount]:
        """Reasons of unscored items over all arms, each with its commonest detail."""
        return reason_counts(self.items)

    @cached_property
    def canary_reasons(self) -> list[ReasonCount]:
        """Why canaries could not be scored, each reason with its commonest detail."""
        return reason_counts(line for line in self.lines if line.kind == "canary")

    def as_file(self) -> ReportFile:
        """What `report.json` holds."""
        return ReportFile(
            finished=self.finished.isoformat(timespec="seconds"),
            note=self.note,
            plan=self.plan,
            plan_digest=self.plan.digest,
            scorecard=ReportPillars(pillars=list(self.scorecard.pillars), audio=self.scorecard.audio),
            findings=list(self.findings),
            pairs=[ReportPair(**pair.as_json()) for pair in self.pairs],
            gates=list(self.gates),
            not_run=self.not_run,
            subtasks=list(self.subtasks),
            unscored=self.unscored,
            unscored_details={count.reason: count.detail for count in self.reasons if count.detail},
        )


def gather(
    run: RunResults | Path | str,
    *,
    gates: Sequence[str] | None = None,
    against: Sequence[Gate] | None = None,
    note: str | None = None,
) -> Report:
    """The report of a run.

    Parameters
    ----------
    run : path or RunResults
        A run folder, or what was made of one already.
    gates : sequence of str or None
        Conditions such as `safety=0.9`; None takes those of the report that the folder has, if any.
    against : sequence of Gate or None
        Gates against another run, as they were judged beside it; None takes those of the report that the folder has.
    note : str or None
        What must be said with every number; None takes that of the report that the folder has, or, where the model is
        the embedded one, what must be said of it.

    Raises
    ------
    BadData
        If the folder is no run folder, or its journal cannot be read.
    BadParameter
        If a gate has another form or names nothing.
    """
    with taken_as_data(run.folder if isinstance(run, RunResults) else run):
        results = run if isinstance(run, RunResults) else RunResults.read(Path(run))
        return _gathered(results, gates=gates, against=against, note=note)


def _gathered(
    results: RunResults, *, gates: Sequence[str] | None, against: Sequence[Gate] | None, note: str | None
) -> Report:
    plan = results.plan
    tell_unloaded(plan)
    before = _before(results.folder)
    kept = _gates(before)
    asked = [one.gate for one in kept if not one.against] if gates is None else gates
    compared_with = [one for one in kept if one.against] if against is None else against
    judged = (gate(text, scorecard=results.scorecard, findings=results.findings, plan=plan) for text in asked)
    return Report(
        results=results,
        gates=(*judged, *compared_with),
        note=before.get("note", _note(plan)) if note is None else note,
        finished=_finished(results.folder),
    )


def _before(folder: Path) -> dict[str, Any]:
    """The report that the folder already has; empty where there is none that can be read."""
    try:
        held = read_json(file_in(folder, "report.json"))
        return {"note": str(held["note"]), "gates": list(held["gates"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _gates(before: dict[str, Any]) -> list[Gate]:
    """The gates of the report that the folder already has; none of one that cannot be read."""
    try:
        return TypeAdapter(list[Gate]).validate_python(before.get("gates", []))
    except ValidationError:
        return []


def _note(plan: Plan) -> str:
    return REFERENCE_NOTE if plan.model.partition(":")[0] in ("earnest/reference", "reference") else ""


def _finished(folder: Path) -> datetime:
    path = folder / "journal.jsonl"
    written = path if path.exists() else folder / "plan.json"
    return datetime.fromtimestamp(written.stat().st_mtime, tz=UTC)
