"""Arms of a run do not touch each other: what a defence does inside the model is of its own arm alone."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from engine_parts import LocalModel, jobs, plan, settings

from earnest.attacks import Attack, attacks
from earnest.attacks._victim import Candidate
from earnest.audio import Goal
from earnest.defences import Defence, defences
from earnest.engine import execute
from earnest.engine.journal import read_journal
from earnest.models.access import Answer, Blocked
from earnest.records import Arm


@dataclass
class Switch(LocalModel):
    """Takes 10 ms a call; says "off" where anybody has set the switch of its network, else its clip's own answer."""

    delay_s: float = 0.01
    on: bool = False
    n_overlaps: int = 0
    busy: bool = False

    def ask(self, stimuli, *, sampling=None):
        self.n_overlaps += self.busy
        self.busy = True
        before = self.on
        time.sleep(self.delay_s)
        self.n_overlaps += before is not self.on
        self.busy = False
        return [Answer(text="off" if before else "on") for _ in stimuli]


NETWORK: list[Switch] = []


@dataclass(frozen=True, kw_only=True)
class Within(Defence):
    """Hooks as it should: for the time of a call."""

    source, gradient = "test", "none"

    def around(self, model):
        @contextmanager
        def switched():
            NETWORK[0].on = True
            try:
                yield
            finally:
                NETWORK[0].on = False

        return model.within(switched, key="switched")


@dataclass(frozen=True, kw_only=True)
class Careless(Defence):
    """Hooks on the way in, and unhooks on the way out."""

    source, gradient = "test", "stand_in"

    def apply(self, clip, *, rng):
        NETWORK[0].on = True
        return clip

    def review(self, answer):
        NETWORK[0].on = False
        return answer


@dataclass(frozen=True, kw_only=True)
class Closed(Defence):
    source, gradient = "test", "none"

    def screen(self, stimulus):
        return Blocked(f"said: {stimulus.prompt}")


@dataclass(frozen=True, kw_only=True)
class Ask(Attack):
    source, family, needs = "test", "adversarial", "responses"

    def propose(self, victim, stimuli, *, rngs):
        victim.ask({place: Candidate(clip=stimulus.clip) for place, stimulus in enumerate(stimuli)})
        return [Candidate(clip=stimulus.clip) for stimulus in stimuli]


PLUGINS = (
    (defences, "t_within", Within),
    (defences, "t_careless", Careless),
    (defences, "t_closed", Closed),
    (attacks, "t_ask", Ask),
)


@pytest.fixture(autouse=True, scope="module")
def plugins():
    for registry, name, plugin in PLUGINS:
        registry.register(name)(plugin)
    yield
    for registry, name, _ in PLUGINS:
        del registry._found[name]


@pytest.fixture
def network():
    NETWORK[:] = [Switch(batch_size=2)]
    return NETWORK[0]


def run(folder: Path, network: Switch, defence: str, *, attack: str | None = None, cache: Path | None = None):
    arms = [Arm(), Arm(defences=(defence,))]
    if attack:
        arms += [
            Arm(attack=attack),
            Arm(attack=attack, defences=(defence,)),
            Arm(attack=attack, crafted_on="undefended", defences=(defence,)),
        ]
    given = [
        replace(job, goal=lambda item: Goal(target="x", reached=lambda text: text == "off"))
        for job in jobs(6, arms=arms)
    ]
    planned = plan(
        6, arms=[{"attack": arm.attack, "crafted_on": arm.crafted_on, "defences": arm.defences} for arm in arms]
    )
    summary = execute(planned, given, model=network, folder=folder, settings=settings(cache=cache, max_connections=8))
    said: dict[Arm, list[str | None]] = {}
    for line in read_journal(folder):
        said.setdefault(line.arm, []).append(line.answer)
    return said, summary


@pytest.mark.parametrize("defence", ["t_within", "t_careless"])
def test_the_clean_arm_is_clean(folder, network, defence) -> None:
    said, _ = run(folder, network, defence)
    assert said[Arm()] == ["on"] * 6


def test_the_defended_arm_is_defended_throughout(folder, network) -> None:
    said, _ = run(folder, network, "t_within", attack="t_ask")
    defended, both = Arm(defences=("t_within",)), Arm(attack="t_ask", defences=("t_within",))
    assert said[Arm()] == said[Arm(attack="t_ask")] == ["on"] * 6
    assert said[defended] == said[both] == ["off"] * 6
    lines = [line for line in read_journal(folder) if line.attack]
    for line in lines:  # what the search asked is of the system that it was built on
        assert line.attempt["clean_answer"] == ("off" if line.defences else "on")
        assert line.attempt["clean_success"] is bool(line.defences)
    assert network.n_overlaps == 0 and len(network.threads) == 0


def test_answers_of_one_system_are_no_answers_of_another(folder, network, tmp_path) -> None:
    run(folder, network, "t_within", cache=tmp_path / "cache")
    again, summary = run(tmp_path / "again", network, "t_within", cache=tmp_path / "cache")
    assert again == {Arm(): ["on"] * 6, Arm(defences=("t_within",)): ["off"] * 6}
    assert summary.n_calls == 0 and summary.n_cached == 12  # of each system its own


def test_what_a_careless_defence_asks_is_not_taken_from_the_clean_arms_cache(folder, network, tmp_path) -> None:
    _, summary = run(folder, network, "t_careless", cache=tmp_path / "cache")
    assert (
        summary.n_cached == 0 and summary.n_calls == 12
    )  # its clips and its model's fingerprint are those of the clean arm


def test_a_block_is_an_outcome_of_its_own_and_costs_no_call(folder, network) -> None:
    said, summary = run(folder, network, "t_closed")
    closed = [line for line in read_journal(folder) if line.defences]
    assert summary.n_calls == 6 and said[Arm()] == ["on"] * 6
    assert [line.blocked for line in closed] == [f"said: say {k}" for k in range(6)]
    assert all(line.answer is None and line.status == "scored" and line.usage == {} for line in closed)
    assert all(line.blocked is None for line in read_journal(folder) if not line.defences)


def test_an_attack_is_built_on_another_model_and_tried_on_this_one(folder, network) -> None:
    other = Switch(name="other", fingerprint="o")
    arm = Arm(attack="t_ask", crafted_on="other")
    planned = plan(6, arms=[{}, {"attack": "t_ask", "crafted_on": "other"}])
    given = [
        replace(job, goal=lambda item: Goal(target="x", reached=lambda text: None))
        for job in jobs(6, arms=[Arm(), arm])
    ]
    execute(planned, given, model=network, others={"other": other}, folder=folder, settings=settings())
    lines = [line for line in read_journal(folder) if line.attack]
    assert [line.item for line in lines] == [f"letters/{k:04d}@t_ask:crafted_on=other" for k in range(6)]
    assert all(line.arm == arm and line.attempt["adaptive"] is False for line in lines)
    assert all(line.answer == "on" and line.attempt["n_queries"] == 1 for line in lines)


def test_one_thread_asks_the_network(folder) -> None:
    NETWORK[:] = [Switch(batch_size=2)]
    threads: set[int] = set()
    plain = NETWORK[0].ask
    NETWORK[0].ask = lambda stimuli, *, sampling=None: (threads.add(threading.get_ident()), plain(stimuli))[1]  # type: ignore[method-assign]
    run(folder, NETWORK[0], "t_within", attack="t_ask")
    assert len(threads) == 1
