"""Answers kept by content, for all runs: the same model, asked the same, with the same sampling, is not asked twice.

One SQLite file, `answers.sqlite`. The key is the SHA-256 of the model's name and fingerprint, the digest of the
stimulus, and the sampling. Failures are never kept. A cache that cannot be used costs a warning, not the run.

Answers are shared between runs only where the fingerprint tells all that decides them: weights by their hash, a
vendor's endpoint by its name. What stands behind an address of this machine, or behind a user's own function, may be
another model tomorrow; its answers are kept for the run folder that asked, and another folder asks anew.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import sqlite3
import threading
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from earnest.audio import AudioClip, Stimulus
from earnest.engine.journal import dumped_json
from earnest.models._aside import aside
from earnest.models.access import Answer, Model, Sampling

FILE = "answers.sqlite"
_FORMAT = 1


def cache_scope(model: Model, folder: Path) -> str:
    """Who shares the model's answers: nobody but the run in `folder`, or, where it is empty, every run."""
    identified = bool(model.fingerprint) and not model.name.startswith("python:")
    shared = model.destination is not None or (model.batch_size is not None and identified)
    return "" if shared else str(folder.resolve())


def answer_key(
    model: Model, stimulus: Stimulus, *, sampling: Sampling, scope: str = "", schema: Mapping[str, Any] | None = None
) -> str:
    """SHA-256 (hex) of all that decides an answer."""
    content = [_FORMAT, scope, model.name, model.fingerprint, stimulus.digest, dataclasses.asdict(sampling)]
    if schema is not None:
        content.append({"schema": schema})
    if model.uses_truth:
        content.append(json.loads(json.dumps(dict(stimulus.truth), default=str)))
    return hashlib.sha256(dumped_json(content).encode()).hexdigest()


class AnswerCache:
    """Answers by key; safe to use from many threads and processes.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / FILE
        self._waiting: dict[str, tuple[str, AudioClip | None]] = {}
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT, clip BLOB) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def get(self, key: str) -> Answer | None:
        """The answer under `key`, or None."""
        row = self._row(key)
        return None if row is None else _read(*row)

    async def fetched(self, key: str) -> Answer | None:
        """As `get`, for the event loop: a spoken answer is decoded beside it, so that no other call waits for that."""
        row = self._row(key)
        if row is None or not isinstance(row[1], bytes):
            return None if row is None else _read(*row)
        return await aside(functools.partial(_read, *row))

    def _row(self, key: str) -> tuple[str, AudioClip | bytes | None] | None:
        """What is kept under `key`: the answer's fields, and its recording, coded where it comes from the disk."""
        with self._lock:
            if key in self._waiting:
                return self._waiting[key]
            row = None
            if self._base is not None:
                try:
                    row = self._base.execute("SELECT answer, clip FROM answers WHERE key = ?", (key,)).fetchone()
                except sqlite3.Error as error:
                    self._give_up(error)
        return row

    def put(self, key: str, answer: Answer) -> None:
        """Keep the answer; it is on the disk after the next `flush`."""
        with self._lock:
            if self._base is not None:
                self._waiting[key] = _written(answer), answer.clip

    def drop(self, keys: Iterable[str]) -> None:
        """Forget the answers under these keys, on the disk as well."""
        with self._lock:
            given = list(keys)
            for key in given:
                self._waiting.pop(key, None)
            self._write("DELETE FROM answers WHERE key = ?", [(key,) for key in given])

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            waiting = dict(self._waiting)
        # recordings are encoded here, where nobody waits for it
        written = [
            (key, fields, None if clip is None else clip.flac_bytes()) for key, (fields, clip) in waiting.items()
        ]
        with self._lock:
            rows = [row for row in written if self._waiting.get(row[0]) is waiting[row[0]]]
            if self._write("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows):
                for key, *_ in rows:
                    del self._waiting[key]

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> bool:
        """Whether the statement was carried out for each row, all or none; the lock must be held."""
        if not rows or self._base is None:
            return False
        try:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.executemany(statement, rows)
            self._base.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(error)
        return self._base is not None

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self.flush()
        with self._lock:
            if self._base is not None:
                self._base.close()
                self._base = None

    def _give_up(self, error: Exception) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None
        warnings.warn(
            f"the answer cache {self.path} cannot be used ({error}); questions are asked again: "
            "free some space or delete the file, or set EARNEST_CACHE to another folder",
            stacklevel=3,
        )


def _read(fields: str, clip: AudioClip | bytes | None) -> Answer:
    """The answer of what is kept of it."""
    return Answer(**json.loads(fields), clip=AudioClip.from_bytes(clip) if isinstance(clip, bytes) else clip)


def _written(answer: Answer) -> str:
    """An answer without its recording."""
    fields = {
        "text": answer.text,
        "usage": dict(answer.usage),
        "duration_ms": answer.duration_ms,
        "log_probability": answer.log_probability,
        "details": dict(answer.details),
        "value": answer.value,
    }
    return dumped_json(fields)
