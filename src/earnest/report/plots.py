"""Plots of a report as inline SVG, each with its numbers as a table and as a Vega-Lite specification.

Five kinds: intervals in rows (forest plot, dot plot of groups, ranks), pairs that go from one condition to another,
curves over the strength of a degradation, points in a plane, and a heat map. What is drawn are `Estimate`s; the table and the specification
are made from the same ones, so that none of the three can differ from the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from earnest.errors import BadParameter
from earnest.report import vega
from earnest.report.drawing import (
    LEGEND_PX,
    MARKS,
    TEXT_PX,
    Scale,
    element,
    fitted,
    legend,
    line,
    mark,
    scale,
    svg,
    text,
    text_width,
    tick_text,
    unit_text,
    wrapped,
)
from earnest.report.estimates import Cell, Curve, Estimate, Figure, PlotRow, Point, cell_table, row_table

WIDE_PX, NARROW_PX = 760.0, 360.0
"""Widths of a plot on a desktop and on a phone."""

FEWEST_JOINED = 5
"""The line of a curve is broken at a point over fewer items."""

_ROW_PX, _HEAD_PX = 26.0, 26.0


def interval_plot(
    rows: Sequence[PlotRow],
    *,
    name: str,
    title: str,
    series: Sequence[str] = ("",),
    unit: str = "fraction",
    axis_name: str = "",
    chance_name: str = "chance level",
    width: float = WIDE_PX,
    label_width: float | None = None,
    signed: bool = False,
    ends: tuple[float, float] | None = None,
) -> Figure:
    """Rows of points with their intervals on one axis: a forest plot.

    Parameters
    ----------
    rows : sequence of PlotRow
        In the order of drawing; a row with a new `heading` is preceded by it.
    name : str
        What a file of it is called: letters, digits and `_`.
    title : str
        What it shows, as the name of the image.
    series : sequence of str
        Names of the marks, by `Estimate.series`, empty for those that the plot has none of; a single one gets no legend.
    unit, axis_name : str
        Of the axis.
    chance_name : str
        What the dashed tick of a row's `chance` is called in the legend.
    width : float
        In pixels; under 500 the labels stand above their rows.
    label_width : float or None
        Room for labels left of the axis; None takes what they need, at most 45 %.
    signed : bool
        Whether the values are differences: zero is drawn, numbers bear their sign.
    ends : (float, float) or None
        Ends that the axis must hold, such as the whole of a scale.
    """
    if not rows:
        raise BadParameter("a plot must have a row at least, got none; leave the figure out")
    above = width < 500
    labels = 8.0 if above else (label_width or min(0.45 * width, 16 + max(text_width(row.label) for row in rows)))
    values = [end for row in rows for one in row.marks for end in (one.value, one.low, one.high)]
    values += [row.chance for row in rows] + list(ends or ())
    axis = scale(values, unit=unit, begin=labels + 10, end=width - 18, zero=signed)
    parts, y = _rows(rows, axis, labels=labels, above=above, width=width, unit=unit, signed=signed)
    axis_text = ", ".join(part for part in (axis_name, unit_text(unit, signed=signed)) if part)
    ground = _ground(axis, top=4, bottom=y, name=axis_text, signed=signed)
    height, named = y + 38, [one for one in series if one]
    if len(named) > 1 or any(row.chance is not None for row in rows):
        has_chance = any(row.chance is not None for row in rows)
        key, n_lines = legend(
            series if len(named) > 1 else [], 8, height + 12, width=width, chance=chance_name if has_chance else ""
        )
        parts.append(key)
        height += 3 + LEGEND_PX * n_lines
    header, table = row_table(rows, series=series, unit=unit, signed=signed, chance_name=chance_name)
    return Figure(
        name=name,
        title=title,
        svg=svg(
            ground + Markup("").join(parts), width=width, height=height, title=title, description=_told(header, table)
        ),
        header=header,
        rows=table,
        vega_lite=vega.intervals(rows, series=series, unit=unit, axis_name=axis_text, title=title),
    )


def _rows(
    rows: Sequence[PlotRow], axis: Scale, *, labels: float, above: bool, width: float, unit: str, signed: bool
) -> tuple[list[Markup], float]:
    """The rows from the top downwards, and where they end."""
    parts: list[Markup] = []
    y, heading = 6.0, ""
    for row in rows:
        if row.heading != heading:
            heading = row.heading
            parts.append(text(fitted(heading, width - 16), 8, y + 17, class_="p-head"))
            y += _HEAD_PX
        room = width - 16 if above else labels - 8
        lines = wrapped(row.label, room, most=1 if above else 2)
        tall = _ROW_PX + (14 if above else 0) + 14 * (len(lines) - 1) * (not above)
        tall = max(tall, _ROW_PX * 0.5 + 11 * max(1, len(row.marks)) + (14 if above else 0))
        middle = y + (tall + 14) / 2 if above else y + tall / 2
        parts.append(_label(row, lines, y=y + 13 if above else middle + 4 - 7 * (len(lines) - 1)))
        parts.append(_marks(row, axis, middle, unit=unit, signed=signed))
        y += tall
    return parts, y + 4


def _label(row: PlotRow, lines: Sequence[str], *, y: float) -> Markup:
    """The row's label, leading to what it is about where there is such a place."""
    kind = "p-strong" if row.strong else None
    written = Markup("").join(text(one, 8, y + 14 * place, class_=kind) for place, one in enumerate(lines))
    if not row.href:
        return written
    shown = Markup("").join(text(one, 8, y + 14 * place, class_="p-link") for place, one in enumerate(lines))
    return element("a", shown, href=row.href)


def _marks(row: PlotRow, axis: Scale, y: float, *, unit: str, signed: bool) -> Markup:
    parts = []
    if row.chance is not None:
        x = axis.at(row.chance)
        parts.append(line(x, y - 10, x, y + 10, class_="p-chance"))
    drawn = [one for one in row.marks if one.value is not None]
    if not drawn:
        parts.append(text(row.absent or "no value", axis.begin + 4, y + 4, class_="p-small"))
    for place, one in enumerate(drawn):
        at = y + 11 * (place - (len(drawn) - 1) / 2)
        parts.append(_estimate(one, row, axis, at, unit=unit, signed=signed))
    return Markup("").join(parts)


def _estimate(one: Estimate, row: PlotRow, axis: Scale, y: float, *, unit: str, signed: bool) -> Markup:
    """A mark with its interval, and what is said of it when it is pointed at."""
    hover = element("title", one.said(row, unit=unit, signed=signed))
    span = [line(axis.at(one.low), y, axis.at(one.high), y, class_="p-range")] if one.has_interval else []  # type: ignore[arg-type]
    kind = one.verdict and f"p-{one.verdict}" or f"p-s{one.series % len(MARKS)}"
    return element("g", hover, *span, mark(one.series, axis.at(one.value), y), class_=kind)  # type: ignore[arg-type]


def _ground(axis: Scale, *, top: float, bottom: float, name: str, signed: bool) -> Markup:
    """Grid, ticks and the name of an axis that runs from left to right."""
    parts = []
    for value in axis.ticks:
        x = axis.at(value)
        parts.append(line(x, top, x, bottom, class_="p-zero" if signed and value == 0 else "p-grid"))
        parts.append(
            text(tick_text(value, axis.unit, signed=signed), x, bottom + 15, anchor="middle", class_="p-small")
        )
    parts.append(text(name, axis.end, bottom + 31, anchor="end", class_="p-small"))
    return Markup("").join(parts)


def slope_plot(
    rows: Sequence[PlotRow],
    *,
    name: str,
    title: str,
    sides: tuple[str, str],
    unit: str = "fraction",
    width: float = NARROW_PX,
    height: float = 300.0,
) -> Figure:
    """Pairs joined by a line: what each row was on the first side, and what it is on the second.

    Parameters
    ----------
    rows : sequence of PlotRow
        Of two marks each, the first side's and the second's. A mark's `verdict` (`better`, `worse`, `same`) colours the row.
    name, title : str
        As in `interval_plot`.
    sides : (str, str)
        Names of the two sides.
    unit : str
    width, height : float
        In pixels.
    """
    pairs = [row for row in rows if len(row.marks) == 2 and all(one.value is not None for one in row.marks)]
    if not pairs:
        raise BadParameter("a plot of pairs must have a row of two values at least, got none; leave the figure out")
    values = [end for row in pairs for one in row.marks for end in (one.value, one.low, one.high)]
    axis = scale(values, unit=unit, begin=height - 26, end=30)
    room = width * (0.45 if width > 500 else 0.4)
    left, right = 64.0, width - room
    parts = [text(side, x, 16, anchor="middle", class_="p-head") for side, x in zip(sides, (left, right), strict=True)]
    for value in axis.ticks:
        parts.append(line(left, axis.at(value), right, axis.at(value), class_="p-grid"))
        parts.append(text(tick_text(value, unit), left - 12, axis.at(value) + 4, anchor="end", class_="p-small"))
    parts.append(text(unit_text(unit), left - 12, 16, anchor="end", class_="p-small"))
    places = _spread([axis.at(row.marks[1].value) for row in pairs], low=24, high=height - 18)  # type: ignore[arg-type]
    for row, label_y in zip(pairs, places, strict=True):
        parts.append(_slope(row, axis, left=left, right=right, label_y=label_y, room=room - 18, unit=unit))
    placed = [
        replace(row, marks=tuple(replace(one, series=place) for place, one in enumerate(row.marks))) for row in pairs
    ]
    header, table = row_table(placed, series=sides, unit=unit, signed=False, chance_name="chance level")
    return Figure(
        name=name,
        title=title,
        svg=svg(Markup("").join(parts), width=width, height=height, title=title, description=_told(header, table)),
        header=header,
        rows=table,
        vega_lite=vega.slopes(pairs, sides=sides, unit=unit, title=title),
    )


def _slope(row: PlotRow, axis: Scale, *, left: float, right: float, label_y: float, room: float, unit: str) -> Markup:
    first, second = row.marks
    kind = f"p-{second.verdict}" if second.verdict else "p-s0"
    ends = [(left, first), (right, second)]
    parts = [line(left, axis.at(first.value), right, axis.at(second.value), class_="p-curve")]  # type: ignore[arg-type]
    for x, one in ends:
        span = [line(x, axis.at(one.low), x, axis.at(one.high), class_="p-range")] if one.has_interval else []  # type: ignore[arg-type]
        hover = element("title", one.said(row, unit=unit, signed=False))
        parts.append(element("g", hover, *span, mark(one.series, x, axis.at(one.value))))  # type: ignore[arg-type]
    label = text(fitted(row.label, room), right + 14, label_y + 4, class_="p-link" if row.href else None)
    return element("g", *parts, element("a", label, href=row.href) if row.href else label, class_=kind)


def _spread(wanted: Sequence[float], *, low: float, high: float, apart: float = 14.0) -> list[float]:
    """Heights near those wanted and at least `apart` from each other, so that labels do not cover one another."""
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    heights = list(wanted)
    floor = low
    for place in order:
        heights[place] = floor = max(floor, wanted[place])
        floor += apart
    ceiling = high
    for place in reversed(order):
        heights[place] = ceiling = min(ceiling, heights[place])
        ceiling -= apart
    return heights


def curve_plot(
    curves: Sequence[Curve],
    *,
    name: str,
    title: str,
    unit: str,
    axis_name: str,
    value_name: str,
    chance: float | None = None,
    width: float = NARROW_PX,
    height: float = 220.0,
) -> Figure:
    """What a measure is at each strength of a degradation, with intervals; one line a condition.

    A point over fewer than five items is drawn hollow and pale, and the line is broken there.

    Parameters
    ----------
    curves : sequence of Curve
        One a condition, each with its points in rising order of strength.
    name, title : str
        As in `interval_plot`.
    unit : str
        Of the values.
    axis_name, value_name : str
        What the strength is, with its unit, and what was measured.
    chance : float or None
        Drawn as a dashed line.
    width, height : float
        In pixels.
    """
    levels = _levels(curves)
    if not levels:
        raise BadParameter("a plot of curves must have a point at least, got none; leave the figure out")
    values = [end for one in curves for point in one.points for end in (point.value, point.low, point.high)]
    shown_legend = len(curves) > 1 or chance is not None
    bottom = height - 44 - (20 if shown_legend else 0)
    axis = scale([*values, chance], unit=unit, begin=bottom, end=28, zero=True)
    places = _places(levels, begin=58, end=width - 22)
    parts = [*_value_axis(axis, left=44, right=width - 10, name=value_name), *_level_axis(places, y=bottom + 16)]
    parts.append(text(axis_name, (44 + width - 10) / 2, bottom + 33, anchor="middle", class_="p-small"))
    if chance is not None:
        parts.append(line(44, axis.at(chance), width - 10, axis.at(chance), class_="p-chance"))
    for number, one in enumerate(curves):
        shift = 7.0 * (number - (len(curves) - 1) / 2)
        parts.append(_curve(one, number, axis=axis, places=places, shift=shift, unit=unit))
    if shown_legend:
        names = [one.name for one in curves] if len(curves) > 1 else []
        key, n_lines = legend(names, 8, height - 6, width=width, chance="chance level" if chance is not None else "")
        parts.append(key)
        height += LEGEND_PX * (n_lines - 1)
    rows = [replace(PlotRow(label=str_level(level), marks=()), marks=_at_level(curves, level)) for level in levels]
    header, table = row_table(rows, series=[one.name for one in curves], unit=unit, signed=False, first=axis_name)
    return Figure(
        name=name,
        title=title,
        svg=svg(Markup("").join(parts), width=width, height=height, title=title, description=_told(header, table)),
        header=header,
        rows=table,
        vega_lite=vega.curves(curves, unit=unit, axis_name=axis_name, value_name=value_name, title=title),
    )


def str_level(level: float | str) -> str:
    """A strength as it is written on an axis."""
    return f"{level:g}".replace("-", "−") if isinstance(level, (int, float)) else str(level)


def _levels(curves: Sequence[Curve]) -> list[float | str]:
    """The strengths of all curves: numbers in rising order, names in the order in which they come."""
    found = list(dict.fromkeys(point.level for one in curves for point in one.points if point.level is not None))
    numeric = all(isinstance(level, (int, float)) for level in found)
    return sorted(found) if numeric else found  # type: ignore[type-var]


def _places(levels: Sequence[float | str], *, begin: float, end: float) -> dict[float | str, float]:
    """Where each strength stands: evenly, in order, since doubled rates and steps in dB are no line in one unit."""
    if len(levels) == 1:
        return {levels[0]: (begin + end) / 2}
    return {level: begin + (end - begin) * place / (len(levels) - 1) for place, level in enumerate(levels)}


def _value_axis(axis: Scale, *, left: float, right: float, name: str) -> list[Markup]:
    parts = [text(fitted(f"{name}, {unit_text(axis.unit)}".rstrip(", "), right - 8), 8, 14, class_="p-small")]
    for value in axis.ticks:
        parts.append(line(left, axis.at(value), right, axis.at(value), class_="p-grid"))
        parts.append(text(tick_text(value, axis.unit), left - 6, axis.at(value) + 4, anchor="end", class_="p-small"))
    return parts


def _level_axis(places: dict[float | str, float], *, y: float) -> list[Markup]:
    """The strengths below the axis, as many as there is room for."""
    parts, last = [], -1e9
    for level, x in places.items():
        written = str_level(level)[:12]
        if x - last >= text_width(written, 11) + 5:
            parts.append(text(written, x, y, anchor="middle", class_="p-small"))
            last = x
    return parts


def _curve(
    one: Curve, number: int, *, axis: Scale, places: dict[float | str, float], shift: float, unit: str
) -> Markup:
    points = [p for p in one.points if p.value is not None and p.level is not None]
    at = [(places[p.level] + shift, p) for p in points]  # type: ignore[index]
    parts = []
    for enough, stretch in itertools.groupby(at, key=lambda pair: pair[1].n >= FEWEST_JOINED):
        joined = " ".join(f"{x:.1f},{axis.at(p.value):.1f}" for x, p in stretch)  # type: ignore[arg-type]
        if enough and " " in joined:
            parts.append(element("polyline", points=joined, class_="p-curve"))
    for x, point in at:
        hover = element(
            "title", point.said(PlotRow(label=f"{one.name}, {str_level(point.level)}", marks=()), unit=unit)
        )  # type: ignore[arg-type]
        span = [line(x, axis.at(point.low), x, axis.at(point.high), class_="p-range")] if point.has_interval else []  # type: ignore[arg-type]
        few = "p-few" if point.n < FEWEST_JOINED else None
        parts.append(element("g", hover, *span, mark(number, x, axis.at(point.value)), class_=few))  # type: ignore[arg-type]
    return element("g", *parts, class_=f"p-s{number % len(MARKS)}")


def _at_level(curves: Sequence[Curve], level: float | str) -> tuple[Estimate, ...]:
    return tuple(
        replace(point, series=number)
        for number, one in enumerate(curves)
        for point in one.points
        if point.level == level
    )


def heat_map(
    rows: Sequence[tuple[str, Sequence[Cell | None]]],
    *,
    columns: Sequence[str],
    name: str,
    title: str,
    row_name: str = "",
    column_name: str = "",
    unit: str = "fraction",
    width: float = WIDE_PX,
    ends: tuple[float, float] = (0.0, 1.0),
) -> Figure:
    """A table whose cells are darker the higher their value, each with its number and interval.

    Parameters
    ----------
    rows : sequence of (str, sequence of Cell or None)
        Name and cells of each row; None: was not measured.
    columns : sequence of str
        Names of the columns.
    name, title : str
        As in `interval_plot`.
    row_name, column_name : str
        What rows and columns are.
    unit : str
    width : float
        In pixels, at most: cells are at most 150 wide.
    ends : (float, float)
        Values of the lightest and the darkest cell.
    """
    if not rows or not columns:
        raise BadParameter("a heat map must have a row and a column, got none; leave the figure out")
    labels = min(0.4 * width, 16 + max(text_width(label) for label, _ in rows))
    wide = min(150.0, (width - labels - 8) / len(columns))
    width, top = labels + wide * len(columns) + 8, 50.0
    parts = [text(column_name, labels + 2, 14, class_="p-small"), text(row_name, 8, 44, class_="p-small")]
    for number, column in enumerate(columns):
        for place, part in enumerate(wrapped(column, wide - 8)):
            parts.append(text(part, labels + wide * (number + 0.5), 30 + 14 * place, anchor="middle", class_="p-soft"))
    for number, (label, cells) in enumerate(rows):
        y = top + 48 * number
        for place, part in enumerate(wrapped(label, labels - 14)):
            parts.append(text(part, 8, y + 28 + 14 * place - 7 * (len(wrapped(label, labels - 14)) - 1)))
        for column, cell in enumerate(cells):
            parts.append(_cell(cell, labels + wide * column, y, wide=wide, unit=unit, ends=ends))
    header, table = cell_table(rows, columns=columns, unit=unit)
    return Figure(
        name=name,
        title=title,
        svg=svg(
            Markup("").join(parts),
            width=width,
            height=top + 48 * len(rows) + 8,
            title=title,
            description=_told(header, table),
        ),
        header=header,
        rows=table,
        vega_lite=vega.heat_map(
            rows, columns=columns, unit=unit, row_name=row_name, column_name=column_name, title=title
        ),
    )


def _cell(cell: Cell | None, x: float, y: float, *, wide: float, unit: str, ends: tuple[float, float]) -> Markup:
    box = {"x": x, "y": y, "width": wide, "height": 48.0}
    if cell is None or cell.value is None:
        missing = text("–", x + wide / 2, y + 28, anchor="middle", class_="p-soft")
        return element("rect", **box, class_="p-cell p-none") + missing
    share = min(max((cell.value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)
    shade = min(9, int(10 * share))
    ink = "p-on-dark" if shade >= 5 else "p-on-light"
    number, interval = cell.written(unit)
    content = [text(number, x + wide / 2, y + (22 if interval else 29), anchor="middle", class_=f"p-strong {ink}")]
    if interval:
        content.append(
            text(fitted(interval, wide - 6, 11), x + wide / 2, y + 38, anchor="middle", class_=f"p-tiny {ink}")
        )
    drawn = element("rect", **box, class_=f"p-cell p-h{shade}")
    return element("g", element("title", cell.said), drawn, *content) if cell.said else drawn + Markup("").join(content)


def scatter_plot(
    points: Sequence[Point],
    *,
    name: str,
    title: str,
    x_name: str,
    y_name: str,
    x_unit: str,
    y_unit: str = "fraction",
    x_falls: bool = False,
    width: float = WIDE_PX,
    height: float = 380.0,
) -> Figure:
    """Points in a plane, each with its number and its name beside the plot; those of the front joined by steps.

    Parameters
    ----------
    points : sequence of Point
        Numbered in their order.
    name, title : str
        As in `interval_plot`.
    x_name, y_name, x_unit, y_unit : str
    x_falls : bool
        Whether less is better on the axis from left to right; more is better upwards.
    width, height : float
        In pixels; under 500 the names stand below the plot.
    """
    drawn = [one for one in points if one.x.value is not None and one.y.value is not None]
    if not drawn:
        raise BadParameter("a plot of points must have a point at least, got none; leave the figure out")
    below = width < 500
    right = width - 14 if below else 0.6 * width
    xs = scale([e for one in drawn for e in (one.x.value, one.x.low, one.x.high)], unit=x_unit, begin=56, end=right)
    ys = scale(
        [e for one in drawn for e in (one.y.value, one.y.low, one.y.high)], unit=y_unit, begin=height - 44, end=26
    )
    parts = [*_value_axis(ys, left=46, right=right, name=y_name)]
    parts.append(_ground(xs, top=26, bottom=height - 44, name=", ".join((x_name, unit_text(x_unit))), signed=False))
    best = sorted((one for one in drawn if one.front), key=lambda one: (one.x.value, one.y.value))  # type: ignore[return-value,arg-type]
    if len(best) > 1:
        parts.append(
            element("g", element("path", d=_steps(best, xs, ys, falls=x_falls), class_="p-curve"), class_="p-s2")
        )
    names: list[Markup] = []
    for number, one in enumerate(points, start=1):
        if one in drawn:
            parts.append(_point(one, number, xs, ys, x_unit=x_unit, y_unit=y_unit))
        y = height + 4 + 16 * number if below else 26 + 16 * number
        label = fitted(
            f"{number}  {one.label}{'' if one in drawn else ' (no value)'}",
            (width - 16) if below else width - right - 24,
            12,
        )
        names.append(text(label, 8 if below else right + 22, y, class_="p-strong" if one.front else None))
    header = ("", x_name, "95 % interval", y_name, "95 % interval", "on the front")
    table = tuple(
        (one.label, *one.x.written(x_unit), *one.y.written(y_unit), "yes" if one.front else "no") for one in points
    )
    total = height + (16 * len(points) + 14 if below else max(0.0, 16.0 * len(points) + 40 - height))
    return Figure(
        name=name,
        title=title,
        svg=svg(
            Markup("").join([*parts, *names]), width=width, height=total, title=title, description=_told(header, table)
        ),
        header=header,
        rows=table,
        vega_lite=vega.scatter(points, x_name=x_name, y_name=y_name, x_unit=x_unit, y_unit=y_unit, title=title),
    )


def _steps(best: Sequence[Point], xs: Scale, ys: Scale, *, falls: bool) -> str:
    """The path along the front, level and then upright, so that what it bounds is what no stack reaches."""
    at = [(xs.at(one.x.value), ys.at(one.y.value)) for one in best]  # type: ignore[arg-type]
    path = f"M{at[0][0]:.1f} {at[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(at):
        corner = (x1, y0) if falls else (x0, y1)
        path += f"L{corner[0]:.1f} {corner[1]:.1f}L{x1:.1f} {y1:.1f}"
    return path


def _point(one: Point, number: int, xs: Scale, ys: Scale, *, x_unit: str, y_unit: str) -> Markup:
    x, y = xs.at(one.x.value), ys.at(one.y.value)  # type: ignore[arg-type]
    spans = []
    if one.x.has_interval:
        spans.append(line(xs.at(one.x.low), y, xs.at(one.x.high), y, class_="p-range p-thin"))  # type: ignore[arg-type]
    if one.y.has_interval:
        spans.append(line(x, ys.at(one.y.low), x, ys.at(one.y.high), class_="p-range p-thin"))  # type: ignore[arg-type]
    said = f"{one.label}: {' '.join(one.x.written(x_unit))}; {' '.join(one.y.written(y_unit))}"
    label = text(str(number), x + 7, y - 6, class_="p-tiny")
    return element(
        "g",
        element("title", said),
        *spans,
        mark(2 if one.front else 0, x, y),
        label,
        class_="p-s2" if one.front else "p-s0",
    )


def _told(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The description of an image: how much it shows; the numbers stand in the table that goes with it."""
    what = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    return f"The same numbers follow as a table of {what}: {', '.join(part for part in header if part)}."


__all__ = [
    "NARROW_PX", "TEXT_PX", "WIDE_PX", "Cell", "Curve", "Estimate", "Figure", "PlotRow", "Point",
    "curve_plot", "heat_map", "interval_plot", "scatter_plot", "slope_plot",
]  # fmt: skip  # a table: one row a line
