"""The matrix as files: `matrix.json`, `matrix.csv` (a line a cell) and `matrix.html`, a page that needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earnest.errors import BadData
from earnest.report.estimates import Estimate, Figure, Point
from earnest.report.numbers import UNKNOWN, interval, shown
from earnest.report.page import environment, policy, style
from earnest.report.pictures import Budget, Picture, picture
from earnest.report.plots import NARROW_PX, WIDE_PX, scatter_plot
from earnest.report.storage import write_text
from earnest.results.matrix import (
    Column,
    Effort,
    Front,
    Knowledge,
    Matrix,
    MatrixCell,
    Number,
    Survivor,
    added_ms_of,
    safety_of,
    shown_stack,
)
from earnest.run_folder import plain_json, read_form
from earnest.spreadsheets import csv_text

FILE, PAGE, TABLE = "matrix.json", "matrix.html", "matrix.csv"
MEDIA_BYTES = 6_000_000
MAX_EXACT_BYTES = 150_000

CSV_COLUMNS = (
    "attack", "defences", "knowledge", "on_target", "on_target_low", "on_target_high", "n", "n_unscored", "complied", "complied_low",
    "complied_high", "control_on_target", "twin_helped", "snr_db", "no_value", "forecast_seconds", "took_seconds", "queries", "gradients",
    "usd",
)  # fmt: skip  # a table: one row a line


@dataclass(frozen=True, kw_only=True)
class Square:
    """A square of the table of attacks by stacks: what an attacker reaches who knows the stack, and one who does not."""

    known: MatrixCell | None
    unknown: MatrixCell | None

    @property
    def no_value(self) -> str:
        """Why it has none."""
        return next((one.no_value for one in (self.known, self.unknown) if one is not None and one.no_value), "")

    @property
    def shade(self) -> int:
        """Of ten shades, by what the stronger of the two reaches."""
        values = [one.on_target.value for one in (self.known, self.unknown) if one is not None]
        return min(9, int(10 * max((value for value in values if value is not None), default=0.0)))


def read_matrix(folder: Path) -> Matrix:
    """The matrix of a run folder.

    Raises
    ------
    BadData
        If there is none, or it cannot be read.
    """
    try:
        return read_form(Path(folder) / FILE, Matrix, called="a matrix")
    except FileNotFoundError as error:
        raise BadData(f"{folder} has no {FILE}; make one with `earnest matrix`") from error


def write_matrix(matrix: Matrix, folder: Path) -> Path:
    """Write the three files; the path of the page comes back.

    Raises
    ------
    StorageFailed
        If they cannot be written.
    """
    write_text(folder / FILE, as_json(matrix))
    write_text(folder / TABLE, as_csv(matrix))
    write_text(folder / PAGE, as_html(matrix, folder))
    return folder / PAGE


def as_json(matrix: Matrix) -> str:
    """The text of `matrix.json`."""
    return json.dumps(plain_json(matrix.model_dump(mode="json")), indent=1, ensure_ascii=False) + "\n"


def shipped(matrix: Matrix) -> Matrix:
    """What may be published of a matrix, and small: no answer, no clip, and of the cells neither times, which are one machine's,
    nor the direction of each number, which is that of its name."""
    return matrix.model_copy(
        update={
            "cells": tuple(map(_shipped_cell, matrix.cells)),
            "survivors": tuple(
                one.model_copy(update={"answer": "", "clip": None, "clean_clip": None}) for one in matrix.survivors
            ),
        }
    )


def _shipped_cell(cell: MatrixCell) -> MatrixCell:
    named = {name: getattr(cell, name) for name in ("on_target", "complied", "control_on_target", "twin_helped")}
    plain = {
        name: None if one is None else one.model_copy(update={"higher_is_better": None}) for name, one in named.items()
    }
    return cell.model_copy(update={**plain, "forecast": None, "took": None})


def shipped_text(matrix: Matrix) -> str:
    """The text of the file that ships: a cell a line, four decimals, nothing that is at its default."""
    held = _rounded(shipped(matrix).model_dump(mode="json", exclude_defaults=True))
    parts = []
    for key, value in held.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in value)
            parts.append(f"{json.dumps(key)}: [\n{rows}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def as_markdown(held: Mapping[str, Any]) -> str:
    """The page of the documentation, from the JSON values of a matrix."""
    matrix = Matrix.model_validate(held)
    parts = [
        "# The matrix of the reference model",
        "This page is made by `scripts/reference_matrix` from the file that ships with earnest and fills the catalogue's map of attacks "
        "by defences. Every number is about the embedded reference model on its probe set. It shows what the toolkit measures, and says "
        "nothing about real models.",
        f"{len(matrix.attacks)} attacks, {len(matrix.stacks) - 1} stacks of defences, {matrix.n_items} items of `{matrix.attacked}`; help is "
        f"measured by `{matrix.utility}`; seed {matrix.seed}; earnest {matrix.earnest}. {forecast_words(matrix)}",
        *summary(matrix),
        "## On target: adaptive / transfer, with the items judged",
        "Adaptive: made against the defended system. Transfer: made on the bare model. One number stands where the attack searches nothing.",
        _on_target(matrix),
        "## What each stack costs",
        _costs(matrix),
        *_search(matrix),
    ]
    if matrix.detectors:
        parts += ["## Detectors on the clips crafted on the bare model", _detectors(matrix)]
    parts += ["## Every cell", _every_cell(matrix)]
    return "\n\n".join(parts) + "\n"


def _on_target(matrix: Matrix) -> str:
    head = ("attack", *(f"`{shown_stack(one)}`" if one else "no defence" for one in matrix.stacks))
    return _table([head, *((f"`{attack}`", *map(_square, row)) for attack, row in squares(matrix))])


def _every_cell(matrix: Matrix) -> str:
    rows = [("attack", "stack", "knowledge", "on target", "complied", "control on target", "twin still helped")]
    for one in matrix.cells:
        numbers = (
            ("no value",) * 3
            if one.no_value
            else tuple(map(counted, (one.on_target, one.complied, one.control_on_target)))
        )
        knowledge = one.knowledge if one.defences else "–"
        rows.append((f"`{one.attack}`", _stack(one.defences), knowledge, *numbers, counted(one.twin_helped)))
    return _table(rows)


def _costs(matrix: Matrix) -> str:
    rows = [
        (
            "stack",
            "worst attack reaches",
            "held without an attack",
            "harmless items answered well",
            "harmless requests refused",
            "added per call",
        )
    ]
    for column in matrix.columns:
        worst = f"{counted(column.worst)}, `{column.worst_attack}`" if column.worst else UNKNOWN
        rows.append(
            (
                _stack(column.defences),
                "no value" if column.no_value else worst,
                counted(column.held_clean),
                counted(column.utility),
                counted(column.over_refusal),
                "0 ms" if not column.defences else counted(column.added_ms),
            )
        )
    return _table(rows)


def _search(matrix: Matrix) -> list[str]:
    """What the search for a stack has found, and beside it the run of the stack where there was one."""
    found = matrix.search
    if found is None:
        return []
    rows = [("stack, as predicted", "worst attack reaches", "harmless items answered well", "added per call")]
    for each in found.candidates:
        worst = f"{counted(each.worst)}, `{each.worst_attack}`"
        rows.append((_stack(each.defences), worst, counted(each.utility), f"{each.added_ms:.2f} ms"))
    parts = [
        "## The best stack of up to three",
        found.assumption,
        f"{found.n_candidates} stacks were compared; each had to answer {found.least_utility:.0%} of harmless items well."
        + "".join(f" `{name}` was not tried: {why}." for name, why in found.left_out.items()),
        _table(rows),
    ]
    if found.best is None or not found.verified:
        return parts
    rows = [("attack", "predicted", "any attempt", "first adaptive attempt", "attempts")]
    for check in found.verified:
        numbers = map(counted, (check.predicted, check.truth, check.first))
        rows.append((f"`{check.attack}`", *numbers, str(check.n_attempts)))
    rows.append(("harmless items answered well", counted(found.best.utility), counted(found.utility), "", ""))
    return [*parts, f"### {_stack(found.best.defences)}: the prediction compared with its own run", _table(rows)]


def _detectors(matrix: Matrix) -> str:
    rows = [("detector", "attack", "equal error rate", "told at 1 % false alarms", "false alarms")]
    for row in matrix.detectors:
        rates = map(counted, (row.equal_error_rate, row.at_one_percent))
        rows.append((f"`{row.detector}`", f"`{row.attack}`", *rates, f"{row.false_alarms} of {row.n_clean}"))
    return _table(rows)


def _stack(defences: Sequence[str]) -> str:
    return " + ".join(f"`{one}`" for one in defences) or "no defence"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def as_csv(matrix: Matrix) -> str:
    """The text of `matrix.csv`."""

    def row(cell: MatrixCell) -> dict[str, Any]:
        complied, took, forecast = cell.complied, cell.took, cell.forecast
        return {
            "attack": cell.attack,
            "defences": "+".join(cell.defences),
            "knowledge": cell.knowledge,
            "on_target": cell.on_target.value,
            "on_target_low": cell.on_target.low,
            "on_target_high": cell.on_target.high,
            "n": cell.on_target.n,
            "n_unscored": cell.on_target.n_unscored,
            "complied": None if complied is None else complied.value,
            "complied_low": None if complied is None else complied.low,
            "complied_high": None if complied is None else complied.high,
            "control_on_target": None if cell.control_on_target is None else cell.control_on_target.value,
            "twin_helped": None if cell.twin_helped is None else cell.twin_helped.value,
            "snr_db": cell.snr_db,
            "no_value": cell.no_value,
            "forecast_seconds": None if forecast is None else forecast.seconds,
            "took_seconds": None if took is None else took.seconds,
            "queries": None if took is None else took.queries,
            "gradients": None if took is None else took.gradients,
            "usd": None if took is None else took.usd,
        }

    return csv_text([row(cell) for cell in matrix.cells], columns=CSV_COLUMNS)


def as_html(matrix: Matrix, folder: Path | None = None) -> str:
    """The page; without the folder of the run, survivors are named and cannot be heard."""
    budget = Budget(MEDIA_BYTES)
    return (
        environment()
        .get_template("matrix.html.j2")
        .render(
            matrix=matrix,
            squares=squares(matrix),
            fronts=[
                (one, *(_front_figure(matrix, one, width=width) for width in (WIDE_PX, NARROW_PX)))
                for one in matrix.fronts
            ],
            heard=[(one, heard(folder, one, budget)) for one in matrix.survivors],
            held=held_stacks(matrix),
            summary=summary(matrix),
            number=number,
            ends=ends,
            counted=counted,
            seconds=seconds,
            stack=shown_stack,
            style=style("matrix.css"),
            policy=policy(),
        )
    )


def squares(matrix: Matrix) -> list[tuple[str, list[Square]]]:
    """The table row by row: of each attack a square for each stack."""

    def cell(attack: str, stack: tuple[str, ...], knowledge: Knowledge) -> MatrixCell | None:
        return matrix.cell(attack, stack, knowledge)

    return [
        (
            attack,
            [
                Square(known=cell(attack, stack, "adaptive"), unknown=cell(attack, stack, "transfer"))
                for stack in matrix.stacks
            ],
        )
        for attack in matrix.attacks
    ]


def held_stacks(matrix: Matrix) -> list[Column]:
    """Stacks on which no attack reached anything."""
    return [one for one in matrix.columns if one.worst is not None and one.worst.value == 0]


def heard(folder: Path | None, one: Survivor, budget: Budget) -> list[Picture]:
    """The clip before and under the attack, as far as they are there."""
    if folder is None:
        return []
    named = [(one.clean_clip, "clean"), (one.clip, "attacked")]
    made = [
        picture(folder, digest, role=role, budget=budget, most_bytes=MAX_EXACT_BYTES, small=True)
        for digest, role in named
        if digest is not None
    ]
    return [each for each in made if each is not None]


def _front_figure(matrix: Matrix, front: Front, *, width: float) -> Figure | None:
    utility = front.cost == "utility"
    points = [_point(column, utility=utility, front=column.defences in front.stacks) for column in matrix.columns]
    if not any(one.x.value is not None and one.y.value is not None for one in points):
        return None
    return scatter_plot(
        points,
        name=f"safety_against_{front.cost}",
        title=f"Safety against {front.cost}",
        x_name="harmless items answered well" if utility else "added per call",
        y_name="harmful items held against the worst attack",
        x_unit="fraction" if utility else "ms",
        x_falls=not utility,
        width=width,
    )


def _point(column: Column, *, utility: bool, front: bool) -> Point:
    safety, worst = safety_of(column), column.worst
    y = (
        Estimate(value=None)
        if safety is None or worst is None
        else Estimate(
            value=safety,
            low=None if worst.high is None else 1 - worst.high,
            high=None if worst.low is None else 1 - worst.low,
            n=worst.n,
        )
    )
    if utility:
        x = _estimate(column.utility)
    else:
        x = Estimate(value=added_ms_of(column)) if column.added_ms is None else _estimate(column.added_ms)
    return Point(label=shown_stack(column.defences), x=x, y=y, front=front)


def _estimate(one: Number) -> Estimate:
    return Estimate(value=one.value, low=one.low, high=one.high, n=one.n)


def summary(matrix: Matrix) -> list[str]:
    """What the matrix says, in sentences."""
    told = []
    bare = matrix.column(())
    if bare is not None and bare.worst is not None and bare.worst.value is not None:
        told.append(
            f"Without a defence the strongest attack, {bare.worst_attack}, reaches its goal in {counted(bare.worst)} of the items that the "
            f"model withstands without an attack."
        )
    defended = [one for one in matrix.columns if one.defences and one.worst is not None and one.worst.value is not None]
    if defended:
        best = min(defended, key=lambda one: one.worst.value)  # type: ignore[union-attr,return-value,arg-type]
        told.append(
            f"Of the {len(defended)} stacks with a value, {shown_stack(best.defences)} leaves least: {counted(best.worst)} under "  # type: ignore[arg-type]
            f"{best.worst_attack}; it answers {counted(best.utility)} of harmless items well."
        )
    found = matrix.search
    if found is not None and found.best is not None:
        words = f"The search predicts for {shown_stack(found.best.defences)} that the worst attack reaches {counted(found.best.worst)}"
        if found.verified:
            worst = max(found.verified, key=lambda one: one.truth.value or 0.0)
            words += f"; its own run, with up to {max(one.n_attempts for one in found.verified)} attempts on each item, shows {counted(worst.truth)} ({worst.attack})"
        told.append(words + ".")
    elif found is not None and found.note:
        told.append(f"{found.note[0].upper()}{found.note[1:]}.")
    n_without = sum(bool(one.no_value) for one in matrix.cells)
    if n_without:
        told.append(
            f"{n_without} of {len(matrix.cells)} cells have no value, since guard and judge are the same reader."
        )
    return told


def number(one: Number | None, *, signed: bool = False) -> str:
    """The value with its unit."""
    if one is None:
        return UNKNOWN
    return Estimate(value=one.value, low=one.low, high=one.high).written(one.unit, signed=signed)[0]


def ends(one: Number | None, *, signed: bool = False) -> str:
    """The interval."""
    return UNKNOWN if one is None else interval(one.low, one.high, one.unit, signed=signed)


def counted(one: Number | None) -> str:
    """The value with interval and count: `38 % (21 to 58 %, n = 24)`."""
    if one is None or one.value is None:
        return UNKNOWN
    known = one.low is not None and one.high is not None
    return f"{number(one)} ({ends(one)}, n = {one.n})" if known else f"{number(one)} (n = {one.n})"


def seconds(value: float | None) -> str:
    """Seconds for readers: `41 s`, `12.5 min`."""
    if value is None:
        return UNKNOWN
    return f"{value / 60:.1f} min" if value >= 120 else shown(value, "s")


def terminal(matrix: Matrix) -> str:
    """The table of attacks by stacks for a terminal: adaptive, then transfer, with the items judged; and what follows."""
    header = ["adaptive / transfer, n", *map(shown_stack, matrix.stacks)]
    rows = [[attack, *map(_square, row)] for attack, row in squares(matrix)]
    costs: Sequence[tuple[str, Any]] = (
        ("held without an attack", lambda one: number(one.held_clean)),
        ("harmless answered well", lambda one: number(one.utility)),
        ("harmless refused", lambda one: number(one.over_refusal)),
        ("added ms", lambda one: number(one.added_ms) if one.defences else "0 ms"),
    )
    rows += [[name, *(value(one) for one in matrix.columns)] for name, value in costs]
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [header, *rows]]
    lines += ["", *summary(matrix)]
    for one in matrix.detectors:
        lines.append(
            f"{one.detector} on {one.attack}: equal error rate {counted(one.equal_error_rate)}, told at 1 % false alarms "
            f"{counted(one.at_one_percent)}" + (f"; {one.note}" if one.note else "")
        )
    if matrix.forecast is not None:
        lines.append(forecast_words(matrix))
    return "\n".join(lines)


def forecast_words(matrix: Matrix) -> str:
    """The forecast beside the truth, in a sentence."""
    made = matrix.forecast
    if made is None:
        return ""
    told = f"Forecast {seconds(made.seconds)}"
    if made.took_seconds is not None and made.error is not None:
        told += f", took {seconds(made.took_seconds)}: the forecast was {abs(made.error):.0%} too {'high' if made.error > 0 else 'low'}"
    if made.usd is not None:
        told += f"; {made.usd:.2f} USD forecast" + (f", {made.took_usd:.2f} spent" if made.took_usd is not None else "")
    return told + f"; {made.processes} {'process' if made.processes == 1 else 'processes'}."


def _square(one: Square) -> str:
    if one.no_value:
        return "no value"
    known, unknown = (None if cell is None else cell.on_target for cell in (one.known, one.unknown))
    if known is not None and known == unknown:
        return f"{number(known)}, {known.n}"
    n = next((each.n for each in (known, unknown) if each is not None), 0)
    return f"{number(known)} / {number(unknown)}, {n}"


def took(one: Effort | None) -> str:
    """Seconds of an effort."""
    return UNKNOWN if one is None else seconds(one.seconds)
