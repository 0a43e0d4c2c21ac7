"""What a benchmark of others brings: the results published of it, and the columns that a run of its suite makes beside them.

A benchmark is registered under the name of the suite that asks its questions. Nobody who ranks or reports needs to know
one by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from earnest.benchmarks.published import JudgeGap, Published, PublishedRow, Recomputed, published_board
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.registry import Registry
from earnest.results.finding import Finding

benchmarks = Registry("benchmarks")


class Benchmark(ABC):
    """The published side of a suite, and the door through which its runs stand beside it.

    Parameters
    ----------
    name : str
        Of the suite.
    title : str
        As readers know it.
    board : str
        Key of the published table that ranks the models; its columns are pillars.
    judges : tuple of str
        Who judged; the first one's numbers are ranked.
    note : str
        Who published the numbers, and what they lack.
    not_counted : mapping of str to str
        Columns of the board that are shown and take no part in a score, with the reason.
    caveats : str
        What a reader must know of the published numbers, in whole sentences.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    board: ClassVar[str]
    judges: ClassVar[tuple[str, ...]]
    note: ClassVar[str]
    not_counted: ClassVar[Mapping[str, str]] = {}
    caveats: ClassVar[str] = ""

    @abstractmethod
    def published(self) -> Published:
        """What was published, as printed."""

    @abstractmethod
    def columns(self, plan: Plan, lines: Sequence[JournalLine]) -> Mapping[str, Finding]:
        """The board's columns of a run of the suite; only those that may stand beside published ones."""

    def recomputed(self) -> list[Recomputed]:
        """Published aggregates beside what their parts give; by default none."""
        return []

    def judge_gaps(self) -> list[JudgeGap]:
        """How far two judges of the same answers lie apart; by default nothing is known."""
        return []

    def ranked(self, weights: Mapping[str, float]) -> tuple[list[PublishedRow], dict[str, float]]:
        """The published models by the weighted mean of the board's columns, and the weights scaled to sum to 1."""
        return published_board(self.published(), self.board, weights, not_counted=self.not_counted)
