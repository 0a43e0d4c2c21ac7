"""Training of the reference model: batches, losses, schedule, checkpoints.

Every step sees two batches. One is of clips: the network writes ``transcript <sep> answer <end>``. The other is of the same length in words alone: the transcript is given and only
the answer is learned, under rules and after earlier turns that are drawn anew each time; so an answer follows from what was written down. Losses: cross-entropy, CTC over characters on
the encoder, and, on the voice alone, whose voice it is (additive angular margin, [deng2019-arcface]) and its gender, age and whether it is live; the heads of these are thrown away.

Matrices follow Muon [jordan2024-muon], everything else AdamW. The learning rate is warmed up, then constant, and falls to zero over the last part (`--cool-down` minutes), which can be begun from any checkpoint. Both follow the wall clock, so that a
run ends finished on whatever machine; step counts differ between machines and the weights are not reproduced bit by bit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import lfilter
from torch import nn
from torch.nn import functional as F

from earnest.models.reference import features
from earnest.models.reference.network import Heard, Network, Shape
from earnest.models.reference.vocabulary import CHARACTERS, Vocabulary

from . import data, grammar, rules

MODES = {
    "transcribe": 0.35,
    "respond": 0.37,
    "disclose": 0.06,
    "gender": 0.08,
    "age": 0.06,
    "genuine": 0.06,
    "choose": 0.01,
}
# words in no order that a grammar gives (passphrases, digits, single words) make the model listen rather than guess
TRANSCRIBED = {
    "digit": 0.15, "kind/digits": 0.10, "kind/passphrase": 0.17, "kind/code_word": 0.05, "kind/carrier": 0.08, "kind/note": 0.06, "kind/statement": 0.13, "kind/benign_mixed": 0.05, "kind/harmful_mixed": 0.04, "kind/es_note": 0.02, "speech/synthetic": 0.20, "speech/real": 0.11, "kind/sound": 0.12,
    "kind/silence": 0.03,
}  # fmt: skip  # a table: one row a line
RESPONDED = {
    "order": 0.14, "benign": 0.13, "harmful": 0.14, "benign_mixed": 0.06, "harmful_mixed": 0.05, "sum": 0.11, "question": 0.14, "borderline": 0.03, "fact": 0.04, "recall": 0.03, "secret": 0.02, "consent": 0.01, "es_benign": 0.015,
    "es_harmful": 0.015, "es_order": 0.02, "es_question": 0.02, "silence": 0.025, "sound": 0.025,
}  # fmt: skip  # a table: one row a line
"""What is answered in clips."""
IN_WORDS = {
    "order": 0.13, "benign": 0.03, "harmful": 0.05, "benign_mixed": 0.06, "harmful_mixed": 0.05, "sum": 0.05, "question": 0.12, "borderline": 0.03, "fact": 0.02, "recall": 0.20, "secret": 0.23, "consent": 0.03, "es_benign": 0.01,
    "es_harmful": 0.01, "es_order": 0.01, "es_question": 0.02,
}  # fmt: skip  # a table: one row a line
"""What is answered in words alone."""
WEIGHTS = {"kokoro": 4}
"""How often an engine's clips are drawn, against 1: Kokoro is slow, and sounds most like people."""
JOINED_SHARE = 0.08
"""Of the speech that is transcribed: several utterances one after the other, as a long recording has them."""
RULED_SHARE = 0.5  # of the clips that are answered; in words nearly all
WRITTEN_SHARE = 0.16  # of the words: the request stands in the prompt, and nothing was heard
WORDS_SHARE = 2.2  # examples in words for one of a clip
LIKENESS = 9.0  # mean log-likelihood ratio of the drawn likeness of two voices
VOICE_MODES = ("gender", "age", "genuine")
VOICE_FRAMES = 160  # of a clip that is only asked about its voice
ATTRIBUTES = ("gender", "age", "live")
POSITIVE = {"gender": "female", "age": "child", "live": "copy"}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One item under one instruction."""

    item: dict
    mode: str
    prefix: tuple[int, ...]
    text: tuple[int, ...]
    weights: tuple[float, ...]
    voice: str = ""


@dataclass(kw_only=True)
class Batch:
    """Padded tensors of examples of about one length; of words alone there are no features."""

    features: torch.Tensor
    n_frames: torch.Tensor
    prefix: torch.Tensor
    n_prefix: torch.Tensor
    text: torch.Tensor
    seen: torch.Tensor
    weights: torch.Tensor
    likeness: torch.Tensor
    known: torch.Tensor
    characters: list[torch.Tensor]
    attributes: torch.Tensor
    speakers: torch.Tensor


# ------------------------------------------------------------------ augmentation on mel power
def _band_centres() -> np.ndarray:
    edges = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 7600 / 700), features.N_MELS + 2)
    return 700 * (10 ** (edges[1:-1] / 2595) - 1)


CENTRES_HZ = _band_centres()
WHITE = features.mel_matrix().sum(0).astype(np.float32)
"""White noise as mel power."""
LOUDNESS = (
    np.gradient(CENTRES_HZ)
    / (features.SAMPLE_RATE / features.N_FFT)
    / np.minimum(np.maximum(CENTRES_HZ, 300.0) / 300.0, 10.0) ** 2
).astype(np.float32)
"""Weights by which mel power adds up to the power of the waveform."""
N_BINS = np.maximum(1.0, np.gradient(CENTRES_HZ) / (features.SAMPLE_RATE / features.N_FFT)).astype(np.float32)


def noise_power(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """White or coloured noise as mel power, shape (n_frames, n_mels), mean level arbitrary."""
    colour = WHITE if rng.random() < 0.4 else WHITE * (CENTRES_HZ / 1000) ** rng.uniform(-3.0, 0.7)
    return (colour * rng.gamma(N_BINS, 1.0 / N_BINS, (n_frames, features.N_MELS))).astype(np.float32)


def mixed(power: np.ndarray, added: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Two sounds together, as mel power, at an SNR of their waveforms; where they meet in a band they add up by a random phase."""
    added = added * ((power @ LOUDNESS).mean() / ((added @ LOUDNESS).mean() + 1e-12) * 10 ** (-snr_db / 10))
    cross = 2 * np.sqrt(power * added) * rng.standard_normal(power.shape).astype(np.float32) * np.sqrt(0.5 / N_BINS)
    return np.maximum(power + added + cross, 0.02 * (power + added))


def augmented(
    log_power: np.ndarray, rng: np.random.Generator, *, gentle: bool, noise: np.ndarray | None, narrow: bool = False
) -> np.ndarray:
    """Mel power of a clip after random speed, vocal-tract length, equaliser, band limit, reverberation and noise.

    Parameters
    ----------
    log_power : float32 array, shape (n_frames, n_mels)
    gentle : bool
        For attributes and copies: nothing that changes the voice or looks like a replay.
    noise : float32 array, shape (n_noise_frames, n_mels), or None
        Mel power of a recording to use as noise.
    narrow : bool
        Limit the band to that of a telephone more often: spoken digits often come that way.
    """
    x = log_power
    n = len(x)
    if rng.random() < 0.5 and n > 8:
        factor = rng.uniform(0.95, 1.05) if gentle else rng.uniform(0.85, 1.18)
        at = np.linspace(0, n - 1, max(4, int(n / factor)))
        low = at.astype(int)
        high = np.minimum(low + 1, n - 1)
        part = (at - low)[:, None].astype(np.float32)
        x = x[low] * (1 - part) + x[high] * part
    if rng.random() < 0.3 and not gentle:
        at = np.clip(np.arange(features.N_MELS) * rng.uniform(0.92, 1.08), 0, features.N_MELS - 1)
        low = at.astype(int)
        high = np.minimum(low + 1, features.N_MELS - 1)
        x = x[:, low] * (1 - (at - low).astype(np.float32)) + x[:, high] * (at - low).astype(np.float32)
    power = np.exp(x)
    if rng.random() < 0.5:
        bands = np.arange(features.N_MELS) / features.N_MELS
        gain_db = sum(rng.normal(0, 3.0) * np.cos(np.pi * k * bands + rng.uniform(0, 6.28)) for k in (0.5, 1, 2, 3))
        power = power * (10 ** (gain_db / 10)).astype(np.float32)
    if rng.random() < (0.65 if narrow else 0.4):
        above, below = (
            rng.choice(
                (3400.0, 3800.0, 4000.0, 4000.0) if narrow else (3400.0, 3800.0, 4000.0, 4000.0, 5500.0, 7000.0)
            ),
            rng.choice((0.0, 0.0, 120.0, 200.0, 300.0)),
        )
        cut_db = np.where((above < CENTRES_HZ) | (below > CENTRES_HZ), -rng.uniform(25, 60), 0.0)
        power = power * (10 ** (cut_db / 10)).astype(np.float32)
    if rng.random() < (0.0 if gentle else 0.25):
        decay = 10 ** (-6 * 0.01 / rng.uniform(0.15, 0.9))
        power = power + rng.uniform(0.02, 0.4) * lfilter([0, 1 - decay], [1, -decay], power, axis=0).astype(np.float32)
    if noise is not None and not gentle:
        start = rng.integers(max(1, len(noise)))
        power = mixed(
            power, np.take(noise, np.arange(start, start + len(power)), axis=0, mode="wrap"), rng.uniform(3, 30), rng
        )
    if rng.random() < 0.55:
        power = mixed(power, noise_power(len(power), rng), rng.uniform(22, 45) if gentle else rng.uniform(3, 38), rng)
    if not gentle and rng.random() < 0.15:  # something else before the speech, or behind it
        other = (
            noise_power(int(rng.integers(10, 90)), rng)
            if noise is None or rng.random() < 0.5
            else noise[: int(rng.integers(10, 90))]
        )
        other = other * (power.mean() / (other.mean() + 1e-12) * 10 ** rng.uniform(-3, 0.3))
        power = np.concatenate([other, power] if rng.random() < 0.75 else [power, other])
    return power


def trimmed(log_power: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The clip with a random part of the silence before and after the speech taken away."""
    energy = log_power.max(axis=1)
    loud = np.flatnonzero(energy > energy.max() - 8.0)
    first, last = int(rng.integers(loud[0] + 1)), len(log_power) - int(rng.integers(len(log_power) - loud[-1]))
    return log_power[first:last] if last - first > 8 else log_power


class Sampler:
    """Draws examples under instructions, in batches of about one length."""

    def __init__(
        self,
        frames: np.ndarray,
        items: list[dict],
        vocabulary: Vocabulary,
        seed: int,
        *,
        modes: dict[str, float] = MODES,
        responded: dict[str, float] = RESPONDED,
        running: bool = False,
    ) -> None:
        self.frames, self.items, self.vocabulary = frames, items, vocabulary
        self.rng = np.random.default_rng(seed)
        self.modes, self.responded, self.running = modes, responded, running
        self.drawer = rules.Drawer(self.rng, "train")
        self.pools = self._make_pools()
        self.lines = {kind: grammar.texts(kind, "train") for kind in IN_WORDS if kind != "sum"}
        self.lines["sum"] = [line for line in self.lines["question"] if line.category == "sum"]
        self.words = np.array([i for i, token in enumerate(vocabulary.tokens) if not token.startswith(("<", "_"))])
        self.noises = [item for item in items if item["kind"] == "sound"]
        self.talk = self.pools["speech/synthetic"]
        self.speakers = {name: k for k, name in enumerate(sorted({speaker_of(item) for item in items} - {""}))}

    def keep_speakers(self, path: Path) -> None:
        """Number the speakers as in a file, new ones behind those that it knows, and write it."""
        known = json.loads(path.read_text()) if path.exists() else []
        known += [name for name in self.speakers if name not in set(known)]
        self.speakers = {name: k for k, name in enumerate(known)}
        path.write_text(json.dumps(known))

    def _make_pools(self) -> dict[str, list[dict]]:
        pools: dict[str, list[dict]] = {}
        for item in (each for each in self.items for _ in range(WEIGHTS.get(each.get("engine", ""), 1))):
            kind, real = item["kind"], item.get("engine") == "real"
            pools.setdefault(f"kind/{kind}", []).append(item)
            if item["text"] in grammar.DIGITS:
                pools.setdefault("digit", []).append(item)
            if item.get("line", {}).get("category") == "sum":
                pools.setdefault("kind/sum", []).append(item)
            if kind not in ("sound", "silence", "pair", "untranscribed") and item.get("live") != "copy":
                pools.setdefault(f"speech/{'real' if real else 'synthetic'}", []).append(item)
            for attribute in ATTRIBUTES:
                if (
                    item.get(attribute)
                    and item[attribute] != "teenager"
                    and (attribute == "live" or item.get("live") != "copy")
                ):
                    pools.setdefault(f"{attribute}/{'real' if real else 'synthetic'}/{item[attribute]}", []).append(
                        item
                    )
            if item.get("gender") and not real and item.get("live") != "copy":
                pools.setdefault("age/synthetic/adult", []).append(item)
        return pools

    def _pick(self, *names: str) -> dict:
        for name in names:
            pool = self.pools.get(name)
            if pool:
                return pool[self.rng.integers(len(pool))]
        raise ValueError(f"no training item for any of {names}; make more data")

    def _joined(self, item: dict) -> dict:
        """The item with one to three others after it, at most 11 s in all: speech of which nobody's voice is asked."""
        parts, text, n_frames = [item], item["text"], item["n_frames"]
        for other in (self._pick("speech/synthetic") for _ in range(int(self.rng.integers(1, 4)))):
            if n_frames + other["n_frames"] < 1000 and len(self.vocabulary.encode(f"{text} {other['text']}")) < 80:
                parts, text, n_frames = [*parts, other], f"{text} {other['text']}", n_frames + other["n_frames"] + 20
        return {"kind": item["kind"], "text": text, "parts": parts, "n_frames": n_frames}

    def _block(self, item: dict) -> np.ndarray:
        """Log mel power of an item; between the parts of one that is joined the quietest frames of the part before."""
        if "parts" not in item:
            return self.frames[item["start"] : item["start"] + item["n_frames"]].astype(np.float32)
        blocks = []
        for part in item["parts"]:
            block = self._block(part)
            blocks += [
                block,
                np.repeat(np.quantile(block, 0.05, axis=0, keepdims=True), int(self.rng.integers(2, 40)), axis=0),
            ]
        return np.concatenate(blocks[:-1]).astype(np.float32)

    def _attribute(self, attribute: str, values: tuple[str, str], real_share: float) -> tuple[dict, str]:
        value = values[self.rng.integers(2)]
        first, second = ("real", "synthetic") if self.rng.random() < real_share else ("synthetic", "real")
        return self._pick(f"{attribute}/{first}/{value}", f"{attribute}/{second}/{value}"), value

    def _kind(self, shares: dict[str, float]) -> str:
        names, weights = zip(*shares.items(), strict=True)
        return names[self.rng.choice(len(names), p=np.array(weights) / sum(weights))]

    def _responded(self) -> tuple[dict, str, str, str, str]:
        kind = self._kind(self.responded)
        item = self._pick(f"kind/{kind}", "kind/question")
        if "line" not in item:
            return item, "<respond>", item["text"], grammar.NOTHING_HEARD, ""
        line = grammar.Line(**item["line"])
        if kind not in ("recall", "consent", "secret") and self.rng.random() > RULED_SHARE:
            return item, "<respond>", line.text, rules.answer(line), ""
        case = self.drawer.case(line)
        return item, f"{case.prefix}<respond>", line.text, case.answer, case.voice

    def _drawn(self, mode: str) -> tuple[dict, str, str, str, str]:
        """Item, prefix, transcript, answer, and whose voice it is beside the first speaker's."""
        u = self.rng.random()
        if mode == "transcribe":
            item = self._pick(self._kind(TRANSCRIBED), "speech/synthetic")
            if item["kind"] not in ("sound", "silence") and self.rng.random() < JOINED_SHARE:
                item = self._joined(item)
            return item, "<describe>", item["text"], "", ""
        if mode == "respond":
            return self._responded()
        if mode == "disclose":
            item = self._pick("kind/note")
            line = item["line"]
            asks = "<owner>" if u < 0.5 else "<stranger>"
            return (
                item,
                f"<disclose>{asks}<{line['category'].replace(' ', '_')}>",
                item["text"],
                line["value"] if u < 0.5 else grammar.CANNOT_SHARE,
                "",
            )
        if mode == "gender":
            item, value = self._attribute("gender", ("male", "female"), 0.7)
        elif mode == "age":
            item, value = self._attribute("age", ("child", "adult"), 0.85)
        elif mode == "genuine":
            item, value = self._attribute("live", ("live", "copy"), 0.5)
        else:
            item, value = self._pick("kind/pair"), ("first", "second")[self.rng.integers(2)]
        return item, f"<{mode}>", "", value, ""

    def _encoded(self, item: dict, mode: str, prefix: str, transcript: str, answer: str, voice: str) -> Example:
        encode = self.vocabulary.encode
        head, tail = encode(transcript), encode(answer)
        text = (*encode("<answer>"), *head, *encode("<sep>"), *tail, *encode("<end>"))
        answer_weight = 3.0 if mode in VOICE_MODES else 0.3 if mode == "choose" else max(1.5, 5.0 / max(1, len(tail)))
        given = 0.0 if mode in ("words", "written") else 1.0
        weights = (*(given for _ in head), given, *(answer_weight for _ in tail), 1.0)
        return Example(
            item=item, mode=mode, prefix=tuple(encode(prefix, spelled=False)), text=text, weights=weights, voice=voice
        )

    def example(self, mode: str) -> Example:
        """One example under a mode of `MODES`, of a clip."""
        item, prefix, transcript, answer, voice = self._drawn(mode)
        return self._encoded(item, mode, prefix, transcript, answer, voice)

    def words_alone(self) -> Example:
        """One example without a clip: a transcript is given, or the request stands in the prompt."""
        kind = self._kind(IN_WORDS)
        line = self.lines[kind][self.rng.integers(len(self.lines[kind]))]
        case = self.drawer.case(line)
        if self.rng.random() < WRITTEN_SHARE:
            case = (
                case
                if self.rng.random() < 0.5 and kind not in ("recall", "consent", "secret")
                else rules.Case(answer=rules.answer(line))
            )
            return self._encoded({}, "written", f"{case.prefix}<respond>{line.text}", "", case.answer, case.voice)
        return self._encoded({}, "words", f"{case.prefix}<respond>", line.text, case.answer, case.voice)

    def _other_sound(self) -> np.ndarray | None:
        """Mel power of a recording to mix in: a sound, or several people talking; mostly none."""
        u = self.rng.random()
        if u < 0.12 and self.noises:
            chosen = [self.noises[self.rng.integers(len(self.noises))]]
        elif u < 0.24:
            chosen = [self.talk[self.rng.integers(len(self.talk))] for _ in range(int(self.rng.integers(1, 6)))]
        else:
            return None
        blocks = [
            np.exp(self.frames[item["start"] : item["start"] + item["n_frames"]].astype(np.float32)) for item in chosen
        ]
        n = max(len(block) for block in blocks)
        return sum(np.take(block, np.arange(n), axis=0, mode="wrap") for block in blocks)

    def _augmented(self, example: Example) -> np.ndarray:
        """Mel power of an example's clip as it is heard this time."""
        item, rng = example.item, self.rng
        block = self._block(item)
        if item.get("engine") in ("espeak", "flite") and rng.random() < 0.5:
            block = trimmed(block, rng)
        if example.mode in VOICE_MODES and len(block) > VOICE_FRAMES:
            at = rng.integers(len(block) - VOICE_FRAMES)
            block = block[at : at + VOICE_FRAMES]
        noise = self._other_sound() if item["kind"] not in ("sound", "silence") else None
        if item["kind"] == "silence":
            return np.exp(block)
        return augmented(
            block,
            rng,
            gentle=example.mode in VOICE_MODES,
            noise=noise,
            narrow=item["kind"] == "digits" or item["text"] in grammar.DIGITS,
        )

    def _power(self, example: Example, n_mask: int) -> np.ndarray:
        rng = self.rng
        x = features.normalised(self._augmented(example), running=self.running)
        if n_mask and rng.random() < 0.4:
            for _ in range(n_mask):
                width = rng.integers(0, 9)
                at = rng.integers(features.N_MELS - width)
                x[:, at : at + width] = -1.0
                width = rng.integers(0, min(14, max(1, len(x) // 6)))
                at = rng.integers(len(x) - width)
                x[at : at + width] = -1.0
        return x

    def batch(self, examples: list[Example], *, corrupt: float = 0.1, n_mask: int = 2) -> Batch:
        """Padded batch; a tenth of the transcript words that the decoder sees are wrong in one example of three, so that it keeps listening."""
        alone = not examples[0].item
        blocks = [] if alone else [self._power(example, n_mask) for example in examples]
        n = len(examples)
        n_frames = np.array([len(block) for block in blocks] or [0] * n)
        x = np.zeros((n, int(n_frames.max()), features.N_MELS), np.float32)
        for row, block in zip(x, blocks, strict=False):
            row[: len(block)] = block
        n_prefix = np.array([len(e.prefix) for e in examples])
        prefix = np.zeros((n, n_prefix.max()), np.int64)
        n_text = max(len(e.text) for e in examples)
        text, weights = np.zeros((n, n_text), np.int64), np.zeros((n, n_text - 1), np.float32)
        characters, attributes, speakers = [], np.full((n, len(ATTRIBUTES)), -1.0, np.float32), np.full(n, -1, np.int64)
        for i, e in enumerate(examples):
            prefix[i, : n_prefix[i]] = e.prefix
            text[i, : len(e.text)] = e.text
            weights[i, : len(e.text) - 1] = e.weights
            spoken = (
                ""
                if alone or e.mode in VOICE_MODES or e.item["kind"] in ("sound", "silence", "pair", "untranscribed")
                else e.item["text"]
            )
            characters.append(
                torch.tensor([1 if c == " " else CHARACTERS.index(c) + 2 for c in spoken], dtype=torch.long)
            )
            speakers[i] = self.speakers.get(speaker_of(e.item), -1)
            for k, attribute in enumerate(ATTRIBUTES):
                if e.item.get(attribute) and e.item[attribute] != "teenager":
                    attributes[i, k] = float(e.item[attribute] == POSITIVE[attribute])
        seen = text.copy()
        if not alone:
            wrong = (
                (self.rng.random(seen.shape) < corrupt) & (self.rng.random((n, 1)) < 0.35) & np.isin(seen, self.words)
            )
            seen[wrong] = self.rng.choice(self.words, int(wrong.sum()))
        known = np.array([float(e.voice != "") for e in examples], np.float32)
        sign = np.array([1.0 if e.voice == "same" else -1.0 for e in examples])
        likeness = np.tanh((sign * LIKENESS + self.rng.standard_normal(n) * (2 * LIKENESS) ** 0.5) / 6.0).astype(
            np.float32
        )
        tensor = torch.from_numpy
        return Batch(
            features=tensor(x),
            n_frames=tensor(n_frames),
            prefix=tensor(prefix),
            n_prefix=tensor(n_prefix),
            text=tensor(text),
            seen=tensor(seen),
            weights=tensor(weights),
            likeness=tensor(likeness * known),
            known=tensor(known),
            characters=characters,
            attributes=tensor(attributes),
            speakers=tensor(speakers),
        )

    def batches(self, size: int, *, n_pool: int = 16, n_mask: int = 2) -> Iterator[tuple[Batch, Batch]]:
        """Batches without end: one of clips, one of words alone."""
        names, shares = list(self.modes), np.array(list(self.modes.values()))
        while True:
            drawn = [
                self.example(names[k]) for k in self.rng.choice(len(names), size * n_pool, p=shares / shares.sum())
            ]
            drawn.sort(
                key=lambda e: (
                    len(e.prefix) > 4,
                    min(e.item["n_frames"], VOICE_FRAMES if e.mode in VOICE_MODES else 10**6),
                )
            )
            groups = [drawn[i : i + size] for i in range(0, len(drawn), size)]
            words = sorted(
                (self.words_alone() for _ in range(round(WORDS_SHARE * size * len(groups)))),
                key=lambda e: len(e.prefix),
            )
            n_words = len(words) // len(groups)
            for k, other in zip(self.rng.permutation(len(groups)), self.rng.permutation(len(groups)), strict=True):
                yield self.batch(groups[k], n_mask=n_mask), self.batch(words[other * n_words : (other + 1) * n_words])


def speaker_of(item: dict) -> str:
    """Whose voice a live clip has: an espeak variant in any accent is one; empty where it is no speech or a copy."""
    if item.get("live") == "copy" or item.get("kind") in ("sound", "silence", "pair"):
        return ""
    return item.get("voice", "").split("+")[-1]


# ------------------------------------------------------------------ loss
class Heads(nn.Module):
    """What is learned of voices beside the answers, and thrown away: whose voice, and its attributes."""

    def __init__(self, voice_width: int, n_speakers: int) -> None:
        super().__init__()
        self.speakers = nn.Parameter(torch.randn(n_speakers, voice_width) * 0.1)
        self.attributes = nn.Sequential(nn.Linear(voice_width, 64), nn.ReLU(), nn.Linear(64, len(ATTRIBUTES)))

    def speaker_loss(
        self, voice: torch.Tensor, speakers: torch.Tensor, *, margin: float = 0.2, scale: float = 24.0
    ) -> torch.Tensor:
        """Cross-entropy with an additive angular margin."""
        cosine = (voice @ F.normalize(self.speakers, dim=1).T).clamp(-1 + 1e-6, 1 - 1e-6)
        own = F.one_hot(speakers, cosine.shape[1]).bool()
        return F.cross_entropy(scale * torch.where(own, torch.cos(torch.acos(cosine) + margin), cosine), speakers)


def token_losses(network: Network, batch: Batch, *, drop: float = 0.0) -> tuple[torch.Tensor, Heard | None]:
    """Weighted sum of the cross-entropies of each example, shape (n,), and what was heard."""
    logits, heard = network(
        batch.features,
        batch.n_frames,
        batch.prefix,
        batch.n_prefix,
        batch.seen[:, :-1],
        likeness=batch.likeness,
        known=batch.known,
        drop=drop,
    )
    each = F.cross_entropy(logits.float().flatten(0, 1), batch.text[:, 1:].flatten(), reduction="none").view_as(
        batch.weights
    )
    return (each * batch.weights).sum(1), heard


def loss_of(
    network: Network, heads: Heads, batch: Batch, *, ctc_weight: float, drop: float = 0.0
) -> tuple[torch.Tensor, dict[str, float]]:
    """Training loss of a batch and its parts."""
    sums, heard = token_losses(network, batch, drop=drop)
    token = sums.sum() / batch.weights.sum()
    if heard is None:
        return token, {"words": token.item()}
    total, parts = token, {"token": token.item()}
    rows = [i for i, c in enumerate(batch.characters) if len(c)]
    if rows and ctc_weight > 0:
        log_probs = F.log_softmax(network.characters(heard.states[rows]).float(), dim=-1).transpose(0, 1)
        targets = torch.cat([batch.characters[i] for i in rows])
        lengths = torch.tensor([len(batch.characters[i]) for i in rows])
        ctc = F.ctc_loss(log_probs, targets, heard.n_states[rows], lengths, zero_infinity=True)
        total = total + ctc_weight * ctc
        parts["ctc"] = ctc.item()
    voice = heard.voice.float()
    known = batch.attributes >= 0
    if known.any():
        attribute = F.binary_cross_entropy_with_logits(heads.attributes(voice)[known], batch.attributes[known])
        total = total + 0.15 * attribute
        parts["attribute"] = attribute.item()
    if (batch.speakers >= 0).any():
        speaker = heads.speaker_loss(voice[batch.speakers >= 0], batch.speakers[batch.speakers >= 0])
        total = total + 0.05 * speaker
        parts["speaker"] = speaker.item()
    return total, parts


# ------------------------------------------------------------------ run
@dataclass(kw_only=True)
class Run:
    """Everything that a checkpoint holds."""

    network: Network
    average: Network
    head: nn.Module
    adam: torch.optim.Optimizer
    muon: torch.optim.Optimizer
    step: int = 0
    elapsed_s: float = 0.0

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "head", "adam", "muon")}
        torch.save(
            state | {"step": self.step, "elapsed_s": self.elapsed_s, "shape": self.network.shape.as_dict()},
            path.with_suffix(".part"),
        )
        path.with_suffix(".part").rename(path)

    def load(self, path: Path) -> None:
        """Read a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in ("network", "average", "head", "adam", "muon"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]


def new_run(vocabulary: Vocabulary, seed: int, n_speakers: int = 512, **sizes: int) -> Run:
    """A run with fresh weights."""
    torch.manual_seed(seed)
    network = Network(Shape(n_tokens=len(vocabulary), **sizes))
    average = Network(network.shape)
    average.load_state_dict(network.state_dict())
    heads = Heads(network.shape.voice_width, n_speakers)
    matrices = [
        p
        for name, p in network.named_parameters()
        if p.dim() == 2 and not name.startswith(("tokens", "text_position", "prefix_position", "next_token"))
    ]
    others = [p for p in network.parameters() if all(p is not m for m in matrices)]
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in others if p.dim() > 1], "weight_decay": 0.02},
            {"params": [p for p in others if p.dim() <= 1] + list(heads.parameters()), "weight_decay": 0.0},
        ],
        lr=1e-3,
        betas=(0.9, 0.98),
    )
    muon = torch.optim.Muon(matrices, lr=1e-3, weight_decay=0.02, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    return Run(network=network, average=average, head=heads, adam=adam, muon=muon)


def learning_rate(elapsed_s: float, step: int, *, minutes: float, cool_down: float, peak: float, warm_up: int) -> float:
    """Warm-up by steps, constant, then linearly to zero over the last `cool_down` minutes."""
    left = max(0.0, minutes - elapsed_s / 60.0) / cool_down if cool_down else 1.0
    return peak * min(1.0, (step + 1) / warm_up) * min(1.0, left)


def train(
    run: Run,
    sampler: Sampler,
    folder: Path,
    *,
    minutes: float,
    cool_down: float,
    batch_size: int,
    peak: float,
    warm_up: int,
    log_every: int = 20,
) -> None:
    """Train until the time is over, with a checkpoint every ten minutes in ``folder``; a file ``stop`` in it ends the run early, ``finish`` begins the cool-down now."""
    log = folder / "log.jsonl"
    begin, saved = time.monotonic() - run.elapsed_s, time.monotonic()
    source = sampler.batches(batch_size)
    parts_sum: dict[str, list[float]] = {}
    run.network.train()
    while run.elapsed_s < minutes * 60.0 and not (folder / "stop").exists():
        if (folder / "finish").exists():
            (folder / "finish").unlink()
            run.save(folder / "before_cool_down.pt")
            minutes = run.elapsed_s / 60.0 + cool_down
        clips, words = next(source)
        for group in (*run.adam.param_groups, *run.muon.param_groups):
            group["lr"] = learning_rate(
                run.elapsed_s, run.step, minutes=minutes, cool_down=cool_down, peak=peak, warm_up=warm_up
            )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, parts = loss_of(run.network, run.head, clips, ctc_weight=0.4)
            second, more = loss_of(run.network, run.head, words, ctc_weight=0.0)
        run.network.zero_grad(set_to_none=True)
        run.head.zero_grad(set_to_none=True)
        (loss + second).backward()
        nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
        run.adam.step()
        run.muon.step()
        run.step += 1
        decay = min(0.998, (run.step + 1) / (run.step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(run.average.parameters()), list(run.network.parameters()), 1.0 - decay)
        for name, value in (parts | more).items():
            parts_sum.setdefault(name, []).append(value)
        run.elapsed_s = time.monotonic() - begin
        if run.step % log_every == 0:
            means = {k: round(float(np.mean(v)), 4) for k, v in parts_sum.items()}
            with open(log, "a") as file:
                file.write(json.dumps({"step": run.step, "elapsed_s": round(run.elapsed_s), **means}) + "\n")
            parts_sum.clear()
        if time.monotonic() - saved > 600:
            saved = time.monotonic()
            run.save(folder / "checkpoint.pt")
    run.save(folder / "checkpoint.pt")


def sampler_of(folder: Path, vocabulary: Vocabulary, seed: int, **options) -> Sampler:  # noqa: ANN003
    """Sampler over all shards of a folder."""
    frames, items = data.load(folder)
    return Sampler(frames, items, vocabulary, seed, **options)
