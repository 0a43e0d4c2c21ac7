"""One small plot a degradation: what a measure is as it grows stronger, clean and defended on one axis with its unit.

Of measures that say the same in other words (word accuracy, word error rate, what was lost), the one of which more is
better is drawn; all are in `report.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.records import Arm
from earnest.report.estimates import Curve, Estimate, Figure
from earnest.report.gather import Report
from earnest.report.numbers import words
from earnest.report.plots import curve_plot
from earnest.report.sections import UNITS, arm_words, by_key, is_gap, title_of
from earnest.report.task_forest import shown_defence
from earnest.results.finding import Finding


@dataclass(frozen=True, kw_only=True)
class DegradationPlot:
    """A plot with what it is of."""

    task: str
    title: str
    kind: str
    figure: Figure


def degradation_plots(report: Report) -> list[DegradationPlot]:
    """A plot for each task and kind of degradation that was measured at two strengths or more."""
    arms = [Arm(), *(arm for arm in [shown_defence(report.plan)] if arm)]
    drawn = [f for f in report.findings if f.level is not None and f.value is not None and f.threat_model.arm in arms]
    drawn = [f for f in drawn if not is_gap(f) and isinstance(f.level, (int, float))]
    plots = []
    for (task, kind), members in by_key(drawn, lambda f: (f.task, f.group)).items():
        for metric in without_mirrors(members):
            mine = [f for f in members if f.metric == metric]
            if len({f.level for f in mine if f.threat_model.arm == Arm()}) > 1:
                plots.append(_plot(report, task, kind, metric, mine, arms=arms))
    return plots


def without_mirrors(members: Sequence[Finding]) -> list[str]:
    """The metrics to be drawn: those of which more is better where there are any, else all."""
    better = [f.metric for f in members if f.higher_is_better]
    return list(dict.fromkeys(better or [f.metric for f in members]))


def _plot(
    report: Report, task: str, kind: str | None, metric: str, found: Sequence[Finding], *, arms: Sequence[Arm]
) -> DegradationPlot:
    curves = []
    for arm in arms:
        points = sorted((f for f in found if f.threat_model.arm == arm), key=lambda f: float(f.level or 0))
        if points:
            curves.append(Curve(name=arm_words(arm), points=tuple(map(Estimate.of, points))))
    name = "_".join(part for part in (task, kind or "", metric) if part).replace(" ", "_").replace("=", "_")
    shown_kind = words(kind or "")
    title = f"{words(task)}: {', '.join(part for part in (words(metric), shown_kind) if part)}"
    chance = next((f.baseline for f in found if f.baseline), None)
    figure = curve_plot(
        curves,
        name=name,
        title=title,
        unit=found[0].unit,
        axis_name=level_name(report, task, found),
        value_name=words(metric),
        chance=chance,
    )
    return DegradationPlot(task=task, title=title_of(report, task), kind=shown_kind, figure=figure)


def level_name(report: Report, task: str, found: Sequence[Finding]) -> str:
    """What the strength is of, with its unit: as the findings or the task say, or the one truth of its items that takes these values."""
    noted = next((f.note.removeprefix("level: ") for f in found if f.note.startswith("level: ")), "")
    said = noted or str(getattr(report.tasks.get(task), "level_name", ""))
    if said:
        return said
    levels = {f.level for f in found}
    values: dict[str, set[object]] = {}
    for line in (line for (name, _), own in report.items_of.items() if name == task for line in own):
        for key, value in line.truth.items():
            if isinstance(value, (int, float, str)):
                values.setdefault(key, set()).add(value)
    name = next((key for key, of in values.items() if levels <= of), "strength")
    stem, _, suffix = name.rpartition("_")
    return f"{words(stem)}, {UNITS[suffix]}" if stem and suffix in UNITS else words(name)
