"""Sequential decisions: Page's cumulative sum over a detector's scores, with a stated rate of false alarms per call.

Scores of benign audio are taken as normal with a mean and a deviation. Standardised towards the harmful mean, a score z
adds z - k to the sum, where k is half the distance of the means in deviations; the sum never falls below 0, and an alarm
starts it again. The threshold follows from the average run length between false alarms, the solution of Page's integral
equation [page1954-inspection], so that a call of benign audio has the stated number of false alarms on average.

Neighbouring windows resemble each other: `correlation` is that of one window with the next. Above 0, the scores are an
autoregression of first order. The threshold that a fifth of the calls exceeds is then taken from simulated calls, and
from there the rate falls by exp(-2 k threshold / v), with the long-run variance v = (1 + correlation) / (1 - correlation).
Windows that overlap, because suspicion shortened the hop, count by the share of the usual hop that they advance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.special import ndtr

CALL_S = 300.0
N_NODES = 96
_HIGHEST = 400.0
_SIMULATED = 0.2
"""False alarms per call at which correlated scores are simulated; rarer ones follow from the tail."""


class Cusum(BaseModel):
    """What is known of the scores, and how many false alarms a benign call may have on average."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benign_mean: float = Field(allow_inf_nan=False)
    harmful_mean: float = Field(allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)
    false_alarms_per_call: float = Field(gt=0, le=10)
    correlation: float = Field(default=0.0, ge=0, lt=0.95)

    @model_validator(mode="after")
    def _apart(self) -> Cusum:
        if abs(self.harmful_mean - self.benign_mean) < 0.05 * self.deviation:
            raise ValueError(
                "harmful_mean and benign_mean are the same within a twentieth of the deviation; no rule separates them"
            )
        return self

    @property
    def reference(self) -> float:
        """Half the distance of the means, in deviations: what every score has to exceed to add to the sum."""
        return abs(self.harmful_mean - self.benign_mean) / self.deviation / 2

    def step(self, score: float) -> float:
        """What a score adds to the sum."""
        sign = 1.0 if self.harmful_mean > self.benign_mean else -1.0
        return sign * (score - self.benign_mean) / self.deviation - self.reference

    def threshold(self, hop_s: float) -> float:
        """The sum that is an alarm, where scores come every `hop_s` seconds."""
        n_windows = max(1, round(CALL_S / hop_s))
        if self.correlation:
            return _correlated_threshold(n_windows, self.false_alarms_per_call, self.reference, self.correlation)
        return threshold_of(max(n_windows / self.false_alarms_per_call, 1.5), self.reference)


def average_run_length(threshold: float, reference: float) -> float:
    """Mean number of independent standard normal scores until the sum of score - reference, kept above 0, exceeds the threshold.

    Solved at Gauss-Legendre nodes: L(u) = 1 + L(0) P(u + X <= 0) + integral over (0, threshold) of L(y) p(y - u) dy.
    """
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    nodes, weights = (nodes + 1) * threshold / 2, weights * threshold / 2
    starts = np.append(nodes, 0.0)
    kernel = np.exp(-0.5 * (nodes[None] - starts[:, None] + reference) ** 2) / math.sqrt(2 * math.pi) * weights
    to_zero = ndtr(reference - starts)
    system = np.eye(N_NODES + 1) - np.column_stack([kernel, to_zero])
    return float(np.linalg.solve(system, np.ones(N_NODES + 1))[-1])


@lru_cache(256)
def threshold_of(run_length: float, reference: float) -> float:
    """The threshold at which the average run length is `run_length`, by bisection."""
    low, high = 0.0, 1.0
    while average_run_length(high, reference) < run_length and high < _HIGHEST:
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        if average_run_length(middle, reference) < run_length:
            low = middle
        else:
            high = middle
    return high


@lru_cache(256)
def _correlated_threshold(n_windows: int, alarms: float, reference: float, correlation: float) -> float:
    n_calls = max(4000, min(40_000, 4_000_000 // n_windows))
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(n_calls, dtype=np.float32)
    sums, highest = np.zeros(n_calls, np.float32), np.zeros(n_calls, np.float32)
    fresh = np.float32(math.sqrt(1 - correlation**2))
    for _ in range(n_windows):
        sums = np.maximum(sums + scores - np.float32(reference), 0)
        np.maximum(highest, sums, out=highest)
        scores = np.float32(correlation) * scores + fresh * rng.standard_normal(n_calls, dtype=np.float32)
    simulated = max(alarms, _SIMULATED)
    threshold = float(np.quantile(highest, math.exp(-simulated)))  # calls without an alarm, of Poisson many
    decay = 2 * reference * (1 - correlation) / (1 + correlation)
    return threshold + math.log(simulated / alarms) / decay


def fitted(benign: Sequence[Sequence[float]], harmful: Sequence[float], *, false_alarms_per_call: float) -> Cusum:
    """The parameters from scores: those of benign calls, each in order of time, and of harmful audio."""
    calls = [np.asarray(call, dtype=float) for call in benign if len(call)]
    every = np.concatenate(calls)
    mean, deviation = float(every.mean()), float(every.std(ddof=1))
    pairs = [(call[:-1] - mean, call[1:] - mean) for call in calls if len(call) > 1]
    products = np.concatenate([one * other for one, other in pairs]) if pairs else np.zeros(1)
    correlation = float(np.clip(products.mean() / deviation**2, 0.0, 0.94))
    values: dict[str, Any] = {"benign_mean": mean, "harmful_mean": float(np.mean(harmful)), "deviation": deviation}
    return Cusum(**values, correlation=correlation, false_alarms_per_call=false_alarms_per_call)
