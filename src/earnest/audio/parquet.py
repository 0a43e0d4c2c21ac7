"""Parquet files that hold audio: their rows without the audio, and the audio row by row, within a budget of memory.

An audio column holds what the Hugging Face hub writes, the bytes of a file (`{bytes, path}`), or samples with their rate
(`{array, sampling_rate}`).

Audio is read one row after the other within a group of rows, as the file stores it. At most `_KEPT` rows are held, and
two files are read at a time; so a run that asks rows roughly in order reads each file once, and never holds a split.
What must be held besides is a page of the file, as its writer cut it: up to the rows of a group, packed and unpacked.

A file of a few kilobytes can unpack to gigabytes: pages are packed, and a value that repeats is stored once. So the sizes
that each page states are read and checked before the file is (`earnest.audio.pages`), texts are read a few rows at a time,
and their sum is bounded.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from earnest.audio.clip import AudioClip
from earnest.audio.pages import MAX_PAGE_BYTES, MAX_PAGE_VALUES, page_fault
from earnest.errors import BadAudio, BadData, machine_failed
from earnest.registry import extra

MAX_TEXT = 256 * 2**20
"""Bytes of all columns of text of a file."""

_KEPT = 32
_OPEN = 2
_BATCH_BYTES = 64 * 2**20
_MOST_ROWS = 1024


class Table:
    """One parquet file.

    Parameters
    ----------
    file : Path
    audio : str
        The column of recordings.
    texts : sequence of str
        Columns that `rows` reads, as far as the file has them; a part of a column is written `audio.path`.
    needed : sequence of str
        Columns that the file must have.

    Raises
    ------
    MissingExtra
        If `earnest[parquet]` is not installed.
    BadData
        If the file is none, has not the columns, or unpacks to more than is allowed.
    """

    def __init__(self, file: Path, *, audio: str, texts: Sequence[str], needed: Sequence[str] = ()) -> None:
        self.file, self._audio = file, audio
        self._faults: tuple[type[Exception], ...] = (
            extra("pyarrow", needed_by="a parquet file").ArrowException,
            OSError,
        )
        self._file = opened(file)
        names = self._file.schema_arrow.names
        lacking = [name for name in needed if name not in names]
        if lacking:
            raise BadData(f"{file} must have the columns {', '.join(needed)}, got {', '.join(names)}; fetch it anew")
        self._texts = [name for name in texts if name.partition(".")[0] in names]
        groups = [self._file.metadata.row_group(n).num_rows for n in range(self._file.metadata.num_row_groups)]
        self._starts = np.cumsum([0, *groups])
        self._lock = Lock()
        self._group, self._next, self._stream = -1, 0, iter(())
        self._kept: OrderedDict[int, Any] = OrderedDict()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def rows(self) -> list[dict[str, Any]]:
        """The texts of every row, as the file has them.

        Raises
        ------
        BadData
            If they cannot be read, or are too long together.
        """
        found: list[dict[str, Any]] = []
        left = MAX_TEXT
        try:
            for batch in self._batches_of_texts():
                left -= batch.nbytes
                if left < 0:
                    raise BadData(
                        f"{self.file} must hold at most {MAX_TEXT // 2**20} MB of text, got more; cut it into several files"
                    )
                found += batch.to_pylist()
        except self._faults as error:
            if fault := machine_failed(error):
                raise fault from error
            raise BadData(f"{self.file} cannot be read ({error}); fetch it anew") from error
        return found

    def _batches_of_texts(self) -> Iterator[Any]:
        """Batches of so few rows that a text which all of them repeat fits into memory as often."""
        for group in range(self._file.metadata.num_row_groups):
            chunks = self._file.metadata.row_group(group)
            largest = max(
                (
                    chunks.column(n).total_uncompressed_size
                    for n in range(chunks.num_columns)
                    if self._is_text(chunks.column(n))
                ),
                default=1,
            )
            size = int(min(_MOST_ROWS, max(1, _BATCH_BYTES // max(1, largest))))
            yield from self._file.iter_batches(
                batch_size=size, row_groups=[group], columns=self._texts, use_threads=False
            )

    def _is_text(self, chunk: Any) -> bool:
        return any(chunk.path_in_schema == name or chunk.path_in_schema.startswith(f"{name}.") for name in self._texts)

    def audio(self, number: int) -> Any:
        """The recording of a row, counted from the start of the file, as pyarrow gives it."""
        with self._lock:
            try:
                if number not in self._kept:
                    self._advance(number)
            except (*self._faults, StopIteration) as error:
                if fault := machine_failed(error):
                    raise fault from error
                raise BadAudio(f"the file cannot be read: {error}") from error
            return self._kept[number]

    def close(self) -> None:
        """Let go of everything that was read; the next row is read from the start of its group."""
        with self._lock:
            self._group, self._stream = -1, iter(())
            self._kept.clear()

    def _advance(self, number: int) -> None:
        group = int(np.searchsorted(self._starts, number, side="right")) - 1
        if group != self._group or number < self._next:
            self._group, self._next = group, int(self._starts[group])
            self._stream = self._batches(group)
        while number not in self._kept:
            self._kept[self._next] = next(self._stream)
            self._next += 1
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _batches(self, group: int) -> Iterator[Any]:
        for batch in self._file.iter_batches(
            batch_size=1, row_groups=[group], columns=[self._audio], use_threads=False
        ):
            yield batch.column(0)[0]


class Shelf:
    """Reads recordings from several tables, of which it keeps two open."""

    def __init__(self) -> None:
        self._open: OrderedDict[Table, None] = OrderedDict()
        self._lock = Lock()

    def audio(self, table: Table, number: int) -> Any:
        """The recording of a row, as pyarrow gives it; the table that was not read for longest is closed."""
        with self._lock:
            self._open[table] = None
            self._open.move_to_end(table)
            closed = self._open.popitem(last=False)[0] if len(self._open) > _OPEN else None
        if closed is not None:
            closed.close()
        return table.audio(number)


def opened(file: Path) -> Any:
    """The file by pyarrow, its pages checked."""
    pyarrow, parquet = (extra(name, needed_by="a parquet file") for name in ("pyarrow", "pyarrow.parquet"))
    try:  # in one pass through a group, with little buffered
        found = parquet.ParquetFile(
            file,
            pre_buffer=False,
            buffer_size=1 << 20,
            thrift_string_size_limit=1 << 24,
            thrift_container_size_limit=1 << 20,
        )
        fault = page_fault(file, found.metadata)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if fault := machine_failed(error):
            raise fault from error
        raise BadData(f"{file} must be a parquet file ({error}); fetch it anew") from error
    if fault:
        raise BadData(
            f"{file} must unpack to pages of at most {MAX_PAGE_BYTES // 2**20} MB and {MAX_PAGE_VALUES:,} values, got {fault}; write it in smaller groups of rows"
        )
    return found


def bytes_of(cell: Any) -> bytes:
    """The bytes of an audio file in a cell; samples become a WAV of floats."""
    if not cell.is_valid:
        raise BadAudio("there must be audio, got a null; fetch the file anew")
    if not hasattr(cell, "keys"):  # plain bytes
        return _checked_bytes(cell.as_py())
    if "array" in cell:
        return _as_wav(_channels(cell["array"]), cell["sampling_rate"].as_py())
    content = cell["bytes"].as_py()
    if content is None:
        raise BadAudio("its bytes must be in the file, got a path alone; fetch the parquet files, not the links")
    return _checked_bytes(content)


def clip_of(cell: Any) -> AudioClip:
    """The clip in a cell."""
    if cell.is_valid and hasattr(cell, "keys") and "array" in cell:
        return AudioClip.from_channels(_channels(cell["array"]), int(cell["sampling_rate"].as_py()))
    return AudioClip.from_bytes(bytes_of(cell))


def _checked_bytes(content: Any) -> bytes:
    if not isinstance(content, bytes):
        raise BadAudio(f"the bytes of an audio file are wanted, got {type(content).__name__}; fetch the file anew")
    return content


def _channels(cell: Any) -> np.ndarray:
    """Samples with the channels first: of two axes, the one of at most eight."""
    values = cell.values
    if hasattr(values, "flatten") and hasattr(values.type, "value_type"):
        array = np.array([part.values.to_numpy(zero_copy_only=False) for part in values], dtype=np.float32)
        return array.T if array.ndim == 2 and array.shape[1] <= 8 < array.shape[0] else array
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float32)


def _as_wav(channels: np.ndarray, sample_rate: Any) -> bytes:
    import soundfile

    clip = AudioClip.from_channels(channels, sample_rate)
    file = io.BytesIO()
    soundfile.write(file, clip.samples, clip.sample_rate, format="WAV", subtype="FLOAT")
    return file.getvalue()
