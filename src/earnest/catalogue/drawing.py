"""Pictures of the catalogue as SVG: what is covered, and related work by method and date.

Both take their colours from the page's style sheet, so that they follow light and dark, and tell nothing by colour alone.
Every mark is a link with its text as a title. What they show stands as a table or a list beside them.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from earnest.catalogue.coverage import KINDS, Cell, Coverage
from earnest.catalogue.taxonomy import METHODS
from earnest.catalogue.work import Work
from earnest.pillars import PILLARS

CELL_PX, ROW_PX, NAMES_PX, HEAD_PX = 84, 30, 128, 28


def coverage_picture(covered: Coverage) -> str:
    """Pillar by kind: the number of works, the share of them that runs here, and where work is called for."""
    width, height = NAMES_PX + CELL_PX * len(KINDS), HEAD_PX + ROW_PX * len(PILLARS) + 2
    most = max((len(cell.works) for cell in covered.cells), default=1) or 1
    rows = {pillar: place for place, pillar in enumerate(PILLARS)}
    columns = {kind: place for place, kind in enumerate(KINDS)}
    parts = [
        f'<svg class="coverage" viewBox="0 0 {width} {height}" role="group" aria-label="Works by pillar and kind; the table below has the same numbers">'
    ]
    parts += [
        f'<text class="head" x="{NAMES_PX + CELL_PX * (place + 0.5):g}" y="{HEAD_PX - 10}">{escape(kind)}</text>'
        for kind, place in columns.items()
    ]
    parts += [
        f'<text class="name" x="{NAMES_PX - 10}" y="{HEAD_PX + ROW_PX * (place + 0.5) + 4:g}">{escape(pillar)}</text>'
        for pillar, place in rows.items()
    ]
    for cell in covered.cells:
        x, y = NAMES_PX + CELL_PX * columns[cell.kind], HEAD_PX + ROW_PX * rows[cell.pillar]
        parts.append(_cell(cell, x, y, most))
    return "".join([*parts, "</svg>"])


def _cell(cell: Cell, x: float, y: float, most: int) -> str:
    """A box, shaded by how many works there are; the bar at its foot is the share of them that runs here."""
    works, runnable = len(cell.works), len(cell.runnable)
    told = f"{cell.pillar}, {cell.kind}: {works} works, {runnable} run here, {len(cell.evaluated)} evaluated here"
    told += "; a call for work" if cell.called_for else ""
    shade = math.sqrt(works / most)
    inner = CELL_PX - 6
    box = f'<rect class="box" x="{x + 2:g}" y="{y + 2:g}" width="{CELL_PX - 4}" height="{ROW_PX - 4}" rx="4" style="--shade:{shade:.2f}"/>'
    call = (
        f'<rect class="call" x="{x + 2:g}" y="{y + 2:g}" width="{CELL_PX - 4}" height="{ROW_PX - 4}" rx="4"/>'
        if cell.called_for
        else ""
    )
    bar = (
        f'<rect class="runs" x="{x + 3:g}" y="{y + ROW_PX - 7:g}" width="{inner * runnable / works:.1f}" height="4" rx="2"/>'
        if runnable
        else ""
    )
    label = str(works) if works else "–"
    text = f'<text class="count" x="{x + CELL_PX / 2:g}" y="{y + ROW_PX / 2 + 2:g}">{label}</text>'
    drawn = f"{box}{call}{bar}{text}<title>{escape(told)}</title>"
    return f'<a href="#?p={cell.pillar}&amp;k={cell.kind}" tabindex="-1">{drawn}</a>' if works else f"<g>{drawn}</g>"


LANE_PX, LETTER_PX, GAP_PX, LANES_PX, TOP_PX = 17, 6.1, 8, 170, 34
_YEAR_PX = {2024: 260, 2025: 520, 2026: 760}
"""Widths of the crowded years; every other from `_FIRST` on has `_QUIET_PX`, and what is older stands in one column."""
_FIRST, _QUIET_PX, _OLDER_PX = 2017, 110, 90
_OTHER_LANES = {
    "benchmark": "Benchmarks and data", "study": "Studies", "survey": "Surveys", "toolkit": "Toolkits and metrics",
    "model": "Models and what followed them",
}  # fmt: skip  # a table: one row a line
_KIND_OF_LANE = {"benchmark": "benchmark", "dataset": "benchmark", "study": "study", "survey": "survey", "toolkit": "toolkit",
                 "metric": "toolkit", "method": "study", "attack": "study", "defence": "study", "model": "model"}  # fmt: skip  # a table: one row a line


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A work on the map.

    Parameters
    ----------
    work : Work
    lane : str
        A method, or a kind where it has none.
    x, y : float
        Of its mark, in pixels.
    label : str
    """

    work: Work
    lane: str
    x: float
    y: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A method, or a kind, with its works by date.

    Parameters
    ----------
    key, title, about, side : str
    top, height : float
    placed : tuple of Placed
    """

    key: str
    title: str
    about: str
    side: str
    top: float
    height: float
    placed: tuple[Placed, ...]


@dataclass(frozen=True, kw_only=True)
class Map:
    """Works by method and date, and which of them build on which or took the place of which."""

    lanes: tuple[Lane, ...]
    edges: tuple[tuple[str, str, str], ...]
    width: float
    height: float

    @property
    def placed(self) -> dict[str, Placed]:
        """Every work on the map by key."""
        return {one.work.id: one for lane in self.lanes for one in lane.placed}

    @property
    def successions(self) -> list[tuple[Work, Work]]:
        """A work and the one that took its place, the latest first."""
        placed = self.placed
        found = [(placed[old].work, placed[new].work) for kind, old, new in self.edges if kind == "replaced"]
        return sorted(found, key=lambda pair: (day_of(pair[1]), pair[1].id), reverse=True)


def day_of(work: Work) -> datetime.date:
    """Its day; the middle of the month that an arXiv id tells, or of the year, where no day is known.

    >>> day_of(Work(id="earnest2026-toolkit", title="Some work", issued=2026, kind="study", ids={"arxiv": "2605.00001"}))
    datetime.date(2026, 5, 15)
    """
    if not isinstance(work.issued, int):
        return work.issued
    month = re.match(rf"{work.issued % 100:02}(\d\d)", work.ids.arxiv or "")
    return datetime.date(work.issued, int(month[1]), 15) if month else datetime.date(work.issued, 7, 1)


def related_work(works: Mapping[str, Work]) -> Map:
    """The map of the works on trust, of the techniques behind them, and of successions."""
    edges = [("builds", work.id, key) for work in works.values() for key in work.builds_on]
    edges += [("replaced", work.id, key) for work in works.values() for key in work.replaced_by]
    linked = {key for kind, *pair in edges if kind == "replaced" for key in pair}
    shown = [work for work in works.values() if work.trust or work.methods or work.id in linked]
    lanes, top = [], float(TOP_PX)
    for key, title, about, side in _lanes():
        placed, rows = _packed([work for work in shown if lane_of(work) == key], key, top)
        if placed:
            height = rows * LANE_PX + 12
            lanes.append(Lane(key=key, title=title, about=about, side=side, top=top, height=height, placed=placed))
            top += height
    there = {one.work.id for lane in lanes for one in lane.placed}
    kept = tuple(edge for edge in edges if edge[1] in there and edge[2] in there)
    return Map(lanes=tuple(lanes), edges=kept, width=_right_edge() + 120, height=top + 8)


def lane_of(work: Work) -> str:
    """The method that a work stands under on the map, or its kind."""
    return work.methods[0] if work.methods else _KIND_OF_LANE[work.kind[0]]


def _lanes() -> Iterable[tuple[str, str, str, str]]:
    for method in METHODS.values():
        yield method.key, method.key.replace("_", " ").capitalize(), method.about, method.side
    for key, title in _OTHER_LANES.items():
        yield key, title, "", "measurement"


def _packed(works: Sequence[Work], lane: str, top: float) -> tuple[tuple[Placed, ...], int]:
    """The works of a lane in as few rows as their labels need, and how many rows."""
    ends: list[float] = []
    placed = []
    for work in sorted(works, key=lambda work: (day_of(work), work.id)):
        x, label = _x(day_of(work)), label_of(work)
        row = next((place for place, end in enumerate(ends) if end < x), len(ends))
        end = x + 10 + LETTER_PX * len(label) + GAP_PX
        ends[row : row + 1] = [end]
        placed.append(Placed(work=work, lane=lane, x=x, y=top + 12 + row * LANE_PX, label=label))
    return tuple(placed), len(ends)


def label_of(work: Work) -> str:
    """A short name for the map: its own, or first author and year."""
    head, colon, _ = work.title.partition(":")
    for name in (*work.known_as, *([head] if colon else []), work.title):
        if len(name) <= 18:
            return name
    surname = work.id.partition(str(work.year))[0].capitalize()
    return f"{surname} {work.year % 100:02}"


def _x(day: datetime.date) -> float:
    if day.year < _FIRST:
        return LANES_PX + 10.0
    left = LANES_PX + _OLDER_PX + sum(_YEAR_PX.get(year, _QUIET_PX) for year in range(_FIRST, day.year))
    share = (day - datetime.date(day.year, 1, 1)).days / 366
    return round(left + share * _YEAR_PX.get(day.year, _QUIET_PX), 1)


def _right_edge() -> float:
    return _x(datetime.date(max(_YEAR_PX), 12, 31))


def map_picture(drawn: Map, *, page: str = "index.html") -> str:
    """The map as SVG; every mark leads to its work on `page`."""
    left, wide = f"0 0 {LANES_PX} {drawn.height:g}", drawn.width - LANES_PX
    parts = [
        f'<div class="pan"><svg class="map names" viewBox="{left}" width="{LANES_PX}" height="{drawn.height:g}" aria-hidden="true">'
    ]
    for place, lane in enumerate(drawn.lanes):
        parts.append(
            f'{_band(lane, place, 0, LANES_PX)}<text class="lane {lane.side}" x="8" y="{lane.top + 16:g}">{escape(lane.title)}</text>'
        )
    parts.append(
        f'</svg><svg class="map" viewBox="{LANES_PX} 0 {wide:g} {drawn.height:g}" width="{wide:g}" height="{drawn.height:g}" role="group"'
        ' aria-label="Related work by method and date; the lists below hold the same works">'
    )
    parts += [_band(lane, place, LANES_PX, wide) for place, lane in enumerate(drawn.lanes)]
    parts += _years(drawn)
    placed = drawn.placed
    parts += [_edge(kind, placed[old], placed[new]) for kind, old, new in drawn.edges]
    parts += [_mark(one, page) for lane in drawn.lanes for one in lane.placed]
    return "".join([*parts, "</svg></div>"])


def _band(lane: Lane, place: int, x: float, width: float) -> str:
    return f'<rect class="band{" even" if place % 2 else ""}" x="{x:g}" y="{lane.top:g}" width="{width:g}" height="{lane.height:g}"/>'


def _years(drawn: Map) -> list[str]:
    marks = [f'<text class="year" x="{LANES_PX + 10}" y="20">before {_FIRST}</text>']
    for year in range(_FIRST, max(_YEAR_PX) + 1):
        x = _x(datetime.date(year, 1, 1))
        marks.append(
            f'<line class="year" x1="{x:g}" x2="{x:g}" y1="26" y2="{drawn.height:g}"/><text class="year" x="{x + 4:g}" y="20">{year}</text>'
        )
    return marks


def _edge(kind: str, old: Placed, new: Placed) -> str:
    """A line from a work to what it builds on, or to what took its place."""
    told = f"{old.label} builds on {new.label}" if kind == "builds" else f"{old.label} was followed by {new.label}"
    bend, lift = (old.x + new.x) / 2, 12 if old.y == new.y else 0  # within a row it would strike through the labels
    path = f"M{old.x:g},{old.y:g}C{bend:g},{old.y - lift:g} {bend:g},{new.y - lift:g} {new.x:g},{new.y:g}"
    return f'<path class="{kind}" d="{path}"><title>{escape(told)}</title></path>'


def _mark(one: Placed, page: str) -> str:
    work = one.work
    runs = "runs" if work.runs_in_earnest else "rests"
    told = f"{work.title} ({work.issued}; {', '.join(work.kind)})" + ("; runs here" if work.runs_in_earnest else "")
    ring = f'<circle class="{runs}" cx="{one.x:g}" cy="{one.y:g}" r="4.5"/>'
    text = f'<text x="{one.x + 8:g}" y="{one.y + 3.5:g}">{escape(one.label)}</text>'
    return f'<a href="{escape(page)}#{work.id}" tabindex="-1">{ring}{text}<title>{escape(told)}</title></a>'
