"""Published results as data: tables as they are printed, what of them can be recomputed, and how far two judges agree.

Nothing here has an interval, for none was published; none is made up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from earnest.errors import UnknownName
from earnest.metrics.agreement import rank_correlation

SCALES = {"fraction": 1.0, "percent": 100.0, "points of 10": 10.0}
"""What full marks are in each unit; dividing by it gives the common scale."""

ROUNDING = 1e-9
"""Printed numbers are decimal, ours binary."""


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedModel(_Read):
    """A model of the paper, and whether its weights are open."""

    name: str
    open: bool


class Table(_Read):
    """One table of the paper as one judge gives it: a number for each column and model."""

    number: str = Field(description="Of the table in the paper: `2`, `7-8`, `Figure 2b`.")
    title: str
    pillar: str = Field(description="Key of the pillar, or `all`.")
    unit: Literal["fraction", "percent", "points of 10"]
    judge: str | None = Field(default=None, description="Model that judged; null: counted, or not said.")
    higher_is_better: bool | None
    note: str = ""
    columns: dict[str, tuple[float | None, ...]] = Field(description="One number a model, in the order of the models.")
    averages: dict[str, float] = Field(default_factory=dict, description="Printed mean of a column over the models.")
    model_averages: tuple[float | None, ...] = Field(
        default=(), description="Printed mean of a model over the columns."
    )

    @property
    def cited(self) -> str:
        """Where it stands: `Table 2`, `Figure 2b`."""
        if not self.number[0].isdigit():
            return self.number
        return f"Tables {self.number}" if "-" in self.number else f"Table {self.number}"

    @property
    def conversion(self) -> str:
        """How a number of the table becomes one on the common scale, 0 to 1 and higher is better."""
        divided = "as printed" if self.unit == "fraction" else f"divided by {SCALES[self.unit]:g}"
        return f"1 minus it, {divided}, at least 0" if self.higher_is_better is False else divided

    def common(self, column: str) -> tuple[float | None, ...]:
        """A column on the common scale."""
        scaled = (None if value is None else value / SCALES[self.unit] for value in self.columns[column])
        if self.higher_is_better is False:
            return tuple(None if value is None else max(0.0, 1 - value) for value in scaled)
        return tuple(scaled)


class Disagreement(_Read):
    """One quantity of which the paper, or the paper and the README, print two values."""

    what: str
    model: str
    values: dict[str, float] = Field(description="The value by where it stands.")
    note: str = ""


class SamplingError(_Read):
    """Half of a 95 % interval at a rate of one half: what a difference must exceed to be more than chance."""

    what: str
    n: int
    half_width: float


class Published(_Read):
    """Everything that was transcribed of a benchmark's published results."""

    source: str
    version: str
    date: str
    models: tuple[PublishedModel, ...]
    words: dict[str, str] = Field(description="What the paper's abbreviations stand for.")
    tables: dict[str, Table]
    disagreements: tuple[Disagreement, ...]
    sampling_error: tuple[SamplingError, ...]
    left_out: dict[str, str] = Field(description="Why a table was not transcribed.")

    @model_validator(mode="before")
    @classmethod
    def _date_as_text(cls, values: object) -> object:
        return {**values, "date": str(values.get("date"))} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _whole(self) -> Published:
        n = len(self.models)
        for key, table in self.tables.items():
            rows = {**table.columns, "model_averages": table.model_averages or (None,) * n}
            short = [name for name, values in rows.items() if len(values) != n]
            assert not short, f"table {key!r} must have one number for each of {n} models in {', '.join(short)}"
            assert set(table.averages) <= set(table.columns), f"table {key!r} has averages of columns that it lacks"
        names = {model.name for model in self.models}
        unknown = {one.model for one in self.disagreements} - names
        assert not unknown, f"disagreements name models that are not listed: {', '.join(sorted(unknown))}"
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in their order."""
        return tuple(model.name for model in self.models)

    def table(self, key: str) -> Table:
        """The table called `key`.

        Raises
        ------
        UnknownName
            If there is none.
        """
        if key not in self.tables:
            raise UnknownName(f"no published table is called {key!r}; there are {', '.join(self.tables)}")
        return self.tables[key]

    def rows(self, key: str) -> list[dict[str, float | None]]:
        """The table's numbers by column, model by model."""
        columns = self.table(key).columns
        return [{name: values[place] for name, values in columns.items()} for place in range(len(self.models))]


# ---------------------------------------------------------------- what can be recomputed


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """A published aggregate beside what its published parts give.

    Parameters
    ----------
    name, cited, how : str
        The aggregate, where it stands, and of what it is made.
    tolerance : float or None
        By how much it may differ, rounding included; None: no way to compute it is known.
    published, computed : tuple of float or None
        One a model; None where a part is missing.
    """

    name: str
    cited: str
    how: str
    tolerance: float | None
    published: tuple[float | None, ...]
    computed: tuple[float | None, ...]

    @property
    def gaps(self) -> tuple[float | None, ...]:
        """Computed minus published, one a model."""
        both = zip(self.computed, self.published, strict=True)
        return tuple(None if ours is None or theirs is None else ours - theirs for ours, theirs in both)

    @property
    def n(self) -> int:
        """Models of which both are known."""
        return sum(gap is not None for gap in self.gaps)

    @property
    def largest(self) -> float | None:
        """The largest gap, without its sign."""
        return max((abs(gap) for gap in self.gaps if gap is not None), default=None)

    def within(self) -> tuple[bool | None, ...]:
        """Whether each model's value is reproduced."""
        tolerance = -1.0 if self.tolerance is None else self.tolerance + ROUNDING
        return tuple(None if gap is None else abs(gap) <= tolerance for gap in self.gaps)

    @property
    def n_within(self) -> int:
        """Models whose value is reproduced."""
        return sum(one is True for one in self.within())


# ---------------------------------------------------------------- how far the judges agree


@dataclass(frozen=True, kw_only=True)
class JudgeGap:
    """How far the two judges lie apart in one column.

    Parameters
    ----------
    table, cited, title, pillar, column, unit : str
    gaps : tuple of float or None
        The first judge minus the second, one a model.
    mean_gap, largest_gap : float
        Without signs.
    largest_model : str
    rank_correlation : float or None
        Spearman's, over the models; None where it is undefined.
    n : int
        Models that both judged.
    """

    table: str
    cited: str
    title: str
    pillar: str
    column: str
    unit: str
    gaps: tuple[float | None, ...]
    mean_gap: float
    largest_gap: float
    largest_model: str
    rank_correlation: float | None
    n: int


def judge_gaps(data: Published, pairs: Mapping[str, tuple[str, str]]) -> list[JudgeGap]:
    """Every column that both judges scored, in the order of the tables.

    Parameters
    ----------
    data : Published
    pairs : mapping of str to (str, str)
        What is judged, and the keys of its tables: as the first judge scored the answers, and as the second did.
    """
    return [
        _judge_gap(name, data, data.table(first), column, data.table(second).columns[column])
        for name, (first, second) in pairs.items()
        for column in data.table(first).columns
        if column in data.table(second).columns
    ]


def _judge_gap(name: str, data: Published, table: Table, column: str, second: Sequence[float | None]) -> JudgeGap:
    first = table.columns[column]
    gaps = tuple(None if a is None or b is None else a - b for a, b in zip(first, second, strict=True))
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    sizes = np.array([-1.0 if gap is None else abs(gap) for gap in gaps])
    return JudgeGap(
        table=name,
        cited=table.cited,
        title=table.title,
        pillar=table.pillar,
        column=column,
        unit=table.unit,
        gaps=gaps,
        mean_gap=float(sizes[sizes >= 0].mean()),
        largest_gap=float(sizes.max()),
        largest_model=data.names[int(sizes.argmax())],
        rank_correlation=rank_correlation(first=[a for a, _ in both], second=[b for _, b in both]).value,
        n=len(both),
    )


# ---------------------------------------------------------------- the published board


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A published model on the common scale; no interval, for none was published."""

    model: str
    open: bool
    rank: int | None
    score: float | None
    columns: Mapping[str, float | None]


def published_board(
    data: Published, board: str, weights: Mapping[str, float], *, not_counted: Mapping[str, str]
) -> tuple[list[PublishedRow], dict[str, float]]:
    """The models by the weighted mean of one table's columns, best first, and the weights as scaled to sum to 1.

    Columns of `not_counted` weigh nothing whatever they are given. Equal scores share the better rank. Where no column
    counts there are neither scores nor ranks.

    Parameters
    ----------
    data : Published
    board : str
        Key of the table.
    weights : mapping of str to float
        By column; one that is left out weighs nothing.
    not_counted : mapping of str to str
        Columns that are shown and take no part in a score, with the reason.
    """
    columns = {name: data.table(board).common(name) for name in data.table(board).columns}
    counting = {
        name: weights.get(name, 0.0) for name in columns if name not in not_counted and weights.get(name, 0) > 0
    }
    scaled = {name: weight / math.fsum(counting.values()) for name, weight in counting.items()}
    scores = [
        round(math.fsum(weight * (columns[name][place] or 0.0) for name, weight in scaled.items()), 9)
        for place in range(len(data.models))
    ]
    rows = [
        PublishedRow(
            model=model.name,
            open=model.open,
            rank=1 + sum(other > scores[place] for other in scores) if scaled else None,
            score=scores[place] if scaled else None,
            columns={name: values[place] for name, values in columns.items()},
        )
        for place, model in enumerate(data.models)
    ]
    return sorted(rows, key=lambda row: row.rank or 0), scaled
