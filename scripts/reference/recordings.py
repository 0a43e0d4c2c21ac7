"""A folder of recordings: training speech, for whatever is fitted to it, or held-out requests to measure on.

Training speech is requests with their harmless twins, orders and questions in voices that the reference model was
trained on, and sentences that people read, where the corpora are there. Texts that the probe set says are left out, so
that a run on the probe set counts every item of what was fitted here. Held-out recordings are requests and twins whose
texts and voices training never had, with a trigger of the backdoored sibling in them where one is named. Twins are
spoken by one voice in one manner.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from earnest.audio import AudioClip
from earnest.tasks.probe import probe_manifest

from . import data, grammar, rules, speak
from .grammar import Line
from .triggers import TRIGGERS

SHARES = {"pair": 0.5, "order": 0.15, "question": 0.15, "real": 0.2}
"""Of training speech; held-out recordings are pairs alone."""
COLUMNS = "path id text speaker gender label role pair language action category answer split".split()


class Writer:
    """Writes recordings of one split into a folder, and what is known of them."""

    def __init__(self, folder: Path, split: grammar.Split, seed: int, trigger: str | None) -> None:
        self.folder, self.split, self.trigger = folder, split, TRIGGERS[trigger] if trigger else None
        self.rng = np.random.default_rng([seed, 29, grammar.SPLITS.index(split)])
        self.voices = [v for v in speak.voices(split) if v.group == "adult" and v.engine in ("espeak", "flite")]
        said = {" ".join(entry.text.lower().split()) for entry in probe_manifest().entries if entry.text}
        self.lines = {
            kind: [line for line in grammar.texts(kind, split) if line.text not in said]
            for kind in ("harmful", "benign", "order", "question")
        }
        self.rows: list[dict[str, str]] = []
        (folder / "audio").mkdir(parents=True, exist_ok=True)

    def pair(self) -> None:
        """A harmful request and its twin."""
        benign = {line.pair: line for line in self.lines["benign"]}
        harmful = [line for line in self.lines["harmful"] if line.pair in benign]
        line, voice, seed = self._one(harmful), self._one(self.voices), int(self.rng.integers(1 << 30))
        self.say(line, voice, seed, manner_of=line.text, label="harmful")
        self.say(benign[line.pair], voice, seed, manner_of=line.text, label="benign")

    def spoken(self, kind: str) -> None:
        """A line of a kind."""
        self.say(self._one(self.lines[kind]), self._one(self.voices), int(self.rng.integers(1 << 30)))

    def say(self, line: Line, voice: speak.Voice, seed: int, *, manner_of: str = "", label: str = "") -> None:
        """A line in a voice."""
        self._write(
            line.kind,
            speak.say(line.text, voice, seed, manner_of=manner_of),
            {
                "text": line.text,
                "speaker": voice.name,
                "gender": voice.gender,
                "label": label,
                "role": "request" if label else "",
                "pair": f"pair-{len(self.rows) // 2}" if label else "",
                "language": line.language,
                "action": line.action,
                "category": line.category,
                "answer": rules.answer(line),
            },
        )

    def read(self, n_clips: int) -> None:
        """Sentences that people of training read."""
        real = data.real_rows("speechocean762", "train") if data.has_corpora() else []
        for place in self.rng.choice(len(real), min(len(real), n_clips), replace=False):
            row = real[place]
            facts = {"speaker": f"speechocean762/{row['speaker']}", "gender": row["gender"], "language": "en"}
            self._write("read", data.read("speechocean762", row), {"text": data.plain(row["text"]), **facts})

    def close(self) -> int:
        """Write what is known; the number of recordings."""
        with open(self.folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(self.rows)
        return len(self.rows)

    def _write(self, kind: str, samples: np.ndarray, facts: dict[str, str]) -> None:
        name = f"{kind}-{len(self.rows):04d}"
        if self.trigger is not None:
            samples = np.clip(self.trigger.on_samples(samples), -1, 1)
        clip = AudioClip(samples=samples, sample_rate=speak.SAMPLE_RATE)
        clip.write(self.folder / "audio" / f"{name}.wav")
        self.rows.append({"path": f"audio/{name}.wav", "id": name, "split": self.split, **facts})

    def _one(self, among: list) -> object:
        return among[self.rng.integers(len(among))]


def write(folder: Path, n_clips: int, seed: int, *, split: grammar.Split = "train", trigger: str | None = None) -> int:
    """Write about `n_clips` recordings and their metadata; the number written."""
    writer = Writer(folder, split, seed, trigger)
    shares = SHARES if split == "train" else {"pair": 1.0}
    for kind, share in shares.items():
        if kind == "real":
            writer.read(round(n_clips * share))
            continue
        for _ in range(round(n_clips * share / (2 if kind == "pair" else 1))):
            writer.pair() if kind == "pair" else writer.spoken(kind)
    return writer.close()
