"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

from earnest.errors import StorageFailed
from earnest.run_folder import write_whole


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`.

    Raises
    ------
    StorageFailed
        If it could not be written.
    """
    write_bytes(path, text.encode("utf-8", errors="replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`.

    Raises
    ------
    StorageFailed
        If it could not be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise StorageFailed(
            f"{str(path)!r} must be writable, got {error.strerror or error}; free some space or mend the permissions"
        ) from error
