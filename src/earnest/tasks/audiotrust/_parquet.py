"""Parquet files of the Hugging Face hub: their rows without the audio, and the audio row by row.

A split is told by the file's name (`fairness-00000-of-00003.parquet`) or its folder's (`fairness/train.parquet`). The
columns are `Audio`, `AudioPath`, `InferencePrompt`, `EvaluationPrompt` and `Ref`. `Audio` is what the hub writes, the
bytes of a file (`{bytes, path}`), or samples with their rate (`{array, sampling_rate}`).

Audio is read one row after the other within a group of rows, as the file stores it. At most `_KEPT` rows are held, and
two files are read at a time; so a run that asks rows roughly in order reads each file once, and never holds a split.
What must be held besides is a page of the file, as its writer cut it: up to the rows of a group, packed and unpacked.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadData, EarnestError
from earnest.registry import extra

NEEDED = ("Audio", "AudioPath")
TEXTS = ("InferencePrompt", "EvaluationPrompt", "Ref")
_SPLIT = re.compile(r"([a-z]+)(-\d+-of-\d+)?")
_KEPT = 32
_OPEN = 2


def parquet_files(folder: Path, splits: Mapping[str, str]) -> dict[Path, str]:
    """The parquet files in and up to two folders below `folder`, and the dimension of each, sorted."""
    found = {}
    for depth in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        for file in sorted(folder.glob(depth)):
            names = [_SPLIT.fullmatch(file.stem.lower()), _SPLIT.fullmatch(file.parent.name.lower())]
            split = next((splits[name[1]] for name in names if name and name[1] in splits), None)
            if split is not None:
                found[file] = split
    return found


class Table:
    """One parquet file.

    Raises
    ------
    MissingExtra
        If `earnest[parquet]` is not installed.
    BadData
        If the file is none, or has not the columns.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        pyarrow, parquet = (extra(name, needed_by="a parquet file") for name in ("pyarrow", "pyarrow.parquet"))
        try:  # in one pass through a group, with little buffered
            self._file = parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
        except (pyarrow.ArrowException, OSError) as error:
            raise BadData(f"{file} must be a parquet file ({error}); fetch it anew") from error
        names = self._file.schema_arrow.names
        lacking = [name for name in NEEDED if name not in names]
        if lacking:
            raise BadData(f"{file} must have the columns {', '.join(NEEDED)}, got {', '.join(names)}; fetch it anew")
        self._faults = (pyarrow.ArrowException, OSError)
        self._texts = [name for name in TEXTS if name in names]
        groups = [self._file.metadata.row_group(n).num_rows for n in range(self._file.metadata.num_row_groups)]
        self._starts = np.cumsum([0, *groups])
        self._lock = Lock()
        self._group, self._next, self._stream = -1, 0, iter(())
        self._kept: OrderedDict[int, Any] = OrderedDict()

    def rows(self) -> list[dict[str, str]]:
        """Path and texts of every row; a null is empty."""
        try:
            columns = self._file.read(columns=["AudioPath", *self._texts]).to_pylist()
        except self._faults as error:
            raise BadData(f"{self.file} cannot be read ({error}); fetch it anew") from error
        return [{name: "" if value is None else str(value) for name, value in row.items()} for row in columns]

    def audio(self, number: int) -> Any:
        """The cell `Audio` of a row, counted from the start of the file, as pyarrow gives it."""
        with self._lock:
            try:
                if number not in self._kept:
                    self._advance(number)
            except self._faults as error:
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
        for batch in self._file.iter_batches(batch_size=1, row_groups=[group], columns=["Audio"], use_threads=False):
            yield batch.column(0)[0]


class Cells:
    """Recordings in parquet files, by their paths; where a path comes twice, its first row counts."""

    def __init__(self, places: Mapping[str, tuple[Table, int]]) -> None:
        self._places = dict(places)
        self._open: OrderedDict[Table, None] = OrderedDict()
        self._lock = Lock()

    def has(self, path: str) -> bool:
        return path in self._places

    def clip(self, path: str) -> AudioClip:
        table, number = self._places[path]
        self._opened(table)
        try:
            return _decoded(table.audio(number))
        except (EarnestError, ValueError, TypeError, KeyError) as error:
            raise BadAudio(f"{path!r} in {table.file.name} cannot be used: {error}") from error

    def duration_s(self, path: str) -> float | None:
        """None: a parquet file tells it only together with the audio."""
        return None

    def _opened(self, table: Table) -> None:
        """Note that a file is read, and close the one that was not read for longest."""
        with self._lock:
            self._open[table] = None
            self._open.move_to_end(table)
            closed = self._open.popitem(last=False)[0] if len(self._open) > _OPEN else None
        if closed is not None:
            closed.close()


def _decoded(cell: Any) -> AudioClip:
    if not cell.is_valid:
        raise BadAudio("there must be audio, got a null; fetch the file anew")
    if not hasattr(cell, "keys"):  # plain bytes
        return AudioClip.from_bytes(cell.as_py())
    if "array" in cell:
        return AudioClip.from_channels(_channels(cell["array"].as_py()), int(cell["sampling_rate"].as_py()))
    content = cell["bytes"].as_py()
    if content is None:
        raise BadAudio("its bytes must be in the file, got a path alone; fetch the parquet files, not the links")
    return AudioClip.from_bytes(content)


def _channels(samples: Sequence[Any]) -> np.ndarray:
    """Samples with the channels first: of two axes, the one of at most eight."""
    array = np.asarray(samples, dtype=np.float32)
    return array.T if array.ndim == 2 and array.shape[1] <= 8 < array.shape[0] else array
