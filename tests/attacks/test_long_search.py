"""A search of thousands of queries: told beforehand, forecast from its beginning, and resumed without a question asked twice."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from earnest.attacks.jailbreak.best_of_n import forecast
from earnest.engine import Job, Price, Settings, estimate, execute
from earnest.models import load_model
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm, Item, Verdict
from earnest.testing.loopback import Loopback

sys.path.insert(0, str(Path(__file__).parent))

from speaking import Listener, plain_goal, request  # noqa: E402

DOLLAR_A_TOKEN = Price(input_text=0, input_audio=0, output_text=1e6, input_audio_tokens_per_s=10)


def planned(n, *, model="toy/listener"):
    item = Item(id="t/0", task="t", sample="0", load=request, duration_s=0.5)
    arm = Arm(attack=f"best_of_n:n={n}")
    job = Job(item=item, arm=arm, score=lambda i, a: Verdict(score=1.0, label="refusal"), goal=lambda i: plain_goal())
    task = PlannedTask(name="t", pillar="safety", version=1, n_items=1)
    plan = Plan(
        earnest="0", suite="t", suite_version=1, model=model, fingerprint="f", data="none", data_digest="0",
        tasks=(task,), items_digest="0",
    )  # fmt: skip  # what a plan must hold
    return plan, [job]


def test_seven_thousand_variants_are_told_before_the_first_call():
    """Variants and as many of the control, the clean clip, and what both found asked once more."""
    plan, jobs = planned(7200)
    told = estimate(plan, jobs, model=Listener(lambda stimulus: "no"))
    assert told.n_calls == 2 * 7200 + 3 and told.at_most


def test_seven_thousand_variants_are_forecast_from_sixty_four():
    """400 clips whose success within k is exp(-2.5 k^-0.3), the power law of the paper: 49 % at 64, 84 % at 7,200."""
    u = np.random.default_rng(1).uniform(size=400)
    firsts = [max(1, int(np.ceil(min(1e9, (2.5 / -np.log(one)) ** (1 / 0.3))))) for one in u]
    found = forecast([first if first <= 64 else None for first in firsts], n=64)
    observed = sum(first <= 7200 for first in firsts) / len(firsts)
    assert observed > 0.8 > 0.55 > sum(first <= 64 for first in firsts) / len(firsts), "much is left to be forecast"
    assert found.rate(7200) == pytest.approx(observed, abs=0.06)


def test_a_search_that_was_cut_off_asks_nothing_twice(tmp_path):
    answer = {
        "choices": [{"message": {"content": "no"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1},
    }
    n, folder = 48, tmp_path / "run"
    with Loopback(answer=lambda heard: answer) as server:
        model = load_model(f"{server.url}#fake")
        plan, jobs = planned(n, model=model.name)

        def run(ceiling, where):
            given = Settings(
                cache=where.parent / f"cache {where.name}",
                prices={model.name: DOLLAR_A_TOKEN},
                max_cost=ceiling,
                max_failures=None,
            )
            return execute(plan, jobs, model=model, folder=where, settings=given)

        run(None, tmp_path / "whole")
        whole = server.n_requests
        cut = run(whole / 2 + 256, folder)  # a call may cost 256 dollars, and does cost one
        n_cut = server.n_requests - whole
        assert cut.unscored and 0 < n_cut < whole
        again = run(None, folder)
        assert (again.n_scored, server.n_requests - whole) == (1, whole), "together as many as without a break"
        assert again.cost_usd == whole
    (line,) = [json.loads(each) for each in (folder / "journal.jsonl").read_text().splitlines()][-1:]
    assert (line["attempt"]["n_queries"], line["attempt"]["control_n_queries"]) == (n, n)
