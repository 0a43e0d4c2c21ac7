"""What a run folder has cost so far, over all its sittings: `spend.json`."""

from __future__ import annotations

import json
from pathlib import Path

from earnest.engine.journal import storage_failed
from earnest.errors import BadData
from earnest.run_folder import file_in, read_json, write_whole

FILE = "spend.json"


def read_spent(folder: Path) -> float:
    """US dollars spent on the run folder so far; 0 for a new one.

    Raises
    ------
    BadData
        If the file is there and says no amount: a ceiling that is kept must know what was spent.
    """
    path = file_in(folder, FILE)
    if not path.exists():
        return 0.0
    held = read_json(path)
    spent = held.get("spent_usd") if isinstance(held, dict) else None
    if not isinstance(spent, int | float) or isinstance(spent, bool) or spent < 0:
        raise BadData(f'{path} must say {{"spent_usd": <US dollars>}}, got {str(held)[:100]}; write the amount into it')
    return float(spent)


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
    try:
        write_whole(path, (json.dumps({"spent_usd": spent_usd}) + "\n").encode())
    except OSError as error:
        raise storage_failed(path, error) from error
