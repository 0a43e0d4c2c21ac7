"""Threads for work that may never end: a model that hangs, a plug-in that waits for ever.

A thread cannot be stopped from outside. Those of `concurrent.futures` are waited for when a process ends, so that one
that hangs keeps it alive for good. These are daemons: who has waited long enough gives up on one, and another takes its
place; what it still does is nobody's concern.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_S = 0.01

_Task = tuple["Future[Any]", Callable[[], Any]]


class Workers(Executor):
    """At most so many daemon threads, begun when they are needed.

    Parameters
    ----------
    n_threads : int
    name : str
        What the threads are called.
    """

    def __init__(self, n_threads: int, *, name: str) -> None:
        self._most, self._name = n_threads, name
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._running: dict[Future[Any], threading.Thread] = {}
        self._given_up: set[threading.Thread] = set()
        self._n_unfinished, self._closed = 0, False

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """The result of the call, once a thread has made it."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("no work can be given to threads that were let go")
            self._tasks.put((future, lambda: function(*arguments, **named)))
            self._n_unfinished += 1
            self._begin_thread_if_needed()
        return future

    def give_up(self, future: Future[Any]) -> None:
        """Wait no longer for the thread that makes this call; another may be begun in its place."""
        future.cancel()
        with self._lock:
            thread = self._running.get(future)
            if thread is None:
                return
            self._threads.discard(thread)
            self._given_up.add(thread)
            self._n_unfinished -= 1
            if not self._closed:
                self._begin_thread_if_needed()

    @property
    def n_hung(self) -> int:
        """Threads that were given up and are still at it."""
        with self._lock:
            return sum(thread.is_alive() for thread in self._given_up)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; `wait` for what is under way, except where it was given up."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        if cancel_futures:
            self._cancel_waiting()
        for _ in threads:
            self._tasks.put(None)
        if wait:
            for thread in threads:
                thread.join()

    async def closed(self, *, within_s: float) -> None:
        """Take no more work, and wait at most so long for what is under way."""
        self.shutdown(wait=False, cancel_futures=True)
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while any(thread.is_alive() for thread in self._threads) and loop.time() < until:
            await asyncio.sleep(_POLL_S)
        with self._lock:
            self._given_up |= self._threads
            self._threads.clear()

    def _begin_thread_if_needed(self) -> None:
        if len(self._threads) >= min(self._most, self._n_unfinished):
            return
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _cancel_waiting(self) -> None:
        try:
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task[0].cancel()
        except queue.Empty:
            pass

    def _work(self) -> None:
        thread = threading.current_thread()
        while thread not in self._given_up:
            task = self._tasks.get()
            if task is None:
                return
            self._carry_out(thread, *task)
            del task  # the result is the caller's alone
            with self._lock:
                self._n_unfinished -= thread not in self._given_up

    def _carry_out(self, thread: threading.Thread, future: Future[Any], call: Callable[[], Any]) -> None:
        with self._lock:
            self._running[future] = thread  # before it counts as running, so that it can be given up from then on
        try:
            if not future.set_running_or_notify_cancel():
                return
            result = call()
        except BaseException as error:  # noqa: BLE001  whoever waits is told
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            with self._lock:
                del self._running[future]
