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

__all__ = [
    "Finding",
    "Measure",
    "ThreatModel",
    "balanced",
    "by_group",
    "curve",
    "difference",
    "mean",
    "rate",
    "ratio",
    "unscored_gap",
    "worst_gap",
]
