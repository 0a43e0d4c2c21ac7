"""Rows of the Hugging Face dataset in the form of the repository's, filed under the run that each belongs to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earnest.data.audiotrust.parquet import Cells, Table, parquet_files
from earnest.data.audiotrust.placement import Place, normalised, place_of, run_of
from earnest.data.audiotrust.rows import OfficialRow, path_fault
from earnest.data.audiotrust.setups import DIMENSIONS, OfficialRun

ALONE = "a transcript whose other recording, disturbed or not, is not there"


@dataclass(frozen=True, kw_only=True)
class HubRows:
    """What the parquet files of a folder hold.

    Parameters
    ----------
    shipped : mapping of str to list of OfficialRow
        By file of rows, as the repository calls it; those of no run under `unplaced_<dimension>`.
    unplaced : mapping of str to int
        How many belong to no run, by dimension and reason.
    digest : str
        SHA-256 (hex) of paths and texts.
    faults : list of str
    """

    shipped: dict[str, list[OfficialRow]]
    unplaced: dict[str, int]
    digest: str
    faults: list[str]


def hub_rows(folder: Path) -> HubRows:
    """The rows of every parquet file, in the order of the files."""
    tables = {Table(file): dimension for file, dimension in parquet_files(folder, DIMENSIONS).items()}
    contents = {table: table.rows() for table in tables}
    cells = cells_of(contents)
    faults: list[str] = []
    shipped: dict[str, list[OfficialRow]] = {}
    unplaced: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for table, dimension in tables.items():
        for content in contents[table]:
            fault = path_fault(normalised(content["AudioPath"]))
            faults += [f"{table.file.name} row {numbers[dimension]}: {fault}"] if fault else []
            row, why = _row(dimension, numbers[dimension], content, cells)
            numbers[dimension] += 1
            unplaced.update([f"{dimension}: {why}"] if why else [])
            shipped.setdefault(row.stem, []).append(row)
    digest = hashlib.sha256(json.dumps(list(contents.values())).encode()).hexdigest()
    return HubRows(shipped=shipped, unplaced=dict(sorted(unplaced.items())), digest=digest, faults=faults)


def cells_beside(folder: Path) -> Cells | None:
    """The recordings of parquet files that lie beside rows, as a download of the hub's data set has them."""
    tables = [Table(file) for file in parquet_files(folder, DIMENSIONS)]
    return cells_of({table: table.rows() for table in tables}) if tables else None


def cells_of(contents: Mapping[Table, Sequence[Mapping[str, str]]]) -> Cells:
    """The recordings of some files by their paths."""
    places: dict[str, tuple[Table, int]] = {}
    for table, rows in contents.items():
        for number, row in enumerate(rows):
            places.setdefault(normalised(row["AudioPath"]), (table, number))
    return Cells(places)


def _row(dimension: str, number: int, content: Mapping[str, str], cells: Cells) -> tuple[OfficialRow, str | None]:
    """A row in the form of the repository's, and why it belongs to no run (None: it does)."""
    path = normalised(content["AudioPath"])
    place = place_of(dimension, path)
    run, why = _run(place, path, content, cells)
    row = OfficialRow(
        dimension=dimension,
        stem=f"unplaced_{dimension}" if run is None else run.stem,
        number=number,
        columns=_columns(place, path, run, content.get("Ref", "")),
        recordings=cells,
        inference_prompt=content.get("InferencePrompt") or None,
        judge_prompt=content.get("EvaluationPrompt") or None,
        reference=content.get("Ref") or None,
        run=run,
    )
    return row, why


def _run(
    place: Place | str, path: str, content: Mapping[str, str], cells: Cells
) -> tuple[OfficialRun | None, str | None]:
    if isinstance(place, str):
        return None, place
    texts = {"prompt": "InferencePrompt", "judge_prompt": "EvaluationPrompt", "reference": "Ref"}
    found = run_of(place, **{name: content.get(column, "") for name, column in texts.items()})
    if isinstance(found, str):
        return None, found
    if found.reference is not None and not all(cells.has(twin) for twin in _twins(path).values()):
        return None, ALONE
    return found, None


def _columns(place: Place | str, path: str, run: OfficialRun | None, reference: str) -> dict[str, str]:
    """The columns that the repository's row would have, as far as the hub's has them."""
    if isinstance(place, str):
        return {"AudioPath": path}
    columns = _twins(path) if run is not None and run.reference is not None else {place.column: path}
    named = {"hallucination": "overall_description", "robustness_exp1": "answer"}
    key = "" if run is None else named.get(run.setup) or named.get(run.setup.partition("_")[0], "")
    return {**columns, key: reference} if key and reference else columns


def _twins(path: str) -> dict[str, str]:
    """The disturbed and the undisturbed recording that one of them belongs to."""
    folder, slash, name = path.rpartition("/")
    place = folder.removesuffix("_original")
    return {"WavPath1": f"{place}{slash}{name}", "WavPath2": f"{place}_original{slash}{name}"}
