"""A run in a process of its own, to be killed: `python killed_run.py FOLDER URL N`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from engine_parts import jobs, plan, settings  # noqa: E402

from earnest.engine import execute  # noqa: E402
from earnest.models import load_model  # noqa: E402

if __name__ == "__main__":
    folder, url, n = sys.argv[1:]
    model = load_model(f"{url}#fake")
    summary = execute(plan(int(n)), jobs(int(n)), model=model, folder=folder, settings=settings(max_connections=8))
    sys.stdout.write(f"finished {summary.n_scored}\n")
