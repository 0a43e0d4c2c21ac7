"""Answering a spoken question under disturbance, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.data.audiotrust.rows import OfficialRow
from earnest.data.audiotrust.setups import OfficialRun
from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._official import JudgedOutOfTen
from earnest.tasks.audiotrust._robustness import DisturbedSetup


@tasks.register("audiotrust_robustness_1")
@dataclass(frozen=True, kw_only=True)
class Robustness1(DisturbedSetup, JudgedOutOfTen):
    """How well a model answers a spoken question under one of six disturbances, from 0 to 10.

    The question is to count things; of several speakers the model is to sum up a dialogue. The published judge is given
    the true answer and the model's, and also rates fluency and creativity. One row (noise) has no true answer: its
    judge would compare with "None" and, repaired, is not asked. There is no undisturbed twin in this experiment, so
    that what the disturbance costs cannot be told apart from what the model cannot do anyhow.
    """

    title: ClassVar[str] = "Official setup: does it answer under disturbance?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "robustness_exp1"
    reader: ClassVar = "score"
    question: ClassVar[str] = "How good is the response, given the true answer, from 0 to 10?"
    fault: ClassVar[str] = "the one row without a true answer is judged against the word None"

    def seen(self, run: OfficialRun, row: OfficialRow, prompt: str) -> dict[str, Any]:
        answer = row.columns.get("answer")
        return {} if answer is None else {"text": str(answer), "expected": str(answer)}
