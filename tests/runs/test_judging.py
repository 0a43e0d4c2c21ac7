"""Judging a finished run again, with judges behind an endpoint and in Python, deaf and hearing."""

from __future__ import annotations

import json
import os
import signal
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from earnest import report
from earnest.audio import AudioClip
from earnest.engine import clip_path, merge, read_journal
from earnest.errors import BadData, BadParameter, PlanMismatch
from earnest.models.access import Answer, Model
from earnest.plan import Plan
from earnest.results.build import read_lines
from earnest.results.judged import read_judgements
from earnest.runs.suite import Run, judge_run, run_suite
from earnest.tasks._canary import Canary
from earnest.tasks.probe import probe_manifest
from earnest.testing.loopback import Heard, Loopback

TASK = "live_or_copy"
N = 8
"""Items of that task that are asked; `Unsure` answers each so that only a judge can decide."""


class Unsure(Model):
    """Hears every word and decides nothing."""

    name, fingerprint, batch_size = "unsure", "1", 8

    def ask(self, stimuli, *, sampling=None):
        return [Answer(text=f"Hmm, {stimulus.truth['text']}, that may be either.") for stimulus in stimuli]


@dataclass
class Judge:
    """A judge behind an endpoint: says what it is told to say of the response, and keeps what it was sent."""

    says: str = "live"
    heard: list[Heard] = field(default_factory=list)

    def __call__(self, heard: Heard) -> str:
        self.heard.append(heard)
        return json.dumps({"label": self.says, "reason": "so"})


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    """A run whose answers nobody has judged."""
    return made(folder, tmp_path / "run")


def made(folder: Path, out: Path, **options) -> Run:
    given = {"model": Unsure(), "task": TASK, "limit": N, "cache": out.parent / "cache", **options}
    found = run_suite("core", data=folder, out=out, **given)
    assert isinstance(found, Run)
    return found


@pytest.fixture
def endpoint() -> Iterator[tuple[Loopback, Judge]]:
    judge = Judge()
    with Loopback(answer=judge) as server:
        yield server, judge


def again(run: Run, judge: str | list[str], **options):
    return judge_run(run.folder, judge=judge, cache=options.pop("cache", run.folder.parent / "cache"), **options)


def own(tmp_path: Path, monkeypatch, source: str) -> None:
    """A module `my_judge` in the current folder."""
    (tmp_path / "my_judge.py").write_text(textwrap.dedent(source), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    monkeypatch.delitem(__import__("sys").modules, "my_judge", raising=False)


def test_answers_are_judged_and_the_journal_is_left_as_it_is(run: Run, endpoint) -> None:
    server, _ = endpoint
    assert run.findings[0].unscored == {"unjudged": N}
    journal = (run.folder / "journal.jsonl").read_bytes()
    found = again(run, f"{server.url}#one", cache=False)
    assert (found.summary.n_judged, found.summary.n_calls, server.n_requests) == (N, N, N)
    assert (run.folder / "journal.jsonl").read_bytes() == journal
    head = Run.open(run.folder).findings[0]
    assert (head.n_scored, head.value) == (N, 0.5)  # "live" is right of the half that is live
    assert {line.verdict["facts"]["judge"] for line in read_lines(run.folder) if line.task == TASK} == {
        f"{server.url}#one"
    }
    shown = json.loads((run.folder / "report.json").read_text())
    assert next(f for f in shown["findings"] if f["headline"])["value"] == 0.5
    assert f"{server.url}#one" in (run.folder / "report.html").read_text()


def test_the_same_judge_is_not_asked_twice_and_that_is_said(run: Run, endpoint) -> None:
    server, _ = endpoint
    again(run, f"{server.url}#one", cache=False)
    found = again(run, f"{server.url}#one", cache=False)
    assert (found.summary.n_calls, found.summary.n_known, server.n_requests) == (0, N, N)
    assert "nothing was left to ask; 8 were judged before" in found.as_text() and "0 new calls" in found.as_text()


def test_a_judge_more_costs_its_own_calls_alone_and_agreement_is_shown(folder: Path, tmp_path: Path, endpoint) -> None:
    server, judge = endpoint
    with Loopback(answer=lambda heard: "Hmm, one or the other.") as subject:
        first = made(folder, tmp_path / "run", model=f"{subject.url}#s", judge=f"{server.url}#one", cache=False)
        assert (subject.n_requests, server.n_requests) == (N + 12, N)  # four code words asked twice, four silences
        judge.says = "copy"
        found = again(first, f"{server.url}#two", cache=False)
        assert (subject.n_requests, server.n_requests) == (N + 12, N + N)
    assert (found.summary.n_judged, found.summary.n_known, found.summary.n_calls) == (N, 0, N)
    metrics = {finding.metric: finding for finding in Run.open(first.folder).findings}
    assert (metrics["judge_agreement"].value, metrics["judge_agreement"].n_scored) == (0.0, N)
    assert metrics["balanced_accuracy"].value == 0.5  # the judge of the run still decides
    assert again(first, f"{server.url}#one").summary.n_known == N  # who judged in the run is not asked again


def test_judge_calls_are_cached_by_content(run: Run, endpoint) -> None:
    server, _ = endpoint
    n_calls = again(run, f"{server.url}#one").summary.n_calls
    assert 0 < n_calls == server.n_requests < N  # the same answer to the same question is judged once
    (run.folder / "judgements.jsonl").unlink()
    found = again(run, f"{server.url}#one")
    assert (found.summary.n_calls, found.summary.n_judged) == (0, N) and found.summary.n_cached >= n_calls
    assert server.n_requests == n_calls


def test_what_was_interrupted_goes_on(run: Run, endpoint) -> None:
    server, _ = endpoint
    again(run, f"{server.url}#one", cache=False)
    path = run.folder / "judgements.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:50], encoding="utf-8")  # killed while the fourth was written
    found = again(run, f"{server.url}#one", cache=False)
    assert (found.summary.n_known, found.summary.n_judged, server.n_requests) == (3, N - 3, N + N - 3)
    assert len(path.read_text(encoding="utf-8").splitlines()) == N


def test_a_call_that_is_stopped_keeps_what_is_done(run: Run) -> None:
    n_answered = 0

    def judge(heard: Heard) -> str:
        nonlocal n_answered
        n_answered += 1
        if n_answered == 4:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)  # so that it is stopped while this one is under way
        return json.dumps({"label": "live", "reason": "so"})

    with Loopback(answer=judge) as server:
        with pytest.raises(SystemExit):
            again(run, f"{server.url}#one", cache=False, max_connections=1)
        n_kept = len(read_judgements(run.folder))
        assert 3 <= n_kept < N
        found = again(run, f"{server.url}#one", cache=False)
    assert (found.summary.n_known, found.summary.n_judged) == (n_kept, N - n_kept)


def test_shards_are_merged_with_what_judges_said_of_them(folder: Path, tmp_path: Path, endpoint) -> None:
    server, _ = endpoint
    parts = [made(folder, tmp_path / f"part{k}", shard=f"{k}/2", limit=None) for k in (1, 2)]
    n = [again(part, f"{server.url}#one").summary.n_judged for part in parts]
    merge([part.folder for part in parts], tmp_path / "whole")
    lines = [line for line in read_lines(tmp_path / "whole") if line.task == TASK]
    assert all(n) and len(lines) == sum(n) and all(line.label == "live" for line in lines)
    assert again(Run.open(tmp_path / "whole"), f"{server.url}#one").summary.n_known == len(lines)


def test_a_judge_that_cannot_be_reached_is_asked_again_another_time(run: Run, tmp_path: Path, monkeypatch) -> None:
    own(
        tmp_path,
        monkeypatch,
        """
        fails = True
        def judge(prompt):
            if fails:
                raise OSError("no line")
            return '{"label": "copy", "reason": "r"}'
    """,
    )
    found = again(run, "python:my_judge:judge")
    assert found.summary.failed == {"model_error": N} and "8 calls failed: model_error" in found.as_text()
    assert (run.folder / "judgements.jsonl").read_text() == ""
    __import__("my_judge").fails = False
    assert again(run, "python:my_judge:judge").summary.n_judged == N


def test_a_reply_that_cannot_be_read_is_kept_and_counted(run: Run, tmp_path: Path, monkeypatch) -> None:
    own(tmp_path, monkeypatch, "def judge(prompt): return 'live, I think'")
    found = again(run, "python:my_judge:judge", cache=False)
    assert (found.summary.n_judged, found.summary.n_unjudged, found.summary.n_calls) == (0, N, 2 * N)  # one repair each
    assert Run.open(run.folder).findings[0].unscored == {"unjudged": N}
    assert again(run, "python:my_judge:judge", cache=False).summary.n_calls == 0
    assert again(run, "scripted/always_comply").summary.n_unjudged == N  # any model may judge, if badly


def test_several_judges_are_asked_at_once_and_a_limit_of_cost_needs_prices(run: Run, endpoint) -> None:
    server, _ = endpoint
    found = again(run, [f"{server.url}#one", f"{server.url}#two", f"{server.url}#one"])
    assert found.summary.judges == (f"{server.url}#one", f"{server.url}#two") and found.summary.n_judged == 2 * N
    with pytest.raises(BadParameter, match="a ceiling needs prices, and none is known for"):
        again(run, "http://192.0.2.1:9/v1#three", max_cost=1.0)  # no loopback, which is free


def test_nothing_to_do_and_no_run_are_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="needs a judge or human labels, got neither"):
        judge_run(run.folder)
    with pytest.raises(BadData, match="is no run folder"):
        judge_run(tmp_path / "none", judge="scripted/echo")


def test_answers_that_a_parser_scored_are_left_alone(folder: Path, tmp_path: Path, endpoint) -> None:
    server, _ = endpoint
    first = made(folder, tmp_path / "run", model="scripted/random")
    found = again(first, f"{server.url}#one")
    assert (found.summary.n_questions, found.summary.n_parsed, server.n_requests) == (0, N, 0)
    assert "0 answers have a question for a judge; 8 others were scored by a parser" in found.as_text()


# ---------------------------------------------------------------- blind


def test_nothing_that_a_judge_is_sent_names_the_model_under_test(folder: Path, tmp_path: Path, endpoint) -> None:
    server, judge = endpoint
    says = "I am Zephyr-7 Omni by OpenAI, also called zephyr_7_omni or ChatGPT. GPT-4o audio says: perhaps."
    with Loopback(answer=lambda heard: says) as subject:
        spec = f"{subject.url}#openai/zephyr-7-omni"
        first = made(folder, tmp_path / "run", model=spec, judge=f"{server.url}#one", judge_hears=False)
        again(first, f"{server.url}#two")
        port = str(subject.port)
    assert {heard.model for heard in judge.heard} == {"one", "two"}
    for heard in judge.heard:
        sent = json.dumps(dict(heard.body)).lower()
        for name in ("zephyr", "openai", "chatgpt", "gpt", spec.lower(), port):
            assert name not in sent, name
        assert "I am [the system] by [the system], also called [the system] or [the system]." in heard.prompt
    assert all(line.answer == says for line in read_journal(first.folder) if line.task == TASK)


# ---------------------------------------------------------------- hearing

HEARING = """
    import json
    from earnest.tasks._canary import Canary
    from earnest.tasks.probe import probe_manifest
    ITEMS = Canary().items(probe_manifest(), seed=0)
    WORDS = {item.load().clip.digest: item.truth["expected"] for item in ITEMS if not item.truth["control"]}
    asked = []
    def hears(clip, prompt, system_prompt=None):
        if system_prompt is None:
            return f"I heard {WORDS[clip.digest]}." if clip.digest in WORDS else "I heard no speech."
        asked.append((clip, prompt))
        return json.dumps({"label": "live", "reason": "it sounds so"})
    def deaf(clip, prompt):
        return "I heard no speech."
    def guesses(clip, prompt):
        return "I heard " + " ".join(WORDS.values())
"""


def test_a_judge_that_hears_is_tested_and_given_the_clips(folder: Path, tmp_path: Path, monkeypatch) -> None:
    own(tmp_path, monkeypatch, HEARING)
    first = made(folder, tmp_path / "run", judge="python:my_judge:hears", judge_hears=True)
    assert first.plan.judge_hears and Plan.read(first.folder).judge_hears
    known = json.loads((first.folder / "judges.json").read_text())["python:my_judge:hears (hears)"]
    assert (known["n_found"], known["n_canaries"], known["n_controls_found"], known["n_controls"]) == (
        12,
        12,
        0,
        4 + 3 + 2,
    )
    asked = __import__("my_judge").asked
    assert len(asked) == N and all(isinstance(clip, AudioClip) for clip, _ in asked)
    assert all(prompt.startswith("The recording that the system was given is attached.") for _, prompt in asked)
    sent = {name for line in read_journal(first.folder) if line.task == TASK for name in line.clips.values()}
    assert {clip.digest for clip, _ in asked} == sent  # what a judge asked later would hear, too
    assert (
        "found 12 of 12 canaries, and code words in 0 of 9 controls without any"
        in (first.folder / "report.html").read_text()
    )


def test_a_judge_behind_an_endpoint_is_sent_the_clips(folder: Path, tmp_path: Path) -> None:
    items = Canary().items(probe_manifest(), seed=0)
    words = {item.load().clip.digest: item.truth["expected"] for item in items if not item.truth["control"]}
    judged = []

    def judge(heard: Heard) -> str:
        if heard.system_prompt is None:
            return f"I heard {words.get(heard.clips[0].digest, 'no speech')}."
        judged.append(heard)
        return json.dumps({"label": "copy", "reason": "it hums"})

    with Loopback() as subject, Loopback(answer=judge) as server:
        given = {"model": f"{subject.url}#s", "judge": f"{server.url}#ears", "judge_hears": True}
        first = made(folder, tmp_path / "run", cache=False, **given)
        # of the model the four code words of its own data twice, and four silences; of the judge the probe set's twelve
        # canaries twice, four digital silences, three recordings of babble, two of silence, and N answers
        assert (subject.n_requests, server.n_requests) == (N + 12, 2 * 12 + 9 + N)
        made(folder, tmp_path / "run", cache=False, **given)
        assert server.n_requests == 2 * 12 + 9 + N  # resumed: who is known to hear is not tested again
    sent = {name for line in read_journal(first.folder) if line.task == TASK for name in line.clips.values()}
    assert {heard.clips[0].digest for heard in judged} == sent
    assert all("is attached" in heard.prompt for heard in judged)


def test_a_judge_asked_later_hears_what_was_sent(run: Run, tmp_path: Path, monkeypatch) -> None:
    own(tmp_path, monkeypatch, HEARING)
    again(run, "python:my_judge:hears", judge_hears=True)
    sent = {name for line in read_journal(run.folder) if line.task == TASK for name in line.clips.values()}
    assert {clip.digest for clip, _ in __import__("my_judge").asked} == sent
    assert "(hears)" in (run.folder / "report.html").read_text()
    # the same judge without ears is another judge
    found = again(run, "python:my_judge:hears")
    assert found.summary.n_known == 0 and found.summary.n_unjudged + found.summary.n_judged == N


@pytest.mark.parametrize(
    "name, words",
    [
        ("deaf", "0 of 12 canaries found, and code words in 0 of 9 controls without any"),
        ("guesses", "12 of 12 canaries found, and code words in 9 of 9 controls without any"),
    ],
)
def test_a_judge_that_does_not_hear_is_refused_before_the_model_is_asked(
    folder: Path, tmp_path: Path, monkeypatch, name: str, words: str
) -> None:
    own(tmp_path, monkeypatch, HEARING)
    out = tmp_path / "run"
    with Loopback() as subject, pytest.raises(BadParameter, match=f"my_judge:{name}: {words}"):
        made(folder, out, model=f"{subject.url}#s", judge=f"python:my_judge:{name}", judge_hears=True)
    assert subject.n_requests == 0 and not out.exists()
    made(folder, out)
    with pytest.raises(BadParameter, match="Leave out --judge-hears"):
        judge_run(out, judge=f"python:my_judge:{name}", judge_hears=True, cache=False)


def test_hearing_is_part_of_the_plan_and_needs_a_judge(folder: Path, tmp_path: Path, monkeypatch) -> None:
    own(tmp_path, monkeypatch, HEARING)
    with pytest.raises(BadParameter, match="judges that hear need a judge"):
        made(folder, tmp_path / "run", judge_hears=True)
    made(folder, tmp_path / "run", judge="python:my_judge:hears")
    with pytest.raises(PlanMismatch, match="judge_hears is False there, True here"):
        made(folder, tmp_path / "run", judge="python:my_judge:hears", judge_hears=True)


def test_clips_that_are_gone_are_named(run: Run, tmp_path: Path, monkeypatch) -> None:
    own(tmp_path, monkeypatch, HEARING)
    line = next(line for line in read_journal(run.folder) if line.task == TASK)
    clip_path(run.folder, line.clips["speech"]).unlink()
    with pytest.raises(BadData, match=line.clips["speech"]):
        again(run, "python:my_judge:hears", judge_hears=True)


def test_recordings_that_judges_hear_are_said_to_be_sent(folder: Path) -> None:
    found = run_suite(
        "core",
        model="scripted/echo",
        data=folder,
        task=TASK,
        dry_run=True,
        judge="http://example.org:9/v1#j",
        judge_hears=True,
    )
    assert "recordings are sent to example.org" in found.as_text()
    deaf = run_suite(
        "core", model="scripted/echo", data=folder, task=TASK, dry_run=True, judge="http://example.org:9/v1#j"
    )
    assert "recordings stay on this machine" in deaf.as_text()


# ---------------------------------------------------------------- people's labels


def labels_of(run: Run, tmp_path: Path) -> Path:
    """Labels of every item by people, who see a copy in each."""
    path = tmp_path / "labels.csv"
    items = [line.item for line in run.lines() if line.kind == "item"]
    path.write_text("item,label\n" + "".join(f"{item},copy\n" for item in items), encoding="utf-8")
    return path


def test_people_s_labels_correct_a_run_without_any_call(folder: Path, tmp_path: Path) -> None:
    first = made(folder, tmp_path / "run", model="scripted/random", limit=None)
    items = [line for line in first.lines() if line.kind == "item"]
    assert len(items) >= 10
    path = tmp_path / "labels.csv"
    path.write_text("item,label\n" + "".join(f"{line.item},1\n" for line in items), encoding="utf-8")
    found = judge_run(first.folder, calibrate=path)
    assert found.labels == {TASK: len(items)} and found.summary.n_calls == 0
    path.unlink()
    report.write(first.folder)  # again, from what the folder keeps
    shown = json.loads((first.folder / "report.json").read_text())["findings"]
    (made_,) = [f for f in shown if f["metric"].endswith("_calibrated")]
    assert made_["value"] == 1.0 and f"{len(items)} labels by people" in made_["note"]
    assert next(f for f in shown if f["headline"])["value"] < 1
    assert "_calibrated" in (first.folder / "report.md").read_text()


def test_too_few_labels_are_said_and_bad_ones_refused_before_any_call(run: Run, tmp_path: Path, endpoint) -> None:
    server, _ = endpoint
    found = judge_run(run.folder, calibrate=labels_of(run, tmp_path))
    assert "8 labels by people of live_or_copy: too few, 10 are needed" in found.as_text()
    (tmp_path / "bad.csv").write_text("item,label\nnone,copy\n", encoding="utf-8")
    with pytest.raises(BadData, match="the run has no item 'none'"):
        again(run, f"{server.url}#one", calibrate=tmp_path / "bad.csv")
    assert server.n_requests == 0
