"""How a run is told to stop: it is cancelled, and closes what it has open before it ends."""

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
        self._terminated = False

    async def done(self) -> T:
        """What the work returns."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(self._begin())
        with self._sigterm_heard():
            try:
                return await self._task
            except asyncio.CancelledError:
                if self._terminated:
                    raise SystemExit(128 + signal.SIGTERM) from None
                raise

    def stop(self) -> None:
        """Cancel the work; for other threads."""
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # the loop is closed: it is done
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _on_sigterm(self) -> None:
        self._terminated = True
        assert self._task is not None
        self._task.cancel()

    @contextmanager
    def _sigterm_heard(self) -> Iterator[None]:
        """Where this is the main thread and nobody else hears it."""
        assert self._loop is not None
        heard = os.name == "posix" and threading.current_thread() is threading.main_thread()
        heard = heard and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        if heard:
            self._loop.add_signal_handler(signal.SIGTERM, self._on_sigterm)
        try:
            yield
        finally:
            if heard:
                self._loop.remove_signal_handler(signal.SIGTERM)
