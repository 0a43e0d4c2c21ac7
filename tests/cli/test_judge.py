"""`earnest judge` as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

Call = Callable[..., subprocess.CompletedProcess[str]]
JUDGE = '''
def judge(prompt):
    """Takes every answer for one that says yes."""
    return '{"label": "yes", "reason": "it nods"}'
'''
SUBJECT = """
def answer(clip, prompt):
    return "Hmm, hmm, hmm."
"""


def own_process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "EARNEST_CACHE": str(cwd / "cache")}
    command = [sys.executable, "-m", "earnest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=given, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose answers only a judge can decide, in the current folder."""
    tmp_path = tmp_path_factory.mktemp("judge")
    (tmp_path / "my_judge.py").write_text(JUDGE, encoding="utf-8")
    (tmp_path / "my_model.py").write_text(SUBJECT, encoding="utf-8")
    options = ("--task", "label_match", "--limit", "12", "--model", "python:my_model:answer", "--out", "run")
    done = own_process("run", "core", *options, cwd=tmp_path)
    assert done.returncode == 2 and "none of 12 items could be scored: 12 unjudged" in done.stderr
    return tmp_path


@pytest.mark.parametrize(
    "options, message",
    [
        ((), "needs a judge or human labels, got neither"),
        (("--judge", "nobody"), "a model is written as one of"),
        (("--judge", "python:my_judge:judge", "--judge-hears"), "let it take (clip, prompt) (audio_refused)"),
        (("--judge", "http://192.0.2.1:9/v1#x", "--max-cost", "1"), "a ceiling needs prices"),
    ],
)
def test_what_cannot_be_done_is_said(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(folder)
    done = call("judge", "run", *options)
    assert done.returncode == 2 and message in done.stderr and not done.stdout


def test_no_run_is_no_run(call: Call) -> None:
    done = call("judge", "nowhere", "--judge", "scripted/echo")
    assert done.returncode == 2 and "is no run folder" in done.stderr


def test_a_run_is_judged_then_judged_no_more_then_corrected(folder: Path) -> None:
    done = own_process("judge", "run", "--judge", "python:my_judge:judge", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["n_judged"] == said["n_questions"] > 0 and said["judges"] == ["python:my_judge:judge"]
    done = own_process("judge", "run", "--judge", "python:my_judge:judge", cwd=folder)
    assert "nothing was left to ask" in done.stdout and "0 new calls" in done.stdout and "report.html" in done.stdout
    shown = json.loads(own_process("show", "run", "--task", "label_match", "--json", cwd=folder).stdout)
    items = [item["item"] for item in shown["items"]]
    assert all(item["status"] == "scored" and item["verdict"]["label"] == "yes" for item in shown["items"])
    (folder / "labels.csv").write_text("item,label\n" + "".join(f"{item},no\n" for item in items), encoding="utf-8")
    done = own_process("judge", "run", "--calibrate", "labels.csv", cwd=folder)
    assert done.returncode == 0 and f"{len(items)} labels by people of label_match" in done.stdout
    assert "_calibrated" in (folder / "run" / "report.json").read_text()
    schema = json.loads(own_process("schema", "judgement", cwd=folder).stdout)
    for line in (folder / "run" / "judgements.jsonl").read_text(encoding="utf-8").splitlines():
        Draft202012Validator(schema).validate(json.loads(line))
