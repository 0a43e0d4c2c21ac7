"""Recordings as files below a folder, which no path of a row may lead out of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from earnest.audio import AudioClip
from earnest.audio.files import header_duration_s
from earnest.data.audiotrust.parquet import Cells
from earnest.data.audiotrust.rows import path_fault
from earnest.errors import BadAudio


class Files:
    """Recordings as files below a folder, which none may lead out of, or else in parquet files beside them."""

    def __init__(self, folder: Path, *, beside: Cells | None = None) -> None:
        self.folder, self._beside = folder, beside or Cells({})
        self._inside = os.path.realpath(folder)
        self._folders: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        """Whether there is such a file, or such a row."""
        return self._is_file(path) or self._beside.has(path)

    def clip(self, path: str) -> AudioClip:
        """The clip, decoded now."""
        fault = self.fault(path)
        if fault:
            raise BadAudio(fault)
        if not self._is_file(path) and self._beside.has(path):
            return self._beside.clip(path)
        return AudioClip.read(self.folder / path)

    def duration_s(self, path: str) -> float | None:
        """Length in seconds by the file's header; None where there is no file."""
        return header_duration_s(self.folder / path)

    def _is_file(self, path: str) -> bool:
        return os.path.isfile(os.path.join(self.folder, path))

    def fault(self, path: Any) -> str | None:
        """Why a path of a row cannot be taken; None where it can."""
        told = path_fault(path)
        if told is None and not self._stays_inside(path):
            return f"path {path!r} must stay inside {self.folder}, got a link that leads out; copy the file there"
        return told

    def _stays_inside(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._is_inside(os.path.join(self.folder, folder))
        file = os.path.join(self.folder, folder, name)
        return self._folders[folder] and (not os.path.islink(file) or self._is_inside(file))

    def _is_inside(self, place: str) -> bool:
        real = os.path.realpath(place)
        return real == self._inside or real.startswith(self._inside + os.sep)
