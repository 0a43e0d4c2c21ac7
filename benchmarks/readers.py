#!/usr/bin/env python3
"""What the readers of answers cost and miss: CPU time a reply, and shares read wrongly or left undecided, by reader.

    python benchmarks/readers.py [--cases tests/testing/data/replies.jsonl ...] [--runs 5] [--json]

The replies are the recorded cases of the tests, read as tasks read them, with empty caches; the time is set against the
0.1 ms that a reading may take, the mean over the cases of a reader, best of several runs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earnest.tasks import _dates, _figures, _mentions, _statements
from earnest.testing import read_case
from earnest.testing.cases import READERS

CASES = Path(__file__).resolve().parent.parent / "tests" / "testing" / "data"
TARGET_MS = 0.1
CACHED = (_statements.statements, _mentions.mentions, _figures.in_figures, _figures.codes, _dates.dates)


def milliseconds(cases: Sequence[dict[str, Any]], *, runs: int) -> float:
    """CPU time of one reading, the mean over the cases, of the fastest run."""
    best = float("inf")
    for _ in range(runs):
        for cached in CACHED:
            cached.cache_clear()
        start = time.process_time()
        for case in cases:
            read_case(case)
        best = min(best, time.process_time() - start)
    return 1000 * best / len(cases)


def row(cases: Sequence[dict[str, Any]], *, runs: int) -> dict[str, float]:
    """Time and shares of one reader."""
    readings = [(read_case(case), case["reading"]) for case in cases]
    missed = [
        reading
        for reading, right in readings
        if reading != right or isinstance(reading, bool) != isinstance(right, bool)
    ]
    undecided = sum(reading in (None, []) for reading in missed)
    ms = milliseconds(cases, runs=runs)
    return {
        "n": len(cases),
        "wrong": (len(missed) - undecided) / len(cases),
        "undecided": undecided / len(cases),
        "ms": round(ms, 4),
        "ratio": round(ms / TARGET_MS, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", type=Path, default=sorted(CASES.glob("*.jsonl")))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cases = [
        json.loads(line) for path in options.cases for line in path.read_text(encoding="utf-8").splitlines() if line
    ]
    by_reader = {reader: [case for case in cases if case["reader"] == reader] for reader in READERS}
    rows = {reader: row(mine, runs=options.runs) for reader, mine in by_reader.items() if mine}
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for reader, found in rows.items():
        print(
            f"{reader:26} {found['n']:5} replies, {found['wrong']:6.1%} wrong, {found['undecided']:6.1%} undecided, "
            f"{found['ms']:.3f} ms, {found['ratio']:.2f} of {TARGET_MS} ms"
        )


if __name__ == "__main__":
    main()
