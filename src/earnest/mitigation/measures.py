"""How groups fare: a measure by group with intervals over speakers, the gap, and what a change of it is worth.

Conventions
-----------
- A measure is a sum over rows divided by another: right decisions and decisions, word errors and words. Speakers are the
  clusters of all intervals, which are those of `earnest.metrics.clusters`.
- The gap is the largest value of a group less the smallest. Its interval holds for all pairs of groups at once. Pairs are
  tested by Student's t over speakers, and their p-values adjusted by Holm's procedure.
- A change of the gap is that of the same speakers before and after, so that what differs between speakers cancels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from earnest.errors import BadData
from earnest.metrics.clusters import (
    Bounds,
    Jackknife,
    gap_interval,
    jackknife_interval,
    jackknife_of,
    jackknife_of_ratios,
)
from earnest.metrics.transcription import edit_counts
from earnest.mitigation._base import CLASSES, WORDS, Floats, Frames, Rows, Scores
from earnest.mitigation._groups import holm, two_sided

Parts = tuple[Floats, Floats]
"""What each row adds above and below the bar."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of outputs.

    Parameters
    ----------
    words : str
    of : callable
        Of outputs and rows, `Parts`.
    gives : str
        The recipes that it is for.
    bounds : tuple of float or None
    higher_is_better : bool or None
        None where a rate is neither.
    """

    words: str
    of: Callable[[Any, Rows], Parts]
    gives: str
    bounds: Bounds | None
    higher_is_better: bool | None


def _right(outputs: Scores, rows: Rows) -> Parts:
    return outputs.decisions[np.arange(len(rows)), rows.labels], np.ones(len(rows))


def _rate(of_positive: bool | None) -> Callable[[Scores, Rows], Parts]:
    def rate(outputs: Scores, rows: Rows) -> Parts:
        favoured = outputs.decisions[:, rows.positive]
        good = rows.labels == rows.positive
        counted = np.ones(len(rows)) if of_positive is None else (good == of_positive).astype(np.float64)
        return favoured * counted, counted

    return rate


def _log_loss(outputs: Scores, rows: Rows) -> Parts:
    own = outputs.scores[np.arange(len(rows)), rows.labels]
    return -np.log(np.maximum(own, 1e-12)), np.ones(len(rows))


def _word_errors(outputs: Frames, rows: Rows) -> Parts:
    counts = [
        edit_counts(reference=text, hypothesis=heard) for text, heard in zip(rows.texts, outputs.texts(), strict=True)
    ]
    return np.array([float(one.edits) for one in counts]), np.array([float(one.n_reference) for one in counts])


MEASURES = {
    "accuracy": Measure(words="share of right decisions", of=_right, gives=CLASSES, bounds=(0, 1), higher_is_better=True),
    "true_positive_rate": Measure(words="favourable decisions where the label is", of=_rate(True), gives=CLASSES, bounds=(0, 1), higher_is_better=True),
    "false_positive_rate": Measure(words="favourable decisions where the label is not", of=_rate(False), gives=CLASSES, bounds=(0, 1), higher_is_better=False),
    "selection_rate": Measure(words="favourable decisions", of=_rate(None), gives=CLASSES, bounds=(0, 1), higher_is_better=None),
    "log_loss": Measure(words="log loss of the label, in nats", of=_log_loss, gives=CLASSES, bounds=(0, math.inf), higher_is_better=False),
    "word_error_rate": Measure(words="word error rate", of=_word_errors, gives=WORDS, bounds=(0, math.inf), higher_is_better=False),
}  # fmt: skip  # a table: one row a line
"""By name; the first of each kind is the one that is looked at where none is named."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number with its 95 % interval; ends are None where no interval can be given."""

    value: float
    low: float | None
    high: float | None

    @property
    def within_noise(self) -> bool:
        """Of a difference: whether its interval holds 0, or is not known."""
        return self.low is None or self.high is None or self.low <= 0 <= self.high


@dataclass(frozen=True, kw_only=True)
class OfGroup:
    """How one group fares: value, rows that count, and speakers among them."""

    group: str
    value: Value
    n: int
    n_speakers: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two groups compared; `p` is Holm-adjusted over all pairs, None where neither has any spread."""

    first: str
    second: str
    difference: float
    p: float | None


@dataclass(frozen=True, kw_only=True)
class Fairness:
    """How groups fare by one measure.

    Parameters
    ----------
    groups : tuple of OfGroup
    overall : Value
        Over all rows of all groups.
    gap : Value
        Largest less smallest; the interval holds for all pairs at once.
    worst, best : str
        Groups; of a rate that is neither good nor bad, those with the smallest and the largest value.
    pairs : tuple of Pair
    """

    groups: tuple[OfGroup, ...]
    overall: Value
    gap: Value
    worst: str
    best: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """What the speakers add to a measure of groups: `above` and `below`, shape (n_speakers, n_groups)."""

    above: Floats
    below: Floats
    n: Floats

    @staticmethod
    def of(parts: Parts, rows: Rows) -> Sums:
        """Sums of rows by speaker and group.

        Raises
        ------
        BadData
            If a group has nothing that counts, or one speaker only.
        """
        who = {name: k for k, name in enumerate(sorted(set(rows.speakers)))}
        place = np.array([who[name] for name in rows.speakers])
        above, below, n = (np.zeros((len(who), len(rows.names))) for _ in range(3))
        np.add.at(above, (place, rows.groups), parts[0])
        np.add.at(below, (place, rows.groups), parts[1])
        np.add.at(n, (place, rows.groups), (parts[1] > 0).astype(np.float64))
        few = [name for name, k in zip(rows.names, np.count_nonzero(below, axis=0), strict=True) if k < 2]
        if few:
            raise BadData(
                f"a group is measured on two speakers at least whose rows count, got fewer for {', '.join(few)}; "
                "give rows of more speakers, or leave the group out"
            )
        kept = below.any(axis=1)
        return Sums(above=above[kept], below=below[kept], n=n[kept])


def fairness(sums: Sums, measure: Measure, names: Sequence[str], *, rng: np.random.Generator) -> Fairness:
    """How groups fare, from the sums of the speakers."""
    made = jackknife_of_ratios(sums.above, sums.below, bounds=measure.bounds, weights=np.ones(len(names)))
    values = sums.above.sum(axis=0) / sums.below.sum(axis=0)
    top, bottom = int(values.argmax()), int(values.argmin())
    if top == bottom:
        top, bottom = 0, 1
    widest = gap_interval(
        values, made, high=top, low=bottom, bounds=measure.bounds, rng=rng,
        n_items=float(sums.n.sum() / np.count_nonzero(sums.n)),
    ).interval  # fmt: skip
    whole = jackknife_of_ratios(
        sums.above.sum(axis=1)[:, None], sums.below.sum(axis=1)[:, None], bounds=measure.bounds, weights=[1.0]
    )
    overall = float(sums.above.sum() / sums.below.sum())
    worst, best = (bottom, top) if measure.higher_is_better in (True, None) else (top, bottom)
    return Fairness(
        groups=tuple(
            OfGroup(
                group=name,
                value=_value(float(values[k]), made.part(k), measure.bounds),
                n=int(sums.n[:, k].sum()),
                n_speakers=int(np.count_nonzero(sums.below[:, k])),
            )
            for k, name in enumerate(names)
        ),
        overall=_value(overall, whole, measure.bounds),
        gap=Value(
            value=float(values[top] - values[bottom]),
            low=None if widest is None else widest.low,
            high=None if widest is None else widest.high,
        ),
        worst=names[worst],
        best=names[best],
        pairs=_pairs(values, made, names),
    )


def _value(value: float, made: Jackknife, bounds: Bounds | None) -> Value:
    found = jackknife_interval(value, made, bounds=bounds)
    return Value(value=value, low=None if found is None else found.low, high=None if found is None else found.high)


def _pairs(values: Floats, made: Jackknife, names: Sequence[str]) -> tuple[Pair, ...]:
    found: list[tuple[int, int, float | None]] = []
    for one, other in itertools.combinations(range(len(names)), 2):
        both = made.difference(one, other)
        difference = float(values[one] - values[other])
        if both.error < 1e-12:
            found.append((one, other, 1.0 if abs(difference) < 1e-12 else None))
        else:
            found.append((one, other, two_sided(difference / both.unbiased_error, both.dof)))
    adjusted = iter(holm([p for *_, p in found if p is not None]))
    return tuple(
        Pair(
            first=names[one],
            second=names[other],
            difference=float(values[one] - values[other]),
            p=None if p is None else next(adjusted),
        )
        for one, other, p in found
    )


def change(before: Sums, after: Sums, estimate: Callable[[Floats], Floats]) -> Value:
    """An estimate after less the same before, with its interval over the speakers of both.

    Parameters
    ----------
    estimate : callable
        Of values of groups and of all, shape (n, n_groups + 1), an array of shape (n,).
    """

    def of(totals: Floats) -> Floats:
        values = []
        for k in (0, 1):
            above, below = totals[:, k, 0], totals[:, k, 1]
            whole = [np.concatenate([each, each.sum(axis=1, keepdims=True)], axis=1) for each in (above, below)]
            with np.errstate(invalid="ignore", divide="ignore"):
                values.append(estimate(whole[0] / whole[1]))
        return values[1] - values[0]

    totals = np.stack([np.stack([each.above, each.below], axis=1) for each in (before, after)], axis=1)
    made = jackknife_of(totals, of)
    value = float(of(totals.sum(axis=0)[None])[0])
    if made.error < 1e-12:
        return (
            Value(value=value, low=value, high=value) if abs(value) < 1e-12 else Value(value=value, low=None, high=None)
        )
    found = jackknife_interval(value, made, bounds=None)
    return Value(value=value, low=None if found is None else found.low, high=None if found is None else found.high)


def gap_of(values: Floats) -> Floats:
    """Largest less smallest of the groups' values; the last column, that of all, is left out."""
    return np.ptp(values[:, :-1], axis=1)
