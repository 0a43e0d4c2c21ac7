"""Threads that nobody has to wait for: results in order, as many as needed, and one that hangs is given up."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from earnest.engine.workers import Workers


def test_what_is_given_is_done_with_no_more_threads_than_allowed() -> None:
    workers, seen = Workers(3, name="test-worker"), set()

    def square(n: int) -> int:
        seen.add(threading.current_thread())
        time.sleep(0.001)
        return n * n

    futures = [workers.submit(square, n) for n in range(50)]
    assert [future.result(timeout=10) for future in futures] == [n * n for n in range(50)]
    assert 1 <= len(seen) <= 3 and all(thread.daemon for thread in seen)
    workers.shutdown()
    assert not any(thread.is_alive() for thread in seen)
    with pytest.raises(RuntimeError, match="let go"):
        workers.submit(square, 1)


def test_work_that_can_begin_never_waits_behind_other_work() -> None:
    for _ in range(200):  # a thread that has just taken its work must not be counted as free
        workers, free = Workers(2, name="test-worker"), threading.Event()
        held = workers.submit(free.wait, 10)
        assert workers.submit(lambda: 1).result(timeout=5) == 1
        free.set()
        assert held.result(timeout=5)
        workers.shutdown()


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(0), KeyboardInterrupt()])
def test_whatever_is_raised_is_told_and_the_thread_goes_on(error) -> None:
    workers = Workers(1, name="test-worker")

    def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        workers.submit(fails).result(timeout=5)
    assert workers.submit(lambda: 2).result(timeout=5) == 2
    workers.shutdown()


def test_another_thread_takes_the_place_of_one_that_hangs() -> None:
    workers, free = Workers(1, name="test-worker"), threading.Event()
    hangs, waits = workers.submit(free.wait, 10), workers.submit(lambda: 3)
    while not hangs.running():
        time.sleep(0.001)
    workers.give_up(hangs)
    assert waits.result(timeout=5) == 3 and workers.n_hung == 1
    free.set()
    hangs.result(timeout=5)
    assert workers.submit(lambda: 4).result(timeout=5) == 4
    while workers.n_hung:
        time.sleep(0.001)  # the one that was given up ends after its work
    workers.shutdown()


def test_closing_waits_no_longer_than_it_may_and_cancels_what_waits() -> None:
    workers, free = Workers(1, name="test-worker"), threading.Event()
    workers.submit(free.wait, 10)
    waits = workers.submit(lambda: 5)

    async def close() -> float:
        begun = time.monotonic()
        await workers.closed(within_s=0.05)
        await workers.closed(within_s=5)  # what was given up is not waited for again
        return time.monotonic() - begun

    assert asyncio.run(close()) < 4 and waits.cancelled()
    free.set()
