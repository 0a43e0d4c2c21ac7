"""The audit: one chained file of JSON lines a call, written by a thread, without audio and without words.

A write that fails is cut back to the last whole line and tried again with the next one. What could not be kept is
counted, and a line says how many are missing, so that the chain holds and the gap shows.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earnest.errors import BadData, BadParameter
from earnest.guard.recording import link, verified
from earnest.spreadsheets import csv_text

KEPT_LINES = 1000
"""Lines of one file that wait while its disk refuses them."""
WAITING_LINES = 100_000


class Trail:
    """The lines of one call, or of the gateway itself."""

    def __init__(self, audit: Audit, name: str) -> None:
        self._audit, self.name = audit, name

    def write(self, **line: Any) -> None:
        self._audit.put(self.name, line)

    def end(self, **line: Any) -> None:
        self._audit.put(self.name, {"kind": "end"} | line)


class Audit:
    """Writes trails into a folder; without a folder it keeps nothing."""

    def __init__(
        self,
        folder: Path | None,
        *,
        key: str = "",
        retain_days: float = 0,
        on_lost: Callable[[int], None] = lambda n: None,
    ) -> None:
        self.folder, self.failing, self._key, self._on_lost = folder, False, key, on_lost
        self._files: dict[str, _File] = {}
        self._lines: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue(WAITING_LINES)
        self._thread: threading.Thread | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BadParameter(
                f"the audit's folder {folder} cannot be made ({error.strerror}); give another"
            ) from error
        if retain_days:
            remove_older(folder, retain_days)
        self._thread = threading.Thread(target=self._run, name="earnest-audit", daemon=True)
        self._thread.start()

    def put(self, name: str, line: dict[str, Any]) -> None:
        if self._thread is None:
            return
        try:
            self._lines.put_nowait((name, line))
        except queue.Full:
            self.failing = True
            self._on_lost(1)

    def close(self, *, timeout_s: float = 5.0) -> None:
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        assert self.folder is not None
        while (item := self._lines.get()) is not None:
            name, line = item
            if name not in self._files:
                self._files[name] = _File(self.folder / f"{name}.jsonl", self._key)
            file = self._files[name]
            lost = file.add(line)
            self.failing = file.failing
            if lost:
                self._on_lost(lost)
            if line["kind"] == "end":
                lost = file.close()
                if lost:
                    self._on_lost(lost)
                del self._files[name]
        for file in self._files.values():
            file.close()


class _File:
    def __init__(self, path: Path, key: str) -> None:
        self.path, self.failing, self._key = path, False, key
        self._chain, self._size, self._lost = "", 0, 0
        self._waiting: deque[dict[str, Any]] = deque()
        self._file = -1

    def add(self, line: dict[str, Any]) -> int:
        """Write the line and all that wait before it; how many lines were given up."""
        self._waiting.append(line)
        lost = 0
        while len(self._waiting) > KEPT_LINES:
            self._waiting.popleft()
            self._lost, lost = self._lost + 1, lost + 1
        try:
            if self._file < 0:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            if self._lost:
                self._append({"kind": "lost", "lines": self._lost})
                self._lost = 0
            while self._waiting:
                self._append(self._waiting[0])
                self._waiting.popleft()
            self.failing = False
        except OSError:
            self.failing = True
        return lost

    def close(self) -> int:
        """How many lines never reached the disk."""
        if self._file >= 0:
            try:
                os.fsync(self._file)
            except OSError:
                self.failing = True
            os.close(self._file)
        return len(self._waiting)

    def _append(self, line: dict[str, Any]) -> None:
        chain = link(self._chain, line, self._key)
        data = (json.dumps(line | {"chain": chain}, sort_keys=True) + "\n").encode()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._chain, self._size = chain, self._size + len(data)


def remove_older(folder: Path, days: float) -> int:
    """Remove the files of calls that were last written before so many days; how many."""
    old = [path for path in folder.glob("*.jsonl") if path.stat().st_mtime < time.time() - days * 86_400]
    for path in old:
        path.unlink()
    return len(old)


EXPORTED = ("decision", "failed_closed", "not_judged", "switch", "lost", "detectors_restarted")
_COLUMNS = (
    *(
        "session",
        "kind",
        "at",
        "route",
        "version",
        "side",
        "rule",
        "action",
        "enforce",
        "detector",
        "score",
        "threshold",
    ),
    *("start_s", "end_s", "line", "reason", "fingerprint"),
)


def exported(folder: Path, form: str, *, key: str = "") -> tuple[str, list[str]]:
    """What happened in every session of the folder, and a line on each file whose chain does not hold.

    A file that does not hold is left out whole. In CSV, the fingerprint is the HMAC, and cells are made safe for
    spreadsheets.
    """
    rows: list[dict[str, Any]] = []
    broken: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        try:
            lines = verified(path, key=key).lines
        except BadData as error:
            broken.append(str(error))
            continue
        facts = {name: lines[0][name] for name in ("route", "version") if lines and name in lines[0]}
        rows += [{"session": path.stem, **facts, **line} for line in lines if line.get("kind") in EXPORTED]
    if form == "jsonl":
        return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), broken
    marks = ({"fingerprint": row["fingerprint"]["hmac"]} if "fingerprint" in row else {} for row in rows)
    return csv_text([row | mark for row, mark in zip(rows, marks)], columns=_COLUMNS), broken
