"""What a run folder's results are: lines, pairs, findings and scorecard, each computed once and shared by all who show them.

The report, the terminal, gates, the comparison with a baseline, JUnit and tables are given one `RunResults` and compute
none of it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.build import build_from, read_lines
from earnest.results.calibrated import kept_labels
from earnest.results.finding import Finding
from earnest.results.pairs import Pair, pairs
from earnest.results.reach import within_reach
from earnest.results.scorecard import Scorecard, scorecard
from earnest.results.subtasks import SubtaskCount, subtask_counts


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResults:
    """The results of the run in a folder, read when they are first asked for."""

    folder: Path
    plan: Plan

    @classmethod
    def read(cls, folder: Path) -> RunResults:
        """The results of a run folder.

        Raises
        ------
        BadData
            If it holds no plan.
        """
        return cls(folder=Path(folder), plan=Plan.read(Path(folder)))

    @cached_property
    def lines(self) -> tuple[JournalLine, ...]:
        """Every finished item, sorted by item."""
        return tuple(read_lines(self.folder))

    @cached_property
    def within_reach(self) -> tuple[Plan, list[JournalLine]]:
        """The plan as far as the model could be asked, and the lines of that."""
        return within_reach(self.plan, self.lines)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every attack pair and defence pair."""
        return tuple(pairs(self.plan, self.within_reach[1]))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Every number that the run established."""
        people = kept_labels(self.folder)
        found = build_from(self.plan, self.lines, clips=self.folder / "clips", compared=self.pairs, people=people)
        return tuple(found)

    @cached_property
    def scorecard(self) -> Scorecard:
        """The pillars at a glance, and whether the audio was heard."""
        return scorecard(self.plan, self.findings, self.lines)

    @cached_property
    def subtasks(self) -> tuple[SubtaskCount, ...]:
        """How far each sub-task was covered."""
        return tuple(subtask_counts(self.plan, self.lines))
