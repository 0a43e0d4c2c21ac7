"""Transcripts rated by a judge, beside the word errors that people's transcripts show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.metrics.correlation import correlation
from earnest.models.access import Answer, rng_for
from earnest.records import NO_ANSWER, Item, JournalLine, Outcome, Question, Verdict
from earnest.replies import read
from earnest.results import Measure, rate
from earnest.tasks._base import tasks
from earnest.tasks._conditions import CLEAN, Condition
from earnest.tasks._words import fact, label_of_other, n_errors, n_words, transcript_of
from earnest.tasks.robustness._degraded import DegradedTranscription, degraded
from earnest.tasks.robustness.noisy_transcription import in_noise

SCALE = (0.0, 10.0)


@tasks.register("rated_transcription")
@dataclass(frozen=True, kw_only=True)
class RatedTranscription(DegradedTranscription):
    """Whether a judge that rates transcripts agrees with the word error rate on which are good.

    Every chosen clip is heard clean and in white noise at 10 and 0 dB. The headline and the curves are those of word
    accuracy, with and without a judge, and follow from the words alone. Where a judge is given, it rates every
    transcript from 0 to 10, knowing what was said; beside the mean rating of the noisy clips then stands
    `judge_wer_rank_correlation`: Spearman's rank correlation, over all transcripts, of the rating with 1 - word error
    rate, clips of one text drawn together. A judge that is worth its calls comes near 1; one near 0 says nothing about
    what was heard. A rating that could not be read leaves its item unscored.

    Notes
    -----
    [li2025-audiotrust] rates robustness by a judge in two of its three experiments and by the word error rate in the
    third, and does not say whether they agree.
    """

    title: ClassVar[str] = "Does a judge's rating of transcripts follow the word errors?"
    version: ClassVar[int] = 3
    source: ClassVar[str] = "li2025-audiotrust"
    headline: ClassVar[str] = "word_accuracy_of_rated"
    subtask: ClassVar[str] = "robustness/noise_interference"
    conditions: ClassVar[tuple[Condition, ...]] = in_noise("white", 10.0, 0.0)

    n_voices: int = 2
    max_rows: int = 20

    def score(self, item: Item, answer: Answer) -> Outcome:
        outcome = super().score(item, answer)
        if not isinstance(outcome, Verdict) or outcome.label == NO_ANSWER:
            return outcome
        return Question(
            question=(
                "How much of what was said does the response render, from 0 (none of it) to 10 (all of it, nothing "
                "added)? Case, punctuation and spelling of numbers do not count."
            ),
            prompt=item.prompt,
            response=answer.said,
            truth=f'What was said: "{item.truth["text"]}"',
            reader="number",
            scale=SCALE,
            otherwise=outcome,
        )

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        counted = [_counted(line) for line in lines]
        rated = [line for line in counted if fact(line, "judge_value") is not None]
        if not rated:
            return super().measures(counted)
        rating = rate(rated, metric="judge_rating", success=_rating, among=degraded, note="0 to 10, as a share of 10")
        return [*super().measures(counted), rating, _agreement(rated)]


def _counted(line: JournalLine) -> JournalLine:
    """The line with its word errors counted, and with the accuracy as its score, whatever a judge made of it."""
    if line.verdict is None or line.label == NO_ANSWER:
        return line
    reply, text = line.answer or "", str(line.truth["text"])
    language = str(line.truth.get("language") or "")
    found = transcript_of(reply, text=text, language=language)
    other = label_of_other(read(reply).answer, text=text, language=language) if found.is_far else ""
    found = found.without_words() if other else found
    score = None if line.truth["degradation"] == CLEAN else found.accuracy
    facts = {**line.verdict["facts"], **found.facts}
    return line.model_copy(update={"verdict": {"score": score, "label": other or found.label, "facts": facts}})


def _rating(line: JournalLine) -> float:
    return float(fact(line, "judge_value")) / SCALE[1]


def _agreement(rated: Sequence[JournalLine]) -> Measure:
    """Rank correlation of ratings with 1 - word error rate, clusters resampled."""
    metric = "judge_wer_rank_correlation"
    found = correlation(
        first=[_rating(line) for line in rated],
        second=[1.0 - (n_errors(line) or 0.0) / max(1.0, n_words(line) or 0.0) for line in rated],
        clusters=[line.cluster or line.sample for line in rated],
        rng=rng_for(0, metric),
    )
    words = "Spearman's, of the rating with 1 - word error rate" + (f"; no value: {found.why}" if found.why else "")
    how = "" if found.low is None else f"cluster bootstrap over {found.n_clusters:,} clusters"
    return Measure(
        metric=metric,
        value=found.value,
        low=found.low,
        high=found.high,
        n_scored=found.n,
        n_unscored=0,
        higher_is_better=True,
        unit="correlation",
        baseline=0.0,
        interval=how,
        note=words,
    )
