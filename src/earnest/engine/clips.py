"""The clips of a run, stored once by content: `clips/<sha256>.flac`, or `.wav` where nothing was changed and coded.

The name is the digest of the clip as 16-bit audio holds it, so that `AudioClip.read(path).digest` gives the name again.

A clip that came uncompressed and was asked as it came is written as it came, under a header of our own: its samples are the
bytes that were read, hashed and sent. It is a copy and no link. A hard link would change with the user's file where that is edited
in place, and what was asked would be gone; and the file's other chunks (who recorded it, with what, where) would be sent around with
the run folder. Every other clip is coded, once.
"""

from __future__ import annotations

import threading
from pathlib import Path

from earnest.audio import AudioClip, Stimulus
from earnest.audio.files import encoded
from earnest.engine.journal import storage_failed
from earnest.records import EarlierTurn
from earnest.run_folder import CLIPS as FOLDER
from earnest.run_folder import clip_file, clip_names, write_whole

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
        self._place = str(self._folder)
        self._names: dict[str, str] = {}
        self._kept: set[str] | None = None
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
            name = clip.digest if held is clip or held == clip else held.digest
            if not self._is_kept(name):
                kind = "wav" if held.uncompressed else "flac"
                level = None if held.uncompressed else FASTEST
                data = encoded(held.pcm16(), held.sample_rate, kind=kind, compression_level=level)
                self._write(f"{self._place}/{name}.{kind}", data)
            with self._lock:
                self._names[clip.digest] = name
        return name

    def keep_all(self, stimulus: Stimulus) -> dict[str, str]:
        """The names of the stimulus's clips by role."""
        return {role: self.keep(clip) for role, clip in stimulus.clips.items()}

    def keep_turns(self, stimulus: Stimulus) -> tuple[EarlierTurn, ...]:
        """The earlier turns of a conversation with their clips stored, as a journal line holds them."""
        return tuple(
            EarlierTurn(
                role=turn.role, text=turn.text, clips={role: self.keep(clip) for role, clip in turn.clips.items()}
            )
            for turn in stimulus.history
        )

    def _is_kept(self, name: str) -> bool:
        """Whether the folder holds the clip, from an earlier sitting say."""
        if self._kept is None:
            try:
                self._folder.mkdir(exist_ok=True)
                kept = set(clip_names(self._folder.parent))
            except OSError as error:
                raise storage_failed(self._folder, error) from error
            self._kept = kept
        return name in self._kept

    def _write(self, path: str, data: bytes) -> None:
        try:
            write_whole(path, data)
        except OSError as error:
            raise storage_failed(Path(path), error) from error
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
