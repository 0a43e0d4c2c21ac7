"""Gates against a baseline: no pillar, and no task of it, is shown to be worse than in an earlier run.

Both runs are compared arm by arm (attack and defences, as they are written), on the items that both were asked alike and could
score. A task's change in an arm is its headline here less its headline there, both over these items alone; a pillar's is the mean of
its tasks' changes. An arm that only one of the two runs has is named, and not compared.
Clusters (speakers, texts) are left out of both runs at once, so what the runs share cancels (`earnest.metrics.clusters`).

Many numbers are looked at, so that one of them would soon seem worse by chance. The intervals that decide therefore hold for
all comparisons at once (Bonferroni). "Not shown to be worse" is not "as good": how much worse it might be is the lower end
of the interval, and with a margin this end must lie above minus the margin, at 95 % for each pillar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earnest.errors import BadParameter
from earnest.metrics.intervals import CONFIDENCE
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm, JournalLine
from earnest.results.build import read_lines
from earnest.results.headline_change import HeadlineChange, changes_by_pillar, made_of, mean_change
from earnest.results.proof import audio_proof
from earnest.results.reach import within_reach
from earnest.results.scorecard import MAX_UNSCORED_SHARE, Gate

WHAT_DIFFERS = {
    "data_digest": "its data is other data",
    "seed": "its seed is {there}, not {here}",
    "judges": "its answers were judged by {there}, not {here}",
}


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A run that another one is compared with: its plan, and its lines by item, whose id tells the arm."""

    name: str
    plan: Plan
    lines: Mapping[str, JournalLine]

    @classmethod
    def read(cls, folder: Path) -> Baseline:
        """The run in `folder`.

        Raises
        ------
        BadData
            If it is no run folder, or its journal cannot be read.
        BadParameter
            If it is part of a run, or is not shown to have heard: nothing can be held against it.
        """
        plan, lines = within_reach(Plan.read(folder), read_lines(folder))
        name = folder.resolve().name
        if plan.shard is not None:
            raise BadParameter(
                f"the baseline {name} is part {plan.shard} of a run; join the parts with `earnest merge`"
            )
        if audio_proof(lines).proven is False:
            raise BadParameter(
                f"the baseline {name} is audio_unproven: what did not hear is no measure for what hears; take another run"
            )
        return cls(name=name, plan=plan, lines=_by_item(lines))

    def check(self, plan: Plan, items: Sequence[str]) -> None:
        """Refuse a plan that shares nothing with the baseline to be compared on.

        Parameters
        ----------
        plan : Plan
        items : sequence of str
            Ids of the items that are to be asked.

        Raises
        ------
        BadParameter
            With all that keeps the two apart.
        """
        why = [f"this run is part {plan.shard} of a run"] if plan.shard is not None else []
        for part, words in WHAT_DIFFERS.items():
            there, here = getattr(self.plan, part), getattr(plan, part)
            if there != here:
                why.append(words.format(there=_in_words(there), here=_in_words(here)))
        if not why and not self.shared(plan):
            why.append("no task was run in both in one version, with equal parameters")
        if not why and not any(item in self.lines for item in items):
            why.append("it was asked none of these items")
        if why:
            raise BadParameter(f"the baseline {self.name} cannot be compared with this run: {'; '.join(why)}")

    def shared(self, plan: Plan) -> list[PlannedTask]:
        """The tasks of `plan` that the baseline ran too, in one version and with equal parameters."""
        mine = {task.name: made_of(task) for task in self.plan.tasks if task.not_run is None}
        return [task for task in plan.tasks if task.not_run is None and mine.get(task.name) == made_of(task)]


def check_margin(margin: float | None) -> None:
    """Refuse a margin that is none."""
    if margin is not None and not 0 < margin < 1:
        raise BadParameter(f"the margin to a baseline must lie between 0 and 1, got {margin:g}; 0.05 is five points")


def gates_against(
    baseline: Baseline, plan: Plan, lines: Sequence[JournalLine], *, margin: float | None = None
) -> list[Gate]:
    """A gate for each pillar and arm of which both runs scored something: it is not shown to be worse than the baseline.

    The first gate says which arms were not compared, since only one of the runs has them.

    Parameters
    ----------
    plan, lines
        Of the run that is judged.
    margin : float or None
        By how much a pillar may be worse: then the whole 95 % interval of its change must lie above minus the margin.

    Raises
    ------
    BadParameter
        If the margin is not in (0, 1), or the two runs have no scored item in common.
    """
    check_margin(margin)
    plan, lines = within_reach(plan, lines)
    proof = audio_proof(lines)
    both, apart = _arms(baseline, plan)
    changes = {
        pillar + arm.suffix: tasks
        for arm in both
        for pillar, tasks in _changes(
            baseline, plan, {item: line for item, line in _by_item(lines).items() if line.arm == arm}
        ).items()
    }
    if not changes:
        return [_broken("run", baseline, f"no item was scored in both runs{apart}")]
    n_looked_at = sum(len(tasks) + (len(tasks) > 1) for tasks in changes.values())
    at_once = 1 - (1 - CONFIDENCE) / n_looked_at
    gates = [
        _judged(pillar, tasks, baseline, margin=margin, at_once=at_once, n=n_looked_at)
        for pillar, tasks in changes.items()
    ]
    gates[0] = replace(gates[0], why=gates[0].why + apart)
    if proof.proven is False:
        return [replace(gate, passed=False, broken=True, why=f"audio_unproven; {gate.why}") for gate in gates]
    return gates


def _judged(
    pillar: str, tasks: Sequence[HeadlineChange], baseline: Baseline, *, margin: float | None, at_once: float, n: int
) -> Gate:
    lost = next((task for task in tasks if task.unscored_share > MAX_UNSCORED_SHARE), None)
    if lost is not None:
        of = len(lost.items) + len(lost.lost)
        why = f"{len(lost.lost)} of {of} items of {lost.name} that the baseline scored could not be scored, more than"
        return _broken(pillar, baseline, f"{why} {MAX_UNSCORED_SHARE:.0%}")
    whole = mean_change(pillar, tasks)
    level = at_once if margin is None else CONFIDENCE
    about = "one task" if len(tasks) == 1 else f"{len(tasks)} tasks"
    held = f"95 % for all {n} comparisons at once" if margin is None and n > 1 else "95 %"
    why = f"{whole.words(level)} ({held}), paired over {len(whole.items):,} items of {about}"
    parts = [whole, *(tasks if len(tasks) > 1 else ())]
    worse = [part for part in parts if part.interval(at_once).high < 0]
    why += "".join(f"; {task.name} is {task.words(at_once)}" for task in worse if task is not whole)
    too_far = margin is not None and whole.interval(CONFIDENCE).low <= -margin
    why += f"; the lower end is not above -{margin:g}" if too_far else ""
    open_ = [part for part in parts if part.interval(at_once).high + part.worst - part.value < 0]
    if open_ and not (worse or too_far):
        return _broken(
            pillar, baseline, f"{why}; were its {len(open_[0].lost)} unscored items 0, {open_[0].name} would be worse"
        )
    return Gate(gate=_name(pillar, baseline), passed=not (worse or too_far), why=why, against=baseline.name)


def _name(pillar: str, baseline: Baseline) -> str:
    return f"{pillar} not worse than {baseline.name}"


def _broken(pillar: str, baseline: Baseline, why: str) -> Gate:
    return Gate(gate=_name(pillar, baseline), passed=False, why=why, broken=True, against=baseline.name)


def _by_item(lines: Sequence[JournalLine]) -> dict[str, JournalLine]:
    """The lines of items, canaries left out, by the item's id, which ends with the arm."""
    return {line.item: line for line in lines if line.kind == "item"}


def _arms(baseline: Baseline, plan: Plan) -> tuple[list[Arm], str]:
    """The arms that both runs have, in the order of the plan; and in words those that one of them has alone."""
    here, there = list(plan.by_arm), list(baseline.plan.by_arm)
    alone = [(arm, "of this run alone") for arm in here if arm not in there]
    alone += [(arm, f"of {baseline.name} alone") for arm in there if arm not in here]
    words = ", ".join(f"{arm.suffix} ({whose})" for arm, whose in alone)
    return [arm for arm in here if arm in there], f"; not compared: {words}" if words else ""


def _changes(baseline: Baseline, plan: Plan, lines: Mapping[str, JournalLine]) -> dict[str, list[HeadlineChange]]:
    """The changes of the tasks that both ran, by pillar in the order of display."""
    alike = [
        (baseline.lines[item], line)
        for item, line in lines.items()
        if item in baseline.lines and _asked_alike(baseline.lines[item], line)
    ]
    return changes_by_pillar(baseline.shared(plan), alike, plan=plan)


def _asked_alike(there: JournalLine, here: JournalLine) -> bool:
    """Whether a line answers the same question; one that failed before it was asked has no question to differ in."""
    return there.status == "scored" and (here.prompt_hash == there.prompt_hash or here.status == "unscored")


def _in_words(value: object) -> str:
    return ", ".join(value) or "nobody" if isinstance(value, tuple) else str(value)
