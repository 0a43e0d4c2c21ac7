"""What attacks make is made once: for every arm that shares it, and not again when a killed run is resumed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from engine_parts import LocalModel, clip, jobs, plan, settings

from earnest.arms import UNDEFENDED
from earnest.attacks import Attack, Candidate, Crafted, attacks
from earnest.audio import Goal, Stimulus
from earnest.defences import Defence, defences
from earnest.engine import execute, read_journal
from earnest.engine.clips import ClipStore
from earnest.engine.crafts import CRAFTS, CraftStore
from earnest.errors import BadData
from earnest.models import System
from earnest.records import Arm
from earnest.testing.loopback import Loopback


@dataclass(frozen=True, kw_only=True)
class Louder(Attack):
    """Asks three times, then proposes the clip twice as loud; its control asks twice."""

    source, family = "test", "jailbreak"
    control_name: ClassVar[str] = "plain"
    made: ClassVar[Counter] = Counter()
    max_queries: ClassVar[int] = 3

    def propose(self, victim, stimuli, *, rngs):
        for place, (stimulus, rng) in enumerate(zip(stimuli, rngs, strict=True)):
            self.made["attack", stimulus.prompt, len(victim._system.defences)] += 1
            victim.ask([(place, Candidate())] * 3)
            louder = np.clip(2 * stimulus.clip.samples, -1, 1)
            yield Candidate(clip=stimulus.clip.with_samples(louder), drawn={"number": int(rng.integers(1000))})

    def control(self, victim, stimuli, candidates, *, rngs):
        for place, stimulus in enumerate(stimuli):
            self.made["control", stimulus.prompt, len(victim._system.defences)] += 1
            victim.ask([(place, Candidate())] * 2)
            yield Candidate(drawn={"louder": candidates[place].clip.peak})


@dataclass(frozen=True, kw_only=True)
class Halve(Defence):
    source, gradient = "test", "stand_in"

    def apply(self, clip, *, rng):
        return clip.with_samples((clip.samples / 2).astype(np.float32))


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    attacks.register("test_louder")(Louder)
    defences.register("test_halve")(Halve)
    Louder.made.clear()
    yield
    del attacks._found["test_louder"], defences._found["test_halve"]


def goal(item) -> Goal:
    return Goal(target="yes", reached=lambda text: "never" in text)


SPEC, TRANSFER = "test_louder", "test_louder:transfer=true"
ARMS = (Arm(), Arm(attack=SPEC), Arm(defences=("test_halve",)), Arm(attack=SPEC, defences=("test_halve",)),
        Arm(attack=SPEC, crafted_on=UNDEFENDED, defences=("test_halve",)))  # fmt: skip  # a table: one row a line
PLANNED = {"attack": SPEC, "transfer": TRANSFER, "defences": ("test_halve",)}


def run(folder, n=4, arms=ARMS, model=None):
    given = [replace(job, goal=goal) for job in jobs(n, arms=arms)]
    execute(plan(n, **PLANNED), given, model=model or LocalModel(), folder=folder, settings=settings())
    return {line.item: line for line in read_journal(folder)}


def test_arms_share_what_is_made_on_the_same_system_and_its_control(folder) -> None:
    lines = run(folder)
    # on the bare model, for the attacked and the transferred arm; and on the defended one
    assert Louder.made == {(part, f"say {k}", n): 1 for part in ("attack", "control") for k in range(4) for n in (0, 1)}
    bare, transferred = lines[f"letters/0002@{SPEC}"], lines[f"letters/0002@{TRANSFER}+test_halve"]
    assert bare.clips == transferred.clips and bare.attempt["drawn"] == transferred.attempt["drawn"]
    assert (bare.attempt["adaptive"], transferred.attempt["adaptive"]) == (True, False)
    assert (bare.attempt["n_queries"], transferred.attempt["n_queries"], bare.attempt["control_n_queries"]) == (3, 3, 2)


def test_the_same_is_made_whether_or_not_it_is_shared(folder, tmp_path) -> None:
    together = run(folder)
    for number, arm in enumerate(ARMS[1:]):
        apart = run(tmp_path / f"apart{number}", arms=(arm,))
        for name, line in apart.items():
            assert (line.attempt, line.answer, line.clips) == (
                together[name].attempt,
                together[name].answer,
                together[name].clips,
            )


def test_a_finished_search_is_not_repeated_when_its_line_is_missing(folder) -> None:
    before = run(folder)
    journal = folder / "journal.jsonl"
    kept = [line for line in journal.read_text().splitlines(keepends=True) if "test_louder" not in line]
    journal.write_text("".join(kept))
    Louder.made.clear()
    after = run(folder)
    assert Louder.made == {} and after.keys() == before.keys()
    assert all((after[k].attempt, after[k].clips) == (before[k].attempt, before[k].clips) for k in before)


def test_a_search_in_which_calls_failed_that_may_pass_is_made_again(folder) -> None:
    class Down(LocalModel):
        def reply(self, stimulus):
            from earnest.models import Failure

            return Failure(reason="connection", passing=True)

    run(folder, n=2, arms=(Arm(attack=SPEC),), model=Down())
    assert (folder / CRAFTS).read_text() == ""
    Louder.made.clear()
    lines = run(folder, n=2, arms=(Arm(attack=SPEC),))
    assert Louder.made["attack", "say 1", 0] == 1 and lines[f"letters/0001@{SPEC}"].attempt["n_failed_queries"] == 0


# ---- the file


@pytest.fixture
def store(folder):
    folder.mkdir(exist_ok=True)
    made = CraftStore(folder, ClipStore(folder))
    yield made
    made.close()


def crafted() -> Crafted:
    clean = Stimulus(
        clips={"speech": clip(1).quantised(), "noise": clip(2).quantised()}, prompt="say", system_prompt="Be kind."
    )
    after = replace(clean, clips={**clean.clips, "speech": clip(3).quantised()}, prompt="shout", system_prompt="")
    return Crafted(
        after,
        {"step": 3, "rate": 0.1},
        7,
        11,
        0.25,
        clean=clean,
        first_success=5,
        n_failed_queries=1,
        n_before=2,
        n_after=4,
        crafted_on="f",
    )


def test_what_is_kept_is_read_back_by_another_sitting(folder, store) -> None:
    made = crafted()
    store.put("k", made)
    store.close()
    again = CraftStore(folder, ClipStore(folder))
    found = again.get("k", made.clean)
    again.close()
    assert found == made and again.get("other", made.clean) is None
    assert (found.stimulus.prompt, found.stimulus.system_prompt) == ("shout", "")


def test_a_craft_whose_clip_is_gone_is_made_again_and_a_torn_line_is_cut_off(folder, store) -> None:
    made = crafted()
    store.put("k", made)
    store.put("faulty", replace(made, stimulus=made.clean, fault="the clip is silent"))
    store.close()
    (folder / "clips" / f"{made.stimulus.clip.digest}.flac").unlink()
    with (folder / CRAFTS).open("a") as file:
        file.write('{"key": "torn')
    again = CraftStore(folder, ClipStore(folder))
    assert again.get("k", made.clean) is None and again.get("faulty", made.clean).fault == "the clip is silent"
    again.close()
    assert (folder / CRAFTS).read_text().count("\n") == 2


def test_a_file_that_somebody_changed_is_told(folder, store) -> None:
    store.close()
    (folder / CRAFTS).write_text('{"key": 3}\n')
    with pytest.raises(BadData, match="delete it, and what it held is searched for again"):
        CraftStore(folder, ClipStore(folder))


def test_what_one_makes_others_wait_for(store) -> None:
    order, entered = [], threading.Event()

    def second() -> None:
        entered.set()
        with store.claimed(["b", "c"]):
            order.append("second")

    with store.claimed(["a", "b"]):
        waiting = threading.Thread(target=second)
        waiting.start()
        entered.wait(timeout=10)
        with store.claimed(["d", "d"]):  # nobody makes it
            order.append("other")
        time.sleep(0.05)
        order.append("first")
    waiting.join(timeout=10)
    assert order == ["other", "first", "second"]


# ---- killed


SCRIPT = Path(__file__).with_name("killed_attack.py")
N_QUERIES = 5


def start(folder, url, n) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(SCRIPT), str(folder), url, str(n)], stdout=subprocess.PIPE, text=True)


def killed_and_resumed(folder, *, n: int, kills: int, seed: int) -> None:
    """Kill an attacked run at random places and let it finish: every item once, no finished search again."""
    rng, n_kills, searches = random.Random(seed), 0, folder.parent / "searches.txt"
    with Loopback(latency_s=0.01) as server:
        for place in sorted(rng.sample(range(1, n * (N_QUERIES + 2)), kills)):
            with start(folder, server.url, n) as process:
                while server.n_requests < place and process.poll() is None:
                    time.sleep(0.005)
                time.sleep(rng.uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
                n_kills += process.wait() == -signal.SIGKILL
        with start(folder, server.url, n) as process:
            said, _ = process.communicate(timeout=120)
            assert said.splitlines()[-1] == f"finished {n}"
    items = [json.loads(line)["item"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert len(items) == len(set(items)) == n
    made = Counter(tuple(line.split()) for line in searches.read_text().splitlines())
    finished = Counter(prompt for what, prompt in made.elements() if what == "finished")
    begun = Counter(prompt for what, prompt in made.elements() if what == "begun")
    crafts = [json.loads(line)["key"] for line in (folder / CRAFTS).read_text().splitlines()]
    assert len(crafts) == len(set(crafts)) == n
    # a search is finished a moment before it is kept: killed in that moment, a worker's one is made again
    assert sum(finished.values()) <= n + n_kills and sum(begun.values()) <= n + 2 * n_kills


def test_an_attacked_run_that_is_killed_repeats_no_finished_search(folder) -> None:
    killed_and_resumed(folder, n=30, kills=2, seed=0)


@pytest.mark.slow
def test_an_attacked_run_that_is_killed_twenty_times_repeats_no_finished_search(folder) -> None:
    killed_and_resumed(folder, n=150, kills=20, seed=1)


def test_a_craft_is_judged_on_any_system() -> None:
    class Loud(LocalModel):
        def reply(self, stimulus):
            from earnest.models import Answer

            return Answer(text="yes" if stimulus.clip.peak > 0.3 else "no")

    stimulus = Stimulus(clips={"speech": clip(1)}, prompt="?", goal=Goal(reached=lambda text: text == "yes"))
    soft = stimulus.with_clip(clip(1).with_samples((clip(1).samples / clip(1).peak * 0.2).astype(np.float32)))
    bare, halved = System(Loud()), System(Loud(), (Halve(),))
    (made,) = Louder().craft(bare, [soft], rng=np.random.default_rng(0))
    assert Louder.made["attack", "?", 0] == 1
    assert [Louder().verify(system, made).success for system in (bare, halved)] == [True, False]
    assert (Louder().verify(bare, made).n_queries, sum(Louder.made.values())) == (3, 1)
    # at which query the search got through says nothing of a system that it was not made on
    through = replace(made, first_success=2)
    assert [Louder().verify(system, through).first_success for system in (bare, halved)] == [2, None]
