"""From an arm's specifications to the system that is asked, and the attack that is made on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from earnest.errors import AccessDenied
from earnest.models.access import Model, Sampling, System
from earnest.plan import Plan
from earnest.records import Arm
from earnest.registry import missing_extra, registry


@dataclass(frozen=True)
class Setup:
    """The system of an arm, and the attack on it, if any."""

    system: System
    attack: Any


def setups(plan: Plan, arms: Iterable[Arm], *, model: Model, sampling: Sampling) -> dict[Arm, Setup]:
    """The setup of each arm.

    Raises
    ------
    AccessDenied
        If an attack needs more than the model grants.
    MissingExtra
        If the model would grant it with an extra that is not installed.
    UnknownName, BadParameter
        If a specification names nothing that there is.
    """
    return {arm: _setup(plan, arm, model, sampling) for arm in dict.fromkeys(arms)}


def _setup(plan: Plan, arm: Arm, model: Model, sampling: Sampling) -> Setup:
    specs = plan.defences if arm.defence == "+".join(plan.defences) else (arm.defence or "").split("+")
    defences = tuple(registry("defences").make(spec) for spec in specs if spec)
    attack = registry("attacks").make(arm.attack) if arm.attack else None
    needs = getattr(attack, "needs", None)
    if needs in model.access_with:
        raise missing_extra(model.access_with[needs], needed_by=f"attack {arm.attack!r} on {model.name!r}")
    if needs is not None and needs not in model.access:
        raise AccessDenied(
            f"attack {arm.attack!r} needs {needs} access, but {model.name!r} grants {', '.join(sorted(model.access))} only; "
            "choose another attack, or a model that runs here"
        )
    return Setup(System(model, defences, plan.seed, sampling), attack)
