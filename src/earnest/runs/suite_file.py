"""What a suite is, and how it is read: every fault at once, before anything is asked."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from earnest.errors import BadData, BadParameter, UnknownName, did_you_mean
from earnest.pillars import PILLARS
from earnest.registry import Registry, Spec
from earnest.run_folder import faults_of, read_text
from earnest.tasks._base import Task, tasks

FOLDER = Path(__file__).parent / "suites"

NAME = re.compile("[A-Za-z0-9_]+")
"""What a suite may call a task: no sign that parts an item's id, a finding's id or a gate."""

suites = Registry("suites")
"""What gives a suite, by name; another package may register a function of its own that returns one."""


class SuiteTask(BaseModel):
    """A task of a suite, with its parameters; in YAML its name alone will do.

    A suite may hold one task several times, with other parameters each, if each has a `name` of its own beside `task`.
    Items, journal lines, findings and gates go by the name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="What it is called in this suite.")
    task: str = Field(default="", description="Registered name of the task, where `name` is not it.")
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, fields: Any) -> Any:
        """Hyphens are underscores; a task without a name of its own is called what it is."""
        if not isinstance(fields, Mapping):
            return fields
        names = {key: fields[key].replace("-", "_") for key in ("name", "task") if isinstance(fields.get(key), str)}
        names = {"name": names.get("task", ""), **names} if names.get("task") else names
        return {**fields, **names, **({"task": ""} if names.get("task") == names.get("name") else {})}

    @property
    def registered(self) -> str:
        """The name under which the task is registered."""
        return self.task or self.name

    def built(self) -> Task:
        """The task with its parameters, under its name in the suite.

        Raises
        ------
        BadParameter
            If it does not take a parameter, or its name is no name, or another task's.
        UnknownName
            If there is no such task.
        """
        task: Task = tasks.make(Spec(self.registered, self.parameters))
        if not self.task:
            return task
        if not NAME.fullmatch(self.name):
            raise BadParameter(
                f"a task's own name must be of letters, digits and underscores, got {self.name[:100]!r}; rename it"
            )
        if self.name in tasks.names():
            raise BadParameter(
                f"{self.name!r} is another task, and cannot be what {self.task!r} is called; choose another name"
            )
        own: Task = task.called(self.name)
        return own


class Suite(BaseModel):
    """Tasks that are run together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int = Field(ge=1, description="Raised whenever a task is added, left out, or gets other parameters.")
    title: str = ""
    layout: Literal["manifest", "audiotrust"] = Field(
        default="manifest", description="Form of the data: a manifest, or the official files of AudioTrust."
    )
    limit: int | None = Field(
        default=None, ge=1, description="At most so many items of each task, where a run asks for no other limit."
    )
    tasks: tuple[SuiteTask, ...] = Field(min_length=1)

    @field_validator("tasks", mode="before")
    @classmethod
    def _names(cls, entries: Any) -> Any:
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            return entries
        return [{"name": entry} if isinstance(entry, str) else entry for entry in entries]

    @classmethod
    def read(cls, suite: str | Path) -> Suite:
        """The suite of that name (`core`), or the one in a YAML file.

        Raises
        ------
        UnknownName
            If there is no such suite and no such file.
        BadData
            If the file is no suite, with every fault of its form.
        """
        named = _named(suite) if isinstance(suite, str) else None
        if named is not None:
            return named()
        path = Path(suite)
        if not _is_file(path):
            raise UnknownName(
                f"no suite is called {str(suite)[:100]!r}, and no such file is there{did_you_mean(str(suite)[:100], suite_names()) or ';'} "
                f"the suites are {', '.join(suite_names())}"
            )
        content = _content(path)
        if not isinstance(content, Mapping):
            raise BadData(f"{path} must hold name, version and tasks, got {type(content).__name__}")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise BadData(f"{path} cannot be read as a suite; mend", faults_of(error)) from error


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Values as they are written: no aliases, by which a small file holds more than any memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.get_event()
            raise yaml.composer.ComposerError(
                None, None, "an alias has no place in a suite; write it out", event.start_mark
            )
        return super().compose_node(parent, index)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, a zero byte
        return False


def _content(path: Path) -> Any:
    text = read_text(path)
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506  (derived from the safe one)
    except RecursionError as error:
        raise BadData(f"{path} must be YAML in UTF-8, and is nested too deep; a suite has three levels") from error
    except (yaml.YAMLError, ValueError, LookupError, OverflowError) as error:
        raise BadData(f"{path} must be YAML in UTF-8", [" ".join(str(error).split())[:300]]) from error


def judged_as_published(suite: Suite) -> Suite:
    """The suite with the faults of its published judging kept (`judging: faithful`).

    Raises
    ------
    BadParameter
        If none of its tasks can be judged in two ways.
    """
    there = [entry for entry in suite.tasks if entry.registered in tasks.names()]
    able = {entry.name for entry in there if "judging" in _parameters(entry.registered)}
    if not able:
        raise BadParameter(f"suite {suite.name!r} has no published judging to be faithful to; leave out --faithful")
    entries = [
        entry.model_copy(update={"parameters": {**entry.parameters, "judging": "faithful"}})
        if entry.name in able
        else entry
        for entry in suite.tasks
    ]
    return suite.model_copy(update={"tasks": tuple(entries)})


def _parameters(name: str) -> set[str]:
    return {entry.name for entry in dataclasses.fields(tasks.get(name))}


def suite_names() -> list[str]:
    """Every suite that can be run by its name."""
    return suites.names()


def resolve(suite: Suite, *, task: Sequence[str] = (), pillar: Sequence[str] = ()) -> list[Task]:
    """The tasks of a suite, built; only those named by `task` and only those of a `pillar`, where any are given.

    Raises
    ------
    BadData
        With every fault: tasks that there are not, parameters that they do not take, tasks that come twice, a task or
        pillar asked for that the suite has not, a task that is of none of the pillars asked for.
    """
    task, pillar = [name.replace("-", "_") for name in task], [name.replace("-", "_") for name in pillar]
    built, faults = _built(suite)
    faults += _not_there(suite, task=task, pillar=pillar, built=built)
    if faults:
        raise BadData(f"suite {suite.name!r} cannot be run", faults)
    return [found for found in built if (not task or found.name in task) and (not pillar or found.pillar in pillar)]


def _built(suite: Suite) -> tuple[list[Task], list[str]]:
    built, faults = [], []
    for entry in suite.tasks:
        try:
            built.append(entry.built())
        except (BadParameter, UnknownName) as error:
            faults.append(f"{entry.name}: {error}")
    twice = [name for name, n in Counter(entry.name for entry in suite.tasks).items() if n > 1]
    return built, faults + [
        f"{name}: comes more than once; give each its own name, as in `{{name: {name}_again, task: {name}}}`"
        for name in twice
    ]


def _not_there(suite: Suite, *, task: Sequence[str], pillar: Sequence[str], built: Sequence[Task]) -> list[str]:
    names, pillars = [entry.name for entry in suite.tasks], {found.pillar for found in built}
    faults = [
        f"{name}: no task of this suite{did_you_mean(name, names) or ';'} it has {', '.join(names)}"
        for name in task
        if name not in names
    ]
    for name in pillar:
        if name not in PILLARS:
            faults.append(f"{name}: no pillar{did_you_mean(name, PILLARS) or ';'} the pillars are {', '.join(PILLARS)}")
        elif name not in pillars:
            faults.append(f"{name}: no task of this suite is of that pillar")
    outside = [found for found in built if pillar and found.name in task and found.pillar not in pillar]
    faults += [
        f"{found.name}: of the pillar {found.pillar}, which was not asked for; add it, or leave the task out"
        for found in outside
    ]
    return faults


def _named(suite: str) -> Callable[[], Suite] | None:
    """What is registered under a name; None where nothing is."""
    name = suite.replace("-", "_")
    return suites.get(name) if name in suites.names() else None


def _reader(path: Path) -> Callable[[], Suite]:
    def read() -> Suite:
        return Suite.read(path)

    read.__qualname__ = f"suite_{path.stem}"
    read.__doc__ = f"The tasks of runs/suites/{path.name}."
    return read


for _file in sorted(FOLDER.glob("*.yaml")):
    suites.register(_file.stem)(_reader(_file))
