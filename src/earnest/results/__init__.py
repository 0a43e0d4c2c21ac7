"""From a run folder to findings: numbers with their count, interval, direction and unit. Never back."""

from earnest.results.finding import Finding, ThreatModel
from earnest.results.measures import (
    Measure,
    balanced,
    by_group,
    curve,
    difference,
    mean,
    rate,
    ratio,
    unscored_gap,
    worst_gap,
)
from earnest.results.reading import help_errors, refusal_errors

__all__ = [
    "Finding",
    "Measure",
    "ThreatModel",
    "balanced",
    "by_group",
    "curve",
    "difference",
    "help_errors",
    "mean",
    "rate",
    "ratio",
    "refusal_errors",
    "unscored_gap",
    "worst_gap",
]
