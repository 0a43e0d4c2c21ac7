"""One row of the official data: its columns, and its clips, decoded when they are asked for.

A column whose name begins with `Wav` or `Wave` holds the path of a clip. Some clips are two others put together, first
one, then the other: `WavPath12` is `WavPath1` and `WavPath2`, and `WavPath` is both where a row has three. Such a clip
is read where its file is there, and put together from its parts where it is not, as the benchmark's own script does:
without a gap, the second part at the first one's rate. The order is that of the file's *name*, `calm_irritable.wav`,
for in one file the columns are the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import basename, splitext
from typing import Any, Protocol

import numpy as np

from earnest.audio import AudioClip
from earnest.data.audiotrust.setups import OfficialRun
from earnest.errors import BadAudio, BadData, BadParameter

STALE = "ModelResponse"
"""A column of old answers by several models, never read."""

_JOINT = {f"WavPath{a}{b}": (f"WavPath{a}", f"WavPath{b}") for a in range(1, 10) for b in range(1, 10)}
_TWINS = {"WavPath4": "WavePath4", "WavePath4": "WavPath4"}  # one recording, as .mp3 and as .wav
_SUFFIXES = {".mp3": ".wav", ".wav": ".mp3"}


class Recordings(Protocol):
    """Where clips lie, by their paths in the rows."""

    def has(self, path: str) -> bool:
        """Whether there is a clip of that path."""

    def clip(self, path: str) -> AudioClip:
        """The clip, decoded now; `BadAudio` where it cannot be."""

    def duration_s(self, path: str) -> float | None:
        """Length in seconds without decoding; None where that does not tell."""


@dataclass(frozen=True, kw_only=True)
class OfficialRow:
    """A row as the benchmark ships it.

    Parameters
    ----------
    dimension, stem : str
        Its pillar in correct spelling; the name of its file without the suffix, misspellings kept.
    number : int
        Line of the file as shipped, from zero.
    columns : mapping
        What the line holds, nulls included, without the stale answers.
    recordings : Recordings
        Where its clips lie.
    inference_prompt, judge_prompt, reference : str or None
        Of the Hugging Face layout, where a row carries them as text.
    run : OfficialRun or None
        Of the Hugging Face layout: which run the row belongs to; None where that cannot be told, and in the
        repository's layout, where a row serves several.
    """

    dimension: str
    stem: str
    number: int
    columns: Mapping[str, Any]
    recordings: Recordings = field(repr=False, compare=False)
    inference_prompt: str | None = None
    judge_prompt: str | None = None
    reference: str | None = None
    run: OfficialRun | None = None

    @property
    def id(self) -> str:
        """`stem/number`: the row as a sample of a run."""
        return f"{self.stem}/{self.number}"

    def clip(self, column: str) -> AudioClip:
        """The clip of a column, decoded now, or put together from its parts.

        Raises
        ------
        BadAudio
            If it is not there, or cannot be decoded.
        """
        path = self.path_of(column)
        if path is not None:
            return self.recordings.clip(path)
        parts = self.parts(column)
        if not parts:
            raise BadAudio(f"{self.id} must have its audio at {self.columns[column]!r}, got nothing there; fetch it")
        first, second = (self.clip(part) for part in parts)
        second = second.resampled(first.sample_rate)
        return first.with_samples(np.concatenate([first.samples, second.samples]))

    def duration_s(self, column: str) -> float | None:
        """Length in seconds by the headers; None where a file is missing or does not tell without being decoded."""
        path = self.path_of(column)
        if path is not None:
            return self.recordings.duration_s(path)
        lengths = [self.duration_s(part) for part in self.parts(column)]
        return sum(s for s in lengths if s is not None) if lengths and None not in lengths else None

    def has(self, column: str) -> bool:
        """Whether the column's clip is there, or both its parts are."""
        return not list(self.missing(column))

    def played(self, column: str) -> Iterator[str]:
        """Paths of what is there of the column: its own file, or else those of its parts."""
        path = self.path_of(column)
        if path is not None:
            yield path
        else:
            for part in self.parts(column):
                yield from self.played(part)

    def missing(self, column: str) -> Iterator[str]:
        """Paths of the single clips that the column needs and that are not there."""
        if self.path_of(column) is not None:
            return
        parts = self.parts(column)
        for part in parts:
            yield from self.missing(part)
        if not parts:
            yield str(self.columns[_preferred(column, self.columns)])

    def path_of(self, column: str) -> str | None:
        """The path under which the column's own file is there: as given, as its twin, or with the other suffix."""
        if column not in self.columns:
            raise BadParameter(f"{self.id} must have the column {column!r}, got only {', '.join(self.columns)}")
        given = [self.columns.get(name) for name in (column, _TWINS.get(column)) if name]
        for path in [path for path in given if path]:
            for form in (path, _with_other_suffix(path)):
                if form is not None and self.recordings.has(form):
                    return form
        return None

    def parts(self, column: str) -> tuple[str, ...]:
        """The two columns whose clips make up the column's, in playing order; empty where it is a single clip."""
        pair = _JOINT.get(column) or (("WavPath1", "WavPath2") if column == "WavPath" else ())
        if not pair or not all(self.columns.get(part) for part in pair):
            return ()
        return pair if self._named(column, pair) else pair[::-1]

    def groups(self, column: str = "WavPath") -> tuple[str, ...]:
        """What is heard first and second, by the file's name: `("calm", "irritable")`; empty for a single clip."""
        parts = self.parts(column)
        if parts:
            return tuple(stem_of(self.columns[part]) for part in parts)
        names = stem_of(self.columns[column]).split("_")  # the parts themselves may not be listed
        return tuple(names) if self.dimension == "fairness" and len(names) == 2 else ()

    def check(self) -> None:
        """Refuse a row whose joint clips are not named after their parts.

        Raises
        ------
        BadData
            With the column.
        """
        for column in self.columns:
            pair = self.parts(column)
            if pair and not self._named(column, pair):
                raise BadData(f"{column} must be named after its parts, got {self.columns[column]!r}")

    def _named(self, column: str, pair: tuple[str, ...]) -> bool:
        return stem_of(self.columns[column]) == "_".join(stem_of(self.columns[part]) for part in pair)


def stem_of(path: Any) -> str:
    """A path's last part without its suffix."""
    return splitext(basename(str(path)))[0]


def path_columns(columns: Mapping[str, Any]) -> list[str]:
    """The columns that hold the path of a clip."""
    return [name for name, value in columns.items() if name.startswith(("WavPath", "WavePath")) and value is not None]


def _preferred(column: str, columns: Mapping[str, Any]) -> str:
    """The one of two twin columns by which a missing clip is told."""
    twin = _TWINS.get(column)
    return min(column, twin) if twin and columns.get(twin) else column


def _with_other_suffix(path: str) -> str | None:
    stem, suffix = splitext(path)
    other = _SUFFIXES.get(suffix.lower())
    return stem + other if other else None


def path_fault(path: Any) -> str | None:
    """Why a path of a row cannot be taken, wherever it leads by links; None where it can."""
    if not isinstance(path, str):
        return f"a path must be text, got {path!r}"
    parts = path.split("/")
    if parts[0] != "data" or len(parts) < 2 or ".." in parts or "\\" in path or "\0" in path:
        return f"path {path!r} must begin with data/ and stay in the folder; mend the row"
    return None
