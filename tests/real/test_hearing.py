"""What real recognisers hear. Bounds stand well beside what was measured (docs/real_assistant.md), so that another
processor's rounding passes and a broken recogniser does not."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest
from needed import heard, recogniser, shared, word_errors

from earnest.audio import AudioClip, Stimulus
from earnest.metrics.transcription import edit_counts, normalise_english
from earnest.models import load_model
from earnest.tasks.probe import probe_manifest

pytestmark = pytest.mark.real

SPECS = ("faster-whisper/tiny.en", "faster-whisper/base", "moonshine/tiny")


def first(entries, n):
    return sorted(entries, key=lambda entry: entry.id)[:n]


@pytest.fixture(scope="module")
def requests():
    """Some twenty spoken requests by people, of 3 to 12 s."""
    return first(shared("spoken_harmbench"), 20)


@pytest.fixture(scope="module")
def transcripts(requests):
    """What each recogniser hears of them, asked once."""
    done = {}

    def of(spec):
        if spec not in done:
            done[spec] = heard(recogniser(spec), requests)
        return done[spec]

    return of


@pytest.mark.parametrize(
    ("spec", "most"), [("faster-whisper/tiny.en", 0.25), ("faster-whisper/base", 0.2), ("moonshine/tiny", 0.25)]
)
def test_spoken_requests_are_heard(transcripts, requests, spec, most):
    assert word_errors(requests, transcripts(spec)) < most


def test_whisper_of_two_sizes_agree_on_read_speech():
    """LibriSpeech is here without texts; on its clean part, two recognisers of this size write the same words nearly always."""
    clean = [entry for entry in shared("librispeech") if "-clean" in entry.id]
    entries = first(clean, 30)
    texts = [
        [normalise_english(text) for text in heard(recogniser(f"faster-whisper/{size}"), entries)]
        for size in ("tiny.en", "base")
    ]
    counts = edit_counts(reference=texts[1], hypothesis=texts[0])
    assert counts.n_reference > 300 and counts.edits / counts.n_reference < 0.15


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_clip_gives_the_same_words_in_any_order_and_from_any_thread(transcripts, requests, spec):
    model, wanted = recogniser(spec), transcripts(spec)
    chosen = [3, 1, 2, 1]
    assert heard(model, [requests[place] for place in chosen]) == [wanted[place] for place in chosen]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda entry: heard(model, [entry])[0], requests[:4])) == wanted[:4]


@pytest.mark.parametrize("spec", [*SPECS, "pocketsphinx"])
def test_silence_has_no_words_or_few(spec):
    clip = AudioClip(np.zeros(32_000, dtype=np.float32), 16_000)
    (reply,) = recogniser(spec).ask([Stimulus(clips={"speech": clip}, prompt="Transcribe.")])
    assert len(reply.text.split()) <= 2


def test_how_sure_whisper_is(requests):
    model = recogniser("faster-whisper/tiny.en")
    speech, noise = (
        model.ask([Stimulus(clips={"speech": clip}, prompt="?")])[0]
        for clip in (
            requests[0].clip(),
            AudioClip(np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32), 16_000),
        )
    )
    (piece,) = speech.details["pieces"]
    assert -1 < piece["mean_log_probability"] < 0 and piece["no_speech_probability"] < 0.5
    assert piece["text"] == speech.text == speech.details["transcript"] and piece["end_s"] > 1
    assert all(piece["mean_log_probability"] < -0.5 for piece in noise.details.get("pieces", []))


def test_base_is_joined_once_from_its_two_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path))
    model = recogniser("faster-whisper/base")
    (folder,) = (tmp_path / "weights").iterdir()
    written = (folder / "model.bin").stat().st_mtime_ns
    assert recogniser("faster-whisper/base").fingerprint == model.fingerprint
    assert (folder / "model.bin").stat().st_mtime_ns == written
    by_folder = load_model(f"cascade/faster-whisper/{folder}")
    assert by_folder.fingerprint.replace(str(folder), "base") == load_model("cascade/faster-whisper/base").fingerprint


def test_two_minutes_are_heard_piece_by_piece():
    from earnest.tasks import tasks

    task = tasks.get("long_dictation")(lengths_s=(120.0,), n_passages=1)
    (item,) = task.items(probe_manifest(), seed=0)
    recogniser("faster-whisper/tiny.en")
    (reply,) = load_model("cascade/faster-whisper/tiny.en").ask([item.load()])
    ends = [piece["end_s"] for piece in reply.details["pieces"]]
    assert len(ends) >= 5 and ends == sorted(ends) and 100 < ends[-1] <= 121
    assert task.score(item, reply).score > 0.5
