"""Figures as files: the card as a PNG, every plot of a report as SVG, PDF, table and Vega-Lite specification.

PNG and PDF need the extra `figures`; a specification is checked by the grammar's own library before it is written.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earnest.errors import StorageFailed
from earnest.registry import extra
from earnest.report.attack_plots import attack_figure, attack_results, heat_maps
from earnest.report.card import card
from earnest.report.card_picture import card_picture
from earnest.report.degradation_plots import degradation_plots
from earnest.report.drawing import standalone
from earnest.report.estimates import Figure
from earnest.report.gather import Report
from earnest.report.group_plots import group_plots
from earnest.report.storage import write_bytes, write_text
from earnest.report.task_forest import task_forest
from earnest.spreadsheets import safe_cell

CARD = "card.png"

CARD_SCALE = 2.0
"""Pixels of the picture a pixel of the drawing: sharp on a screen of twice the density."""


def write_card(report: Report, path: Path) -> Path:
    """Write the card of a report as a PNG of 2400 by 1350 pixels; the path comes back.

    Raises
    ------
    MissingExtra
        If the extra `figures` is not installed.
    StorageFailed
        If the file could not be written.
    """
    results = attack_results(report)
    drawing = standalone(card_picture(report, card(report, results), results))
    write_bytes(path, _renderer().svg_to_png(drawing, scale=CARD_SCALE))
    return path


def all_figures(report: Report) -> list[Figure]:
    """Every plot of a report, as its page shows them on a desktop."""
    results = attack_results(report)
    made = [
        card(report, results).figure,
        attack_figure(report, results),
        task_forest(report),
        task_forest(report, by_distance=True),
    ]
    made += [one.figure for one in group_plots(report)]
    made += [one.figure for one in degradation_plots(report)]
    made += [one.figure for one in heat_maps(report)]
    return [one for one in made if one is not None]


def write_figures(report: Report, folder: Path) -> list[Path]:
    """Write every plot into `folder` as `.svg`, `.pdf`, `.csv` and `.vl.json`; the paths of the SVG files come back.

    Raises
    ------
    MissingExtra
        If the extra `figures` is not installed.
    StorageFailed
        If a file could not be written.
    """
    renderer, altair = _renderer(), _altair()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"{str(folder)!r} must be a folder that can be written, got {error.strerror or error}"
        ) from error
    written = []
    for name, figure in _named(all_figures(report)):
        drawing = standalone(figure.svg)
        altair.Chart.from_json(figure.vega_lite)
        write_text(folder / f"{name}.svg", drawing)
        write_bytes(folder / f"{name}.pdf", renderer.svg_to_pdf(drawing))
        write_text(folder / f"{name}.csv", _csv(figure))
        write_text(
            folder / f"{name}.vl.json", json.dumps(json.loads(figure.vega_lite), indent=1, ensure_ascii=False) + "\n"
        )
        written.append(folder / f"{name}.svg")
    return written


def _named(figures: Sequence[Figure]) -> list[tuple[str, Figure]]:
    """Figures with names that are safe in a file system, and of which none comes twice."""
    taken: dict[str, int] = {}
    named = []
    for figure in figures:
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", figure.name).strip("_")[:100] or "figure"
        taken[name] = taken.get(name, 0) + 1
        named.append((name if taken[name] == 1 else f"{name}_{taken[name]}", figure))
    return named


def _csv(figure: Figure) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows([safe_cell(cell) for cell in row] for row in (figure.header, *figure.rows))
    return table.getvalue()


def check() -> None:
    """Do nothing where the extra `figures` is installed.

    Raises
    ------
    MissingExtra
        If it is not.
    """
    _renderer()
    _altair()


def _renderer() -> Any:
    return extra("vl_convert", needed_by="a picture of a report")


def _altair() -> Any:
    return extra("altair", needed_by="a figure of a report")
