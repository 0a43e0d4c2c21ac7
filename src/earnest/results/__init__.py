"""From a run folder to findings: numbers with their count, interval, direction and unit. Never back."""

from earnest.results.finding import Finding, ThreatModel

__all__ = ["Finding", "ThreatModel"]
