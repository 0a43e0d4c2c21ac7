"""What plots show: estimates with their intervals, rows and cells of them, and the finished figure with its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from earnest.report.numbers import UNKNOWN, interval, shown
from earnest.results.finding import Finding

AS_IT_IS, DEFENDED, CONTROL, OTHER_RUN = 0, 1, 2, 3
"""What a mark means where one figure is read beside another, by `Estimate.series`: a circle, a diamond, a square, a triangle."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its interval, drawn as one mark.

    Parameters
    ----------
    value, low, high : float or None
        In the plot's unit; a fraction is in [0, 1].
    n : int
        Scored items that it rests on.
    series : int
        Place of its mark in the legend: a condition, or one of several runs.
    level : float, str or None
        The strength that it was measured at, in a curve.
    verdict : str
        `better`, `worse` or `same`: colours the mark; empty: the colour of its series.
    about : str
        What is said of it besides its numbers when it is pointed at.
    id : str
        The finding's, where it is one.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    series: int = 0
    level: float | str | None = None
    verdict: str = ""
    about: str = ""
    id: str = ""

    @staticmethod
    def of(finding: Finding, *, series: int = 0, about: str = "", verdict: str = "") -> Estimate:
        """The estimate of a finding."""
        return Estimate(
            value=finding.value,
            low=finding.low,
            high=finding.high,
            n=finding.n_scored,
            series=series,
            level=finding.level,
            about=about,
            verdict=verdict,
            id=finding.id,
        )

    @property
    def has_interval(self) -> bool:
        """Whether both of its ends are known."""
        return self.low is not None and self.high is not None

    def written(self, unit: str, *, signed: bool = False) -> tuple[str, str]:
        """Value and interval as a reader sees them; a dash where there is none."""
        width = self.high - self.low if self.low is not None and self.high is not None else None
        return shown(self.value, unit, width=width, signed=signed), interval(self.low, self.high, unit, signed=signed)

    def said(self, row: PlotRow, *, unit: str, signed: bool = False) -> str:
        """What is said when it is pointed at: the row, its numbers, and what it is about."""
        value, ends = self.written(unit, signed=signed)
        told = f"{row.label}: {value}"
        told += f" ({ends})" if self.has_interval else ""
        told += f", n = {self.n:,}" if self.n else ""
        told += f"; chance level {shown(row.chance, unit)}" if row.chance is not None else ""
        return ". ".join(part for part in (told, self.about or row.about) if part)


@dataclass(frozen=True, kw_only=True)
class PlotRow:
    """One row of a plot: its name and its marks.

    Parameters
    ----------
    label : str
    marks : tuple of Estimate
        One a series, in their order; an empty tuple or a value of None is drawn as `absent`.
    chance : float or None
        What guessing would give, or doing nothing.
    heading : str
        Of the block of rows that it belongs to.
    href : str
        Where its label leads, such as `#task-voice_parity`.
    about : str
        What it asks, said when it is pointed at.
    absent : str
        Why it has no mark.
    strong : bool
        Whether its label is set in bold.
    """

    label: str
    marks: tuple[Estimate, ...]
    chance: float | None = None
    heading: str = ""
    href: str = ""
    about: str = ""
    absent: str = ""
    strong: bool = False


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of a plot: its name, and points in rising order of their `level`."""

    name: str
    points: tuple[Estimate, ...]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a plot in a plane.

    Parameters
    ----------
    label : str
    x, y : Estimate
        A value of None on either axis: the point is named and not drawn.
    front : bool
        Whether no other point is better in both.
    """

    label: str
    x: Estimate
    y: Estimate
    front: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a heat map.

    Parameters
    ----------
    value, low, high : float or None
    n : int
        Scored items.
    said : str
        What is said when it is pointed at.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    said: str = ""

    def written(self, unit: str) -> tuple[str, str]:
        """Value and interval; the interval is empty where there is none."""
        value, ends = Estimate(value=self.value, low=self.low, high=self.high).written(unit)
        return value, "" if ends == UNKNOWN else ends


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A plot as a page has it.

    Parameters
    ----------
    name : str
        What a file of it is called, without its ending.
    title : str
    svg : Markup
        The drawing, to be put into a page; `drawing.standalone` makes a file of it.
    header : tuple of str
    rows : tuple of tuple of str
        The same numbers as a table, as they are written.
    vega_lite : str
        The same numbers at full precision as a Vega-Lite specification, JSON.
    """

    name: str
    title: str
    svg: Markup
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    vega_lite: str


def row_table(
    rows: Sequence[PlotRow], *, series: Sequence[str], unit: str, signed: bool, chance_name: str = "", first: str = ""
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and rows of the table of a plot of rows: one line an estimate."""
    several = len(series) > 1
    has_chance = any(row.chance is not None for row in rows)
    header = (
        first,
        *(["condition"] if several else []),
        "value",
        "95 % interval",
        "n",
        *([chance_name] if has_chance else []),
    )
    table = []
    for row in rows:
        for one in row.marks:
            value, ends = one.written(unit, signed=signed)
            condition = [series[one.series]] if several else []
            chance = [shown(row.chance, unit)] if has_chance else []
            table.append((row.label, *condition, value, ends, f"{one.n:,}", *chance))
        if not row.marks:
            blanks = (UNKNOWN,) * (len(header) - 2)
            table.append((row.label, row.absent or UNKNOWN, *blanks))
    return header, tuple(table)


def cell_table(
    rows: Sequence[tuple[str, Sequence[Cell | None]]], *, columns: Sequence[str], unit: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and rows of the table of a heat map."""

    def told(cell: Cell | None) -> str:
        if cell is None or cell.value is None:
            return UNKNOWN
        value, ends = cell.written(unit)
        return f"{value} ({ends}), n = {cell.n:,}" if ends else f"{value}, n = {cell.n:,}"

    return ("", *columns), tuple((label, *map(told, cells)) for label, cells in rows)


__all__ = ["Cell", "Curve", "Estimate", "Figure", "PlotRow", "Point", "cell_table", "row_table"]
