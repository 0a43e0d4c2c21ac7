"""Tables as text files: CSV in its dialects and JSON lines, in the encodings that other programs write.

Rows come with the line on which they begin. What cannot be read is a fault with its file and line, and what was read
otherwise than a reader may think (an encoding that had to be guessed) is a note: both are gathered in a `Reading`.
CSV is read strictly: a quote that does not close never makes one row of two.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earnest.audio import columns
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.errors import machine_failed

MAX_BYTES = 256 * 2**20
"""Of one text file, unpacked."""

SEPARATORS = ",;\t|"
_SAVE_AS = "save it as UTF-8"

Rows = Iterator[tuple[int, dict[str, Any]]]


@dataclass(kw_only=True)
class Reading:
    """What came up while the files of a data set were read.

    Parameters
    ----------
    faults : list of str
        What must be mended before the data can be used, each with file and line.
    notes : list of str
        What was read in a way that its owner should know of, and what was not read.
    used : set of Path
        Text files that were read.
    root : Path or None
        The folder that text files must lie in, links followed; None: any.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    used: set[Path] = field(default_factory=set)
    root: Path | None = None

    def trial(self) -> Reading:
        """An empty one for a file that may be another reader's."""
        return Reading(root=self.root)

    def may_read(self, file: Path, place: str) -> bool:
        """Whether a file is one, and lies in the folder; otherwise that is a fault."""
        inside = self.root is None or file.resolve().is_relative_to(self.root.resolve())
        if not file.is_file() or not inside:
            self.faults.append(
                f"{place} must be a file in the data set's folder, got a link out of it or no file; copy it there"
            )
            return False
        return True

    def take(self, other: Reading) -> None:
        """Add what came up in a trial."""
        self.faults += other.faults
        self.used |= other.used
        for note in other.notes:
            self.note(note)

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)


def text_of(file: Path, place: str, reading: Reading) -> str | None:
    """The text in a file, packed by gzip or not; None, and a fault, where it cannot be read.

    UTF-8, and UTF-16 with its mark or without, are recognised. Any other text is read as Latin-1 in the form of Windows
    (code page 1252), and a note says so.
    """
    reading.used.add(file)
    try:
        if not reading.may_read(file, place):
            return None
        content = _content(file)
    except (OSError, EOFError, RuntimeError, zlib.error) as error:
        if fault := machine_failed(error):
            raise fault from error
        reading.faults.append(f"{place} must be readable, got {error}; check the file and its permissions")
        return None
    if len(content) > MAX_BYTES:
        reading.faults.append(
            f"{place} must hold at most {MAX_BYTES // 2**20} MB of text, got more; cut it into several folders"
        )
        return None
    return _decoded(content, place, reading)


def _content(file: Path) -> bytes:
    """At most one byte more than is allowed, so that a file that unpacks to gigabytes is not unpacked."""
    with file.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
        handle.seek(0)
        source: Any = gzip.GzipFile(fileobj=handle) if packed else handle
        return source.read(MAX_BYTES + 1)


def _decoded(content: bytes, place: str, reading: Reading) -> str | None:
    wide = _utf16(content)
    try:
        text = content.decode(wide or "utf-8-sig")
    except UnicodeDecodeError as error:
        if wide:
            reading.faults.append(f"{place} must be whole UTF-16, got {error.reason}; {_SAVE_AS}")
            return None
        return _latin1(content, place, reading)
    if wide:
        reading.note(f"{place} was read as UTF-16")
    return text.removeprefix("\ufeff")


def _utf16(content: bytes) -> str:
    """Which UTF-16 the bytes are in; empty where they are in none. Without a mark, every second byte must be zero."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = content[:200]
    even, odd = head[0::2], head[1::2]
    if len(head) >= 8 and odd.count(0) > 0.8 * len(odd) and even.count(0) < 0.2 * len(even):
        return "utf-16-le"
    if len(head) >= 8 and even.count(0) > 0.8 * len(even) and odd.count(0) < 0.2 * len(odd):
        return "utf-16-be"
    return ""


def _latin1(content: bytes, place: str, reading: Reading) -> str | None:
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        text = "\0"
    control = next((letter for letter in text if letter < " " and letter not in "\t\n\r\f\v"), None)
    if control is not None:
        reading.faults.append(
            f"{place} must be text in UTF-8, UTF-16 or Latin-1, got bytes of none of them; {_SAVE_AS}"
        )
        return None
    reading.note(f"{place} is not UTF-8; it was read as Latin-1 (Windows-1252): check its letters, or {_SAVE_AS}")
    return text


def csv_rows(
    text: str,
    place: str,
    reading: Reading,
    *,
    separator: str | None = None,
    header: Sequence[str] | None = None,
    quoted: bool = True,
) -> Rows:
    """Rows of a table in CSV with the line on which each begins; cells are stripped.

    Parameters
    ----------
    separator : str or None
        None finds it from the header: the one under which a column of paths appears, else the most columns.
    header : sequence of str or None
        Names of the columns where the file has no header line.
    quoted : bool
        Whether quotes enclose cells; Common Voice and LJSpeech write them as any other letter.
    """
    form: dict[str, Any] = {"strict": True} if quoted else {"quoting": csv.QUOTE_NONE}
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator or separator_of(text), **form)
    line = 1
    try:
        names = list(header or (name.strip() for name in next(reader, [])))
        if not _has_good_header(names, place, reading):
            return
        line = 1 if header else reader.line_num + 1
        for cells in reader:
            fault = _fault_of_row(cells, len(names), reader.line_num - line, line)
            if fault:
                reading.faults.append(f"{place} line {line}: {fault}")
            elif cells:
                yield line, {name: cell.strip() for name, cell in zip(names, cells)}
            line = reader.line_num + 1
    except csv.Error as error:
        reading.faults.append(f"{place} line {line}: {_fault_words(error)}")


def _fault_of_row(cells: Sequence[str], n_columns: int, n_further_lines: int, line: int) -> str:
    if cells and len(cells) != n_columns:
        return f"{len(cells)} cells under {n_columns} columns; quote a cell that holds the separator"
    if n_further_lines and any(_holds_row(cell) for cell in cells):
        return f"a quote opens here and takes in line {line + 1}; close it on this line, or double a quote that is a letter"
    return ""


def _holds_row(cell: str) -> bool:
    """Whether a line of a cell of several names a file of audio beside a separator, and so is a row of its own, or its end."""
    lines = cell.splitlines()
    rows = (line.split(mark) for line in lines if len(lines) > 1 for mark in SEPARATORS if mark in line)
    return any(part.strip(' "').lower().endswith(AUDIO_SUFFIXES) for row in rows for part in row)


def _fault_words(error: csv.Error) -> str:
    if "expected after" in str(error) or "end of data" in str(error):
        return "a quote opens here and does not close before the next separator; close it, or double a quote that is a letter"
    return f"no readable CSV ({error}); mend the line"


def separator_of(text: str) -> str:
    """What separates the cells of a table, from its first line.

    >>> separator_of("Path;text;speaker"), separator_of("file_name\\tsentence, as read"), separator_of("path")
    (';', '\\t', ',')
    """
    first = text.lstrip("\n\r").partition("\n")[0]
    return max(SEPARATORS, key=lambda mark: _paths_and_columns(first.split(mark)))


def _paths_and_columns(names: Sequence[str]) -> tuple[bool, int]:
    return any(columns.is_path(name) for name in names), len(names)


def _has_good_header(names: Sequence[str], place: str, reading: Reading) -> bool:
    counts = Counter(columns.folded(name) for name in names)
    twice = sorted(name for name, n in counts.items() if n > 1)
    if twice:
        reading.faults.append(
            f"{place} line 1: the column {', '.join(map(repr, twice))} comes more than once; rename one"
        )
    return bool(names) and not twice


def json_rows(text: str, place: str, reading: Reading) -> Rows:
    """Objects of a file of JSON lines."""
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        row, fault = json_value(content)
        if not fault and not isinstance(row, dict):
            fault = f'an object is wanted, got {type(row).__name__}; write {{"path": ...}}'
        if fault:
            reading.faults.append(f"{place} line {line}: {fault}")
        else:
            yield line, row


def json_value(content: str) -> tuple[Any, str]:
    """The value that a text in JSON holds, and what is wrong with the text (empty: nothing)."""
    try:
        value = json.loads(content, object_pairs_hook=_once)
        if "\\ud" in content.lower() and not is_unicode(json.dumps(value, ensure_ascii=False)):
            return None, "no text that can be written (half of a pair of \\u escapes); mend the line"
        return value, ""
    except json.JSONDecodeError as error:
        return None, f"no JSON ({error.msg} at column {error.colno}); mend the line"
    except RecursionError:
        return None, "no JSON that can be used (nested too deep); mend the line"
    except ValueError as error:  # a number of thousands of digits, or a name that comes twice
        return None, f"no JSON that can be used ({str(error).partition(';')[0]}); mend the line"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = next(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
        raise ValueError(f"the name {twice!r} comes more than once")
    return row


def not_unicode(path: str) -> str:
    """The fault of a file whose name is in another encoding: no manifest, plan or journal could hold it."""
    return f"{path.encode(errors='surrogateescape')!r}: a file name must be Unicode; rename the file"


def is_unicode(text: str) -> bool:
    """Whether a text, a file's name say, can be written at all."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
