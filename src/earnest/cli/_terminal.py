"""What the command line writes: text as text, whatever somebody put into it.

Results go to stdout through a stream that shows the signs which a terminal obeys by their code, in the form that JSON has
for them, so that `--json` stays JSON. What an encoding has no sign for is written by its code as well.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from earnest.text import visible

PIPE_CLOSED = 141
"""Exit code of a command whose output nobody reads any more, as a shell has it for SIGPIPE."""


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
        with self._read_by_somebody():
            return self._stream.write(shown)

    def flush(self) -> None:
        with self._read_by_somebody():
            self._stream.flush()

    @contextmanager
    def _read_by_somebody(self) -> Iterator[None]:
        """Ends the command in silence once its reader has gone, as `head` goes after its lines."""
        try:
            yield
        except BrokenPipeError:
            with suppress(OSError, ValueError):  # what is still held back must not fail again while Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            raise SystemExit(PIPE_CLOSED) from None

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
