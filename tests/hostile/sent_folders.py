"""Run folders to be damaged: small, finished, with every kind of line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from earnest.runs.suite import run_suite

TASKS = ("harmful_refusal", "silence_transcription", "noisy_transcription")


def make_run(folder: Path, *, model: str = "scripted/echo") -> Path:
    """A run of a few tasks, attacked and defended."""
    run_suite(
        "core", model=model, out=folder, task=TASKS, limit=3, attack="noise:snr_db=10", defence="codec", cache=False
    )
    return folder


def copied(folder: Path, to: Path) -> Path:
    """The folder without its reports, free to be changed."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("report.*", "junit.xml"))
    return to


def lines_of(folder: Path) -> list[dict]:
    """The lines of its journal."""
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


def put_lines(folder: Path, lines: list[dict]) -> None:
    """Another journal."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "journal.jsonl").write_text(text, encoding="utf-8")
