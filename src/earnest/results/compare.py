"""Two runs beside each other, item by item where they share items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.build import by_task_and_arm
from earnest.results.finding import Finding
from earnest.results.pairs import paired


@dataclass(frozen=True, kw_only=True)
class Change:
    """A number of the second run minus that of the first.

    Parameters
    ----------
    id, pillar, task, metric : str
    first, second : float or None
        What either run has.
    value, low, high : float or None
        Second minus first, with a 95 % interval.
    n : int
        Pairs of items, or the smaller count of scored items where runs are not paired.
    n_unscored : int
        Pairs of which a side could not be scored; 0 where runs are not paired.
    higher_is_better : bool or None
    unit : str
    how : {"paired", "unpaired"}
        Item by item; or from the two intervals, runs taken as independent.
    verdict : {"better", "worse", "no difference shown", "different", "unknown"}
        By the interval.
    """

    id: str
    pillar: str
    task: str
    metric: str
    first: float | None
    second: float | None
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_unscored: int
    higher_is_better: bool | None
    unit: str
    how: Literal["paired", "unpaired"]
    verdict: str

    @property
    def name(self) -> str:
        """Task and metric, as words."""
        return f"{self.task.replace('_', ' ')}: {self.metric.replace('_', ' ')}"

    @property
    def where(self) -> str:
        """Pillar, and what else the id says: group, level, arm."""
        rest = self.id.removeprefix(f"{self.pillar}.{self.task}.{self.metric}")
        return f"{self.pillar} {rest}".strip()

    @property
    def shows(self) -> bool:
        """Whether the interval shows a difference."""
        return self.verdict in ("better", "worse", "different")

    def as_json(self) -> dict[str, Any]:
        """The change as JSON values."""
        return asdict(self)


def changes(
    first: Sequence[JournalLine],
    second: Sequence[JournalLine],
    *,
    first_findings: Sequence[Finding],
    second_findings: Sequence[Finding],
    plan: Plan,
) -> list[Change]:
    """What changed from the first run to the second: mean scores item by item, then every finding that both have.

    Parameters
    ----------
    plan : Plan
        The second run's.
    """
    before, after = by_task_and_arm(first), by_task_and_arm(second)
    found: list[Change] = []
    for task in plan.tasks:
        for arm in plan.by_arm:
            here, there = before.get((task.name, arm), []), after.get((task.name, arm), [])
            change = _paired(here, there, pillar=task.pillar, task=task.name, arm=arm)
            found += [change] if change else []
    mine = {finding.id: finding for finding in first_findings}
    found += [_unpaired(mine[finding.id], finding) for finding in second_findings if finding.id in mine]
    return found


def _paired(
    first: Sequence[JournalLine], second: Sequence[JournalLine], *, pillar: str, task: str, arm: Arm
) -> Change | None:
    asked_alike = {line.item: line.prompt_hash for line in first}
    again = [line for line in second if asked_alike.get(line.item) == line.prompt_hash]
    if not again:
        return None
    shared = {line.item for line in again}
    before = [line for line in first if line.item in shared]
    measure = paired(again, before, metric="score", higher_is_better=True, key=lambda line: line.item)
    return Change(
        id=f"{pillar}.{task}.score{arm.suffix}",
        pillar=pillar,
        task=task,
        metric="score",
        first=_mean(before, again),
        second=_mean(again, before),
        value=measure.value,
        low=measure.low,
        high=measure.high,
        n=measure.n_scored,
        n_unscored=measure.n_unscored,
        higher_is_better=True,
        unit="fraction",
        how="paired",
        verdict=verdict(measure.low, measure.high, higher_is_better=True),
    )


def _unpaired(first: Finding, second: Finding) -> Change:
    value = None if first.value is None or second.value is None else second.value - first.value
    low, high = _independent(first, second)
    return Change(
        id=second.id,
        pillar=second.pillar,
        task=second.task,
        metric=second.metric,
        first=first.value,
        second=second.value,
        value=value,
        low=low,
        high=high,
        n=min(first.n_scored, second.n_scored),
        n_unscored=0,
        higher_is_better=second.higher_is_better,
        unit=second.unit,
        how="unpaired",
        verdict=verdict(low, high, higher_is_better=second.higher_is_better),
    )


def _independent(first: Finding, second: Finding) -> tuple[float | None, float | None]:
    """Interval of the second minus the first by the method of variance estimates recovery (Zou and Donner 2008)."""
    ends = (first.value, first.low, first.high, second.value, second.low, second.high)
    if any(end is None for end in ends):
        return None, None
    value_a, low_a, high_a, value_b, low_b, high_b = (float(end) for end in ends if end is not None)
    gap = value_b - value_a
    return gap - math.hypot(value_b - low_b, high_a - value_a), gap + math.hypot(high_b - value_b, value_a - low_a)


def verdict(low: float | None, high: float | None, *, higher_is_better: bool | None) -> str:
    """What an interval of a difference shows."""
    if low is None or high is None:
        return "unknown"
    if low <= 0 <= high:
        return "no difference shown"
    if higher_is_better is None:
        return "different"
    return "better" if (low > 0) == higher_is_better else "worse"


def _mean(lines: Sequence[JournalLine], others: Sequence[JournalLine]) -> float | None:
    """Mean score of the lines whose counterpart has a score too."""
    known = {line.item for line in others if line.score is not None}
    scores = [line.score for line in lines if line.score is not None and line.item in known]
    return math.fsum(scores) / len(scores) if scores else None
