"""What recognisers hear in a clip, and whether that is enough to admit it.

The recognisers had no part in making any clip. They live in an environment of their own (`./scripts/test --real` makes `.venv-real`), so a worker process hears:
``python -m probe_set.hearing`` there reads lines of JSON with ``path`` and ``language`` and answers each with what was heard. Transcripts are kept by the content of the clip.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from earnest.audio import AudioClip
from earnest.metrics.transcription import spoken_edit_counts
from reference.spanish import NUMBERS

RECOGNISERS: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "en": {
        "tiny.en": ("faster-whisper/tiny.en", {}),
        "base": ("faster-whisper/base", {}),
        "moonshine": ("moonshine/tiny", {}),
    },
    "es": {"base": ("faster-whisper/base", {"language": "es"})},
}
"""By the language of what is said: name, what `load_recogniser` takes. Of the three, Whisper base alone knows Spanish."""
RULES = {"2 of 3": 2, "3 of 3": 3, "base": 1, "none": 0}
"""How many of them must hear a clip without an edit, by the rule that admits it: clean English, canaries, Spanish, replays."""


def edits(*, reference: str, heard: str, language: str) -> int:
    """Word edits between a text and what was heard of it; Spanish numbers may be in figures."""
    if language == "es":
        figures = list(NUMBERS.values())[:21]
        heard = re.sub(r"\b(1[0-9]|20)\b", lambda found: f" {figures[int(found.group())]} ", heard)
        heard = re.sub(r"[0-9]", lambda found: f" {figures[int(found.group())]} ", heard)
    return spoken_edit_counts(reference=reference, hypothesis=heard).edits


def edits_by(*, reference: str, heard: Mapping[str, str], language: str) -> dict[str, int]:
    """Word edits by recogniser."""
    return {name: edits(reference=reference, heard=text, language=language) for name, text in heard.items()}


class Ears:
    """The recognisers, asked once for every clip; a context that ends their process.

    Parameters
    ----------
    python : str
        Interpreter of the environment that has them.
    cache : Path or None
        Folder that keeps what was heard, in ``heard.jsonl``; None keeps nothing.
    """

    def __init__(self, python: str, cache: Path | None = None) -> None:
        self._scratch = tempfile.TemporaryDirectory()
        self._python = python
        self._log = (cache or Path(self._scratch.name)) / "heard.jsonl"
        self._known: dict[str, dict[str, str]] = {}
        self._worker: subprocess.Popen[str] | None = None
        self.fingerprints: dict[str, str] = {}
        if self._log.is_file():
            for line in self._log.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self._known[row["key"]] = row["heard"]
                self.fingerprints |= row["by"]

    def __enter__(self) -> Ears:
        return self

    def __exit__(self, *_error: object) -> None:
        self._scratch.cleanup()
        if self._worker is not None:
            self._worker.communicate()

    def heard(self, samples: np.ndarray, language: str) -> dict[str, str]:
        """Transcripts of a clip at 16 kHz by recogniser, as its 16-bit file has it."""
        clip = AudioClip(samples.astype(np.float32), 16_000).quantised()
        key = hashlib.sha256(language.encode() + clip.samples.tobytes()).hexdigest()
        if key not in self._known:
            path = Path(self._scratch.name) / "clip.flac"
            clip.write(path)
            row = self._asked({"path": str(path), "language": language})
            self._known[key] = row["heard"]
            self.fingerprints |= row["by"]
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, **row}, ensure_ascii=False) + "\n")
        return self._known[key]

    def _asked(self, question: dict[str, str]) -> dict[str, dict[str, str]]:
        if self._worker is None:
            root = Path(__file__).resolve().parents[2]
            environment = os.environ | {
                "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root / 'scripts'}",
                "OMP_NUM_THREADS": "1",
                "HF_HUB_OFFLINE": "1",
            }
            self._worker = subprocess.Popen(
                [self._python, "-m", "probe_set.hearing"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=environment,
            )
        assert self._worker.stdin is not None and self._worker.stdout is not None
        self._worker.stdin.write(json.dumps(question) + "\n")
        self._worker.stdin.flush()
        answer = self._worker.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"the recognisers' process must answer, got its end; does {self._python} have them? `./scripts/test --real` makes such an environment"
            )
        return json.loads(answer)


def hear(questions: IO[str], answers: IO[str]) -> None:
    """Answer each line with ``heard``, the text by recogniser, and ``by``, their fingerprints."""
    from earnest.models.recognisers import load_recogniser

    loaded = {}
    for line in questions:
        question = json.loads(line)
        clip = AudioClip.read(question["path"])
        row: dict[str, dict[str, str]] = {"heard": {}, "by": {}}
        for name, (spec, options) in RECOGNISERS[question["language"]].items():
            if (spec, question["language"]) not in loaded:
                loaded[spec, question["language"]] = load_recogniser(spec, **options)
            recogniser = loaded[spec, question["language"]]
            row["heard"][name] = recogniser._transcribed(clip)[0]
            row["by"][f"{name} ({question['language']})"] = recogniser.fingerprint
        answers.write(json.dumps(row) + "\n")
        answers.flush()


if __name__ == "__main__":
    hear(sys.stdin, sys.stdout)
