"""From a plan to a finished folder: local and remote, every arm, every way of having no score."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from engine_parts import LocalModel, clip, item, jobs, plan, score, settings

from earnest.attacks import attacks
from earnest.attacks._base import Attack, Candidate
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.defences._base import Defence, defences
from earnest.engine import Job, Settings, execute, execute_async, read_journal
from earnest.errors import AccessDenied, BadAudio, BadParameter, MachineFailed, MissingExtra, ModelFailed, PlanMismatch
from earnest.models import load_model
from earnest.models.access import MAX_CHARACTERS, Answer, Failure, Model
from earnest.records import Arm, Unscored, Verdict
from earnest.testing.loopback import Faults, Loopback


def facts(folder) -> list[dict]:
    """What a finding could rest on, without what only times differ in."""
    lines = [json.loads(line.dumped()) for line in read_journal(folder)]
    for line in lines:
        del line["duration_ms"], line["defence_ms"], line["usage"], line["model"]
    return lines


def test_a_local_run_has_a_line_for_every_item(folder) -> None:
    model = LocalModel()
    summary = execute(plan(10), jobs(10), model=model, folder=folder, settings=settings())
    lines = read_journal(folder)
    assert [line.item for line in lines] == [f"letters/{k:04d}" for k in range(10)]
    assert summary.n_scored == summary.n_items == summary.n_calls == 10
    assert all(line.score == 1.0 for line in lines)
    assert len(model.threads) == 1
    assert lines[3].prompt == "say 3" and lines[3].truth == {"number": 3}
    assert lines[3].parameters == {"temperature": 0.0, "max_tokens": 256, "seed": 0}


def test_clips_are_stored_once_under_the_digest_of_what_was_sent(folder) -> None:
    same = [replace(job, item=replace(job.item, load=item(7).load)) for job in jobs(5)]
    execute(plan(5), same, model=LocalModel(), folder=folder, settings=settings())
    (path,) = (folder / "clips").iterdir()
    assert AudioClip.read(path) == clip(7)
    assert path.stem == clip(7).digest == read_journal(folder)[0].clips["speech"]


def test_a_remote_run_over_http(folder) -> None:
    with Loopback() as server:
        model = load_model(f"{server.url}#fake")
        summary = execute(plan(20), jobs(20), model=model, folder=folder, settings=settings())
    assert summary.n_scored == 20
    assert server.n_requests == 20
    assert summary.cost_usd == 0 and summary.note == ""  # a server on this machine bills nobody
    assert read_journal(folder)[0].usage["input_audio_tokens"] == 1.0


def test_spoken_answers_are_stored_and_scored(folder) -> None:
    with Loopback(answer=lambda heard: heard.clips[0]) as server:
        model = load_model(f"{server.url}#fake", spoken=True)
        execute(plan(2), jobs(2), model=model, folder=folder, settings=settings())
    line = read_journal(folder)[1]
    assert line.answer_clip == clip(1).digest
    assert AudioClip.read(folder / "clips" / f"{line.answer_clip}.flac") == clip(1)


@pytest.mark.parametrize("connections", [1, 64])
def test_connections_do_not_move_a_number(tmp_path, connections) -> None:
    with Loopback() as server:
        for folder, n in ((tmp_path / "a", 7), (tmp_path / "b", connections)):
            model = load_model(f"{server.url}#fake")
            given = settings(max_connections=n)
            execute(plan(30), jobs(30), model=model, folder=folder, settings=given)
    assert facts(tmp_path / "a") == facts(tmp_path / "b")


def test_a_local_model_is_given_the_longest_clips_first(folder) -> None:
    """What needs most memory fails at once and not at the end, and batches hold clips of like length."""
    mixed = [*jobs(40), *jobs(80, n_samples=3200)[40:]]
    model = LocalModel()
    execute(plan(80), mixed, model=model, folder=folder, settings=settings(batch_size=4))
    assert set(model.batches[0]) == {0.4} and set(model.batches[-1]) == {0.1}


@pytest.mark.parametrize("batch_size", [1, 32])
def test_batches_do_not_move_a_number(tmp_path, batch_size) -> None:
    arms = (Arm(), Arm(attack="test_shout:gain=3"))
    planned = plan(20, attack="test_shout:gain=3")
    for folder, size in ((tmp_path / "a", 5), (tmp_path / "b", batch_size)):
        mixed = [job for k in range(20) for job in jobs(20, arms=arms, n_samples=800 + 100 * (k % 7))[k::20]]
        execute(planned, mixed, model=LocalModel(), folder=folder, settings=settings(batch_size=size))
    assert facts(tmp_path / "a") == facts(tmp_path / "b")
    assert len(facts(tmp_path / "a")) == 40


def test_every_way_of_having_no_score_is_counted_and_never_scored(folder) -> None:
    def no_audio() -> Stimulus:
        raise BadAudio("'x.wav' must hold audio, got an empty file")

    class Odd(LocalModel):
        def reply(self, stimulus):
            number = int(stimulus.prompt.split()[1])
            said = {1: "  ", 3: "unparsed"}.get(number, stimulus.prompt)
            if number == 2:
                return Failure(reason="too_long", detail="cut")
            if number == 4:
                raise RuntimeError("out of memory")
            return Answer(text=said)

    given = jobs(6)
    given[0] = replace(given[0], item=replace(given[0].item, load=no_audio))
    summary = execute(plan(6), given, model=Odd(), folder=folder, settings=settings())
    lines = read_journal(folder)
    assert [line.reason for line in lines] == [
        "bad_audio",
        "empty_answer",
        "too_long",
        "unparsed",
        "model_error",
        None,
    ]
    assert [line.verdict for line in lines[:5]] == [None] * 5
    assert summary.n_scored == 1 and sum(summary.unscored.values()) == 5
    assert "out of memory" in lines[4].detail
    assert lines[1].answer == "  "


def test_a_blocked_reply_is_no_answer(folder) -> None:
    class Blocked(LocalModel):
        def reply(self, stimulus):
            return Answer(text="", details={"blocked": True})

    execute(plan(1), jobs(1), model=Blocked(), folder=folder, settings=settings())
    (line,) = read_journal(folder)
    assert (line.reason, line.detail) == ("content_filter", "the provider's filter stopped it")


def test_an_error_while_scoring_is_that_items_outcome_and_is_tried_again_on_resuming(folder) -> None:
    def broken(item, answer):
        if item.sample == "0007":
            raise ZeroDivisionError("a bug")
        return score(item, answer)

    given = [replace(job, score=broken) for job in jobs(10)]
    summary = execute(plan(10), given, model=LocalModel(batch_size=1), folder=folder, settings=settings())
    assert (summary.n_scored, summary.unscored) == (9, {"scoring_failed": 1})
    (line,) = [line for line in read_journal(folder) if line.status == "unscored"]
    assert line.item == "letters/0007" and line.answer is not None
    assert re.fullmatch(r"ZeroDivisionError: a bug \(test_execute\.py, line \d+\)", line.detail)
    summary = execute(plan(10), jobs(10), model=LocalModel(), folder=folder, settings=settings())
    assert (summary.n_resumed, summary.n_scored) == (9, 10)


@pytest.mark.parametrize("fault", [MemoryError("no memory"), OSError(24, "Too many open files"), MissingExtra("torch")])
def test_a_fault_of_the_machine_is_no_outcome_of_an_item(folder, fault) -> None:
    def broken(item, answer):
        raise fault

    with pytest.raises((MachineFailed, MissingExtra), match=str(fault.args[-1])) as caught:
        execute(plan(1), [replace(jobs(1)[0], score=broken)], model=LocalModel(), folder=folder, settings=settings())
    assert "while scoring letters/0000" in "".join(caught.value.__notes__)
    assert read_journal(folder) == []


SAYS = {
    "half a character": "half \ud83d a character",
    "a zero byte": "a\x00b",
    "escapes": "\x1b]0;owned\x07\x1b[2J\u202e",
    "very long": "no " * 60_000,
}


@pytest.mark.parametrize("said", SAYS.values(), ids=SAYS)
def test_what_a_model_says_never_ends_a_run_and_is_kept_as_valid_text(folder, said) -> None:
    class Says(LocalModel):
        def reply(self, stimulus):
            return Answer(text=said, details={"transcript": said[:9], "odd": float("nan"), "deep": nested(500)})

    summary = execute(plan(2), jobs(2), model=Says(), folder=folder, settings=settings())
    assert summary.n_scored == 2
    for line in read_journal(folder):
        assert line.answer == said[:MAX_CHARACTERS].replace("\ud83d", "\ufffd")
        cut = "the first 100,000 of 180,000 characters are kept" if len(said) > MAX_CHARACTERS else None
        assert (line.read or {}).get("cut") == cut


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("given", [None, 7, "a text", b"bytes", ["a", "b"], {"text": "no"}], ids=repr)
def test_what_is_no_reply_is_a_failure_of_that_item(folder, given) -> None:
    class Odd(LocalModel):
        def ask(self, stimuli, *, sampling=None):
            return given if given is None or isinstance(given, int) else [given for _ in stimuli]

    summary = execute(plan(3), jobs(3), model=Odd(), folder=folder, settings=settings())
    assert summary.unscored == {"bad_response": 3}
    assert (
        f"must give an Answer or a Failure to each stimulus, got {type(given).__name__}"
        in read_journal(folder)[0].detail
    )


@pytest.mark.parametrize(
    "field, value", [("text", 7), ("text", None), ("text", b"no"), ("usage", [1]), ("details", "x"), ("clip", "a.wav")]
)
def test_an_answer_has_the_types_that_it_says(field, value) -> None:
    with pytest.raises(ModelFailed, match=rf"must have a text \(str\).*got .*{field} {type(value).__name__}") as caught:
        Answer(**{"text": "", field: value})
    assert caught.value.reason == "bad_response"


def test_an_answer_is_valid_text_before_anybody_reads_it() -> None:
    answer = Answer(text="a \ud83d b", details={"transcript": "\udcff", "log": (1.0, float("inf"))})
    assert (answer.text, answer.said) == ("a \ufffd b", "a \ufffd b")
    assert answer.details == {"transcript": "\ufffd", "log": [1.0, None]}
    assert Failure(reason="model_error", detail="\udcff" * 5_000).detail == "\ufffd" * 2_000
    assert replace(answer, duration_ms=1.0).text == answer.text


def test_a_verdict_that_no_line_can_hold_is_that_items_outcome(folder) -> None:
    def odd(item, answer):
        if item.sample == "0001":
            return Verdict(score=1.5, label="right")
        return Verdict(score=1.0, label="right", facts={"n": float("inf"), "set": {2}, "huge": 10**400})

    summary = execute(
        plan(2), [replace(job, score=odd) for job in jobs(2)], model=LocalModel(), folder=folder, settings=settings()
    )
    assert (summary.n_scored, summary.unscored) == (1, {"scoring_failed": 1})
    kept, failed = read_journal(folder)
    assert failed.detail.startswith("BadParameter: a score must lie in [0, 1] or be None, got 1.5; scale it")
    assert kept.verdict["facts"]["n"] is None and kept.verdict["facts"]["set"] == [2]


def test_ids_must_be_unique(folder) -> None:
    with pytest.raises(BadParameter, match=r"unique, got letters/0000 more than once"):
        execute(plan(1), jobs(1) + jobs(1), model=LocalModel(), folder=folder, settings=settings())


def test_progress_is_told_and_ends_complete(folder) -> None:
    told = []
    execute(
        plan(40), jobs(40), model=LocalModel(delay_s=0.1), folder=folder, settings=settings(), on_progress=told.append
    )
    assert len(told) >= 3
    assert [state.done for state in told] == sorted(state.done for state in told)
    assert (told[-1].done, told[-1].total, told[-1].scored, told[-1].unscored) == (40, 40, 40, {})
    assert told[-1].eta_s == 0.0 and told[-1].cost_usd == 0.0
    assert max(state.in_flight for state in told) <= 4


def test_execute_works_inside_a_running_loop(folder) -> None:
    async def notebook():
        return execute(plan(3), jobs(3), model=LocalModel(), folder=folder, settings=settings())

    assert asyncio.run(notebook()).n_scored == 3


def test_ctrl_c_in_a_notebook_stops_the_run_and_keeps_what_is_done(folder) -> None:
    pressed = []

    def press(state):
        if state.done and not pressed:
            pressed.append(True)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    async def notebook():
        execute(
            plan(200), jobs(200), model=LocalModel(delay_s=0.1), folder=folder, settings=settings(), on_progress=press
        )

    loop = asyncio.new_event_loop()  # asyncio.run would hear the signal itself; a notebook's loop does not
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(notebook())
    loop.close()
    assert 0 < len(read_journal(folder)) < 200


def test_execute_async_can_be_awaited(folder) -> None:
    summary = asyncio.run(execute_async(plan(3), jobs(3), model=LocalModel(), folder=folder, settings=settings()))
    assert summary.n_scored == 3


def test_a_folder_of_another_plan_is_refused(folder) -> None:
    execute(plan(1), jobs(1), model=LocalModel(), folder=folder, settings=settings())
    with pytest.raises(PlanMismatch, match="seed is 0 there, 1 here"):
        execute(plan(1, seed=1), jobs(1), model=LocalModel(), folder=folder, settings=settings())


def test_a_finished_run_asks_nothing_again(folder) -> None:
    execute(plan(5), jobs(5), model=LocalModel(), folder=folder, settings=settings())
    model = LocalModel()
    summary = execute(plan(5), jobs(5), model=model, folder=folder, settings=settings())
    assert model.batches == [] and summary.n_calls == 0 and summary.n_resumed == 5 and summary.n_scored == 5


def test_a_resumed_run_retries_what_the_transport_lost_and_the_last_line_holds(folder) -> None:
    class Down(LocalModel):
        def reply(self, stimulus):
            lost = {"say 1": "timeout", "say 2": "too_long"}.get(stimulus.prompt)
            return Failure(reason=lost) if lost else Answer(text=stimulus.prompt)

    execute(plan(4), jobs(4), model=Down(), folder=folder, settings=settings())
    summary = execute(plan(4), jobs(4), model=LocalModel(), folder=folder, settings=settings())
    assert summary.n_resumed == 3 and summary.n_calls == 1
    assert summary.unscored == {"too_long": 1}
    assert [line.status for line in read_journal(folder)] == ["scored", "scored", "unscored", "scored"]
    assert len((folder / "journal.jsonl").read_bytes().splitlines()) == 5


def test_answers_are_shared_between_runs_where_the_model_is_known_to_be_the_same(tmp_path) -> None:
    given = settings(cache=tmp_path / "cache")
    weights = LocalModel()
    for name in ("a", "b"):
        execute(plan(3), jobs(3), model=weights, folder=tmp_path / name, settings=given)
    assert sum(map(len, weights.batches)) == 3
    with Loopback() as server:  # another model may stand behind the same address tomorrow
        for name in ("c", "d"):
            execute(plan(3), jobs(3), model=load_model(f"{server.url}#fake"), folder=tmp_path / name, settings=given)
        assert server.n_requests == 6
        (tmp_path / "d" / "journal.jsonl").unlink()
        summary = execute(
            plan(3), jobs(3), model=load_model(f"{server.url}#fake"), folder=tmp_path / "d", settings=given
        )
        assert server.n_requests == 6 and summary.n_cached == 3


# -- arms


@dataclass(frozen=True, kw_only=True)
class Shout(Attack):
    source, family = "test", "corruption"
    gain: float = 2.0
    fails_on: str = ""

    def propose(self, victim, stimuli, *, rngs):
        if any(stimulus.prompt == self.fails_on for stimulus in stimuli):
            raise BadParameter("cannot shout at this")
        victim.ask({place: Candidate(clip=stimulus.clip) for place, stimulus in enumerate(stimuli)})
        return [
            Candidate(
                clip=s.clip.with_samples(np.clip(s.clip.samples * self.gain, -1, 1).astype(np.float32)),
                drawn={"number": int(rng.integers(1000))},
            )
            for s, rng in zip(stimuli, rngs, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class WhiteBox(Shout):
    needs = "gradients"


@dataclass(frozen=True, kw_only=True)
class Broken(Shout):
    def run(self, system, stimuli, *, rng):
        raise ModelFailed("no gradient today", reason="model_error")


@dataclass(frozen=True, kw_only=True)
class Halve(Defence):
    source, gradient = "test", "stand_in"

    def apply(self, clip, *, rng):
        return clip.with_samples((clip.samples / 2).astype(np.float32))

    def review(self, answer):
        return replace(answer, text=answer.text + " (reviewed)")


PLUGINS = ((attacks, "test_shout", Shout), (attacks, "test_white_box", WhiteBox), (attacks, "test_broken", Broken),
           (defences, "test_halve", Halve))  # fmt: skip  # a table: one row a line


@pytest.fixture(autouse=True, scope="module")
def plugins():
    for registry, name, plugin in PLUGINS:
        registry.register(name)(plugin)
    yield
    for registry, name, _ in PLUGINS:  # other tests go through every registered name
        del registry._found[name]


def goal(item) -> Goal:
    return Goal(target="yes", reached=lambda text: "yes" in text)


ARMS = (
    Arm(),
    Arm(attack="test_shout:gain=3"),
    Arm(defences=("test_halve",)),
    Arm(attack="test_shout:gain=3", defences=("test_halve",)),
)


def test_all_four_arms_of_a_local_model(folder) -> None:
    planned = plan(8, attack="test_shout:gain=3", defences=("test_halve",))
    given = [replace(job, goal=goal) for job in jobs(8, arms=ARMS)]
    summary = execute(planned, given, model=LocalModel(batch_size=3), folder=folder, settings=settings())
    assert summary.n_scored == 32
    lines = {line.item: line for line in read_journal(folder)}
    plain, shouted = lines["letters/0002"], lines["letters/0002@test_shout:gain=3"]
    assert plain.attempt is None and plain.clips["speech"] == clip(2).digest
    assert shouted.attempt["n_queries"] == 1 and shouted.attempt["clean_answer"] == plain.answer
    assert shouted.attempt["success"] == ("yes" in shouted.answer)
    assert shouted.clips["speech"] != plain.clips["speech"]
    assert shouted.prompt == "say 2"
    heard = AudioClip.read(folder / "clips" / f"{shouted.clips['speech']}.flac")
    assert heard.level_dbfs == pytest.approx(clip(2).level_dbfs + 20 * np.log10(3), abs=0.2)
    halved = lines["letters/0002@+test_halve"]
    assert halved.answer.endswith("(reviewed)") and halved.defence_ms > 0
    assert halved.clips == plain.clips  # what the system was sent; the defence replays what the model got
    assert lines["letters/0002@test_shout:gain=3+test_halve"].answer.endswith("(reviewed)")


def test_all_four_arms_of_a_remote_model_ask_clean_clips_once(folder, tmp_path) -> None:
    planned = plan(6, attack="test_shout:gain=3", defences=("test_halve",))
    given = [replace(job, goal=goal) for job in jobs(6, arms=ARMS)]
    with Loopback() as server:
        model = load_model(f"{server.url}#fake")
        summary = execute(planned, given, model=model, folder=folder, settings=settings(cache=tmp_path / "cache"))
    assert summary.n_scored == 24
    # plain and halved, each clean and shouted: what an attack asks of the clean clip is in the cache by then
    assert server.n_requests == 24 and summary.n_cached > 0
    assert set(server.n_by_content.values()) == {1}


def test_items_without_a_goal_are_attacked_and_measured(folder) -> None:
    execute(
        plan(2, attack="test_shout"), jobs(2, arms=ARMS[1:2]), model=LocalModel(), folder=folder, settings=settings()
    )
    (first, _) = read_journal(folder)
    assert first.attempt["success"] is None and first.status == "scored"


def test_one_attack_that_fails_costs_one_item(folder) -> None:
    spec = "test_shout:fails_on=say 2"
    given = jobs(4, arms=(Arm(attack=spec),))
    execute(plan(4, attack=spec), given, model=LocalModel(batch_size=4), folder=folder, settings=settings())
    lines = read_journal(folder)
    assert [line.reason for line in lines] == [None, None, "attack_failed", None]
    assert lines[2].detail == "cannot shout at this"


def test_an_attack_that_needs_more_than_is_granted_ends_before_the_first_call(folder) -> None:
    model = LocalModel()
    with pytest.raises(AccessDenied, match="needs gradients access, but 'fake' grants responses only"):
        execute(
            plan(1, attack="test_white_box"),
            jobs(1, arms=(Arm(), Arm(attack="test_white_box"))),
            model=model,
            folder=folder,
            settings=settings(),
        )
    assert model.batches == [] and not folder.exists()


def test_an_attacked_item_whose_last_answer_fails_has_its_reason(folder) -> None:
    class Limited(LocalModel):
        def reply(self, stimulus):
            loud = stimulus.clip.peak > 0.5
            return Failure(reason="too_long", detail="loud") if loud else Answer(text="say 0")

    spec = "test_shout:gain=3"
    execute(
        plan(1, attack=spec), jobs(1, arms=(Arm(attack=spec),)), model=Limited(), folder=folder, settings=settings()
    )
    (line,) = read_journal(folder)
    assert (line.status, line.reason, line.verdict) == ("unscored", "too_long", None)
    assert line.attempt["success"] is None


def test_canaries_keep_their_kind(folder) -> None:
    job = Job(item=item(0), arm=Arm(), kind="canary", score=lambda item, answer: Verdict(score=None, label="heard"))
    execute(plan(0), [job], model=LocalModel(), folder=folder, settings=settings())
    (line,) = read_journal(folder)
    assert (line.kind, line.score, line.label) == ("canary", None, "heard")


# -- faults


def test_nothing_is_lost_and_nothing_doubled_when_a_third_of_the_calls_fail(folder, monkeypatch) -> None:
    monkeypatch.setattr("earnest.engine.caller.FIRST_WAIT_S", 0.01)
    faults = Faults(rate_limited=0.1, overloaded=0.05, server_error=0.05, timeout=0.02, cut=0.05, nonsense=0.05)
    with Loopback(faults=faults, latency_s=0.002) as server:
        model = load_model(f"{server.url}#fake")
        given = settings(max_connections=32, timeout_s=0.5, max_attempts=8)
        summary = execute(plan(200), jobs(200), model=model, folder=folder, settings=given)
    lines = (folder / "journal.jsonl").read_text().splitlines()
    assert len(lines) == len({json.loads(line)["item"] for line in lines}) == 200
    assert summary.n_scored + sum(summary.unscored.values()) == 200
    assert summary.n_scored >= 199  # 0.3 ** 8 of a call to be given up
    assert server.n_requests == summary.n_calls + summary.n_retries + sum(summary.unscored.values())
    assert set(server.n_faults) == set(Faults.KINDS)
    assert all(line.score == 1.0 for line in read_journal(folder) if line.status == "scored")


def test_a_retry_after_that_is_a_date_is_waited_for(folder) -> None:
    faults = Faults(rate_limited=1.0, first_n=1, retry_after="date")
    with Loopback(faults=faults) as server:
        begun = time.monotonic()
        summary = execute(plan(1), jobs(1), model=load_model(f"{server.url}#fake"), folder=folder, settings=settings())
    # the date is a whole second, rounded down: from nothing to one second ahead; one misread by its zone is hours ahead
    assert summary.n_retries == 1 and summary.n_scored == 1 and time.monotonic() - begun < 30


def test_a_call_that_never_succeeds_is_given_up_and_counted(folder, monkeypatch) -> None:
    monkeypatch.setattr("earnest.engine.caller.FIRST_WAIT_S", 0.001)
    with Loopback(faults=Faults(server_error=1.0)) as server:
        model = load_model(f"{server.url}#fake")
        summary = execute(plan(3), jobs(3), model=model, folder=folder, settings=settings(max_attempts=3))
    assert summary.unscored == {"http_5xx": 3} and server.n_requests == 9


def test_a_model_that_raises_what_it_should_not_is_the_models_fault(folder) -> None:
    class Bad(Model):
        name = "bad"

        async def ask_one(self, stimulus, *, sampling=None):
            raise KeyError("choices")

    summary = execute(plan(2), jobs(2), model=Bad(), folder=folder, settings=settings())
    assert summary.unscored == {"model_error": 2}
    assert "KeyError" in read_journal(folder)[0].detail


def test_settings_are_checked() -> None:
    with pytest.raises(BadParameter, match="max_connections must be at least 1, got 0"):
        Settings(max_connections=0)
    with pytest.raises(BadParameter, match="timeout_s must be above 0"):
        Settings(timeout_s=0)


def test_the_cache_has_its_place_in_the_environment(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path / "there"))
    assert Settings().cache == tmp_path / "there"
    monkeypatch.delenv("EARNEST_CACHE")
    assert Settings().cache.parts[-2:] == (".cache", "earnest")


def test_outcomes_are_made_by_the_job_alone(folder) -> None:
    given = [
        replace(job, score=lambda item, answer: Unscored(reason="did_not_hear", detail="silence")) for job in jobs(1)
    ]
    summary = execute(plan(1), given, model=LocalModel(), folder=folder, settings=settings())
    assert summary.unscored == {"did_not_hear": 1}


def test_a_model_failure_raised_inside_an_attack_keeps_its_reason(folder) -> None:
    spec = "test_broken"
    execute(
        plan(1, attack=spec), jobs(1, arms=(Arm(attack=spec),)), model=LocalModel(), folder=folder, settings=settings()
    )
    assert read_journal(folder)[0].reason == "model_error"
