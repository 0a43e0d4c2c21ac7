"""Training clips as log mel power on disc, with what is known about each.

A shard is two files: ``<name>.npy`` (float16, shape (n_frames_total, n_mels), natural logarithm of mel power) and ``<name>.jsonl`` (one item a line). Which instruction an item is
trained under is drawn when a batch is made, so an utterance serves several. Real speech: speechocean762 and LibriSpeech, training speakers only (`real_split`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, fftconvolve, sosfilt

from earnest.audio import effects
from earnest.models.reference.features import mel_power
from earnest.models.reference.vocabulary import plain_words

from . import grammar, sounds, speak

SAMPLE_RATE = 16000
SHARES = {
    "order": 0.13, "benign": 0.11, "harmful": 0.11, "benign_mixed": 0.05, "harmful_mixed": 0.05, "question": 0.13, "borderline": 0.02, "passphrase": 0.08, "digits": 0.08, "note": 0.06, "statement": 0.09, "code_word": 0.03, "carrier": 0.05,
    "fact": 0.025, "recall": 0.01, "secret": 0.01, "consent": 0.005, "open": 0.03, "es_benign": 0.01, "es_harmful": 0.01, "es_order": 0.02, "es_question": 0.02, "es_note": 0.02,
}  # fmt: skip  # a table: one row a line
ROOM_SHARE = 0.3
ENGINE_SHARES = {"espeak": 7.0, "kokoro": 2.0}
"""How often an engine speaks, against 1 for each other one: espeak has hundreds of voices, the others a few."""


def data_root() -> Path:
    """Folder of the corpora: the environment variable EARNEST_DATA, else ``../shared/data``."""
    return Path(os.environ.get("EARNEST_DATA", "../shared/data"))


def has_corpora() -> bool:
    """Whether both corpora of real speech are there."""
    return all((data_root() / corpus / "metadata.csv").is_file() for corpus in ("speechocean762", "librispeech"))


def real_split(speaker: str) -> str:
    """Training for two thirds of the real speakers, ``test`` for the rest, by a hash of the name."""
    return "test" if hashlib.sha1(f"speaker|{speaker}".encode()).digest()[0] % 3 == 0 else "train"


def plain(text: str) -> str:
    """Lower-case words without punctuation."""
    return " ".join(plain_words(text))


def real_rows(corpus: str, split: str) -> list[dict[str, str]]:
    """Metadata rows of a corpus whose speakers belong to a split."""
    with open(data_root() / corpus / "metadata.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if real_split(row["speaker"]) == split]


def read(corpus: str, row: dict[str, str]) -> np.ndarray:
    """Samples of a row, float32, 16 kHz."""
    return soundfile.read(data_root() / corpus / row["path"], dtype="float32")[0]


# ------------------------------------------------------------------ copies
def griffin_lim(samples: np.ndarray, rng: np.random.Generator, *, n_iterations: int = 12) -> np.ndarray:
    """The clip rebuilt from its magnitude on 80 bands with invented phases: a simple vocoder."""
    n_fft, hop = 512, 128
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    padded = np.concatenate([samples, np.zeros(n_fft + (-len(samples)) % hop, np.float32)])
    n_frames = 1 + (len(padded) - n_fft) // hop

    def forward(x: np.ndarray) -> np.ndarray:
        return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(x, n_fft)[::hop][:n_frames] * window, axis=1)

    def backward(spectrum: np.ndarray) -> np.ndarray:
        frames = np.fft.irfft(spectrum, n_fft, axis=1) * window
        out = np.zeros(len(padded))
        for k in range(n_fft // hop):  # frames that do not overlap are added at once
            part = frames[k::4]
            flat = part.reshape(-1)
            out[k * hop : k * hop + flat.size] += flat
        return out / 1.5

    magnitude = np.abs(forward(padded))
    n_bands = int(rng.integers(40, 90))
    edges = np.linspace(0, magnitude.shape[1], n_bands + 1).astype(int)
    smooth = np.repeat(np.add.reduceat(magnitude, edges[:-1], axis=1) / np.diff(edges), np.diff(edges), axis=1)
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(n_iterations):
        again = forward(backward(smooth * phase))
        phase = again / (np.abs(again) + 1e-9)
    return backward(smooth * phase)[: len(samples)].astype(np.float32)


def replay(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The clip as played by a small loudspeaker in a room: band 200 to 5500 Hz, reverberation, noise."""
    sos = butter(3, [rng.uniform(150, 300), rng.uniform(4500, 6000)], "bandpass", fs=SAMPLE_RATE, output="sos")
    rt60_s = rng.uniform(0.2, 0.6)
    t = np.arange(int(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.standard_normal(t.size) * np.exp(-6.9 * t / rt60_s) * rng.uniform(0.05, 0.15)
    response[0] = 1.0
    wet = fftconvolve(sosfilt(sos, samples), response)[: len(samples)]
    wet = wet + 10 ** (-rng.uniform(25, 40) / 20) * np.sqrt(np.mean(wet**2)) * rng.standard_normal(len(wet))
    return (wet / (np.abs(wet).max() + 1e-9) * 0.5).astype(np.float32)


def copied(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of a clip: vocoded or replayed, half and half."""
    return griffin_lim(samples, rng) if rng.random() < 0.5 else replay(samples, rng)


# ------------------------------------------------------------------ items
def _draw_voice(rng: np.random.Generator, pools: dict[str, list[speak.Voice]], language: str) -> speak.Voice:
    """A voice of a language: an engine by its share, then a gender, then one of its voices."""
    engines = sorted({name.split("/")[1] for name, pool in pools.items() if pool and name.startswith(language)})
    shares = np.array([ENGINE_SHARES.get(engine, 1.0) for engine in engines])
    engine = engines[rng.choice(len(engines), p=shares / shares.sum())]
    genders = [gender for gender in ("male", "female", "") if pools.get(f"{language}/{engine}/{gender}")]
    weights = np.array([0.2 if gender == "" else 1.0 for gender in genders])
    pool = pools[f"{language}/{engine}/{genders[rng.choice(len(genders), p=weights / weights.sum())]}"]
    return pool[rng.integers(len(pool))]


def open_texts() -> list[str]:
    """Sentences with words outside the vocabulary, from the training speakers' prompts of speechocean762."""
    return sorted({plain(row["text"]) for row in real_rows("speechocean762", "train")})


def spoken_items(n_items: int, rng: np.random.Generator, engine: str = "") -> Iterator[tuple[np.ndarray, dict]]:
    """Synthetic speech from training texts and training voices, a share of it in rooms; of one engine where it is named."""
    pools: dict[str, list[speak.Voice]] = {}
    for language in ("en", "es"):
        for voice in speak.voices("train", language):
            if engine in ("", voice.engine):
                pools.setdefault(f"{language}/{voice.engine}/{voice.gender}", []).append(voice)
    spoken = {name.split("/")[0] for name in pools}
    shares_of = {kind: share for kind, share in SHARES.items() if ("es" if kind.startswith("es_") else "en") in spoken}
    lines = {kind: grammar.texts(kind, "train") for kind in shares_of if kind != "open"}
    words = open_texts() if has_corpora() else [line.text for line in lines["statement"]]
    kinds, shares = list(shares_of), np.array(list(shares_of.values()))
    for _ in range(n_items):
        kind = kinds[rng.choice(len(kinds), p=shares / shares.sum())]
        voice = _draw_voice(rng, pools, "es" if kind.startswith("es_") else "en")
        item = {
            "kind": kind,
            "gender": voice.gender,
            "age": {"adult": "", "child_like": "child"}[voice.group],
            "engine": voice.engine,
            "voice": voice.name,
            "live": "",
        }
        if kind == "open":
            item["text"] = words[rng.integers(len(words))]
        elif kind == "code_word" and rng.random() < 0.4:
            item["text"] = grammar.DIGITS[rng.integers(10)]
        else:
            line = lines[kind][rng.integers(len(lines[kind]))]
            item |= {
                "text": line.text,
                "line": {name: value for name, value in asdict(line).items() if value not in ("", -1)},
            }
        samples = speak.say(item["text"], voice, int(rng.integers(1 << 30)))
        if len(samples) > 6.5 * SAMPLE_RATE:
            continue
        if kind in ("order", "question", "passphrase") and rng.random() < 0.12:
            yield samples, item | {"live": "live"}
            yield copied(samples, rng), item | {"live": "copy"}
        elif rng.random() < ROOM_SHARE:
            rt60_s = float(rng.uniform(0.2, 0.8))
            yield effects.room(samples, SAMPLE_RATE, rt60_s=rt60_s, rng=rng)[0], item | {"rt60_s": round(rt60_s, 2)}
        else:
            yield samples, item


def other_items(n_items: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, dict]]:
    """Sounds (one or two in a row), noise and silence, and pairs of speakers with one statement."""
    voices = speak.voices("train")
    statements = grammar.texts("statement", "train")
    for _ in range(n_items):
        u = rng.random()
        if u < 0.68:
            labels = [grammar.SOUNDS[i] for i in rng.choice(8, size=rng.choice((1, 1, 2)), replace=False)]
            gap = np.zeros(int(rng.uniform(0.0, 0.5) * SAMPLE_RATE), np.float32)
            parts = [part for label in labels for part in (gap, sounds.sound(label, rng.uniform(0.8, 2.2), rng))]
            yield np.concatenate(parts[1:]), {"kind": "sound", "text": " ".join(f"<sound> {label}" for label in labels)}
        elif u < 0.85:
            n = int(rng.uniform(0.2, 3.0) * SAMPLE_RATE)
            level = rng.choice((0.0, 10 ** rng.uniform(-4.5, -1)))
            tilt = np.fft.irfft(
                np.fft.rfft(rng.standard_normal(n))
                / np.maximum(np.arange(n // 2 + 1), 8) ** rng.choice((0.0, 0.0, 0.5, 1.0)),
                n,
            )
            hum = rng.choice((0, 0.5)) * np.sin(2 * np.pi * rng.uniform(45, 130) * np.arange(n) / SAMPLE_RATE)
            yield (level * (tilt / (tilt.std() + 1e-9) * 0.3 + hum)).astype(np.float32), {"kind": "silence", "text": ""}
        else:
            line = statements[rng.integers(len(statements))]
            a, b = (
                speak.say(line.text, voices[rng.integers(len(voices))], int(rng.integers(1 << 30))) for _ in range(2)
            )
            yield np.concatenate([a, np.zeros(SAMPLE_RATE // 2, np.float32), b]), {"kind": "pair", "text": line.text}


def real_items(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, dict]]:
    """Clips of the training speakers of speechocean762 and LibriSpeech, each also as a copy."""
    for row in real_rows("speechocean762", "train"):
        samples = read("speechocean762", row)
        text = plain(row["text"])
        item = {
            "kind": "digits" if row["digits_only"] == "1" else "open",
            "text": text,
            "gender": row["gender"],
            "age": row["age_band"],
            "engine": "real",
            "voice": f"real/{row['speaker']}",
        }
        yield samples, item | {"live": "live"}
        yield copied(samples, rng), item | {"live": "copy", "kind": "real_copy"}
    for row in real_rows("librispeech", "train"):
        samples = read("librispeech", row)
        item = {
            "kind": "untranscribed",
            "text": "",
            "gender": row["gender"],
            "age": "",
            "engine": "real",
            "voice": f"real/{row['speaker']}",
        }
        for start in (0, len(samples) // 2):
            part = samples[start : start + len(samples) // 2]
            yield part, item | {"live": "live"}
            yield copied(part, rng), item | {"live": "copy"}


def write_shard(folder: Path, name: str, items: Iterator[tuple[np.ndarray, dict]]) -> int:
    """Write a shard; the number of items in it."""
    rows, blocks, at = [], [], 0
    for samples, item in items:
        block = np.log(mel_power(samples) + 1e-11).astype(np.float16)
        rows.append(item | {"start": at, "n_frames": len(block), "n_samples": len(samples)})
        blocks.append(block)
        at += len(block)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.part.npy", np.concatenate(blocks))
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / f"{name}.part.npy").rename(folder / f"{name}.npy")  # last: a reader sees whole shards only
    return len(rows)


def load(folder: Path) -> tuple[np.ndarray, list[dict]]:
    """All shards of a folder in the order of their names: frames and items (``start`` counted through)."""
    blocks, items, at = [], [], 0
    for path in sorted(folder.glob("*.npy")):
        if path.name.endswith(".part.npy"):
            continue
        block = np.load(path)
        for line in (folder / f"{path.stem}.jsonl").read_text().splitlines():
            item = json.loads(line)
            items.append(item | {"start": item["start"] + at})
        blocks.append(block)
        at += len(block)
    return np.concatenate(blocks), items


def manifest_hash(folder: Path) -> str:
    """SHA-256 over the items of all shards, names and texts included: names the data without git."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.jsonl")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Write the shards of one worker: ``python -m reference.data FOLDER --worker 0``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--n-shards", type=int, default=9)
    parser.add_argument("--n-items", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="", help="synthetic speech of this engine alone")
    arguments = parser.parse_args()
    rng = np.random.default_rng([arguments.seed, arguments.worker])
    if arguments.engine == "" and arguments.worker == 0:
        write_shard(arguments.folder, "real", real_items(rng))
    elif arguments.engine == "":
        write_shard(arguments.folder, "other", other_items(max(arguments.n_items * 2, 200), rng))
    for k in range(arguments.n_shards):
        write_shard(
            arguments.folder,
            f"spoken{arguments.engine}-{k:02d}-{arguments.worker}",
            spoken_items(arguments.n_items, rng, arguments.engine),
        )


if __name__ == "__main__":
    main()
