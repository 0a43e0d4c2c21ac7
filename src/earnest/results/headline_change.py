"""What changed in a task's headline from one run to another, over the items that both were asked alike and could score.

A task's change is its headline in the later run less that in the earlier one, both over these items alone; a pillar's is the mean
of its tasks' changes. Clusters (speakers, texts) are left out of both runs at once, so that what the runs share cancels
(`earnest.metrics.clusters`). Headlines are rates of which more is better, so a negative change is a loss, and every interval lies
within -1 and 1: it is Wilson's on that range and not Student's. A plain rate whose clusters hold one item each has an exact table of
pairs, and gets Newcombe's interval for paired rates instead [newcombe1998-paired], which finds a change that nearly every item
shares, and says no more than McNemar's exact test does [mcnemar1947-test]; a pillar of such tasks is put together by variance estimates recovery with their correlations [zou2008-limits].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

from earnest.metrics.clusters import NO_SPREAD, Jackknife, jackknife_interval, joined
from earnest.metrics.intervals import Interval, disagreement_bound, mcnemar, paired_difference_of_proportions
from earnest.pillars import PILLARS
from earnest.plan import Plan, PlannedTask
from earnest.records import JournalLine
from earnest.results.build import reads_all, task_measures
from earnest.results.cells import GAPS, SHARES
from earnest.results.combining import SAME
from earnest.results.measures import Measure, rate
from earnest.results.naming import tasks_of
from earnest.results.outcomes import outcome

Pairs = Sequence[tuple[JournalLine, JournalLine]]
"""Lines of one item: the earlier run's, the later run's."""

Measured = Callable[[list[JournalLine]], list[Measure]]


@dataclass(frozen=True, kw_only=True)
class HeadlineChange:
    """What changed in one task or pillar: the later run less the earlier, on a scale on which more is better.

    Parameters
    ----------
    name : str
    value : float in [-1, 1]
    before, after : float or None
        The two headlines over the shared items; None where nothing is left to compare.
    worst : float
        The value, were all items 0 that the earlier run scored and the later one did not.
    rows : tuple of (names, Jackknife)
        What its two sides, or its tasks, add by cluster.
    items, lost : frozenset of str
        Items that both scored; items that only the earlier run scored.
    fell, rose : frozenset of str
        Of `items`, those that passed and now fail, and those that failed and now pass.
    table : (int, int, int, int) or None
        Of a plain rate whose clusters hold one item each: pairs that passed in both runs, in the later alone, in the earlier
        alone, and in none.
    tasks : tuple of HeadlineChange
        Those that a pillar's change is the mean of.
    """

    name: str
    value: float
    before: float | None
    after: float | None
    worst: float
    rows: tuple[tuple[Sequence[str], Jackknife], ...]
    items: frozenset[str]
    lost: frozenset[str]
    fell: frozenset[str] = frozenset()
    rose: frozenset[str] = frozenset()
    table: tuple[int, int, int, int] | None = None
    tasks: tuple[HeadlineChange, ...] = ()

    @cached_property
    def made(self) -> Jackknife:
        """The jackknife of the change, clusters of one name being the same on both sides and in all tasks."""
        return joined(self.rows)

    def interval(self, confidence: float) -> Interval:
        """The interval of the change, within [-1, 1]."""
        if self.table is not None and self.table[1] + self.table[2]:
            return _of_pairs(*self.table, confidence=confidence)
        if self.tasks and all(task.table is not None and task.table[1] + task.table[2] for task in self.tasks):
            return self._of_tasks(confidence)
        if self.made.error < NO_SPREAD and self.made.moves.any():  # every cluster answered alike in both runs
            share = disagreement_bound(n_clusters=self.made.n_clusters, confidence=confidence)
            return Interval(self.value - share * (self.value + 1), self.value + share * (1 - self.value), confidence)
        found = jackknife_interval(self.value, self.made, bounds=GAPS, confidence=confidence)
        assert found is not None, "a change lies within -1 and 1, so that its interval has ends"
        return found

    def _of_tasks(self, confidence: float) -> Interval:
        """The interval of the mean of tasks, from their own intervals and the correlation of what their clusters did."""
        ends = [task.interval(confidence) for task in self.tasks]
        reach = np.array(
            [[task.value - end.low, end.high - task.value] for task, end in zip(self.tasks, ends, strict=True)]
        )
        moves = np.stack([self.made.moves[:, 2 * n : 2 * n + 2].sum(axis=1) for n in range(len(self.tasks))], axis=1)
        size = np.sqrt((moves**2).sum(axis=0))
        scale = np.outer(size, size)
        correlation = np.divide(moves.T @ moves, scale, out=np.zeros_like(scale), where=scale > NO_SPREAD)
        np.fill_diagonal(correlation, 1.0)
        below, above = np.sqrt(np.maximum(0.0, np.einsum("pe,pq,qe->e", reach, correlation, reach))) / len(self.tasks)
        return Interval(max(-1.0, self.value - float(below)), min(1.0, self.value + float(above)), confidence)

    @property
    def unscored_share(self) -> float:
        """Share of the items that the earlier run scored and the later one did not."""
        return len(self.lost) / (len(self.items) + len(self.lost))

    def words(self, confidence: float) -> str:
        """The change with its interval."""
        ends = self.interval(confidence)
        how = (
            "unchanged"
            if abs(self.value) < SAME
            else f"{abs(self.value):.3g} {'better' if self.value > 0 else 'worse'}"
        )
        return f"{how}, interval {ends.low:.3g} to {ends.high:.3g}"


def _of_pairs(both: int, later: int, earlier: int, neither: int, *, confidence: float) -> Interval:
    """Newcombe's interval of a paired change, reaching to 0 where McNemar's exact test does not reject at its level."""
    found = paired_difference_of_proportions(
        both=both, only_first=later, only_second=earlier, neither=neither, confidence=confidence
    )
    if mcnemar(only_first=later, only_second=earlier) <= 1 - confidence:
        return found
    return Interval(min(found.low, 0.0), max(found.high, 0.0), confidence)


def made_of(task: PlannedTask) -> tuple[str, int, dict[str, Any]]:
    """What must be equal of a task for its items to be scored alike."""
    return task.registered, task.version, task.parameters


def changes_by_pillar(tasks: Sequence[PlannedTask], pairs: Pairs, *, plan: Plan) -> dict[str, list[HeadlineChange]]:
    """The changes of some tasks of a plan in one arm, by pillar in the order of display; a task without a number is left out.

    Parameters
    ----------
    tasks : sequence of PlannedTask
        Those that both runs asked in one version and with equal parameters.
    pairs : sequence of (JournalLine, JournalLine)
        The earlier and the later line of every item that was asked alike, the earlier one scored.
    plan : Plan
        Of the later run.
    """
    made, names = tasks_of(plan), {task.name for task in tasks}
    alike = [pair for pair in pairs if pair[1].task in names]
    found: dict[str, list[HeadlineChange]] = {}
    for task in tasks:
        own = alike if reads_all(made[task.name]) else [pair for pair in alike if pair[0].task == task.name]
        change = _change(task, own, measured=partial(task_measures, task, made[task.name]))
        if change is not None:
            found.setdefault(task.pillar, []).append(change)
    order = [*PILLARS, *sorted(set(found) - set(PILLARS))]
    return {key: found[key] for key in order if key in found}


def mean_change(pillar: str, tasks: Sequence[HeadlineChange]) -> HeadlineChange:
    """The mean of several tasks' changes."""
    n = len(tasks)
    whole = [task for task in tasks if task.before is not None and task.after is not None]
    return HeadlineChange(
        name=pillar,
        value=math.fsum(task.value for task in tasks) / n,
        before=math.fsum(task.before or 0.0 for task in whole) / n if len(whole) == n else None,
        after=math.fsum(task.after or 0.0 for task in whole) / n if len(whole) == n else None,
        worst=math.fsum(task.worst for task in tasks) / n,
        rows=tuple((names, made.scaled(1 / n)) for task in tasks for names, made in task.rows),
        tasks=tuple(tasks),
        **{
            part: frozenset().union(*(getattr(task, part) for task in tasks))
            for part in ("items", "lost", "fell", "rose")
        },
    )


def _change(task: PlannedTask, pairs: Pairs, *, measured: Measured) -> HeadlineChange | None:
    whole = [pair for pair in pairs if pair[1].status == "scored"]
    lost = [here for _, here in pairs if here.status == "unscored"]
    if lost and not whole:  # nothing is left to compare, which is no reason to pass
        return _nothing_left(task, lost)
    before = _headline(measured, [there for there, _ in whole])
    after = _headline(measured, [here for _, here in whole])
    if before is None:
        return None
    if after is None:  # one side of the task alone is scored, say: there is no number any more
        return _nothing_left(task, [here for _, here in pairs])
    worst = _headline(measured, [*(here for _, here in whole), *lost]) if lost else after
    value = _of(after) - _of(before)
    fall = 0.0 if worst is None or worst.worst_low is None else min(0.0, worst.worst_low - _of(after))
    return HeadlineChange(
        name=task.name,
        value=value,
        before=_of(before),
        after=_of(after),
        worst=value + fall,
        rows=(_rows(after, 1), _rows(before, -1)),
        items=_items([here for _, here in whole]),
        lost=_items(lost),
        fell=_items([here for there, here in whole if (outcome(there), outcome(here)) == ("pass", "fail")]),
        rose=_items([here for there, here in whole if (outcome(there), outcome(here)) == ("fail", "pass")]),
        table=_table(whole, before=_of(before), after=_of(after)),
    )


def _table(pairs: Pairs, *, before: float, after: float) -> tuple[int, int, int, int] | None:
    """The fourfold table of a plain rate whose clusters hold one item each; None of any other headline."""
    kept = [pair for pair in pairs if pair[0].score is not None and pair[1].score is not None]
    scores = [(there.score, here.score) for there, here in kept]
    if len(kept) < len(pairs) or any(score not in (0.0, 1.0) for pair in scores for score in pair):
        return None
    n, clusters = len(kept), {here.cluster or here.sample for _, here in kept}
    plain = abs(sum(a for a, _ in scores) / n - before) < SAME and abs(sum(b for _, b in scores) / n - after) < SAME  # type: ignore[misc]
    if len(clusters) < n or not plain:
        return None
    count = Counter(scores)
    return count[1.0, 1.0], count[0.0, 1.0], count[1.0, 0.0], count[0.0, 0.0]


def _nothing_left(task: PlannedTask, lost: Sequence[JournalLine]) -> HeadlineChange:
    return HeadlineChange(
        name=task.name, value=0.0, before=None, after=None, worst=0.0, rows=(), items=frozenset(), lost=_items(lost)
    )


def _items(lines: Sequence[JournalLine]) -> frozenset[str]:
    return frozenset(line.item for line in lines)


def _headline(measured: Measured, lines: list[JournalLine]) -> Measure | None:
    """A task's headline over some lines, or the mean score where that is no rate made of sums; None without a value."""
    measures = measured(lines) if lines else []
    heads = [
        one
        for one in measures
        if one.headline and one.unit == "fraction" and one.higher_is_better and one.sums is not None
    ]
    if heads and heads[0].value is None:
        return None
    tried = [*heads, rate(lines, metric="score")]
    return next(
        (one for one in tried if one.value is not None and one.sums is not None and one.sums.value is not None), None
    )


def _of(head: Measure) -> float:
    assert head.value is not None
    return head.value


def _rows(head: Measure, sign: Literal[1, -1]) -> tuple[Sequence[str], Jackknife]:
    """The clusters of a headline with its jackknife, added or subtracted; what is subtracted reaches the other way."""
    assert head.sums is not None
    made = head.sums.jackknife(bounds=SHARES)
    assert made is not None, "a headline with a value has a jackknife"
    reach = made.reach if sign > 0 else made.reach[:, ::-1]
    return head.sums.clusters, Jackknife(moves=sign * made.moves, shares=made.shares, reach=reach)
