"""What an attack may change: the role that the attacker holds, other roles and texts, each within a budget of its own."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.attacks import HELD, Attack, Budget, Candidate, TextBudget, Victim
from earnest.attacks._budget import n_edits
from earnest.attacks.adversarial.pgd import ProjectedGradientDescent
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.errors import AccessDenied, BadParameter, QueriesSpent
from earnest.models import Answer, System
from earnest.models.access import Failure, Model, Sampling
from earnest.testing.toys import CurvedModel, LinearModel, toy_stimulus

STEP = 2.0**-15


class Parrot(Model):
    """Says the prompt and the roles that it hears, with how loud they are in 16-bit steps."""

    name, batch_size = "parrot", 4

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        return [self.reply(stimulus) for stimulus in stimuli]

    def reply(self, stimulus):
        loud = " ".join(f"{role}={round(clip.peak / STEP)}" for role, clip in stimulus.clips.items())
        return Answer(text=f"{stimulus.system_prompt or ''}|{stimulus.prompt}|{loud}")


def tone(steps, n=4):
    return AudioClip(np.full(n, steps * STEP, dtype=np.float32), 8000)


def stimulus(**fields):
    goal = Goal(reached=lambda text: "open" in text)
    return Stimulus(**{"clips": {"enrolment": tone(10), "attempt": tone(20)}, "prompt": "who", "goal": goal, **fields})


@dataclass(frozen=True, kw_only=True)
class Proposing(Attack):
    """Proposes what it is given, within the budgets that it is given."""

    source: ClassVar[str] = "nobody2026-proposing"
    family: ClassVar[str] = "jailbreak"
    given: ClassVar[Candidate]
    within: ClassVar[dict | None]

    @property
    def budgets(self):
        return self.within if self.within is not None else {HELD: self.budget}

    def propose(self, victim, stimuli, *, rngs):
        return [self.given]


def attempt(candidate, within=None, **fields):
    attack = type("Proposed", (Proposing,), {"given": candidate, "within": within})()
    return attack.run(System(Parrot()), [stimulus(**fields)], rng=np.random.default_rng(0)).attempts[0]


def test_the_clip_that_is_held_is_changed_and_no_other():
    tried = attempt(Candidate(clip=tone(25)), {HELD: Budget(epsilon=2 * STEP)}, held="attempt")
    assert tried.answer.text == "|who|enrolment=10 attempt=22"
    assert tried.distortion.peak == 2 * STEP and tried.within_budget and tried.facts()["changed"] == {}


def test_a_role_is_named_where_there_are_several():
    with pytest.raises(BadParameter, match="name the role"):
        attempt(Candidate(clip=tone(25)))
    with pytest.raises(
        BadParameter, match="an attacker holds the role 'door', got a stimulus with 'enrolment', 'attempt'"
    ):
        attempt(Candidate(clip=tone(25)), held="door")


def test_every_role_has_a_budget_of_its_own():
    within = {
        HELD: Budget(),
        "enrolment": Budget(epsilon=3 * STEP),
        "prompt": TextBudget(edits=2),
        "system_prompt": TextBudget(),
    }
    candidate = Candidate(clips={"enrolment": tone(-10)}, prompt="whom", system_prompt="open")
    tried = attempt(candidate, within, held="attempt")
    assert tried.answer.text == "open|whom|enrolment=7 attempt=20"
    assert tried.success and tried.within_budget and tried.distortion.peak == 0
    assert tried.facts()["changed"] == {
        "enrolment": {"snr_db": pytest.approx(20 * np.log10(10 / 3)), "peak": 3 * STEP},
        "prompt": {"edits": 1},
        "system_prompt": {"edits": 4},
    }


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (
            Candidate(prompt="whom"),
            "may change what it has a budget for, got another 'prompt', and budgets for 'the clip that",
        ),
        (Candidate(clips={"enrolment": tone(3)}), "got another 'enrolment'"),
        (Candidate(clips={"third": tone(3)}), "got another 'third'"),
    ],
)
def test_what_has_no_budget_may_not_be_changed(candidate, message):
    with pytest.raises(BadParameter, match=message):
        attempt(candidate, held="attempt")


def test_a_text_beyond_its_budget_is_refused_for_it_cannot_be_brought_back():
    with pytest.raises(BadParameter, match="the prompt may be changed by 2 characters at most, got 5"):
        attempt(Candidate(prompt="open who"), {"prompt": TextBudget(edits=2)}, clips={})


def test_a_stimulus_without_audio_can_be_attacked():
    tried = attempt(Candidate(prompt="open"), {"prompt": TextBudget()}, clips={})
    assert tried.success and tried.answer.text == "|open|" and tried.distortion.snr_db is None
    tried.facts()


def test_a_role_that_was_empty_is_compared_with_silence():
    tried = attempt(Candidate(clips={"noise": tone(30)}), {"noise": Budget(epsilon=4 * STEP)}, held="attempt")
    assert tried.answer.text.endswith("noise=4") and tried.facts()["changed"]["noise"] == {
        "snr_db": None,
        "peak": 4 * STEP,
    }


@pytest.mark.parametrize(
    ("text", "other", "n"), [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("abc", "abc", 0), ("ab", "ba", 2)]
)
def test_edits_worked_out_by_hand(text, other, n):
    assert n_edits(text, other) == n_edits(other, text) == n


@given(st.text("ab", max_size=7), st.text("ab", max_size=7))
@settings(max_examples=80, deadline=None)
def test_edits_are_those_of_the_recursion(text, other):
    def slow(one, two):
        if not one or not two:
            return len(one) + len(two)
        return min(slow(one[1:], two) + 1, slow(one, two[1:]) + 1, slow(one[1:], two[1:]) + (one[0] != two[0]))

    assert n_edits(text, other) == slow(text[:5], other[:5]) if max(len(text), len(other)) <= 5 else True


# ---- goals


def test_a_goal_has_a_target_or_a_text_to_be_driven_away_from():
    with pytest.raises(BadParameter, match="a goal has a target or a text to be driven away from, got 'a' and 'b'"):
        Goal(target="a", away_from="b", reached=lambda text: True)


def test_driven_away_from_a_text_a_search_raises_its_loss():
    weights = np.random.default_rng(9).standard_normal(400).astype(np.float32)
    goal = Goal(away_from="yes", reached=lambda text: text != "yes")
    away = replace(toy_stimulus(n_samples=400), goal=goal)
    model = LinearModel(weights, threshold=-1e9)
    attack = ProjectedGradientDescent(epsilon=64 * STEP)
    (tried,) = attack.run(System(model), [away], rng=np.random.default_rng(0)).attempts
    change = tried.clip.samples - away.clip.samples
    assert np.array_equal(np.sign(change), -np.sign(weights)) and tried.drawn["loss"] < tried.drawn["first_loss"]


def test_goals_that_ask_for_something_else_are_told_apart():
    one = Goal(target="a", reached=lambda text: True)
    others = [replace(one, target="b"), Goal(away_from="a", reached=one.reached), replace(one, description="d"),
              replace(one, reached=str.isupper)]  # fmt: skip  # a table: one row a line
    assert len({goal.digest for goal in [one, *others]}) == 5


# ---- a victim with many questions


def victim(model, *, n=2, **options):
    stimuli = [toy_stimulus(seed=seed) for seed in range(n)]
    return Victim(System(model), stimuli, **{"budget": Budget(), "reached_clean": [False] * n, **options})


class Listing(LinearModel):
    """Notes what it is asked in which call, and with which seed."""

    def __init__(self, **options):
        super().__init__(np.ones(4, dtype=np.float32), threshold=1e9, **options)
        self.calls = []

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        self.calls.append((sampling.seed, [stimulus.clip.n_samples for stimulus in stimuli]))
        return super().ask(stimuli, sampling=sampling)


def short(n):
    return Candidate(clip=AudioClip(np.zeros(n, dtype=np.float32), 16000))


def test_several_questions_about_a_place_are_one_call_and_one_draw_each():
    model = Listing()
    asked = victim(model)
    assert len(asked.ask([(0, short(3)), (0, short(5)), (1, short(7))])) == 3
    assert model.calls == [(0, [3, 5, 7])] and asked.n_queries == [2, 1]
    model.calls.clear()
    warm = Victim(
        System(model, sampling=Sampling(temperature=1.0)), asked.stimuli, budget=Budget(), reached_clean=[False] * 2
    )
    warm.ask([(0, short(3)), (0, short(5)), (1, short(7))])
    warm.ask([(1, short(9))])
    # draws 0 and 1 are those of the clean ask and of the verification; a place's first query has draw 3
    assert model.calls == [(3, [3, 7]), (4, [5]), (4, [9])]


def test_replies_come_in_the_order_of_the_questions_whatever_was_asked_together():
    class Lengths(Listing):
        def _answer(self, stimulus):
            return Answer(text=str(stimulus.clip.n_samples))

    asked = victim(Lengths())
    asked._system = replace(asked._system, sampling=Sampling(temperature=1.0))
    replies = asked.ask([(0, short(3)), (1, short(5)), (0, short(7)), (1, short(9)), (0, short(11))])
    assert [reply.text for reply in replies] == ["3", "5", "7", "9", "11"]


def test_first_success_is_the_first_by_number_of_query():
    class Giving(Listing):
        def _answer(self, stimulus):
            return Answer(text="yes" if stimulus.clip.n_samples in (5, 7) else "no")

    asked = victim(Giving())
    asked.ask([(0, short(3)), (1, short(3)), (0, short(7)), (0, short(5)), (1, short(5))])
    assert [account.first_success for account in asked.accounts] == [2, 2] and asked.n_queries == [3, 2]


def test_no_more_is_asked_than_is_allowed_and_nothing_of_a_call_that_would():
    model = Listing()
    asked = victim(model, max_queries=3)
    asked.ask([(0, short(3)), (0, short(3))])
    with pytest.raises(
        QueriesSpent, match="at most 3 questions may be asked about a stimulus.*got number 4 about place 0"
    ):
        asked.ask([(1, short(3)), (0, short(3)), (0, short(3))])
    assert (asked.n_queries, [asked.n_left(place) for place in (0, 1)], len(model.calls)) == ([2, 0], [1, 3], 1)
    none = victim(model, max_queries=0)
    with pytest.raises(QueriesSpent, match="at most 0 questions"):
        none.ask([(0, short(3))])


def test_scores_are_asked_through_the_victim_and_counted():
    model = CurvedModel(np.ones(3, dtype=np.float32), threshold=0.5)
    asked = victim(model, max_queries=3)
    scores = asked.score([(0, Candidate(), "yes"), (1, Candidate(), "yes"), (0, Candidate(), "no")])
    margins = [model.product(s.clip.samples) - 0.5 for s in asked.stimuli]
    expected = [-np.log1p(np.exp(-margins[0])), -np.log1p(np.exp(-margins[1])), -np.log1p(np.exp(margins[0]))]
    assert scores == pytest.approx(expected) and asked.n_queries == [2, 1]
    with pytest.raises(QueriesSpent):
        asked.score([(0, Candidate(), "no"), (0, Candidate(), "yes")])
    with pytest.raises(AccessDenied, match="not scores of given texts"):
        victim(LinearModel(np.ones(3))).score([(0, Candidate(), "yes")])


def test_what_was_paid_for_is_counted_and_what_comes_from_the_cache_is_not():
    class Paid(Listing):
        def _answer(self, stimulus):
            n = stimulus.clip.n_samples
            if n == 5:
                return Failure(reason="connection", passing=True)
            return Answer(text="no", usage={"cost_usd": 0.25, **({"cached": 1.0} if n == 3 else {})})

    asked = victim(Paid())
    asked.ask([(0, short(3)), (0, short(4)), (0, short(6)), (1, short(5))])
    assert [(account.cost, account.may_pass) for account in asked.accounts] == [(0.5, False), (0.0, True)]
