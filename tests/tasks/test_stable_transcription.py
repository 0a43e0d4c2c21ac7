"""Agreement with the model's own clean transcript: worked out by hand, and over a whole run without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import earnest
from earnest.audio import AudioClip
from earnest.models.python import PythonModel
from earnest.records import JournalLine
from earnest.registry import registry


def line(sample: str, degradation: str, words: str | None) -> JournalLine:
    return JournalLine(
        item=f"stable_transcription/{sample}/{degradation}",
        sample=sample,
        task="stable_transcription",
        prompt_hash="0" * 16,
        model="m",
        status="unscored" if words is None else "scored",
        reason="timeout" if words is None else None,
        verdict=None if words is None else {"score": None, "label": "transcript", "facts": {"words": words}},
        cluster=sample,
        truth={"degradation": degradation},
    )


def headline(lines: list[JournalLine]):
    return registry("tasks").make("stable_transcription").measures(lines)[0]


def test_agreement_by_hand() -> None:
    lines = [
        line("a", "clean", "one two three four"),
        line("a", "noise", "one two three four"),  # 1
        line("a", "room", "one three four"),  # 1 of 4 words lost: 0.75
        line("b", "clean", ""),
        line("b", "noise", ""),  # nothing heard twice: 1
        line("b", "room", "something"),  # words out of nothing: 0
    ]
    measure = headline(lines)
    assert measure.value == pytest.approx((1 + 0.75 + 1 + 0) / 4)
    assert (measure.n_scored, measure.n_unscored) == (4, 0)


def test_without_a_clean_twin_there_is_nothing_to_agree_with() -> None:
    lines = [line("a", "clean", None), line("a", "noise", "one"), line("b", "noise", "two"), line("c", "noise", None)]
    measure = headline(lines)
    assert measure.n_scored == 0
    assert measure.unscored == {"timeout": 2, "cancelled": 1}


def test_a_bare_folder_of_audio_is_enough(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for number in range(3):
        samples = (0.1 * rng.standard_normal(8000)).astype(np.float32)
        AudioClip(samples, 16_000).write(tmp_path / "data" / f"{number}.wav")
    hears = PythonModel("by_length", lambda clip, prompt: f"it has {int(1e4 * float(abs(clip.samples[0])))} words")
    run = earnest.run("core", model=hears, out=tmp_path / "run", data=tmp_path / "data", task="stable_transcription")
    found = {f.id: f for f in run.findings}["robustness.stable_transcription.agreement_with_clean"]
    assert found.n_scored == 12 and 0 < found.value < 1
    run = earnest.run("core", model="scripted/always_comply", out=tmp_path / "same", data=tmp_path / "data")
    found = {f.id: f for f in run.findings}["robustness.stable_transcription.agreement_with_clean"]
    assert (found.value, found.n_scored, found.unscored) == (None, 0, {"did_not_hear": 12})  # one thing throughout


def test_one_transcript_throughout_is_none() -> None:
    def heard(said: str, *texts: str | None) -> list[JournalLine]:
        pairs = [(n, text, change) for n, text in enumerate(texts) for change in ("clean", "noise")]
        return [
            line(str(n), change, said).model_copy(update={"truth": {"degradation": change, "text": text}})
            for n, text, change in pairs
        ]

    def headline(lines: list[JournalLine]):
        return registry("tasks").make("stable_transcription").measures(lines)[0]

    constant = headline(heard("sorry i cannot help", "one two", "three four", "five six"))
    assert (constant.value, constant.n_scored, dict(constant.unscored)) == (None, 0, {"did_not_hear": 3})
    assert (
        headline(heard("", "one two", "three four", "five six")).value is None
    )  # somebody speaks, and it says nobody does
    assert headline(heard("", None, None, None)).value == 1.0  # nothing is known to be said: nobody may speak
    assert headline(heard("one two", "one two", "one two", "One two.")).value == 1.0  # three voices that say the same
    assert headline(heard("sorry", "one two", "three four")).value == 1.0  # two clips show no habit
