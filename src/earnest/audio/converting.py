"""Writing a data set as our own: its recordings, byte for byte, and a `metadata.csv` with every column that is filled."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from earnest.audio.entry import OPTIONAL_COLUMNS, Entry
from earnest.audio.files import suffix_of
from earnest.audio.layouts.own import CSV_NAME
from earnest.audio.manifest import Manifest
from earnest.errors import BadData, StorageFailed

_AUDIO = "audio"


def convert(manifest: Manifest, out: str | Path) -> Manifest:
    """Write a data set into the folder `out`, which must not be there or be empty, and read it back.

    A file of which several rows take a part is written once. Rows keep their ids, texts and all other columns.

    Raises
    ------
    BadData
        If `out` holds something, or lies in the data set's own folder.
    StorageFailed
        If it cannot be written.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadData(
            f"a data set is written into a new or empty folder, got {str(out)!r}, which holds something; name another"
        )
    if out.resolve().is_relative_to(manifest.folder.resolve()):
        raise BadData(
            f"a data set is written outside of its own folder, got {str(out)!r} inside {str(manifest.folder)!r}; name another"
        )
    try:
        paths = _written_recordings(manifest, out)
        write_table(manifest, out, paths={entry.id: paths[entry.path] for entry in manifest})
    except OSError as error:
        raise StorageFailed(
            f"{str(out)!r} must be writable, got {error.strerror or error}; free some space, or name another folder"
        ) from error
    return Manifest.read(out)


def _written_recordings(manifest: Manifest, out: Path) -> dict[str, str]:
    """Where each recording was put, by its path in the data set."""
    paths: dict[str, str] = {}
    for entry in manifest.entries:
        if entry.path in paths:
            continue
        place = _AUDIO / PurePosixPath(os.path.normpath(entry.path))
        target = out / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.is_file:
            shutil.copyfile(entry.file, target)
        else:
            content = entry.file_bytes()
            target = target.with_name(target.name + ("" if target.suffix else suffix_of(content)))
            target.write_bytes(content)
        paths[entry.path] = target.relative_to(out).as_posix()
    return paths


def write_table(manifest: Manifest, out: Path, *, paths: Mapping[str, str], without: Collection[str] = ()) -> None:
    """Write `metadata.csv` into `out` with every column that is filled.

    Parameters
    ----------
    paths : mapping of str to str
        Where the recording of each id lies, from `out`; rows without one are left out.
    without : collection of str
        Columns that are left out.
    """
    columns = ["path", "id", *(name for name in manifest.columns if name in OPTIONAL_COLUMNS)]
    columns += [name for name in manifest.columns if name not in columns]
    columns = [name for name in columns if name not in without]
    rows = [entry for entry in manifest if entry.id in paths]
    with (out / CSV_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(entry, column, paths) for column in columns] for entry in rows)


def _cell(entry: Entry, column: str, paths: Mapping[str, str]) -> str:
    if column == "path":
        return paths[entry.id]
    value = entry.value(column)
    return "" if value is None else str(value)
