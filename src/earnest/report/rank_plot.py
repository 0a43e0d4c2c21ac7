"""Ranks as a picture: a row a run, the ranks that its items leave open as a bar, and bands of runs that share a rank."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from markupsafe import Markup

from earnest.report.drawing import element, fitted, line, mark, svg, text, text_width
from earnest.report.estimates import Figure
from earnest.report.vega import SCHEMA
from earnest.results.standings import Row

ROW_PX, TOP_PX = 30.0, 34.0

Place = Callable[[float], float]
"""From a rank to its place, in pixels."""


def rank_plot(rows: Sequence[Row], *, names: Sequence[str], name: str, width: float) -> Figure | None:
    """The ranks of ranked runs; None where fewer than two are ranked.

    Parameters
    ----------
    rows : sequence of Row
        Of a table, best first; unranked ones are passed over.
    names : sequence of str
        What each row is called.
    name : str
        Of the figure.
    width : float
        In pixels; under 500 the names stand above their rows.
    """
    ranked = [(row, label) for row, label in zip(rows, names, strict=True) if row.rank is not None]
    if len(ranked) < 2:
        return None
    above, n = width < 500, len(ranked)
    left = 24.0 if above else 24 + min(0.4 * width, max(text_width(label) for _, label in ranked))
    tall = ROW_PX + (16 if above else 0)
    step = (width - 40 - left) / max(1, n - 1)

    def x(rank: float) -> float:
        return left + step * (rank - 1)

    bottom = TOP_PX + tall * n
    parts = _bands(ranked, x=x, tall=tall, step=step)
    every = max(1, round(n / 16))
    for rank in range(1, n + 1):
        parts.append(line(x(rank), TOP_PX - 8, x(rank), bottom, class_="p-grid"))
        if rank == 1 or rank % every == 0:
            parts.append(text(str(rank), x(rank), TOP_PX - 14, anchor="middle", class_="p-small"))
    for place, (row, label) in enumerate(ranked):
        y = TOP_PX + tall * place + (tall + 14) / 2 if above else TOP_PX + tall * (place + 0.5)
        room = width - 16 if above else left - 20
        parts.append(text(fitted(label, room), 4, y - 14 if above else y + 4))
        parts.append(_row(row, label, x=x, y=y))
    parts.append(text("rank; 1 is best", width - 4, bottom + 14, anchor="end", class_="p-small"))
    header, table = _table(ranked)
    title = "Ranks that the data leave open"
    description = f"The same numbers follow as a table of {n} rows: {', '.join(header)}."
    return Figure(
        name=name,
        title=title,
        svg=svg(Markup("").join(parts), width=width, height=bottom + 22, title=title, description=description),
        header=header,
        rows=table,
        vega_lite=_vega_lite(ranked, title=title),
    )


def _bands(ranked: Sequence[tuple[Row, str]], *, x: Place, tall: float, step: float) -> list[Markup]:
    """Boxes behind runs whose order these items do not settle."""
    parts = []
    for band in dict.fromkeys(row.band for row, _ in ranked if row.band is not None and row.band[0] < row.band[1]):
        members = [place for place, (row, _) in enumerate(ranked) if row.band == band]
        low, high = x(band[0]) - min(14.0, step / 2), x(band[1]) + min(14.0, step / 2)
        y = TOP_PX + tall * members[0] + 3
        parts.append(
            element("rect", x=low, y=y, width=high - low, height=tall * len(members) - 6, rx=6.0, class_="p-band")
        )
    return parts


def _row(row: Row, label: str, *, x: Place, y: float) -> Markup:
    assert row.rank is not None and row.rank_low is not None and row.rank_high is not None and row.score is not None
    said = f"{label}: rank {row.rank}, {row.rank_low} to {row.rank_high} left open; score {row.score:.2f} ({row.low:.2f} to {row.high:.2f})"
    span = [line(x(row.rank_low), y, x(row.rank_high), y, class_="p-range")] if row.rank_low < row.rank_high else []
    return element("g", element("title", said), *span, mark(0, x(row.rank), y), class_="p-s0")


def _table(ranked: Sequence[tuple[Row, str]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (
            label,
            str(row.rank),
            f"{row.rank_low} to {row.rank_high}",
            f"{row.score:.2f}",
            f"{row.low:.2f} to {row.high:.2f}",
        )
        for row, label in ranked
    )
    return ("", "rank", "ranks left open", "score", "95 % interval"), rows


def _vega_lite(ranked: Sequence[tuple[Row, str]], *, title: str) -> str:
    values = [
        {"model": label, "rank": row.rank, "low": row.rank_low, "high": row.rank_high, "score": row.score}
        for row, label in ranked
    ]
    y = {"field": "model", "type": "nominal", "sort": None, "title": None}
    x = {"type": "quantitative", "title": "rank", "scale": {"domain": [1, len(values)]}, "axis": {"tickMinStep": 1}}
    spec = {
        "$schema": SCHEMA,
        "title": title,
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.4},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {"mark": {"type": "point", "filled": True, "size": 70}, "encoding": {"y": y, "x": {**x, "field": "rank"}}},
        ],
    }
    return json.dumps(spec, indent=1, ensure_ascii=False)
