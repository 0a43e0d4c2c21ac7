"""A run's plan: everything that decides its numbers, written before the first call.

Two runs with equal plans must give equal numbers; a run folder resumes only under the plan it was begun with. What
only changes speed (connections, batch size, cache) is no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from earnest.arms import Arm, old_attack
from earnest.errors import BadData, EarnestError, PlanMismatch
from earnest.registry import parse_spec, registry
from earnest.run_folder import file_in, read_form, write_whole

Power = Literal["none", "responses", "scores", "gradients", "activations"]
"""What an attack is granted of the system that it is built on."""

GOALS: Mapping[str, str] = {
    "corruption": "none: sound gets worse by itself",
    "adversarial": "another answer, by a change that is hard to hear",
    "jailbreak": "an answer to a harmful request",
    "covert": "an instruction obeyed that nobody hears",
    "backdoor": "a behaviour that a trigger sets off",
}
"""What attacks of each family are after."""


class PlannedArm(BaseModel):
    """A condition in which items are asked: who attacks with what, and what stands before the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attack: str | None = Field(default=None, description="Specification of the attack, or null: no attack.")
    crafted_on: str | None = Field(
        default=None,
        description="What the attack is built on: null, the system that is asked; `undefended`, its model alone; else the "
        "specification of another model.",
    )
    defences: tuple[str, ...] = Field(default=(), description="Specifications of the defences, in order.")
    access: Power | None = Field(default=None, description="What the attack needs of what it is built on.")
    family: str | None = Field(
        default=None, description="`corruption`, `adversarial`, `jailbreak`, `covert`, `backdoor`."
    )
    goal: str = Field(default="", description="What the attacker wants, in words, where all items want the same.")
    max_queries: int | None = Field(default=None, description="Most queries of an item's search; null: not bounded.")

    @property
    def arm(self) -> Arm:
        """What its lines are known by."""
        return Arm(attack=self.attack, crafted_on=self.crafted_on, defences=self.defences)

    @classmethod
    def of(cls, arm: Arm) -> PlannedArm:
        """The arm with what its attack says of itself, as far as it is installed here."""
        plugin = None if arm.attack is None else _attack(arm.attack)
        family, limit = getattr(plugin, "family", None), getattr(plugin, "most_queries", None)
        return cls(
            attack=arm.attack,
            crafted_on=arm.crafted_on,
            defences=arm.defences,
            access="none" if family == "corruption" else getattr(plugin, "needs", None),
            family=family,
            goal=GOALS.get(family or "", ""),
            max_queries=limit if isinstance(limit, int) else None,
        )


def _attack(spec: str) -> Any:
    """The attack; None where no package brings it, or the one that does was not loaded."""
    attacks = registry("attacks")
    try:
        return None if attacks.waits(parse_spec(spec).name) else attacks.make(spec)
    except EarnestError:
        return None


class PlannedTask(BaseModel):
    """A task of the plan with what it asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="What the suite calls it: items, journal lines, findings and gates go by this name.")
    task: str = Field(
        default="", description="Registered name of the task, where the suite calls it otherwise; else empty."
    )
    pillar: str
    version: int
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters that the suite or the run gives it, those at their default left out.",
    )
    n_items: int = Field(ge=0, description="Items in the clean arm.")
    seen: int = Field(
        default=0,
        ge=0,
        description="Of these, items whose row, speaker or text an artefact was fitted to; they are in no number.",
    )
    not_run: str | None = Field(default=None, description="Why the task was left out; null where it runs.")
    beyond: dict[str, int] = Field(
        default_factory=dict, description="Items that the model was not made to be asked, by why; they are left out."
    )
    own_arms: tuple[PlannedArm, ...] = Field(
        default=(),
        description="Attacks that are part of the task; their items are among `n_items`, and count in the run's own arms.",
    )
    unattacked: tuple[str, ...] = Field(default=(), description="Attacks in whose arms its items are not asked.")
    unserved: dict[str, str] = Field(
        default_factory=dict, description="Sub-tasks that the task could serve and the data does not allow, with why."
    )
    subtasks: dict[str, int] = Field(
        default_factory=dict,
        description="Items by sub-task (`robustness/noise_interference`), also where it is not run.",
    )

    @property
    def registered(self) -> str:
        """The name under which the task is registered."""
        return self.task or self.name


class LearntField(BaseModel):
    """A field of the request that an endpoint was found to refuse, and what is sent in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="Specification of the model or judge.")
    field: str
    instead: str = Field(description="What is sent in its place, or `left out`.")
    said: str = Field(description="The endpoint's own words.")

    def __str__(self) -> str:
        how = "left out" if self.instead == "left out" else f"sent as {self.instead}"
        return f"{self.model} refuses {self.field} as it was sent, which is {how} from then on ({self.said})"


class Plan(BaseModel):
    """Everything that decides the numbers of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    earnest: str = Field(description="Version of earnest.")
    suite: str
    suite_version: int
    model: str
    name: str = Field(
        default="",
        description="What the model is called for readers; empty: its specification. No number depends on it.",
    )
    fingerprint: str = Field(description="What tells this model from others of its name: weights' hash, address.")
    data: str = Field(description="`probe`, the name of the folder, or an address of the hub with its commit.")
    data_digest: str = Field(description="SHA-256 of the manifest, or of the embedded probe set's.")
    tasks: tuple[PlannedTask, ...]
    arms: tuple[PlannedArm, ...] = Field(
        default=(PlannedArm(),), description="The conditions in which items are asked, the clean one first."
    )
    judges: tuple[str, ...] = ()
    judge_hears: bool = Field(default=False, description="Whether judges are given the recordings.")
    guards: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="By the specification of a defence that asks models: their specifications, with their fingerprints.",
    )
    judge_fingerprints: dict[str, str] = Field(
        default_factory=dict,
        description="Fingerprints of the judges, where a defence asks models: what a judge decides behind a guard that is "
        "the same model is in no number.",
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Sampling parameters of every call.")
    seed: int = 0
    limit: int | None = None
    shard: str | None = Field(default=None, description="`2/8`: the second of eight parts.")
    items_digest: str = Field(description="SHA-256 of every item's id in order.")
    destination: str | None = Field(default=None, description="Hosts to which recordings are sent; null: none.")
    model_options: dict[str, str] = Field(
        default_factory=dict, description="Options of the model that may move its answers, as they were written."
    )
    judge_options: dict[str, str] = Field(default_factory=dict, description="The same of every judge.")
    artefacts: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="What was fitted and is used, by SHA-256: kind, specification, and where it comes from.",
    )
    plugins: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of each file that was loaded with --plugin, by the name of its module.",
    )
    learnt: tuple[LearntField, ...] = Field(
        default=(),
        description="What endpoints were found to refuse. It is found out by asking, and is no part of what is compared.",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, fields: Any) -> Any:
        """A plan as versions before 0.3 wrote it: one attack, one stack of defences, and the arms that follow."""
        if not isinstance(fields, dict) or "arms" in fields or not {"attack", "transfer", "defences"} & fields.keys():
            return fields
        rest = {name: value for name, value in fields.items() if name not in ("attack", "transfer", "defences")}
        arms = _old_arms(fields)
        attacks = tuple(dict.fromkeys(arm.attack for arm in arms if arm.attack is not None))
        tasks = [_old_task(task, attacks) for task in fields.get("tasks") or ()]
        return {**rest, "tasks": tasks, "arms": tuple(map(PlannedArm.of, arms))}

    def arms_of(self, task: PlannedTask) -> list[Arm]:
        """The arms in which a task is asked."""
        return [one.arm for one in self.arms if one.attack is None or one.attack not in task.unattacked]

    @property
    def attacks(self) -> tuple[str, ...]:
        """Every attack of its arms, once."""
        return tuple(dict.fromkeys(one.attack for one in self.arms if one.attack is not None))

    @property
    def stacks(self) -> tuple[tuple[str, ...], ...]:
        """Every stack of defences of its arms, once."""
        return tuple(dict.fromkeys(one.defences for one in self.arms if one.defences))

    @property
    def by_arm(self) -> dict[Arm, PlannedArm]:
        """What is planned, by what lines are known by."""
        return {one.arm: one for one in self.arms}

    @property
    def asks_own_model(self) -> bool:
        """Whether its model comes with earnest, so that it may be asked again because a folder names it."""
        return is_own(self.model)

    @property
    def shown_model(self) -> str:
        """The model as readers are told of it: its name, or its specification."""
        return self.name or self.model

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, without its name for readers and what was found out later."""
        left_out = {
            "learnt",
            "name",
            *(
                name
                for name in ("model_options", "judge_options", "artefacts", "plugins", "guards", "judge_fingerprints")
                if not getattr(self, name)
            ),
        }
        return hashlib.sha256(self.model_dump_json(exclude=left_out).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write `plan.json` into `folder`, or check that the one there is equal; one without a name keeps what it has.

        Raises
        ------
        PlanMismatch
            If `folder` holds another plan; the message names every difference.
        """
        path = folder / "plan.json"
        if path.exists():
            there = Plan.read(folder)
            differences = there.differences(self)
            if differences:
                raise PlanMismatch(
                    f"{folder} holds a run with another plan: {'; '.join(differences)}; "
                    "give the same options to resume it, or another --out"
                )
            if self.name in ("", there.name):
                return
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode())

    def with_learnt(self, learnt: Iterable[LearntField]) -> Plan:
        """The same plan, with what endpoints were found to refuse."""
        by_field = {(one.model, one.field): one for one in (*self.learnt, *learnt)}
        return self.model_copy(update={"learnt": tuple(by_field[key] for key in sorted(by_field))})

    def rewrite(self, folder: Path) -> None:
        """Write `plan.json` anew, over the one that holds an equal plan."""
        write_whole(folder / "plan.json", (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of a run folder.

        Raises
        ------
        BadData
            If there is none, or it cannot be read.
        """
        path = file_in(folder, "plan.json")
        try:
            return read_form(path, cls, called="a plan")
        except FileNotFoundError as error:
            raise BadData(f"{folder} is no run folder: it has no plan.json; make one with `earnest run`") from error

    def differences(self, other: Plan) -> list[str]:
        """What `other` has otherwise: `seed is 0 there, 1 here`; of tasks only the names that differ."""
        mine, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        told = [
            f"{key} is {mine[key]!r} there, {theirs[key]!r} here"
            for key in mine
            if mine[key] != theirs[key] and key not in ("tasks", "items_digest", "learnt", "name")
        ]
        one, two = ({task["name"]: task for task in dumped["tasks"]} for dumped in (mine, theirs))
        tasks = {name for name in {*one, *two} if one.get(name) != two.get(name)}
        if tasks:
            told.append(f"the tasks or their items differ: {', '.join(sorted(tasks))}")
        return told or (["the items differ"] if self.items_digest != other.items_digest else [])


def is_own(model: str) -> bool:
    """Whether a specification is of a model that comes with earnest."""
    return model == "earnest/reference" or model.startswith("scripted/")


def old_stacks(folder: Path) -> dict[str, tuple[str, ...]]:
    """The stacks of defences of a run folder's plan, if it has one, by how journal lines before version 0.3 write them."""
    if not (folder / "plan.json").is_file():
        return {}
    return {"+".join(stack): stack for stack in Plan.read(folder).stacks}


def _old_arms(fields: dict[str, Any]) -> list[Arm]:
    """The arms of a plan that has one attack and one stack of defences: clean, attacked, defended, both, transferred."""
    defences = tuple(map(str, fields.get("defences") or ()))
    attacks: list[dict[str, Any]] = [{}]
    if fields.get("attack"):
        attacks.append(old_attack(fields["attack"]))
    arms = [Arm(**attack, defences=stack) for stack in dict.fromkeys(((), defences)) for attack in attacks]
    if fields.get("transfer") and defences:
        arms.append(Arm(**old_attack(fields["transfer"]), defences=defences))
    return arms


def _old_task(fields: Any, attacks: tuple[str, ...]) -> Any:
    """A task of such a plan, which says of all attacks at once whether it is attacked."""
    if not isinstance(fields, dict) or "attacked" not in fields:
        return fields
    rest = {name: value for name, value in fields.items() if name != "attacked"}
    return {**rest, "unattacked": () if fields["attacked"] else attacks}
