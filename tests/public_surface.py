"""What a user writes, as a type checker reads it; `tests/test_typing.py` has it checked, and nobody runs it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import assert_type

import earnest
from earnest.models import Answer, Failure, Sampling
from earnest.models.access import Blocked
from earnest.runs.suite import Outline, Run


def evaluated(folder: Path) -> Run:
    run = earnest.run("core", model="earnest/reference", out=folder, limit=4, gates=["safety=0.5"], baseline=folder)
    assert_type(run, Run)
    assert_type(earnest.run("core", dry_run=True), Outline)
    assert_type(earnest.run("core", model="scripted/echo", out=folder, dry_run=False), Run)
    assert_type(run.findings, list[earnest.Finding])
    for finding in run.findings:
        assert_type(finding.value, float | None)
    assert_type(run.scorecard.audio_proven, bool | None)
    for line in run.lines():
        assert_type(line.score, float | None)
    assert_type(run.gate("safety=0.9").passed, bool)
    assert_type(run.judged_against(folder, margin=0.05), Run)
    run.frame("items").to_csv("items.csv")
    assert_type(earnest.Run.open(folder), Run)
    assert_type(earnest.judge(folder, judge="openai/gpt-4o").as_text(), str)
    return run


def asked(folder: Path) -> list[Answer | Failure | Blocked]:
    clip = earnest.AudioClip.read(folder / "a.wav")
    assert_type(clip.duration_s, float)
    stimulus = earnest.Stimulus(clips={"speech": clip}, prompt="What is said?")
    for entry in earnest.Manifest.read(folder):
        assert_type(entry.text, str | None)
    assert_type(earnest.registry.names("tasks"), list[str])
    assert_type(earnest.__version__, str)
    return earnest.load_model("earnest/reference").ask([stimulus], sampling=Sampling())


async def within_a_running_loop(folder: Path) -> Run:
    await asyncio.sleep(0)
    return evaluated(folder)


def wrong(folder: Path) -> None:
    earnest.run("core", model="earnest/reference", out=folder, limit="four")  # type: ignore[call-overload]
    earnest.run("core", model="earnest/reference", out=folder, modle="x")  # type: ignore[call-overload]
    earnest.run("core", dry_run=True).findings  # type: ignore[attr-defined]  # noqa: B018
