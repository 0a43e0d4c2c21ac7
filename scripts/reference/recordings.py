"""A folder of training speech as recordings, for whatever is fitted to them: requests and their twins, orders, questions,
and sentences that people read, where the corpora are there.

The texts and the voices are those that the reference model was trained on; texts that the probe set says are left out,
so that a run on the probe set counts every item of what was fitted here. Twins are spoken by one voice in one manner.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from earnest.audio import AudioClip
from earnest.tasks.probe import probe_manifest

from . import data, grammar, rules, speak
from .grammar import Line

SHARES = {"pair": 0.5, "order": 0.15, "question": 0.15, "real": 0.2}
COLUMNS = "path id text speaker gender label role pair language action category answer split".split()


def _said() -> set[str]:
    """Texts of the probe set."""
    return {" ".join(entry.text.lower().split()) for entry in probe_manifest().entries if entry.text}


def write(folder: Path, n_clips: int, seed: int) -> int:
    """Write about `n_clips` recordings and their metadata; the number written."""
    rng = np.random.default_rng([seed, 29])
    said = _said()
    lines = {
        kind: [line for line in grammar.texts(kind, "train") if line.text not in said]
        for kind in ("harmful", "benign", "order", "question")
    }
    benign = {line.pair: line for line in lines["benign"]}
    harmful = [line for line in lines["harmful"] if line.pair in benign]
    voices = [v for v in speak.voices("train") if v.group == "adult" and v.engine in ("espeak", "flite")]
    rows: list[dict[str, str]] = []
    (folder / "audio").mkdir(parents=True, exist_ok=True)

    def said_by(line: Line, voice: speak.Voice, own_seed: int, manner_of: str, label: str) -> None:
        name = f"{line.kind}-{len(rows):04d}"
        samples = speak.say(line.text, voice, own_seed, manner_of=manner_of)
        AudioClip(samples=samples, sample_rate=speak.SAMPLE_RATE).write(folder / "audio" / f"{name}.wav")
        rows.append(
            {
                "path": f"audio/{name}.wav", "id": name, "text": line.text, "speaker": voice.name, "gender": voice.gender,
                "label": label, "role": "request" if label else "", "pair": f"pair-{line.pair}" if line.pair >= 0 else "",
                "language": line.language, "action": line.action, "category": line.category,
                "answer": rules.answer(line), "split": "train",
            }
        )  # fmt: skip  # a table: one row a line

    for _ in range(round(n_clips * SHARES["pair"] / 2)):
        line, voice, own_seed = (
            harmful[rng.integers(len(harmful))],
            voices[rng.integers(len(voices))],
            int(rng.integers(1 << 30)),
        )
        said_by(line, voice, own_seed, line.text, "harmful")
        said_by(benign[line.pair], voice, own_seed, line.text, "benign")
    for kind in ("order", "question"):
        for _ in range(round(n_clips * SHARES[kind])):
            line, voice = lines[kind][rng.integers(len(lines[kind]))], voices[rng.integers(len(voices))]
            said_by(line, voice, int(rng.integers(1 << 30)), "", "")
    real = data.real_rows("speechocean762", "train") if data.has_corpora() else []
    for place in rng.choice(len(real), min(len(real), round(n_clips * SHARES["real"])), replace=False):
        row, name = real[place], f"read-{len(rows):04d}"
        clip = AudioClip(samples=data.read("speechocean762", row), sample_rate=speak.SAMPLE_RATE)
        clip.write(folder / "audio" / f"{name}.wav")
        speaker = f"speechocean762/{row['speaker']}"
        facts = {"speaker": speaker, "gender": row["gender"], "language": "en", "split": "train"}
        rows.append({"path": f"audio/{name}.wav", "id": name, "text": data.plain(row["text"]), **facts})
    with open(folder / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return len(rows)
