"""A server with many bad habits: nothing is lost, nothing is scored that was not answered, and all is told."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from engine_parts import LocalModel, jobs, plan, settings

from earnest.engine import Price, caller, execute, limiter, read_journal
from earnest.errors import ModelFailed
from earnest.models import _transport, load_model
from earnest.models.access import Sampling
from earnest.report.sections import MEANINGS
from earnest.testing.habits import HABITS
from earnest.testing.loopback import Loopback

N = 6
HIT = ("1", "4")


@pytest.fixture(autouse=True)
def hasty(monkeypatch) -> None:
    """Waits are short, and so is the longest body."""
    monkeypatch.setattr(caller, "FIRST_WAIT_S", 0.005)
    monkeypatch.setattr(limiter, "MAX_PAUSE_S", 0.05)
    monkeypatch.setattr(_transport, "MAX_REPLY_BYTES", 2**20)


def is_hit(asked) -> bool:
    return asked["messages"][-1]["content"][-1]["text"].split()[-1] in HIT


PRICE = Price(input_text=1, input_audio=10, output_text=5)


def given(model, becomes):
    """Two attempts, one call at a time, the first of which is answered; a reply that is late is so after half a second."""
    limit_s = 0.5 if becomes == "timeout" else 10.0
    return settings(max_attempts=2, max_connections=1, timeout_s=limit_s, max_failures=None, prices={model.name: PRICE})


def run(folder, habit):
    with Loopback(answer=lambda heard: heard.prompt, habits=[habit.hitting(is_hit)]) as server:
        model = load_model(f"{server.url}#fake")
        summary = execute(plan(N), jobs(N), model=model, folder=folder, settings=given(model, habit.becomes))
    return summary, {line.item[-1]: line for line in read_journal(folder)}, server


def test_there_are_forty_habits_and_each_says_what_becomes_of_it() -> None:
    assert len(HABITS) >= 40
    assert {habit.becomes for habit in HABITS.values()} <= {"answered", *MEANINGS}
    assert len({habit.becomes for habit in HABITS.values()}) >= 10


@pytest.mark.parametrize("name", HABITS)
def test_an_item_that_meets_it_each_time_is_told_and_the_others_are_scored(folder, name) -> None:
    habit = HABITS[name]
    summary, lines, server = run(folder, habit)
    assert len(lines) == summary.n_items == N  # nothing lost
    assert server.n_faults[name] >= len(HIT)
    for key, line in lines.items():
        if key not in HIT or habit.becomes == "answered":
            assert (line.status, line.score) == ("scored", 1.0), line.detail
        else:
            assert (line.status, line.reason) == ("unscored", habit.becomes), line.detail
            assert line.detail and line.score is None
    assert summary.unscored == ({} if habit.becomes == "answered" else {habit.becomes: len(HIT)})
    journal = (folder / "journal.jsonl").read_bytes()
    assert b"NaN" not in journal and b"Infinity" not in journal
    assert all(count >= 0 for line in lines.values() for count in line.usage.values())
    for path in (folder / "journal.jsonl", folder / "spend.json"):
        [json.loads(text, parse_constant=lambda word: pytest.fail(word)) for text in path.read_text().splitlines()]


PASSING = (
    "closes_within_a_reply", "drips", "breaks_a_stream_off", "cuts_its_json", "fails_without_a_code", "is_overloaded",
    "asks_in_milliseconds", "asks_for_an_hour", "redirects", "sends_a_bomb",
)  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_again_in_the_run_or_by_the_next(folder, name) -> None:
    """The habit is met once; the answer is there after the second attempt, or after the run is resumed."""
    habit = HABITS[name]
    with Loopback(answer=lambda heard: heard.prompt, habits=[habit.hitting(is_hit, first_n=1)]) as server:
        model = load_model(f"{server.url}#fake")
        for _ in range(2):
            summary = execute(plan(N), jobs(N), model=model, folder=folder, settings=given(model, habit.becomes))
        n_by_content = Counter(server.n_by_content.values())
    final = {"redirects", "sends_a_bomb"}  # a server that is set up wrongly, or hostile
    assert summary.n_scored == (N - 1 if name in final else N), summary.unscored
    assert set(n_by_content) <= {1}  # no item was answered twice


def test_an_answer_that_is_too_long_is_cut_and_said_to_be(folder) -> None:
    _, lines, _ = run(folder, HABITS["says_too_much"])
    line = lines["1"]
    assert len(line.answer) == 100_000 and "characters are kept" in json.dumps(line.read)


class Shaky(LocalModel):
    """Raises what it is given on the items that are hit, as long as it is told to."""

    def __init__(self, error: Exception) -> None:
        super().__init__(batch_size=1)
        self.error, self.is_broken = error, True

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        if self.is_broken and stimuli[0].prompt.split()[-1] in HIT:
            raise self.error
        return super().ask(stimuli, sampling=sampling)


class VendorsLimit(Exception):
    status_code = 429


class VendorsRefusal(Exception):
    status_code = 400


class APIConnectionError(Exception):
    pass


@pytest.mark.parametrize(
    "error, passes",
    [
        (ConnectionResetError("reset"), True),
        (TimeoutError(), True),
        (VendorsLimit("slow down"), True),
        (APIConnectionError("no route"), True),
        (ModelFailed("busy", retryable=True), True),
        (VendorsRefusal("no"), False),
        (ValueError("a bug"), False),
        (ModelFailed("no"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_model_error_that_may_pass_is_asked_again_on_resume(folder, error, passes) -> None:
    model = Shaky(error)
    given_ = settings(max_failures=None)
    first = execute(plan(N), jobs(N), model=model, folder=folder, settings=given_)
    assert first.unscored == {"model_error": len(HIT)}
    assert {line.item[-1] for line in read_journal(folder) if line.passing} == (set(HIT) if passes else set())
    model.is_broken = False
    second = execute(plan(N), jobs(N), model=model, folder=folder, settings=given_)
    assert second.n_scored == (N if passes else N - len(HIT))
