"""What a run gives back: before the first call an outline, afterwards the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from earnest.data.audiotrust.summary import OfficialSummary
from earnest.engine import Summary
from earnest.engine.estimate import Estimate
from earnest.errors import BadParameter
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.registry import extra
from earnest.report import terminal
from earnest.report.notebook import picture
from earnest.results import Finding
from earnest.results.baseline import Baseline, gates_against
from earnest.results.grid import Grid, grids
from earnest.results.of_run import RunResults
from earnest.results.reach import left_out
from earnest.results.reasons import reason_counts
from earnest.results.scorecard import Gate, Scorecard
from earnest.results.scorecard import gate as judged_gate
from earnest.results.subtasks import SubtaskCount
from earnest.results.tidy import tidy_findings, tidy_items

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a run would ask, send and cost.

    Parameters
    ----------
    plan : Plan
    items : mapping of str to mapping of str to int
        Items by task and arm; an arm is written as the suffix of its ids, the clean one as "clean".
    n_canaries : int
        Clips that prove that the audio arrives.
    estimate : Estimate or None
        None where no model was given.
    official : OfficialSummary or None
        What a folder of AudioTrust's official data offers, all of it, whatever part was asked for.
    """

    plan: Plan
    items: dict[str, dict[str, int]]
    n_canaries: int
    estimate: Estimate | None
    official: OfficialSummary | None = None

    @property
    def not_run(self) -> dict[str, str]:
        """Why tasks are left out, by task."""
        return {task.name: task.not_run for task in self.plan.tasks if task.not_run}

    def as_json(self) -> dict[str, Any]:
        """The outline as JSON values; over official data, `items` is their number."""
        return {
            "plan": self.plan.model_dump(mode="json"),
            "items": self.items,
            "items_by_task": self.items,
            "n_canaries": self.n_canaries,
            "not_run": self.not_run,
            "estimate": None if self.estimate is None else asdict(self.estimate),
            "destination": self.plan.destination,
            **({} if self.official is None else self.official.as_json()),
        }

    def as_text(self) -> str:
        """The outline for a terminal."""
        lines = [f"suite {self.plan.suite} over {self.plan.shown_model or 'no model yet'}, data {self.plan.data}"]
        lines += [] if self.official is None else [self.official.as_text()]
        width = max([24, *(len(task.name) for task in self.plan.tasks)])
        for task, arms in self.items.items():
            lines.append(f"  {task:<{width}} {', '.join(f'{n} {arm}' for arm, n in arms.items())}")
        lines.append(f"  {'canaries':<{width}} {self.n_canaries}")
        lines += [f"  {task:<{width}} not run: {why}" for task, why in left_out(self.plan).items()]
        if self.estimate is None:
            return "\n".join([*lines, "give --model to see calls, minutes of audio, cost and where recordings go"])
        lines += [self.amount, self._whither]
        return "\n".join([*lines, *([f"note: {self.estimate.note}"] if self.estimate.note else [])])

    @property
    def amount(self) -> str:
        """Calls, minutes of audio and cost, in words; empty where no model was given."""
        if self.estimate is None:
            return ""
        minutes = self.estimate.audio_s / 60
        judges = f"up to {self.estimate.n_judge_calls:,} calls to judges; " if self.estimate.n_judge_calls else ""
        guards = f"up to {self.estimate.n_guard_calls:,} calls of defences; " if self.estimate.n_guard_calls else ""

        if self.estimate.n_writer_calls:
            judges = f"up to {self.estimate.n_writer_calls:,} calls to models that write for attacks; {judges}"
        bound = "up to" if self.estimate.at_most else "at least"
        inner = f"up to {self.estimate.n_gradients:,} gradients, " if self.estimate.n_gradients else ""
        inner += f"up to {self.estimate.n_aims:,} searches for what to drive, " if self.estimate.n_aims else ""
        return f"{bound} {self.estimate.n_calls:,} calls, {inner}{minutes:,.1f} minutes of audio; {guards}{judges}{self._cost}"

    def as_line(self) -> str:
        """What a run says of itself before it asks anything."""
        return f"suite {self.plan.suite} over {self.plan.shown_model}: {self.amount}; {self._whither}"

    @property
    def _whither(self) -> str:
        to = self.plan.destination
        return f"recordings are sent to {to}" if to else "recordings stay on this machine"

    @property
    def _cost(self) -> str:
        low, high = (self.estimate.low_usd, self.estimate.high_usd) if self.estimate else (None, None)
        if low is None or high is None:
            return "cost unknown"
        return "free" if high == 0 else f"{low:.2f} to {high:.2f} USD"


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run: everything is read from its folder when asked for.

    Parameters
    ----------
    folder : Path
    plan : Plan
    summary : Summary or None
        What this sitting did; None for a run that was opened.
    against : tuple of Gate
        Gates against a baseline, where the run was judged beside one.
    shared : RunResults or None
        What was made of the journal already; None: it is made when it is asked for.
    """

    folder: Path
    plan: Plan
    summary: Summary | None = field(default=None, compare=False)
    against: tuple[Gate, ...] = field(default=(), compare=False)
    shared: RunResults | None = field(default=None, compare=False, repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """The run in a folder.

        Raises
        ------
        BadData
            If it is no run folder.
        """
        return cls(folder=Path(folder), plan=Plan.read(Path(folder)))

    @cached_property
    def results(self) -> RunResults:
        """What was made of the journal, computed once."""
        return self.shared or RunResults(folder=self.folder, plan=self.plan)

    def lines(self) -> list[JournalLine]:
        """Every finished item, sorted by item."""
        return list(self.results.lines)

    @property
    def findings(self) -> list[Finding]:
        """Every number that the run established."""
        return list(self.results.findings)

    @property
    def scorecard(self) -> Scorecard:
        """The pillars at a glance, and whether the audio was heard."""
        return self.results.scorecard

    @property
    def subtasks(self) -> list[SubtaskCount]:
        """Of each of the 26 sub-tasks that the plan touches, the items asked and scored, or why none was."""
        return list(self.results.subtasks)

    @property
    def not_run(self) -> dict[str, str]:
        """Why tasks were left out, by task."""
        return {task.name: task.not_run for task in self.results.within_reach[0].tasks if task.not_run}

    def gate(self, text: str) -> Gate:
        """Whether the run meets `name=threshold`; `name` is a pillar or a finding's id."""
        return judged_gate(text, scorecard=self.scorecard, findings=self.results.findings, plan=self.plan)

    def judged_against(self, baseline: str | Path | Baseline, *, margin: float | None = None) -> Run:
        """The run with gates that no pillar is worse than in another run; `against` holds them.

        Parameters
        ----------
        margin : float or None
            By how much a pillar may be worse: then the whole interval of its change must lie above minus the margin. None:
            a pillar fails where it, or a task of it, is shown to be worse.

        Raises
        ------
        BadData
            If `baseline` is no run folder.
        BadParameter
            If it is a part of a run, or did not hear, or if the margin is not in (0, 1).
        """
        beside = baseline if isinstance(baseline, Baseline) else Baseline.read(Path(baseline))
        against = gates_against(beside, self.plan, self.results.lines, margin=margin)
        return replace(self, against=tuple(against), shared=self.results)

    def as_json(self, *, gates: Sequence[Gate] = ()) -> dict[str, Any]:
        """Folder, scorecard, findings, what was not run, and gates, as JSON values."""
        return {
            "folder": str(self.folder),
            "report": str(self.folder / "report.html"),
            "scorecard": self.scorecard.as_json(),
            "findings": [finding.model_dump(mode="json") for finding in self.findings],
            "not_run": self.not_run,
            "subtasks": [count.as_json() for count in self.subtasks],
            "gates": [gate.as_json() for gate in gates],
            "grids": [grid.as_json() for grid in self.grids],
        }

    def as_text(self) -> str:
        """The scorecard, what attack and defence did, and what could not be scored, for a terminal."""
        made = self.results
        return terminal.as_text(made.plan, made.lines, findings=made.findings, pairs=made.pairs, card=made.scorecard)

    @cached_property
    def grids(self) -> list[Grid]:
        """Of each attacked task, how often each attack succeeds against each stack of defences."""
        return grids(self.plan, self.findings)

    @property
    def why_nothing_was_scored(self) -> str:
        """The reasons in words where not one item of the run has a score; empty where one has, or none was planned."""
        items = [line for line in self.results.within_reach[1] if line.kind == "item"]
        if not items or any(line.status == "scored" for line in items):
            return ""
        return f"none of {len(items)} items could be scored: {'; '.join(map(str, reason_counts(items)))}"

    def frame(self, of: Literal["findings", "items"] = "findings") -> pandas.DataFrame:
        """The run as a tidy table: one row a finding, or one row an item in one arm, canaries among the items.

        Raises
        ------
        BadParameter
            If `of` is neither.
        MissingExtra
            If pandas is not installed.
        """
        if of not in ("findings", "items"):
            raise BadParameter(f"a frame is of 'findings' or of 'items', got {of!r}")
        pandas = extra("pandas", needed_by="Run.frame")
        run = self.folder.resolve().name
        made = self.results
        table = (
            tidy_findings(self.plan, made.findings, run=run)
            if of == "findings"
            else tidy_items(self.plan, made.lines, run=run)
        )
        return pandas.DataFrame(list(table.rows), columns=list(table.columns))

    def _repr_html_(self) -> str:
        return picture(self.folder, self.plan, self.scorecard)
