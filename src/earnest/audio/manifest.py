"""Data sets as folders: `metadata.csv` or `manifest.jsonl` beside the audio, or audio alone.

    data/                       data/fsdd/                data/fsdd/metadata.csv
      fsdd/                       metadata.csv              path,text,speaker,gender,take
      esc10/                      audio/a.flac              audio/a.flac,zero,jackson,male,3

Only `path` is required; it is relative to the folder of its manifest, with forward slashes, and may not leave it. The
known columns are those of `Entry`; every other column is kept in `attributes` as text. An empty cell is no value.
Gender and age band are read into one spelling, and an accent into the commonest of the data's own
(`earnest.audio.speakers`); there, "unknown" and "do not wish to say" are no value either. A
manifest is text in UTF-8 (a byte-order mark and Windows newlines are fine). Audio is decoded only when a clip is asked
for. All faults of all files are reported at once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from earnest.audio import speakers
from earnest.audio.clip import MAX_DURATION_S, AudioClip
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.errors import BadData, UnknownName, machine_failed

CSV_NAME = "metadata.csv"
JSONL_NAME = "manifest.jsonl"
MAX_AGE = 120
_ABSENT = "got nothing there; add the file or drop the line"
_YEARS = Field(ge=0, le=MAX_AGE)
_OF_SPEAKERS = ("accent", "race", "ethnicity")
"""Columns that are written freely; one value of them is given one spelling."""
_SPELLING = {"gender": speakers.gender, "age_band": speakers.age_band, "accent": speakers.accent}


class Entry(BaseModel):
    """One item of a data set: an audio file and what is known about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    path: str = Field(min_length=1, description="Audio file, relative to the manifest's folder.")
    id: str = Field(default="", description="Unique name of the item; the path where none is given.")
    text: str | None = Field(default=None, description="What is said.")
    speaker: str | None = Field(default=None, description="Who speaks, as a pseudonym.")
    gender: str | None = Field(default=None, description="In one spelling: male, female, ...; none where it is not known.")
    age: Annotated[int, _YEARS] | Annotated[float, _YEARS] | None = Field(default=None, description="In years.")
    age_band: str | None = Field(default=None, description="In one spelling: child, teenager, adult, twenties, ...")
    accent: str | None = None
    language: str | None = Field(default=None, description="BCP 47 tag, as in en or pt-BR.")
    label: str | None = Field(default=None, description="The true class.")
    role: str | None = Field(default=None, description="What the clip is for in a stimulus, as in speech or control.")
    pair: str | None = Field(default=None, description="Items with one value belong together.")
    licence: str | None = None
    consent: str | None = Field(default=None, description="How the speaker consented.")
    attributes: dict[str, str] = Field(default_factory=dict, description="Every other column.")

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="before")
    @classmethod
    def _gather_attributes(cls, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        known = {key: value for key, value in row.items() if key in cls.model_fields and value not in (None, "")}
        given = known.get("attributes", {})
        others = {key: value for key, value in row.items() if key not in cls.model_fields}
        if isinstance(given, dict):
            merged = {**given, **others}
            known["attributes"] = {key: _as_text(value) for key, value in merged.items() if value not in (None, "")}
        known.setdefault("id", known.get("path", ""))
        if isinstance(known.get("age"), str) and speakers.plain(known["age"]) in speakers.AGE_BANDS:
            known.setdefault("age_band", known.pop("age"))  # as Common Voice has it
        return known

    @field_validator("gender", "age_band", "accent")
    @classmethod
    def _in_one_spelling(cls, value: str | None, column: ValidationInfo) -> str | None:
        return _SPELLING[str(column.field_name)](value)

    @field_validator("age", mode="before")
    @classmethod
    def _number(cls, age: Any) -> Any:
        try:
            years = float(age)
        except (TypeError, ValueError):
            years = math.nan
        if not 0 <= years <= MAX_AGE:
            raise ValueError(
                f"age must be a number of years from 0 to {MAX_AGE}, got {age!r}; leave it empty if unknown"
            )
        return int(years) if years.is_integer() else years

    @cached_property
    def file(self) -> Path:
        """Where the audio lies."""
        return self._folder / self.path

    def clip(self, *, max_duration_s: float = MAX_DURATION_S) -> AudioClip:
        """The audio, decoded now; see `AudioClip.read` for what it refuses."""
        return AudioClip.read(self.file, max_duration_s=max_duration_s)

    def value(self, column: str) -> str | int | float | None:
        """What the item has in `column`, known or other; None where the cell is empty."""
        return getattr(self, column) if column in _COLUMNS else self.attributes.get(column)


_COLUMNS = frozenset(Entry.model_fields) - {"attributes"}
OPTIONAL_COLUMNS = tuple(name for name in Entry.model_fields if name not in ("path", "id", "attributes"))


@dataclass(frozen=True, eq=False)
class Manifest:
    """The items of a data set.

    Parameters
    ----------
    folder : Path
        Where `path` of every entry starts.
    entries : tuple of Entry
        In the order of the file; several folders in the order of their names.
    passed_over : tuple of str
        What lies in a folder of data sets and is none: folders without audio, loose files of audio.
    """

    folder: Path
    entries: tuple[Entry, ...]
    passed_over: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in _OF_SPEAKERS:
            object.__setattr__(self, "entries", _in_commonest_spelling(self.entries, column))

    @classmethod
    def read(cls, folder: str | Path, *, allow_missing: bool = False) -> Manifest:
        """The data set in `folder`: its manifest, its audio files, or the data sets in its subfolders.

        With a manifest, that is read. Without one, if subfolders have manifests, each subfolder is read and the ids are
        prefixed by its name. Otherwise every audio file below becomes an entry, its id being its relative path.

        Parameters
        ----------
        allow_missing : bool
            Whether files that a manifest names may be missing; `clip` of such an entry then raises `BadAudio`.

        Raises
        ------
        BadData
            With all faults: paths that are missing or leave the folder, ids that come twice, lines that cannot be
            read, ages that are none; or if there is no audio at all.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise BadData(f"a data set must be a folder, got {str(folder)!r}, which is none; check the path")
        faults: list[str] = []
        if _manifests(folder):
            entries, passed_over = _entries_of(folder, folder, faults), []
        else:
            entries, passed_over = _entries_below(folder, faults)
        if allow_missing:
            faults = [fault for fault in faults if not fault.endswith(_ABSENT)]
        if faults:
            raise BadData(
                f"the data set in {str(folder)!r} has {len(faults)} {'fault' if len(faults) == 1 else 'faults'}; mend",
                faults,
            )
        if not entries:
            raise BadData(
                f"a data set must hold audio, got none in {str(folder)!r}; add audio files, or a {CSV_NAME} that names them"
            )
        return cls(folder, tuple(entries), tuple(passed_over))

    @cached_property
    def columns(self) -> dict[str, int]:
        """How many items have a value, by column: the known ones first, then the others by name; empty ones left out."""
        known = {name: sum(getattr(entry, name) is not None for entry in self.entries) for name in OPTIONAL_COLUMNS}
        others = Counter(name for entry in self.entries for name in entry.attributes)
        return {name: n for name, n in [*known.items(), *sorted(others.items())] if n}

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all entries in order; it follows the manifest, not the content of the audio files."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(json.dumps(entry.model_dump(exclude_none=True), sort_keys=True).encode() + b"\n")
        return digest.hexdigest()

    def where(self, **values: str) -> Manifest:
        """The rows that have these values in these columns, in their order: `where(split="test")`.

        Raises
        ------
        BadData
            If no row has them.
        """
        rows = tuple(entry for entry in self.entries if all(entry.value(name) == value for name, value in values.items()))
        if not rows:
            asked = ", ".join(f"{name}={value!r}" for name, value in values.items())
            raise BadData(f"a row of {str(self.folder)!r} must have {asked}, got none; its columns are {', '.join(self.columns)}")
        return Manifest(self.folder, rows, self.passed_over)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of one line of `manifest.jsonl`; further columns are allowed."""
        schema = Entry.model_json_schema()
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **schema,
            "title": "A line of manifest.jsonl",
            "additionalProperties": True,
        }

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, id: str) -> Entry:
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownName(f"an id must be in {str(self.folder)!r}, got {id!r}; its entries list all") from None

    @cached_property
    def _by_id(self) -> dict[str, Entry]:
        return {entry.id: entry for entry in self.entries}


def _manifests(folder: Path) -> list[Path]:
    return [folder / name for name in (CSV_NAME, JSONL_NAME) if (folder / name).is_file()]


def _entries_below(folder: Path, faults: list[str]) -> tuple[list[Entry], list[str]]:
    """Entries of a folder without a manifest, and what was passed over."""
    children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if not any(_manifests(child) for child in children):
        return _bare(folder, folder), []
    loose = [file.name for file in folder.iterdir() if file.is_file() and file.suffix.lower() in AUDIO_SUFFIXES]
    entries: list[Entry] = []
    passed_over = sorted(loose)
    for child in children:
        found = _entries_of(child, folder, faults) if _names_audio(child) else _bare(child, folder)
        entries += found
        if not found and not _names_audio(child):
            passed_over.append(child.name)
    return entries, passed_over


def _names_audio(folder: Path) -> bool:
    """Whether the folder's manifest is one of audio: it has a path column, or audio lies beside it."""
    manifests = _manifests(folder)
    if not manifests:
        return False
    if manifests[0].name == JSONL_NAME or len(manifests) > 1:
        return True
    with manifests[0].open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = next(csv.reader(lines), [])
    return "path" in [name.strip() for name in header] or bool(_bare(folder, folder))


def _bare(folder: Path, root: Path) -> list[Entry]:
    """An entry for every audio file below `folder`, hidden ones left out; paths from `root`."""
    entries = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith("."):
                entries.append(_placed(Entry(path=(Path(place) / name).relative_to(root).as_posix()), root))
    return entries


def _entries_of(folder: Path, root: Path, faults: list[str]) -> list[Entry]:
    """Entries of the manifest in `folder`, paths and ids from `root`; faults are added to the list."""
    manifests = _manifests(folder)
    if len(manifests) > 1:
        faults.append(f"{folder.name} holds both {CSV_NAME} and {JSONL_NAME}; keep one")
        return []
    place = manifests[0].relative_to(root).as_posix()
    rows = _csv_rows if manifests[0].name == CSV_NAME else _jsonl_rows
    prefix = "" if folder == root else f"{folder.name}/"
    inside = folder.resolve()
    entries: list[Entry] = []
    line_of: dict[str, int] = {}
    for line, row in rows(manifests[0], place, faults):
        try:
            entry = Entry.model_validate(row)
        except ValidationError as error:
            faults += [f"{place} line {line}: {_told(fault)}" for fault in error.errors()]
            continue
        path, fault = _found(entry.path, folder, inside)
        if fault:
            faults.append(f"{place} line {line}: {fault}")
        if entry.id in line_of:
            faults.append(
                f"{place} line {line}: id {entry.id!r} is that of line {line_of[entry.id]}; "
                "give each item its own in a column id"
            )
        line_of.setdefault(entry.id, line)
        entries.append(_placed(entry.model_copy(update={"id": prefix + entry.id, "path": prefix + path}), root))
    return entries


def _csv_rows(file: Path, place: str, faults: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(f"{place} must be UTF-8, got the byte {error.object[error.start]:#04x}; save it as UTF-8")
        return
    reader = csv.reader(io.StringIO(text))
    try:
        header = [name.strip() for name in next(reader, [])]
        if not _header_is_good(header, place, faults):
            return
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) not in (0, len(header)):
                faults.append(
                    f"{place} line {line}: {len(cells)} cells under {len(header)} columns; quote a cell with commas"
                )
            elif cells:
                yield line, {name: cell.strip() for name, cell in zip(header, cells)}
            line = reader.line_num + 1
    except csv.Error as error:
        faults.append(f"{place} line {reader.line_num}: no readable CSV ({error}); mend the line")


def _header_is_good(header: list[str], place: str, faults: list[str]) -> bool:
    twice = sorted(name for name, n in Counter(header).items() if n > 1)
    if twice:
        faults.append(f"{place} line 1: the column {', '.join(map(repr, twice))} comes more than once; rename one")
    if "path" not in header:
        hint = (
            "separate columns by commas" if len(header) == 1 and any(mark in header[0] for mark in ";\t") else "add it"
        )
        faults.append(
            f"{place} line 1: there must be a column path, got {', '.join(header) or 'an empty file'}; {hint}"
        )
    return not twice and "path" in header


def _jsonl_rows(file: Path, place: str, faults: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(f"{place} must be UTF-8, got the byte {error.object[error.start]:#04x}; save it as UTF-8")
        return
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except json.JSONDecodeError as error:
            faults.append(f"{place} line {line}: no JSON ({error.msg} at column {error.colno}); mend the line")
            continue
        if not isinstance(row, dict):
            faults.append(f'{place} line {line}: an object is wanted, got {type(row).__name__}; write {{"path": ...}}')
            continue
        yield line, row


def _found(path: str, folder: Path, inside: Path) -> tuple[str, str]:
    """The path as it is on the disk, and the fault with it (empty: none)."""
    if PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute() or PureWindowsPath(path).drive:
        return path, f"path {path!r} must be relative to the manifest; copy the file into the folder"
    for form in (path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path)):
        file = folder / form
        try:
            if not file.resolve().is_relative_to(inside):
                return path, f"path {path!r} must stay inside its folder, got one that leaves it; copy the file there"
            if file.is_file():
                return form, ""
        except (OSError, ValueError, RuntimeError) as error:
            if fault := machine_failed(error):
                raise fault from error
            return path, f"path {path!r} must name a file, got {error}; mend the path"
    return path, f"path {path!r} must name a file, {_ABSENT}"


def _told(fault: Any) -> str:
    column = ".".join(map(str, fault["loc"])) or "the row"
    if column == "path":
        return "path must name a file, got an empty cell; fill it or drop the line"
    message = fault["msg"].removeprefix("Value error, ")
    return message if message.startswith(column) else f"{column}: {message}, got {fault.get('input')!r}"


def _in_commonest_spelling(entries: tuple[Entry, ...], column: str) -> tuple[Entry, ...]:
    """Entries whose values in a column differ by more than letter case and separators; the commonest spelling stays."""
    written = Counter(str(value) for entry in entries if (value := entry.value(column)))
    commonest: dict[str, str] = {}
    for value, _ in written.most_common():
        commonest.setdefault(speakers.plain(value), value)
    if len(commonest) == len(written):
        return entries
    return tuple(_respelt(entry, column, commonest) for entry in entries)


def _respelt(entry: Entry, column: str, commonest: dict[str, str]) -> Entry:
    value = entry.value(column)
    spelt = commonest[speakers.plain(str(value))] if value else value
    if spelt == value:
        return entry
    change = {column: spelt} if column in _COLUMNS else {"attributes": {**entry.attributes, column: spelt}}
    return entry.model_copy(update=change)


def _placed(entry: Entry, folder: Path) -> Entry:
    entry._folder = folder
    return entry


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
