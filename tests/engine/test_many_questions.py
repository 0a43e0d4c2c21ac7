"""Thousands of questions about one item, with all connections in flight: a clock that moves when nothing else can."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from engine_parts import jobs, plan, settings

from earnest.attacks import Candidate, attacks
from earnest.attacks.jailbreak import best_of_n
from earnest.audio import AudioClip, Goal
from earnest.engine import execute, read_journal
from earnest.models.access import Answer, Model
from earnest.records import Arm


class Slow(Model):
    """Takes a second of its own clock for each call; which moves once nothing new is asked. Answers in the order of `turn`."""

    name, fingerprint, free = "fake", "f", True

    def __init__(self, *, gives_way=(), turn=1):
        self.now_s, self.most_in_flight, self.n_asked = 0, 0, 0
        self._waiting, self._ticker = [], None
        self._gives_way, self._turn = set(gives_way), turn

    async def ask_one(self, stimulus, *, sampling=None):
        reply = asyncio.get_running_loop().create_future()
        self._waiting.append(reply)
        self.n_asked += 1
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())
        await reply
        return Answer(text="yes" if stimulus.clip.n_samples in self._gives_way else "no")

    async def _tick(self):
        while self._waiting:
            before = -1
            while before != len(self._waiting):  # until all that can be asked is asked
                before = len(self._waiting)
                for _ in range(50):
                    await asyncio.sleep(0)
            waiting, self._waiting = self._waiting, []
            self.most_in_flight = max(self.most_in_flight, len(waiting))
            self.now_s += 1
            for reply in waiting[:: self._turn]:
                if not reply.done():
                    reply.set_result(None)
                    await asyncio.sleep(0)


@dataclass(frozen=True, kw_only=True)
class Uncontrolled(best_of_n.BestOfN):
    """Best-of-N without its control; the k-th variant is k samples long."""

    control_name: ClassVar[None] = None


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(
        best_of_n,
        "_candidate",
        lambda clip, *, k, seed: Candidate(clip=AudioClip(np.full(k, 0.5, np.float32), 8000), drawn={"variant": k}),
    )
    attacks.register("test_uncontrolled")(Uncontrolled)
    yield
    del attacks._found["test_uncontrolled"]


def attacked(folder, spec, model, *, max_connections=16):
    arm = Arm(attack=spec)
    given = [replace(job, goal=lambda item: Goal(reached=lambda text: text == "yes")) for job in jobs(1, arms=(arm,))]
    execute(plan(1, attack=spec), given, model=model, folder=folder, settings=settings(max_connections=max_connections))
    (line,) = read_journal(folder)
    return line


def test_seven_thousand_variants_of_one_item_take_eight_minutes_and_not_two_hours(folder) -> None:
    model = Slow()
    line = attacked(folder, "test_uncontrolled:n=7200", model)
    assert line.attempt["n_queries"] == 7200 and model.n_asked == 7202  # and the clean and the last one
    assert model.most_in_flight == 16
    # 7200 / 16 = 450 s; a few more for the first, small rounds, and for the two others
    assert 450 <= model.now_s <= 465


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("max_connections", [1, 5, 16])
def test_what_is_found_depends_on_neither_connections_nor_the_order_of_replies(folder, turn, max_connections) -> None:
    # variants 21 and 30 get through, both in the round 17 to 32, which is asked to its end
    line = attacked(folder, "best_of_n:n=64", Slow(gives_way={21, 30}, turn=turn), max_connections=max_connections)
    facts = line.attempt
    assert (facts["first_success"], facts["drawn"]["variant"], facts["n_queries"]) == (21, 21, 32)
    assert facts["success"] is True and facts["control_first_success"] is None and facts["control_n_queries"] == 64
