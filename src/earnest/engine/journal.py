"""The journal: one line for each finished item in an arm, appended and never changed.

A line is given to the system as soon as its item is finished, so that a run may be killed at any moment and loses only
what it was at; when it ends, the file is seen on the disk. A torn last line is cut off when the folder is opened again,
and its item is asked again. An item has one line; where a resumed run retried it, the last one holds. The file is
locked, so that two processes cannot write one run.
"""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from earnest.errors import BadData, PlanMismatch, StorageFailed
from earnest.plan import old_stacks
from earnest.records import JournalLine
from earnest.run_folder import file_in, read_appended

JOURNAL = "journal.jsonl"

RETRIED = frozenset(
    {
        "cancelled", "connection", "http_5xx", "over_budget", "quota", "rate_limited", "scoring_failed", "timeout", "unjudged",
    }
)  # fmt: skip  # a table: one row a line
"""Reasons under which a resumed run asks an item again; every other outcome is final, unless the failure may pass
(`JournalLine.passing`) or is one of so many in a row that the run was stopped (`failed_in_a_row`)."""

CALL_FAILED = frozenset(
    {
        "audio_format", "audio_refused", "bad_response", "cancelled", "connection", "field_refused", "http_4xx", "http_5xx",
        "model_error", "quota", "rate_limited", "timeout",
    }
)  # fmt: skip  # a table: one row a line
"""Reasons that tell of the endpoint or the model rather than of the item: many in a row mean that something is wrong with
it. Not among them: what an item brings with it (`bad_audio`, `too_long`), and what answers bring (`content_filter`)."""


class Appended:
    """A file of lines, locked and open for appending; a torn last line is cut off.

    Parameters
    ----------
    path : Path
        Made where it does not exist; its folder must exist.

    Raises
    ------
    PlanMismatch
        If another process has it open.
    BadData
        If a link leads out of the folder, or it is no plain file.
    """

    def __init__(self, path: Path) -> None:
        self.path = file_in(path.parent, path.name)
        self._guard = threading.Lock()
        with _storage(self.path):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            _lock(self._file, self.path)
            self._size = _cut_torn_line(self._file)
        except BaseException:
            os.close(self._file)
            raise

    def append(self, text: str) -> None:
        """Write a line; safe to use from many threads.

        Raises
        ------
        StorageFailed
            If it could not be written; the file then ends with the last line that could.
        """
        data = text.encode() + b"\n"
        with self._guard:
            self._write(data)

    def close(self) -> None:
        """See the lines on the disk, and unlock the file."""
        if self._file < 0:
            return
        try:
            with _storage(self.path):
                os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = -1

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            with _storage(self.path):
                while written < len(data):
                    written += os.write(self._file, data[written:])
        except BaseException:
            os.ftruncate(self._file, self._size)  # half a line would be none
            raise
        self._size += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Journal(Appended):
    """The journal of a run folder, open for appending.

    Parameters
    ----------
    folder : Path
        Must exist.

    Raises
    ------
    PlanMismatch
        If another process has it open.
    BadData
        If a line other than a torn last one cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / JOURNAL)
        try:
            self.lines = _last_of_each(_lines(self.path))
        except BaseException:
            os.close(self._file)
            raise

    @property
    def finished(self) -> set[str]:
        """Items that a resumed run leaves alone."""
        return {item for item, line in self.lines.items() if line.reason not in RETRIED and not line.passing}

    def failed_in_a_row(self, n_stop: int | None) -> set[str]:
        """Items that are among `n_stop` or more failed calls in a row, in the order in which they were finished.

        So many stop a run. Whatever was wrong, it was not the items, and a resumed run asks them again.
        """
        items: set[str] = set()
        row: list[str] = []
        for line in [*self.lines.values(), None]:
            if line is not None and line.reason in CALL_FAILED:
                row.append(line.item)
            elif line is None or line.answer is not None:
                items.update(row if n_stop is not None and len(row) >= n_stop else ())
                row = []
        return items

    def add(self, line: JournalLine) -> None:
        """Write the line; safe to use from many threads.

        Raises
        ------
        StorageFailed
            If it could not be written; the file then ends with the last line that could.
        """
        self.append(line.dumped())


def read_journal(folder: Path) -> list[JournalLine]:
    """The lines of a run folder, one an item (the last where it was retried), sorted by item.

    A torn last line is passed over, so that the journal of a run in progress can be read.

    Raises
    ------
    BadData
        If there is no journal, or a line cannot be read; the message names every such line.
    """
    path = file_in(folder, JOURNAL)
    if not path.is_file():
        raise BadData(f"{folder} is no run folder: it has no {JOURNAL}; make one with `earnest run`")
    return sorted({line.item: line for line in _lines(path)}.values(), key=lambda line: line.item)


def _last_of_each(lines: Iterable[JournalLine]) -> dict[str, JournalLine]:
    """The last line of each item, in the order in which these were written."""
    last: dict[str, JournalLine] = {}
    for line in lines:
        last.pop(line.item, None)
        last[line.item] = line
    return last


def _lines(path: Path) -> Iterable[JournalLine]:
    advice = "as a journal; mend it or start anew in another folder"
    return read_appended(path, JournalLine, advice=advice, context=old_stacks(path.parent))


def _cut_torn_line(file: int) -> int:
    """Cut off what follows the last newline; the size in bytes that is left."""
    end = os.lseek(file, 0, os.SEEK_END)
    block_end = end
    while block_end > 0:
        start = max(0, block_end - 65_536)
        found = os.pread(file, block_end - start, start).rfind(b"\n")
        if found >= 0:
            whole = start + found + 1
            break
        block_end = start
    else:
        whole = 0
    if whole < end:
        os.ftruncate(file, whole)
    return whole


def _lock(file: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PlanMismatch(
            f"{path.parent} must be free, but another process is writing this run; wait for it, or give another --out"
        ) from error
    except OSError as error:
        warnings.warn(f"{path} could not be locked ({error}); see that no other process writes this run", stacklevel=4)


class _storage:
    """Turns an `OSError` within into `StorageFailed`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, StorageFailed):
            raise storage_failed(self._path, error) from error


def storage_failed(path: Path, error: OSError) -> StorageFailed:
    """The error that tells what could not be written, and how to go on."""
    return StorageFailed(
        f"{str(path)!r} must be writable, got {error.strerror or error}; free some space or mend the permissions, "
        "then run the same command again: what was written is kept, and the run is resumed"
    )


def dumped_json(value: object) -> str:
    """Compact JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
