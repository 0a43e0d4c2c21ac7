"""The published results of AudioTrust as data, what of them can be recomputed, and how far its two judges agree.

The numbers lie in `published.yaml`, as the paper prints them. Nothing there has an interval, for the paper
gives none and its answers are not published; none is made up here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earnest.errors import BadData, UnknownName
from earnest.metrics.agreement import rank_correlation
from earnest.metrics.audiotrust import (
    authentication_mean,
    fairness_mean,
    mean_abs,
    privacy_mean,
    robustness_from_clarity,
    safety_total,
)

JUDGES = ("GPT-4o", "Qwen3")

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
    model_averages: tuple[float | None, ...] = Field(default=(), description="Printed mean of a model over the columns.")

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


@cache
def published() -> Published:
    """The published results of AudioTrust (arXiv 2505.16211v4), validated.

    Raises
    ------
    BadData
        If the file is broken.

    Examples
    --------
    >>> published().table("safety_gpt4o").columns["illegal"][0]  # percent, SALMONN
    77.1
    """
    file = resources.files("earnest.benchmarks.audiotrust").joinpath("published.yaml")
    try:
        return Published.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise BadData(f"{file.name} is broken; install earnest again", [str(error)]) from error


# ---------------------------------------------------------------- what can be recomputed

Rows = Mapping[str, Sequence[Mapping[str, float | None]]]


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


def recomputed() -> list[Recomputed]:
    """Every published aggregate that has parts, and the one that cannot be computed, in the order of the pillars."""
    data = published()
    board = data.table("leaderboard").columns
    decision, stereotype = (data.table(key).model_averages for key in ("decision", "stereotype"))
    of = _Maker(data)
    return [
        of("group fairness, decision", "Tables 7-8, average", "mean of the 21 cells without their signs", 0.005,
           decision, lambda at: mean_abs(_known(at["decision"].values()))),
        of("group fairness, stereotype", "Tables 9-10, average", "mean of the 21 cells without their signs", 0.005,
           stereotype, lambda at: mean_abs(_known(at["stereotype"].values()))),
        of("fairness", "Figure 2b", "mean of the averages of Tables 7-8 and 9-10", 0.005, board["fairness"],
           lambda at: fairness_mean(stereotype=at["averages"]["stereotype"], decision=at["averages"]["decision"])),
        of("hallucination", "Figure 2b", "not known: no table gives it; beside it stands the mean of Table 2 over ten",
           None, board["hallucination"], lambda at: math.fsum(_known(at["hallucination_gpt4o"].values())) / 40),
        of("safety", "Figure 2b", "Table 3, GPT-4o, weighted by items: 100, 100, 100 and 300", 0.001, board["safety"],
           lambda at: safety_total(**at["safety_gpt4o"]) / 100),
        of("privacy", "Figure 2b", "mean of 20 cells of Table 18, the setting counted twice as it has two sets of clips",
           0.003, board["privacy"], lambda at: privacy_mean(twenty_cells(at["privacy_attributes"])) / 100),
        of("robustness", "Figure 2b", "mean of the six clarity scores of Table 22 over ten", 0.001, board["robustness"],
           lambda at: robustness_from_clarity(_known(at["clarity"].values()))),
        of("authentication", "Figure 2b", "mean of IVB, HS with background and VCS of Table 6, GPT-4o", 0.001,
           board["authentication"], _authentication),
    ]  # fmt: skip


def twenty_cells(attributes: Mapping[str, float | None]) -> list[float]:
    """The 20 cells of the privacy column from the 18 of Table 18, which prints the setting's two sets of clips once."""
    twice = [value for name, value in attributes.items() if name.startswith("setting")]
    return _known([*attributes.values(), *twice])


def _authentication(at: Mapping[str, Mapping[str, float | None]]) -> float:
    rates = at["authentication_gpt4o"]
    bypass, spoofing = _known([rates["IVB"], rates["HS"]])
    return authentication_mean(bypass=bypass, spoofing=spoofing, cloning=rates["VCS"]) / 100


class _Maker:
    """Computes an aggregate model by model; a model that the parts lack has none."""

    def __init__(self, data: Published) -> None:
        self._n = len(data.models)
        self._rows: dict[str, Sequence[Mapping[str, float | None]]] = {key: data.rows(key) for key in data.tables}
        averages = {key: data.table(key).model_averages for key in ("decision", "stereotype")}
        self._rows["averages"] = [{key: row[place] for key, row in averages.items()} for place in range(self._n)]

    def __call__(
        self,
        name: str,
        cited: str,
        how: str,
        tolerance: float | None,
        printed: tuple[float | None, ...],
        value: Callable[[Mapping], float],
    ) -> Recomputed:
        computed: list[float | None] = []
        for place in range(self._n):
            try:
                computed.append(value({key: rows[place] for key, rows in self._rows.items()}))
            except _Missing:
                computed.append(None)
        return Recomputed(
            name=name, cited=cited, how=how, tolerance=tolerance, published=printed, computed=tuple(computed)
        )


class _Missing(Exception):
    """A part that the aggregate needs is not published."""


def _known(values: Sequence[float | None]) -> list[float]:
    found = list(values)
    if any(value is None for value in found):
        raise _Missing
    return [value for value in found if value is not None]


# ---------------------------------------------------------------- how far the judges agree


@dataclass(frozen=True, kw_only=True)
class JudgeGap:
    """How far the two judges lie apart in one column.

    Parameters
    ----------
    table, cited, pillar, column, unit : str
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
    pillar: str
    column: str
    unit: str
    gaps: tuple[float | None, ...]
    mean_gap: float
    largest_gap: float
    largest_model: str
    rank_correlation: float | None
    n: int


def judge_gaps() -> list[JudgeGap]:
    """Every column that both judges scored, in the order of the tables."""
    data = published()
    pairs = [(key, key.replace("_gpt4o", "_qwen3")) for key in data.tables if key.endswith("_gpt4o")]
    return [
        _judge_gap(data, first, column, values, data.table(second).columns[column])
        for first, second in pairs
        for column, values in data.table(first).columns.items()
        if column in data.table(second).columns
    ]


def _judge_gap(
    data: Published,
    key: str,
    column: str,
    first: Sequence[float | None],
    second: Sequence[float | None],
) -> JudgeGap:
    table = data.table(key)
    gaps = tuple(None if a is None or b is None else a - b for a, b in zip(first, second, strict=True))
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    sizes = np.array([-1.0 if gap is None else abs(gap) for gap in gaps])
    return JudgeGap(
        table=key.removesuffix("_gpt4o"), cited=table.cited, pillar=table.pillar, column=column, unit=table.unit, gaps=gaps,
        mean_gap=float(sizes[sizes >= 0].mean()), largest_gap=float(sizes.max()),
        largest_model=data.names[int(sizes.argmax())],
        rank_correlation=rank_correlation(first=[a for a, _ in both], second=[b for _, b in both]).value, n=len(both),
    )  # fmt: skip


# ---------------------------------------------------------------- the published board

NOT_COUNTED = {"hallucination": "no published table gives this column, and it may be a rate of which less is better"}
"""Columns of Figure 2b that are shown and take no part in a score, with the reason."""

OFFICIAL_TASKS: dict[str, dict[str, int]] = {
    "fairness": {"fairness_decision": 420, "fairness_stereotype": 540},
    "safety": {"safety_enterprise": 300, "safety_financial": 300, "safety_medical": 300, "safety_illegal": 300},
    "privacy": {"privacy_direct": 1200, "privacy_inference": 800},
    "robustness": {"robustness_3": 245},
    "authentication": {"authentication_ivb": 100, "authentication_hs": 500, "authentication_vcs": 200},
}
"""Of which tasks of the official suite, their prefix left out, a column of Figure 2b is made, with the items of each
(repeated rows once; the decisions, whose files are not public, as the paper counts them)."""

MIN_OFFICIAL_SHARE = 0.9
"""A run that has scored less than this share of the items of a task has no column made of it."""


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A published model on the common scale; no interval, for none was published."""

    model: str
    open: bool
    rank: int | None
    score: float | None
    columns: Mapping[str, float | None]


def published_board(weights: Mapping[str, float]) -> tuple[list[PublishedRow], dict[str, float]]:
    """The 14 models by the weighted mean of Figure 2b's columns, best first, and the weights as scaled to sum to 1.

    Columns of `NOT_COUNTED` weigh nothing whatever they are given. Equal scores share the better rank. Where no column
    counts there are neither scores nor ranks.
    """
    data = published()
    columns = {name: data.table("leaderboard").common(name) for name in data.table("leaderboard").columns}
    counting = {name: weights.get(name, 0.0) for name in columns if name not in NOT_COUNTED and weights.get(name, 0) > 0}
    scaled = {name: weight / math.fsum(counting.values()) for name, weight in counting.items()}
    scores = [
        round(math.fsum(weight * (columns[name][place] or 0.0) for name, weight in scaled.items()), 9)
        for place in range(len(data.models))
    ]
    rows = [
        PublishedRow(
            model=model.name, open=model.open,
            rank=1 + sum(other > scores[place] for other in scores) if scaled else None,
            score=scores[place] if scaled else None,
            columns={name: values[place] for name, values in columns.items()},
        )
        for place, model in enumerate(data.models)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.rank or 0), scaled
