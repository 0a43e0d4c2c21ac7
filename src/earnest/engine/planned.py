"""The items of a run, canaries among them: `items.jsonl`, one id a line as a JSON string.

The plan holds how many items each task has. Which ones they are is written beside it before the first call, so that whoever
reads the folder can name those without a line, however the run ended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from earnest.engine.journal import storage_failed
from earnest.errors import BadData
from earnest.run_folder import file_in, read_text, strict_json, write_whole

FILE = "items.jsonl"


def planned_items(folder: Path) -> list[str] | None:
    """Ids of the items of a run folder, arms' suffixes included; None where the folder does not tell.

    Raises
    ------
    BadData
        If the file is no list of ids, or a link out of the folder.
    """
    path = file_in(folder, FILE)
    try:
        text = read_text(path)
    except FileNotFoundError:
        return None
    try:
        items = [strict_json(line) for line in text.splitlines()]
    except ValueError as error:
        raise BadData(f"{path} must hold an item's id on each line; delete it", [str(error)]) from error
    if not all(isinstance(item, str) for item in items):
        raise BadData(f"{path} must hold an item's id on each line, as a JSON string; delete it")
    return items


def write_items(folder: Path, items: Sequence[str]) -> None:
    """Write the ids, where the folder does not hold them yet.

    Raises
    ------
    BadData
        If the file is a link out of the folder.
    StorageFailed
        If they cannot be written.
    """
    path = file_in(folder, FILE)
    try:
        if not path.exists():
            write_whole(path, "".join(json.dumps(item) + "\n" for item in items).encode())
    except OSError as error:
        raise storage_failed(path, error) from error
