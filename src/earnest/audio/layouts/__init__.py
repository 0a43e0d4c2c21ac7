"""Layouts of data sets that other ecosystems write, each read by one file here.

A reader takes the inventory of a folder and gives its rows, or None where the folder has another layout. Rows carry the
columns of `earnest.audio.entry.Entry` or names that stand for them (`earnest.audio.columns`), with the place where they
stand. No reader runs a command that a data set names, fetches an address, or leaves the folder.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from earnest.audio.entry import Recording
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.audio.tables import Reading, is_unicode, not_unicode

READERS = (
    ("common_voice", "Common Voice"),
    ("asvspoof", "an ASVspoof protocol"),
    ("lav_df", "LAV-DF"),
    ("av_deepfake1m", "AV-Deepfake1M"),
    ("fakeavceleb", "FakeAVCeleb"),
    ("librispeech", "LibriSpeech"),
    ("vctk", "VCTK"),
    ("kaldi", "a Kaldi or ESPnet data directory"),
    ("lhotse", "Lhotse manifests"),
    ("tables", "tables that name audio files"),
    ("parquet", "parquet files that hold audio"),
    ("voxceleb", "VoxCeleb trials"),
    ("beside", "texts beside the audio files of the same name"),
)
"""The modules here that read a layout, in the order in which they are tried, and what each is called."""

_TEXT_SUFFIXES = (
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".gz", ".trn", ".lab", ".stm", ".ctm", ".srt", ".vtt", ".textgrid", ".trs",
    ".eaf", ".xml", ".parquet", ".arrow", ".scp",
)  # fmt: skip  # a table: one row a line
_TEXT_NAMES = frozenset(
    {"text", "segments", "utt2spk", "spk2gender", "utt2lang", "spk2age", "wav.scp", "reco2file_and_channel"}
)
_ABOUT = ("readme", "license", "licence", "copying", "citation", "changelog", "changes", "requirements", "checksum")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a layout.

    Parameters
    ----------
    place : str
        File and line, for messages.
    cells : mapping of str
        By column.
    bases : tuple of str
        Folders, relative to the data set's, from which the path may start.
    recording : Recording or None
        Where the audio is no file: what has its bytes.
    """

    place: str
    cells: Mapping[str, Any]
    bases: tuple[str, ...] = ("",)
    recording: Recording | None = None


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What lies in a folder, hidden files left out; paths are relative, with forward slashes, sorted.

    Parameters
    ----------
    folder : Path
    audio, texts : tuple of str
        Files by what their names say; texts about the data set as a whole (a readme, a licence) are left out.
    """

    folder: Path
    audio: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path, reading: Reading) -> Tree:
        """The inventory of a folder; names that are no Unicode are faults."""
        audio, texts = [], []
        for place, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                path = (Path(place) / name).relative_to(folder).as_posix()
                kind = audio if Path(name).suffix.lower() in AUDIO_SUFFIXES else texts if is_text(name) else None
                if kind is None or name.startswith("."):
                    continue
                if not is_unicode(path):
                    reading.faults.append(not_unicode(path))
                    continue
                kind.append(path)
        return cls(folder=folder, audio=tuple(sorted(audio, key=_in_order)), texts=tuple(sorted(texts, key=_in_order)))

    @cached_property
    def by_stem(self) -> Mapping[str, tuple[str, ...]]:
        """Audio files by their name without suffix."""
        found: dict[str, list[str]] = {}
        for path in self.audio:
            found.setdefault(PurePosixPath(path).stem, []).append(path)
        return {stem: tuple(paths) for stem, paths in found.items()}

    def texts_named(self, *names: str) -> list[str]:
        """Texts whose file has one of these names, in any case."""
        return [path for path in self.texts if PurePosixPath(path).name.lower() in names]


def is_text(name: str) -> bool:
    """Whether a file's name says that it holds text about recordings."""
    lower = name.lower()
    return (lower.endswith(_TEXT_SUFFIXES) or lower in _TEXT_NAMES) and not lower.startswith((".", *_ABOUT))


def rows_of(tree: Tree, reading: Reading) -> tuple[str, list[Row]]:
    """What the folder's layout is called, and its rows; an empty name where it has none that is known."""
    for module, name in READERS if tree.texts else ():
        rows = importlib.import_module(f"earnest.audio.layouts.{module}").rows(tree, reading)
        if rows is not None:
            return name, rows
    return "", []


def _in_order(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))
