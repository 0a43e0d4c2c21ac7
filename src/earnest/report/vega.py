"""Vega-Lite specifications of the plots: the numbers at full precision, to be copied into a paper's own figures.

Version 5 of the grammar. Nothing of it runs in a page.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from earnest.report.estimates import Cell, Curve, Estimate, PlotRow, Point

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
COLOURS = ("#0067a3", "#c24e00", "#00795a", "#a34a7f", "#454c57", "#8a6a00")
SHAPES = ("circle", "diamond", "square", "triangle-up", "circle", "cross")


def intervals(rows: Sequence[PlotRow], *, series: Sequence[str], unit: str, axis_name: str, title: str) -> str:
    """Of `plots.interval_plot`."""
    values = [
        {"row": row.label, "block": row.heading, "condition": _name(series, one), **_numbers(one), "chance": row.chance}
        for row in rows
        for one in row.marks
    ]
    y = {"field": "row", "type": "nominal", "sort": None, "title": None}
    offset = {"yOffset": {"field": "condition"}} if len(series) > 1 else {}
    colour = _colour(series) if len(series) > 1 else {"color": {"value": COLOURS[0]}}
    x = {"type": "quantitative", "title": axis_name, "axis": _format(unit)}
    layers = [
        {
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.45},
            "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, **offset, **colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60},
            "encoding": {
                "x": {"field": "value", **x},
                **offset,
                **colour,
                **(_shape(series) if len(series) > 1 else {}),
            },
        },
        {"mark": {"type": "tick", "thickness": 2, "color": "#1b2330"}, "encoding": {"x": {"field": "chance", **x}}},
    ]
    return _text(title, values, {"width": 400, "encoding": {"y": y}, "layer": layers})


def slopes(rows: Sequence[PlotRow], *, sides: Sequence[str], unit: str, title: str) -> str:
    """Of `plots.slope_plot`."""
    values = [
        {"row": row.label, "side": side, **_numbers(one), "verdict": one.verdict}
        for row in rows
        for side, one in zip(sides, row.marks, strict=True)
    ]
    encoding = {
        "x": {"field": "side", "type": "nominal", "sort": None, "title": None},
        "y": {"field": "value", "type": "quantitative", "title": None, "axis": _format(unit)},
        "detail": {"field": "row"},
        "color": {"field": "row", "type": "nominal"},
    }
    return _text(title, values, {"width": 300, "mark": {"type": "line", "point": True}, "encoding": encoding})


def curves(lines: Sequence[Curve], *, unit: str, axis_name: str, value_name: str, title: str) -> str:
    """Of `plots.curve_plot`."""
    names = [one.name for one in lines]
    values = [{"condition": one.name, "level": point.level, **_numbers(point)} for one in lines for point in one.points]
    x = {"field": "level", "type": "ordinal", "title": axis_name, "sort": None}
    y = {"type": "quantitative", "title": value_name, "axis": _format(unit)}
    colour = _colour(names)
    layers = [
        {"mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45}, "encoding": {"y": {"field": "low", **y}, "y2": {"field": "high"}, **colour}},
        {"transform": [{"filter": "datum.n >= 5"}], "mark": "line", "encoding": {"y": {"field": "value", **y}, **colour}},
        {"mark": {"type": "point", "filled": True}, "encoding": {"y": {"field": "value", **y}, **colour, **_shape(names)}},
    ]  # fmt: skip  # a table: one row a line
    return _text(title, values, {"width": 300, "encoding": {"x": x}, "layer": layers})


def heat_map(
    rows: Sequence[tuple[str, Sequence[Cell | None]]],
    *,
    columns: Sequence[str],
    unit: str,
    row_name: str,
    column_name: str,
    title: str,
) -> str:
    """Of `plots.heat_map`."""
    values = [
        {"row": label, "column": column, "value": cell.value, "low": cell.low, "high": cell.high, "n": cell.n}
        for label, cells in rows
        for column, cell in zip(columns, cells, strict=True)
        if cell is not None
    ]
    encoding = {
        "x": {
            "field": "column",
            "type": "nominal",
            "sort": None,
            "title": column_name or None,
            "axis": {"orient": "top"},
        },
        "y": {"field": "row", "type": "nominal", "sort": None, "title": row_name or None},
    }
    number = {"field": "value", "type": "quantitative"}
    layers = [
        {"mark": "rect", "encoding": {"color": {**number, "scale": {"scheme": "blues"}, "legend": _format(unit)}}},
        {"mark": "text", "encoding": {"text": {**number, **_format(unit)}}},
    ]
    return _text(title, values, {"width": {"step": 90}, "height": {"step": 40}, "encoding": encoding, "layer": layers})


def scatter(points: Sequence[Point], *, x_name: str, y_name: str, x_unit: str, y_unit: str, title: str) -> str:
    """Of `plots.scatter_plot`."""
    values = [
        {
            "name": one.label,
            "x": one.x.value,
            "x_low": one.x.low,
            "x_high": one.x.high,
            "y": one.y.value,
            "y_low": one.y.low,
            "y_high": one.y.high,
            "front": one.front,
        }
        for one in points
    ]
    x = {"type": "quantitative", "title": x_name, "axis": _format(x_unit)}
    y = {"type": "quantitative", "title": y_name, "axis": _format(y_unit)}
    at = {"x": {"field": "x", **x}, "y": {"field": "y", **y}}
    rule = {"type": "rule", "opacity": 0.45}
    layers = [
        {"mark": rule, "encoding": {"x": {"field": "x_low", **x}, "x2": {"field": "x_high"}, "y": at["y"]}},
        {"mark": rule, "encoding": {"x": at["x"], "y": {"field": "y_low", **y}, "y2": {"field": "y_high"}}},
        {
            "mark": {"type": "point", "filled": True, "size": 60},
            "encoding": {**at, "color": {"field": "front", "type": "nominal"}},
        },
        {"mark": {"type": "text", "dx": 8, "align": "left"}, "encoding": {**at, "text": {"field": "name"}}},
    ]
    return _text(title, values, {"width": 420, "height": 320, "layer": layers})


def _name(series: Sequence[str], one: Estimate) -> str:
    return series[one.series] if one.series < len(series) else str(one.series)


def _numbers(one: Estimate) -> dict[str, Any]:
    told: dict[str, Any] = {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
    return {**told, "finding": one.id} if one.id else told


def _format(unit: str) -> dict[str, str]:
    return {"format": ".0%"} if unit == "fraction" else {}


def _colour(names: Sequence[str]) -> dict[str, Any]:
    scale = {"domain": [name for name in names if name], "range": _by_place(COLOURS, names)}
    return {"color": {"field": "condition", "type": "nominal", "scale": scale, "title": None}}


def _shape(names: Sequence[str]) -> dict[str, Any]:
    scale = {"domain": [name for name in names if name], "range": _by_place(SHAPES, names)}
    return {"shape": {"field": "condition", "type": "nominal", "scale": scale, "title": None}}


def _by_place(kinds: Sequence[str], names: Sequence[str]) -> list[str]:
    """The kind of each series that has a name, by its place among all."""
    return [kinds[place % len(kinds)] for place, name in enumerate(names) if name]


def _text(title: str, values: Sequence[dict[str, Any]], rest: dict[str, Any]) -> str:
    """The specification, one row of data a line."""
    spec = {"$schema": SCHEMA, "title": title, "data": {"values": "DATA"}, **rest}
    rows = ",\n".join(json.dumps(value, ensure_ascii=False, allow_nan=False) for value in values)
    return json.dumps(spec, ensure_ascii=False).replace('"DATA"', f"[\n{rows}\n]", 1)
