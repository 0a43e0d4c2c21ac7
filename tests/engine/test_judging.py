"""Judging a finished run again, with the engine's own ceiling, attempts and folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from engine_parts import LocalModel, jobs, plan, settings

from earnest.audio import Stimulus
from earnest.engine import ModelJudge, Price, execute, read_journal
from earnest.engine.asking import ask_all
from earnest.engine.judgements import Judgements
from earnest.engine.judging import judge_lines
from earnest.errors import BadData, PlanMismatch, RunStopped
from earnest.models import load_model
from earnest.records import Question
from earnest.results.judged import read_judgements
from earnest.testing.loopback import Faults, Loopback

QUESTION = Question(question="Good?", labels={"good": 1.0, "bad": 0.0})
GOOD = json.dumps({"label": "good", "reason": "so"})
CENT = Price(input_text=0, input_audio=0, output_text=1e4 / 3, input_audio_tokens_per_s=1)
"""A call reserves up to a dollar (300 tokens of output), and costs a third of a cent (one token)."""


@pytest.fixture
def run(folder: Path) -> Path:
    """A run of eight answers that nobody judged."""
    asked = [replace(job, score=lambda item, answer: replace(QUESTION, response=answer.text)) for job in jobs(8)]
    execute(plan(8), asked, model=LocalModel(), folder=folder, settings=settings())
    return folder


def judged(run: Path, server: Loopback, **given):
    return judge_lines(
        run, read_journal(run), judges=[ModelJudge(load_model(f"{server.url}#j"))], settings=settings(**given)
    )


def test_a_ceiling_stops_judging_and_a_higher_one_goes_on(run: Path) -> None:
    with Loopback(answer=lambda heard: GOOD) as server:
        prices = {f"{server.url}#j": CENT}
        short = judged(run, server, prices=prices, max_cost=1.01, max_connections=1)
        assert 0 < short.n_judged < 8 and short.failed == {"over_budget": 8 - short.n_judged}
        assert 0 < short.cost_usd <= 1.01
        rest = judged(run, server, prices=prices, max_cost=2.0)
    assert (rest.n_known, rest.n_judged, rest.failed) == (short.n_judged, 8 - short.n_judged, {})
    assert rest.cost_usd == pytest.approx(8 * short.cost_usd / short.n_judged)  # the folder's, over both sittings
    assert json.loads((run / "spend.json").read_text())["spent_usd"] == pytest.approx(rest.cost_usd)


def test_a_judge_under_load_is_asked_until_it_answers(run: Path) -> None:
    with Loopback(answer=lambda heard: GOOD, faults=Faults(rate_limited=0.5, seed=3)) as server:
        found = judged(run, server)
    assert found.n_judged == 8 and found.n_retries == server.n_faults["rate_limited"] > 0


def test_progress_ends_at_all(run: Path) -> None:
    seen = []
    with Loopback(answer=lambda heard: GOOD) as server:
        judge = ModelJudge(load_model(f"{server.url}#j"))
        judge_lines(run, read_journal(run), judges=[judge], settings=settings(), on_progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].scored) == (8, 8, 8)


def test_two_processes_do_not_judge_one_run(run: Path) -> None:
    with Judgements(run), Loopback() as server, pytest.raises(PlanMismatch, match="another process"):
        judged(run, server)


def test_a_broken_line_is_named(run: Path) -> None:
    (run / "judgements.jsonl").write_text('{"item": 1}\n', encoding="utf-8")
    with Loopback() as server, pytest.raises(BadData, match="line 1"):
        judged(run, server)


def test_another_prompt_or_answer_is_another_judgement(run: Path) -> None:
    with Loopback(answer=lambda heard: GOOD) as server:
        judged(run, server)
        lines = read_journal(run)
        judge = ModelJudge(load_model(f"{server.url}#j"))
        worded = {**lines[0].question, "question": "Well?"}
        others = [
            lines[0].model_copy(update={"question": worded}),
            lines[1].model_copy(update={"answer": "else"}),
            lines[2],
        ]
        found = judge_lines(run, others, judges=[judge], settings=settings())
    assert (found.n_known, found.n_judged) == (1, 2)
    assert len({line.key for line in read_judgements(run)}) == len(read_judgements(run)) == 10


def test_ask_all_keeps_the_order_and_tells_the_cost(tmp_path: Path) -> None:
    stimuli = [Stimulus(clips={}, prompt=f"number {k}") for k in range(5)]
    with Loopback(answer=lambda heard: heard.prompt) as server:
        model = load_model(f"{server.url}#m")
        given = settings(prices={model.name: CENT}, max_cost=50.0)
        replies, cost = ask_all(model, stimuli, folder=tmp_path / "none", settings=given)
    assert [reply.text for reply in replies] == [f"number {k}" for k in range(5)]
    assert cost > 0 and not (tmp_path / "none").exists()


@pytest.mark.parametrize(("status", "says"), [(401, "no such key"), (404, "no such model")])
def test_a_judge_that_can_never_judge_ends_it_in_its_servers_words(run: Path, status: int, says: str) -> None:
    with Loopback(answer=lambda heard: {"error": {"message": says, "code": status}}) as server:
        with pytest.raises(RunStopped, match=f"^judge {server.url}#j cannot be asked: .* answered {status}: {says}"):
            judged(run, server, max_connections=2)
        assert server.n_requests <= 2
        server.answer = lambda heard: GOOD
        assert judged(run, server).n_judged == 8


def test_a_judge_that_breaks_again_and_again_ends_it_and_is_asked_again(run: Path) -> None:
    with Loopback(answer=lambda heard: GOOD, faults=Faults(server_error=1.0)) as server:
        with pytest.raises(RunStopped, match=r"3 calls in a row gave no answer.*: 3 http_5xx \(.*something broke\)"):
            judged(run, server, max_attempts=1, max_failures=3, max_connections=1)
        assert server.n_requests == 3
        server.faults = Faults()
        rest = judged(run, server, max_failures=3)
    assert (rest.n_known, rest.n_judged) == (0, 8)
