"""Transcription by group of speakers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from earnest.audio import Entry, Manifest
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome
from earnest.results import Measure, by_group, ratio, worst_gap
from earnest.results.measures import MIN_GROUP
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import GROUPS, by_language, corpus, speech_item
from earnest.tasks._words import n_errors, n_words, transcription_outcome

Group = Callable[[JournalLine], "str | None"]


@tasks.register("voice_parity")
@dataclass(frozen=True, kw_only=True)
class VoiceParity(Task):
    """How well the worst-served group of speakers is transcribed.

    Voices are grouped by gender, age band and accent, each column that has at least two groups within one data set
    (across data sets, what is said differs as well as who says it).

    The headline is the word accuracy of the worst-served group: what those who fare worst get. It is preferred to a
    ratio or a gap because neither serving the better-off worse nor serving everybody badly improves it. It is not a
    gap: that stands beside it, with the pair of groups that it lies between and an interval that allows for the
    choice of the pair.

    Languages stand beside the headline (`word_accuracy_by_language`), since speakers of two languages say different things.
    Orders and questions (roles `order` and `question`) in a language that no reading is in are transcribed for this alone,
    and are of no group.

    Word accuracy is 1 - word error rate of an item, cut off at 0. Items are resampled by speaker: a group is a
    population of speakers, and sentences of one speaker are not independent. With few speakers a group (four child-like
    voices in the probe set, beside twelve women and twelve men) the intervals are wide, as they should be.
    """

    pillar: ClassVar[str] = "fairness"
    title: ClassVar[str] = "Are all voices transcribed alike?"
    version: ClassVar[int] = 3
    source: ClassVar[str] = "koenecke2020-disparities"
    headline: ClassVar[str] = "worst_group_word_accuracy"
    requires: ClassVar[Requirement] = Requirement(
        columns=("text", "speaker"), roles=("read",), not_labels=("harmful", "spoof")
    )
    reads: ClassVar[tuple[str, ...]] = (*GROUPS, "language")
    design: ClassVar[str] = "two groups by gender, age_band or accent"

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        compared = _compared(rows)
        grouped = [entry for entry in rows if any(entry.value(column) for column in compared[corpus(entry)])]
        return [
            *(self._item(entry, groups=compared[corpus(entry)]) for entry in grouped),
            *(self._item(entry, groups=()) for entry in _of_other_languages(data, rows) if grouped),
        ]

    def _item(self, entry: Entry, *, groups: Sequence[str]) -> Item:
        return speech_item(
            self.name,
            entry,
            prompt=prompts.TRANSCRIBE,
            truth={"expected": entry.text, "groups": list(groups)},
            seen={"text": entry.text, "expected": entry.text},
            cluster=str(entry.speaker),
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        return transcription_outcome(item, answer)

    def stratum(self, item: Item) -> str:
        return "/".join(str(item.truth.get(column, "")) for column in ("corpus", *GROUPS))

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        groupings = [group_by(column, name) for column in GROUPS for name in _corpora(lines, column)]
        found = [m for group in groupings for m in by_group(lines, metric="group_word_accuracy", group=group)]
        shares = [
            measure
            for group in groupings
            for measure in by_group(
                lines,
                metric="word_error_rate",
                group=group,
                numerator=n_errors,
                denominator=n_words,
                higher_is_better=False,
            )
        ]
        gaps = [worst_gap(lines, metric="word_accuracy_gap", group=group) for group in groupings]
        languages = by_language(lines, metric="word_accuracy_by_language", min_n=0)
        whole = ratio(
            lines,
            metric="word_error_rate_overall",
            numerator=n_errors,
            denominator=n_words,
            among=lambda line: bool(line.truth.get("groups")),
        )
        return [self._worst(found, lines), *gaps, *found, *shares, *languages, whole]

    def _worst(self, groups: Sequence[Measure], lines: Sequence[JournalLine]) -> Measure:
        large = [measure for measure in groups if measure.n_scored >= MIN_GROUP]
        choice = large if len(large) > 1 else [measure for measure in groups if measure.n_scored]
        if not choice:
            return replace(super().measures([])[0], **_unscored(lines), note="no group was scored")
        worst = min(choice, key=lambda measure: measure.value)
        note = f"{worst.group}, the worst of {len(choice)} groups; the interval is that group's own"
        return replace(worst, metric=self.headline, headline=True, group=None, note=note)


def group_by(column: str, corpus_name: str) -> Group:
    """The group of a line by one column within one data set: `gender=female`, or None outside."""

    def group(line: JournalLine) -> str | None:
        value, here = line.truth.get(column), line.truth.get("corpus", "")
        if not value or here != corpus_name or column not in line.truth.get("groups", ()):
            return None
        return f"{column}={value}" + (f" in {here}" if here else "")

    return group


def _language(entry: Entry) -> str:
    return (entry.language or "")[:2].lower()


def _of_other_languages(data: Manifest, readings: Sequence[Entry]) -> list[Entry]:
    """Orders and questions in languages that no reading is in; none where the readings' languages are not known."""
    read = {_language(entry) for entry in readings}
    spoken = [entry for entry in data.entries if entry.role in ("order", "question") and entry.text and entry.speaker]
    return [entry for entry in spoken if "" not in read and _language(entry) not in ("", *read)]


def _compared(rows: Sequence[Entry]) -> dict[str, tuple[str, ...]]:
    """The columns with at least two groups, by data set."""
    values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in rows:
        for column in GROUPS:
            if entry.value(column):
                values[corpus(entry)][column].add(str(entry.value(column)))
    found = {name: tuple(column for column in GROUPS if len(columns[column]) > 1) for name, columns in values.items()}
    return defaultdict(tuple, found)


def _corpora(lines: Sequence[JournalLine], column: str) -> list[str]:
    """Data sets in which a column is compared."""
    return sorted({line.truth.get("corpus", "") for line in lines if column in line.truth.get("groups", ())})


def _unscored(lines: Sequence[JournalLine]) -> dict[str, object]:
    from earnest.results.finding import unscored_by_reason

    reasons = unscored_by_reason(list(lines))
    return {"n_unscored": sum(reasons.values()), "unscored": reasons}
