"""A call's own time: what it takes once it is its turn.

Many calls are in flight at once, and some of what they need can do one thing at a time: a recogniser on this machine, a
model behind a lock. What a call waits for its turn is neither part of its duration nor of the time it is allowed.

    async with OwnTime(limit_s=120) as own:      # who asks
        answer = await model.ask_one(...)
    async with waiting():                        # who must wait for a turn, anywhere inside
        await turn
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextvars import ContextVar, Token
from types import TracebackType

_running: ContextVar[OwnTime | None] = ContextVar("earnest_own_time", default=None)


class OwnTime:
    """Bounds and measures what happens in its block, waiting apart.

    Parameters
    ----------
    limit_s : float or None
        Seconds after which the block ends with `TimeoutError`; None sets no limit.
    """

    def __init__(self, limit_s: float | None = None) -> None:
        self.limit_s = limit_s
        self._limit = asyncio.timeout(limit_s)
        self._n_waiting, self._waited_s = 0, 0.0
        self._begun = self._paused = 0.0
        self._left_s: float | None = None
        self._token: Token[OwnTime | None] | None = None

    @property
    def seconds(self) -> float:
        """Own time so far."""
        now = self._paused if self._n_waiting else time.perf_counter()
        return now - self._begun - self._waited_s

    async def __aenter__(self) -> OwnTime:
        await self._limit.__aenter__()
        self._token, self._begun = _running.set(self), time.perf_counter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None
        _running.reset(self._token)
        await self._limit.__aexit__(kind, error, trace)

    def _pause(self) -> None:
        self._n_waiting += 1
        if self._n_waiting > 1:
            return
        until = self._limit.when()
        self._paused = time.perf_counter()
        self._left_s = None if until is None else until - asyncio.get_running_loop().time()
        self._limit.reschedule(None)

    def _go_on(self) -> None:
        self._n_waiting -= 1
        if self._n_waiting:
            return
        self._waited_s += time.perf_counter() - self._paused
        if self._left_s is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._left_s)


def is_limited() -> bool:
    """Whether what happens here is bounded by a running `OwnTime`."""
    own = _running.get()
    return own is not None and own.limit_s is not None


@contextlib.asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """What happens in the block is waiting for a turn, and does not count for the call that it is part of."""
    own = _running.get()
    if own is None:
        yield
        return
    own._pause()
    try:
        yield
    finally:
        own._go_on()
