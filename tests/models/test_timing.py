"""A call's own time: waiting for a turn is neither measured nor limited."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from earnest.audio import Stimulus
from earnest.models import Answer, Failure, Model, Sampling
from earnest.models.access import timed_ask
from earnest.models.timing import OwnTime, waiting


async def _own_seconds(limit_s, steps):
    """Runs (seconds, waits) steps; gives own seconds."""
    async with OwnTime(limit_s) as own:
        for seconds, waits in steps:
            if waits:
                async with waiting():
                    await asyncio.sleep(seconds)
            else:
                await asyncio.sleep(seconds)
    return own.seconds


def test_waiting_is_not_measured():
    own_s = asyncio.run(_own_seconds(None, [(0.05, False), (0.5, True), (0.05, False)]))
    assert 0.1 <= own_s < 0.5


def test_waiting_is_not_limited_and_what_is_left_is_kept():
    asyncio.run(_own_seconds(0.4, [(0.6, True), (0.01, False), (0.6, True)]))
    with pytest.raises(TimeoutError):
        asyncio.run(_own_seconds(0.2, [(0.15, False), (0.3, True), (0.15, False)]))


def test_waiting_in_two_tasks_at_once_is_one_wait():
    async def both():
        async with OwnTime(0.4) as own:
            await asyncio.gather(one(0.5), one(0.7))
            return own.seconds

    async def one(seconds):
        async with waiting():
            await asyncio.sleep(seconds)

    assert asyncio.run(both()) < 0.4


def test_a_wait_that_ends_badly_counts_again():
    async def failing():
        async with OwnTime(None) as own:
            with pytest.raises(LookupError):
                async with waiting():
                    await asyncio.sleep(0.2)
                    raise LookupError
            await asyncio.sleep(0.1)
            return own.seconds

    assert 0.1 <= asyncio.run(failing()) < 0.3


def test_waiting_outside_of_a_call_is_allowed():
    async def alone():
        async with waiting():
            return "went on"

    assert asyncio.run(alone()) == "went on"


class Sleeper(Model):
    """Sleeps under a lock and does not say how long it took."""

    name, batch_size = "sleeper", 1

    def __init__(self, seconds=0.03):
        self._lock, self._seconds = threading.Lock(), seconds

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        with self._lock:
            time.sleep(self._seconds * len(stimuli))
        return [Failure(reason="bad_audio") if s.prompt == "bad" else Answer(text=s.prompt) for s in stimuli]


def prompts(*texts):
    return [Stimulus(clips={}, prompt=text) for text in texts]


def test_calls_of_a_local_model_take_turns_and_carry_their_own_time():
    model = Sleeper()

    async def every():
        return await asyncio.gather(*(model.ask_one(stimulus) for stimulus in prompts(*"abcdefghijkl")))

    begun = time.perf_counter()
    answers = asyncio.run(every())
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert [answer.text for answer in answers] == list("abcdefghijkl")
    assert sum(answer.duration_ms for answer in answers) <= whole_ms
    assert all(answer.duration_ms >= 30 for answer in answers)


def test_the_time_of_a_batch_is_shared_and_what_a_model_says_is_kept():
    begun = time.perf_counter()
    replies = timed_ask(Sleeper(), prompts("a", "bad", "b"), sampling=Sampling())
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert replies[1] == Failure(reason="bad_audio")
    assert 30 <= replies[0].duration_ms == replies[2].duration_ms <= whole_ms / 3

    class Telling(Sleeper):
        def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
            return [Answer(text="", duration_ms=7.0) for _ in stimuli]

    assert [reply.duration_ms for reply in timed_ask(Telling(), prompts("a", "b"), sampling=Sampling())] == [7.0, 7.0]


def test_a_call_that_is_given_up_while_it_waits_is_not_made():
    model, asked = Sleeper(0.2), []
    ask = model.ask
    model.ask = lambda stimuli, **options: asked.append(stimuli[0].prompt) or ask(stimuli, **options)

    async def given_up():
        first, second = (asyncio.create_task(model.ask_one(stimulus)) for stimulus in prompts("first", "second"))
        await asyncio.sleep(0.05)
        second.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    answer, cancelled = asyncio.run(given_up())
    assert answer.text == "first" and isinstance(cancelled, asyncio.CancelledError) and asked == ["first"]
