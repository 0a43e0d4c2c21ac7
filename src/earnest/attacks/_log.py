"""A file with one JSON line for each question that an attack asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

QUERIES = "queries.jsonl"
"""What the file is called in a run folder."""


class QueryLog:
    """Appends what it is told of each question to a file, a line each; for `Attack.run(log=...)`.

    A line tells the attack, the part (the search is "attack" or "control", the rest "verify" and "verify_control"), the
    digests of the clean stimulus and of what was asked, the number of the query, what was drawn, and the answer with
    `on_target`, `complied`, `cached` and `cost_usd`; or why there was none; or the score of a text. Answers may be harmful.

    Parameters
    ----------
    path : Path
        Made with its folders; lines that are there stay.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def __call__(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        with self._lock:
            self._file.write(text + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
