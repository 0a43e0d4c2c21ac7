"""Data sets as folders: `metadata.csv` or `manifest.jsonl` beside the audio, another ecosystem's layout, or audio alone.

    data/                       data/fsdd/                data/fsdd/metadata.csv
      fsdd/                       metadata.csv              path,text,speaker,gender,take
      esc10/                      audio/a.flac              audio/a.flac,zero,jackson,male,3

Only `path` is required; it is relative to the folder of its manifest, with forward slashes, and may not leave it. The
known columns are those of `Entry`, in any letter case; names that other ecosystems use stand for them
(`earnest.audio.columns`), and every other column is kept in `attributes` as text. An empty cell is no value.
Gender and age band are read into one spelling, and an accent into the commonest of the data's own
(`earnest.audio.speakers`); there, "unknown" and "do not wish to say" are no value either. A
manifest is text in UTF-8 (a byte-order mark and Windows newlines are fine); UTF-16 and Latin-1 are read too, and said.
Cells are separated by commas, semicolons, tabs or bars. Audio is decoded only when a clip is asked
for. All faults of all files are reported at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from earnest.audio import hub, speakers
from earnest.audio.entry import COLUMNS, MAX_AGE, OPTIONAL_COLUMNS, Entry
from earnest.audio.folders import ABSENT, read_folder
from earnest.audio.layouts.own import CSV_NAME, JSONL_NAME
from earnest.audio.tables import Reading, is_unicode
from earnest.errors import BadData, UnknownName

T = TypeVar("T")

__all__ = ["CSV_NAME", "JSONL_NAME", "MAX_AGE", "OPTIONAL_COLUMNS", "Entry", "Manifest"]

_OF_SPEAKERS = ("accent", "race", "ethnicity")
"""Columns that are written freely; one value of them is given one spelling."""


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
    notes : tuple of str
        How it was read, where that could be otherwise than its owner thinks: layout, encoding, columns under other names.
    unread : tuple of str
        Texts beside the audio that were not read.
    """

    folder: Path
    entries: tuple[Entry, ...]
    passed_over: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for column in _OF_SPEAKERS:
            object.__setattr__(self, "entries", _in_commonest_spelling(self.entries, column))

    @classmethod
    def read(cls, folder: str | Path, *, allow_missing: bool = False) -> Manifest:
        """The data set in `folder`: its manifest, its audio files, or the data sets in its subfolders.

        With a manifest, that is read. Without one, if subfolders have manifests, each subfolder is read and the ids are
        prefixed by its name. Otherwise the folder is read by its layout, where it has one that is known
        (`earnest.audio.layouts`), or every audio file below becomes an entry, its id being its relative path.

        Parameters
        ----------
        folder : path
            Or an address of the Hugging Face hub, `hf://owner/name@revision`, which is fetched (`earnest.audio.hub`).
        allow_missing : bool
            Whether files that a manifest names may be missing; `clip` of such an entry then raises `BadAudio`.

        Raises
        ------
        BadData
            With all faults: paths that are missing or leave the folder, ids that come twice, lines that cannot be
            read, ages that are none; or if there is no audio at all.
        """
        folder = hub.fetched(folder) if hub.is_address(folder) else Path(folder)
        if not folder.is_dir():
            raise BadData(f"a data set must be a folder, got {str(folder)!r}, which is none; check the path")
        if not is_unicode(f"{folder}/{folder.resolve().name}"):
            written = str(folder).encode(errors="surrogateescape")
            raise BadData(f"a data set's folder must have a name in Unicode, got {written!r}; rename the folder")
        reading = Reading(root=folder)
        found = read_folder(folder, reading)
        faults = [fault for fault in reading.faults if not (allow_missing and fault.endswith(ABSENT))]
        if faults:
            raise BadData(
                f"the data set in {str(folder)!r} has {len(faults)} {'fault' if len(faults) == 1 else 'faults'}; mend",
                sorted(faults, key=_by_line),
            )
        if not found.entries:
            raise BadData(
                f"a data set must hold audio, got none in {str(folder)!r}; add audio files, or a {CSV_NAME} that names them"
            )
        return cls(folder, tuple(found.entries), tuple(found.passed_over), tuple(reading.notes), tuple(found.unread))

    @cached_property
    def columns(self) -> dict[str, int]:
        """How many items have a value, by column: the known ones first, then the others by name; empty ones left out."""
        known = {name: sum(getattr(entry, name) is not None for entry in self.entries) for name in OPTIONAL_COLUMNS}
        others = Counter(name for entry in self.entries for name in entry.attributes)
        return {name: n for name, n in [*known.items(), *sorted(others.items())] if n}

    @cached_property
    def _worked_out(self) -> dict[Hashable, Any]:
        return {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives of these rows, made at the first call with this key: many tasks ask for the same of them."""
        if key not in self._worked_out:
            self._worked_out[key] = make()
        made: T = self._worked_out[key]
        return made

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
        rows = tuple(
            entry for entry in self.entries if all(entry.value(name) == value for name, value in values.items())
        )
        if not rows:
            asked = ", ".join(f"{name}={value!r}" for name, value in values.items())
            raise BadData(
                f"a row of {str(self.folder)!r} must have {asked}, got none; its columns are {', '.join(self.columns)}"
            )
        return replace(self, entries=rows)

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


def _by_line(fault: str) -> str:
    """A key that sorts faults by file and line."""
    return re.sub(r"\d+", lambda number: number[0].zfill(9), fault.partition(":")[0])


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
    change = {column: spelt} if column in COLUMNS else {"attributes": {**entry.attributes, column: spelt}}
    return entry.model_copy(update=change)
