"""A run's plan: everything that decides its numbers, written before the first call.

Two runs with equal plans must give equal numbers; a run folder resumes only under the plan it was begun with. What
only changes speed (connections, batch size, cache) is no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earnest.errors import BadData, PlanMismatch
from earnest.run_folder import file_in, read_form, write_whole


class PlannedTask(BaseModel):
    """A task of the plan with what it asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="What the suite calls it: items, journal lines, findings and gates go by this name.")
    task: str = Field(default="", description="Registered name of the task, where the suite calls it otherwise; else empty.")
    pillar: str
    version: int
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Parameters that the suite or the run gives it, those at their default left out."
    )
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
    name: str = Field(default="", description="What the model is called for readers; empty: its specification. No number depends on it.")
    fingerprint: str = Field(description="What tells this model from others of its name: weights' hash, address.")
    data: str = Field(description="`probe`, or the name of the folder.")
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
    model_options: dict[str, str] = Field(
        default_factory=dict, description="Options of the model that may move its answers, as they were written."
    )
    judge_options: dict[str, str] = Field(default_factory=dict, description="The same of every judge.")
    learnt: tuple[LearntField, ...] = Field(
        default=(), description="What endpoints were found to refuse. It is found out by asking, and is no part of what is compared."
    )

    @property
    def arms(self) -> tuple[tuple[str | None, str | None], ...]:
        """(attack, defence) of each arm, as far as the plan has them: clean, attacked, defended, both, transferred."""
        defence = "+".join(self.defences) or None
        attacks = (None, self.attack) if self.attack else (None,)
        defences = (None, defence) if defence else (None,)
        transferred = ((self.transfer, defence),) if self.transfer and defence else ()
        return (*((a, d) for d in defences for a in attacks), *transferred)

    @property
    def asks_own_model(self) -> bool:
        """Whether its model comes with earnest, so that it may be asked again because a folder names it."""
        return self.model == "earnest/reference" or self.model.startswith("scripted/")

    @property
    def shown_model(self) -> str:
        """The model as readers are told of it: its name, or its specification."""
        return self.name or self.model

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, without its name for readers and what was found out later."""
        left_out = {"learnt", "name", *(name for name in ("model_options", "judge_options") if not getattr(self, name))}
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
        one, two = ({task.name: task for task in plan.tasks} for plan in (self, other))
        tasks = {name for name in {*one, *two} if one.get(name) != two.get(name)}
        if tasks:
            told.append(f"the tasks or their items differ: {', '.join(sorted(tasks))}")
        return told or (["the items differ"] if self.items_digest != other.items_digest else [])
