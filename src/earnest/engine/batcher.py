"""Batches for local models: what is asked at about the same time is asked together, clips of like length first.

One worker thread runs the model, so that a model needs no locks. A batch always holds the stimulus that waited longest,
and those of the waiting ones whose length is nearest. Where a batch fails with an exception (out of memory, say) it is
halved, down to the one stimulus that is at fault.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from earnest.audio import Stimulus
from earnest.errors import MissingExtra, ModelFailed
from earnest.models.access import Failure, Model, Reply, Sampling, timed_ask

LINGER_S = 0.005
"""How long an idle model waits for a batch to fill."""


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
    thread : ThreadPoolExecutor
        Of one worker.
    """

    def __init__(self, model: Model, *, batch_size: int, thread: ThreadPoolExecutor) -> None:
        self._model, self._batch_size, self._thread = model, batch_size, thread
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
        asked = functools.partial(
            asked_in_batches, self._model, [each.stimulus for each in batch], sampling=batch[0].sampling
        )
        try:
            replies = await asyncio.get_running_loop().run_in_executor(self._thread, asked)
        except BaseException as error:
            for each in batch:
                if not each.reply.done():
                    each.reply.cancel() if isinstance(error, asyncio.CancelledError) else each.reply.set_exception(error)
            if isinstance(error, Exception):
                return
            raise
        finally:
            self.in_flight = 0
        for each, reply in zip(batch, replies, strict=True):
            if not each.reply.done():
                each.reply.set_result(reply)

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


def asked_in_batches(model: Model, stimuli: Sequence[Stimulus], *, sampling: Sampling) -> list[Reply]:
    """A reply to each stimulus; a batch that raises is halved until the fault stands alone."""
    try:
        replies = timed_ask(model, stimuli, sampling=sampling)
        if len(replies) != len(stimuli):
            raise ModelFailed(f"{model.name} gave {len(replies)} replies to {len(stimuli)} stimuli; mend the model")
        return list(replies)
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a model raises is the model's failure, and is counted)
        if len(stimuli) == 1:
            return [failure_of(error)]
        middle = len(stimuli) // 2
        return asked_in_batches(model, stimuli[:middle], sampling=sampling) + asked_in_batches(
            model, stimuli[middle:], sampling=sampling
        )


def failure_of(error: Exception) -> Failure:
    """The failure that an exception of a model stands for."""
    if isinstance(error, ModelFailed):
        return Failure.of(error)
    return Failure(reason="model_error", detail=f"{type(error).__name__}: {error}")
