"""Detectors whose raw numbers become log-likelihood ratios, and what a fit measures of them on rows that were held out.

Calibration is logistic regression on held-out rows [brummer2006-cllr]. On the same rows the fit measures what spoils
such detectors most often: the equal error rate with the clips as they are, without their leading silence (which in
several data sets alone gives spoofed speech away [muller2021-silence]), and over a telephone line.
"""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry, effects
from earnest.audio.silence import without_leading_silence
from earnest.audio.splits import clusters
from earnest.detectors._base import Detector
from earnest.detectors._labels import is_bona_fide
from earnest.errors import BadAudio, BadParameter
from earnest.metrics.detection import equal_error_rate
from earnest.metrics.intervals import percentile_interval

Floats = NDArray[np.float64]
Raw = Callable[[AudioClip], float]

CALL_S = 300.0
"""Length of the call that false alarms are counted for."""
N_FOLDS = 4
N_RESAMPLES = 500
LEAST_SCALE = 1e-6
"""Scale of a calibration where scores do not separate the held-out rows: the order stays, and every ratio is about 0."""


def calibration(*, bona_fide: Floats, spoof: Floats, n_steps: int = 100) -> tuple[float, float]:
    """Scale and offset that turn scores into natural log-likelihood ratios: logistic regression, both classes weighing alike.

    Targets are Platt's, drawn in from 0 and 1, so that classes that part perfectly do not give an infinite scale. A scale
    below 0 (scores that point the wrong way) is kept: it is what was found.
    """
    scores = np.concatenate([bona_fide, spoof])
    n, m = len(bona_fide), len(spoof)
    targets = np.concatenate([np.full(n, (n + 1) / (n + 2)), np.full(m, 1 / (m + 2))])
    weights = np.concatenate([np.full(n, 0.5 / n), np.full(m, 0.5 / m)])
    centre, spread = float(scores.mean()), max(float(scores.std()), 1e-12)
    design = np.stack([(scores - centre) / spread, np.ones_like(scores)], axis=1)
    found = np.zeros(2)
    for _ in range(n_steps):  # Newton's method on a convex loss; the ridge keeps the step finite
        chance = expit(design @ found)
        slope = design.T @ (weights * (chance - targets))
        curve = (design * (weights * chance * (1 - chance))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return float(found[0] / spread), float(found[1] - found[0] * centre / spread)


def folds(rows: Sequence[Entry], rng: np.random.Generator, *, n_folds: int = N_FOLDS) -> dict[str, int]:
    """The fold of each row: whole clusters of speaker and text, the largest first, each to the smallest fold.

    Where texts tie more rows together than a fold should hold, speakers alone make the clusters: a fold with all of what
    one kind of spoof says tells of a detector that has never heard that kind.
    """
    found = clusters(rows)
    if max(Counter(found[entry.id] for entry in rows).values()) > 1.2 * len(rows) / n_folds:
        found = clusters(rows, columns=("speaker",))
    groups: dict[int, list[str]] = {}
    for entry in rows:
        groups.setdefault(found[entry.id], []).append(entry.id)
    ordered = [list(groups.values())[place] for place in rng.permutation(len(groups))]
    sizes = [0] * min(n_folds, len(groups))
    placed: dict[str, int] = {}
    for group in sorted(ordered, key=len, reverse=True):
        smallest = sizes.index(min(sizes))
        sizes[smallest] += len(group)
        placed |= dict.fromkeys(group, smallest)
    return placed


def over_telephone(clip: AudioClip) -> AudioClip:
    """The clip over a telephone line with mu-law coding, at its own rate."""
    return clip.with_samples(effects.telephone(clip.samples, clip.sample_rate)[0])


CHECKS: dict[str, Callable[[AudioClip], AudioClip]] = {
    "without_leading_silence": without_leading_silence,
    "telephone": over_telephone,
}
"""What is done to held-out clips beside scoring them as they are."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Rows that what scores them has not learnt from.

    Parameters
    ----------
    rows : sequence of Entry
    raw : callable
        From a clip to a raw score.
    """

    rows: Sequence[Entry]
    raw: Raw


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The straight line from raw scores to log-likelihood ratios, and what was measured beside it.

    Parameters
    ----------
    line : float64 array, shape (2,)
        Scale and offset.
    checks : dict
        JSON values, as a card has them.
    """

    line: Floats
    checks: dict[str, Any]


def fitted_line(held: Sequence[Held], *, rng: np.random.Generator, window_s: float | None, checked: bool) -> Fitted:
    """Calibration on held-out rows, and the checks on the same rows.

    Raises
    ------
    BadParameter
        If fewer than two rows of a side could be scored.
    """
    plain = _scores(held, None)
    if min(plain.n_bona_fide, plain.n_spoof) < 2:
        raise BadParameter(
            f"calibration needs two scored rows of each side at least, got {plain.n_bona_fide} bona fide and "
            f"{plain.n_spoof} spoofed ({plain.n_unscored} could not be scored); give more rows"
        )
    line = np.array(calibration(bona_fide=plain.values[plain.bona_fide == 1], spoof=plain.values[plain.bona_fide == 0]))
    silent = bool(line[0] <= 0)
    if (
        silent
    ):  # higher scores mean bona fide by construction: where they do not, ratios near 0 say that they tell nothing
        line = np.array([LEAST_SCALE, 0.0])
    checks = {"as_it_is": plain.measured(rng)}
    if checked:
        checks |= {name: _scores(held, change).measured(rng) for name, change in CHECKS.items()}
    ours = plain.bona_fide == 1
    alarms = plain.values[ours] * line[0] + line[1] <= 0
    window = window_s or float(np.mean(plain.seconds[ours]))
    about: dict[str, Any] = {
        **checks,
        "false_alarm_rate": float(alarms.mean()),
        "n_false_alarms": int(alarms.sum()),
        "false_alarms_per_call": round(float(alarms.mean()) * CALL_S / window, 2),
        "decision_s": round(window, 3),
        "tells_nothing": silent,
    }
    return Fitted(line=line, checks=about)


@dataclass(frozen=True)
class _Scored:
    values: Floats
    bona_fide: NDArray[np.int64]
    seconds: Floats
    clusters: tuple[str, ...]
    n_unscored: int

    @property
    def n_bona_fide(self) -> int:
        return int(self.bona_fide.sum())

    @property
    def n_spoof(self) -> int:
        return len(self.bona_fide) - self.n_bona_fide

    def measured(self, rng: np.random.Generator) -> dict[str, Any]:
        """The equal error rate of the scores, with an interval by speaker, and how many there are."""
        counts = {"n_bona_fide": self.n_bona_fide, "n_spoof": self.n_spoof, "n_unscored": self.n_unscored}
        if not (self.n_bona_fide and self.n_spoof):
            return {"equal_error_rate": None, **counts}
        table = np.stack([self.values, self.bona_fide], axis=1)
        value, n_clusters = error_rate(table), len(set(self.clusters))
        low, high = error_rate_interval(table, clusters=self.clusters, rng=rng)
        return {"equal_error_rate": round(value, 4), "low": low, "high": high, "n_clusters": n_clusters, **counts}


def error_rate(table: Floats) -> float:
    """Equal error rate of rows of a score and of 1 for bona fide, 0 for spoofed; both must be there."""
    ours = table[:, 1] == 1
    return equal_error_rate(bona_fide=table[ours, 0], spoof=table[~ours, 0])


def error_rate_interval(
    table: Floats, *, clusters: Sequence[str], rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> tuple[float | None, float | None]:
    """95 % percentile interval of `error_rate` by draws of whole clusters; None and None where there is one alone.

    Draws that miss one side have no error rate and are left out, so that where one side is a single cluster (one voice of
    a synthesiser) the interval is that of the other side alone.
    """
    names, places = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return None, None
    inside = [np.flatnonzero(places == place) for place in range(len(names))]
    draws = []
    for _ in range(n_resamples):
        rows = table[np.concatenate([inside[place] for place in rng.integers(len(names), size=len(names))])]
        if 0 < rows[:, 1].sum() < len(rows):
            draws.append(error_rate(rows))
    if not draws:
        return None, None
    interval = percentile_interval(draws)
    return round(interval.low, 4), round(interval.high, 4)


def _scores(held: Sequence[Held], change: Callable[[AudioClip], AudioClip] | None) -> _Scored:
    found: list[tuple[float, int, float, str]] = []
    n_unscored = 0
    for part in held:
        for entry in part.rows:
            clip = entry.clip()
            try:
                value = part.raw(clip if change is None else change(clip))
            except BadAudio:
                n_unscored += 1
                continue
            found.append((value, int(bool(is_bona_fide(entry))), clip.duration_s, entry.speaker or entry.id))
    values, sides, seconds, names = zip(*found, strict=True) if found else ((), (), (), ())
    return _Scored(np.array(values), np.array(sides, dtype=np.int64), np.array(seconds), tuple(names), n_unscored)


@dataclass(frozen=True, kw_only=True)
class Calibrated(Detector):
    """Base of detectors with a raw score that a fitted straight line turns into a log-likelihood ratio.

    Parameters
    ----------
    checks : bool
        Whether a fit measures the error rate without leading silence and over a telephone line too; it then scores
        each held-out row three times.
    """

    free: ClassVar[frozenset[str]] = frozenset({"checks"})

    checks: bool = field(default=True)

    @property
    def calibrated(self) -> bool:
        return bool(self.artefact)

    @abc.abstractmethod
    def raw(self, clip: AudioClip) -> float:
        """The score before calibration, higher meaning more likely bona fide."""

    def score(self, clip: AudioClip) -> float:
        """The log-likelihood ratio of bona fide against spoofed speech; the raw score where nothing was fitted."""
        raw = self.raw(clip)
        if not self.artefact:
            return float(raw)
        scale, offset = np.asarray(self.fitted.arrays["calibration"], dtype=np.float64)
        return float(scale * raw + offset)

    def calibrated_artefact(
        self, held: Sequence[Held], arrays: dict[str, Any], *, rng: np.random.Generator, how: str, **about: Any
    ) -> Artefact:
        """The artefact of what was learnt, with the calibration and the checks on held-out rows."""
        line = fitted_line(held, rng=rng, window_s=self.window_s, checked=self.checks)
        return self.made({**arrays, "calibration": line.line}, calibrated_on=how, checks=line.checks, **about)
