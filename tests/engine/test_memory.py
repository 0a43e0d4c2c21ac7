"""Audio is in memory only while its item is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "engine.py"


def test_no_more_clips_are_loaded_than_items_are_under_way(folder) -> None:
    from dataclasses import replace

    from engine_parts import LocalModel, jobs, plan, settings

    from earnest.engine import execute

    alive = most = 0

    class Counted:
        def __init__(self):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self):
            nonlocal alive
            alive -= 1

    def counted(job):
        def load():
            stimulus = job.item.load()
            object.__setattr__(stimulus, "truth", {"counted": Counted()})
            return stimulus

        return replace(job, item=replace(job.item, load=load))

    given = [counted(job) for job in jobs(300)]
    execute(plan(300), given, model=LocalModel(batch_size=8), folder=folder, settings=settings())
    assert most <= 2 * 8 + 8 + 8  # workers, and a batch that is being let go


def test_no_library_comes_with_the_engine_that_a_run_does_not_need() -> None:
    heavy = ("scipy", "unittest", "torch", "transformers", "pandas", "jinja2")  # scipy alone takes 16 MiB
    names = f"print(*(name for name in {heavy} if name in sys.modules))"
    command = [sys.executable, "-c", f"import sys, earnest.engine, earnest.models.http; {names}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == []


def test_a_request_is_held_once_while_its_reply_is_waited_for(monkeypatch) -> None:
    import asyncio

    from earnest.audio import Stimulus
    from earnest.errors import ModelFailed
    from earnest.models import load_model

    holders = []

    class Session:
        def post(self, url, *, data, **options):
            body = data.getvalue()  # what the file was made of, as long as nobody has copied it
            holders.append(sys.getrefcount(body) - 2)  # without this name and the argument of the count
            raise OSError("that was all")

    model = load_model("http://127.0.0.1:9/v1#m")
    monkeypatch.setattr(model, "_session", Session)
    with pytest.raises(ModelFailed, match="that was all"):
        asyncio.run(model.ask_one(Stimulus(clips={}, prompt="What?")))
    assert holders == [1]  # the file


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux reports it")
def test_5000_clips_of_10_s_stay_under_150_mib() -> None:
    import json

    command = [
        sys.executable,
        str(BENCHMARK),
        "--only",
        "earnest",
        "--n",
        "5000",
        "--seconds",
        "10",
        "--rounds",
        "1",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["runners"]["earnest"]["peak_mib"] < 150
