"""Prices worked out by hand, the ledger, the estimate, the ceiling over several sittings."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import replace

import pytest
from engine_parts import LocalModel, jobs, plan, settings

from earnest.arms import UNDEFENDED
from earnest.engine import Ledger, Price, estimate, execute, read_journal
from earnest.engine.prices import FREE, price_of, price_table
from earnest.errors import BadParameter, ModelFailed
from earnest.models import load_model
from earnest.models.access import Model, Sampling
from earnest.records import Arm
from earnest.testing.loopback import Loopback

PRICE = Price(
    input_text=2,
    input_audio=30,
    output_text=10,
    output_audio=60,
    input_audio_tokens_per_s=10,
    output_audio_tokens_per_s=20,
)


def test_a_call_costs_each_kind_of_token_at_its_own_price() -> None:
    usage = {"input_tokens": 150.0, "input_audio_tokens": 100.0, "output_tokens": 30.0, "output_audio_tokens": 20.0}
    # 100 x 30 + 50 x 2 + 10 x 10 + 20 x 60 = 3000 + 100 + 100 + 1200
    assert PRICE.of_usage(usage) == pytest.approx(4400e-6)


def test_input_that_is_not_told_apart_costs_as_much_as_it_can() -> None:
    assert PRICE.of_usage({"input_tokens": 100.0, "output_tokens": 0.0}) == pytest.approx(3000e-6)


def test_without_token_counts_no_cost_is_known() -> None:
    assert PRICE.of_usage({}) is None
    assert PRICE.of_usage({"input_tokens": 1.0}) is None


def test_the_reserve_of_a_call_is_more_than_it_can_cost() -> None:
    job = jobs(1, n_samples=16_000)[0]  # 2 s: 20 tokens of audio
    most = PRICE.most(job.item.load(), Sampling(max_tokens=100))
    # 20 x 30 + (20 + 5 characters / 2.5) x 2 + 100 x 60
    assert most == pytest.approx((600 + 44 + 6000) * 1e-6)


def test_the_table_names_a_date_and_a_page_for_every_price() -> None:
    table = price_table()
    assert len(table) >= 4
    for name, price in table.items():
        assert isinstance(price.date, datetime.date) and price.source.startswith("https://"), name
        assert price.input_audio > price.input_text and price.output_audio > price.output_text > price.input_text
    assert table["openai/gpt-audio"].input_audio == 32


def test_a_price_holds_at_its_vendors_address_alone(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert price_of(load_model("openai/gpt-audio")).output_audio == 64
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert price_of(load_model("openai/gpt-audio")) is FREE  # this machine bills nobody
    assert price_of(load_model("http://127.0.0.1:1/v1#gpt-audio")) is FREE
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example/v1")
    assert price_of(load_model("openai/gpt-audio")) is None


def test_local_models_are_free() -> None:
    assert price_of(LocalModel()).most(jobs(1)[0].item.load(), Sampling()) == 0


def test_the_ledger_waits_for_calls_whose_cost_is_not_known_yet() -> None:
    async def main() -> None:
        ledger = Ledger(10.0)
        first = await ledger.reserve(6.0)
        second = asyncio.create_task(ledger.reserve(6.0))
        await asyncio.sleep(0.01)
        assert not second.done()
        ledger.settle(first, cost=1.0)
        await second
        ledger.settle(6.0, cost=6.0)
        assert ledger.spent == 7.0
        with pytest.raises(ModelFailed, match=r"ceiling of 10 USD leaves no room .* after 7 USD") as caught:
            await ledger.reserve(3.5)
        assert caught.value.reason == "over_budget"
        with pytest.raises(ModelFailed):
            await ledger.reserve(0.1)  # no call is made after the first that had no room

    asyncio.run(main())


def test_the_estimate_counts_calls_audio_and_both_ends_of_the_cost() -> None:
    class Priced(Model):
        name = "priced"

    given = settings(prices={"priced": PRICE}, sampling=Sampling(max_tokens=100))
    planned = plan(10, attack="noise")
    found = estimate(
        planned, jobs(10, arms=(Arm(), Arm(attack="noise")), n_samples=8000), model=Priced(), settings=given
    )
    assert (found.n_calls, found.audio_s) == (30, 30.0)
    assert 0 < found.low_usd < found.high_usd
    # 30 x 10 x 30 for the audio, 30 x 100 x 60 for the longest answers, and the prompts
    assert found.high_usd == pytest.approx(189_000e-6, rel=0.05)
    assert found.note == "" and not found.at_most  # noise asks nothing


@pytest.mark.parametrize(
    ("attack", "defences", "n_calls", "n_least"),
    [
        # 6 clean, and of each attacked item the clean clip, the search, what it found, and the same of the control
        ("best_of_n:n=7200", 0, 6 + 6 * (2 * 7200 + 3), 6 + 6 * 3),
        # twice over with a defence, on which it searches anew
        ("best_of_n:n=5", 1, 2 * (6 + 6 * (2 * 5 + 3)), 2 * (6 + 6 * 3)),
        # one that knows no defence searches once, on the bare model, and is judged on both
        ("best_of_n:n=5,transfer=true", 1, 2 * 6 + 6 * (2 * 5 + 3) + 6 * 3, 2 * (6 + 6 * 3)),
        ("noise", 0, 6 + 6 * 2, 6 + 6 * 2),
    ],
)
def test_the_estimate_counts_what_attacks_and_their_controls_may_ask(attack, defences, n_calls, n_least) -> None:
    name, _, transferred = attack.partition(",")
    built = {"crafted_on": UNDEFENDED} if transferred else {}
    stacks = ((), ("codec",))[: 1 + defences]
    arms = [arm for d in stacks for arm in (Arm(defences=d), Arm(attack=name, defences=d, **(built if d else {})))]
    found = estimate(
        plan(6, arms=[{"attack": arm.attack} for arm in arms]), jobs(6, arms=arms), model=load_model("scripted/echo")
    )
    assert (found.n_calls, found.at_most) == (n_calls, n_calls > n_least)
    assert found.note == ""


def test_the_estimate_counts_the_gradients_of_a_search_once_and_how_often_it_seeks_what_to_drive() -> None:
    name = "pgd:eot=2,steps=40"
    arms = (
        Arm(attack=name),
        Arm(attack=name, defences=("codec",)),
        Arm(attack=name, defences=("codec",), crafted_on=UNDEFENDED),
    )
    given = plan(3, arms=[{"attack": name}] * 3)
    found = estimate(given, jobs(3, arms=arms), model=load_model("scripted/echo"))
    # 41 gradients under 2 draws; looks after 10, 20, 30 and 40 steps, of which one is before the half; the third arm crafts none
    assert (found.n_gradients, found.n_aims) == (3 * 2 * 82, 3 * 2 * 2)
    asked = estimate(
        plan(3, attack="best_of_n:n=4"), jobs(3, arms=(Arm(attack="best_of_n:n=4"),)), model=load_model("scripted/echo")
    )
    assert (asked.n_gradients, asked.n_aims) == (0, 0)


def test_the_estimate_names_an_attack_that_does_not_say_how_much_it_asks(monkeypatch) -> None:
    from earnest.attacks.corruption.noise import AdditiveNoise

    monkeypatch.setattr(AdditiveNoise, "max_queries", None)
    found = estimate(plan(2, attack="noise"), jobs(2, arms=(Arm(attack="noise"),)), model=load_model("scripted/echo"))
    assert found.n_calls == 4 and "what the search of noise asks is not counted" in found.note


def test_the_estimate_says_what_it_does_not_know() -> None:
    class Unknown(Model):
        name = "unknown"

    given = [replace(job, item=replace(job.item, duration_s=None)) for job in jobs(2)]
    found = estimate(plan(2), given, model=Unknown())
    assert found.low_usd is None and found.high_usd is None
    assert found.note == "some recordings have no known length; no price is known for unknown"


def test_a_ceiling_without_a_price_is_refused_before_the_first_call(folder) -> None:
    model = load_model("https://api.example/v1#fake")
    with pytest.raises(
        BadParameter, match="a ceiling needs prices, and none is known for https://api.example/v1#fake; .*--price"
    ):
        execute(plan(1), jobs(1), model=model, folder=folder, settings=settings(max_cost=1.0))
    assert not (folder / "journal.jsonl").exists()


def test_the_ceiling_stops_a_run_and_a_higher_one_goes_on(folder) -> None:
    with Loopback(answer=lambda heard: heard.prompt) as server:
        model = load_model(f"{server.url}#fake")
        dear = Price(input_text=0, input_audio=0, output_text=1e6, input_audio_tokens_per_s=10)  # a dollar a word
        given = settings(prices={model.name: dear}, sampling=Sampling(max_tokens=2), max_connections=8)
        first = execute(plan(10), jobs(10), model=model, folder=folder, settings=replace(given, max_cost=9.0))
        # two words an answer: four answers make 8 dollars, and a fifth of up to 2 has no room
        assert (first.n_scored, first.unscored, first.cost_usd) == (4, {"over_budget": 6}, 8.0)
        assert server.n_requests == 4
        second = execute(plan(10), jobs(10), model=model, folder=folder, settings=replace(given, max_cost=100.0))
    assert (second.n_resumed, second.n_scored, second.unscored) == (4, 10, {})
    assert second.cost_usd == 20.0 and server.n_requests == 10
    assert all(line.status == "scored" for line in read_journal(folder))
