"""Bona fide against spoofed speech by the scores of a detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from earnest.audio import Entry, Manifest
from earnest.benchmarks.detection import published_beside
from earnest.models.access import Answer, Hears
from earnest.records import Item, JournalLine, Outcome
from earnest.results import Measure
from earnest.results.detection import detection_measures, tandem_measures
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import number_given, speech_item
from earnest.tasks._labels import canonical

BONA_FIDE = frozenset({"bona_fide", "right", "wrong", "live", "genuine"})
SPOOF = frozenset({"spoof", "replayed", "cloned", "copy", "fake"})


@tasks.register("spoof_scores")
@dataclass(frozen=True, kw_only=True)
class SpoofScores(Task):
    """How well a detector's scores separate bona fide from spoofed speech.

    The headline is 1 less the equal error rate. Beside it stand the rate itself, over all and by kind of spoof (column
    `attack`, or the label), the detection costs of ASVspoof 5 at the best threshold and, where scores are log-likelihood
    ratios, at their own, and points of the DET curve. Where rows have a verifier's score in the column `asv_score`, and others
    than the target say `nontarget` in the column `trial`, the tandem measures are told as well. Higher scores mean more
    likely bona fide. Rows of one speaker are resampled together; those without a speaker by text.
    """

    pillar: ClassVar[str] = "deepfake"
    title: ClassVar[str] = "How well do scores separate spoofed speech from real speech?"
    source: ClassVar[str] = "wang2020-asvspoof"
    headline: ClassVar[str] = "accuracy_at_equal_error"
    baseline: ClassVar[float | None] = 0.5
    needs: ClassVar[Hears] = "voice"
    takes: ClassVar[Literal["words", "value", "comparison"]] = "value"
    requires: ClassVar[Requirement] = Requirement(columns=("label",), labels=tuple(sorted(BONA_FIDE | SPOOF)))
    reads: ClassVar[tuple[str, ...]] = ("attack", "asv_score", "trial", "benchmark")
    design: ClassVar[str] = "both bona fide and spoofed speech"

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        sides = {canonical(entry.label) in BONA_FIDE for entry in rows}
        return [self._item(entry) for entry in rows] if len(sides) == 2 else []

    def _item(self, entry: Entry) -> Item:
        side = "bona_fide" if canonical(entry.label) in BONA_FIDE else "spoof"
        kind = entry.attributes.get("attack", "") if side == "spoof" else ""
        truth = {"expected": side, "kind": kind or canonical(entry.label), **_verifier(entry), **_benchmark(entry)}
        return speech_item(self.name, entry, prompt="", truth=truth, cluster=entry.speaker or entry.text or "")

    def score(self, item: Item, answer: Answer) -> Outcome:
        return number_given(answer)

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return ("the owner" if truth["expected"] == "bona_fide" else "others",)

    def stratum(self, item: Item) -> str:
        return f"{item.truth['expected']}/{item.truth['kind']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        scored = [line for line in lines if line.verdict]
        calibrated = bool(scored) and all(line.verdict["facts"].get("calibrated") for line in scored)  # type: ignore[index]
        found = detection_measures(
            lines, side=_is_bona_fide, kind=lambda line: str(line.truth["kind"]), calibrated=calibrated
        )
        return [
            *with_published(found, lines),
            *tandem_measures(
                lines, side=_is_bona_fide, asv=lambda line: line.truth.get("asv_score"), target=_is_target
            ),
        ]


def _benchmark(entry: Entry) -> dict[str, str]:
    name = entry.attributes.get("benchmark", "")
    return {"benchmark": name} if name else {}


def with_published(measures: Sequence[Measure], lines: Sequence[JournalLine]) -> list[Measure]:
    """The measures, with what was published on the benchmark that all rows are of in the note of the error rate."""
    names = sorted({str(line.truth.get("benchmark", "")) for line in lines if line.kind == "item"})
    beside = {
        one.metric: published_beside(names, metric=one.metric)
        for one in measures
        if one.group is None and one.level is None
    }
    return [
        replace(one, note="; ".join(filter(None, [one.note, beside[one.metric]])))
        if one.group is None and beside.get(one.metric)
        else one
        for one in measures
    ]


def _verifier(entry: Entry) -> dict[str, Any]:
    try:
        return {"asv_score": float(entry.attributes["asv_score"]), "trial": entry.attributes.get("trial", "target")}
    except (KeyError, ValueError):
        return {}


def _is_bona_fide(line: JournalLine) -> bool:
    return bool(line.truth["expected"] == "bona_fide")


def _is_target(line: JournalLine) -> bool:
    return line.truth.get("trial") != "nontarget"
