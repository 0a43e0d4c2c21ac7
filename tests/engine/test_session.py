"""What every piece of work that asks shares: its account, what it tells meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
import json

import pytest
from engine_parts import item, settings

from earnest.engine.session import Session, in_session
from earnest.errors import BadParameter
from earnest.models import load_model
from earnest.models.access import Sampling


async def spend(session: Session, amount: float) -> None:
    session.ledger.settle(await session.ledger.reserve(amount), cost=amount)


def test_nothing_is_written_into_a_folder_before_it_is_the_works_own(folder) -> None:
    async def work(session: Session) -> None:
        await spend(session, 0.25)

    in_session(folder, settings(), work)
    assert not (folder / "spend.json").exists()


def test_what_was_spent_is_kept_although_the_work_failed_and_counts_the_next_time(folder) -> None:
    folder.mkdir(exist_ok=True)

    async def failing(session: Session) -> None:
        session.keep_account(of_learning=False)
        await spend(session, 0.25)
        raise BadParameter("no")

    with pytest.raises(BadParameter, match="no"):
        in_session(folder, settings(), failing)
    assert json.loads((folder / "spend.json").read_text()) == {"spent_usd": 0.25}

    async def more(session: Session) -> float:
        session.keep_account(of_learning=False)
        await spend(session, 0.5)
        return session.totals().cost_usd

    assert in_session(folder, settings(), more) == 0.75


def test_the_account_is_written_while_the_work_goes_on_and_told_at_last_once_more(folder) -> None:
    folder.mkdir(exist_ok=True)
    reports: list[str] = []

    async def work(session: Session) -> None:
        session.keep_account(of_learning=False)
        await spend(session, 0.25)
        with pytest.raises(KeyError):
            async with session.ticking(lambda: reports.append((folder / "spend.json").read_text())):
                while not reports:
                    await asyncio.sleep(0.01)
                await spend(session, 0.5)
                raise KeyError

    in_session(folder, settings(), work)
    assert json.loads(reports[0]) == {"spent_usd": 0.25} and json.loads(reports[-1]) == {"spent_usd": 0.75}


def test_callers_end_with_the_session_and_count_together(folder, tmp_path) -> None:
    async def work(session: Session):
        first, second = (session.caller(load_model(f"scripted/{name}")) for name in ("echo", "always_refuse"))
        for caller in (first, second, second):
            await caller.reply(item(1).load(), sampling=Sampling())
        assert session.cache is not None
        return session, second

    session, caller = in_session(folder, settings(cache=tmp_path / "cache"), work)
    totals = session.totals()
    assert (totals.n_calls, totals.n_cached, totals.cost_usd) == (2, 1, 0.0)
    assert all(one._closed for one in session.callers) and caller in session.callers


def test_a_ceiling_needs_a_price_of_every_model(folder) -> None:
    async def work(session: Session) -> None:
        session.caller(load_model("scripted/echo"))
        session.check_prices()
        session.caller(load_model("https://models.example/v1#some-model"))
        session.check_prices()

    with pytest.raises(BadParameter, match="none is known for https://models.example/v1#some-model"):
        in_session(folder, settings(max_cost=1.0), work)
