"""How many calls may be in flight: more while all goes well, half as many where the endpoint is overloaded.

Starts at 16 (or the upper bound, if that is lower). Each answer adds one until the first overload, then one for each
full round of answers (additive increase). An overload halves the number (multiplicative decrease), once for all calls
that were under way when it happened. `Retry-After` holds every new call back, not only the one that was told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

START = 16
MAX_PAUSE_S = 60.0


class Limiter:
    """Admits calls; belongs to one event loop.

    Parameters
    ----------
    upper : int
        Never more than this in flight.
    clock : callable
        Seconds; for tests.
    """

    def __init__(self, upper: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.upper = upper
        self.limit = float(min(upper, START))
        self.in_flight = 0
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = 0
        self._overloaded_once = False
        self._paused_until = 0.0

    async def acquire(self) -> int:
        """Wait for a place; returns the round, which `release` wants back."""
        if self._waiting or self.in_flight >= int(self.limit):
            await self._turn()
        else:
            self.in_flight += 1
        try:
            while (pause_s := self._paused_until - self._clock()) > 0:
                await asyncio.sleep(pause_s)
        except asyncio.CancelledError:
            self._give_back()
            raise
        return self._round

    async def _turn(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._give_back()  # it was our turn; somebody else's now
            raise

    def release(self, round_: int, *, outcome: str, pause_s: float | None = None) -> None:
        """Give the place back.

        Parameters
        ----------
        round_ : int
            From `acquire`.
        outcome : {"answered", "overloaded", "other"}
            "other" says nothing about the load.
        pause_s : float or None
            Seconds that the endpoint asked to wait.
        """
        if outcome == "answered":
            step = 1.0 / self.limit if self._overloaded_once else 1.0
            self.limit = min(float(self.upper), self.limit + step)
        elif outcome == "overloaded":
            self._overloaded_once = True
            if round_ == self._round:
                self._round += 1
                self.limit = max(1.0, self.limit / 2)
            if pause_s is not None:
                self._paused_until = max(self._paused_until, self._clock() + min(pause_s, MAX_PAUSE_S))
        self._give_back()

    def _give_back(self) -> None:
        self.in_flight -= 1
        while self._waiting and self.in_flight < int(self.limit):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self.in_flight += 1
