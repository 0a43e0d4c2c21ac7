"""How long the report of a large run takes, and where the time goes.

    python benchmarks/report.py RUN                # the run's lines, multiplied to 20,000
    python benchmarks/report.py RUN --n 1400 --profile

A finished run folder is taken (`earnest run core --model scripted/always_comply --out RUN`, say), and its lines are written
again under other samples, speakers and texts until there are `--n` of them: every task, arm and label of the run, at the
size of a large one. Measured is `earnest report`: from the folder to the page, `report.json`, `report.md` and `junit.xml`;
seconds on the wall and of processor time, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path
from typing import Any

OWN = ("speaker", "text", "recording")
"""What a copy of a line has of its own, so that it is resampled as another item."""


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        n = multiplied(given.run, folder, given.n)
        found = {"n": n, **measured(folder, profile=given.profile)}
    print(json.dumps(found, indent=2) if given.json else "\n".join(f"{key}: {value}" for key, value in found.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--n", type=int, default=20_000, help="lines, at least")
    parser.add_argument("--profile", action="store_true", help="print what takes longest")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def multiplied(run: Path, folder: Path, n: int) -> int:
    """Write a run folder of at least `n` lines made of those of `run`; their number."""
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    items, canaries = ([line for line in lines if line["kind"] == kind] for kind in ("item", "canary"))
    n_copies = -(-(n - len(canaries)) // len(items))
    for task in plan["tasks"]:
        task["n_items"] *= n_copies
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    copies = [*canaries, *(_copy(line, number) for number in range(n_copies) for line in items)]
    (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in copies), encoding="utf-8")
    return len(copies)


def _copy(line: dict[str, Any], number: int) -> dict[str, Any]:
    """The line as that of another item."""
    task, _, rest = line["item"].partition("/")
    truth = {
        key: f"{value}~{number}" if key in OWN and isinstance(value, str) and value else value
        for key, value in line["truth"].items()
    }
    cluster = f"{line['cluster'] or line['sample']}~{number}"
    return {
        **line,
        "item": f"{task}/{number}~{rest}",
        "sample": f"{number}~{line['sample']}",
        "cluster": cluster,
        "truth": truth,
    }


def measured(folder: Path, *, profile: bool) -> dict[str, float]:
    """Seconds that the report takes."""
    from earnest import report

    profiler = cProfile.Profile(time.process_time)
    begun, processor = time.perf_counter(), time.process_time()
    if profile:
        profiler.enable()
    page = report.write(folder)
    profiler.disable()
    found = {
        "wall_s": time.perf_counter() - begun,
        "processor_s": time.process_time() - processor,
        "page_mb": page.stat().st_size / 1e6,
    }
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return found


if __name__ == "__main__":
    main()
