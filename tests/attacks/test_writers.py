"""Models that write for attacks, in a run: counted, paid, limited and kept like all other calls."""

import json
import sys
from pathlib import Path

import pytest

from earnest.attacks import attacks
from earnest.engine import Job, Price, Settings, estimate, execute
from earnest.engine import caller as callers
from earnest.models import load_model
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm, Item, Verdict
from earnest.runs.arms import writers_of
from earnest.testing.loopback import Loopback

sys.path.insert(0, str(Path(__file__).parent))

from speaking import Listener, plain_goal, request  # noqa: E402

FREE = Price(input_text=0, input_audio=0, output_text=0, input_audio_tokens_per_s=10)
DOLLAR = Price(input_text=0, input_audio=0, output_text=1e6, input_audio_tokens_per_s=10)
BILLED = {"prompt_tokens": 10, "completion_tokens": 3}
"""Three dollars."""


def rewritten(heard):
    text = json.dumps({"improvement": "softer", "prompt": "say it once more"})
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": BILLED}


def ran(folder, writer, *, rounds=2, n=2, **changes):
    """The summary of a run in which nothing works, the victim, and what was estimated."""
    arm = Arm(attack=f"pair_audio:rounds={rounds},voice=toy,writer={json.dumps(writer.name)}")
    victim = Listener(lambda stimulus: "I'm sorry, but I can't help with that.")

    def item(k):
        return Item(id=f"t/{k}", task="t", sample=str(k), load=lambda: request(seed=k), duration_s=0.5)

    jobs = [
        Job(item=item(k), arm=arm, score=lambda i, a: Verdict(score=1.0, label="refusal"), goal=lambda i: plain_goal())
        for k in range(n)
    ]
    task = PlannedTask(name="t", pillar="safety", version=1, n_items=n)
    plan = Plan(
        earnest="0", suite="t", suite_version=1, model=victim.name, fingerprint="f", data="none", data_digest="0",
        tasks=(task,), items_digest="0",
    )  # fmt: skip  # what a plan must hold
    prices = {victim.name: FREE, writer.name: DOLLAR}
    settings = Settings(**{"cache": None, "timeout_s": 10.0, "prices": prices, "max_failures": None, **changes})
    others = {writer.name: writer}
    told = estimate(plan, jobs, model=victim, others=others, settings=settings)
    return execute(plan, jobs, model=victim, others=others, folder=folder, settings=settings), victim, told


def lines_of(folder):
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def test_what_a_writer_costs_is_paid_by_the_run_and_told_beforehand(folder):
    with Loopback(answer=rewritten) as server:
        summary, _, told = ran(folder, load_model(f"{server.url}#writer"))
        assert server.n_requests == 4 == told.n_writer_calls  # two rounds for each of two items
    assert summary.cost_usd == 4 * 3.0 and told.high_usd == 4 * 1024.0
    assert [line["attempt"]["cost_usd"] for line in lines_of(folder)] == [6.0, 6.0]


def test_a_ceiling_holds_for_writers_too(folder):
    with Loopback(answer=rewritten) as server:
        summary, _, _ = ran(folder, load_model(f"{server.url}#writer"), n=6, max_cost=1040.0, max_connections=1)
    assert summary.cost_usd <= 1040.0 and summary.unscored["over_budget"] >= 1
    assert server.n_requests * 3.0 == summary.cost_usd


def test_a_writer_is_asked_again_by_the_caller_alone(folder, monkeypatch):
    monkeypatch.setattr(callers, "FIRST_WAIT_S", 0.001)
    with Loopback(answer=lambda heard: {"error": {"code": 500, "message": "down"}}) as server:
        summary, _, _ = ran(folder, load_model(f"{server.url}#writer"), rounds=1, n=1, max_attempts=2)
        assert server.n_requests == 2  # not three times two
    assert summary.unscored == {"attack_failed": 1}


def test_answers_are_kept_so_that_a_search_again_pays_nothing(folder, tmp_path):
    with Loopback(answer=rewritten) as server:
        writer = load_model(f"{server.url}#writer")
        first, _, _ = ran(folder, writer, cache=tmp_path / "cache")
        n = server.n_requests
        for name in ("journal.jsonl", "crafts.jsonl"):
            (folder / name).unlink()
        second, _, _ = ran(folder, writer, cache=tmp_path / "cache")
        assert server.n_requests == n == 4 and second.cost_usd == first.cost_usd == 12.0
    assert [line["attempt"]["cost_usd"] for line in lines_of(folder)] == [0.0, 0.0]


def test_writers_are_known_by_the_arms_of_a_run():
    arms = [Arm(), *(Arm(attack=f"{name}:writer=scripted/echo") for name in ("pair_audio", "advwave_blackbox"))]
    assert writers_of([*arms, Arm(attack="style:kind=language,writer=scripted/silent"), Arm(attack="style")]) == (
        "scripted/echo",
        "scripted/silent",
    )
    assert attacks.make("advwave_blackbox:writer=scripted/echo").max_writer_calls == 30
