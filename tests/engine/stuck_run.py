"""A run whose model hangs, to be told to stop: `python stuck_run.py FOLDER HOW`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from engine_parts import LocalModel, jobs, plan, settings  # noqa: E402

from earnest.engine import execute  # noqa: E402
from earnest.models.access import Model  # noqa: E402


class Stuck(LocalModel):
    """Answers two items, and hangs at the third."""

    n_asked = 0

    def reply(self, stimulus):
        Stuck.n_asked += 1
        if Stuck.n_asked == 3:
            sys.stdout.write("hangs\n")
            sys.stdout.flush()
            time.sleep(60)
        return super().reply(stimulus)


class Blocks(Model):
    """As `Stuck`, on the event loop itself, which then hears nothing."""

    name = "fake"

    async def ask_one(self, stimulus, *, sampling=None):
        await asyncio.sleep(0)
        return Stuck().reply(stimulus)


if __name__ == "__main__":
    folder, how = sys.argv[1:]
    model = Stuck(batch_size=1) if how == "thread" else Blocks()
    execute(plan(9), jobs(9), model=model, folder=folder, settings=settings(max_connections=1, timeout_s=120))
