"""Every task's headline on one axis, clean and defended, with its chance level."""

from __future__ import annotations

from collections.abc import Sequence

from earnest.plan import Plan
from earnest.records import Arm
from earnest.report.estimates import AS_IT_IS, DEFENDED, Estimate, Figure, PlotRow
from earnest.report.gather import Report
from earnest.report.numbers import words
from earnest.report.plots import NARROW_PX, WIDE_PX, interval_plot
from earnest.report.sections import arm_words, title_of
from earnest.results.finding import Finding

BY_PILLAR, BY_DISTANCE = "all_tasks", "all_tasks_by_distance"


def shown_defence(plan: Plan) -> Arm | None:
    """The condition that figures set against the clean one: the first stack of defences without an attack."""
    return next((arm for arm in plan.by_arm if arm.defences and not arm.attack), None)


def headlines(report: Report, arm: Arm) -> dict[str, Finding]:
    """Each task's headline in one condition, where it has a value."""
    return {
        finding.task: finding
        for finding in report.findings
        if finding.headline and finding.threat_model.arm == arm and finding.value is not None
    }


def task_forest(report: Report, *, width: float = WIDE_PX, by_distance: bool = False) -> Figure | None:
    """The forest plot of all tasks; None where nothing was scored.

    Tasks stand by pillar, within it those nearest to their chance level first, which are those that show least; tasks
    without a chance level follow, the lowest first. `by_distance` gives the same order over all pillars.
    """
    clean, arm = headlines(report, Arm()), shown_defence(report.plan)
    defended = headlines(report, arm) if arm else {}
    tasks = [task for task in report.reachable_plan.tasks if task.name in clean]
    pillars = list(dict.fromkeys(score.pillar for score in report.scorecard.pillars))
    if by_distance:
        tasks.sort(key=lambda task: _distance(clean[task.name]))
    else:
        tasks.sort(key=lambda task: (pillars.index(task.pillar), _distance(clean[task.name])))
    rows = [
        _row(
            report,
            task.name,
            [clean[task.name], defended.get(task.name)],
            heading="" if by_distance else task.pillar.capitalize(),
        )
        for task in tasks
    ]
    if not rows:
        return None
    title = "All tasks by distance from chance level" if by_distance else "All tasks by pillar"
    return interval_plot(
        rows,
        name=BY_DISTANCE if by_distance else BY_PILLAR,
        title=title,
        series=("clean", arm_words(arm)) if arm and defended else ("clean",),
        axis_name="headline score",
        chance_name="chance level",
        width=width,
        label_width=None if width <= NARROW_PX else 190,
    )


def _row(report: Report, task: str, found: Sequence[Finding | None], *, heading: str) -> PlotRow:
    marks = tuple(
        Estimate.of(one, series=number)
        for number, one in zip((AS_IT_IS, DEFENDED), found, strict=True)
        if one is not None
    )
    first = found[0]
    return PlotRow(
        label=words(task),
        marks=marks,
        chance=None if first is None else first.baseline,
        heading=heading,
        href=f"#task-{task}",
        about=title_of(report, task),
    )


def _distance(finding: Finding) -> tuple[int, float]:
    """Where a headline is in the order: how far above its chance level, in its share of the way from there to 1."""
    value = finding.value or 0.0
    if finding.baseline is None or finding.baseline >= 1:
        return 1, value
    return 0, (value - finding.baseline) / (1 - finding.baseline)
