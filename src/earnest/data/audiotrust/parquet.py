"""Parquet files of the Hugging Face hub: which split each is, and their recordings by path.

A split is told by the file's name (`fairness-00000-of-00003.parquet`) or its folder's (`fairness/train.parquet`). The
columns are `Audio`, `AudioPath`, `InferencePrompt`, `EvaluationPrompt` and `Ref`. How a file is read, and within which
budget, is `earnest.audio.parquet`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from earnest.audio import AudioClip, parquet
from earnest.audio.parquet import Shelf, clip_of
from earnest.errors import BadAudio, EarnestError

NEEDED = ("Audio", "AudioPath")
TEXTS = ("InferencePrompt", "EvaluationPrompt", "Ref")
_SPLIT = re.compile(r"([a-z]+)(-\d+-of-\d+)?")


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


class Table(parquet.Table):
    """One parquet file of the official data; errors are those of `earnest.audio.parquet.Table`."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, audio="Audio", texts=("AudioPath", *TEXTS), needed=NEEDED)

    def rows(self) -> list[dict[str, str]]:
        """Path and texts of every row; a null is empty."""
        return [{name: "" if value is None else str(value) for name, value in row.items()} for row in super().rows()]


class Cells:
    """Recordings in parquet files, by their paths; where a path comes twice, its first row counts."""

    def __init__(self, places: Mapping[str, tuple[Table, int]]) -> None:
        self._places, self._shelf = dict(places), Shelf()

    def has(self, path: str) -> bool:
        return path in self._places

    def clip(self, path: str) -> AudioClip:
        table, number = self._places[path]
        try:
            return clip_of(self._shelf.audio(table, number))
        except (EarnestError, ValueError, TypeError, KeyError) as error:
            raise BadAudio(f"{path!r} in {table.file.name} cannot be used: {error}") from error

    def duration_s(self, path: str) -> float | None:
        """None: a parquet file tells it only together with the audio."""
        return None
