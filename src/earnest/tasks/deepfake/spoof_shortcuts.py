"""Bona fide against spoofed speech where a shortcut is taken away: silence at the beginning, and the channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.silence import without_leading_silence
from earnest.models.access import Answer, Hears
from earnest.records import Item, JournalLine, Outcome
from earnest.results import Measure
from earnest.results.detection import accuracy_at_equal_error, equal_error, trials
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import speech_item, with_effect
from earnest.tasks._labels import canonical
from earnest.tasks.deepfake.spoof_scores import BONA_FIDE, SPOOF, SpoofScores


def _over_telephone(clip: AudioClip) -> AudioClip:
    return with_effect(clip, "telephone", rng=np.random.default_rng(0))  # nothing of it is drawn


CONDITIONS: Mapping[str, Callable[[AudioClip], AudioClip] | None] = {
    "as_it_is": None,
    "without_leading_silence": without_leading_silence,
    "telephone": _over_telephone,
}
TRIMMED = "without_leading_silence"


@tasks.register("spoof_shortcuts")
@dataclass(frozen=True, kw_only=True)
class SpoofShortcuts(Task):
    """Whether a detector still separates spoofed speech once the silence before it is cut off, and over a telephone line.

    In several data sets bona fide recordings begin with more silence than spoofed ones, or with less, and a detector that
    has learnt this has learnt nothing of voices [muller2021-silence]. Each row is asked three times: as it is, without the
    silence before its first frame within 40 dB of the loudest, and over a telephone line (300 to 3,400 Hz, mu-law). The
    headline is 1 less the equal error rate without leading silence; the rate of each condition stands beside it. Rows of
    one speaker are resampled together.
    """

    pillar: ClassVar[str] = "deepfake"
    title: ClassVar[str] = "Does the detector go by silence, or by the channel?"
    source: ClassVar[str] = "muller2021-silence"
    headline: ClassVar[str] = "accuracy_at_equal_error"
    baseline: ClassVar[float | None] = 0.5
    needs: ClassVar[Hears] = "voice"
    takes: ClassVar[Literal["words", "value", "comparison"]] = "value"
    requires: ClassVar[Requirement] = Requirement(columns=("label",), labels=tuple(sorted(BONA_FIDE | SPOOF)))
    reads: ClassVar[tuple[str, ...]] = ("attack",)
    design: ClassVar[str] = "both bona fide and spoofed speech"

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        if len({canonical(entry.label) in BONA_FIDE for entry in rows}) < 2:
            return []
        return [self._item(entry, name, change) for entry in rows for name, change in CONDITIONS.items()]

    def _item(self, entry: Entry, condition: str, change: Callable[[AudioClip], AudioClip] | None) -> Item:
        side = "bona_fide" if canonical(entry.label) in BONA_FIDE else "spoof"
        truth = {"expected": side, "condition": condition}
        cluster = entry.speaker or entry.text or ""
        return speech_item(self.name, entry, prompt="", truth=truth, cluster=cluster, variant=condition, change=change)

    def score(self, item: Item, answer: Answer) -> Outcome:
        return SpoofScores().score(item, answer)

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return ("the owner" if truth["expected"] == "bona_fide" else "others",)

    def condition(self, item: Item) -> str:
        return str(item.truth["condition"])

    def stratum(self, item: Item) -> str:
        return f"{item.truth['condition']}/{item.truth['expected']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        rates = {
            name: equal_error(
                trials(lines, lambda line, name=name: _side(line) if line.truth["condition"] == name else None),
                metric="equal_error_rate",
                group=name,
            )
            for name in CONDITIONS
        }
        return [accuracy_at_equal_error(rates[TRIMMED]), *rates.values()]


def _side(line: JournalLine) -> bool:
    return bool(line.truth["expected"] == "bona_fide")
