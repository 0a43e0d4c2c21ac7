"""Killed at any moment and started again: every item once, and hardly a call wasted."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from earnest.audio import AudioClip
from earnest.engine import lacking, read_journal
from earnest.testing.loopback import Loopback

SCRIPT = Path(__file__).with_name("killed_run.py")
CONNECTIONS = 8
LATENCY_S = 0.02


def start(folder, url, n, *shard) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), url, str(n), *shard], stdout=subprocess.PIPE, text=True
    )


def wait_for_calls(server, n, process) -> None:
    """Until the endpoint was asked `n` times, or the run has ended."""
    while server.n_requests < n and process.poll() is None:
        time.sleep(0.005)


def killed_and_resumed(folder, *, n, kills, seed) -> tuple[int, int, int]:
    """Kill a run so often at random places, let it finish; requests, kills, and lines."""
    rng = random.Random(seed)
    places = sorted(rng.sample(range(1, n), kills))
    n_kills = 0
    with Loopback(latency_s=LATENCY_S) as server:
        for place in places:
            with start(folder, server.url, n) as process:
                wait_for_calls(server, place + n_kills * CONNECTIONS, process)
                time.sleep(rng.uniform(0, 0.2))
                process.send_signal(signal.SIGKILL)
                n_kills += process.wait() == -signal.SIGKILL
        with start(folder, server.url, n) as process:
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0 and said.splitlines()[-1] == f"finished {n}"
        n_requests = server.n_requests
    lines = [json.loads(line)["item"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert len(lines) == len(set(lines)) == n
    for line in read_journal(folder):
        path = folder / "clips" / f"{line.clips['speech']}.flac"
        assert AudioClip.read(path).digest == path.stem
    return n_requests, n_kills, len(lines)


def test_a_run_killed_three_times_has_every_item_once(folder) -> None:
    n_requests, n_kills, _ = killed_and_resumed(folder, n=400, kills=3, seed=0)
    assert n_kills >= 2  # the last place may be reached only after the end
    assert n_requests <= 400 + n_kills * CONNECTIONS


@pytest.mark.slow
def test_a_run_killed_twenty_times_has_every_item_once(folder) -> None:
    n_requests, n_kills, _ = killed_and_resumed(folder, n=3000, kills=20, seed=1)
    assert n_kills >= 18
    assert n_requests <= 3000 + n_kills * CONNECTIONS


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, None)])
def test_a_run_that_is_told_to_stop_writes_what_it_has(folder, number, code) -> None:
    with Loopback(latency_s=LATENCY_S) as server:
        with start(folder, server.url, 400) as process:
            wait_for_calls(server, 100, process)
            process.send_signal(number)
            process.communicate(timeout=30)
            assert process.returncode not in (0, -signal.SIGKILL)
            if code is not None:
                assert process.returncode == code
        n_lines = len(read_journal(folder))
        assert server.n_answered - CONNECTIONS <= n_lines <= server.n_answered
        assert server.n_requests < 400
        with start(folder, server.url, 400) as process:
            said, _ = process.communicate(timeout=60)
            assert said.splitlines()[-1] == "finished 400"
        assert server.n_requests <= 400 + CONNECTIONS


def judged(heard) -> str:
    return json.dumps({"label": "yes", "reason": "so it is"}) if heard.model == "judge" else "an answer"


def test_shards_with_a_judge_that_are_killed_and_merged_have_every_item_once(tmp_path, monkeypatch) -> None:
    n, n_kills, asked = 120, 0, Counter()

    def answer(heard):
        asked[heard.model] += 1
        return judged(heard)

    monkeypatch.setenv("JUDGE", "1")
    parts = [tmp_path / "1of2", tmp_path / "2of2"]
    with Loopback(answer=answer, latency_s=LATENCY_S) as server:
        for part, folder in zip(("1/2", "2/2"), parts, strict=True):
            with start(folder, server.url, n, part) as process:
                wait_for_calls(server, server.n_requests + 40, process)
                process.send_signal(signal.SIGKILL)
                n_kills += process.wait() == -signal.SIGKILL
            with start(folder, server.url, n, part) as process:
                assert process.communicate(timeout=120)[0].startswith("finished ")
    for kind in ("fake", "judge"):
        assert n <= asked[kind] <= n + n_kills * CONNECTIONS
    whole = sorted(line.dumped() for folder in parts for line in read_journal(folder))
    assert len(whole) == n and all(json.loads(line)["verdict"]["label"] == "yes" for line in whole)
    out = tmp_path / "merged"
    for k in (50, n + 1, 0):  # among the clips, at the first line, and to the end
        told = subprocess.run(
            [sys.executable, str(SCRIPT.with_name("killed_merge.py")), str(out), str(k), *map(str, parts)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == (9 if k else 0)
    assert [line.dumped() for line in read_journal(out)] == sorted(whole, key=lambda line: json.loads(line)["item"])
    assert len((out / "journal.jsonl").read_bytes().splitlines()) == n and lacking(out) == []
