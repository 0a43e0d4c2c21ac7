"""Work on a reply that takes a while (a recording to decode, megabytes of JSON), beside the event loop.

On the loop it would hold up every other call. A thread that takes too long cannot be stopped; it is a daemon, which
neither a time limit nor the end of a run waits for.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

_numbers = itertools.count(1)


async def aside(function: Callable[[], T]) -> T:
    """What the function returns or raises, from a thread of its own."""
    future: Future[T] = Future()
    threading.Thread(target=_work, args=(function, future), name=f"earnest-reply-{next(_numbers)}", daemon=True).start()
    return await asyncio.wrap_future(future)


def _work(function: Callable[[], T], future: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001  whoever waits is told
        future.set_exception(error)
    else:
        future.set_result(result)
