"""Conversations: what is asked next follows from the answer, and every turn is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from engine_parts import LocalModel, clip, plan, settings

from earnest.attacks import Attack, attacks
from earnest.attacks._victim import Candidate
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.defences import Defence, defences
from earnest.engine import Job, execute
from earnest.engine.estimate import estimate
from earnest.engine.journal import read_journal
from earnest.errors import BadParameter
from earnest.models.access import Answer, Blocked, Failure
from earnest.records import Arm, Item, Verdict


@dataclass
class Talks(LocalModel):
    """Says which turn it is and the length of its clip, and fails where the prompt says so."""

    takes_history: bool = True

    def ask(self, stimuli, *, sampling=None):
        self.batches.append([len(stimulus.history) for stimulus in stimuli])
        return [self.said(stimulus) for stimulus in stimuli]

    def said(self, stimulus: Stimulus):
        if "fail" in stimulus.prompt:
            return Failure(reason="timeout", detail="too slow")
        if "silence" in stimulus.prompt:
            return Answer(text="")
        earlier = [turn.text for turn in stimulus.history if turn.role == "assistant"]
        return Answer(text=f"{stimulus.prompt}{earlier}", usage={"output_tokens": 10.0})


def talk(*prompts: str, name: str = "talk", n_turns: int | None = None) -> Item:
    """A conversation that asks the prompts in turn, each with a clip of its own."""

    def load() -> Stimulus:
        return Stimulus(clips={"speech": clip(0)}, prompt=prompts[0])

    def follow(stimulus: Stimulus, answer: Answer) -> Stimulus | None:
        turn = len(stimulus.history) // 2 + 1
        return (
            stimulus.then(answer.said, prompt=prompts[turn], clips={"speech": clip(turn)})
            if turn < len(prompts)
            else None
        )

    return Item(
        id=f"letters/{name}",
        task="letters",
        sample=name,
        load=load,
        follow=follow,
        prompt=prompts[-1],
        n_turns=n_turns or len(prompts),
    )


def run(folder, *items: Item, arm: Arm | None = None, model: LocalModel | None = None):
    arm = arm or Arm()
    scored: list[str] = []

    def score(item: Item, answer: Answer) -> Verdict:
        scored.append(answer.text)
        return Verdict(score=1.0, label="said")

    goal = Goal(target="x", reached=lambda text: "louder" in text)
    given = [Job(item=item, arm=arm, score=score, goal=lambda item: goal) for item in items]
    planned = plan(len(items), arms=[{"attack": arm.attack, "defences": arm.defences}])
    model = model or Talks()
    summary = execute(planned, given, model=model, folder=folder, settings=settings())
    return {line.sample: line for line in read_journal(folder)}, scored, summary, model


def test_each_question_follows_from_the_answer_and_the_last_answer_is_scored(folder) -> None:
    lines, scored, summary, model = run(folder, talk("one", "two", "three"))
    assert scored == ["three['one[]', \"two['one[]']\"]"]
    line = lines["talk"]
    assert line.prompt == "three" and line.answer == scored[0] and line.clips == {"speech": clip(2).digest}
    assert [(turn.role, turn.text) for turn in line.turns] == [
        ("user", "one"),
        ("assistant", "one[]"),
        ("user", "two"),
        ("assistant", "two['one[]']"),
    ]
    assert [dict(turn.clips) for turn in line.turns] == [{"speech": clip(0).digest}, {}, {"speech": clip(1).digest}, {}]
    for turn in range(3):
        assert AudioClip.read(folder / "clips" / f"{clip(turn).digest}.flac") == clip(turn)
    assert line.usage["output_tokens"] == 30 and summary.n_calls == 3
    assert sorted(length for batch in model.batches for length in batch) == [0, 2, 4]


def test_a_turn_that_fails_is_the_outcome(folder) -> None:
    lines, scored, _, model = run(folder, talk("one", "fail", "three"))
    assert scored == [] and lines["talk"].reason == "timeout"
    assert lines["talk"].prompt == "fail" and len(lines["talk"].turns) == 2
    assert len(model.batches) == 2  # the third turn is not asked


def test_a_turn_without_a_word_stands_in_the_conversation_as_such(folder) -> None:
    lines, scored, _, _ = run(folder, talk("silence", "two"))
    assert lines["talk"].turns[1].text == "(says nothing)" and scored == ["two['(says nothing)']"]


def test_a_conversation_without_end_is_refused(folder) -> None:
    item = talk("again")
    endless = replace(
        item, follow=lambda stimulus, answer: stimulus.then(answer.said, prompt="again", clips=stimulus.clips)
    )
    with pytest.raises(BadParameter, match=r"letters/talk goes on after 64 turns; its task's `follow`"):
        run(folder, endless)


@dataclass(frozen=True, kw_only=True)
class Polite(Defence):
    """Blocks a prompt that is rude, and reviews every answer that the user gets."""

    source, gradient = "test", "none"

    def screen(self, stimulus):
        return Blocked("rude") if "rude" in stimulus.prompt else super().screen(stimulus)

    def review(self, answer, *, stimulus=None, note=None):
        return replace(answer, text=f"please, {len(stimulus.history)}")


@dataclass(frozen=True, kw_only=True)
class Louder(Attack):
    source, family, needs = "test", "adversarial", "responses"

    def propose(self, victim, stimuli, *, rngs):
        assert all(len(stimulus.history) == 2 for stimulus in stimuli)
        victim.ask({place: Candidate(clip=stimulus.clip) for place, stimulus in enumerate(stimuli)})
        return [Candidate(clip=stimulus.clip.with_samples(stimulus.clip.samples * 0.5)) for stimulus in stimuli]


@pytest.fixture(autouse=True, scope="module")
def plugins():
    for registry, name, plugin in ((defences, "t_polite", Polite), (attacks, "t_louder", Louder)):
        registry.register(name)(plugin)
    yield
    for registry, name in ((defences, "t_polite"), (attacks, "t_louder")):
        del registry._found[name]


def test_what_stands_in_the_conversation_is_what_left_the_system(folder) -> None:
    lines, scored, _, _ = run(folder, talk("one", "two"), arm=Arm(defences=("t_polite",)))
    assert lines["talk"].turns[1].text == "please, 0" and scored == ["please, 2"]


def test_a_blocked_turn_is_answered_by_a_refusal_and_the_talk_goes_on(folder) -> None:
    lines, scored, summary, _ = run(folder, talk("rude", "two"), arm=Arm(defences=("t_polite",)))
    assert lines["talk"].turns[1].text == "I can't help with that." and lines["talk"].blocked is None
    assert summary.n_calls == 1 and scored == ["please, 2"]
    lines, _, _, _ = run(folder.with_name("last"), talk("one", "rude"), arm=Arm(defences=("t_polite",)))
    assert lines["talk"].blocked == "rude" and len(lines["talk"].turns) == 2


def test_the_last_turn_is_what_is_attacked(folder) -> None:
    lines, _, _, _ = run(folder, talk("one", "two"), arm=Arm(attack="t_louder"))
    line = lines["talk"]
    assert line.turns[0].clips == {"speech": clip(0).digest}  # as it was
    assert line.clips["speech"] != clip(1).digest and line.attempt["n_queries"] == 1
    assert line.attempt["clean_answer"] == "two['one[]']"


def test_estimates_count_every_turn() -> None:
    given = [
        Job(item=talk("one", "two", "three"), arm=arm, score=lambda item, answer: None)
        for arm in (Arm(), Arm(attack="t_louder"))
    ]
    assert estimate(plan(1), given, model=Talks()).n_calls == 3 + 4
