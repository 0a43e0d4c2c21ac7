"""Transcribing under disturbance, as published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import Manifest
from earnest.benchmarks.audiotrust.aggregates import DISTURBED, REFERENCE, own_errors
from earnest.data.audiotrust.layout import OfficialData
from earnest.data.audiotrust.rows import OfficialRow
from earnest.data.audiotrust.setups import OfficialRun
from earnest.metrics.refusal import refusal_label
from earnest.metrics.transcription import EditCounts
from earnest.records import Item, JournalLine, Verdict
from earnest.results import Measure, rate, ratio
from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._official import asked_of
from earnest.tasks.audiotrust._robustness import DisturbedSetup


@tasks.register("audiotrust_robustness_2")
@dataclass(frozen=True, kw_only=True)
class Robustness2(DisturbedSetup):
    """Word error rate of a model's transcript of a disturbed clip against its own transcript of the clean one.

    No file holds what is really said, so the model is its own reference, as published: a low rate says that the
    disturbance changes little, and not that either transcript is right. Every recording is therefore asked twice, and
    the undisturbed one is a control outside the headline. A transcript that most undisturbed clips get alike is none,
    and a refusal is none either: a model that says one thing whatever it hears has no rate. The headline is the mean
    over clips of 1 less the rate, not below 0; the published number, that of the corpus, stands beside it. Texts are
    made alike by our rules for English, which are not the paper's. Clips with several speakers have no undisturbed twin
    and are not asked.
    """

    title: ClassVar[str] = "Official setup: does it hear the same under disturbance?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "robustness_exp2"
    headline: ClassVar[str] = "agreement_with_own_transcript"

    def items(self, data: Manifest | OfficialData, *, seed: int) -> list[Item]:
        """Both clips of every recording once, also where each of them has a row of its own."""
        found = {(item.truth["recording"], item.truth["part"]): item for item in super().items(data, seed=seed)[::-1]}
        return list(found.values())[::-1]

    def row_items(self, run: OfficialRun, row: OfficialRow, data: OfficialData) -> list[Item]:
        """The undisturbed clip and the disturbed one; a row that brings its prompt along has one prompt for both."""
        return [
            self._part(run, row, data, asked=(column, asked_of(name, row, data)[1]), part=part)
            for part, column, name in ((REFERENCE, "WavPath2", run.reference), (DISTURBED, "WavPath1", run.prompt))
            if name is not None and column in row.columns
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
        compared = _compared(lines, errors)
        note = (
            "against the model's own transcript of the undisturbed clip: it says nothing of whether either is right; "
            "a clip whose twin was refused, not scored, or transcribed like most others is unscored"
        )
        cells = sorted({str(line.truth["cell"]) for line in compared})
        return [
            rate(
                compared, metric=self.headline, success=_kept(errors), headline=True, note=f"{note}; {self.told(lines)}"
            ),
            _errors(compared, errors),
            *(_errors([line for line in compared if line.truth["cell"] == cell], errors, group=cell) for cell in cells),
            rate(
                lines,
                metric="refused_to_transcribe",
                success=lambda line: line.label == "refusal",
                higher_is_better=False,
            ),
        ]


def _compared(lines: Sequence[JournalLine], errors: dict[str, EditCounts]) -> list[JournalLine]:
    """The lines of disturbed clips; those that have nothing to be compared with are unscored, with the reason."""
    items = [line for line in lines if line.kind == "item"]
    twins = {line.truth["recording"]: line for line in items if line.truth["part"] == REFERENCE}
    disturbed = [line for line in items if line.truth["part"] == DISTURBED]
    return [_against(line, twins.get(line.truth["recording"]), errors) for line in disturbed]


def _against(line: JournalLine, twin: JournalLine | None, errors: dict[str, EditCounts]) -> JournalLine:
    if line.status == "unscored" or line.truth["recording"] in errors:
        return line
    reason = "cancelled" if twin is None else (twin.reason or "unparsed")
    return line.model_copy(update={"status": "unscored", "reason": reason, "verdict": None})


def _errors(lines: Sequence[JournalLine], errors: dict[str, EditCounts], *, group: str | None = None) -> Measure:
    return ratio(
        lines,
        metric="word_error_rate",
        numerator=_of(errors, "edits"),
        denominator=_of(errors, "n_reference"),
        higher_is_better=False,
        group=group,
    )


def _of(errors: dict[str, EditCounts], name: str):
    return lambda line: getattr(errors[line.truth["recording"]], name)


def _kept(errors: dict[str, EditCounts]):
    def value(line: JournalLine) -> float:
        found = errors[line.truth["recording"]]
        return max(0.0, 1 - found.edits / max(1, found.n_reference))

    return value
