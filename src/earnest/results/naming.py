"""What a measure is called and under whose attack it holds, once it is tied to a run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from earnest import registry
from earnest.errors import EarnestError
from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.records import Arm
from earnest.results.finding import Finding, ThreatModel
from earnest.results.measures import Measure


@dataclass(frozen=True)
class Place:
    """Where a measure belongs: a task in one arm of a plan."""

    plan: Plan
    pillar: str
    task: str
    arm: Arm

    def finding(self, measure: Measure) -> Finding:
        """The measure as a finding of this place, with the sums that it was made of.

        Under an attack of a family that a defence of the arm was fitted to, the note says so.
        """
        seen = SEEN_FAMILY if family_seen(self.plan, self.arm) else ""
        found = Finding(
            id=finding_id(self.pillar, self.task, measure, arm=self.arm),
            pillar=self.pillar,
            task=self.task,
            metric=measure.metric,
            value=measure.value,
            low=measure.low,
            high=measure.high,
            n_scored=measure.n_scored,
            n_unscored=measure.n_unscored,
            unscored=dict(measure.unscored),
            worst_low=measure.worst_low,
            worst_high=measure.worst_high,
            higher_is_better=measure.higher_is_better,
            unit=measure.unit,
            baseline=measure.baseline,
            model=self.plan.model,
            data=self.plan.data,
            threat_model=threat_model(self.plan, self.arm),
            headline=measure.headline,
            interval=measure.interval,
            note="; ".join(part for part in (measure.note, seen) if part),
            group=measure.group,
            level=measure.level,
        )
        return found.with_sums(measure.sums)


def finding_id(pillar: str, task: str, measure: Measure, *, arm: Arm) -> str:
    """`pillar.task.metric`, then `[group]`, `[level]` and the arm's suffix, as far as there are any."""
    parts = f"{pillar}.{task}.{measure.metric}"
    if measure.group is not None:
        parts += f"[{measure.group}]"
    if measure.level is not None:
        parts += f"[{measure.level:g}]" if isinstance(measure.level, (int, float)) else f"[{measure.level}]"
    return parts + arm.suffix


def threat_model(plan: Plan, arm: Arm) -> ThreatModel:
    """Who attacks in `arm`, with what access, and whether the attack was built against the defence, as the plan says."""
    if arm.attack is None:
        return ThreatModel(defences=arm.defences)
    planned = plan.by_arm.get(arm) or PlannedArm(attack=arm.attack)
    return ThreatModel(
        attack=arm.attack,
        crafted_on=arm.crafted_on,
        defences=arm.defences,
        access=planned.access or "responses",
        knows_defence=not arm.transferred if arm.defences else None,
        goal=planned.goal,
    )


def with_missing(measure: Measure, n_missing: int) -> Measure:
    """The measure with `n_missing` planned items that were never asked counted as unscored, in its worst case too."""
    return measure.with_unscored(n_missing, reason="not_run")


def numbered(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, a second one of the same id called `id#2`, so that every id is unique."""
    seen: dict[str, int] = {}
    unique = []
    for finding in findings:
        seen[finding.id] = seen.get(finding.id, 0) + 1
        twin = seen[finding.id] > 1
        unique.append(finding.model_copy(update={"id": f"{finding.id}#{seen[finding.id]}"}) if twin else finding)
    return unique


def task_of(planned: PlannedTask) -> Any | None:
    """The task of a plan, made of its registered name and its parameters, under the name that the plan gives it.

    None where a report is made without the package that brought it, or where that was not loaded, or where the task
    that is installed here does not take these parameters.
    """
    if _registered("tasks", planned.registered) is None:
        return None
    try:
        task = registry.registry("tasks").make(registry.Spec(planned.registered, planned.parameters))
    except EarnestError:
        return None
    return task.called(planned.name) if planned.task and hasattr(task, "called") else task


def tasks_of(plan: Plan) -> dict[str, Any | None]:
    """The tasks of a plan by name; None where one is not here. What reads all lines is given the others."""
    made = {planned.name: task_of(planned) for planned in plan.tasks}
    return {name: task.beside(made) if hasattr(task, "beside") else task for name, task in made.items()}


def tell_unloaded(plan: Plan) -> None:
    """Warn of what a plan names of other packages' plug-ins that are installed here and were not loaded.

    A run folder is data: only a user's own word loads them.
    """
    named = [
        *(("tasks", task.registered) for task in plan.tasks),
        *(("attacks", registry.parse_spec(spec).name) for spec in plan.attacks),
        *(("defences", registry.parse_spec(spec).name) for stack in plan.stacks for spec in stack),
    ]
    waiting = list(dict.fromkeys(name for kind, name in named if registry.registry(kind).waits(name)))
    if waiting:
        options = " ".join(f"--plugin {name}" for name in waiting)
        warnings.warn(
            f"the run names plug-ins of other packages, and was read without them: {', '.join(waiting)}; if you trust the "
            f"packages, give {options}, or call earnest.registry.load_plugin",
            stacklevel=2,
        )


Sides = Callable[[Mapping[str, Any]], tuple[str, ...]]
"""Which sides of its pillar an item's truth is on."""


def sides_of(task: Any | None, *, version: int | None = None) -> Sides | None:
    """What tells which sides an item's truth is on; None where no task is here that does, or only in another version."""
    if task is None or (version is not None and getattr(task, "version", version) != version):
        return None
    return getattr(task, "sides", None)


SEEN_FAMILY = "the defence was fitted to attacks of this family"
"""What a finding says that tells nothing of attacks which a defence has not seen."""


def family_seen(plan: Plan, arm: Arm) -> bool:
    """Whether a defence of an arm was fitted to attacks of the family of the arm's attack (`families` of its artefact)."""
    planned = plan.by_arm.get(arm)
    if planned is None or planned.family is None:
        return False
    fitted = [str(registry.parse_spec(spec).parameters.get("artefact", "")) for spec in arm.defences]
    about = [plan.artefacts.get(sha, {}).get("about", {}) for sha in fitted if sha]
    return any(planned.family in (facts.get("families") or ()) for facts in about if isinstance(facts, dict))


def _registered(kind: str, name: str) -> Any | None:
    """What is registered; None where a report is made without the package that brought it, or that was not loaded."""
    return registry.registry(kind).known(name)
