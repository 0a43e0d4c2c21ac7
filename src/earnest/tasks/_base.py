"""What every task is.

A task turns rows of data into items, an answer into a verdict, and the journal's lines of one arm into measures. It
knows no model, no attack and no defence; the engine asks, in whatever arms the plan has. The embedded probe set and a
user's own folder reach it in one form, a `Manifest`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import Goal, Manifest
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome
from earnest.registry import Registry
from earnest.results import Measure, rate

tasks = Registry("tasks")


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
        Values of `label` of which at least one must occur; empty: labels are not looked at.
    """

    columns: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class Task(abc.ABC):
    """Base of the tasks; subclasses are frozen keyword-only dataclasses under `@tasks.register(name)`."""

    name: ClassVar[str] = ""
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

    def missing(self, data: Manifest) -> str | None:
        """What `data` lacks for this task, in words; None where it can run."""
        usable = self.usable(data)
        if usable:
            return None
        needs = [f"filled columns {', '.join(self.requires.columns)}"] if self.requires.columns else []
        needs += [f"role among {', '.join(self.requires.roles)}"] if self.requires.roles else []
        needs += [f"label among {', '.join(self.requires.labels)}"] if self.requires.labels else []
        return f"no row has {' and '.join(needs) or 'audio'}"

    def usable(self, data: Manifest) -> list:
        """The rows of `data` that meet `requires`."""
        has_roles = any(entry.role for entry in data.entries)
        return [
            entry
            for entry in data.entries
            if all(entry.value(column) for column in self.requires.columns)
            and (not self.requires.roles or not has_roles or entry.role in self.requires.roles)
            and (not self.requires.labels or entry.label in self.requires.labels)
        ]

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        """The measures of one arm's lines, the headline first; by default the mean score by Wilson's interval."""
        return [rate(lines, metric=self.headline, headline=True, baseline=self.baseline)]
