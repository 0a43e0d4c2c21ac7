"""The interval of a pillar: the mean of several tasks' values, their clusters left out together.

Tasks of a pillar play the same recordings on purpose, so they are not independent: taken as if they were, a nominal 95 %
interval of six tasks covers as few as 67 % (`benchmarks/intervals.py`). Clusters of one name (a text, a speaker) are therefore the same cluster in every task, and the
jackknife leaves one out of all tasks at once (`earnest.metrics.clusters.joined`).

What a finding does not carry
-----------------------------
- What a task's own interval is wider than its clusters make it (a judge's confusion, a rule of its own) is added over the
  tasks as if all erred alike, and then to the rest in quadrature.
- A task without sums, beside others that have them, is added as if it erred with these: the half-widths are summed.
- Findings from a file have no sums at all. They are taken as independent, by the method of variance estimates recovery
  [zou2008-limits], which is too narrow where tasks share clusters; `how` says so.
- Clusters of different kinds are different clusters: where one task is clustered by text and another by speaker, what
  they share through the same recordings is not covered. Nor is what two speakers of one text share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from earnest.metrics.clusters import Jackknife, jackknife_interval, joined
from earnest.metrics.intervals import CONFIDENCE
from earnest.results.cells import SHARES
from earnest.results.finding import Finding

Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

SAME = 1e-9
"""Up to so much sums and value of a finding may differ and still be of one measure."""


@dataclass(frozen=True, kw_only=True)
class Combined:
    """The mean of several findings' values with its interval, and how that was made.

    `low` and `high` are None where a finding has no interval, `value` too where there is no finding.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    how: str = ""


@dataclass(frozen=True)
class _Known:
    """A finding with value, ends, and the jackknife of its sums, if it has any that make its value."""

    value: float
    low: float
    high: float
    clusters: tuple[str, ...] = ()
    jackknife: Jackknife | None = None

    @classmethod
    def of(cls, finding: Finding) -> _Known:
        assert finding.value is not None and finding.low is not None and finding.high is not None
        ends, sums = (finding.value, finding.low, finding.high), finding.sums
        if sums is None or sums.value is None or not math.isclose(sums.value, finding.value, rel_tol=0, abs_tol=SAME):
            return cls(*ends)
        return cls(*ends, clusters=sums.clusters, jackknife=sums.jackknife(bounds=SHARES))

    @property
    def reach(self) -> tuple[float, float]:
        """How far its interval lies below and above."""
        return max(0.0, self.value - self.low), max(0.0, self.high - self.value)

    @property
    def excess(self) -> tuple[float, float]:
        """By how much, in quadrature, its interval is wider to either side than its clusters alone make it."""
        assert self.jackknife is not None
        alone = jackknife_interval(self.value, self.jackknife, bounds=SHARES)
        assert alone is not None
        inner = self.value - alone.low, alone.high - self.value
        below, above = (math.sqrt(max(0.0, a * a - b * b)) for a, b in zip(self.reach, inner, strict=True))
        return below, above


def combine(findings: Sequence[Finding]) -> Combined:
    """The unweighted mean of the findings' values, which must be there, with its interval within [0, 1]."""
    if not findings:
        return Combined()
    value = math.fsum(finding.value for finding in findings if finding.value is not None) / len(findings)
    if any(finding.low is None or finding.high is None for finding in findings):
        return Combined(value=value, how="none: a task has no interval")
    if len(findings) == 1:
        return Combined(value=value, low=findings[0].low, high=findings[0].high, how=findings[0].interval)
    known = [_Known.of(finding) for finding in findings]
    together = [one for one in known if one.jackknife is not None]
    apart = [one for one in known if one.jackknife is None]
    below, above, how = _of_joint(together, apart) if together else _of_independent(apart)
    return Combined(value=value, low=max(0.0, value - below), high=min(1.0, value + above), how=how)


def _of_independent(apart: Sequence[_Known]) -> tuple[float, float, str]:
    below, above = (math.sqrt(math.fsum(end * end for end in ends)) / len(apart) for ends in _sides(apart))
    return below, above, f"made of the intervals of {len(apart)} tasks, taken as independent"


def _sides(parts: Sequence[_Known]) -> tuple[list[float], list[float]]:
    return [one.reach[0] for one in parts], [one.reach[1] for one in parts]


def _of_joint(together: Sequence[_Known], apart: Sequence[_Known]) -> tuple[float, float, str]:
    """How far the interval of the mean lies below and above its value, and how it was made."""
    n = len(together) + len(apart)
    inner = _joint(together)
    extra = [math.fsum(one.excess[side] for one in together) / n for side in (0, 1)]
    added = [math.fsum(ends) / n for ends in _sides(apart)]
    share = len(together) / n
    below, above = (math.hypot(share * inner[side], extra[side]) + added[side] for side in (0, 1))
    n_clusters = len({name for one in together for name in one.clusters})
    words = [
        f"Wilson's for the effective number of items, jackknife over the {n_clusters:,} clusters of {len(together)} tasks"
    ]
    if max(extra) > SAME:
        words.append("what other errors add to tasks' own intervals taken as if all erred alike")
    if apart:
        words.append(f"{len(apart)} of {n} tasks without clusters added as if they erred with these")
    return below, above, "; ".join(words)


def _joint(together: Sequence[_Known]) -> tuple[float, float]:
    """How far the interval of the mean of these, clusters left out of all at once, lies below and above."""
    weight = 1 / len(together)
    value = math.fsum(one.value for one in together) * weight
    made = joined([(one.clusters, one.jackknife.scaled(weight)) for one in together if one.jackknife is not None])
    found = jackknife_interval(value, made, bounds=SHARES)
    assert found is not None
    below, above = value - found.low, found.high - value
    resampled = 2 * Z * made.error * (1 - 1 / made.n_clusters)  # the width that drawing clusters would give
    widening = max(1.0, resampled / (below + above))  # Wilson's draws in a little where rates are middling
    return widening * below, widening * above
