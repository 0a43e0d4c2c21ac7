"""Parquet files that hold audio, as the Hugging Face hub writes data sets: `data/train-00000-of-00004.parquet`.

The audio stays in the file until it is asked for. Numbers of a class become its name where the file says the names. The
split is what the file's name begins with, or its folder's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.layouts.own import SPLITS
from earnest.audio.parquet import Shelf, Table, bytes_of, opened
from earnest.audio.tables import Reading
from earnest.errors import BadAudio, BadData, EarnestError, machine_failed
from earnest.registry import has_extra

_SHARD = re.compile(r"(?P<split>.+?)(-\d+-of-\d+)?")


@dataclass(frozen=True, eq=False)
class _Cell:
    """A recording in a row of a parquet file."""

    shelf: Shelf
    table: Table
    number: int

    def file_bytes(self) -> bytes:
        try:
            return bytes_of(self.shelf.audio(self.table, self.number))
        except (EarnestError, ValueError, TypeError, KeyError) as error:
            if fault := machine_failed(error):
                raise fault from error
            raise BadAudio(f"row {self.number} of {self.table.file.name} cannot be used: {error}") from error


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each row of each file with a column of audio; None where there is none.

    Where there are audio files too and pyarrow is not installed, the parquet files are left, and told as not read.
    """
    files = [path for path in tree.texts if path.lower().endswith(".parquet")]
    if not files or (tree.audio and not has_extra("pyarrow")):
        return None
    shelf = Shelf()
    found = [row for path in files for row in _of_file(tree, path, shelf, reading)]
    return found or (None if tree.audio else [])


def _of_file(tree: Tree, path: str, shelf: Shelf, reading: Reading) -> list[Row]:
    file = tree.folder / path
    if not reading.may_read(file, path):
        return []
    try:
        schema = opened(file).schema_arrow
        audio = next((field.name for field in schema if _holds_audio(field.type)), None)
        if audio is None:
            return []
        reading.used.add(file)
        texts = [field.name for field in schema if field.name != audio and _is_plain(field.type)]
        left = [field.name for field in schema if field.name != audio and field.name not in texts]
        name = [f"{audio}.path"] if "path" in _parts(schema.field(audio).type) else []
        table = Table(file, audio=audio, texts=[*texts, *name])
        cells = table.rows()
    except BadData as error:
        reading.faults.append(str(error))
        return []
    if left:
        reading.note(f"{path}: the columns {', '.join(left)} hold no plain values and were not read")
    return _rows_of(path, cells, _class_names(schema), table, shelf, audio)


def _rows_of(
    path: str, cells: list[dict[str, Any]], classes: Mapping[str, list[str]], table: Table, shelf: Shelf, audio: str
) -> list[Row]:
    names = [_name(row.pop(audio, None)) for row in cells] if cells and audio in cells[0] else [""] * len(cells)
    counts = Counter(names)
    stem = PurePosixPath(path).with_suffix("").as_posix()
    split = _split(PurePosixPath(path))
    found = []
    for number, (row, name) in enumerate(zip(cells, names)):
        known = {column: _named(value, classes.get(column)) for column, value in row.items() if column != "path"}
        at = f"{stem}/{name if name and counts[name] == 1 else f'{number:06d}'}"
        given = {"split": split} if split and "split" not in known else {}
        found.append(
            Row(
                place=f"{path} line {number + 1}",
                cells={"path": at, **known, **given},
                recording=_Cell(shelf, table, number),
            )
        )
    return found


def _parts(kind: Any) -> list[str]:
    return [kind.field(n).name for n in range(kind.num_fields)] if str(kind).startswith("struct") else []


def _holds_audio(kind: Any) -> bool:
    parts = _parts(kind)
    return "bytes" in parts or ("array" in parts and "sampling_rate" in parts)


def _is_plain(kind: Any) -> bool:
    return str(kind).startswith(
        ("string", "large_string", "bool", "int", "uint", "float", "double", "halffloat", "dictionary<values=string")
    )


def _name(cell: Any) -> str:
    """The file name of a recording, as its writer had it; empty where it has none that can be used."""
    name = PurePosixPath(str((cell or {}).get("path") or "").replace("\\", "/")).name
    return name if tables.is_unicode(name) and "\0" not in name else ""


def _split(path: PurePosixPath) -> str:
    shard = _SHARD.fullmatch(path.stem)
    names = (shard["split"] if shard else "", path.parent.name)
    return next((name for name in names if name.lower() in SPLITS), "")


def _named(value: Any, names: list[str] | None) -> Any:
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Names of classes by column, from what the hub's library writes beside the schema."""
    about, _ = tables.json_value(((schema.metadata or {}).get(b"huggingface") or b"{}").decode("utf-8", "replace"))
    features = (
        about.get("info", {}).get("features", {})
        if isinstance(about, dict) and isinstance(about.get("info", {}), dict)
        else {}
    )
    found = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        names = feature.get("names") if isinstance(feature, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[column] = names
    return found
