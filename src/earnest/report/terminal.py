"""What a terminal shows of a run: the pillars, what attack and defence did, how many items, and why some have no score."""

from __future__ import annotations

from collections.abc import Sequence

from earnest.arms import Arm
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.report.numbers import UNKNOWN, words
from earnest.report.sections import arm_words, key_rows
from earnest.results.finding import Finding
from earnest.results.grid import Grid, grids
from earnest.results.pairs import Pair
from earnest.results.reach import SEEN, within_reach
from earnest.results.reasons import item_counts, reason_counts
from earnest.results.scorecard import PillarScore, Scorecard


def as_text(
    plan: Plan, lines: Sequence[JournalLine], *, findings: Sequence[Finding], pairs: Sequence[Pair], card: Scorecard
) -> str:
    """The run in lines of plain text."""
    told = [f"{plan.shown_model} on {plan.data}, suite {plan.suite}", *map(_pillar, card.pillars)]
    told += [*_not_run(within_reach(plan, lines)[0]), card.audio.words]
    several = len(plan.attacks) > 1 or len(plan.stacks) > 1
    did = _costs_by_stack(plan, pairs) if several else _attacks(pairs)
    grid = [grid_as_text(grid) for grid in grids(plan, findings)] if several else []
    return "\n".join([*told, *did, *_counts(plan, lines, findings), *grid])


def _pillar(score: PillarScore) -> str:
    name = score.pillar + ("" if score.on_scorecard else " (not one of the six)")
    why = f"  ({score.no_value})" if score.no_value else ""
    return f"  {name:<32} {number(score.value, score.low, score.high)}  {score.n_scored} items{why}"


def _not_run(plan: Plan) -> list[str]:
    """The tasks that were left out, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for task in plan.tasks:
        if task.not_run:
            by_reason.setdefault(task.not_run, []).append(task.name)
    seen = [
        f"  {task.name}: {task.seen} items left out, {SEEN}" for task in plan.tasks if task.seen and not task.not_run
    ]
    return [*(f"  not run: {', '.join(names)}: {why}" for why, names in by_reason.items()), *seen]


def number(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, or that there is none."""
    if value is None:
        return "no value"
    interval = "no interval" if low is None or high is None else f"{low:.2f} to {high:.2f}"
    return f"{value:.2f} ({interval})"


MOST_WHOLE = 4
"""Of so many attacked tasks everything is told, of more only what becomes of the score."""


def _attacks(pairs: Sequence[Pair]) -> list[str]:
    """What the attack and the defence did to the attacked tasks, and what the defence costs elsewhere."""
    attacked = dict.fromkeys(pair.task for pair in pairs if pair.kind == "attack")
    whole = attacked if len(attacked) <= MOST_WHOLE else {}
    told = []
    for task in attacked:
        for row in key_rows([pair for pair in pairs if pair.task == task]):
            if whole or row.name.startswith(("score lost", "gain: score")):
                interval = f" ({row.interval})" if row.interval != UNKNOWN else ""
                told.append(
                    f"  {words(task):<32} {row.name}: {row.value}{interval}, {row.n} {'item' if row.n == '1' else 'items'}"
                )
    told += _costs([pair for pair in pairs if pair.task not in whole])
    if not told:
        return []
    arms = dict.fromkeys(arm_words(pair.arm) for pair in pairs)
    return [f"Compared with the clean arm: {'; '.join(arms)}", *told]


def _costs_by_stack(plan: Plan, pairs: Sequence[Pair]) -> list[str]:
    told = []
    for stack in plan.stacks:
        costs = _costs([pair for pair in pairs if pair.arm == Arm(defences=stack)])
        told += [f"{arm_words(Arm(defences=stack))}, without an attack:", *costs] if costs else []
    return told


def _costs(pairs: Sequence[Pair]) -> list[str]:
    """What a defence costs these tasks without an attack: the changes that a whole interval shows, and the time."""
    told = []
    for metric, what in (("defence_score_change", "score"), ("defence_refusal_change", "refusals")):
        found = [pair.findings[metric] for pair in pairs if metric in pair.findings]
        measured = [finding for finding in found if finding.low is not None and finding.high is not None]
        moved = [finding for finding in measured if finding.low > 0 or finding.high < 0]
        told += [
            f"  {words(finding.task):<32} cost: {what}: {100 * finding.value:+.0f} points "
            f"({100 * finding.low:+.0f} to {100 * finding.high:+.0f}), {finding.n_scored:,} items"
            for finding in moved
        ]
        if measured:
            told.append(
                f"  the defence's cost: no change of {what} is shown in {len(measured) - len(moved)} of {len(measured)} tasks"
            )
    added = [pair.findings["defence_added_ms"].value for pair in pairs if "defence_added_ms" in pair.findings]
    times = sorted(value for value in added if value is not None)
    if times:
        told.append(f"  the defence's cost: {times[0]:.3g} to {times[-1]:.3g} ms per call, by task")
    return told


def _counts(plan: Plan, lines: Sequence[JournalLine], findings: Sequence[Finding]) -> list[str]:
    """One count of items, as the report has it, and the commonest detail of every reason."""
    _, asked = within_reach(plan, lines)
    items = [line for line in asked if line.kind == "item"]
    n_arms = len(plan.arms)
    arms = f", over {n_arms} conditions" if n_arms > 1 else ""
    beside = f"{len(asked) - len(items)} canaries in addition" if len(asked) > len(items) else "no canaries"
    told = [
        f"{item_counts(items, findings)}{arms}; {beside}. A pillar counts the scored items of its headlines, in the clean arm"
    ]
    canaries = [line for line in asked if line.kind == "canary"]
    told += [f"  unscored: {count}" for count in reason_counts(items)]
    return told + [f"  unscored canaries: {count}" for count in reason_counts(canaries)]


def grid_as_text(grid: Grid) -> str:
    """Attacks by stacks of defences, as lines of plain text."""
    heads = ["", *("+".join(stack) or "no defence" for stack in grid.columns)]
    rows = [[row or "no attack: score", *map(_cell, cells)] for row, cells in zip(grid.rows, grid.cells, strict=True)]
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]
    lines = [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [heads, *rows]
    ]
    return "\n".join(
        [f"{words(grid.task)}: success rate of each attack, with its interval and the number of items judged", *lines]
    )


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return "-"
    return f"{number(finding.value, finding.low, finding.high)}, {finding.n_scored}"
