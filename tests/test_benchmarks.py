"""Every benchmark runs to its end and prints its ratios; no figure is judged here. With `./scripts/test --all`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py"))
SMALL = {
    "attacks.py": ["--clips", "2", "--steps", "2"],
    "core.py": ["--limit", "6"],
    "guard_gateway.py": ["--streams", "5", "--rounds", "1", "--seconds", "2"],
    "intervals.py": ["--runs", "4"],
    "papers.py": ["--works", "600"],
    "power.py": ["--runs", "2"],
    "reference.py": ["--clips", "32"],
    "metrics.py": ["--n", "100000", "--n-tandem", "2000"],
    "replies.py": ["--rounds", "1"],
    "large_run.py": ["--n", "2000"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_prints_its_ratios(name: str) -> None:
    if name == "engine.py" and not (ROOT / ".venv-bench/bin/python").exists():
        pytest.skip("the rival has an environment of its own, .venv-bench; benchmarks/engine.py says how to make it")
    done = subprocess.run(
        [sys.executable, f"benchmarks/{name}", "--json", *SMALL.get(name, [])],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ratio" in json.dumps(json.loads(done.stdout))
