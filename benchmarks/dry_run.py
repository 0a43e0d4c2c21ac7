"""How long a dry run over a large folder of recordings takes, and where the time goes.

    python benchmarks/dry_run.py                   # 100,000 rows, `core`
    python benchmarks/dry_run.py --n 20000 --profile

The folder has one recording of a second under `--n` names (hard links), with text, speaker, gender, accent and age band, so
that most tasks of the suite find rows. Measured is `run_suite(..., dry_run=True)`: the manifest read and checked, every
item of every task made, the plan and its estimate; seconds on the wall and of processor time.
"""

from __future__ import annotations

import argparse
import cProfile
import csv
import json
import os
import pstats
import tempfile
import time
from pathlib import Path

MOST_LINKS = 50_000
"""Names of one file; some file systems allow no more than 65,000."""

SENTENCES = ("the boat left the harbour before the rain came", "seven grey geese crossed the frozen lake at dawn")


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        make_data(Path(scratch), given.n)
        found = {"n": given.n, **measured(Path(scratch), suite=given.suite, profile=given.profile)}
    print(json.dumps(found, indent=2) if given.json else "\n".join(f"{key}: {value}" for key, value in found.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=100_000, help="rows")
    parser.add_argument("--suite", default="core")
    parser.add_argument("--scratch", help="folder for the recordings")
    parser.add_argument("--profile", action="store_true", help="print what takes longest")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def make_data(folder: Path, n: int) -> None:
    """One recording under `n` names, of 500 speakers."""
    import numpy as np

    from earnest.audio import AudioClip

    time_s = np.arange(16_000) / 16_000
    clip = AudioClip((0.3 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32), 16_000)
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "text", "language", "speaker", "gender", "accent", "age_band"])
        for number in range(n):
            name = f"{number:06d}.wav"
            first = folder / f"{number - number % MOST_LINKS:06d}.wav"
            if number % MOST_LINKS:
                os.link(first, folder / name)
            else:
                clip.write(first)
            speaker = number % 500
            about = (
                ("female", "male")[speaker % 2],
                ("us", "gb", "in")[speaker % 3],
                ("adult", "senior")[speaker % 5 == 0],
            )
            rows.writerow([name, f"{SENTENCES[number % 2]} {number // 500}", "en", f"s{speaker}", *about])


def measured(folder: Path, *, suite: str, profile: bool) -> dict[str, float]:
    """Seconds that the dry run takes, and how many items it plans."""
    from earnest.runs.suite import run_suite

    profiler = cProfile.Profile(time.process_time)
    begun, processor = time.perf_counter(), time.process_time()
    if profile:
        profiler.enable()
    outline = run_suite(suite, model="scripted/echo", data=folder, dry_run=True)
    profiler.disable()
    found = {"wall_s": time.perf_counter() - begun, "processor_s": time.process_time() - processor}
    if profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return {"n_items": sum(sum(arms.values()) for arms in outline.items.values()), **found}


if __name__ == "__main__":
    main()
