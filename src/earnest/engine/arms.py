"""From an arm's specifications to the system that is asked, and the attack that is made on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from earnest.arms import UNDEFENDED
from earnest.errors import AccessDenied
from earnest.models.access import Model, Sampling, System
from earnest.plan import Plan
from earnest.records import Arm
from earnest.registry import missing_extra, registry


@dataclass(frozen=True)
class Setup:
    """The system of an arm, the attack on it, if any, and what that is built on, where it is not the system.

    Parameters
    ----------
    system : System
    attack : Attack or None
    crafted_on : System or None
        Another system that the attack is built on; None: the one that is asked.
    """

    system: System
    attack: Any = None
    crafted_on: System | None = None


def setups(
    plan: Plan,
    arms: Iterable[Arm],
    *,
    model: Model,
    sampling: Sampling,
    others: Mapping[str, Model] | None = None,
    guards: Mapping[str, Model] | None = None,
) -> dict[Arm, Setup]:
    """The setup of each arm; by specification `others`, models that attacks are built on or that write for them, and `guards`,
    models that defences ask.

    Raises
    ------
    AccessDenied
        If an attack needs more than the model that it is built on grants.
    MissingExtra
        If the model would grant it with an extra that is not installed, or an attack says that it lacks something (`ready`).
    UnknownName, BadParameter
        If a specification names nothing that there is.
    """
    return {arm: _setup(plan, arm, model, others or {}, guards or {}, sampling) for arm in dict.fromkeys(arms)}


def guards_of(arms: Iterable[Arm]) -> dict[str, tuple[str, ...]]:
    """By specification the defences of arms that ask models, with those that each asks; an empty one is the model itself."""
    specs = dict.fromkeys(spec for arm in arms for spec in arm.defences)
    asks = {spec: tuple(getattr(registry("defences").make(spec), "asks", ())) for spec in specs}
    return {spec: models for spec, models in asks.items() if models}


def _setup(
    plan: Plan,
    arm: Arm,
    model: Model,
    others: Mapping[str, Model],
    guards: Mapping[str, Model],
    sampling: Sampling,
) -> Setup:
    defences = tuple(registry("defences").make(spec) for spec in arm.defences)
    system = System(model, defences, plan.seed, sampling, guards)
    system.inner  # noqa: B018  (what its defences do inside the model is set up here, once)
    if arm.attack is None:
        return Setup(system)
    attack = registry("attacks").make(arm.attack)
    if writers := getattr(attack, "writers", ()):
        attack = attack.lent({spec: others[spec] for spec in writers if spec in others})
    crafted_on = None
    if arm.crafted_on is not None:
        built_on = model if arm.crafted_on == UNDEFENDED else others[arm.crafted_on]
        crafted_on = System(built_on, (), plan.seed, sampling)
    _check_access(arm, attack, (crafted_on or system).model)
    if hasattr(attack, "ready"):
        attack.ready()
    taken = getattr(attack, "taken", None)
    for each in (system, crafted_on) if taken is not None else ():
        if each is not None:  # what the attack and its control do inside the model is set up here too
            _ = taken(each).inner, taken(each, control=True).inner
    return Setup(system, attack, crafted_on)


def _check_access(arm: Arm, attack: Any, model: Model) -> None:
    needs = getattr(attack, "needs", None)
    if needs in model.access_with:
        raise missing_extra(model.access_with[needs], needed_by=f"attack {arm.attack!r} on {model.name!r}")
    if needs is not None and needs not in model.access:
        raise AccessDenied(
            f"attack {arm.attack!r} needs {needs} access, but {model.name!r} grants {', '.join(sorted(model.access))} only; "
            "choose another attack, or a model that runs here"
        )
