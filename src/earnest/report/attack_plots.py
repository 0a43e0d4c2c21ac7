"""What attacks reach: success and control on one axis, what became of every attempt, attacks against defences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.records import Arm, JournalLine
from earnest.report.estimates import CONTROL as CONTROL_MARK
from earnest.report.estimates import DEFENDED, Cell, Estimate, Figure, PlotRow
from earnest.report.gather import Report
from earnest.report.numbers import interval, interval_of, shown, value_of, words
from earnest.report.plots import NARROW_PX, WIDE_PX, heat_map, interval_plot
from earnest.report.sections import FAILED_BELOW, arm_words, title_of
from earnest.report.task_forest import headlines
from earnest.results.finding import Finding
from earnest.results.gaps import refuses
from earnest.results.grid import grids
from earnest.results.pairs import Pair

SUCCESS, CONTROL, BEYOND, LOST = (
    "attack_success_rate", "control_success_rate", "attack_success_over_control", "score_lost_to_attack",
)  # fmt: skip  # a table: one row a line


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How many attempts ended in one way.

    Parameters
    ----------
    name : str
        `reached its goal`, `withstood`, or `neither`.
    n : int
    kinds : tuple of (str, int)
        Of `neither`, what the answers were, the most frequent first.
    """

    name: str
    n: int
    kinds: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """What one attack reaches on one task.

    Parameters
    ----------
    task, title : str
    arm : Arm
        The attacked condition.
    success, control, beyond, lost : Finding or None
        Success, that of the control, the difference, the score that was lost.
    before, after : Finding or None
        The task's headline without an attack, and under the attack.
    outcomes : tuple of Outcome
        Of the attempts that success is counted over; their numbers add up to its n.
    """

    task: str
    title: str
    arm: Arm
    success: Finding
    control: Finding | None
    beyond: Finding | None
    lost: Finding | None
    before: Finding | None
    after: Finding | None
    outcomes: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        """The attack with the task: `pgd:steps=40 on harmful refusal`."""
        return f"{self.arm.shown_attack} on {words(self.task)}"

    @property
    def is_established(self) -> bool:
        """Whether the whole interval of the difference to the control is above 0."""
        return self.beyond is not None and (self.beyond.low or 0.0) > 0

    @property
    def ended(self) -> str:
        """What became of the attempts, in a sentence."""
        parts = [f"{one.n:,} {one.name}" for one in self.outcomes if one.n or one.name == "reached its goal"]
        neither = next((one for one in self.outcomes if one.kinds), None)
        told = f" ({', '.join(f'{n:,} {words(kind)}' for kind, n in neither.kinds)})" if neither else ""
        return f"Of {self.success.n_scored:,} attempts, {', '.join(parts)}{told}."


def attack_results(report: Report) -> list[AttackResult]:
    """Every attack on every task that names a goal, those that reach most beyond their control first."""
    found = [_result(report, pair) for pair in report.pairs if pair.kind == "attack" and SUCCESS in pair.findings]
    kept = [one for one in found if one.success.value is not None]
    return sorted(kept, key=lambda one: (-_place(one.beyond), one.arm.suffix, one.task))


def _place(beyond: Finding | None) -> float:
    """Where a difference stands: by the lower end of its interval, since a small sample may show anything."""
    if beyond is None or beyond.value is None:
        return -2.0
    return beyond.low if beyond.low is not None else beyond.value - 1


def _result(report: Report, pair: Pair) -> AttackResult:
    get = pair.findings.get
    lines = report.items_of.get((pair.task, pair.arm), [])
    return AttackResult(
        task=pair.task,
        title=title_of(report, pair.task),
        arm=pair.arm,
        success=pair.findings[SUCCESS],
        control=get(CONTROL),
        beyond=get(BEYOND),
        lost=get(LOST),
        before=headlines(report, pair.arm.unattacked).get(pair.task),
        after=headlines(report, pair.arm).get(pair.task),
        outcomes=tuple(outcomes(lines)),
    )


def outcomes(lines: Sequence[JournalLine]) -> list[Outcome]:
    """What became of the attempts on items that the system withstands without an attack: three ways to end."""
    judged = [line for line in lines if (line.attempt or {}).get("clean_success") is False]
    judged = [line for line in judged if (line.attempt or {}).get("success") is not None]
    reached = [line for line in judged if (line.attempt or {})["success"]]
    rest = [line for line in judged if not (line.attempt or {})["success"]]
    withstood = [line for line in rest if _withstood(line)]
    kinds: dict[str, int] = {}
    for line in rest:
        if not _withstood(line):
            kind = (line.label if line.status == "scored" else line.reason) or "unscored"
            kinds[kind] = kinds.get(kind, 0) + 1
    name = "refused" if withstood and all(map(refuses, withstood)) else "withstood"
    return [
        Outcome(name="reached its goal", n=len(reached)),
        Outcome(name=name, n=len(withstood)),
        Outcome(name="neither", n=sum(kinds.values()), kinds=tuple(sorted(kinds.items(), key=lambda pair: -pair[1]))),
    ]


def _withstood(line: JournalLine) -> bool:
    """Whether the answer is as good as it should be: refused where it must be, else scored as held."""
    return refuses(line) if line.score is None else line.score >= FAILED_BELOW


def attack_figure(
    report: Report,
    results: Sequence[AttackResult],
    *,
    width: float = WIDE_PX,
    name: str = "attack_and_control",
    title: str = "Attack success and that of its control",
) -> Figure | None:
    """Success of each attack, of its control, and of the same attack through the first stack of defences.

    Results against the defended system are marks in the row of the undefended one.
    """
    bare = [one for one in results if not one.arm.defences]
    if not bare:
        return None
    stack = next((one.arm.defences for one in results if one.arm.defences), ())
    defended = {
        (one.task, one.arm.attack): one for one in results if one.arm.defences == stack and not one.arm.transferred
    }
    attacks = {one.arm.shown_attack for one in bare}
    rows = []
    for one in bare:
        marks = [Estimate.of(one.success)]
        marks += [Estimate.of(one.control, series=CONTROL_MARK)] if one.control else []
        through = defended.get((one.task, one.arm.attack))
        marks += [Estimate.of(through.success, series=DEFENDED)] if through else []
        label = words(one.task) + (f", {one.arm.shown_attack}" if len(attacks) > 1 else "")
        rows.append(PlotRow(label=label, marks=tuple(marks), href=f"#task-{one.task}", about=one.title))
    series = ("attack", "attack on the defended system" if defended else "", "control")
    return interval_plot(
        rows,
        name=name,
        title=title,
        series=series,
        axis_name="succeeds",
        width=width,
        label_width=None if width <= NARROW_PX else min(260.0, 0.4 * width),
    )


def attack_sentence(results: Sequence[AttackResult]) -> str:
    """What the strongest attack reaches beyond its control, and of how many that can be said."""
    bare = [one for one in results if not one.arm.defences] or list(results)
    if not bare:
        return ""
    best = bare[0]
    told = f"{best.arm.shown_attack} succeeds in {value_of(best.success)} of {words(best.task)} ({interval_of(best.success)})"
    if best.control is not None and best.beyond is not None:
        told += (
            f", its control in {value_of(best.control)}: {shown(best.beyond.value, 'fraction', signed=True).lstrip('+')} beyond the control "
            f"({interval(best.beyond.low, best.beyond.high, 'fraction', signed=True)})"
        )
    told += "."
    n_shown, n_all = sum(one.is_established for one in bare), len(bare)
    if n_all > 1:
        told += f" An effect beyond the control is established in {n_shown} of {n_all} attacked tasks."
    elif not n_shown:
        told += " The interval of the difference holds 0: no effect beyond the control is established."
    return told


def before_and_after(results: Sequence[AttackResult]) -> str:
    """The score of the task that loses most, without an attack and under the attack, in a sentence; empty without one."""
    known = [one for one in results if one.before and one.after and one.lost and one.lost.value is not None]
    if not known:
        return ""
    most = max(known, key=lambda one: one.lost.value)  # type: ignore[union-attr,return-value,arg-type]
    before, after = (shown(one.value, one.unit) for one in (most.before, most.after) if one)
    return f"Most is lost in {words(most.task)}: its score is {before} without an attack and {after} under attack."


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Attacks against defences on one task."""

    task: str
    title: str
    figure: Figure


def heat_maps(report: Report) -> list[HeatMap]:
    """A heat map for each attacked task of a run with several attacks or several stacks; none of another."""
    if len(report.plan.attacks) < 2 and len(report.plan.stacks) < 2:
        return []
    made = []
    for grid in grids(report.plan, report.findings):
        rows = [(row, tuple(map(_cell, cells))) for row, cells in zip(grid.rows, grid.cells, strict=True) if row]
        columns = ["+".join(stack) or "no defence" for stack in grid.columns]
        figure = heat_map(
            rows,
            columns=columns,
            name=f"attacks_by_defences_{grid.task}",
            row_name="attack",
            column_name="defence",
            title=f"Attack success by defence: {words(grid.task)}",
            width=WIDE_PX,
        )
        made.append(HeatMap(task=grid.task, title=title_of(report, grid.task), figure=figure))
    return made


def _cell(finding: Finding | None) -> Cell | None:
    if finding is None:
        return None
    said = (
        f"{arm_words(finding.threat_model.arm)}: {value_of(finding)} ({interval_of(finding)}), n = {finding.n_scored:,}"
    )
    return Cell(value=finding.value, low=finding.low, high=finding.high, n=finding.n_scored, said=said)
