"""Runs within a running event loop, as in a notebook: the loop's own thread is left alone, and the caller gets the run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import earnest
from earnest.runs.suite import probe_hearing, replay


def test_a_run_its_judge_and_its_replay_work_within_a_running_loop(tmp_path: Path) -> None:
    async def notebook() -> None:
        loop = asyncio.get_running_loop()
        run = earnest.run(
            "core",
            model="scripted/perfect",
            out=tmp_path / "run",
            task=["harmful_refusal", "noisy_transcription"],
            limit=2,
            attack="best_of_n:n=2",
            judge="scripted/echo",
            judge_hears=True,
            cache=False,
        )
        assert run.scorecard.audio_proven is True
        assert earnest.judge(run.folder, judge="scripted/yes").as_json()["judges"]
        assert probe_hearing("scripted/perfect")["hears"] is True
        assert replay(run.folder, next(line.item for line in run.lines() if line.task == "noisy_transcription")).same
        assert asyncio.get_running_loop() is loop
        await asyncio.sleep(0)

    asyncio.run(notebook())
