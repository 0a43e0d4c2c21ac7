"""A run is either done or says why not: what ends it, what is missing, and what is asked again."""

from __future__ import annotations

import asyncio
import errno
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from engine_parts import LocalModel, item, jobs, plan, settings

from earnest.engine import Job, execute, read_journal
from earnest.engine.cache import AnswerCache, answer_key
from earnest.engine.journal import Journal
from earnest.engine.limits import OWN_FILES, Need, check_open_files, disk_need, free_memory, memory_need
from earnest.errors import AudioRefused, BadParameter, MachineFailed, ModelFailed, RunStopped
from earnest.models.access import Answer, Failure, Model, Sampling
from earnest.records import Arm, Verdict


class Remote(Model):
    """Answers by what `says` gives or raises for the number in the prompt; counts its calls."""

    name = "there"

    def __init__(self, says) -> None:
        self.says, self.n_asked = says, 0

    async def ask_one(self, stimulus, *, sampling=None):
        self.n_asked += 1
        await asyncio.sleep(0)
        said = self.says(int(stimulus.prompt.split()[1]))
        if isinstance(said, BaseException):
            raise said
        return Answer(text=stimulus.prompt)


def canary(number: int) -> Job:
    return Job(
        item=item(number), arm=Arm(), kind="canary", score=lambda item, answer: Verdict(score=1.0, label="found")
    )


def with_canaries(n: int, n_canaries: int = 2) -> list[Job]:
    return [*jobs(n), *(canary(1000 + k) for k in range(n_canaries))]


def run(folder, model, given, **changes):
    return execute(plan(len(given)), given, model=model, folder=folder, settings=settings(max_connections=1, **changes))


KEY = ModelFailed("host answered 401: no such key", reason="http_4xx", ends_run="yes")
GONE = ModelFailed("host answered 404: no such model", reason="http_4xx", ends_run="unless_answered")


@pytest.mark.parametrize("error", [KEY, GONE, AudioRefused("host answered 400: no audio here")])
def test_a_failure_that_all_calls_would_share_ends_the_run_with_the_servers_words(folder, error) -> None:
    model = Remote(lambda number: error)
    with pytest.raises(RunStopped, match=f"there cannot be asked: {error} .* run the same command again"):
        run(folder, model, with_canaries(20))
    assert model.n_asked == 1 and read_journal(folder) == []
    summary = run(folder, Remote(lambda number: None), with_canaries(20))
    assert (summary.n_scored, summary.n_resumed) == (22, 0)


def test_canaries_are_asked_before_anything_else(folder) -> None:
    model = Remote(lambda number: None if number >= 1000 else GONE)
    summary = run(folder, model, with_canaries(3))
    assert summary.unscored == {"http_4xx": 3}  # the model has answered: only these items have no answer


def test_a_key_that_is_refused_later_ends_the_run_too(folder) -> None:
    with pytest.raises(RunStopped, match="no such key"):
        run(folder, Remote(lambda number: KEY if number == 2 else None), with_canaries(9))
    assert len(read_journal(folder)) == 4  # two canaries, two items
    assert run(folder, Remote(lambda number: None), with_canaries(9)).n_scored == 11


def test_one_clip_that_is_refused_after_an_answer_is_that_items_outcome(folder) -> None:
    refused = AudioRefused("host answered 400: mp3 only")
    summary = run(folder, Remote(lambda number: refused if number == 1 else None), with_canaries(3))
    assert summary.unscored == {"audio_refused": 1} and summary.n_scored == 4


def test_where_no_canary_is_answered_nothing_else_is_asked_and_all_is_asked_again(folder) -> None:
    model = Remote(lambda number: ModelFailed("the server is on fire", reason="http_5xx"))
    with pytest.raises(RunStopped, match=r"answered none of the 2 canaries .*: 2 http_5xx \(the server is on fire\)"):
        run(folder, model, with_canaries(20))
    assert model.n_asked == 2
    broken = LocalModel(batch_size=1)
    broken.reply = lambda stimulus: Failure(reason="model_error", detail="boom")
    with pytest.raises(RunStopped, match=r"2 model_error \(boom\)"):
        run(folder, broken, with_canaries(20))
    assert run(folder, LocalModel(), with_canaries(20)).n_scored == 22  # `model_error` is final for an item alone


def test_a_run_that_mostly_fails_stops_and_asks_those_items_again(folder) -> None:
    bad = ModelFailed("host answered 400: field 7 is wrong", reason="http_4xx")
    model = Remote(lambda number: bad if 3 <= number < 1000 else None)
    with pytest.raises(RunStopped, match=r"^5 calls in a row gave no answer.*5 http_4xx \(host .* field 7 is wrong\)"):
        run(folder, model, with_canaries(40), max_failures=5)
    assert model.n_asked == 2 + 3 + 5
    again = run(folder, Remote(lambda number: None), with_canaries(40), max_failures=5)
    assert (again.n_resumed, again.n_scored) == (5, 42)


def test_failures_that_answers_part_do_not_stop_a_run_and_are_final(folder) -> None:
    bad = ModelFailed("no", reason="http_4xx")
    model = Remote(lambda number: bad if number % 5 and number < 1000 else None)
    summary = run(folder, model, with_canaries(40), max_failures=5)
    assert summary.unscored == {"http_4xx": 32}
    assert run(folder, Remote(lambda number: None), with_canaries(40), max_failures=5).n_calls == 0
    row = Journal(folder)
    assert row.failed_in_a_row(5) == set() and len(row.failed_in_a_row(4)) == 32 and row.failed_in_a_row(None) == set()
    row.close()


def test_without_a_number_of_failures_a_run_goes_on_whatever_fails(folder) -> None:
    bad = ModelFailed("no", reason="http_4xx")
    summary = run(folder, Remote(lambda number: bad), jobs(30), max_failures=None)
    assert summary.unscored == {"http_4xx": 30}


# -- models that end the program


@pytest.mark.parametrize("raised", [SystemExit(0), asyncio.CancelledError(), KeyboardInterrupt()])
@pytest.mark.parametrize("size", [1, 4])
def test_a_local_model_that_ends_the_program_costs_its_item_alone(folder, raised, size) -> None:
    class Ends(LocalModel):
        def reply(self, stimulus):
            if stimulus.prompt == "say 2":
                raise raised
            return super().reply(stimulus)

    summary = execute(plan(6), jobs(6), model=Ends(batch_size=size), folder=folder, settings=settings())
    assert summary.n_scored == 5 and summary.unscored == {"model_error": 1}
    assert type(raised).__name__ in read_journal(folder)[2].detail


@pytest.mark.parametrize("raised", [SystemExit(0), asyncio.CancelledError()])
def test_a_remote_model_that_ends_the_program_costs_its_item_alone(folder, raised) -> None:
    summary = run(folder, Remote(lambda number: raised if number == 2 else None), jobs(6))
    assert summary.n_scored == 5 and summary.unscored == {"model_error": 1}


@pytest.mark.parametrize("raised", [SystemExit(0), KeyboardInterrupt()])
def test_a_task_that_ends_the_program_stops_the_run_with_a_sentence(folder, raised) -> None:
    def ends(item, answer):
        raise raised

    given = jobs(4)
    given[2] = replace(given[2], score=ends)
    with pytest.raises(RunStopped, match=f"raised {type(raised).__name__}.*would end the program"):
        run(folder, LocalModel(batch_size=1), given)
    assert run(folder, LocalModel(), jobs(4)).n_scored == 4


def test_an_item_whose_work_ends_without_a_word_is_named(folder) -> None:
    def ends():
        raise asyncio.CancelledError

    given = jobs(4)
    given[2] = replace(given[2], item=replace(given[2].item, load=ends))
    with pytest.raises(RunStopped, match="4 items were planned, and .* have no line in .*letters/0002"):
        run(folder, LocalModel(batch_size=1), given)
    assert run(folder, LocalModel(), jobs(4)).n_scored == 4


# -- faults of the machine


@pytest.mark.parametrize(
    "fault, says",
    [
        (OSError(errno.EMFILE, "Too many open files"), "too many files open.*ulimit -n"),
        (MemoryError(), "too little memory"),
    ],
)
@pytest.mark.parametrize("where", ["load", "local", "remote", "score"])
def test_a_fault_of_the_machine_is_no_items_outcome(folder, fault, says, where) -> None:
    def fails(*given):
        raise fault

    given, model = jobs(6), LocalModel(batch_size=1)
    if where == "load":
        given[3] = replace(given[3], item=replace(given[3].item, load=fails))
    elif where == "score":
        given[3] = replace(given[3], score=fails)
    elif where == "local":
        model.reply = lambda stimulus: fails() if stimulus.prompt == "say 3" else Answer(text=stimulus.prompt)
    else:
        model = Remote(lambda number: fault if number == 3 else None)
    with pytest.raises(MachineFailed, match=f"{says}.*run the same command again"):
        run(folder, model, given)
    assert all(line.status == "scored" for line in read_journal(folder))
    assert run(folder, LocalModel(), jobs(6)).n_scored == 6


def test_an_audio_file_that_cannot_be_opened_for_want_of_files_is_no_bad_audio(tmp_path, monkeypatch) -> None:
    from engine_parts import clip

    from earnest.audio import AudioClip
    from earnest.errors import BadAudio

    clip(1).write(tmp_path / "a.wav")

    def full(code):
        def opened(*given, **named):
            raise OSError(code, "no")

        return opened

    monkeypatch.setattr(Path, "open", full(errno.EMFILE))
    with pytest.raises(MachineFailed, match="too many files open"):
        AudioClip.read(tmp_path / "a.wav")
    monkeypatch.setattr(Path, "open", full(errno.EACCES))
    with pytest.raises(BadAudio, match="check its permissions"):
        AudioClip.read(tmp_path / "a.wav")


def test_the_limit_of_open_files_is_raised_or_told_before_the_first_call(monkeypatch) -> None:
    limits, hard = [(64, 200)], []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[0])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: hard.append(pair))
    check_open_files(100)
    assert hard == [(100 + OWN_FILES, 200)]
    with pytest.raises(
        BadParameter, match=r"200 connections need 296 open files, .* may have 200; lower max_connections to 104"
    ):
        check_open_files(200)
    limits[0] = (300, 300)
    check_open_files(204)
    assert len(hard) == 1


def long_jobs(n: int, **arm) -> list[Job]:
    """Items of 100 s of which nothing is loaded."""
    return [
        Job(
            item=replace(item(k), duration_s=100.0),
            arm=Arm(**arm),
            score=lambda item, answer: Verdict(score=1.0, label="x"),
        )
        for k in range(n)
    ]


def test_what_a_run_takes_of_the_disk_is_counted_by_recordings_lines_and_attacks() -> None:
    plain, attacked = long_jobs(3), long_jobs(2, attack="noise")
    # a line of 1 to 4 kB each; 3 recordings of 100 s at 8 to 48 kB/s, and 2 attacked ones
    assert disk_need(plain) == Need(3 * 1_000 + 3 * 800_000, 3 * 4_000 + 3 * 4_800_000)
    assert disk_need([*plain, *attacked]) == Need(5 * 1_000 + 5 * 800_000, 5 * 4_000 + 5 * 4_800_000)
    again = [
        replace(job, item=replace(job.item, id="other/" + job.item.id)) for job in plain
    ]  # two tasks on one recording
    assert disk_need([*plain, *again]) == Need(6 * 1_000 + 3 * 800_000, 6 * 4_000 + 6 * 4_800_000)


def test_memory_is_counted_for_what_is_under_way_at_once() -> None:
    short = [replace(job, item=replace(job.item, duration_s=10.0)) for job in long_jobs(4)]
    # 3 of 8 items at once: on average 55 s each at 64 kB/s; at most the three longest ones at 312 kB/s
    assert memory_need([*long_jobs(4), *short], 3) == Need(3 * 55 * 64_000, 300 * 312_000)
    assert memory_need(short, 100) == Need(40 * 64_000, 40 * 312_000)


def test_a_disk_that_cannot_hold_a_run_is_told_before_the_first_call(folder, monkeypatch) -> None:
    free = [1_000_000]
    monkeypatch.setattr(
        "earnest.engine.limits.shutil.disk_usage", lambda path: SimpleNamespace(free=free[0], total=2**30)
    )
    model = Remote(lambda number: None)
    with pytest.raises(
        MachineFailed,
        match=r"of 30 items will take 24 MB to 144 MB in .*run, and its disk has 1 MB free; free some space",
    ):
        run(folder, model, long_jobs(30))
    assert model.n_asked == 0
    free[0] = 100_000_000
    with pytest.warns(UserWarning, match="its disk has 100 MB free: it may become full"):
        run(folder, model, long_jobs(30))
    free[0] = 0  # of a run that is done nothing is left to be written
    assert run(folder, model, long_jobs(30)).n_scored == 30


def test_memory_that_cannot_hold_the_clips_under_way_is_told_before_the_first_call(folder, monkeypatch) -> None:
    free = [8_000_000]
    monkeypatch.setattr("earnest.engine.limits.free_memory", lambda: free[0])
    model = Remote(lambda number: None)

    def many():
        return execute(plan(30), long_jobs(30), model=model, folder=folder, settings=settings(max_connections=10))

    with pytest.raises(
        BadParameter,
        match=r"clips of 10 items at once will take 64 MB to 312 MB of memory, and 8 MB are left; .*--max-connections 1\)",
    ):
        many()
    assert model.n_asked == 0
    free[0] = 100_000_000
    with pytest.warns(UserWarning, match="and 100 MB are left: fewer at once"):
        many()
    assert model.n_asked == 30


def test_what_memory_is_left_is_the_least_that_anything_allows() -> None:
    told = free_memory()
    assert told is None if sys.platform != "linux" else 0 < told < 2**50


# -- calls that hang


def test_a_call_that_hangs_is_a_timeout_and_the_others_are_asked(folder) -> None:
    class Hangs(LocalModel):
        def reply(self, stimulus):
            if stimulus.prompt == "say 2":
                time.sleep(20)
            return super().reply(stimulus)

    begun = time.monotonic()
    summary = run(folder, Hangs(batch_size=1), jobs(5), timeout_s=0.2)
    assert summary.n_scored == 4 and summary.unscored == {"timeout": 1}
    assert "fake must answer within 0.2 s" in read_journal(folder)[2].detail
    assert time.monotonic() - begun < 15
    assert run(folder, LocalModel(), jobs(5)).n_scored == 5


def test_a_batch_may_take_as_long_as_its_stimuli_one_by_one(folder) -> None:
    class Slow(LocalModel):
        def ask(self, stimuli, **given):
            time.sleep(0.3 * len(stimuli))
            return super().ask(stimuli, **given)

    model = Slow(batch_size=4)
    summary = execute(plan(8), jobs(8), model=model, folder=folder, settings=settings(timeout_s=0.8))
    assert summary.n_scored == 8 and max(map(len, model.batches)) == 4  # which takes 1.2 s


def test_a_model_that_hangs_again_and_again_is_asked_no_more(folder) -> None:
    class Hangs(LocalModel):
        def reply(self, stimulus):
            time.sleep(20)

    with pytest.raises(RunStopped, match="4 of its calls hang now"):
        run(folder, Hangs(batch_size=1), jobs(9), timeout_s=0.05)
    assert len(read_journal(folder)) == 3


# -- being told to stop


def stuck(folder, how) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("stuck_run.py")), str(folder), how],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "hangs\n"
    while (folder / "journal.jsonl").read_bytes().count(b"\n") < 2:  # those before it are still being scored
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("how", ["thread", "loop"])
@pytest.mark.parametrize("n_signals", [1, 2])
def test_a_run_that_hangs_ends_when_it_is_told_to_and_keeps_what_is_done(folder, how, n_signals) -> None:
    with stuck(folder, how) as process:
        begun = time.monotonic()
        for _ in range(n_signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(timeout=30) == 143
        if n_signals == 2:
            assert time.monotonic() - begun < 4  # at once, not after STOP_WITHIN_S
    done = {line.item for line in read_journal(folder) if line.status == "scored"}
    assert len(done) == 2
    summary = run(folder, LocalModel(), jobs(9))
    assert (summary.n_resumed, summary.n_scored) == (2, 9)


# -- answers that come back under the wrong requests

WORDS = ("pencil turtle window", "anchor desert", "falcon", "island ladder bridge", "basket pepper rabbit")


def spoken_canaries() -> list[Job]:
    def made(number: int, words: str) -> Job:
        one = replace(item(2000 + number), id=f"canary/{number}", truth={"expected": words, "code_words": [words]})
        return replace(canary(0), item=one)

    return [made(number, words) for number, words in enumerate(WORDS)]


class Swaps(Model):
    """Answers each canary with the words of the one that `of` names for it."""

    name = "there"

    def __init__(self, of) -> None:
        self.of = of

    async def ask_one(self, stimulus, *, sampling=None):
        number = int(stimulus.prompt.split()[1])
        return Answer(text=stimulus.prompt if number < 2000 else f"I heard {WORDS[self.of[number - 2000]]}.")


def test_swapped_answers_stop_a_run_by_the_canaries_own_words(folder) -> None:
    given = [*spoken_canaries(), *jobs(4)]
    with pytest.raises(
        RunStopped, match="canary/0 was answered with the code words of canary/1, and 1 more.*max-connections 1"
    ):
        run(folder, Swaps([1, 0, 2, 3, 4]), given)
    assert all(line.kind == "canary" for line in read_journal(folder))
    summary = run(folder, Swaps([0, 1, 2, 3, 4]), given)
    assert (summary.n_resumed, summary.n_scored) == (0, 9)


def test_answers_that_were_swapped_do_not_stay_in_the_cache_and_others_do(folder) -> None:
    given, cache = [*spoken_canaries(), *jobs(4)], folder.parent / "cache"
    with pytest.raises(RunStopped, match="none of these answers is kept in the cache"):
        run(folder, Swaps([1, 0, 2, 3, 4]), given, cache=cache)
    again = run(folder, Swaps([0, 1, 2, 3, 4]), given, cache=cache)  # the same command: the mended server is asked anew
    assert (again.n_scored, again.n_calls, again.n_cached) == (9, 9, 0)
    (folder / "journal.jsonl").unlink()
    assert run(folder, Swaps([4, 3, 2, 1, 0]), given, cache=cache).n_cached == 9  # what was relied on stays


def test_swapped_answers_of_an_earlier_run_are_taken_out_of_the_cache_too(folder) -> None:
    given, cache = [*spoken_canaries(), *jobs(4)], AnswerCache(folder.parent / "cache")
    poisoned = Swaps([0, 1, 2, 3, 4])
    for job, other in zip(given[:2], (given[1], given[0]), strict=True):  # as a version without the check left it
        key = answer_key(poisoned, job.item.load(), sampling=Sampling(), scope=str(folder.resolve()))
        cache.put(key, asyncio.run(poisoned.ask_one(other.item.load())))
    cache.close()
    with pytest.raises(RunStopped, match="mixes up requests"):
        run(folder, poisoned, given, cache=folder.parent / "cache")
    assert run(folder, poisoned, given, cache=folder.parent / "cache").n_scored == 9


@pytest.mark.parametrize("of", [[1, 1, 1, 1, 1], [2, 2, 2, 2, 2], [0, 1, 3, 3, 4], [0, 2, 2, 3, 2]])
def test_one_answer_to_all_or_to_one_is_no_swap(folder, of) -> None:
    assert run(folder, Swaps(of), [*spoken_canaries(), *jobs(4)]).n_scored == 9
