"""Whether judges agree: Cohen's kappa for every two judges that labelled the same answers.

Kappa is the agreement beyond chance, 1 where all labels are equal, 0 where chance would do as well [cohen1960-kappa].
It has no value where both judges gave one label alone throughout. Judges that disagree bound what a score can mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.finding import Finding
from earnest.results.measures import Measure, resampled_value
from earnest.results.naming import Place


def agreement(plan: Plan, lines: Sequence[JournalLine]) -> list[Finding]:
    """A finding for every task of which two judges labelled answers, arms taken together."""
    findings = []
    for task in plan.tasks:
        judged = [line for line in lines if line.task == task.name and line.kind == "item" and len(labels(line)) > 1]
        names = sorted({name for line in judged for name in labels(line)})
        place = Place(plan, task.pillar, task.name, Arm())
        for pair in itertools.combinations(names, 2):
            both = [line for line in judged if set(pair) <= set(labels(line))]
            if both:
                findings.append(place.finding(kappa(both, judges=pair)))
    return findings


def labels(line: JournalLine) -> dict[str, str]:
    """Label by judge; judges that gave none are left out."""
    given = {name: _label(said) for name, said in (line.judges or {}).items()}
    return {name: label for name, label in given.items() if label is not None}


def kappa(lines: Sequence[JournalLine], *, judges: tuple[str, str]) -> Measure:
    """Cohen's kappa of two judges over `lines`, each of which both labelled, resampled by cluster."""
    given = [(labels(line)[judges[0]], labels(line)[judges[1]]) for line in lines]
    places = {name: place for place, name in enumerate(sorted({label for two in given for label in two}))}
    clusters = {name: place for place, name in enumerate(dict.fromkeys(line.cluster or line.sample for line in lines))}
    counts = np.zeros((len(clusters), len(places), len(places)))
    for line, (first, second) in zip(lines, given, strict=True):
        counts[clusters[line.cluster or line.sample], places[first], places[second]] += 1
    value, low, high, how = resampled_value(counts, _kappa, seed="judge_agreement_kappa", bounds=(-1.0, 1.0))
    same = sum(first == second for first, second in given)
    return Measure(
        metric="judge_agreement_kappa",
        value=value,
        low=low,
        high=high,
        n_scored=len(lines),
        n_unscored=0,
        higher_is_better=True,
        unit="kappa",
        baseline=0.0,
        interval=how,
        note=f"{judges[0]} and {judges[1]} gave the same label to {same} of {len(lines)} answers",
        group=f"{judges[0]} and {judges[1]}",
    )


def _label(said: object) -> str | None:
    if isinstance(said, dict):
        said = said.get("label")
    return said if isinstance(said, str) and said else None


def _kappa(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of confusion counts, shape (..., n_labels, n_labels); nan where chance alone would agree always."""
    total = counts.sum(axis=(-2, -1))
    observed = np.trace(counts, axis1=-2, axis2=-1) / total
    chance = np.sum(counts.sum(axis=-1) * counts.sum(axis=-2), axis=-1) / total**2
    return np.divide(observed - chance, 1 - chance, out=np.full(np.shape(total), np.nan), where=chance < 1 - 1e-12)
