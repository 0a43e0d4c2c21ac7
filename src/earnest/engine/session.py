"""A session: what all calls of one piece of work share, be it a run, judging a finished one, a fit or a few questions.

There is one cache, one ledger under the folder's ceiling, one `Caller` around each model, and one account of what was spent
and learnt. A session tells how far its work is, writes its account while the work goes on, and closes callers before what
they write into. Work that is told to stop does so through `in_session`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from earnest.engine.cache import AnswerCache, cache_scope
from earnest.engine.caller import Caller
from earnest.engine.job import Progress, Settings
from earnest.engine.journal import storage_failed
from earnest.engine.learning import keep, learnt_by, recall
from earnest.engine.ledger_file import read_spent, write_spent
from earnest.engine.prices import Ledger
from earnest.engine.stopping import finished
from earnest.errors import BadParameter, StorageFailed
from earnest.models.access import Model
from earnest.plan import LearntField

T = TypeVar("T")

TICK_S = 0.1
_TICKS_A_REPORT = 3


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a session came to.

    Parameters
    ----------
    n_calls, n_cached, n_retries : int
        Answers got, those that came from the cache, and attempts repeated.
    cost_usd : float or None
        Spent on the folder over all sittings, as far as known; None where no price is known.
    note : str
        What is not known of the cost.
    learnt : tuple of LearntField
        What endpoints were found to refuse.
    duration_s : float
        Wall time of this sitting.
    """

    n_calls: int
    n_cached: int
    n_retries: int
    cost_usd: float | None
    note: str
    learnt: tuple[LearntField, ...]
    duration_s: float


class Session:
    """Callers for the work in one folder, and their account; an async context manager, to be entered on the event loop.

    Parameters
    ----------
    folder : Path
        What was spent there before counts towards the ceiling; it need not be there yet.
    settings : Settings
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self.ledger = Ledger(settings.max_cost, spent=read_spent(folder))
        self.cache: AnswerCache | None = None
        self.callers: list[Caller] = []
        self.begun = time.monotonic()
        self._stack = AsyncExitStack()
        self._learnt: tuple[LearntField, ...] = ()
        self._writes_spent = self._writes_learnt = False

    async def __aenter__(self) -> Session:
        if self.settings.cache is not None:
            self.cache = AnswerCache(self.settings.cache)
            self._stack.callback(self.cache.close)
        self._stack.callback(self.write_account)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def caller(self, model: Model, *, role: str = "") -> Caller:
        """The model with what the settings say around it; closed with the session at the latest."""
        caller = Caller(
            model,
            max_connections=self.settings.max_connections,
            timeout_s=self.settings.timeout_s,
            max_attempts=self.settings.max_attempts,
            batch_size=self.settings.batch_size,
            cache=self.cache,
            scope=cache_scope(model, self.folder),
            ledger=self.ledger,
            prices=self.settings.prices,
            role=role,
        )
        self.callers.append(caller)
        self._stack.push_async_callback(caller.aclose)
        return caller

    async def close_callers(self) -> None:
        """Let everybody go who waits for an answer: nothing is asked any more."""
        for caller in self.callers:
            await caller.aclose()

    def recall(self, models: Iterable[Model]) -> None:
        """Have models ask as an earlier sitting in the folder learnt to."""
        recall(self.folder, models)

    def check_prices(self) -> None:
        """Refuse a ceiling that cannot be kept.

        Raises
        ------
        BadParameter
            If there is one, and the price of a model is not known.
        """
        unknown = [caller.name for caller in self.callers if caller.price is None]
        if self.settings.max_cost is not None and unknown:
            raise BadParameter(
                f"a ceiling needs prices, and none is known for {', '.join(unknown)}; "
                "give them with --price in=2.5,audio_in=32,out=10 (US dollars per million tokens), or leave out --max-cost"
            )

    def keep_account(self, *, of_learning: bool) -> None:
        """From now on, write what is spent into the folder, which is this work's own, and what is learnt into its plan."""
        self._writes_spent, self._writes_learnt = True, of_learning

    def write_account(self) -> None:
        """Write what was spent and learnt, as far as it is to be kept; in any thread.

        Raises
        ------
        StorageFailed
            If it cannot be written.
        """
        if self._writes_learnt and (learnt := learnt_by(self.callers)) != self._learnt:
            try:
                keep(self.folder, learnt)
            except OSError as error:
                if isinstance(error, StorageFailed):
                    raise
                raise storage_failed(self.folder, error) from error
            self._learnt = learnt
        if self._writes_spent:
            write_spent(self.folder, self.ledger.spent)

    @asynccontextmanager
    async def ticking(self, report: Callable[[], None]) -> AsyncIterator[None]:
        """While this is open, answers and the account are written a few times a second, and `report` is called; at last once more."""
        ticker = asyncio.create_task(self._tick(report))
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            self.write_account()
            report()

    async def _tick(self, report: Callable[[], None]) -> None:
        for tick in itertools.count():
            await asyncio.sleep(TICK_S)
            await asyncio.to_thread(self._flush)
            if tick % _TICKS_A_REPORT == 0:
                report()

    def _flush(self) -> None:
        if self.cache is not None:
            self.cache.flush()
        self.write_account()

    @property
    def passed_s(self) -> float:
        """Seconds since the session was made, above 0."""
        return max(1e-9, time.monotonic() - self.begun)

    def progress(
        self,
        *,
        done: int,
        total: int,
        scored: int,
        unscored: Mapping[str, int],
        n_here: int,
        eta_s: float | None = None,
    ) -> Progress:
        """How far the work is; `n_here` of what is done was done in this sitting."""
        return Progress(
            done=done,
            total=total,
            scored=scored,
            unscored=unscored,
            cost_usd=self._cost()[0],
            rate_per_s=n_here / self.passed_s,
            eta_s=eta_s,
            in_flight=sum(caller.in_flight for caller in self.callers),
            learnt=tuple(map(str, learnt_by(self.callers))),
        )

    def totals(self) -> Totals:
        """What the session came to so far."""
        cost_usd, note = self._cost()
        counts = [caller.counts for caller in self.callers]
        return Totals(
            n_calls=sum(each.n_calls for each in counts),
            n_cached=sum(each.n_cached for each in counts),
            n_retries=sum(each.n_retries for each in counts),
            cost_usd=cost_usd,
            note=note,
            learnt=learnt_by(self.callers),
            duration_s=time.monotonic() - self.begun,
        )

    def _cost(self) -> tuple[float | None, str]:
        """Spent so far in US dollars, None where no price is known; and what is not known of it, in words."""
        unpriced = [_unpriced(caller, self.ledger) for caller in self.callers if caller.counts.n_unpriced]
        return (None if unpriced and not self.ledger.spent else self.ledger.spent), "; ".join(unpriced)


def in_session(folder: Path, settings: Settings, work: Callable[[Session], Awaitable[T]]) -> T:
    """What `work` returns of a session of its own, which is closed when it ends or is told to stop (`engine.stopping`)."""

    async def done() -> T:
        async with Session(folder, settings) as session:
            return await work(session)

    return finished(done)


def _unpriced(caller: Caller, ledger: Ledger) -> str:
    """What is not known of the cost of calls to one model, in words."""
    if caller.price is None:
        return f"no price is known for {caller.counts.n_unpriced} calls to {caller.name}"
    counted = "" if ledger.max_cost is None else ", and count as the most that they can cost"
    return f"{caller.counts.n_unpriced} calls to {caller.name} told no tokens{counted}"
