"""Transcription of minutes of speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from earnest.audio import Manifest
from earnest.metrics.transcription import EditCounts, spoken_edit_counts_by_part
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Unscored, Verdict
from earnest.results import Measure, curve, rate, ratio
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import rng_of
from earnest.tasks._words import fact, instead, n_errors, n_words, transcript_of
from earnest.tasks.robustness._degraded import READ
from earnest.tasks.robustness._long import (
    LENGTHS_S,
    PLACES,
    Passage,
    by_length,
    checked_lengths,
    long_item,
    passage,
    place_of,
    speech_rows,
)


@tasks.register("long_dictation")
@dataclass(frozen=True, kw_only=True)
class LongDictation(Task):
    """Share of one, two and five minutes of speech that the model transcribes.

    Passages are put together from recordings of the data with pauses of at least 0.6 s, brought to one level; their
    words are known. The headline is the mean word accuracy (1 - word error rate, cut off at 0) over passages. Over the
    length stand accuracy, word error rate, the share of words left out (`omission_rate`) and of words put in
    (`insertion_rate`), and by thirds of the recording the word error rate: whether it tires, skips or loops.

    What a model cannot take in is unscored as `too_long`, as is an answer that was cut off at the most tokens that the
    run allows (five minutes take some 1,200: `--max-tokens 2048`). A recogniser that cuts long audio into pieces is
    written `cascade/<recogniser>`.

    Parameters
    ----------
    lengths_s : sequence of float
        Lengths of the passages in seconds, 10 to 3600.
    n_passages : int
        Passages of each length. They share recordings; that dependence is left out of the intervals.
    """

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Does it transcribe minutes of speech?"
    version: ClassVar[int] = 2
    source: ClassVar[str] = "koenecke2024-careless"
    headline: ClassVar[str] = "word_accuracy_of_passages"
    baseline: ClassVar[float | None] = 0.0
    requires: ClassVar[Requirement] = READ
    design: ClassVar[str] = "recording of 1 to 40 s with a transcript"

    lengths_s: Sequence[float] = LENGTHS_S
    n_passages: int = 6

    def __post_init__(self) -> None:
        checked_lengths(self.name, self.lengths_s)

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = speech_rows(data, with_text=True)
        return [
            self._item(f"{length_s:g}s-{n}", sources[n % len(sources)], length_s=length_s, seed=seed)
            for length_s, sources in by_length(rows, self.lengths_s)
            if sources
            for n in range(self.n_passages)
        ]

    def _item(self, sample: str, pieces: Sequence[Any], *, length_s: float, seed: int) -> Item:
        made = passage(pieces, length_s=length_s, rng=rng_of(seed, self.name, sample))
        parts = _texts_by_third(made)
        text = " ".join(part for part in parts if part)
        return long_item(
            self.name,
            sample,
            made,
            prompt=prompts.TRANSCRIBE,
            truth={"text": text, "parts": parts},
            seen={"text": text, "expected": text},
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        found = transcript_of(answer.text, text=str(item.truth["text"]))
        other = instead(item, answer, found)
        if isinstance(other, Unscored):
            return other
        said = "" if other else found.words
        facts = _facts(spoken_edit_counts_by_part(reference=item.truth["parts"], hypothesis=said))
        accuracy = max(0.0, 1.0 - facts["n_errors"] / max(1, facts["n_words"]))
        if other is not None:
            return replace(other, facts={**other.facts, **facts})
        label = "exact" if not facts["n_errors"] else "partly" if accuracy else "wrong"
        return Verdict(
            score=accuracy, label=label, facts={"accuracy": accuracy, **facts, "as_written": found.as_written}
        )

    def stratum(self, item: Item) -> str:
        return f"{item.truth['length_s']:g}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        def over_length(metric: str, numerator: Any) -> list[Measure]:
            return curve(
                lines, metric=metric, level=_length, numerator=numerator, denominator=n_words, higher_is_better=False
            )

        return [
            rate(lines, metric=self.headline, headline=True, baseline=self.baseline),
            *curve(lines, metric="word_accuracy", level=_length),
            *over_length("word_error_rate", n_errors),
            *over_length("omission_rate", lambda line: fact(line, "n_deletions")),
            *over_length("insertion_rate", lambda line: fact(line, "n_insertions")),
            *(_by_third(lines, number) for number in range(len(PLACES))),
        ]


def _texts_by_third(passage: Passage) -> list[str]:
    """What is said in each third: a recording belongs where its middle lies."""
    parts: dict[str, list[str]] = {place: [] for place in PLACES}
    for piece in passage.pieces:
        middle_s = piece.start_s + piece.duration_s / 2
        parts[place_of(middle_s, length_s=passage.duration_s)].append(str(piece.entry.text))
    return [" ".join(texts) for texts in parts.values()]


def _facts(parts: Sequence[EditCounts]) -> dict[str, Any]:
    return {
        "n_errors": sum(part.edits for part in parts),
        "n_words": sum(part.n_reference for part in parts),
        "n_insertions": sum(part.insertions for part in parts),
        "n_deletions": sum(part.deletions for part in parts),
        "n_substitutions": sum(part.substitutions for part in parts),
        "errors_by_third": [part.edits for part in parts],
        "words_by_third": [part.n_reference for part in parts],
    }


def _length(line: JournalLine) -> float:
    return float(line.truth["length_s"])


def _by_third(lines: Sequence[JournalLine], number: int) -> Measure:
    def of(name: str) -> Any:
        return lambda line: None if (values := fact(line, name)) is None else values[number]

    return ratio(
        lines,
        metric="word_error_rate_by_third",
        numerator=of("errors_by_third"),
        denominator=of("words_by_third"),
        group=PLACES[number],
    )
