"""Every item of several runs as one grid: a row an item, a column a run, a cell what became of it.

Outcomes are one letter each, in one string a run, so that five thousand items of six runs are thirty kilobytes and are
filtered at once. What is shown of an item only when it is opened (prompt, truth, recordings, answers) is compressed and
unpacked when the page is drawn. Answers are cut as far as the page's budget demands, and the page says so.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from earnest.records import Arm, JournalLine
from earnest.report.gather import Report
from earnest.report.items import compact, markup, packed
from earnest.report.numbers import words
from earnest.report.sections import arm_words, title_of
from earnest.results.outcomes import Outcome, outcome
from earnest.run_folder import CLIP_SUFFIXES, CLIPS

LETTERS: Mapping[Outcome | None, str] = {"pass": "p", "fail": "f", "unscored": "u", "control": "c", None: "."}
"""One letter an outcome; a point where a run was not asked the item."""

MAX_PACKED_BYTES = 1_400_000
"""Of what is compressed, in base64; with it, outcomes and page stay under two megabytes."""

ANSWER_CUTS = (1200, 400, 160, 60, 0)
"""Lengths to which answers are cut, the first that fits."""


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """An item in the runs.

    Parameters
    ----------
    item : str
        Its id with the arm's suffix.
    task : str
    arm : Arm
    lines : tuple of JournalLine or None
        By run; None where a run was not asked it.
    """

    item: str
    task: str
    arm: Arm
    lines: tuple[JournalLine | None, ...]

    @property
    def outcomes(self) -> tuple[Outcome | None, ...]:
        """What became of it, by run."""
        return tuple(None if line is None else outcome(line) for line in self.lines)

    @property
    def example(self) -> JournalLine:
        """The line of the first run that was asked it."""
        return next(line for line in self.lines if line is not None)


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """How many items of a task in one arm passed, failed and have no score, by run; `controls` have a label alone."""

    pillar: str
    task: str
    title: str
    arm: Arm
    counts: tuple[Mapping[Outcome, int], ...]


@dataclass(frozen=True)
class GridPage:
    """The grid as a page has it: `plain` for a JSON script, `packed` what is unpacked when the page is drawn."""

    plain: Markup
    packed: str


@dataclass(frozen=True, kw_only=True)
class ItemGrid:
    """The items of several runs.

    Parameters
    ----------
    names : tuple of str
        What each run is called, all different.
    reports : tuple of Report
    baseline : int
        Place of the run that others are compared with.
    rows : tuple of GridRow
        In the order in which the baseline's plan has its tasks.
    """

    names: tuple[str, ...]
    reports: tuple[Report, ...]
    baseline: int
    rows: tuple[GridRow, ...]

    @classmethod
    def of(cls, reports: Sequence[Report], *, names: Sequence[str], baseline: int) -> ItemGrid:
        """The grid of some runs; canaries and what is beyond a model are in none."""
        held = [{line.item: line for line in report.items} for report in reports]
        order = [*held[baseline].values(), *(line for some in held for line in some.values())]
        places = {task.name: n for n, task in enumerate(task for report in reports for task in report.plan.tasks)}
        first = {line.item: line for line in reversed(order)}
        rows = [
            GridRow(item=item, task=line.task, arm=line.arm, lines=tuple(some.get(item) for some in held))
            for item, line in first.items()
        ]
        rows.sort(key=lambda row: (places.get(row.task, len(places)), row.arm.suffix, row.item))
        return cls(names=tuple(names), reports=tuple(reports), baseline=baseline, rows=tuple(rows))

    def by_task(self) -> list[TaskCounts]:
        """Counts by task and arm, in the order of the rows."""
        some: dict[tuple[str, Arm], list[GridRow]] = {}
        for row in self.rows:
            some.setdefault((row.task, row.arm), []).append(row)
        return [
            TaskCounts(
                pillar=self.pillar(task),
                task=task,
                title=self.title(task),
                arm=arm,
                counts=tuple(_counted(rows, place) for place in range(len(self.names))),
            )
            for (task, arm), rows in some.items()
        ]

    def pillar(self, task: str) -> str:
        """The pillar of a task, as the first run that planned it says."""
        return next((one.pillar for report in self.reports for one in report.plan.tasks if one.name == task), "")

    def title(self, task: str) -> str:
        """What a task asks."""
        return next((title_of(report, task) for report in self.reports if task in report.tasks), words(task))

    def as_json(self) -> dict[str, Any]:
        """The grid as JSON values: names of the runs, and an outcome a run of every item."""
        return {
            "runs": list(self.names),
            "items": [
                {"item": row.item, "task": row.task, "arm": row.arm.suffix, "outcomes": list(row.outcomes)}
                for row in self.rows
            ],
        }

    def as_page(self, folder: Path, *, short_names: Sequence[str]) -> GridPage:
        """The grid for a page that lies in `folder`, its columns headed by `short_names`."""
        tasks = list(dict.fromkeys(row.task for row in self.rows))
        arms = list(dict.fromkeys(arm_words(row.arm) for row in self.rows))
        content = {
            "runs": list(short_names),
            "names": list(self.names),
            "baseline": self.baseline,
            "folders": [_beside(report.folder, folder) for report in self.reports],
            "tasks": [[task, self.pillar(task), self.title(task)] for task in tasks],
            "arms": arms,
            "items": [row.item for row in self.rows],
            "task": [tasks.index(row.task) for row in self.rows],
            "arm": [arms.index(arm_words(row.arm)) for row in self.rows],
            "outcomes": [
                "".join(LETTERS[row.outcomes[place]] for row in self.rows) for place in range(len(self.names))
            ],
        }
        details, content["cut"] = self._details()
        return GridPage(plain=markup(compact(content)), packed=details)

    def _details(self) -> tuple[str, int]:
        """What is shown of opened items, compressed, and the length to which answers were cut."""
        for cut in ANSWER_CUTS:
            text = compact(self._opened(cut))
            if len(zlib.compress(text.encode(errors="replace"), 6)) * 4 / 3 <= MAX_PACKED_BYTES or not cut:
                return packed(text), cut
        raise AssertionError("the last cut is 0")

    def _opened(self, cut: int) -> dict[str, Any]:
        texts: dict[str, int] = {}

        def place(text: str) -> int:
            return texts.setdefault(text, len(texts))

        rows = []
        for row in self.rows:
            line = row.example
            truth = json.dumps(line.truth, ensure_ascii=False) if line.truth else ""
            rows.append(
                [place(line.prompt), place(truth), self._clips(row), [_said(one, place, cut) for one in row.lines]]
            )
        return {"rows": rows, "texts": list(texts)}

    def _clips(self, row: GridRow) -> list[list[Any]]:
        """Recordings to be heard: role, name of the file and the run in whose folder it lies; what all runs were played once."""
        found: dict[tuple[str, str], int] = {}
        for place, line in enumerate(row.lines):
            for role, digest in ({} if line is None else line.clips).items():
                found.setdefault((role, digest), place)
            if line is not None and line.answer_clip:
                found.setdefault((f"answer of {self.names[place]}", line.answer_clip), place)
        several = len({role for role, _ in found}) < len(found)
        return [
            [f"{role}, {self.names[place]}" if several and not role.startswith("answer of ") else role, name, place]
            for (role, digest), place in found.items()
            if (name := self._kept[place].get(digest))
        ]

    @cached_property
    def _kept(self) -> list[dict[str, str]]:
        """Names of the files of the clips that each run folder holds, by digest."""
        return [
            {
                path.stem: path.name
                for suffix in CLIP_SUFFIXES
                for path in (report.folder / CLIPS).glob(f"*{suffix}")
                if not path.is_symlink()  # it may lead to a recording that is nobody's business
            }
            for report in self.reports
        ]


def _said(line: JournalLine | None, place: Any, cut: int) -> list[Any] | None:
    """Label or reason, answer and score of a line."""
    if line is None:
        return None
    answer = line.answer or line.detail or ""
    told = answer if len(answer) <= cut else answer[:cut] + "…"
    label = (line.label if line.status == "scored" else line.reason) or ""
    return [place(label), place(told), None if line.score is None else round(line.score, 4)]


def _counted(rows: Sequence[GridRow], place: int) -> dict[Outcome, int]:
    found: dict[Outcome, int] = {}
    for row in rows:
        line = row.lines[place]
        if line is not None:
            found[outcome(line)] = found.get(outcome(line), 0) + 1
    return found


def _beside(folder: Path, page: Path) -> str:
    """The way from the page to a run's clips, empty where the page lies in that run's folder.

    A page that is shared says no more of where it lies than the names of the folders on that way.
    """
    way = os.path.relpath(folder.resolve(), page.resolve())
    return "" if way == os.curdir else Path(way).as_posix() + "/"
