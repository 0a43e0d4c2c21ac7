"""A parent that watches a run: code that ends the process in its middle cannot pass for a run that is done.

A model, a task or a library may call `os._exit(0)`. Nothing in the process itself notices. So `earnest run` and `earnest
judge` do their work in a child, made before anything is loaded, which says when it is through. If it ends without that, its
parent says so and exits 2. Signals are passed on; a parent that is killed takes its child along. Where a process cannot be
forked (Windows) nobody watches, and what was not asked is counted as `not_run` by the next command that reads the folder.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

WATCHED = ("run", "matrix", "attack", "judge")
_THROUGH = b"\0"
_says: int | None = None
"""Where the child says what it does; None in a process that nobody watches."""


def can_watch(arguments: list[str]) -> bool:
    """Whether this command line is to be watched, and the system can."""
    return bool(arguments) and arguments[0] in WATCHED and hasattr(os, "fork") and threading.active_count() == 1


def works_in(folder: Path) -> None:
    """Say which run folder this process is about to write."""
    if _says is not None:
        os.write(_says, os.fsencode(folder.absolute()))


def watched(command: Callable[[], int]) -> int:
    """The exit code of `command`, which a child carries out; called in the child, its code is given back there too."""
    alive, keeps = os.pipe()
    heard, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(keeps)
        os.close(heard)
        return _carried_out(command, alive=alive, says=says)
    os.close(alive)
    os.close(says)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, frame: _pass_on(pid, number))
    _, status = os.waitpid(pid, 0)
    return _understood(os.waitstatus_to_exitcode(status), _read(heard))


def _carried_out(command: Callable[[], int], *, alive: int, says: int) -> int:
    global _says
    _says = says
    threading.Thread(target=_end_with_parent, args=[alive], daemon=True).start()
    code = command()
    os.write(says, _THROUGH)
    return code


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)  # comes back when nobody holds the other end any more
    os._exit(128 + signal.SIGKILL)


def _pass_on(pid: int, number: int) -> None:
    if number == signal.SIGINT and _at_terminal():
        return  # the terminal has told the child too
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _at_terminal() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _read(pipe: int) -> bytes:
    """What the child said; processes that it left behind may hold the pipe open, and are not waited for."""
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 65_536)
    except BlockingIOError:
        return b""


def _understood(code: int, errors: bytes) -> int:
    if errors.endswith(_THROUGH) or code in (130, 143):
        return code
    if code >= 0:
        how = f"with exit code {code} and without a message, as os._exit does; check what the model calls"
    else:
        why = ", often because memory ran out" if -code == signal.SIGKILL else ""
        how = f"by {signal.Signals(-code).name}{why}"
    folder = os.fsdecode(errors)
    told = [f"the process was ended in the middle of its work, {how}"]
    if folder:
        told += [*_lacking(Path(folder)), "finished items are kept, and the same command resumes the run"]
    sys.stderr.write(f"earnest: {'; '.join(told)}\n")
    return 2


def _lacking(folder: Path) -> list[str]:
    from earnest.engine import lacking
    from earnest.errors import EarnestError

    try:
        return lacking(folder)
    except EarnestError:
        return []
