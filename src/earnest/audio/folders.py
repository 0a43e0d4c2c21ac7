"""Folders as data sets: which manifest or layout a folder has, and its rows as entries.

A folder with our manifest is read by it. A folder whose subfolders have manifests is a data set of data sets, and a
subfolder named after a split makes one. Otherwise the layouts of other ecosystems are tried (`earnest.audio.layouts`),
and at last every audio file becomes an entry. Texts that nothing has read are told, never dropped in silence.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pydantic import ValidationError

from earnest.audio import columns, layouts
from earnest.audio.entry import Entry, placed, shown
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.audio.layouts import Row, Tree
from earnest.audio.layouts.own import MANIFESTS, SPLITS, names_audio, own_rows
from earnest.audio.tables import Reading, is_unicode, not_unicode
from earnest.errors import machine_failed

ABSENT = "got nothing there; add the file or drop the line"


@dataclass(kw_only=True)
class Folder:
    """What was read of a folder.

    Parameters
    ----------
    entries : list of Entry
    passed_over : list of str
        What lies in a folder of data sets and is none.
    unread : list of str
        Texts beside the audio that nothing has read.
    """

    entries: list[Entry] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_folder(folder: Path, reading: Reading) -> Folder:
    """The entries of a folder, paths from it; faults and notes are added to `reading`."""
    if _manifests(folder):
        return _by_manifest(folder, folder, reading)
    children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if any(_manifests(child) for child in children):
        return _of_children(folder, children, reading)
    return _by_layout(folder, folder, reading)


def _of_children(folder: Path, children: Iterable[Path], reading: Reading) -> Folder:
    loose = [file.name for file in folder.iterdir() if file.is_file() and file.suffix.lower() in AUDIO_SUFFIXES]
    whole = Folder(passed_over=sorted(loose))
    for child in children:
        has_manifest = bool(_manifests(child))
        if has_manifest and not names_audio(child):
            whole.passed_over.append(child.name)
            continue
        part = (_by_manifest if has_manifest else _by_layout)(child, folder, reading)
        if part.entries and not is_unicode(child.name):
            reading.faults.append(not_unicode(child.name))
            continue
        whole.entries += part.entries
        whole.unread += part.unread
        if not part.entries and not has_manifest:
            whole.passed_over.append(child.name)
    return whole


def _by_manifest(folder: Path, root: Path, reading: Reading) -> Folder:
    place = folder.relative_to(root)
    manifests = _manifests(folder)
    if len(manifests) > 1:
        reading.faults.append(f"{folder.name} holds both {manifests[0].name} and {manifests[1].name}; keep one")
        return Folder()
    rows = own_rows(manifests[0], (place / manifests[0].name).as_posix(), reading)
    entries = list(_entries(rows, folder, root, reading, split=_split_named(place.name)))
    beside = sorted(file.name for file in folder.iterdir() if file.is_file() and layouts.is_text(file.name))
    return Folder(
        entries=entries, unread=[(place / name).as_posix() for name in beside if folder / name not in reading.used]
    )


def _by_layout(folder: Path, root: Path, reading: Reading) -> Folder:
    """Entries by the layout that the folder has, or one for every audio file; ids are paths from the root."""
    tree = Tree.of(folder, reading)
    name, rows = layouts.rows_of(tree, reading)
    place = folder.relative_to(root)
    if name:
        reading.note(f"{_shown_place(place)}was read as {name}: {len(rows)} rows")
    else:
        rows = [Row(place=path, cells={"path": path}) for path in tree.audio]
    unread = [(place / text).as_posix() for text in tree.texts if folder / text not in reading.used]
    entries = list(_entries(rows, folder, root, reading))
    n_left = len({(place / path).as_posix() for path in tree.audio} - {entry.path for entry in entries})
    if n_left and name:
        reading.note(f"{_shown_place(place)}holds {n_left} recordings that no row names; they were not taken")
    return Folder(entries=entries, unread=unread)


def _shown_place(place: Path) -> str:
    return "the folder " if place == Path() else f"{place.as_posix()} "


def _split_named(name: str) -> str:
    return name if name.lower() in SPLITS else ""


def _manifests(folder: Path) -> list[Path]:
    return [folder / name for name in MANIFESTS if (folder / name).is_file()]


def _entries(rows: Iterable[Row], folder: Path, root: Path, reading: Reading, *, split: str = "") -> Iterator[Entry]:
    """Entries of the rows, paths and ids from `root`; faults are added to the reading."""
    listed = list(rows)
    names = _names_by_table(listed, reading)
    places = _Places(folder, reading)
    place_of: dict[str, str] = {}
    prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
    for row in listed:
        cells, faults = _renamed_cells(row, names[_table_of(row)])
        entry, more = _entry(cells | ({"split": split} if split and not cells.get("split") else {}))
        faults += more
        if entry is not None:
            path, fault = (entry.path, _outside(entry.path)) if row.recording else places.locate(entry.path, row.bases)
            faults += [fault] if fault else []
            if entry.id in place_of:
                faults.append(f"id {entry.id!r} is that of {place_of[entry.id]}; give each item its own in a column id")
            place_of.setdefault(entry.id, _line_of(row.place))
            yield placed(_moved(entry, path=path, prefix=prefix), root, row.recording)
        reading.faults += [f"{row.place}: {fault}" for fault in faults]


def _names_by_table(rows: Iterable[Row], reading: Reading) -> dict[str, Mapping[str, str]]:
    """Under which names the columns of each table are read; what is read under another is noted."""
    written: dict[str, dict[str, None]] = {}
    for row in rows:
        written.setdefault(_table_of(row), {}).update(dict.fromkeys(row.cells))
    names = {table: columns.renamed(cells) for table, cells in written.items()}
    for table, found in names.items():
        for note in found.notes:
            reading.note(f"{table}: {note}")
    return {table: found.names for table, found in names.items()}


_IN_TABLE = re.compile(r" (?:line|item) ")


def _table_of(row: Row) -> str:
    return _IN_TABLE.split(row.place, maxsplit=1)[0]


def _line_of(place: str) -> str:
    return place[place.rindex(" line ") + 1 :] if " line " in place else place


def _moved(entry: Entry, *, path: str, prefix: str) -> Entry:
    if not prefix and path == entry.path:
        return entry
    own_id = entry.id if entry.id != entry.path else path
    return entry.model_copy(update={"id": prefix + own_id, "path": prefix + path})


def _renamed_cells(row: Row, names: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The cells under our names of columns, and what is wrong with them."""
    cells: dict[str, Any] = {}
    faults = []
    for name, value in row.cells.items():
        if names[name] in cells:
            faults.append(f"the column {names[name]!r} comes more than once; keep one")
        cells[names[name]] = value
    return _with_part(cells), faults


def _with_part(cells: dict[str, Any]) -> dict[str, Any]:
    """The cells with `start_s` and `end_s` for an offset and a duration in s, as NeMo and others write them."""
    if cells.get("offset") in (None, "") or "start_s" in cells:
        return cells
    offset, duration = _number(cells["offset"]), _number(cells.get("duration"))
    part = {"start_s": cells["offset"] if offset is None else offset}
    if offset is not None and duration is not None:
        part["end_s"] = round(offset + duration, 9)
    return {name: value for name, value in cells.items() if name not in ("offset", "duration")} | part


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _entry(cells: dict[str, Any]) -> tuple[Entry | None, list[str]]:
    try:
        return Entry.model_validate(cells), []
    except ValidationError as error:
        return None, [_fault_words(fault) for fault in error.errors(include_url=False)]
    except RecursionError:
        return None, ["a cell is nested too deep; write text"]


def _fault_words(fault: Any) -> str:
    column = ".".join(map(str, fault["loc"])) or "the row"
    if column == "path":
        return (
            "path must name a file, got an empty cell; fill it or drop the line"
            if fault["type"] == "missing"
            else (f"path must name a file, got {shown(fault.get('input'))}; mend the path")
        )
    message = fault["msg"].removeprefix("Value error, ")
    if column == "the row" or message.startswith(column):
        return message
    return f"{column}: {message}, got {shown(fault.get('input'))}"


class _Places:
    """Where the paths of rows lie on the disk; each place is looked up once."""

    def __init__(self, folder: Path, reading: Reading) -> None:
        self._folder, self._inside, self._reading = folder, folder.resolve(), reading
        self._written: dict[str, str] = {}
        self._plain_folders: dict[str, bool] = {}

    def locate(self, path: str, bases: tuple[str, ...]) -> tuple[str, str]:
        """The path as it is on the disk, from the folder, and the fault with it (empty: none)."""
        if bases == ("",) and self._is_plain(path):
            return path, ""
        elsewhere = _is_absolute(path)
        fault = f"path {path!r} must name a file, {ABSENT}"
        if elsewhere:
            fault = f"path {path!r} must be relative to the manifest; copy the file into the folder"
        for form in self._moved_here(path) if elsewhere else _forms(path, bases):
            try:
                if not (self._folder / form).resolve().is_relative_to(self._inside):
                    fault = f"path {path!r} must stay inside its folder, got one that leaves it; copy the file there"
                elif (self._folder / form).is_file():
                    return form, self._clash(path, form) if elsewhere else ""
            except (OSError, ValueError, RuntimeError) as error:
                if fault := machine_failed(error):
                    raise fault from error
                return path, f"path {shown(path)} must name a file, got {error}; mend the path"
        return path, fault

    def _is_plain(self, path: str) -> bool:
        """Whether a path as it is written leads to a file that is no link, in a folder that lies inside: most rows' do."""
        at, _, name = path.rpartition("/")
        if not name or path[0] == "/" or "\\" in path or "\0" in path or ":" in path:
            return False
        if at not in self._plain_folders:
            self._plain_folders[at] = ".." not in at.split("/") and self._lies_inside(at)
        try:
            return self._plain_folders[at] and stat.S_ISREG(os.lstat(f"{self._inside}/{path}").st_mode)
        except (OSError, ValueError):
            return False

    def _lies_inside(self, place: str) -> bool:
        try:
            return (self._folder / place).resolve().is_relative_to(self._inside)
        except (OSError, ValueError, RuntimeError):
            return False

    def _moved_here(self, path: str) -> Iterator[str]:
        """An absolute path's ends, the longest first: a data set that was moved keeps its own folders."""
        own = Path(path)
        if own.is_relative_to(self._folder.absolute()):
            yield own.relative_to(self._folder.absolute()).as_posix()
        parts = PureWindowsPath(path).parts[1:] if PureWindowsPath(path).drive else PurePosixPath(path).parts[1:]
        yield from ("/".join(parts[start:]) for start in range(len(parts)) if ".." not in parts)

    def _clash(self, path: str, form: str) -> str:
        """A fault where two absolute paths would be one file here."""
        if self._written.setdefault(form, path) != path:
            return f"path {path!r} would be the file {form!r}, as {self._written[form]!r} is; write paths from the manifest"
        self._reading.note("absolute paths of the manifest were found inside its folder")
        return ""


def _is_absolute(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or bool(PureWindowsPath(path).drive)


def _outside(path: str) -> str:
    """The fault of a path, under which a recording would be written, that leaves its folder."""
    leaves = _is_absolute(path) or ".." in PurePosixPath(path.replace("\\", "/")).parts or "\0" in path
    return f"path {path!r} must stay inside its folder, got one that leaves it; mend the path" if leaves else ""


def _forms(path: str, bases: tuple[str, ...]) -> Iterator[str]:
    """A path in every form that it may have on the disk: from each base, in each normal form, with Windows' separators."""
    for written in dict.fromkeys((path, path.replace("\\", "/"))):
        for base in bases:
            for form in dict.fromkeys(
                (written, unicodedata.normalize("NFC", written), unicodedata.normalize("NFD", written))
            ):
                yield os.path.normpath(f"{base}/{form}") if base else form
