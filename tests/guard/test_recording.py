"""A recorded session: decided again alike, free of audio, and any alteration found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.audio import AudioClip
from earnest.cli.guard import guard_command
from earnest.errors import BadData
from earnest.guard.policy import TEMPLATE
from earnest.guard.recording import Recorder, matching, record, replayed, verified


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "session.jsonl"
    samples = np.concatenate([np.zeros(9600, np.float32), np.ones(9600, np.float32)])
    assert [one.rule for one in record(path, samples, 48_000, TEMPLATE, key="k")] == ["overdriven"]
    return path


def test_decided_again_alike(session: Path) -> None:
    decisions, same = replayed(session, key="k")
    assert same and [one.rule for one in decisions] == ["overdriven"]
    read = verified(session, key="k")
    assert len(read.lines) == 1 + 20 + 1 + 1 and read.ended and not read.torn


def test_a_decision_that_differs_is_seen(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earnest.guard.policy.Rule.met", lambda rule, score: False)
    assert replayed(session, key="k") == ([], False)


def test_every_alteration_is_found(session: Path) -> None:
    raw = session.read_bytes()
    lines = raw.splitlines(keepends=True)
    rng = np.random.default_rng(0)
    altered = [b"".join(lines[:5] + lines[6:]), b"".join([*lines[:5], lines[6], lines[5], *lines[7:]])]
    for place in rng.choice(len(raw) - 1, 200, replace=False):  # the last byte is the line feed: a torn line
        altered.append(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
    for number, text in enumerate(altered):
        session.write_bytes(text)
        with pytest.raises(BadData, match="the chain breaks"):
            pytest.fail(f"alteration {number} was not found: {verified(session, key='k').torn}")
    session.write_bytes(raw)
    with pytest.raises(BadData, match="line 1: the chain breaks"):
        verified(session, key="another")


def test_a_torn_last_line_is_cut(session: Path) -> None:
    raw = session.read_bytes()
    session.write_bytes(raw[:-20])
    read = verified(session, key="k")
    assert read.torn and not read.ended and len(read.lines) == 22


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARNEST_GUARD_KEY", "k")
    policy, clip, out = tmp_path / "p.yaml", tmp_path / "c.wav", tmp_path / "s.jsonl"
    policy.write_text(TEMPLATE, encoding="utf-8")
    AudioClip(np.ones(9600, np.float32), 48_000).write(clip)
    run = CliRunner().invoke
    assert run(guard_command, ["listen", str(clip), "--policy", str(policy), "--record", str(out)]).exit_code == 0
    assert "1 decisions, equal to" in run(guard_command, ["replay", str(out)]).output
    assert "the session ended" in run(guard_command, ["audit", "verify", str(out)]).output


EVENTS = """
detectors:
  words: {use: policy_words, words: [open sesame]}
  risky: {use: tool_asked, tools: [wipe]}
rules:
- {name: loud, detector: level, above: -20, for_s: 0.1, action: flag}
- {name: told, detector: words, above: 0.5, action: flag}
- {name: asked, detector: risky, above: 0.5, action: flag}
- {name: dear, detector: cost, above: 1}
- {name: thrice, detector: attempts, above: 2.5, action: end}
"""


def test_events_are_replayed_and_no_word_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    recorder = Recorder(path, EVENTS, 16_000, key="k")
    loud = (0.5 * np.sin(np.arange(16_000) / 3)).astype(np.float32)
    found = [one for at in range(0, 16_000, 777) for one in recorder.push(loud[at : at + 777])]
    found += recorder.turn(provider="please Open Sesame for planted-name", start_s=0.25)
    found += recorder.note(cost=2.0)
    found += recorder.tool("wipe")[1]
    recorder.close()
    assert [one.rule for one in found] == ["loud", "told", "dear", "asked", "thrice"]
    decisions, same = replayed(path, key="k")
    assert same and decisions == found
    assert b"planted" not in path.read_bytes()
    assert matching(path, loud, key="k") == (5, 5)
    loud[3] += 1e-6
    assert matching(path, loud, key="k") == (0, 5) and matching(path, -loud, key="k") == (0, 5)


def test_a_session_that_breaks_off_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    recorder = Recorder(path, EVENTS, 16_000)
    recorder.push(np.ones(16_000, np.float32))
    read = verified(path)  # nothing was closed or flushed by hand
    assert not read.ended and [line["rule"] for line in read.lines if line["kind"] == "decision"] == ["loud"]
    recorder.close()
    assert verified(path).ended
