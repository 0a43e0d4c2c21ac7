"""What every task is.

A task turns rows of data into items, an answer into a verdict, and the journal's lines of one arm into measures. It
knows no model, no attack and no defence; the engine asks, in whatever arms the plan has. The embedded probe set and a
user's own folder reach it in one form, a `Manifest`.

A *block* is what a shard must not part: a clip with its noisy versions, both orders of a pair. A limit takes of each
block what belongs to every *condition* (the clean clip) and one condition. A *stratum* is what a limit keeps in
balance: the label, the group.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from earnest.audio import Entry, Goal, Manifest
from earnest.audio.manifest import OPTIONAL_COLUMNS
from earnest.models.access import Answer, Hears
from earnest.plan import Plan
from earnest.records import Item, JournalLine, Outcome
from earnest.registry import Registry
from earnest.results import Finding, Measure, rate
from earnest.tasks._labels import canonical

tasks = Registry("tasks")

NEEDS: Mapping[Hears, str] = {"words": "the words", "voice": "the voice", "sound": "sounds other than words"}
"""How what a task is about is called."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """What a manifest must offer for a task to run on it.

    Parameters
    ----------
    columns : tuple of str
        Columns that a row must have filled to be used.
    roles : tuple of str
        Values of `role` that a row must have; empty: any row. A manifest without the column `role` is taken whole.
    labels : tuple of str
        Values of `label` that a row must have, synonyms included; empty: labels are not looked at.
    not_labels : tuple of str
        Values of `label` that a row without a role must not have.
    """

    columns: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()

    def met_by(self, entry: Entry) -> bool:
        """Whether a row has what is asked; a row without a role is judged by its columns and label."""
        for column in self.columns:
            if not entry.value(column):
                return False
        if not (self.roles or self.labels or self.not_labels):
            return True
        label = canonical(entry.label)
        if entry.role is None and label in self.not_labels:
            return False
        if entry.role is not None and self.roles and entry.role not in self.roles:
            return False
        return not self.labels or label in self.labels

    def __str__(self) -> str:
        columns = [column for column in self.columns if not (column == "label" and self.labels)]
        parts = [f"a value in the {_plural('column', columns)} {', '.join(columns)}"] if columns else []
        parts += [f"the label {' or '.join(self.labels)}"] if self.labels else []
        parts += [f"the role {' or '.join(self.roles)} (or no role)"] if self.roles else []
        return " and ".join(parts) or "audio"


class Task(abc.ABC):
    """Base of the tasks; subclasses are frozen keyword-only dataclasses under `@tasks.register(name)`."""

    name: ClassVar[str] = ""
    """What it is registered as; of a task that a suite gave a name of its own (`called`), that name."""
    pillar: ClassVar[str]
    title: ClassVar[str]
    """What it asks, in a few words, for a heading."""
    source: ClassVar[str]
    """Catalogue key of the work that it follows."""
    version: ClassVar[int] = 1
    """Raised by any change that can move a number."""
    headline: ClassVar[str]
    """Name of the headline metric: a rate on [0, 1], higher is better."""
    baseline: ClassVar[float | None] = None
    """The headline of chance, or of a model that does nothing."""
    requires: ClassVar[Requirement] = Requirement()
    design: ClassVar[str] = ""
    """What the rows must offer together, beyond what each row must have, in words."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Columns that it makes use of without asking every row for them."""
    subtask: ClassVar[str] = ""
    """Key in `earnest.pillars.SUBTASKS` of the sub-task that its items belong to; empty: none."""
    layout: ClassVar[str] = "manifest"
    """Form of the data that it reads, as suites name it; items of another form than a manifest are the official ones."""
    needs: ClassVar[Hears] = "words"
    """What of the sound it is about; a model that gets words alone is not asked about voices or sounds."""
    takes: ClassVar[Literal["words", "value", "comparison"]] = "words"
    """What it reads: answers in words, or (of detectors) numbers."""
    together: ClassVar[Callable[[Plan, Sequence[JournalLine]], list[Finding]] | None] = None
    """What the tasks of its benchmark give together, from a plan and its lines: a `staticmethod`, the same for all of them."""
    across: ClassVar[bool] = False
    """Whether it asks nothing of its own, and its measures are made of the lines of all other tasks."""
    single_clip: ClassVar[bool] = True
    """Whether its items have one clip each, so that any corruption can be put on them."""

    goals_kept: ClassVar[bool] = False
    """Whether its items have goals for those attacks alone that name it (`Attack.only`); others leave it as it is."""

    def called(self, name: str) -> Self:
        """The same task under another name, by which its items, lines and findings go."""
        twin = copy.copy(self)
        object.__setattr__(twin, "name", name)  # tasks are frozen, and the name is no parameter
        return twin

    @property
    def registered(self) -> str:
        """The name under which it is registered."""
        return type(self).name

    def beside(self, others: Mapping[str, Any]) -> Self:
        """The task with the tasks of its run by name, None for one that is not here; what reads `across` needs them."""
        return self

    @abc.abstractmethod
    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        """The items that `data` allows, in an order that depends on `data` and `seed` alone.

        Ids are `<task>/<sample>` or `<task>/<sample>/<variant>`. No audio is decoded here.
        """

    @abc.abstractmethod
    def score(self, item: Item, answer: Answer) -> Outcome:
        """A verdict; or why there is none; or what a judge must decide."""

    def goal(self, item: Item) -> Goal | None:
        """What an attacker would want of this item, or None where there is nothing to want."""
        return None

    @property
    def has_goals(self) -> bool:
        """Whether any attacker wants something of its items; not where goals are kept for some."""
        return type(self).goal is not Task.goal and not self.goals_kept

    @property
    def uses(self) -> tuple[str, ...]:
        """Columns that it makes use of."""
        return (*self.requires.columns, *(("label",) if self.requires.labels else ()), *self.reads)

    def subtask_of(self, item: Item) -> str:
        """The sub-task that an item belongs to, where a task serves several; empty: none."""
        return self.subtask

    def needs_of(self, item: Item) -> Hears:
        """What of the sound an item is about: the words, the voice, or sounds other than speech; by default `needs`."""
        return self.needs

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        """Which of its pillar's sides (`earnest.pillars.Pillar.sides`) an item with this truth is on; empty: none."""
        return ()

    def block(self, item: Item) -> str:
        """What a limit or a shard keeps together; by default all variants of a row."""
        return item.sample

    def condition(self, item: Item) -> str:
        """Under which of several conditions a block's row is asked; empty: under none, or as the control of all.

        A limit takes many rows, each with its control and one of its conditions in turn, rather than few rows under all.
        """
        return ""

    def stratum(self, item: Item) -> str:
        """What a limit keeps in balance; by default the label."""
        return str(item.truth.get("label", ""))

    def missing(self, data: Manifest) -> str | None:
        """What `data` lacks for this task, in words; None where it can run."""
        return self.items_or_lack(data, seed=0)[1]

    def items_or_lack(self, data: Manifest, *, seed: int) -> tuple[list[Item], str | None]:
        """The items, or none and what is lacking; the items are made once."""
        lack = self.lacking(data)
        if lack is None and self.across:
            return [], None
        found = [] if lack is not None else self.items(data, seed=seed)
        return found, lack if found or lack else f"no {self.design or 'item'} among the rows"

    def lacking(self, data: Manifest) -> str | None:
        """What a row, or this installation, lacks before any item is made; None where items may be made."""
        return None if self._rows_of(data) else f"no row has {self.requires}"

    def unserved(self, data: Manifest) -> dict[str, str]:
        """Why `data` allows no item of a sub-task that the task could serve, by sub-task; empty: none is left out."""
        return {}

    def usable(self, data: Manifest) -> list[Entry]:
        """The rows of `data` that meet `requires`."""
        return list(self._rows_of(data))

    def _rows_of(self, data: Manifest) -> tuple[Entry, ...]:
        requires = self.requires
        return data.once(("rows", requires), lambda: _meeting(requires, data))

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        """The measures of one arm's lines, the headline first; by default the mean score."""
        return [rate(lines, metric=self.headline, headline=True, baseline=self.baseline)]


def _meeting(requires: Requirement, data: Manifest) -> tuple[Entry, ...]:
    """The rows that meet a requirement, which is looked at once for rows that are alike in all that it looks at."""
    kinds = data.once(("kinds of rows",), lambda: [_kind_of(entry) for entry in data.entries])
    met: dict[Hashable, bool] = {}
    for entry, kind in zip(data.entries, kinds, strict=True):
        if kind not in met:
            met[kind] = requires.met_by(entry)
    return tuple(entry for entry, kind in zip(data.entries, kinds, strict=True) if met[kind])


def _kind_of(entry: Entry) -> Hashable:
    """Role, label and the columns that have a value: all that a requirement looks at."""
    columns = [column for column in OPTIONAL_COLUMNS if getattr(entry, column)]
    others = [column for column, value in entry.attributes.items() if value]
    return entry.role, entry.label, *columns, *others


def _plural(noun: str, things: Sequence[str]) -> str:
    return noun if len(things) == 1 else noun + "s"
