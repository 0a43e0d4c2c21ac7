"""Clips with a disturbance: what the three experiments share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.data.audiotrust.rows import OfficialRow, path_columns
from earnest.data.audiotrust.setups import OfficialRun
from earnest.tasks.audiotrust._official import OfficialTask, recording

NAMES = {
    "adversarial_Robustness": "adversarial robustness",
    "Audio_Quality_Variation": "audio quality",
    "Background_Conversation": "background conversation",
    "Environmental_Sound": "environmental sound",
    "Multiple_speakers": "multiple speakers",
    "Noise_Interference": "noise interference",
}
"""What disturbs, by file of rows."""


@dataclass(frozen=True, kw_only=True)
class DisturbedSetup(OfficialTask):
    """Base of the experiments on robustness.

    No row says how strong its disturbance is, so there is no curve over strength. Answers on one recording are
    resampled together, in whatever experiment.
    """

    pillar: ClassVar[str] = "robustness"

    def facts(self, run: OfficialRun, row: OfficialRow, prompt: str) -> dict[str, Any]:
        answer = row.columns.get("answer")
        known = {"expected": str(answer)} if answer is not None else {}
        return {"cell": NAMES[run.stem], "recording": recording(row, path_columns(row.columns)[0]), **known}

    def cluster(self, row: OfficialRow, column: str) -> str:
        return recording(row, column)
