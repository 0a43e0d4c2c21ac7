"""How a run is told to stop: it is cancelled, and closes what it has open before it ends.

After a SIGTERM the work is closed within `STOP_WITHIN_S`, or the process ends without that, whatever hangs; a second one
ends it at once. Every line of a journal is with the system as soon as its item is finished, so that nothing is lost by it.
After Ctrl-C the work is closed likewise; the second one raises `KeyboardInterrupt` where the program is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")

STOP_WITHIN_S = 4.5
"""Seconds from a SIGTERM to the end of the work, at most."""
_TERMINATED = 128 + signal.SIGTERM


def finished(begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the work returns; inside an event loop (a notebook) it runs in a thread of its own.

    On Ctrl-C and SIGTERM it closes what it has open, and `KeyboardInterrupt` or `SystemExit(143)` is raised.
    """
    work = Stoppable(begin)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work.done())
    with ThreadPoolExecutor(1, thread_name_prefix="earnest-run") as thread:
        result = thread.submit(asyncio.run, work.done())
        try:
            return result.result()
        except KeyboardInterrupt:
            work.stop()
            raise


def is_cancelled() -> bool:
    """Whether the running task was told to stop; else a `CancelledError` comes from what it called."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Stoppable(Generic[T]):
    """Work on an event loop that a SIGTERM or another thread can stop; it may then close what it has open."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._begin = begin
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._late: threading.Timer | None = None

    async def done(self) -> T:
        """What the work returns."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(self._begin())
        with self._sigterm_heard():
            try:
                return await self._task
            except asyncio.CancelledError:
                if self._late is not None:
                    raise SystemExit(_TERMINATED) from None
                raise

    def stop(self) -> None:
        """Cancel the work; for other threads."""
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # the loop is closed: it is done
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _on_sigterm(self, *heard: object) -> None:
        """In the main thread, wherever it is: code that never comes back to the event loop is left behind in time."""
        if self._late is not None:
            os._exit(_TERMINATED)
        self._late = leave_after(STOP_WITHIN_S, code=_TERMINATED)
        self.stop()

    @contextmanager
    def _sigterm_heard(self) -> Iterator[None]:
        """Where this is the main thread and nobody else hears it."""
        heard = os.name == "posix" and threading.current_thread() is threading.main_thread()
        if not heard or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            yield
            return
        signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if self._late is not None:
                self._late.cancel()


def leave_after(seconds: float, *, code: int) -> threading.Timer:
    """A timer that ends the process with the exit code `code` unless it is cancelled; it waits for no thread."""
    timer = threading.Timer(seconds, os._exit, [code])
    timer.daemon = True
    timer.start()
    return timer
