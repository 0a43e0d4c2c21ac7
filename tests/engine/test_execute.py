"""From a plan to a finished folder, with a local model and over real HTTP."""

from __future__ import annotations

from engine_parts import LocalModel, jobs, plan, settings

from earnest.engine import execute, read_journal
from earnest.models import load_model
from earnest.testing.loopback import Loopback


def test_a_local_run_has_a_line_for_every_item(folder) -> None:
    model = LocalModel()
    summary = execute(plan(10), jobs(10), model=model, folder=folder, settings=settings())
    lines = read_journal(folder)
    assert [line.item for line in lines] == [f"letters/{k:04d}" for k in range(10)]
    assert summary.n_scored == summary.n_items == summary.n_calls == 10
    assert all(line.score == 1.0 for line in lines)
    assert all((folder / "clips" / f"{line.clips['speech']}.flac").exists() for line in lines)
    assert len(model.threads) == 1


def test_a_remote_run_over_http(folder) -> None:
    with Loopback() as server:
        model = load_model(f"{server.url}#fake")
        summary = execute(plan(20), jobs(20), model=model, folder=folder, settings=settings())
    assert summary.n_scored == 20
    assert server.n_requests == 20
