"""The clips of a run, stored once by content: `clips/<sha256>.flac`.

The name is the digest of the clip as 16-bit audio holds it, so that `AudioClip.read(path).digest` gives the name again.
"""

from __future__ import annotations

import threading
from pathlib import Path

from earnest.audio import AudioClip, Stimulus
from earnest.audio.files import encoded
from earnest.engine.journal import storage_failed
from earnest.records import EarlierTurn
from earnest.run_folder import CLIPS as FOLDER
from earnest.run_folder import clip_file, write_whole

FASTEST = 0.0
"""FLAC's own level: half the time of its default, for files that are a fiftieth larger."""


class ClipStore:
    """Keeps clips of a run folder; safe to use from many threads.

    Parameters
    ----------
    folder : Path
        The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._names: dict[str, str] = {}
        self._has_folder = False
        self._lock = threading.Lock()
        self.n_bytes = 0
        """Written by this object."""

    def keep(self, clip: AudioClip) -> str:
        """The name of the clip, which is stored when this returns.

        Raises
        ------
        StorageFailed
            If it cannot be written.
        """
        with self._lock:
            name = self._names.get(clip.digest)
        if name is None:
            held = clip.quantised()
            name = clip.digest if held == clip else held.digest
            path = self._folder / f"{name}.flac"
            if not path.exists():
                self._write(path, encoded(held.samples, held.sample_rate, kind="flac", compression_level=FASTEST))
            with self._lock:
                self._names[clip.digest] = name
        return name

    def keep_all(self, stimulus: Stimulus) -> dict[str, str]:
        """The names of the stimulus's clips by role."""
        return {role: self.keep(clip) for role, clip in stimulus.clips.items()}

    def keep_turns(self, stimulus: Stimulus) -> tuple[EarlierTurn, ...]:
        """The earlier turns of a conversation with their clips stored, as a journal line holds them."""
        return tuple(
            EarlierTurn(role=turn.role, text=turn.text, clips={role: self.keep(clip) for role, clip in turn.clips.items()})
            for turn in stimulus.history
        )

    def _write(self, path: Path, data: bytes) -> None:
        try:
            if not self._has_folder:
                self._folder.mkdir(exist_ok=True)
                self._has_folder = True
            write_whole(path, data)
        except OSError as error:
            raise storage_failed(path, error) from error
        with self._lock:
            self.n_bytes += len(data)


def clip_path(folder: Path | str, name: str) -> Path:
    """Where the clip called `name` lies in a run folder.

    Raises
    ------
    BadData
        If that is no name of a clip, or a link leads out of the folder.
    """
    return clip_file(folder, name)
