"""A run's plan: everything that decides its numbers, written before the first call.

Two runs with equal plans must give equal numbers; a run folder resumes only under the plan it was begun with. What
only changes speed (connections, batch size, cache) is no part of it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earnest.errors import BadData, PlanMismatch


class PlannedTask(BaseModel):
    """A task of the plan with what it asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    pillar: str
    version: int
    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters that the suite or the run gives it.")
    n_items: int = Field(ge=0, description="Items in the clean arm.")
    not_run: str | None = Field(default=None, description="Why the task was left out; null where it runs.")
    beyond: dict[str, int] = Field(
        default_factory=dict, description="Items that the model was not made to be asked, by why; they are left out."
    )
    attacked: bool = Field(default=True, description="Whether its items are asked in the attacked arms, if any.")
    unserved: dict[str, str] = Field(
        default_factory=dict, description="Sub-tasks that the task could serve and the data does not allow, with why."
    )
    subtasks: dict[str, int] = Field(
        default_factory=dict, description="Items by sub-task (`robustness/noise_interference`), also where it is not run."
    )


class Plan(BaseModel):
    """Everything that decides the numbers of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    earnest: str = Field(description="Version of earnest.")
    suite: str
    suite_version: int
    model: str
    fingerprint: str = Field(description="What tells this model from others of its name: weights' hash, address.")
    data: str = Field(description="`probe`, the name of the folder, or an address of the hub with its commit.")
    data_digest: str = Field(description="SHA-256 of the manifest, or of the embedded probe set's.")
    tasks: tuple[PlannedTask, ...]
    attack: str | None = None
    transfer: str | None = Field(
        default=None, description="The attack made on the undefended model, asked beside the one that knows the defence."
    )
    defences: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    judge_hears: bool = Field(default=False, description="Whether judges are given the recordings.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Sampling parameters of every call.")
    seed: int = 0
    limit: int | None = None
    shard: str | None = Field(default=None, description="`2/8`: the second of eight parts.")
    items_digest: str = Field(description="SHA-256 of every item's id in order.")
    destination: str | None = Field(default=None, description="Hosts to which recordings are sent; null: none.")

    @property
    def arms(self) -> tuple[tuple[str | None, str | None], ...]:
        """(attack, defence) of each arm, as far as the plan has them: clean, attacked, defended, both, transferred."""
        defence = "+".join(self.defences) or None
        attacks = (None, self.attack) if self.attack else (None,)
        defences = (None, defence) if defence else (None,)
        transferred = ((self.transfer, defence),) if self.transfer and defence else ()
        return (*((a, d) for d in defences for a in attacks), *transferred)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write `plan.json` into `folder`, or check that the one there is equal.

        Raises
        ------
        PlanMismatch
            If `folder` holds another plan; the message names every difference.
        """
        path = folder / "plan.json"
        if path.exists():
            differences = Plan.read(folder).differences(self)
            if differences:
                raise PlanMismatch(
                    f"{folder} holds a run with another plan: {'; '.join(differences)}; "
                    "give the same options to resume it, or another --out"
                )
            return
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".json.partial")
        partial.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of a run folder.

        Raises
        ------
        BadData
            If there is none, or it cannot be read.
        """
        path = folder / "plan.json"
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadData(f"{folder} is no run folder: it has no plan.json; make one with `earnest run`") from error
        except ValueError as error:
            raise BadData(f"{path} cannot be read as a plan", [str(error)]) from error

    def differences(self, other: Plan) -> list[str]:
        """What `other` has otherwise: `seed is 0 there, 1 here`; of tasks only the names that differ."""
        mine, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        told = [
            f"{key} is {mine[key]!r} there, {theirs[key]!r} here"
            for key in mine
            if mine[key] != theirs[key] and key not in ("tasks", "items_digest")
        ]
        one, two = ({task.name: task for task in plan.tasks} for plan in (self, other))
        tasks = {name for name in {*one, *two} if one.get(name) != two.get(name)}
        if tasks:
            told.append(f"the tasks or their items differ: {', '.join(sorted(tasks))}")
        return told or (["the items differ"] if self.items_digest != other.items_digest else [])
