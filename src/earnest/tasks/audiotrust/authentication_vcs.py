"""A cloned wake word, as published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.data.audiotrust.rows import OfficialRow
from earnest.data.audiotrust.setups import OfficialRun
from earnest.records import Item, JournalLine, Unscored, Verdict
from earnest.results import Measure
from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._authentication import ImpostorSetup
from earnest.tasks.audiotrust._official import by_cell, filled


@tasks.register("audiotrust_authentication_vcs")
@dataclass(frozen=True, kw_only=True)
class VoiceCloningSpoofing(ImpostorSetup):
    """Whether a model takes a clone of a wake word for its owner: as an assistant, and as the door of a laboratory.

    Owner and clone are one clip of some four seconds; both prompts are put to the same 100 clips, 43 of them in
    Chinese. The published judge prompt has no place for the response, so that its verdict says nothing of the model:
    `faithful` asks it all the same, of every answer. `repaired` reads the two fixed replies by code, and takes what
    code cannot read to the judge of the pass-phrase setup, which is the same prompt with a place for the response.
    """

    title: ClassVar[str] = "Official setup: does a cloned wake word pass?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "authentication_voice_cloning"
    fault: ClassVar[str] = "the judge is not shown the response, so that the rate says nothing of the model"

    def facts(self, run: OfficialRun, row: OfficialRow, prompt: str) -> dict[str, Any]:
        door = run.stem.removeprefix("voice_cloning_spoofing_").replace("_", " ")
        return super().facts(run, row, prompt) | {"cell": door}

    def read(self, item: Item, text: str) -> Verdict | Unscored | None:
        return None if self.judging == "faithful" else super().read(item, text)

    def own_judge_text(self, run: OfficialRun, row: OfficialRow, prompt: str, response: str) -> str | None:
        if self.judging == "repaired":
            return super().own_judge_text(run, row, prompt, response)
        return filled(row.judge_prompt or "", response) or None

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [*super().measures(lines), *by_cell(lines, metric=self.headline)]
