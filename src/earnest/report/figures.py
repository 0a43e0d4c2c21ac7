"""Curves with intervals as inline SVG: axes named, units given, a shape as well as a colour for each line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from earnest.report.numbers import bare
from earnest.results.finding import Finding

WIDTH, HEIGHT = 400, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 14, 44
_MARKS = ("circle", "square", "diamond", "triangle", "cross", "ring")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart: its name, and findings in rising order of level."""

    name: str
    points: tuple[Finding, ...]


def chart(lines: Sequence[Line], *, unit: str, x_name: str, y_name: str) -> Markup:
    """An SVG of the lines with their intervals; levels that are not numbers are spaced evenly, in their order."""
    levels = _levels(lines)
    places = _places(levels)
    low, high = _extent(lines, unit)
    parts = [_grid(low, high, unit=unit), _x_axis(levels, places), _names(x_name, y_name, unit=unit)]
    for number, line in enumerate(lines):
        parts.append(
            _drawn(line, number, places=places, low=low, high=high, unit=unit, shift=_shift(number, len(lines)))
        )
    title = Markup("{} by {}: {}").format(y_name, x_name, ", ".join(line.name for line in lines))
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="xMidYMid meet">{}</svg>'
    ).format(WIDTH, HEIGHT, title, Markup("").join(parts))


def mark(number: int) -> Markup:
    """The mark of line `number`, for a legend."""
    return Markup('<svg class="key" viewBox="-7 -7 14 14" aria-hidden="true"><g class="s{}">{}</g></svg>').format(
        number % len(_MARKS), _mark(number, 0, 0)
    )


def _levels(lines: Sequence[Line]) -> list[float | str]:
    found = {point.level for line in lines for point in line.points if point.level is not None}
    if all(isinstance(level, (int, float)) for level in found):
        return sorted(found)  # type: ignore[type-var]
    return list(dict.fromkeys(point.level for line in lines for point in line.points if point.level is not None))


def _places(levels: Sequence[float | str]) -> dict[float | str, float]:
    """Where each level stands on the x axis, in pixels."""
    begin, end = _LEFT + 14, WIDTH - _RIGHT - 14
    if len(levels) < 2:
        return dict.fromkeys(levels, (begin + end) / 2)
    numeric = all(isinstance(level, (int, float)) for level in levels)
    steps = [float(level) for level in levels] if numeric else [float(n) for n in range(len(levels))]
    span = steps[-1] - steps[0]
    return {level: begin + (end - begin) * (step - steps[0]) / span for level, step in zip(levels, steps, strict=True)}


def _extent(lines: Sequence[Line], unit: str) -> tuple[float, float]:
    ends = [end for line in lines for p in line.points for end in (p.value, p.low, p.high) if end is not None]
    if unit == "fraction":
        return (-1.0 if min(ends, default=0.0) < 0 else 0.0), max(1.0, *ends, 1.0)
    low, high = min([0.0, *ends]), max([0.0, *ends])
    return (low, high) if high > low else (low, low + 1)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * (value - low) / (high - low)


def _grid(low: float, high: float, *, unit: str) -> Markup:
    rows = []
    for step in range(5):
        value = low + (high - low) * step / 4
        y = _y(value, low, high)
        rows.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, WIDTH - _RIGHT, y, y)
            + Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
                _LEFT - 6, y + 4, bare(value, unit)
            )
        )
    return Markup("").join(rows)


def _x_axis(levels: Sequence[float | str], places: dict[float | str, float]) -> Markup:
    texts = []
    last = -math.inf
    for level in levels:
        name = f"{level:g}".replace("-", "−") if isinstance(level, (int, float)) else str(level)
        if places[level] - last < 7 * min(len(name), 12) + 4:
            continue  # no room for another number
        last = places[level]
        texts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                places[level], HEIGHT - _BOTTOM + 17, name[:12]
            )
        )
    return Markup("").join(texts)


def _names(x_name: str, y_name: str, *, unit: str) -> Markup:
    y_text = f"{y_name}, %" if unit == "fraction" else f"{y_name}, {unit}"
    across = (_TOP + HEIGHT - _BOTTOM) / 2
    return Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        (_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 6, x_name
    ) + Markup('<text class="axis" transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>').format(
        across, y_text
    )


def _shift(number: int, n_lines: int) -> float:
    """Pixels by which a line stands aside, so that intervals of several lines can be told apart."""
    return 4.0 * (number - (n_lines - 1) / 2)


def _drawn(
    line: Line, number: int, *, places: dict[float | str, float], low: float, high: float, unit: str, shift: float
) -> Markup:
    points = [point for point in line.points if point.value is not None and point.level is not None]
    at = [(places[p.level] + shift, _y(p.value, low, high), p) for p in points]  # type: ignore[index,arg-type]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in at)
    parts = [Markup('<polyline class="curve" points="{}"/>').format(path)]
    for x, y, point in at:
        if point.low is not None and point.high is not None:
            ends = _y(point.low, low, high), _y(min(point.high, high), low, high)
            parts.append(Markup('<path class="whisker" d="M{0:.1f} {1:.1f}V{2:.1f}M{3:.1f} {1:.1f}h6M{3:.1f} {2:.1f}h6"/>')
                         .format(x, *ends, x - 3))  # fmt: skip
        said = f"{line.name}, {point.level}: {bare(point.value, unit)}, n = {point.n_scored}"
        parts.append(Markup("<g><title>{}</title>{}</g>").format(said, _mark(number, x, y)))
    return Markup('<g class="s{}">{}</g>').format(number % len(_MARKS), Markup("").join(parts))


def _mark(number: int, x: float, y: float) -> Markup:
    kind = _MARKS[number % len(_MARKS)]
    if kind in ("circle", "ring"):
        return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(kind, x, y)
    path = {
        "square": "M-3.6 -3.6h7.2v7.2h-7.2z",
        "diamond": "M0 -5L5 0L0 5L-5 0z",
        "triangle": "M0 -5L4.8 3.6H-4.8z",
        "cross": "M-4 -4L4 4M-4 4L4 -4",
    }[kind]
    return Markup('<path class="{}" transform="translate({:.1f} {:.1f})" d="{}"/>').format(kind, x, y, path)
