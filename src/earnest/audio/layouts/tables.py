"""Tables that name audio files, under any name: NeMo's manifests, SpeechBrain's CSV and JSON, `train.csv` and `test.csv`.

NeMo's `duration` ends the part that its `offset` begins, and without an offset it begins with the file, as NeMo reads it.
SpeechBrain's paths may begin with a placeholder for the data's folder (`$data_root`, `{data_root}`), and its `start` and
`stop` count samples. Of several tables each is a split of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from earnest.audio import columns, tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.layouts.own import rows_from
from earnest.audio.tables import Reading

_PLACEHOLDER = re.compile(r"^(\$\{?\w+\}?|\{\w+\})/")
_MOST_DEEP = 3


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """The rows of every table that has a column of paths; None where there is none."""
    found: dict[str, list[Row]] = {}
    for path in tree.texts:
        if (
            path.lower().endswith((".csv", ".tsv", ".json", ".jsonl", ".jsonl.gz", ".json.gz"))
            and path.count("/") <= _MOST_DEEP
        ):
            trial = reading.trial()
            listed = list(_of_file(tree, path, trial))
            if listed or (trial.faults and _names_paths(tree, path, reading.trial())):
                found[path] = listed
                reading.take(trial)
    if not found:
        return None
    several = len(found) > 1
    return [
        _as_split(row, PurePosixPath(path).name.partition(".")[0]) if several else row
        for path, listed in found.items()
        for row in listed
    ]


def _of_file(tree: Tree, path: str, reading: Reading) -> Iterator[Row]:
    text = tables.text_of(tree.folder / path, path, reading)
    if text is None:
        return
    at = PurePosixPath(path).parent
    bases = tuple("" if base == PurePosixPath(".") else base.as_posix() for base in (at, *at.parents))
    if path.lower().endswith((".csv", ".tsv")):
        if not any(map(columns.is_path, text.partition("\n")[0].strip().split(tables.separator_of(text)))):
            return
        listed = rows_from(tables.csv_rows(text, path, reading), path, bases=bases)
    else:
        listed = _of_json(text, path, reading, bases)
    yield from (_mended(row) for row in listed)


def _names_paths(tree: Tree, path: str, reading: Reading) -> bool:
    """Whether the first line of a table that could not be read names a column of paths."""
    text = tables.text_of(tree.folder / path, path, reading) or ""
    return any(map(columns.is_path, re.findall(r"\w+", text.partition("\n")[0])))


def _of_json(text: str, path: str, reading: Reading, bases: tuple[str, ...]) -> Iterator[Row]:
    """Objects of JSON lines, of a list, or of an object that holds one by name, as SpeechBrain writes it."""
    head = text.lstrip()[:2]
    first, fault = tables.json_value(text.partition("\n")[0])
    if not fault and isinstance(first, dict) and any(map(columns.is_path, first)):
        yield from rows_from(tables.json_rows(text, path, reading), path, bases=bases)
        return
    if head[:1] not in ("[", "{"):
        return
    whole, fault = tables.json_value(text)
    if fault:
        return
    named = whole.items() if isinstance(whole, dict) else enumerate(whole, start=1) if isinstance(whole, list) else ()
    for name, value in named:
        if isinstance(value, dict) and any(
            columns.is_path(column) and _is_file(cell) for column, cell in value.items()
        ):
            given = {"id": name} if isinstance(name, str) and "id" not in map(columns.folded, value) else {}
            yield Row(place=f"{path} item {name!r}", cells={**given, **value}, bases=bases)


def _is_file(cell: Any) -> bool:
    return isinstance(cell, str) or (isinstance(cell, dict) and isinstance(cell.get("file"), str))


def _mended(row: Row) -> Row:
    """The row with the part that it means, and its path without a placeholder."""
    cells = dict(row.cells)
    names = {columns.folded(name): name for name in cells}
    nemo, path = "audio_filepath" in names, next((name for name in cells if columns.is_path(name)), None)
    if nemo and "offset" not in names and "duration" in names:
        cells["offset"] = 0.0
    if path is not None and isinstance(cells[path], str):
        cells[path] = _PLACEHOLDER.sub("", cells[path])
    elif path is not None and isinstance(cells[path], dict) and isinstance(cells[path].get("file"), str):
        cells |= {path: cells[path]["file"], "start": cells[path].get("start"), "stop": cells[path].get("stop")}
    return Row(place=row.place, cells=cells, bases=row.bases)


def _as_split(row: Row, name: str) -> Row:
    known: Mapping[str, Any] = row.cells
    return (
        row
        if "split" in map(columns.folded, known)
        else Row(place=row.place, cells={**known, "split": name}, bases=row.bases)
    )
