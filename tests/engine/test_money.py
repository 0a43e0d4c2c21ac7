"""Money: what a reply bills is counted whether or not it can be used, and a ceiling holds to within the calls in flight."""

from __future__ import annotations

import json

import pytest
from engine_parts import jobs, plan, settings

from earnest.engine import Price, estimate, execute
from earnest.engine import caller as callers
from earnest.engine.judges import ModelJudge
from earnest.engine.prices import read_price, read_prices
from earnest.errors import BadParameter, ModelFailed
from earnest.models import load_model
from earnest.models.access import Answer, Model, Sampling
from earnest.testing.habits import HABITS
from earnest.testing.loopback import Loopback

DOLLAR_A_TOKEN = Price(input_text=0, input_audio=0, output_text=1e6, input_audio_tokens_per_s=10)


@pytest.fixture(autouse=True)
def hasty(monkeypatch) -> None:
    monkeypatch.setattr(callers, "FIRST_WAIT_S", 0.001)


def run(folder, n, *, answer, price=DOLLAR_A_TOKEN, max_tokens=4, **changes):
    with Loopback(answer=answer) as server:
        model = load_model(f"{server.url}#fake")
        given = settings(
            prices={model.name: price}, sampling=Sampling(max_tokens=max_tokens), max_failures=None, **changes
        )
        summary = execute(plan(n), jobs(n), model=model, folder=folder, settings=given)
    return summary, server


def billed(content_of, **usage):
    """A reply with usage whose message is whatever `content_of` gives."""
    counts = {"prompt_tokens": 10, "completion_tokens": 3, **usage}
    return lambda heard: {"choices": [{"message": content_of, "finish_reason": "stop"}], "usage": counts}


@pytest.mark.parametrize("message", [None, "yes", {"content": 7}, {"content": [7]}])
def test_an_unusable_reply_is_billed_and_asked_for_once_more(folder, message) -> None:
    summary, server = run(folder, 8, answer=billed(message))
    assert summary.unscored == {"bad_response": 8}
    assert server.n_requests == 16  # two tries, not six
    assert summary.cost_usd == 16 * 3.0
    assert json.loads((folder / "spend.json").read_text()) == {"spent_usd": 48.0}


def test_an_error_inside_a_reply_is_billed_as_well(folder) -> None:
    reply = {"choices": [{"message": {"content": "tu"}, "finish_reason": "error"}], "usage": {"cost": 0.25}}
    summary, server = run(folder, 2, answer=lambda heard: reply, max_attempts=3)
    assert summary.unscored == {"http_5xx": 2} and server.n_requests == 6
    assert summary.cost_usd == 6 * 0.25


def test_a_blocked_question_is_billed(folder) -> None:
    reply = {"error": {"code": "content_filter", "message": "filtered"}, "usage": {"cost": 0.5}}
    summary, _ = run(folder, 2, answer=lambda heard: reply)
    assert summary.unscored == {"content_filter": 2} and summary.cost_usd == 1.0


@pytest.mark.parametrize(
    "answer, n_usd", [(billed(None), 3.0), (billed({"content": "say 0"}), 3.0), (billed({"content": ""}), 3.0)]
)
def test_the_ceiling_holds_whatever_comes_back(folder, answer, n_usd) -> None:
    summary, server = run(folder, 40, answer=answer, max_cost=20.0, max_connections=8)
    assert summary.cost_usd <= 20.0
    assert server.n_requests * n_usd == summary.cost_usd
    assert summary.unscored["over_budget"] >= 30


def test_a_reply_that_bills_more_than_was_reserved_passes_the_ceiling_by_the_calls_in_flight_alone(folder) -> None:
    """It thought for 100 tokens where 4 were asked for."""
    summary, server = run(
        folder, 40, answer=billed({"content": "say 0"}, completion_tokens=100), max_cost=20.0, max_connections=4
    )
    assert server.n_requests <= 4 and summary.cost_usd == 100.0 * server.n_requests


def test_replies_without_counts_are_held_for_the_dearest_where_a_ceiling_must_hold(folder) -> None:
    plain = {"choices": [{"message": {"content": "say 0"}, "finish_reason": "stop"}]}
    summary, server = run(folder, 40, answer=lambda heard: plain, max_cost=20.0)
    assert server.n_requests == 5 and summary.cost_usd == 20.0  # 5 of 4 tokens
    assert "told no tokens, and count as the most that they can cost" in summary.note


def test_without_a_ceiling_what_is_not_known_is_said_and_not_guessed(folder) -> None:
    plain = {"choices": [{"message": {"content": "say 0"}, "finish_reason": "stop"}]}
    summary, _ = run(folder, 3, answer=lambda heard: plain)
    assert (
        summary.cost_usd is None and summary.note.endswith("told no tokens") and summary.note.startswith("3 calls to")
    )


@pytest.mark.parametrize(
    "usage, output, cost",
    [
        ({"prompt_tokens": 10, "completion_tokens": 77, "completion_tokens_details": {"reasoning_tokens": 76}}, 77, None),
        ({"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 87, "completion_tokens_details": {"reasoning_tokens": 76}}, 77, None),
        ({"prompt_tokens": 10, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 76}}, 77, None),
        ({"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}, 5, None),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.5}, 5, 0.5),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cost": {"total_cost": 0.5}}, 5, 0.5),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 2.0}},
         5, 2.1),
    ],
)  # fmt: skip  # a table: one row a line
def test_thoughts_are_output_however_they_are_counted(usage, output, cost) -> None:
    with Loopback(answer=lambda heard: {"choices": [{"message": {"content": "a"}}], "usage": usage}) as server:
        (answer,) = load_model(f"{server.url}#fake").ask([jobs(1)[0].item.load()])
    assert (answer.usage["output_tokens"], answer.usage.get("cost_usd")) == (
        output,
        pytest.approx(cost) if cost else None,
    )


def test_a_cost_in_a_header_counts() -> None:
    from aiohttp import web

    async def lite(server, request, asked):
        return web.json_response(server.completion(asked), headers={"x-litellm-response-cost": "0.125"})

    with Loopback(habits=[lite]) as server:
        (answer,) = load_model(f"{server.url}#fake").ask([jobs(1)[0].item.load()])
    assert answer.usage["cost_usd"] == 0.125


def test_numbers_that_are_none_never_reach_the_ledger(folder) -> None:
    class Odd(Model):
        name, fingerprint = "odd", "1"

        async def ask_one(self, stimulus, *, sampling=Sampling()):  # noqa: B008
            raise ModelFailed("no", reason="bad_response", usage={"cost_usd": float("inf")})

    given = settings(prices={"odd": DOLLAR_A_TOKEN}, max_failures=None, max_attempts=1)
    summary = execute(plan(2), jobs(2), model=Odd(), folder=folder, settings=given)
    assert summary.cost_usd in (0.0, None)
    usage = {"cost_usd": float("nan"), "input_tokens": -1, "output_tokens": 1e300, "x": True}
    assert Answer(text="a", usage=usage).usage == {}


def test_each_attempt_needs_room_under_the_ceiling(folder) -> None:
    """Of two dollars for the first try nothing is left for a second one."""
    summary, server = run(folder, 1, answer=billed(None, completion_tokens=2), max_cost=5.0)
    assert server.n_requests == 1 and summary.unscored == {"over_budget": 1} and summary.cost_usd == 2.0


def test_judges_are_in_the_estimate() -> None:
    class Priced(Model):
        def __init__(self, name):
            self.name = name

    judge = ModelJudge(Priced("judge"))
    prices = {
        "model": DOLLAR_A_TOKEN,
        "judge": Price(input_text=0, input_audio=0, output_text=1, input_audio_tokens_per_s=1),
    }
    given = settings(prices=prices, sampling=Sampling(max_tokens=20))
    alone = estimate(plan(5), jobs(5), model=Priced("model"), settings=given)
    both = estimate(plan(5), jobs(5), model=Priced("model"), judges=[judge], settings=given)
    assert (alone.n_judge_calls, both.n_judge_calls) == (0, 5) and both.n_calls == 5
    assert both.low_usd == alone.low_usd  # no answer may need a judge
    assert both.high_usd == pytest.approx(alone.high_usd + 5 * 1200e-6)
    unknown = estimate(plan(5), jobs(5), model=Priced("model"), judges=[ModelJudge(Priced("other"))], settings=given)
    assert unknown.high_usd is None and "no price is known for other" in unknown.note


def test_a_price_as_it_is_written() -> None:
    spec, price = read_price("in=2.5,audio_in=32,out=10,audio_out=64")
    assert spec is None and (price.input_text, price.input_audio, price.output_text, price.output_audio) == (
        2.5,
        32,
        10,
        64,
    )
    spec, price = read_price("https://h:8000/v1#acme/ear:in=1,out=2,audio_tokens_per_s=25")
    assert spec == "https://h:8000/v1#acme/ear" and (price.input_audio, price.input_audio_tokens_per_s) == (1, 25)
    prices = read_prices(["in=1,out=2", "openai/j:in=3,out=4"], models=["m", "openai/j"])
    assert (prices["m"].input_text, prices["openai/j"].input_text) == (1, 3)


@pytest.mark.parametrize(
    "text", ["", "in=1", "in=1,out", "in=a,out=2", "in=-1,out=2", "in=nan,out=2", "in=1,out=2,audio=3", "in=inf,out=1"]
)
def test_a_price_that_is_none_is_refused(text) -> None:
    with pytest.raises(BadParameter, match="price"):
        read_price(text)


def test_a_price_for_somebody_else_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"a model that is asked \(m\), got one for 'n'"):
        read_prices(["n:in=1,out=2"], models=["m"])


def test_waits_of_a_faulty_server_cost_nothing(folder) -> None:
    is_hit = lambda asked: True  # noqa: E731
    with Loopback(
        habits=[HABITS["is_overloaded"].hitting(is_hit, first_n=1)], answer=lambda heard: heard.prompt
    ) as server:
        model = load_model(f"{server.url}#fake")
        given = settings(prices={model.name: DOLLAR_A_TOKEN})
        summary = execute(plan(1), jobs(1), model=model, folder=folder, settings=given)
    assert summary.n_scored == 1 and summary.cost_usd == 2.0  # "say 0"


def test_the_ledger_of_a_timed_out_call_is_settled(folder) -> None:
    is_hit = lambda asked: True  # noqa: E731
    with Loopback(habits=[HABITS["is_silent"].hitting(is_hit, first_n=1)], answer=lambda heard: heard.prompt) as server:
        model = load_model(f"{server.url}#fake")
        given = settings(
            prices={model.name: DOLLAR_A_TOKEN}, timeout_s=0.3, max_cost=3.0, sampling=Sampling(max_tokens=3)
        )
        summary = execute(plan(1), jobs(1), model=model, folder=folder, settings=given)
    assert summary.n_scored == 1
