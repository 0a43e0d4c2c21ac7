"""A run in a process of its own, to be killed: `python killed_run.py FOLDER URL N [SHARD]`; URL#judge judges, if JUDGE is set."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from engine_parts import jobs, plan, settings  # noqa: E402

from earnest.engine import ModelJudge, execute  # noqa: E402
from earnest.models import load_model  # noqa: E402
from earnest.records import Question  # noqa: E402


def asks_a_judge(item, answer):
    return Question(question=f"Is it {item.id}?", labels={"yes": 1.0, "no": 0.0}, prompt="p", response=answer.text)


if __name__ == "__main__":
    folder, url, n, *shard = sys.argv[1:]
    given, judges = jobs(int(n)), ()
    if "JUDGE" in os.environ:
        given = [replace(job, score=asks_a_judge) for job in given]
        judges = (ModelJudge(load_model(f"{url}#judge")),)
    summary = execute(
        plan(int(n), shard=shard[0] if shard else None),
        given,
        model=load_model(f"{url}#fake"),
        judges=judges,
        folder=folder,
        settings=settings(max_connections=8),
    )
    sys.stdout.write(f"finished {summary.n_scored}\n")
