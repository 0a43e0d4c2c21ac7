"""Tasks that read numbers of detectors: shortcuts taken away, published results beside one's own, and end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest
from earnest.audio.silence import leading_silence_s
from earnest.benchmarks.detection import published_beside, published_scores
from earnest.catalogue.work import works
from earnest.models.access import Answer
from earnest.records import JournalLine, Verdict
from earnest.runs.suite import Suite
from earnest.tasks import Task, tasks

RATE = 16_000


@pytest.fixture
def data(tmp_path: Path) -> Manifest:
    """Bona fide clips begin with silence; half of them are tonal and half are noise, as are the spoofed ones."""
    lines = ["path,label,attack,speaker,benchmark"]
    for n in range(8):
        rng = np.random.default_rng(n)
        sound = 0.1 * rng.standard_normal(4000)
        silence = np.zeros(0 if n % 2 else 1600)
        AudioClip(np.concatenate([silence, sound]).astype(np.float32), RATE).write(tmp_path / f"{n}.flac")
        lines.append(f"{n}.flac,{'spoof,A01' if n % 2 else 'bona_fide,'},s{n // 2},ASVspoof 2019 LA")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    return Manifest.read(tmp_path)


def lines_of(task: Task, data: Manifest) -> list[JournalLine]:
    """Lines as of a detector whose score is the length of the leading silence."""
    lines = []
    for item in task.items(data, seed=0):
        answer = Answer(text="", value=leading_silence_s(item.load().clip), details={"calibrated": False})
        verdict = task.score(item, answer)
        assert isinstance(verdict, Verdict)
        lines.append(
            JournalLine(
                item=item.id,
                model="detector/by_silence",
                prompt_hash="0" * 64,
                task=item.task,
                sample=item.sample,
                kind="item",
                status="scored",
                value=answer.value,
                truth=dict(item.truth),
                cluster=item.cluster,
                verdict={"score": None, "label": "number", "facts": dict(verdict.facts)},
            )
        )
    return lines


def test_a_detector_of_silence_is_found_out(data: Manifest) -> None:
    task = tasks.make("spoof_shortcuts")
    lines = lines_of(task, data)
    assert len(lines) == 3 * 8 and len({line.item for line in lines}) == 24
    headline, *rates = task.measures(lines)
    assert {rate.group: rate.value for rate in rates} == {
        "as_it_is": 0.0,
        "without_leading_silence": 0.5,
        "telephone": pytest.approx(0.0, abs=0.26),
    }
    assert headline.metric == task.headline and headline.value == 0.5 and headline.n_scored == 8


def test_published_results_stand_beside_ones_own(data: Manifest) -> None:
    task = tasks.make("spoof_scores")
    rate = next(m for m in task.measures(lines_of(task, data)) if m.metric == "equal_error_rate" and m.group is None)
    assert "published on ASVspoof 2019 LA: AASIST 0.0083 (eval) [jung2021-aasist]" in rate.note
    assert published_beside(["ASVspoof 2019 LA", "LAV-DF"], metric="equal_error_rate") == ""
    assert published_beside(["LAV-DF"], metric="equal_error_rate") == ""
    assert {row.source for row in published_scores()} <= works().keys()
    assert all(0 <= row.value <= 1 for row in published_scores())


def test_suites() -> None:
    assert [task.name for task in Suite.read("deepfake").tasks] == ["spoof_scores", "spoof_shortcuts"]
    assert [task.name for task in Suite.read("verification").tasks] == ["speaker_verification"]
    assert tasks.make("spoof_shortcuts").takes == "value" and tasks.make("speaker_verification").takes == "comparison"
