"""What endpoints were found to refuse, from one sitting of a run to the next: it is kept in the run's plan.

A refusal is no answer, so that whatever was answered was asked alike; the plan says how.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from earnest.models.access import Learnt, Model
from earnest.plan import LearntField, Plan


def recall(folder: Path, models: Iterable[Model]) -> None:
    """Have models ask as an earlier sitting of the run in `folder` learnt to."""
    if not (folder / "plan.json").is_file():
        return
    learnt = Plan.read(folder).learnt
    for model in models:
        fields = {one.field: Learnt(instead=one.instead, said=one.said) for one in learnt if one.model == model.name}
        if fields:
            model.recall(fields)


def learnt_by(models: Iterable[Model]) -> tuple[LearntField, ...]:
    """What models have learnt so far, each field once."""
    found = {
        (model.name, field): LearntField(model=model.name, field=field, instead=one.instead, said=one.said)
        for model in models
        for field, one in model.learnt.items()
    }
    return tuple(found[key] for key in sorted(found))


def keep(folder: Path, learnt: tuple[LearntField, ...]) -> None:
    """Write what was learnt into the plan of the run in `folder`; a plan that says so already stays as it is."""
    plan = Plan.read(folder)
    told = plan.with_learnt(learnt)
    if told != plan:
        told.rewrite(folder)
