"""The first screen: six pillars on one axis, a sentence for each, what the attack reaches, what was not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from earnest.records import Arm
from earnest.report.attack_plots import AttackResult, attack_figure, attack_sentence, before_and_after
from earnest.report.estimates import Estimate, Figure, PlotRow
from earnest.report.gather import Report
from earnest.report.group_plots import WorstGap, worst_gap
from earnest.report.numbers import interval, shown, words
from earnest.report.plots import NARROW_PX, interval_plot
from earnest.report.sections import arm_words, pillar_value
from earnest.report.task_forest import headlines
from earnest.results.finding import Finding
from earnest.results.scorecard import PillarScore

MOST_ATTACKED = 3
"""Attacked tasks on the card; the others are one click away."""

CARD_PX = 620.0


@dataclass(frozen=True, kw_only=True)
class PillarLine:
    """A pillar on the card.

    Parameters
    ----------
    score : PillarScore
    title, value, interval : str
        As they are written.
    sentence : str
        How its tasks stand to their chance levels, and which is the weakest.
    chance : float or None
        Mean of the chance levels of its tasks that have one.
    is_run : bool
        Whether any of its items was asked.
    """

    score: PillarScore
    title: str
    value: str
    interval: str
    sentence: str
    chance: float | None
    is_run: bool


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the first screen shows.

    Parameters
    ----------
    pillars : tuple of PillarLine
        The six of the scorecard that the plan has.
    summary : str
        Weakest and strongest pillar, with their intervals.
    counts : str
        What was asked and scored, and what the counts of the page are of.
    figure, narrow : Figure or None
        The pillars, for a desktop and a phone.
    attack : str
        What the attack reaches, in sentences; empty without one.
    attack_figure : Figure or None
    gap : WorstGap or None
        The group that is served worst.
    not_run : tuple of (str, str)
        Name and reason of each task that was not run.
    in_part : tuple of str
        Tasks of which some items were beyond the model.
    """

    pillars: tuple[PillarLine, ...]
    summary: str
    counts: str
    figure: Figure | None
    narrow: Figure | None
    attack: str
    attack_figure: Figure | None
    gap: WorstGap | None
    not_run: tuple[tuple[str, str], ...]
    in_part: tuple[str, ...]


def card(report: Report, results: Sequence[AttackResult]) -> Card:
    """The card of a run; `results` are its attacks, the strongest first."""
    pillars = tuple(_pillar_line(report, score) for score in report.scorecard.pillars if score.on_scorecard)
    bare = [one for one in results if not one.arm.defences]
    told = [attack_sentence(results), before_and_after(bare)]
    strongest = {one.task for one in bare[:MOST_ATTACKED]}
    some = [one for one in results if one.task in strongest]
    return Card(
        pillars=pillars,
        summary=summary(report),
        counts=counts(report),
        figure=_figure(pillars, width=CARD_PX),
        narrow=_figure(pillars, width=NARROW_PX),
        attack=" ".join(part for part in told if part).replace(" %", "\u00a0%"),
        attack_figure=attack_figure(
            report, some, width=NARROW_PX, name="strongest_attacks", title="The strongest attacks and their controls"
        ),
        gap=worst_gap(report),
        not_run=tuple((words(name), why) for name, why in report.not_run.items()),
        in_part=tuple(words(name) for name in report.left_out if name not in report.not_run),
    )


def summary(report: Report) -> str:
    """Weakest and strongest pillar of the scorecard in a sentence; empty where fewer than two have a score."""
    valued = [score for score in report.scorecard.pillars if score.on_scorecard and score.value is not None]
    if len(valued) < 2:
        return ""
    ranked = sorted(valued, key=lambda score: score.value or 0.0)
    weakest, strongest = (_with_interval(score) for score in (ranked[0], ranked[-1]))
    return f"Weakest pillar: {weakest}. Strongest: {strongest}.".replace(" %", "\u00a0%")


def counts(report: Report) -> str:
    """How many answers were asked for and scored, in how many conditions, and what a pillar's n counts."""
    n_tasks = sum(task.not_run is None for task in report.reachable_plan.tasks)
    n_arms = len(report.plan.arms)
    tasks = "1 task" if n_tasks == 1 else f"{n_tasks} tasks"
    conditions = f" in {n_arms} conditions" if n_arms > 1 else ""
    told = f"{report.counts.n_planned:,} items of {tasks}{conditions}; {report.counts.n_scored:,} scored."
    if n_arms > 1:
        told += " A pillar counts the scored items of its tasks’ headlines in the clean arm."
    return told


def pillar_titles(report: Report) -> list[tuple[str, str, str]]:
    """Key, name and score of every pillar, for the navigation."""
    return [(score.pillar, score.pillar.capitalize(), pillar_value(score)) for score in report.scorecard.pillars]


def _pillar_line(report: Report, score: PillarScore) -> PillarLine:
    heads = [found for task in score.tasks if (found := headlines(report, Arm()).get(task))]
    chances = [one.baseline for one in heads if one.baseline is not None]
    is_run = score.n_scored + score.n_unscored > 0
    return PillarLine(
        score=score,
        title=score.pillar.capitalize(),
        value=pillar_value(score),
        interval="" if score.value is None else interval(score.low, score.high, "fraction"),
        sentence=pillar_sentence(score, heads).replace(" %", "\u00a0%"),
        chance=fmean(chances) if chances else None,
        is_run=is_run,
    )


def _with_interval(score: PillarScore) -> str:
    between = "" if score.low is None else f" ({interval(score.low, score.high, 'fraction')})"
    return f"{score.pillar}, {pillar_value(score)}{between}"


def pillar_sentence(score: PillarScore, heads: Sequence[Finding]) -> str:
    """How a pillar's tasks stand to chance, and the weakest of them, in one sentence."""
    if not heads or score.value is None:
        if score.no_value:
            return f"No score: {score.no_value}."
        return "No answer could be scored." if score.n_unscored else "None of its tasks could be run."
    weakest = min(heads, key=lambda one: one.value or 0.0)
    lowest = f"the weakest is {words(weakest.task)}, {shown(weakest.value, 'fraction')}"
    chanced = [one for one in heads if one.baseline is not None and one.low is not None]
    above = [one for one in chanced if one.low > one.baseline]  # type: ignore[operator]
    if len(heads) == 1:
        if not chanced:
            return f"Its one task is {words(weakest.task)}."
        return f"Its one task, {words(weakest.task)}, is {'' if above else 'not shown to be '}above chance level."
    if not chanced:
        return f"Of {len(heads)} tasks {lowest}."
    if len(above) == len(chanced):
        if len(chanced) == len(heads):
            return f"Every task is above chance level; {lowest}."
        which = "The one task" if len(chanced) == 1 else f"Each of the {len(chanced)} tasks"
        return f"{which} with a chance level is above it; {lowest}."
    n = len(chanced) - len(above)
    return f"{n} of {len(heads)} tasks {'is' if n == 1 else 'are'} not shown to be above chance level; {lowest}."


def _figure(pillars: Sequence[PillarLine], *, width: float) -> Figure | None:
    rows = [
        PlotRow(
            label=f"{one.title}, {one.value}",
            chance=one.chance,
            href=f"#pillar-{one.score.pillar}",
            strong=True,
            about=f"{one.score.question} {one.sentence}",
            absent=one.score.no_value or "not run",
            marks=(
                Estimate(
                    value=one.score.value,
                    low=one.score.low,
                    high=one.score.high,
                    n=one.score.n_scored,
                    id=one.score.pillar,
                ),
            ),
        )
        for one in pillars
    ]
    if not rows or all(one.score.value is None for one in pillars):
        return None
    return interval_plot(
        rows,
        name="pillars",
        title="The pillars with their 95 % intervals",
        axis_name="score",
        width=width,
        chance_name="chance level, mean of the tasks that have one",
        label_width=150 if width > NARROW_PX else None,
    )


def conditions(report: Report) -> str:
    """The conditions of a run, in words."""
    return "; ".join(arm_words(arm) for arm in report.plan.by_arm)
