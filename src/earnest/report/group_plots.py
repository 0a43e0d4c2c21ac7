"""One dot plot an attribute of speakers: each group in each task, and the worst gap with its corrected interval."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from earnest.records import Arm
from earnest.report.degradation_plots import without_mirrors
from earnest.report.estimates import Estimate, Figure, PlotRow
from earnest.report.gather import Report
from earnest.report.numbers import interval_of, value_of, words
from earnest.report.plots import NARROW_PX, WIDE_PX, interval_plot
from earnest.report.sections import FEWEST, arm_words, by_key, is_gap, title_of
from earnest.report.task_forest import shown_defence
from earnest.results.finding import Finding
from earnest.results.gaps import COLUMNS


@dataclass(frozen=True, kw_only=True)
class WorstGap:
    """The gap between two groups that is best established.

    Parameters
    ----------
    finding : Finding
    better, worse : str
        The two groups.
    sentence : str
        The gap in a sentence, with its interval and what that allows for.
    established : bool
        Whether the whole interval is above 0.
    """

    finding: Finding
    better: str
    worse: str
    sentence: str
    established: bool


@dataclass(frozen=True, kw_only=True)
class GroupPlot:
    """An attribute with its plot at two widths, and its worst gap."""

    attribute: str
    figure: Figure | None
    narrow: Figure | None
    gap: WorstGap | None


def group_plots(report: Report) -> list[GroupPlot]:
    """A plot for each attribute of speakers that the data names, in the order of `COLUMNS`."""
    found = [f for f in report.findings if f.group and f.threat_model.arm in _arms(report) and f.n_scored >= FEWEST]
    found = [
        f for f in found if not f.metric.startswith("judge_") and f.value is not None and f.higher_is_better is not None
    ]
    plots = []
    for attribute in COLUMNS:
        members = [f for f in found if not is_gap(f) and f.level is None and f.group.startswith(f"{attribute}=")]  # type: ignore[union-attr]
        gap = worst_gap(report, attribute)
        rows = _rows(report, members)
        if rows or gap:
            figures = [
                _figure(report, attribute, rows, width=width) if rows else None for width in (WIDE_PX, NARROW_PX)
            ]
            plots.append(GroupPlot(attribute=words(attribute), figure=figures[0], narrow=figures[1], gap=gap))
    return plots


def worst_gap(report: Report, attribute: str = "") -> WorstGap | None:
    """The gap of an attribute, or of any, whose interval lies highest in the clean arm; None without one."""
    gaps = [
        f
        for f in report.findings
        if is_gap(f)
        and (f.group or "").startswith(f"{attribute}=" if attribute else "")
        and f.unit == "fraction"
        and f.threat_model.arm == Arm()
        and f.n_scored >= FEWEST
        and f.value
        and f.low is not None
        and "accuracy" in f.metric
    ]
    if not gaps:
        return None
    worst = max(gaps, key=lambda f: (f.low or -1.0, f.value or 0.0))
    better, _, lower = (worst.group or "").partition(" vs ")
    names = [_member(one) for one in (better, lower)]
    established = (worst.low or 0.0) > 0
    side = f" ({worst.level})" if worst.level is not None else ""
    sentence = (
        f"{names[1].capitalize()} speakers: {value_of(worst, signed=True).lstrip('+')} behind {names[0]} in "
        f"{words(worst.task)}{side}, 95 % interval {interval_of(worst, signed=True)}, n = {worst.n_scored:,}"
    )
    sentence += "." if established else ". The interval holds 0: no gap is established."
    sentence = sentence.replace(" %", "\u00a0%")
    return WorstGap(finding=worst, better=names[0], worse=names[1], sentence=sentence, established=established)


def n_pairs(gap: Finding) -> int:
    """How many pairs of groups the interval allows for; 1 where it does not say."""
    told = re.search(r"simultaneous over (\d+) pairs", gap.interval)
    return int(told.group(1)) if told else 1


def _arms(report: Report) -> list[Arm]:
    return [Arm(), *(arm for arm in [shown_defence(report.plan)] if arm)]


def _rows(report: Report, members: Sequence[Finding]) -> list[PlotRow]:
    """Groups of each task and metric, mirrors left out; those with a single group show nothing and are left out."""
    arms = _arms(report)
    rows = []
    for task, own in by_key(members, lambda f: f.task).items():
        for metric in without_mirrors(own):
            mine = [f for f in own if f.metric == metric and f.unit == "fraction"]
            groups = by_key(mine, lambda f: f.group)
            clean = {g: f for g, some in groups.items() for f in some if f.threat_model.arm == Arm()}
            if len(clean) < 2:
                continue
            heading = f"{words(task).capitalize()}: {words(metric)}"
            for group in sorted(clean, key=lambda g: -(clean[g].value or 0.0)):
                marks = [Estimate.of(f, series=arms.index(f.threat_model.arm)) for f in groups[group]]
                rows.append(
                    PlotRow(label=_member(group), marks=tuple(marks), heading=heading, about=title_of(report, task))
                )
    return rows


def _figure(report: Report, attribute: str, rows: Sequence[PlotRow], *, width: float) -> Figure:
    arms = _arms(report)
    several = any(one.series for row in rows for one in row.marks)
    names = tuple(map(arm_words, arms)) if several else ("clean",)
    title = f"Groups by {words(attribute)}"
    return interval_plot(
        rows,
        name=f"groups_{attribute}",
        title=title,
        series=names,
        axis_name="share",
        width=width,
        label_width=None if width <= NARROW_PX else 120,
    )


def _member(group: str | None) -> str:
    """`female` of `gender=female in corpus`."""
    return (group or "").partition("=")[2] or (group or "")
