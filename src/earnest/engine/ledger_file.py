"""What a run folder has cost so far, over all its sittings: `spend.json`."""

from __future__ import annotations

import json
from pathlib import Path

from earnest.engine.journal import storage_failed

FILE = "spend.json"


def read_spent(folder: Path) -> float:
    """US dollars spent on the run folder so far; 0 for a new one."""
    path = folder / FILE
    return float(json.loads(path.read_text(encoding="utf-8"))["spent_usd"]) if path.exists() else 0.0


def write_spent(folder: Path, spent_usd: float) -> None:
    """Note what was spent; a file that says so already stays as it is.

    Raises
    ------
    StorageFailed
        If it cannot be written.
    """
    if spent_usd == read_spent(folder):
        return
    path = folder / FILE
    partial = path.with_suffix(".json.partial")
    try:
        partial.write_text(json.dumps({"spent_usd": spent_usd}) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise storage_failed(path, error) from error
