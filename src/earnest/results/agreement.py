"""Whether judges agree: for every two judges of one task, over the answers that both judged.

Of labels: the share of equal ones, and Cohen's kappa, the agreement beyond chance, 1 where all labels are equal, 0 where
chance would do as well [cohen1960-kappa]. It has no value where both judges gave one label alone throughout. Of numbers
on a scale: the share of equal ones, the mean absolute difference as a fraction of the scale, and Spearman's rank
correlation. Judges that disagree bound what a score can mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.finding import Finding
from earnest.results.measures import Measure, rate, resampled_value
from earnest.results.naming import Place

Floats = NDArray[np.float64]
Two = tuple[str, str]

MOST_RANKS = 40
"""Different numbers that ranks tell apart; where there are more, near ones are taken as equal."""


def agreement(plan: Plan, lines: Sequence[JournalLine]) -> list[Finding]:
    """The findings of every task of which two judges judged answers, arms taken together."""
    findings = []
    by_task: dict[str, list[JournalLine]] = {}
    for line in lines:
        if line.judges and line.kind == "item" and len(labels(line)) > 1:
            by_task.setdefault(line.task, []).append(line)
    for task in plan.tasks:
        judged = by_task.get(task.name, [])
        names = list(dict.fromkeys(name for line in judged for name in labels(line)))
        place = Place(plan, task.pillar, task.name, Arm())
        for pair in itertools.combinations(sorted(names), 2):
            both = [line for line in judged if set(pair) <= set(labels(line))]
            findings += [place.finding(measure) for measure in _measures(both, judges=pair)]
    return findings


def labels(line: JournalLine) -> dict[str, str]:
    """Label by judge; judges that gave none are left out."""
    given = {name: _label(said) for name, said in (line.judges or {}).items()}
    return {name: label for name, label in given.items() if label is not None}


def places(line: JournalLine) -> dict[str, float]:
    """Place on the scale, in [0, 1], by judge; empty where the question has no scale, or that line is an old one."""
    question = line.to_judge
    if question is None or question.scale is None:
        return {}
    low, high = question.scale
    values = {name: said.get("value") for name, said in (line.judges or {}).items() if isinstance(said, dict)}
    return {name: (value - low) / (high - low) for name, value in values.items() if value is not None}


def _measures(lines: Sequence[JournalLine], *, judges: Two) -> list[Measure]:
    numbers = [line for line in lines if set(judges) <= set(places(line))]
    named = [line for line in lines if not set(judges) <= set(places(line))]
    made = []
    if named:
        made += [kappa(named, judges=judges), same_label(named, judges=judges)]
    if numbers:
        made += [same_label(numbers, judges=judges, metric="judge_equal_scores")] if not named else []
        made += [difference(numbers, judges=judges), rank_correlation(numbers, judges=judges)]
    return made


def same_label(lines: Sequence[JournalLine], *, judges: Two, metric: str = "judge_agreement") -> Measure:
    """Share of the answers to which both judges gave the same label."""
    return rate(
        [_as_scored(line) for line in lines],
        metric=metric,
        group=_pair(judges),
        success=lambda line: labels(line)[judges[0]] == labels(line)[judges[1]],
    )


def difference(lines: Sequence[JournalLine], *, judges: Two) -> Measure:
    """Mean absolute difference of two judges' numbers, as a fraction of the scale."""
    scales = {tuple((line.question or {})["scale"]) for line in lines}
    note = "as a fraction of the scale"
    if len(scales) == 1:
        low, high = scales.pop()
        note += f" from {low:g} to {high:g}: times {high - low:g} for points"
    return rate(
        [_as_scored(line) for line in lines],
        metric="judge_score_distance",
        group=_pair(judges),
        note=note,
        success=lambda line: abs(places(line)[judges[0]] - places(line)[judges[1]]),
        higher_is_better=False,
    )


def rank_correlation(lines: Sequence[JournalLine], *, judges: Two) -> Measure:
    """Spearman's rank correlation of two judges' numbers, ties at their mean rank, resampled by cluster."""
    given = [(places(line)[judges[0]], places(line)[judges[1]]) for line in lines]
    if len({value for two in given for value in two}) > MOST_RANKS:
        given = [(round(a * MOST_RANKS), round(b * MOST_RANKS)) for a, b in given]
    return _crossed(
        lines,
        given,
        _spearman,
        judges=judges,
        metric="judge_rank_correlation",
        unit="correlation",
        note="Spearman's, over answers that both judged",
    )


def kappa(lines: Sequence[JournalLine], *, judges: Two) -> Measure:
    """Cohen's kappa of two judges over `lines`, each of which both labelled, resampled by cluster."""
    given = [(labels(line)[judges[0]], labels(line)[judges[1]]) for line in lines]
    same = sum(first == second for first, second in given)
    note = f"{judges[0]} and {judges[1]} gave the same label to {same} of {len(lines)} answers"
    return _crossed(lines, given, _kappa, judges=judges, metric="judge_agreement_kappa", unit="kappa", note=note)


def _crossed(
    lines: Sequence[JournalLine],
    given: Sequence[tuple[Hashable, Hashable]],
    estimate: Callable[[Floats], Floats],
    *,
    judges: Two,
    metric: str,
    unit: str,
    note: str,
) -> Measure:
    """An estimate made of the table of what two judges gave, cluster by cluster."""
    found = {name: place for place, name in enumerate(sorted({one for two in given for one in two}))}  # type: ignore[type-var]
    clusters = {name: place for place, name in enumerate(dict.fromkeys(_cluster(line) for line in lines))}
    counts = np.zeros((len(clusters), len(found), len(found)))
    for line, (first, second) in zip(lines, given, strict=True):
        counts[clusters[_cluster(line)], found[first], found[second]] += 1
    value, low, high, how = resampled_value(counts, estimate, seed=metric, bounds=(-1.0, 1.0))
    return Measure(
        metric=metric,
        value=value,
        low=low,
        high=high,
        n_scored=len(lines),
        n_unscored=0,
        higher_is_better=True,
        unit=unit,
        baseline=0.0,
        interval=how,
        note=note,
        group=_pair(judges),
    )


def _label(reply: object) -> str | None:
    if isinstance(reply, dict):
        reply = reply.get("label")
    return reply if isinstance(reply, str) and reply else None


def _pair(judges: Two) -> str:
    return f"{judges[0]} and {judges[1]}"


def _cluster(line: JournalLine) -> str:
    return line.cluster or line.sample


def _as_scored(line: JournalLine) -> JournalLine:
    """The line, taken as scored: both judges labelled it, even if the verdict was left open."""
    return line if line.status == "scored" else line.model_copy(update={"status": "scored", "reason": None})


def _kappa(counts: Floats) -> Floats:
    """Kappa of confusion counts, shape (..., n_labels, n_labels); nan where chance alone would agree always."""
    total = counts.sum(axis=(-2, -1))
    observed = np.trace(counts, axis1=-2, axis2=-1) / total
    chance = np.sum(counts.sum(axis=-1) * counts.sum(axis=-2), axis=-1) / total**2
    return np.divide(observed - chance, 1 - chance, out=np.full(np.shape(total), np.nan), where=chance < 1 - 1e-12)


def _spearman(counts: Floats) -> Floats:
    """Rank correlation of counts over sorted values, shape (..., n, n); nan where a side has one value only."""
    sides = [counts.sum(axis=-1), counts.sum(axis=-2)]
    ranks = [np.cumsum(side, axis=-1) - side / 2 for side in sides]  # mean ranks, less one half
    total = counts.sum(axis=(-2, -1))
    centred = [rank - total[..., None] / 2 for rank in ranks]
    above = np.einsum("...ij,...i,...j->...", counts, *centred)
    below = np.sqrt(
        np.prod([np.sum(side * rank**2, axis=-1) for side, rank in zip(sides, centred, strict=True)], axis=0)
    )
    return np.divide(above, below, out=np.full(np.shape(total), np.nan), where=below > 1e-9)
