"""A run's findings and items as tables for other tools: `findings.csv`, `items.csv`, or the same in parquet."""

from __future__ import annotations

import io
from pathlib import Path

from earnest.registry import extra
from earnest.report.storage import write_bytes, write_text
from earnest.results.of_run import RunResults
from earnest.results.tidy import Tidy, tidy_findings, tidy_items
from earnest.spreadsheets import csv_text


def write_csv(folder: Path, out: Path) -> list[Path]:
    """Write the tables of the run in `folder` into `out` as CSV whose cells no spreadsheet runs; their paths come back."""
    paths = []
    for name, table in _tables(folder).items():
        paths.append(out / f"{name}.csv")
        out.mkdir(parents=True, exist_ok=True)
        write_text(paths[-1], csv_text(table.rows, columns=table.columns))
    return paths


def write_parquet(folder: Path, out: Path) -> list[Path]:
    """Write the tables of the run in `folder` into `out` as parquet, text as it is; their paths come back.

    Raises
    ------
    MissingExtra
        If pyarrow is not installed.
    """
    pyarrow = extra("pyarrow", needed_by="`earnest export --parquet`")
    parquet = extra("pyarrow.parquet", needed_by="`earnest export --parquet`")
    paths = []
    for name, table in _tables(folder).items():
        paths.append(out / f"{name}.parquet")
        out.mkdir(parents=True, exist_ok=True)
        written = io.BytesIO()
        columns = {column: [_whole(row[column]) for row in table.rows] for column in table.columns}
        parquet.write_table(pyarrow.table(columns), written)
        write_bytes(paths[-1], written.getvalue())
    return paths


def _tables(folder: Path) -> dict[str, Tidy]:
    made, run = RunResults.read(folder), folder.resolve().name
    return {
        "findings": tidy_findings(made.plan, made.findings, run=run),
        "items": tidy_items(made.plan, made.lines, run=run),
    }


def _whole(value: object) -> object:
    """Text without the halves of signs that UTF-8 cannot hold."""
    return value.encode("utf-8", errors="replace").decode("utf-8") if isinstance(value, str) else value
