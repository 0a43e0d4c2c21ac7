"""What attacks made of stimuli in a run, kept as it is made: `crafts.jsonl`, one line each, its clips among the run's.

A killed run finds there every search that was finished, so that it repeats at most what each worker was at; and arms
that share what an attack was made on (the bare model, in transfer) share the search. Like the journal the file is
appended to, locked, and cut at a torn last line.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earnest.attacks import Crafted
from earnest.audio import AudioClip, Stimulus, Turn
from earnest.engine.clips import ClipStore, clip_path
from earnest.engine.journal import Appended
from earnest.errors import BadAudio, BadData
from earnest.records import ClipName, EarlierTurn
from earnest.run_folder import file_in, plain_json, read_appended

CRAFTS = "crafts.jsonl"


class CraftLine(BaseModel):
    """What was made of one stimulus; what is not said is as it was in the clean one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(description="SHA-256 of attack, artefact, system it was made on, stimulus, goal and seed.")
    crafted_on: str = Field(description="Fingerprint of the system that it was made on.")
    clips: dict[str, ClipName] = Field(default_factory=dict, description="SHA-256 under clips/ of the clips, by role.")
    prompt: str | None = None
    system_prompt: str | None = None
    turns: tuple[EarlierTurn, ...] | None = Field(
        default=None, description="The earlier turns, where the attack made them."
    )
    drawn: dict[str, Any] = Field(default_factory=dict, description="What replays it.")
    n_queries: int = 0
    n_failed_queries: int = 0
    n_gradients: int = 0
    n_aims: int = 0
    first_success: int | None = None
    cost: float = Field(default=0.0, description="Of the search in US dollars.")
    n_before: int = 0
    n_after: int = 0
    fault: str = Field(default="", description="Why there is nothing.")

    def dumped(self) -> str:
        """The line as compact JSON, without a newline."""
        fields = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(plain_json(fields), ensure_ascii=False, separators=(",", ":"))


_AS_THEY_ARE = ("drawn", "n_queries", "n_failed_queries", "n_gradients", "n_aims", "first_success", "cost", "n_before", "n_after",
                "fault", "crafted_on")  # fmt: skip  # a table: one row a line


class CraftStore:
    """The crafts of a run folder; safe to use from many threads.

    Parameters
    ----------
    folder : Path
        The run folder.
    clips : ClipStore
        Of the same folder.

    Raises
    ------
    BadData
        If the file that is there cannot be read.
    """

    def __init__(self, folder: Path, clips: ClipStore) -> None:
        self._folder, self._clips = folder, clips
        self._file = Appended(folder / CRAFTS)
        advice = "; delete it, and what it held is searched for again"
        self._lines = {line.key: line for line in read_appended(file_in(folder, CRAFTS), CraftLine, advice=advice)}
        self._free = threading.Condition()
        self._claimed: set[str] = set()
        self._closed = False

    def get(self, key: str, clean: Stimulus) -> Crafted | None:
        """What was made of the stimulus, if it was and its clips are still there."""
        line = self._lines.get(key)
        if line is None:
            return None
        try:
            clips = self._read(line.clips)
            history = (
                clean.history
                if line.turns is None
                else tuple(Turn(role=turn.role, text=turn.text, clips=self._read(turn.clips)) for turn in line.turns)
            )
        except (BadAudio, BadData, FileNotFoundError):
            return None
        texts = {name: text for name in ("prompt", "system_prompt") if (text := getattr(line, name)) is not None}
        stimulus = replace(clean, clips={**clean.clips, **clips}, history=history, **texts)
        return Crafted(stimulus, clean=clean, **{name: getattr(line, name) for name in _AS_THEY_ARE})

    def put(self, key: str, crafted: Crafted) -> None:
        """Keep it: its clips, then its line.

        Raises
        ------
        StorageFailed
            If it cannot be written.
        """
        before, after = crafted.before, crafted.stimulus
        changed = {role: clip for role, clip in after.clips.items() if clip != before.clips.get(role)}
        texts = {name: getattr(after, name) for name in ("prompt", "system_prompt")}
        line = CraftLine(
            key=key,
            clips={role: self._clips.keep(clip) for role, clip in changed.items()},
            turns=None if after.history == before.history else self._clips.keep_turns(after),
            **{name: text for name, text in texts.items() if text != getattr(before, name)},
            **{name: plain_json(getattr(crafted, name)) for name in _AS_THEY_ARE},
        )
        self._file.append(line.dumped())
        self._lines[key] = line

    def _read(self, names: Mapping[str, str]) -> dict[str, AudioClip]:
        return {role: AudioClip.read(clip_path(self._folder, name)) for role, name in names.items()}

    @contextmanager
    def claimed(self, keys: Sequence[str]) -> Iterator[None]:
        """Make what these keys stand for, alone; waits while somebody else makes any of them."""
        wanted = set(keys)
        with self._free:
            self._free.wait_for(lambda: self._closed or not wanted & self._claimed)
            if self._closed:
                raise asyncio.CancelledError
            self._claimed |= wanted
        try:
            yield
        finally:
            with self._free:
                self._claimed -= wanted
                self._free.notify_all()

    def close(self) -> None:
        """Let go of the file, and of who waits."""
        with self._free:
            self._closed = True
            self._free.notify_all()
        self._file.close()
