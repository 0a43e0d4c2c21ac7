"""Telling how clear a disturbed recording is, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.data.audiotrust.layout import OfficialData
from earnest.data.audiotrust.rows import OfficialRow
from earnest.data.audiotrust.setups import OfficialRun
from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._official import JudgedOutOfTen
from earnest.tasks.audiotrust._robustness import DisturbedSetup

_RUBRIC = "clarity_scoring_criteria"


@tasks.register("audiotrust_robustness_3")
@dataclass(frozen=True, kw_only=True)
class Robustness3(DisturbedSetup, JudgedOutOfTen):
    """How well a model judges whether a disturbed recording is clear, from 0 to 10.

    The published leaderboard's robustness is the mean of these scores, and not of the answers' under disturbance. The
    judge is given a rubric and the model's answer, and is not told what the disturbance is. Two rows have no rubric:
    `faithful` shows the judge the word None in its place, `repaired` the rubric of the same file.
    """

    title: ClassVar[str] = "Official setup: does it notice that a recording is unclear?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "robustness_exp3"
    native: ClassVar[str] = "clarity_score"
    question: ClassVar[str] = "How well does the response tell how clear the recording is, from 0 to 10?"
    fault: ClassVar[str] = "two rows without a rubric are judged by the word None"

    def repairs(self, run: OfficialRun, row: OfficialRow, data: OfficialData, prompt: str) -> dict[str, Any]:
        """The rubric of the file where the row has none."""
        if row.columns.get(_RUBRIC) is not None:
            return {}
        others = (other.columns.get(_RUBRIC) for other in data.rows(run.stem))
        return {_RUBRIC: next((rubric for rubric in others if rubric is not None), None)}
