"""How well numbers tell two classes apart: equal error rate, detection costs, points of the DET curve, tandem costs.

The formulas are those of `earnest.metrics.detection`, over the `value` of lines: higher means more likely bona fide (the
class that is to be accepted). Intervals are of whole clusters drawn with replacement, as in `earnest.results.measures`; where
there are few clusters, the jackknife's. For them scores are put into at most 1,024 bins of equal mass; values are exact.

A line without a score is left out of the value. In the worst case it lies where it does most harm, and in the best where it
does least: a bona fide trial below or above all others, a spoofed one above or below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.metrics import detection
from earnest.records import JournalLine
from earnest.results.finding import unscored_by_reason
from earnest.results.measures import Measure, resampled_value

Floats = NDArray[np.float64]
Side = Callable[[JournalLine], bool | None]
"""Of a line, scored or not: whether it is bona fide; None where it takes no part."""

N_BINS = 1024
FALSE_ALARMS = (0.01, 0.05, 0.1, 0.2)
"""Shares of spoofs let through at which the DET curve is told."""


@dataclass(frozen=True)
class Trials:
    """The scored lines of both classes, and those without a score.

    Parameters
    ----------
    scores : float64 array, shape (n_trials,)
    bona_fide : bool array, shape (n_trials,)
    clusters : tuple of str
    lost : tuple of JournalLine
        Without a score.
    lost_sides : tuple of bool
        Which of them are bona fide.
    """

    scores: Floats
    bona_fide: NDArray[np.bool_]
    clusters: tuple[str, ...]
    lost: tuple[JournalLine, ...]
    lost_sides: tuple[bool, ...]

    @property
    def both(self) -> bool:
        """Whether each class has a scored trial."""
        return bool(self.bona_fide.any() and not self.bona_fide.all())

    def of(self, metric: Callable[..., float]) -> float | None:
        """A metric of the scores of both classes; None where one has none."""
        return (
            float(metric(bona_fide=self.scores[self.bona_fide], spoof=self.scores[~self.bona_fide]))
            if self.both
            else None
        )

    def with_lost(self, *, best: bool) -> Trials:
        """As if each lost line had the score that does least harm, or most."""
        ends = np.array([1.0 if side is best else -1.0 for side in self.lost_sides])
        reach = 1 + (float(np.abs(self.scores).max()) if self.scores.size else 0.0)
        return Trials(
            np.concatenate([self.scores, reach * ends]),
            np.concatenate([self.bona_fide, np.array(self.lost_sides, dtype=bool)]),
            (*self.clusters, *(line.cluster or line.sample for line in self.lost)),
            (),
            (),
        )


def trials(lines: Sequence[JournalLine], side: Side) -> Trials:
    """The trials among lines of one arm; canaries and lines of neither class are left out."""
    told = [(line, truly) for line in lines if line.kind == "item" and (truly := side(line)) is not None]
    held = [(line, truly) for line, truly in told if line.status == "scored" and line.value is not None]
    lost = [(line, truly) for line, truly in told if line.status != "scored" or line.value is None]
    return Trials(
        np.array([line.value for line, _ in held], dtype=np.float64),
        np.array([truly for _, truly in held], dtype=bool),
        tuple(line.cluster or line.sample for line, _ in held),
        tuple(line for line, _ in lost),
        tuple(truly for _, truly in lost),
    )


def detection_measures(
    lines: Sequence[JournalLine], *, side: Side, kind: Callable[[JournalLine], str], calibrated: bool
) -> list[Measure]:
    """The measures of a detector in one arm, the headline first.

    Parameters
    ----------
    side : callable
        Whether a line is bona fide; None where it takes no part.
    kind : callable
        Of a spoofed line, how it was made: the error rate is told for each kind against all bona fide trials.
    calibrated : bool
        Whether scores are log-likelihood ratios: then the costs at their own threshold mean something.
    """
    whole = trials(lines, side)
    error = equal_error(whole, metric="equal_error_rate")
    found = [accuracy_at_equal_error(error), error, cost(whole, detection.min_dcf, metric="min_dcf", most=1.0)]
    if calibrated:
        found += [
            cost(whole, detection.act_dcf, metric="act_dcf"),
            cost(whole, detection.cllr_bits, metric="cllr", unit="bits"),
        ]
    found += det_points(whole)
    kinds = sorted({kind(line) for line in lines if line.kind == "item" and side(line) is False})
    if len(kinds) > 1:
        found += [
            equal_error(
                trials(lines, lambda line, k=one: side(line) if side(line) is not False or kind(line) == k else None),
                metric="equal_error_rate_by_kind",
                group=one,
            )
            for one in kinds
        ]
    return found


def equal_error(trials: Trials, *, metric: str, group: str | None = None) -> Measure:
    """The equal error rate, a fraction; 0.5 is chance."""
    value = trials.of(detection.equal_error_rate)
    ends = [_bounded(trials.with_lost(best=side), detection.equal_error_rate, value) for side in (False, True)]
    known = [end for end in (*ends, value) if end is not None]
    best, worst = (min(known), max(known)) if known else (None, None)
    return _measure(
        trials,
        value,
        _equal_error_of,
        metric=metric,
        group=group,
        unit="fraction",
        bounds=(0.0, 1.0),
        baseline=0.5,
        worst_low=best,
        worst_high=worst,
        note="at the threshold where misses and false alarms are equal, chosen on these very scores",
    )


def accuracy_at_equal_error(error: Measure) -> Measure:
    """One less the equal error rate: the share of either class that is right where both are right alike."""

    def turned(number: float | None) -> float | None:
        return None if number is None else 1 - number

    return Measure(
        metric="accuracy_at_equal_error",
        value=turned(error.value),
        low=turned(error.high),
        high=turned(error.low),
        n_scored=error.n_scored,
        n_unscored=error.n_unscored,
        unscored=error.unscored,
        worst_low=turned(error.worst_high),
        worst_high=turned(error.worst_low),
        higher_is_better=True,
        unit="fraction",
        baseline=0.5,
        headline=True,
        interval=error.interval,
        note=f"1 less the equal error rate; {error.note}",
    )


def cost(
    trials: Trials,
    metric_of: Callable[..., float],
    *,
    metric: str,
    unit: str = "cost",
    most: float | None = None,
    level: float | None = None,
    note: str = "ASVspoof 5's prior and costs",
) -> Measure:
    """A detection cost with an interval by clusters; lower is better, and 1 is a detector that tells nothing."""
    value = trials.of(metric_of)
    bounds = (0.0, most) if most is not None else None

    def of(sums: Floats, edges: Floats) -> Floats:
        return np.apply_along_axis(
            lambda flat: _weighted(flat.reshape(2, -1), edges, metric_of), -1, sums.reshape(*sums.shape[:-2], -1)
        )

    return _measure(
        trials,
        value,
        of,
        metric=metric,
        unit=unit,
        bounds=bounds,
        baseline=1.0,
        n_bins=64,
        level=level,
        note=note,
    )


def det_points(trials: Trials) -> list[Measure]:
    """The DET curve at a few points: bona fide trials rejected where so many spoofs are let through, a fraction."""
    points = []
    for level in FALSE_ALARMS:
        value = _miss_at(trials, level) if trials.both else None

        def of(sums: Floats, edges: Floats, level: float = level) -> Floats:
            miss, alarm, known = _rates(sums)
            place = np.argmax(alarm <= level + 1e-12, axis=-1)
            return np.where(known, np.take_along_axis(miss, place[..., None], axis=-1)[..., 0], np.nan)

        points.append(
            _measure(
                trials,
                value,
                of,
                metric="miss_rate",
                unit="fraction",
                bounds=(0.0, 1.0),
                level=level,
                note=f"bona fide speech rejected where at most {level:.0%} of spoofs are let through",
            )
        )
    return points


def tandem_measures(
    lines: Sequence[JournalLine], *, side: Side, asv: Callable[[JournalLine], float | None], target: Side
) -> list[Measure]:
    """Detector and speaker verifier in tandem, where the data holds a verifier's score for each trial; else none.

    The verifier's threshold is where its own errors between targets and others are equal, as in ASVspoof. Without an
    interval: the published measures have none, and trials of one verifier share more than clusters.

    Parameters
    ----------
    asv : callable
        A line's verifier score, higher meaning more likely the target.
    target : callable
        Of a bona fide line, whether the speaker is the target.
    """
    told = [line for line in lines if line.kind == "item" and line.status == "scored" and line.value is not None]
    told = [line for line in told if side(line) is not None and asv(line) is not None]
    spoofs = [line for line in told if side(line) is False]
    people = [line for line in told if side(line)]
    targets, others = ([line for line in people if target(line) is truly] for truly in (True, False))
    if not (spoofs and targets and others):
        return []
    of_asv = {
        name: np.array([asv(line) for line in group], dtype=np.float64)
        for name, group in (("t", targets), ("n", others), ("s", spoofs))
    }
    curve = detection.det_curve(bona_fide=of_asv["t"], spoof=of_asv["n"])
    place = int(np.argmin(np.abs(curve.miss - curve.false_alarm)))
    rates = {"p_miss_asv": float(curve.miss[place]), "p_fa_asv": float(curve.false_alarm[place]),
             "p_fa_spoof_asv": float(np.mean(of_asv["s"] > curve.threshold[place]))}  # fmt: skip  # a table: one row a line
    scores = {"bona_fide": [line.value for line in targets], "spoof": [line.value for line in spoofs]}
    tandem = detection.tandem_equal_error_rate(
        asv_target=of_asv["t"],
        asv_nontarget=of_asv["n"],
        asv_spoof=of_asv["s"],
        cm_bona_fide=scores["bona_fide"],
        cm_spoof=scores["spoof"],
    )
    common = {
        "low": None,
        "high": None,
        "n_scored": len(told),
        "n_unscored": 0,
        "higher_is_better": False,
        "interval": "none: see the note",
    }
    note = f"in front of a verifier that misses {rates['p_miss_asv']:.3g} and lets {rates['p_fa_asv']:.3g} of others and {rates['p_fa_spoof_asv']:.3g} of spoofs in"
    return [
        Measure(
            metric="min_t_dcf",
            value=detection.min_t_dcf(**scores, **rates),
            unit="cost",
            baseline=1.0,
            note=note,
            **common,
        ),
        Measure(
            metric="tandem_equal_error_rate",
            value=tandem,
            unit="fraction",
            note="detector and verifier at their concurrent point",
            **common,
        ),
    ]


# ---------------------------------------------------------------- intervals


def _measure(
    trials: Trials,
    value: float | None,
    of: Callable[[Floats, Floats], Floats],
    *,
    metric: str,
    unit: str,
    bounds: tuple[float, float] | None,
    n_bins: int = N_BINS,
    baseline: float | None = None,
    group: str | None = None,
    level: float | None = None,
    note: str = "",
    worst_low: float | None = None,
    worst_high: float | None = None,
) -> Measure:
    """The measure, its interval by drawing whole clusters."""
    low = high = None
    how = ""
    if value is not None:
        totals, edges = _binned(trials, n_bins)
        _, low, high, how = resampled_value(totals, lambda sums: of(sums, edges), seed=metric, bounds=bounds)
        low, high = (None, None) if low is None or high is None else (min(low, value), max(high, value))
    return Measure(
        metric=metric,
        value=value,
        low=low,
        high=high,
        n_scored=int(trials.scores.size),
        n_unscored=len(trials.lost),
        unscored=unscored_by_reason(list(trials.lost)),
        worst_low=worst_low,
        worst_high=worst_high,
        higher_is_better=False,
        unit=unit,
        baseline=baseline,
        interval=how,
        note=note,
        group=group,
        level=level,
    )


def _bounded(trials: Trials, metric: Callable[..., float], value: float | None) -> float | None:
    return None if value is None else trials.of(metric)


def _binned(trials: Trials, n_bins: int) -> tuple[Floats, Floats]:
    """Trials of each cluster, class (bona fide first) and bin; and the highest score of each bin."""
    ordered = np.sort(trials.scores)
    edges = np.unique(ordered[np.linspace(0, ordered.size - 1, min(n_bins, ordered.size)).astype(np.int64)])
    names = {name: place for place, name in enumerate(dict.fromkeys(trials.clusters))}
    totals = np.zeros((len(names), 2, edges.size))
    rows = np.array([names[name] for name in trials.clusters])
    np.add.at(totals, (rows, (~trials.bona_fide).astype(np.int64), np.searchsorted(edges, trials.scores)), 1.0)
    return totals, edges


def _rates(sums: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Miss and false alarm rates above each edge, the first one accepting everything, and whether both classes are there."""
    size = sums.sum(axis=-1, keepdims=True)
    below = np.concatenate([np.zeros((*sums.shape[:-1], 1)), np.cumsum(sums, axis=-1)], axis=-1) / np.maximum(size, 1)
    return below[..., 0, :], 1 - below[..., 1, :], (size[..., 0] > 0).all(axis=-1)


def _equal_error_of(sums: Floats, edges: Floats) -> Floats:
    miss, alarm, known = _rates(sums)
    apart = np.abs(miss - alarm)
    near = apart <= apart.min(axis=-1, keepdims=True) + 1e-12
    both = np.where(near, miss + alarm, 0.0).sum(axis=-1) / near.sum(axis=-1) / 2
    return np.where(known, both, np.nan)


def _weighted(counts: Floats, edges: Floats, metric: Callable[..., float]) -> float:
    """A metric of binned trials; drawn counts are whole."""
    sides = [np.repeat(edges, np.rint(row).astype(np.int64)) for row in counts]
    return metric(bona_fide=sides[0], spoof=sides[1]) if all(side.size for side in sides) else math.nan


def _miss_at(trials: Trials, level: float) -> float:
    curve = detection.det_curve(bona_fide=trials.scores[trials.bona_fide], spoof=trials.scores[~trials.bona_fide])
    return float(curve.miss[np.argmax(curve.false_alarm <= level + 1e-12)])
