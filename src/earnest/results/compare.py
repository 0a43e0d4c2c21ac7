"""Two runs compared: headlines over the items that both asked alike, then every finding that both have.

Headlines decide what is said. Their intervals are paired over clusters and hold for all comparisons at once (Bonferroni), as those
of gates against a baseline do, so that a gate and a comparison never contradict each other. Findings are looked up: their
intervals hold for one finding at a time.

A finding's change is paired over clusters where both runs hold what each cluster adds, what a task's own interval is wider than
its clusters make it being added in quadrature; otherwise it is made of the two intervals, the runs taken as independent. No
interval leaves the scale: a change of a rate lies within -1 and 1, a change of a difference within -2 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from earnest.metrics.clusters import Bounds, Jackknife, jackknife_interval, joined
from earnest.metrics.intervals import CONFIDENCE
from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.build import by_task_and_arm
from earnest.results.cells import GAPS, SHARES
from earnest.results.combining import SAME
from earnest.results.comparable import Alike
from earnest.results.finding import Finding
from earnest.results.headline_change import HeadlineChange, changes_by_pillar, mean_change
from earnest.results.pairs import paired
from earnest.results.scorecard import MAX_UNSCORED_SHARE
from earnest.results.sums import Sums

Verdict = Literal["better", "worse", "no difference shown", "different", "unknown"]

MIN_SHOWN = 5
"""A finding over fewer items is in the JSON and in no table."""


# ---------------------------------------------------------------- headlines


@dataclass(frozen=True, kw_only=True)
class Shift:
    """What changed in the headline of a task, or in the mean of a pillar's tasks, in one arm.

    Parameters
    ----------
    pillar : str
    task : str or None
        None of the mean over a pillar's tasks.
    arm : Arm
    n_tasks : int
    first, second : float or None
        The baseline's headline and the other run's, over the items that both scored.
    value, low, high : float or None
        Second less first, in [-1, 1], with the interval that holds for all comparisons at once.
    confidence : float
        Of that interval by itself.
    alone_low, alone_high : float or None
        The 95 % interval of this comparison alone.
    n_items : int
        Items that both scored.
    n_lost : int
        Items that the baseline scored and the other run did not.
    n_fell, n_rose : int
        Of `n_items`, those that passed and now fail, and those that failed and now pass.
    verdict : {"better", "worse", "no difference shown", "unknown"}
    why : str
        Why the verdict is unknown, or what limits it.
    """

    pillar: str
    task: str | None
    arm: Arm
    n_tasks: int
    first: float | None
    second: float | None
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    alone_low: float | None
    alone_high: float | None
    n_items: int
    n_lost: int
    n_fell: int
    n_rose: int
    verdict: Verdict
    why: str = ""

    @property
    def id(self) -> str:
        """`pillar.task` and the arm's suffix."""
        return ".".join(part for part in (self.pillar, self.task) if part) + self.arm.suffix

    def as_json(self) -> dict[str, Any]:
        """The shift as JSON values."""
        arm = {"attack": self.arm.attack, "crafted_on": self.arm.crafted_on, "defences": list(self.arm.defences)}
        return {"id": self.id, **asdict(self), "arm": arm}


def headline_changes(found: Alike, plan: Plan) -> dict[Arm, dict[str, list[HeadlineChange]]]:
    """What changed in the headlines of all that two runs were asked alike, by arm and pillar.

    Parameters
    ----------
    plan : Plan
        Of the later run.
    """
    changed: dict[Arm, dict[str, list[HeadlineChange]]] = {}
    for arm, pairs in found.pairs.items():
        scored = [pair for pair in pairs if pair[0].status == "scored"]
        if by_pillar := changes_by_pillar(found.tasks, scored, plan=plan):
            changed[arm] = by_pillar
    return changed


def n_comparisons(changed: Mapping[Arm, Mapping[str, Sequence[HeadlineChange]]]) -> int:
    """How many numbers are looked at: each task, and each pillar of more than one."""
    return sum(len(tasks) + (len(tasks) > 1) for by_pillar in changed.values() for tasks in by_pillar.values())


def shifts(changed: Mapping[Arm, Mapping[str, Sequence[HeadlineChange]]], *, n_looked_at: int) -> list[Shift]:
    """What changed, by arm, a pillar before its tasks.

    Parameters
    ----------
    n_looked_at : int
        Comparisons that the intervals hold for at once; at least 1.
    """
    at_once = 1 - (1 - CONFIDENCE) / max(1, n_looked_at)
    found = []
    for arm, by_pillar in changed.items():
        for pillar, tasks in by_pillar.items():
            if len(tasks) > 1:
                found.append(
                    _shift(
                        mean_change(pillar, tasks),
                        pillar=pillar,
                        task=None,
                        arm=arm,
                        n_tasks=len(tasks),
                        at_once=at_once,
                    )
                )
            found += [_shift(one, pillar=pillar, task=one.name, arm=arm, n_tasks=1, at_once=at_once) for one in tasks]
    return found


def _shift(change: HeadlineChange, *, pillar: str, task: str | None, arm: Arm, n_tasks: int, at_once: float) -> Shift:
    counts = {
        "n_items": len(change.items),
        "n_lost": len(change.lost),
        "n_fell": len(change.fell),
        "n_rose": len(change.rose),
    }
    place: dict[str, Any] = {
        "pillar": pillar,
        "task": task,
        "arm": arm,
        "n_tasks": n_tasks,
        "confidence": at_once,
        **counts,
    }
    if change.before is None or change.after is None:
        nothing = dict.fromkeys(("first", "second", "value", "low", "high", "alone_low", "alone_high"))
        return Shift(
            **place,
            **nothing,
            verdict="unknown",
            why=f"nothing is left to compare: {len(change.lost)} items could not be scored",
        )
    ends, alone = change.interval(at_once), change.interval(CONFIDENCE)
    said, why = verdict(ends.low, ends.high, higher_is_better=True), ""
    if change.unscored_share > MAX_UNSCORED_SHARE:
        of = len(change.items) + len(change.lost)
        said, why = "unknown", f"{len(change.lost)} of {of} items that the baseline scored could not be scored"
    elif change.lost and said != "worse" and ends.high + change.worst - change.value < 0:
        why = f"were its {len(change.lost)} unscored items 0, it would be worse"
    return Shift(
        **place,
        first=change.before,
        second=change.after,
        value=change.value,
        low=ends.low,
        high=ends.high,
        alone_low=alone.low,
        alone_high=alone.high,
        verdict=said,
        why=why,
    )


# ---------------------------------------------------------------- findings


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
    how : {"paired", "clusters", "unpaired"}
        Item by item; or over clusters, what both share left out of both at once; or from the two intervals, the runs taken as
        independent.
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
    how: Literal["paired", "clusters", "unpaired"]
    verdict: Verdict

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
    over_clusters = _over_clusters(first, second)
    if over_clusters is not None:
        low, high = over_clusters
    scale = _scale(first, second)
    if low is not None and high is not None and scale is not None:
        low, high = max(low, scale[0]), min(high, scale[1])
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
        how="unpaired" if over_clusters is None else "clusters",
        verdict=verdict(low, high, higher_is_better=second.higher_is_better),
    )


def _scale(first: Finding, second: Finding) -> Bounds | None:
    """Least and greatest change of a finding: of a rate, of a difference of rates, or None where nothing bounds it."""
    ranges = [_range(one) for one in (first, second)]
    if None in ranges:
        return None
    return (-1.0, 1.0) if ranges == [SHARES, SHARES] else (-2.0, 2.0)


def _range(finding: Finding) -> Bounds | None:
    """Least and greatest value of a finding, as far as its own interval tells."""
    if finding.unit != "fraction" or finding.low is None or finding.high is None:
        return None
    if finding.high > 1 or finding.low < -1:
        return None
    return GAPS if finding.low < 0 else SHARES


def _over_clusters(first: Finding, second: Finding) -> tuple[float, float] | None:
    """Interval of the second minus the first, clusters of one name left out of both at once.

    None where either was not made of sums in this process, or its value is not that of its sums.
    """
    parts = [_jackknife(one) for one in (first, second)]
    if parts[0] is None or parts[1] is None or first.value is None or second.value is None:
        return None
    (names_a, made_a), (names_b, made_b) = parts[0], parts[1]
    minus = Jackknife(moves=-made_a.moves, shares=made_a.shares, reach=made_a.reach[:, ::-1])
    value = second.value - first.value
    inner = jackknife_interval(value, joined([(names_b, made_b), (names_a, minus)]), bounds=_scale(first, second))
    if inner is None:
        return None
    extra_a, extra_b = _excess(first, made_a), _excess(second, made_b)
    return (
        value - math.hypot(value - inner.low, extra_b[0], extra_a[1]),
        value + math.hypot(inner.high - value, extra_b[1], extra_a[0]),
    )


def _jackknife(finding: Finding) -> tuple[Sequence[str], Jackknife] | None:
    sums = finding.sums
    if sums is None or None in (finding.value, finding.low, finding.high) or not _made_of(finding, sums):
        return None
    made = sums.jackknife(bounds=_range(finding))
    return None if made is None else (sums.clusters, made)


def _made_of(finding: Finding, sums: Sums) -> bool:
    return sums.value is not None and finding.value is not None and abs(sums.value - finding.value) <= SAME


def _excess(finding: Finding, made: Jackknife) -> tuple[float, float]:
    """By how much, in quadrature, a finding's interval is wider to either side than its clusters alone make it."""
    assert finding.value is not None and finding.low is not None and finding.high is not None
    alone = jackknife_interval(finding.value, made, bounds=_range(finding))
    if alone is None:
        return 0.0, 0.0
    outer = finding.value - finding.low, finding.high - finding.value
    inner = finding.value - alone.low, alone.high - finding.value
    below, above = (math.sqrt(max(0.0, a * a - b * b)) for a, b in zip(outer, inner, strict=True))
    return below, above


def _independent(first: Finding, second: Finding) -> tuple[float | None, float | None]:
    """Interval of the second minus the first by the method of variance estimates recovery [zou2008-limits]."""
    ends = (first.value, first.low, first.high, second.value, second.low, second.high)
    if any(end is None for end in ends):
        return None, None
    value_a, low_a, high_a, value_b, low_b, high_b = (float(end) for end in ends if end is not None)
    gap = value_b - value_a
    return gap - math.hypot(value_b - low_b, high_a - value_a), gap + math.hypot(high_b - value_b, value_a - low_a)


def verdict(low: float | None, high: float | None, *, higher_is_better: bool | None) -> Verdict:
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
