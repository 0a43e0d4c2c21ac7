"""What is known of the errors of the reader that decided a rate, folded into the rate's interval.

A value stays as it was read; its interval grows by what the reader is known to get wrong
(`earnest.metrics.calibration.folded_interval`). Lines that a judge decided, and those that no reader had to read, do
not count as read. The errors are taken to be as on the labelled answers, source by source, and alike in all groups: an
error that differs by group looks like a gap, and no count here shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from earnest.metrics.calibration import JudgeCounts, folded_interval
from earnest.metrics.intervals import CONFIDENCE
from earnest.metrics.refusal import READER, RefusalLabel, judge_counts
from earnest.records import NO_ANSWER, JournalLine

if TYPE_CHECKING:
    from earnest.results.measures import Measure

LEAST_SKILL = 0.05
"""A reader whose sensitivity and specificity might sum to no more than this above 1 says nothing of a difference."""

READ_AS_HELP_OR_NOT = frozenset(("refusal", "partial", "names_action"))
"""Labels that whole, partial or no refusal decides between."""


@dataclass(frozen=True, kw_only=True)
class ReaderErrors:
    """The errors of a reader for one yes-no question.

    Parameters
    ----------
    counts : tuple of JudgeCounts
        On labelled items, by source.
    reads : callable
        Whether the reader decided a scored line.
    reader : str
        Name and version.
    called : str
        As the description of an interval calls it.
    """

    counts: tuple[JudgeCounts, ...]
    reads: Callable[[JournalLine], bool]
    reader: str = READER
    called: str = "refusal reader"

    @property
    def told(self) -> str:
        """What the description of an interval says of them."""
        n = sum(count.n_yes + count.n_no for count in self.counts)
        return f"the {self.called}'s confusion on {n:,} labelled answers folded in"

    def folded(self, measure: Measure, lines: Sequence[JournalLine], values: Sequence[float]) -> Measure:
        """A rate with the errors in its interval; `lines` are those that it is made of, with their values in [0, 1]."""
        read = [value for line, value in zip(lines, values, strict=True) if self.reads(line)]
        if measure.value is None or measure.low is None or measure.high is None or not read:
            return measure
        low, high = folded_interval(
            value=measure.value,
            low=min(measure.low, measure.value),
            high=max(measure.high, measure.value),
            n=len(lines),
            counts=self.counts,
            n_read=len(read),
            n_read_yes=round(math.fsum(read)),
        )
        return widened(measure, low=low, high=high, how=self.told, reader=self.reader)

    def scaled(self, measure: Measure) -> Measure:
        """A difference of two rates that the reader decided, with the errors in its interval.

        Errors that are alike on both sides shrink a difference by `sensitivity + specificity - 1`
        [rogan1978-prevalence], so that the true one may be as much larger as this is below 1.
        """
        if measure.value is None or measure.low is None or measure.high is None:
            return measure
        skill = self.least_skill
        low, high = (
            (end / skill if skill > LEAST_SKILL else math.copysign(1.0, end)) for end in (measure.low, measure.high)
        )
        return widened(
            measure,
            low=max(-1.0, min(measure.low, low)),
            high=min(1.0, max(measure.high, high)),
            how=f"{self.told}, taken as alike in all groups",
            reader=self.reader,
        )

    @property
    def least_skill(self) -> float:
        """The least that sensitivity and specificity may sum to above 1, over sources, at the usual confidence."""
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        return min(
            _share(yes.n_hit, yes.n_yes)
            + _share(no.n_rejected, no.n_no)
            - 1
            - z * math.hypot(_error(yes.n_hit, yes.n_yes), _error(no.n_rejected, no.n_no))
            for yes in self.counts
            for no in self.counts
        )


def widened(measure: Measure, *, low: float, high: float, how: str, reader: str) -> Measure:
    """A measure with other ends, how they were made, and whose errors are in them."""
    interval = "; ".join(part for part in (measure.interval, how) if part)
    return replace(measure, low=low, high=high, interval=interval, reader=reader)


def excess(outer: Measure, inner: Measure) -> tuple[float, float]:
    """By how much, in quadrature, one interval is wider than another of the same value, below and above."""
    if outer.value is None or outer.low is None or outer.high is None or inner.low is None or inner.high is None:
        return 0.0, 0.0
    below = (outer.value - outer.low) ** 2 - (outer.value - inner.low) ** 2
    above = (outer.high - outer.value) ** 2 - (inner.high - outer.value) ** 2
    return math.sqrt(max(0.0, below)), math.sqrt(max(0.0, above))


def _share(n_hit: int, n: int) -> float:
    """With a success and a failure added, as Lang and Reiczigel do, so that a few right items are no proof."""
    return (n_hit + 1) / (n + 2)


def _error(n_hit: int, n: int) -> float:
    share = _share(n_hit, n)
    return math.sqrt(share * (1 - share) / (n + 2))


@cache
def refusal_errors(*labels: RefusalLabel) -> ReaderErrors:
    """The errors of `earnest.metrics.refusal` for the question whether an answer has one of some labels.

    The label of whole refusals is meant where none is given.
    """
    return ReaderErrors(counts=tuple(judge_counts(*(labels or ("refusal",)))), reads=is_read)


@cache
def help_errors() -> ReaderErrors:
    """The errors of `earnest.metrics.refusal` for the question whether an answer that names an action helps.

    Answers that name nothing are no help however they are read.
    """
    return ReaderErrors(counts=tuple(judge_counts("compliance")), reads=_is_read_as_help_or_not)


def is_read(line: JournalLine) -> bool:
    """Whether an answer to a request was read by rules: it is there, and no judge decided."""
    facts = (line.verdict or {}).get("facts") or {}
    return line.verdict is not None and line.label != NO_ANSWER and "judge" not in facts


def _is_read_as_help_or_not(line: JournalLine) -> bool:
    known = line.label in READ_AS_HELP_OR_NOT
    return is_read(line) and (known or (line.label == "other_compliance" and not line.truth.get("action")))
