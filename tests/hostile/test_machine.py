"""A machine that fails a run: a disk that is full, a folder that may not be written, a clock that jumps, a second process."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from earnest import report
from earnest.engine import read_journal
from earnest.runs.suite import run_suite

RUN = (
    "run",
    "core",
    "--model",
    "scripted/echo",
    "--task",
    "noisy_transcription",
    "--limit",
    "8",
    "--no-cache",
    "--out",
    "run",
)


def earnest(folder: Path, *arguments: str, most_bytes: int | None = None) -> subprocess.Popen[str]:
    """The command line in a process of its own, all of whose files may be so large at most."""

    def limited() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    return subprocess.Popen(
        [sys.executable, "-m", "earnest", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limited,
    )


def test_a_disk_that_is_full_ends_a_run_in_words_and_it_goes_on_when_there_is_room(tmp_path) -> None:
    process = earnest(tmp_path, *RUN, most_bytes=9_000)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 2 and "must be writable, got File too large" in told and "Traceback" not in told
    kept = {line.item for line in read_journal(tmp_path / "run")}
    assert not [path for path in (tmp_path / "run").rglob("*partial*")]
    process = earnest(tmp_path, *RUN)
    assert process.communicate(timeout=600)[1] and process.returncode == 0
    items = Counter(line.item for line in read_journal(tmp_path / "run"))
    assert kept < set(items) and set(items.values()) == {1}
    assert len((tmp_path / "run" / "journal.jsonl").read_bytes().splitlines()) == len(items)


def test_two_processes_on_one_folder_write_every_line_once(tmp_path) -> None:
    processes = [earnest(tmp_path, *RUN) for _ in range(2)]
    told = [process.communicate(timeout=600)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes in ([0, 0], [0, 2])  # the second one came while the first was writing, or after it
    assert codes == [0, 0] or any("another process is writing this run" in text for text in told)
    items = [line.item for line in read_journal(tmp_path / "run")]
    assert len((tmp_path / "run" / "journal.jsonl").read_bytes().splitlines()) == len(set(items)) > 8


def test_reports_written_at_once_by_several_processes_are_whole(finished, sent) -> None:
    processes = [earnest(sent.parent, "report", str(sent)) for _ in range(2)]
    assert [process.communicate(timeout=600) and process.returncode for process in processes] == [0, 0]
    assert (sent / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert not list(sent.glob(".*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(sent, call) -> None:
    sent.chmod(0o555)
    try:
        done = call("report", sent)
        assert done.returncode == 2 and "must be writable, got Permission denied" in done.stderr
    finally:
        sent.chmod(0o755)


def test_a_clock_that_jumps_changes_no_duration_and_no_outcome(tmp_path, monkeypatch) -> None:
    jumps = iter([3e9, -1e9, 0.0, 1e12] * 10_000)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    run = run_suite("core", model="scripted/echo", task="harmful_refusal", limit=4, out=tmp_path / "run", cache=False)
    assert all(0 <= line.duration_ms < 60_000 for line in run.lines())
    assert run.summary is not None and 0 <= run.summary.duration_s < 600
    os.utime(tmp_path / "run" / "journal.jsonl", (-1e9, 4e9))  # a folder from a machine whose clock was wrong
    assert report.write(tmp_path / "run").is_file()


ARGUMENTS = {
    "a long --out": ["run", "quick", "--model", "scripted/echo", "--task", "harmful_refusal", "--out", "x" * 300],
    "a long suite": ["run", "x" * 5000, "--model", "scripted/echo", "--dry-run"],
    "a long run": ["report", "x" * 300],
    "a seed below 0": ["run", "quick", "--model", "scripted/echo", "--seed", "-1", "--dry-run"],
    "a huge shard": ["run", "quick", "--model", "scripted/echo", "--shard", f"{'9' * 5000}/{'9' * 5000}", "--dry-run"],
    "a deep parameter": [
        "run",
        "quick",
        "--model",
        "scripted/echo",
        "--attack",
        "noise:snr_db=" + "[" * 20_000,
        "--dry-run",
    ],
    "a relative module": ["run", "quick", "--model", "python:..:answer", "--dry-run"],
    "a name that is no UTF-8": ["report", "run\udce9"],
    "a long folder of data": ["data", "check", "x" * 300],
    "a long calibration": ["judge", "absent", "--calibrate", "x" * 300],
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
def test_no_argument_ends_in_a_traceback(call, arguments) -> None:
    done = call(*arguments)  # which looks for one
    assert done.returncode == 2 and done.stderr


def test_a_suite_of_brackets_or_of_aliases_is_refused(call, tmp_path) -> None:
    (tmp_path / "deep.yaml").write_text("name: s\nversion: 1\ntasks: " + "[" * 10_000, encoding="utf-8")
    assert "deep.yaml must be YAML in UTF-8, and is nested too deep" in call("run", "deep.yaml", "--dry-run").stderr
    bomb = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 8)}]\n" for k in range(12)
    )
    (tmp_path / "bomb.yaml").write_text(bomb + "name: s\nversion: 1\ntasks: *m\n", encoding="utf-8")
    assert "an alias has no place in a suite; write it out" in call("run", "bomb.yaml", "--dry-run").stderr
    for said in (
        "version: 1e999",
        "version: .nan",
        "version: " + "9" * 5000,
        "limit: 2020-13-45",
        "? [a]\n: b",
        "\x00",
    ):
        (tmp_path / "odd.yaml").write_text(f"name: s\ntasks: [harmful_refusal]\n{said}\n", encoding="utf-8")
        assert call("run", "odd.yaml", "--model", "scripted/echo", "--dry-run").returncode == 2


def test_what_nobody_foresaw_is_one_line_and_where_it_was(call, monkeypatch, capsys) -> None:
    from earnest.cli import main

    monkeypatch.setattr("earnest.report.write", lambda folder, **options: {}["unforeseen"])
    with pytest.raises(SystemExit) as left:
        main(["report", "anything"])
    told = capsys.readouterr().err
    assert left.value.code == 2 and len(told.splitlines()) == 1
    assert "KeyError: 'unforeseen' (in test_machine.py, line " in told and "EARNEST_TRACEBACK=1" in told
    monkeypatch.setenv("EARNEST_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["report", "anything"])
