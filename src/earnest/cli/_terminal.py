"""What the command line writes: text as text, whatever somebody put into it.

Results go to stdout through a stream that shows the signs which a terminal obeys by their code, in the form that JSON has
for them, so that `--json` stays JSON. What an encoding has no sign for is written by its code as well.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from earnest.text import visible


class _Visible(io.TextIOBase):
    """A stream that passes on what is visible."""

    errors = "backslashreplace"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        shown = visible(text).encode(self.encoding, self.errors).decode(self.encoding)
        return self._stream.write(shown)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True


@contextmanager
def visible_output() -> Iterator[None]:
    """Within, stdout shows what it would obey, and warnings are one line on stderr."""
    stdout, show = sys.stdout, warnings.showwarning

    def told(message: Warning | str, category: Any, *where: Any, **more: Any) -> None:
        tell(f"warning: {message}")

    if stdout is not None:
        sys.stdout = _Visible(stdout)  # type: ignore[assignment]
    warnings.showwarning = told
    try:
        yield
    finally:
        sys.stdout, warnings.showwarning = stdout, show


def tell(message: str) -> None:
    """A message on stderr."""
    stream = sys.stderr
    if stream is not None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        print(f"earnest: {visible(message)}".encode(encoding, "backslashreplace").decode(encoding), file=stream)

