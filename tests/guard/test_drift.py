"""Drift of decisions between two folders of recorded sessions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import hypergeom

from earnest.cli.guard import guard_command
from earnest.errors import BadData
from earnest.guard.drift import changes, sessions
from earnest.guard.recording import record

POLICY = "rules:\n- {name: loud, detector: level, above: -20}\n- {name: overdriven, detector: clipping, above: 0.5}\n"


def folder(path: Path, n_loud: int, n: int) -> Path:
    path.mkdir()
    for number in range(n):
        samples = np.full(320, 0.5 if number < n_loud else 0.001, np.float32)
        record(path / f"{number}.jsonl", samples, 16_000, POLICY, key="k")
    return path


def test_a_change_is_found_by_its_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = folder(tmp_path / "a", 2, 20), folder(tmp_path / "b", 14, 20)
    first, second = changes(sessions(before, key="k"), sessions(after, key="k"))
    assert first.rule == "loud" and first.changed and not second.changed and second.p == 1
    assert (first.baseline.n, first.window.n, first.window.sessions) == (2, 14, 20)
    tail = hypergeom(40, 16, 20)  # 16 of 40 sessions were loud; how few of them fell to the baseline
    extreme = [k for k in range(17) if tail.pmf(k) <= tail.pmf(2) * (1 + 1e-9)]
    assert first.p == pytest.approx(2 * sum(tail.pmf(k) for k in extreme))  # Holm: times two rules
    monkeypatch.setenv("EARNEST_GUARD_KEY", "k")
    done = CliRunner().invoke(guard_command, ["drift", str(before), str(after), "--json"])
    assert done.exit_code == 1 and json.loads(done.stdout)["rules"][0]["rule"] == "loud"
    same = CliRunner().invoke(guard_command, ["drift", str(before), str(before)])
    assert same.exit_code == 0 and "loud: 2 of 20 sessions, then 2 of 20" in same.stdout


def test_a_folder_without_sessions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="holds no recorded session"):
        sessions(tmp_path)
