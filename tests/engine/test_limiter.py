"""The limiter: grows while all goes well, halves once an overload, holds everybody back as long as it is told to."""

from __future__ import annotations

import asyncio

import pytest

from earnest.engine.limiter import Limiter


def run(coroutine):
    return asyncio.run(coroutine)


def test_starts_at_16_or_at_the_upper_bound() -> None:
    assert Limiter(64).limit == 16
    assert Limiter(3).limit == 3


def test_adds_one_an_answer_up_to_the_upper_bound() -> None:
    async def main() -> None:
        limiter = Limiter(18)
        for expected in (17, 18, 18):
            limiter.release(await limiter.acquire(), outcome="answered")
            assert limiter.limit == expected

    run(main())


def test_calls_of_one_round_halve_it_once_and_then_it_grows_by_one_a_round() -> None:
    async def main() -> None:
        limiter = Limiter(16)
        rounds = [await limiter.acquire() for _ in range(8)]
        for round_ in rounds:
            limiter.release(round_, outcome="overloaded")
        assert limiter.limit == 8
        for _ in range(8):
            limiter.release(await limiter.acquire(), outcome="answered")
        assert 8.9 < limiter.limit < 9.1
        limiter.release(await limiter.acquire(), outcome="overloaded")
        assert 4.4 < limiter.limit < 4.6

    run(main())


def test_never_below_one_and_other_failures_change_nothing() -> None:
    async def main() -> None:
        limiter = Limiter(2)
        for _ in range(5):
            limiter.release(await limiter.acquire(), outcome="overloaded")
        assert limiter.limit == 1
        limiter.release(await limiter.acquire(), outcome="other")
        assert limiter.limit == 1

    run(main())


def test_no_more_than_the_limit_are_in_flight_and_turns_are_fair() -> None:
    async def main() -> None:
        limiter = Limiter(3)
        most, order = 0, []

        async def call(number: int) -> None:
            nonlocal most
            round_ = await limiter.acquire()
            most = max(most, limiter.in_flight)
            order.append(number)
            await asyncio.sleep(0.001)
            limiter.release(round_, outcome="answered")

        await asyncio.gather(*(call(number) for number in range(20)))
        assert most == 3 and order == list(range(20)) and limiter.in_flight == 0

    run(main())


def test_a_waiter_that_is_cancelled_gives_its_turn_on() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        round_ = await limiter.acquire()
        first, second = asyncio.create_task(limiter.acquire()), asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release(round_, outcome="answered")
        first.cancel()
        async with asyncio.timeout(1):
            await second
        assert limiter.in_flight == 1

    run(main())


@pytest.mark.parametrize("asked_s, waited_s", [(5.0, 5.0), (1000.0, 60.0)])
def test_retry_after_holds_every_new_call_back(monkeypatch, asked_s, waited_s) -> None:
    now, slept = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    async def main() -> None:
        limiter = Limiter(4, clock=lambda: now)
        limiter.release(await limiter.acquire(), outcome="overloaded", pause_s=asked_s)
        monkeypatch.setattr(asyncio, "sleep", sleep)
        await limiter.acquire()
        await limiter.acquire()
        assert slept == [waited_s]

    run(main())
