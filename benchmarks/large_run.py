"""A run of 20,000 live items: whether memory stays flat, how long its report takes to be made and to open in Chromium.

    python benchmarks/large_run.py                 # 20,000 items; a quarter of an hour on two cores
    python benchmarks/large_run.py --n 2000 --json

A loopback endpoint (a process of its own) is asked once about each of n short recordings of many speakers, by the task
`voice_parity`; nothing is cached. Memory is the resident set of the process that runs, sampled four times a second: the
most in the last quarter of the items over the most in the second one. What Chromium takes is measured from its start to
the page's drawn content, and beside it the same for an empty page: seconds on the wall, and of processor time, which other
work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
SENTENCES = ("the boat left the harbour before the rain came", "seven grey geese crossed the frozen lake at dawn")


def main() -> None:
    given = arguments()
    from earnest.testing.loopback import in_own_process

    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch, in_own_process(20) as url:
        found = measured(given, Path(scratch), url)
    print(json.dumps(found, indent=2) if given.json else as_text(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=20_000, help="items")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--scratch", help="folder for recordings and the run folder")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measured(given: argparse.Namespace, scratch: Path, url: str) -> dict[str, Any]:
    """The run, its report written again, and the page opened."""
    from earnest import report
    from earnest.runs.suite import Suite, run_suite

    make_data(scratch / "data", given.n)
    suite = Suite(name="large", version=1, tasks=("voice_parity",))
    memory, begun = Memory(), time.perf_counter()
    with memory:
        run = run_suite(
            suite,
            model=f"{url}#echo",
            data=scratch / "data",
            out=scratch / "run",
            cache=False,
            max_connections=given.connections,
            on_progress=memory.take,
        )
    run_s, begun = time.perf_counter() - begun, time.perf_counter()
    page = report.write(scratch / "run")
    return {
        "n": len(run.lines()),
        "n_scored": sum(line.status == "scored" for line in run.lines()),
        "load": os.getloadavg()[0],
        "run_s": run_s,
        "report_s": time.perf_counter() - begun,
        "memory_mib": {"second_quarter": memory.most(0.25, 0.5), "last_quarter": memory.most(0.75, 1.0)},
        "memory_ratio": memory.most(0.75, 1.0) / memory.most(0.25, 0.5),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page_mb": page.stat().st_size / 1e6,
        **opened(page, scratch),
    }


class Memory:
    """The resident set while a run goes on, by the share of its items that are done."""

    def __init__(self) -> None:
        self._share, self._done = 0.0, threading.Event()
        self._seen: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def take(self, progress: Any) -> None:
        """How far the run is."""
        self._share = progress.done / max(1, progress.total)

    def most(self, low: float, high: float) -> float:
        """The most MiB while the share of finished items lay between two; at 1 the report is being made."""
        return max((mib for share, mib in self._seen if low <= share < high), default=float("nan"))

    def _watch(self) -> None:
        while not self._done.wait(0.25):
            n_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self._seen.append((self._share, n_pages * resource.getpagesize() / 2**20))

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()


def make_data(folder: Path, n: int) -> None:
    """`n` distinct recordings of a quarter of a second, of 200 speakers in two groups."""
    import numpy as np

    from earnest.audio import AudioClip

    folder.mkdir(parents=True)
    time_s = np.arange(4_000) / 16_000
    noise = 0.02 * np.random.default_rng(0).standard_normal(time_s.size + n)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "text", "language", "speaker", "gender"])
        for number in range(n):
            samples = 0.3 * np.sin(2 * np.pi * (100 + number % 160) * time_s) + noise[number : number + time_s.size]
            AudioClip(samples.astype(np.float32), 16_000).write(folder / f"{number:05d}.wav")
            speaker = number % 200
            rows.writerow(
                [f"{number:05d}.wav", SENTENCES[number % 2], "en", f"s{speaker}", ("female", "male")[speaker % 2]]
            )


def opened(page: Path, scratch: Path) -> dict[str, Any]:
    """Seconds until Chromium has drawn the page, and an empty one; medians of three. Nothing where there is none."""
    if CHROMIUM is None:
        return {}
    empty = scratch / "empty.html"
    empty.write_text("<p>nothing</p>", encoding="utf-8")
    return {"chromium": _drawn(page, scratch), "chromium_empty": _drawn(empty, scratch)}


def _drawn(page: Path, scratch: Path) -> dict[str, float]:
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={scratch / 'profile'}",
    ]
    wall_s, processor_s = [], []
    for _ in range(3):
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall_s.append(time.perf_counter() - begun)
        processor_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_s": statistics.median(wall_s), "processor_s": statistics.median(processor_s)}


def as_text(found: dict[str, Any]) -> str:
    """The figures for a terminal."""
    rows = [f"{key}: {value if not isinstance(value, float) else round(value, 2)}" for key, value in found.items()]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
