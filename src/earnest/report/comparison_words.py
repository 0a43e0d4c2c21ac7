"""What a comparison says in sentences: what got worse, what got better, and what these items could not have shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earnest.report.gather import Report
from earnest.report.numbers import bare, shown
from earnest.report.sections import arm_words, title_of
from earnest.results.compare import Shift

if TYPE_CHECKING:
    from earnest.report.comparison import Against, Comparison


def heading(comparison: Comparison) -> str:
    """`B against A`, or how many runs are compared with which."""
    baseline = comparison.names[comparison.baseline]
    if len(comparison.against) == 1:
        return f"{comparison.against[0].name} against {baseline}"
    return f"{len(comparison.against)} runs against {baseline}"


def title_of_shift(shift: Shift, report: Report) -> str:
    """What a headline is about, with its arm where that is not the clean one."""
    task = (
        f"{shift.pillar.capitalize()}, all {shift.n_tasks} tasks"
        if shift.task is None
        else title_of(report, shift.task)
    )
    return task if not shift.arm.suffix else f"{task} ({arm_words(shift.arm)})"


def sentence(shift: Shift, report: Report) -> str:
    """A change as a sentence: how far, from what to what, within which interval, and how many items turned.

    Parameters
    ----------
    report : Report
        Of a run that ran the task, whose title is used.
    """
    value, low, high = shift.value, shift.low, shift.high
    assert value is not None and low is not None and high is not None
    width = high - low
    ends = sorted((abs(low), abs(high)))
    by = bare(abs(value), "fraction", width=width)
    span = f"{bare(ends[0], 'fraction', width=width)} to {bare(ends[1], 'fraction', width=width)} points"
    levels = f"from {shown(shift.first, 'fraction', width=width)} to {shown(shift.second, 'fraction', width=width)}"
    title = title_of_shift(shift, report)
    said = f"{title}{'' if title.endswith('?') else ':'} {by} points {shift.verdict}, {levels} (interval {span} {shift.verdict})."
    return f"{said} {turned(shift)}"


def turned(shift: Shift) -> str:
    """How many items turned from passed to failed and back, and how many were compared."""
    items = (
        "1 item passed before and fails now"
        if shift.n_fell == 1
        else f"{shift.n_fell:,} items passed before and fail now"
    )
    compared = "one item was" if shift.n_items == 1 else f"{shift.n_items:,} items were"
    return f"{items}, {shift.n_rose:,} the other way round; {compared} compared."


def summary(one: Against, *, n_looked_at: int) -> str:
    """How many headlines changed and how many not, and what loss is not ruled out among the latter."""
    if not one.shifts:
        return "No headline can be compared."
    n = len(one.shifts)
    told = f"Of {n} headlines and pillar means, {_count(len(one.worse))} got worse and {_count(len(one.better))} got better beyond the interval"
    told += f"; {_count(len(one.open))} {_show(len(one.open))} no difference" if one.open else ""
    told += f", and nothing can be said about {_count(len(one.unknown))}" if one.unknown else ""
    told += f". The intervals hold for all {n_looked_at} comparisons at once." if n_looked_at > 1 else "."
    widest = one.open[0] if one.open else None
    if widest is not None and widest.low is not None and widest.low < 0:
        lost = bare(-widest.low, "fraction", width=1.0)
        told += f" No difference shown is not equality: among these, a loss of up to {lost} points is not ruled out ({title_of_shift(widest, one.other)})."
    return told


def _show(n: int) -> str:
    return "shows" if n == 1 else "show"


def _count(n: int) -> str:
    return "none" if n == 0 else f"{n:,}"
