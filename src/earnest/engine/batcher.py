"""Batches for local models: what is asked at about the same time is asked together, clips of like length first.

One worker thread runs the model, so that a model needs no locks. A batch always holds the stimulus that waited longest,
and those of the waiting ones whose length is nearest. Where a batch fails with an exception (out of memory, say) it is
halved, down to the one stimulus that is at fault. A call that takes longer than it may is given up, and its thread with
it: a thread cannot be stopped, but nobody waits for it, and another one asks on.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from earnest.audio import Stimulus
from earnest.engine.workers import Workers
from earnest.errors import MachineFailed, MissingExtra, ModelFailed, RunStopped, machine_failed
from earnest.models.access import Failure, Model, Reply, Sampling, may_pass, timed_ask

LINGER_S = 0.005
"""How long an idle model waits for a batch to fill."""
LOOK_S = 0.5
"""How often who waits for a call sees whether it takes too long."""
MOST_HUNG = 4
"""Calls that hang at once, after which a model is asked no more: each keeps a thread and its memory."""


@dataclass(eq=False)
class _Waiting:
    stimulus: Stimulus
    sampling: Sampling
    reply: asyncio.Future[Reply]
    duration_s: float


class Batcher:
    """Asks a local model in batches; belongs to one event loop.

    Parameters
    ----------
    model : Model
    batch_size : int
    thread : Workers
        Of one thread.
    timeout_s : float
        Longest wait for a reply; a batch may take so long for each of its stimuli.
    """

    def __init__(self, model: Model, *, batch_size: int, thread: Workers, timeout_s: float = math.inf) -> None:
        self._model, self._batch_size, self._thread = model, batch_size, thread
        self._timeout_s = timeout_s
        self._waiting: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None
        self.in_flight = 0

    async def ask(self, stimulus: Stimulus, *, sampling: Sampling) -> Reply:
        """The reply to the stimulus, asked with others."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(stimulus, sampling, reply, stimulus.duration_s)
        self._waiting.append(waiting)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_all())
        return await waiting.reply

    async def aclose(self) -> None:
        """Stop after the batch that is being asked."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _answer_all(self) -> None:
        while self._waiting:
            if len(self._waiting) < self._batch_size:
                await asyncio.sleep(LINGER_S)
            batch = self._taken()
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: list[_Waiting]) -> None:
        self.in_flight = len(batch)
        try:
            replies = await self._replies(batch)
        except BaseException as error:
            for each in batch:
                if not each.reply.done():
                    each.reply.cancel() if isinstance(error, asyncio.CancelledError) else each.reply.set_exception(
                        error
                    )
            if isinstance(error, Exception):
                return
            raise
        finally:
            self.in_flight = 0
        for each, reply in zip(batch, replies, strict=True):
            if not each.reply.done():
                each.reply.set_result(reply)

    async def _replies(self, batch: Sequence[_Waiting]) -> list[Reply]:
        """A reply to each; `timeout` to all where a call takes longer than it may."""
        until = [math.inf]  # moved on by each call of the model that the batch needs

        def calling(n_stimuli: int) -> None:
            until[0] = time.monotonic() + n_stimuli * self._timeout_s

        stimuli = [each.stimulus for each in batch]
        asked = functools.partial(asked_in_batches, self._model, stimuli, sampling=batch[0].sampling, calling=calling)
        work = self._thread.submit(asked)
        waited = asyncio.wrap_future(work)
        try:
            while not waited.done():
                left_s = until[0] - time.monotonic()
                if left_s <= 0:
                    return self._given_up(work, len(batch))
                await asyncio.wait({waited}, timeout=min(left_s, LOOK_S))
        finally:
            waited.cancel()
        return waited.result()

    def _given_up(self, work: Future[list[Reply]], n_stimuli: int) -> list[Reply]:
        self._thread.give_up(work)
        detail = overrun(self._model.name, n_stimuli, self._timeout_s)
        if self._thread.n_hung >= MOST_HUNG:
            raise RunStopped(
                f"{detail}. {MOST_HUNG} of its calls hang now, so it is asked no more; the same command resumes the run"
            )
        return [Failure(reason="timeout", detail=detail) for _ in range(n_stimuli)]

    def _taken(self) -> list[_Waiting]:
        """The next batch, taken off the waiting ones."""
        self._waiting = [each for each in self._waiting if not each.reply.done()]
        if not self._waiting:
            return []
        oldest = self._waiting[0]
        alike = [each for each in self._waiting if each.sampling == oldest.sampling]
        alike.sort(key=lambda each: each.duration_s)
        place, size = alike.index(oldest), min(self._batch_size, len(alike))
        starts = range(max(0, place - size + 1), min(place, len(alike) - size) + 1)
        start = min(starts, key=lambda first: alike[first + size - 1].duration_s - alike[first].duration_s)
        batch = alike[start : start + size]
        taken = set(map(id, batch))
        self._waiting = [each for each in self._waiting if id(each) not in taken]
        return batch


def asked_in_batches(
    model: Model, stimuli: Sequence[Stimulus], *, sampling: Sampling, calling: Callable[[int], None] = lambda n: None
) -> list[Reply]:
    """A reply to each stimulus; a batch that raises is halved until the fault stands alone.

    `calling` is told the number of stimuli before each call of the model.

    Raises
    ------
    MachineFailed
        If a single stimulus meets a fault of this machine: it says nothing of the model.
    """
    try:
        calling(len(stimuli))
        replies = timed_ask(model, stimuli, sampling=sampling)
        if len(replies) != len(stimuli):
            raise ModelFailed(f"{model.name} gave {len(replies)} replies to {len(stimuli)} stimuli; mend the model")
        return list(replies)
    except (MissingExtra, MachineFailed):
        raise
    except BaseException as error:  # noqa: BLE001  (whatever a model raises, `SystemExit` too, is its failure, and is counted)
        if len(stimuli) == 1:
            if fault := machine_failed(error):
                raise fault from error
            return [failure_of(error)]
        middle = len(stimuli) // 2
        given = {"sampling": sampling, "calling": calling}
        return [
            *asked_in_batches(model, stimuli[:middle], **given),
            *asked_in_batches(model, stimuli[middle:], **given),
        ]


def overrun(name: str, n_stimuli: int, timeout_s: float) -> str:
    """What is said of a call of a local model that takes longer than it may."""
    return (
        f"{name} must answer within {timeout_s:g} s, and was not done with {n_stimuli} after {n_stimuli * timeout_s:g} s; "
        "raise timeout_s, or see where it hangs"
    )


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception of a model stands for."""
    if isinstance(error, ModelFailed):
        return Failure.of(error)
    if isinstance(error, SystemExit | asyncio.CancelledError):
        said = f"{type(error).__name__}({error})"
        return Failure(reason="model_error", detail=f"{said}: the model ended the program or its own call; mend it")
    return Failure(reason="model_error", detail=f"{type(error).__name__}: {error}", passing=may_pass(error))
