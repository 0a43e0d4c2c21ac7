"""How `earnest run` ends when it is not done: exit code 2, what was said, what is missing, and that it can be resumed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from earnest.engine import read_journal
from earnest.testing.loopback import Loopback

Call = Callable[..., subprocess.CompletedProcess[str]]

MODELS = """
import os, sys, time
asked = 0
def dies_later(clip, prompt):
    global asked
    asked += 1
    if asked > 5 and not os.path.exists("mended"):
        os._exit(0)
    return "I cannot help with that."
def leaves(clip, prompt): sys.exit(0)
def mute(clip, prompt): return ""
def hums(clip, prompt): return "Hmm, hmm, hmm."
def hangs(clip, prompt):
    open("hangs", "w").close()
    time.sleep(100)
"""


def options(model: str) -> list[str]:
    return ["run", "core", "--model", model, "--out", "run", "--task", "harmful_refusal", "--limit", "4"]


def started(cwd: Path, model: str) -> subprocess.Popen[str]:
    (cwd / "own_models.py").write_text(MODELS)
    return subprocess.Popen(
        [sys.executable, "-m", "earnest", *options(model)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EARNEST_CACHE": str(cwd / "cache")},
    )


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_models", raising=False)


def test_a_model_that_calls_os_exit_cannot_pass_for_a_run_that_is_done(tmp_path: Path) -> None:
    with started(tmp_path, "python:own_models:dies_later") as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    n_planned = len((tmp_path / "run" / "items.jsonl").read_text().splitlines())
    n_missing = n_planned - len(read_journal(tmp_path / "run"))
    assert "with exit code 0 and without a message, as os._exit does" in said
    assert f"{n_missing} of {n_planned} items have no line: " in said and "the same command resumes the run" in said
    (tmp_path / "mended").touch()
    with started(tmp_path, "python:own_models:dies_later") as process:
        process.communicate(timeout=120)
    assert process.returncode == 0 and len(read_journal(tmp_path / "run")) == n_planned


def test_a_run_whose_parent_is_killed_ends_and_one_that_is_told_to_stop_stops(tmp_path: Path) -> None:
    for number, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        with started(tmp_path, "python:own_models:hangs") as process:
            while not (tmp_path / "hangs").exists():
                time.sleep(0.02)
            begun = time.monotonic()
            process.send_signal(number)
            process.communicate(timeout=30)  # the pipes are closed when the child has ended too
            assert process.returncode == code and time.monotonic() - begun < 15
        (tmp_path / "hangs").unlink()


@pytest.mark.usefixtures("models")
def test_a_model_that_calls_sys_exit_is_told_of_as_its_own_fault(call: Call) -> None:
    done = call(*options("python:own_models:leaves"))
    assert done.returncode == 2
    assert "answered none of the" in done.stderr and "SystemExit(0)" in done.stderr
    cases = ElementTree.parse("run/junit.xml").findall(".//testsuite[@name='canaries']/testcase/error")
    assert len(cases) == 1 and "SystemExit(0)" in cases[0].get("message", "")


@pytest.mark.usefixtures("models")
def test_a_run_that_scored_nothing_is_no_success(call: Call) -> None:
    done = call(*options("python:own_models:mute"), "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["folder"] == "run"
    assert "none of 4 items could be scored: 4 empty_answer" in done.stderr


def test_an_address_where_nobody_listens_ends_the_run_at_once(call: Call) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = call(*options(f"http://127.0.0.1:{port}/v1#name"))
    assert done.returncode == 2 and "cannot be asked: the connection to 127.0.0.1 broke" in done.stderr
    assert call("doctor", "--model", f"http://127.0.0.1:{port}/v1#name").returncode == 2


@pytest.mark.parametrize("status, says", [(401, "no such key"), (404, "no such model"), (403, "not yours")])
def test_what_a_server_refuses_once_it_refuses_always(call: Call, status: int, says: str) -> None:
    with Loopback(answer=lambda heard: {"error": {"message": says, "code": status}}) as server:
        done = call(*options(f"{server.url}#name"))
        assert done.returncode == 2 and f"answered {status}: {says}" in done.stderr
        assert server.n_requests <= 16  # no more than were in flight
        assert not (Path("run") / "journal.jsonl").read_bytes()
        seen = json.loads(call("doctor", "--model", f"{server.url}#name", "--json").stdout)["hearing"]
        assert f"http_4xx (127.0.0.1 answered {status}: {says}" in seen["why"] and not seen["answered"]


@pytest.mark.usefixtures("models")
def test_a_judge_that_is_refused_ends_run_and_judge_and_both_go_on_when_it_is_mended(call: Call) -> None:
    says: dict[str, object] = {"error": {"message": "no such key", "code": 401}}
    asked = ["run", "core", "--model", "python:own_models:hums", "--task", "label_match", "--limit", "4"]
    with Loopback(answer=lambda heard: says or '{"label": "no", "reason": "so"}') as server:
        judge = f"{server.url}#j"
        done = call(*asked, "--out", "run", "--judge", judge)
        assert (
            done.returncode == 2
            and f"judge {judge} cannot be asked: 127.0.0.1 answered 401: no such key" in done.stderr
        )
        assert Path("run/report.html").exists()
        assert call(*asked, "--out", "unjudged").returncode == 2
        again = call("judge", "unjudged", "--judge", judge)
        assert (
            again.returncode == 2
            and f"judge {judge} cannot be asked" in again.stderr
            and "Traceback" not in again.stderr
        )
        says.clear()
        assert call("judge", "unjudged", "--judge", judge).returncode == 0
        assert call(*asked, "--out", "run", "--judge", judge).returncode == 0
