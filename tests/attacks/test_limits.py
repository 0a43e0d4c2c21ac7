"""What a user lets a search spend, what is written of each question, and success within k queries."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from earnest.attacks import Attack, Candidate, Limits, QueryLog
from earnest.attacks.adversarial.pgd import ProjectedGradientDescent
from earnest.attacks.jailbreak.best_of_n import BestOfN
from earnest.errors import BadParameter
from earnest.models import Answer, System
from earnest.models.access import Model
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


@dataclass(frozen=True, kw_only=True)
class Asking(Attack):
    """Asks with one sample more raised each time, until it is told to stop."""

    source: ClassVar[str] = "nobody2026-asking"
    family: ClassVar[str] = "adversarial"
    n: int = 10

    @property
    def max_queries(self):
        return self.n

    def propose(self, victim, stimuli, *, rngs):
        for place, stimulus in enumerate(stimuli):
            candidate = Candidate()
            for k in range(self.n):
                samples = stimulus.clip.samples.copy()
                samples[: k + 1] += np.float32(0.25)
                candidate = Candidate(clip=stimulus.clip.with_samples(samples), drawn={"k": k})
                (reply,) = victim.ask([(place, candidate)])
                if victim.reached(place, reply):
                    break
            yield candidate


def run(attack, stimuli, *, model, **options):
    return attack.run(System(model), stimuli, rng=np.random.default_rng(0), **options)


class Priced(LinearModel):
    def ask(self, stimuli, **options):
        return [Answer(text=reply.text, usage={"cost_usd": 0.5}) for reply in super().ask(stimuli, **options)]


@pytest.mark.parametrize(
    ("limits", "n", "why"), [({"queries": 3}, 3, "queries"), ({"usd": 1.2}, 3, "usd"), ({"usd": 1.0}, 2, "usd")]
)
def test_a_search_ends_at_its_limit_with_what_it_asked_last(limits, n, why):
    model = Priced(np.ones(400, dtype=np.float32), threshold=1e9)
    (attempt,) = run(Asking(**limits), [toy_stimulus(n_samples=400)], model=model).attempts
    assert (attempt.n_queries, attempt.drawn["k"], attempt.drawn["ended_by"]) == (n, n - 1, why)
    assert attempt.unjudged is None and attempt.success is False  # what the budget allowed did not do


def test_seconds_end_a_search(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr("earnest.attacks._limits.time.monotonic", lambda: float(next(now)))
    model = LinearModel(np.ones(400, dtype=np.float32), threshold=1e9)
    (attempt,) = run(Asking(seconds=2.5), [toy_stimulus(n_samples=400)], model=model).attempts
    assert attempt.drawn["ended_by"] == "seconds" and 1 <= attempt.n_queries <= 3


def test_a_descent_that_is_cut_short_gives_its_best():
    stimulus = toy_stimulus()
    model = LinearModel(np.random.default_rng(9).standard_normal(1600).astype(np.float32), threshold=1e9)
    attack = ProjectedGradientDescent(
        epsilon=64 * STEP, steps=20, step_size=0.1, last_step=1, momentum=0, check_every=2, queries=3
    )
    (attempt,) = run(attack, [stimulus], model=model).attempts
    assert (attack.max_queries, attack.most_queries) == (10, 3)
    assert (attempt.n_queries, attempt.drawn["step"], attempt.drawn["ended_by"]) == (3, 8, "queries")


def test_without_limits_nothing_changes_and_limits_are_part_of_what_is_kept():
    model = LinearModel(np.ones(400, dtype=np.float32), threshold=1e9)

    class Kept(dict):
        def put(self, key, crafted):
            self[key] = crafted

        def get(self, key, clean):
            return dict.get(self, key)

        def claimed(self, keys):
            import contextlib

            return contextlib.nullcontext()

    kept = Kept()
    for limits in ({}, {"queries": 2}, {"queries": 2}):
        result = run(Asking(**limits), [toy_stimulus(n_samples=400)], model=model, crafts=kept)
    assert len(kept) == 2 and result.attempts[0].n_queries == 2


@pytest.mark.parametrize("name", ["queries", "seconds", "usd"])
def test_a_limit_of_nothing_is_refused(name):
    with pytest.raises(BadParameter, match=f"a limit of {name} must be above 0, got 0"):
        Limits(**{name: 0})


def test_one_line_a_question(tmp_path):
    model = LinearModel(np.ones(400, dtype=np.float32), threshold=1e9)
    stimulus = toy_stimulus(n_samples=400)
    with QueryLog(tmp_path / "deep" / "queries.jsonl") as log:
        result = run(BestOfN(n=3), [stimulus], model=model, log=log)
    lines = [json.loads(line) for line in (tmp_path / "deep" / "queries.jsonl").read_text().splitlines()]
    assert [(line["part"], line.get("query")) for line in lines] == [
        *[("attack", k) for k in (1, 2, 3)],
        *[("control", k) for k in (1, 2, 3)],
        ("verify", None),
        ("verify_control", None),
    ]
    assert {line["stimulus"] for line in lines} == {stimulus.digest} and {line["answer"] for line in lines} == {"no"}
    assert {line["attack"] for line in lines} == {"best_of_n:n=3"} and {line["on_target"] for line in lines} == {False}
    assert lines[0]["drawn"]["variant"] == 1 and lines[6]["asked"] == result.attempts[0].stimulus.digest


class Nth(Model):
    """Says yes to the n-th question and those after it."""

    name, fingerprint = "toy/nth", "0"

    def __init__(self, n):
        self.n, self.asked = n, 0

    def ask(self, stimuli, *, sampling=None):
        self.asked += len(stimuli)
        return [Answer(text="yes" if self.asked >= self.n else "no") for _ in stimuli]


def test_success_within_k_queries_has_an_interval():
    results = [run(Asking(n=6), [toy_stimulus(n_samples=400)], model=Nth(n)) for n in (2, 4, 99)]
    # the clean question is the first: the search of these three succeeds at its 1st and 3rd query, and never
    attempts = tuple(attempt for result in results for attempt in result.attempts)
    result = type(results[0])(attack="asking", attempts=attempts)
    assert [result.success_at(k).n_success for k in (0, 1, 2, 3, 6)] == [0, 1, 1, 2, 2]
    found = result.success_at(3)
    assert (found.rate, found.n) == (pytest.approx(2 / 3), 3) and 0.2 < found.low < 2 / 3 < found.high < 1
    empty = type(result)(attack="asking", attempts=()).success_at(1)
    assert (empty.rate, empty.low, empty.high) == (None, 0.0, 1.0)
