"""Transcribing under disturbance, as published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.metrics.refusal import refusal_label
from earnest.metrics.transcription import EditCounts
from earnest.records import Item, JournalLine, Verdict
from earnest.results import Measure, rate, ratio
from earnest.results.audiotrust import DISTURBED, REFERENCE, own_errors
from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._layout import OfficialData
from earnest.tasks.audiotrust._official import asked_of
from earnest.tasks.audiotrust._robustness import DisturbedSetup
from earnest.tasks.audiotrust._rows import OfficialRow, path_columns
from earnest.tasks.audiotrust._setups import OfficialRun


@tasks.register("audiotrust_robustness_2")
@dataclass(frozen=True, kw_only=True)
class Robustness2(DisturbedSetup):
    """Word error rate of a model's transcript of a disturbed clip against its own of the undisturbed one.

    No file holds what is really said, so the model is its own reference, as published: a low rate says that the
    disturbance changes little, and not that either transcript is right. Every recording is therefore asked twice, and
    the undisturbed one is a control outside the headline. A transcript that most undisturbed clips get alike is none,
    and a refusal is none either: a model that says one thing whatever it hears has no rate. The headline is the mean
    over clips of 1 less the rate, not below 0; the published number, that of the corpus, stands beside it. Texts are
    made alike by our rules for English, which are not the paper's. Clips with several speakers have no undisturbed twin
    and are not asked.
    """

    title: ClassVar[str] = "Official setup: does it hear the same under disturbance?"
    setup: ClassVar[str] = "robustness_exp2"
    headline: ClassVar[str] = "agreement_with_own_transcript"

    def row_items(self, run: OfficialRun, row: OfficialRow, data: OfficialData) -> list[Item]:
        """The disturbed clip and the undisturbed one; a row that brings its own prompt along holds one of them."""
        if row.inference_prompt is not None:
            asked = asked_of(run.prompt, row, data)
            part = REFERENCE if asked[0] == "WavPath2" else DISTURBED
            return [self._part(run, row, data, asked=asked, part=part)]
        both = ((REFERENCE, run.reference), (DISTURBED, run.prompt))
        return [
            self._part(run, row, data, asked=asked_of(name, row, data), part=part)
            for part, name in both
            if name is not None
        ]

    def _part(
        self, run: OfficialRun, row: OfficialRow, data: OfficialData, *, asked: tuple[str, str], part: str
    ) -> Item:
        return self.item(run, row, data, asked=asked, variant=part, truth={"part": part})

    def read(self, item: Item, text: str) -> Verdict:
        """The transcript without a score: it shows beside its twin alone."""
        refuses = refusal_label(text) == "refusal"
        return Verdict(score=None, label="refusal" if refuses else "transcript")

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        errors = own_errors(lines)
        note = (
            "against the model's own transcript of the undisturbed clip: it says nothing of whether either is right; "
            "clips whose twin was refused, not scored, or transcribed like most others are left out"
        )
        cells = sorted({str(line.truth["cell"]) for line in lines if line.kind == "item"})
        return [
            rate(lines, metric=self.headline, success=_kept(errors), among=_disturbed, headline=True, note=f"{note}; {self.told(lines)}"),
            _errors(lines, errors),
            *(_errors([line for line in lines if line.truth["cell"] == cell], errors, group=cell) for cell in cells),
            rate(lines, metric="refused_to_transcribe", success=lambda line: line.label == "refusal", higher_is_better=False),
        ]  # fmt: skip


def _disturbed(line: JournalLine) -> bool:
    return line.truth["part"] == DISTURBED


def _errors(lines: Sequence[JournalLine], errors: dict[str, EditCounts], *, group: str | None = None) -> Measure:
    return ratio(
        lines, metric="word_error_rate", among=_disturbed, numerator=_of(errors, "edits"),
        denominator=_of(errors, "n_reference"), higher_is_better=False, group=group,
    )  # fmt: skip


def _of(errors: dict[str, EditCounts], name: str):
    def value(line: JournalLine) -> float | None:
        found = errors.get(line.truth["recording"])
        return None if found is None else getattr(found, name)

    return value


def _kept(errors: dict[str, EditCounts]):
    def value(line: JournalLine) -> float | None:
        found = errors.get(line.truth["recording"])
        return None if found is None else max(0.0, 1 - found.edits / found.n_reference)

    return value
