"""Training of the reference model: batches, losses, the clock-driven schedule, checkpoints.

The learning rate follows the wall clock (`--minutes`), so that a run always ends finished on whatever machine; hence step counts differ between machines and the weights are not
reproduced bit by bit. Losses: cross-entropy of ``transcript <sep> answer <end>``, CTC over characters on the encoder, and a pooled attribute head that is thrown away afterwards.
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
from earnest.models.reference.network import Network, Shape
from earnest.models.reference.vocabulary import CHARACTERS, Vocabulary

from . import data, grammar

MODES = {"transcribe": 0.38, "respond": 0.35, "disclose": 0.06, "gender": 0.08, "age": 0.06, "genuine": 0.06, "choose": 0.015}
# words in no order that a grammar gives (passphrases, digits, single words) make the model listen rather than guess
TRANSCRIBED = {
    "digit": 0.14, "kind/digits": 0.11, "kind/passphrase": 0.20, "kind/code_word": 0.09, "kind/note": 0.07, "speech/synthetic": 0.17, "speech/real": 0.14, "kind/sound": 0.10,
    "kind/silence": 0.03,
}  # fmt: skip
WRITTEN_SHARE = 0.07
VOICE_MODES = ("gender", "age", "genuine")
VOICE_FRAMES = 160  # of a clip that is only asked about its voice
ATTRIBUTES = ("gender", "age", "live")
TWINS = {a: b for _, one, other in grammar.PAIRS for a, b in ((one, other), (other, one))}
POSITIVE = {"gender": "female", "age": "child", "live": "copy"}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One item under one instruction."""

    item: dict
    mode: str
    prefix: tuple[int, ...]
    text: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(kw_only=True)
class Batch:
    """Padded tensors of examples of about one length."""

    features: torch.Tensor
    n_frames: torch.Tensor
    prefix: torch.Tensor
    n_prefix: torch.Tensor
    text: torch.Tensor
    seen: torch.Tensor
    weights: torch.Tensor
    characters: list[torch.Tensor]
    attributes: torch.Tensor


# ------------------------------------------------------------------ augmentation on mel power
def _band_centres() -> np.ndarray:
    edges = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 7600 / 700), features.N_MELS + 2)
    return 700 * (10 ** (edges[1:-1] / 2595) - 1)


CENTRES_HZ = _band_centres()


def augmented(log_power: np.ndarray, rng: np.random.Generator, *, gentle: bool, noise: np.ndarray | None, narrow: bool = False) -> np.ndarray:
    """Mel power of a clip after random speed, vocal-tract length, equaliser, band limit, reverberation and noise.

    Parameters
    ----------
    log_power : float32 array, shape (n_frames, n_mels)
    gentle : bool
        For attributes and copies: nothing that changes the voice or looks like a replay.
    noise : float32 array, shape (n_noise_frames, n_mels), or None
        Log mel power of a recording to use as noise; None for coloured noise.
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
        above, below = rng.choice((3400.0, 3800.0, 4000.0, 4000.0) if narrow else (3400.0, 3800.0, 4000.0, 4000.0, 5500.0, 7000.0)), rng.choice((0.0, 0.0, 120.0, 200.0, 300.0))
        cut_db = np.where((above < CENTRES_HZ) | (below > CENTRES_HZ), -rng.uniform(25, 60), 0.0)
        power = power * (10 ** (cut_db / 10)).astype(np.float32)
    if rng.random() < (0.0 if gentle else 0.15):
        decay = 10 ** (-6 * 0.01 / rng.uniform(0.15, 0.7))
        power = power + rng.uniform(0.02, 0.3) * lfilter([0, 1 - decay], [1, -decay], power, axis=0).astype(np.float32)
    mean = power.mean() + 1e-9
    snr_db = rng.uniform(22, 45) if gentle else rng.uniform(5, 40)
    if noise is not None and not gentle:
        start = rng.integers(max(1, len(noise)))
        added = np.exp(np.take(noise, np.arange(start, start + len(power)), axis=0, mode="wrap"))
    else:
        slope = rng.uniform(-2.5, 2.5)
        colour = (CENTRES_HZ / 1000) ** slope
        added = (colour / colour.mean()).astype(np.float32) * rng.gamma(4.0, 0.25, power.shape).astype(np.float32)
    if rng.random() < 0.5:
        power = power + added * (mean / (added.mean() + 1e-12) * 10 ** (-snr_db / 10))
    return power


def trimmed(log_power: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The clip with a random part of the silence before and after the speech taken away."""
    energy = log_power.max(axis=1)
    loud = np.flatnonzero(energy > energy.max() - 8.0)
    first, last = int(rng.integers(loud[0] + 1)), len(log_power) - int(rng.integers(len(log_power) - loud[-1]))
    return log_power[first:last] if last - first > 8 else log_power


class Sampler:
    """Draws examples under instructions, in batches of about one length.

    In `swap_share` of the ``respond`` examples the transcript that the decoder is shown is a wrong one, and only the answer is learned: an answer has to follow what was heard, not
    only what was written down. Without this the answer hung on the transcript alone, and a gradient with respect to the audio could not move it.
    """

    def __init__(self, frames: np.ndarray, items: list[dict], vocabulary: Vocabulary, seed: int, *, modes: dict[str, float] = MODES, written_share: float = WRITTEN_SHARE, swap_share: float = 0.3) -> None:
        self.frames, self.items, self.vocabulary = frames, items, vocabulary
        self.rng = np.random.default_rng(seed)
        self.modes, self.written_share, self.swap_share = modes, written_share, swap_share
        self.pools = self._make_pools()
        self.words = np.array([i for i, token in enumerate(vocabulary.tokens) if not token.startswith(("<", "_"))])
        self.noises = [item for item in items if item["kind"] == "sound"]

    def _make_pools(self) -> dict[str, list[dict]]:
        pools: dict[str, list[dict]] = {}
        for item in self.items:
            kind, real = item["kind"], item.get("engine") == "real"
            pools.setdefault(f"kind/{kind}", []).append(item)
            if item["text"] in grammar.DIGITS:
                pools.setdefault("digit", []).append(item)
            if kind == "question" and (" plus " in item["text"] or " minus " in item["text"]):
                pools.setdefault("kind/sum", []).append(item)
            if kind not in ("sound", "silence", "pair", "untranscribed") and item.get("live") != "copy":
                pools.setdefault(f"speech/{'real' if real else 'synthetic'}", []).append(item)
            for attribute in ATTRIBUTES:
                if item.get(attribute) and item[attribute] != "teenager" and (attribute == "live" or item.get("live") != "copy"):
                    pools.setdefault(f"{attribute}/{'real' if real else 'synthetic'}/{item[attribute]}", []).append(item)
            if item.get("gender") and not real and item.get("live") != "copy":
                pools.setdefault("age/synthetic/adult", []).append(item)
        return pools

    def _pick(self, *names: str) -> dict:
        for name in names:
            pool = self.pools.get(name)
            if pool:
                return pool[self.rng.integers(len(pool))]
        raise ValueError(f"no training item for any of {names}; make more data")

    def _attribute(self, attribute: str, values: tuple[str, str], real_share: float) -> tuple[dict, str]:
        value = values[self.rng.integers(2)]
        first, second = ("real", "synthetic") if self.rng.random() < real_share else ("synthetic", "real")
        return self._pick(f"{attribute}/{first}/{value}", f"{attribute}/{second}/{value}"), value

    def _drawn(self, mode: str) -> tuple[dict, str, str, str]:
        """Item, prefix, transcript and answer."""
        u = self.rng.random()
        if mode == "transcribe":
            names, shares = zip(*TRANSCRIBED.items(), strict=True)
            item = self._pick(names[self.rng.choice(len(names), p=np.array(shares) / sum(shares))], "speech/synthetic")
            return item, "<describe>", item["text"], ""
        if mode == "respond":
            kind = "order" if u < 0.18 else "benign" if u < 0.38 else "harmful" if u < 0.58 else "question" if u < 0.94 else "silence" if u < 0.97 else "sound"
            item = self._pick("kind/sum" if kind == "question" and self.rng.random() < 0.5 else f"kind/{kind}", f"kind/{kind}")
            return item, "<respond>", item["text"], item.get("answer") or grammar.NOTHING_HEARD
        if mode == "disclose":
            item = self._pick("kind/note")
            asks = "<owner>" if u < 0.5 else "<stranger>"
            return item, f"<disclose>{asks}<{item['field'].replace(' ', '_')}>", item["text"], item["value"] if u < 0.5 else grammar.CANNOT_SHARE
        if mode == "gender":
            item, value = self._attribute("gender", ("male", "female"), 0.6)
        elif mode == "age":
            item, value = self._attribute("age", ("child", "adult"), 0.85)
        elif mode == "genuine":
            item, value = self._attribute("live", ("live", "copy"), 0.5)
        else:
            item, value = self._pick("kind/pair"), ("first", "second")[self.rng.integers(2)]
        return item, f"<{mode}>", "", value

    def example(self, mode: str) -> Example:
        """One example under a mode; ``written`` gives a request in words, without a clip."""
        if mode == "written":
            kind = ("order", "benign", "harmful", "question", "sum", "sum", "sum", "sum")[self.rng.integers(8)]  # sums are 81 facts to learn by heart
            item = self._pick(f"kind/{kind}", "kind/question")
            prefix, transcript, answer = "<respond>" + item["text"], item["text"], item["answer"]
        else:
            item, prefix, transcript, answer = self._drawn(mode)
        encode = self.vocabulary.encode
        swapped = mode == "respond" and transcript and self.rng.random() < self.swap_share
        head, tail = encode(self._other_text(item) if swapped else transcript), encode(answer)
        text = (*encode("<answer>"), *head, *encode("<sep>"), *tail, *encode("<end>"))
        answer_weight = 3.0 if mode in VOICE_MODES else 0.3 if mode == "choose" else max(1.5, 5.0 / max(1, len(tail)))
        heard = 0.0 if swapped else 1.0
        weights = (*(heard for _ in head), heard, *(answer_weight for _ in tail), 1.0)
        return Example(item=item, mode=mode, prefix=tuple(encode(prefix)), text=text, weights=weights)

    def _other_text(self, item: dict) -> str:
        """A wrong transcript: the twin of a harmful or benign request, or another text of the kind."""
        twin = TWINS.get(item.get("action", ""))
        if twin and self.rng.random() < 0.7:
            return item["text"].replace(item["action"], twin)
        return self._pick(f"kind/{item['kind']}")["text"]

    def _power(self, example: Example, n_mask: int) -> np.ndarray:
        item, rng = example.item, self.rng
        block = self.frames[item["start"] : item["start"] + item["n_frames"]].astype(np.float32)
        if item.get("engine") in ("espeak", "flite") and rng.random() < 0.5:
            block = trimmed(block, rng)
        if example.mode in VOICE_MODES and len(block) > VOICE_FRAMES:
            at = rng.integers(len(block) - VOICE_FRAMES)
            block = block[at : at + VOICE_FRAMES]
        noise = None
        if rng.random() < 0.15 and example.item["kind"] not in ("sound", "silence") and self.noises:
            other = self.noises[rng.integers(len(self.noises))]
            noise = self.frames[other["start"] : other["start"] + other["n_frames"]].astype(np.float32)
        silent = item["kind"] == "silence"
        x = features.normalised(np.exp(block) if silent else augmented(block, rng, gentle=example.mode in VOICE_MODES, noise=noise, narrow=item["kind"] == "digits" or item["text"] in grammar.DIGITS))
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
        written = examples[0].mode == "written"
        blocks = [] if written else [self._power(example, n_mask) for example in examples]
        n = len(examples)
        n_frames = np.array([len(block) for block in blocks] or [0] * n)
        x = np.zeros((n, int(n_frames.max()), features.N_MELS), np.float32)
        for row, block in zip(x, blocks, strict=False):
            row[: len(block)] = block
        n_prefix = np.array([len(e.prefix) for e in examples])
        prefix = np.zeros((n, n_prefix.max()), np.int64)
        n_text = max(len(e.text) for e in examples)
        text, weights = np.zeros((n, n_text), np.int64), np.zeros((n, n_text - 1), np.float32)
        characters, attributes = [], np.full((n, len(ATTRIBUTES)), -1.0, np.float32)
        for i, e in enumerate(examples):
            prefix[i, : n_prefix[i]] = e.prefix
            text[i, : len(e.text)] = e.text
            weights[i, : len(e.text) - 1] = e.weights
            spoken = "" if written or e.mode in VOICE_MODES or e.item["kind"] in ("sound", "silence", "pair", "untranscribed") else e.item["text"]
            characters.append(torch.tensor([1 if c == " " else CHARACTERS.index(c) + 2 for c in spoken], dtype=torch.long))
            for k, attribute in enumerate(ATTRIBUTES):
                if e.item.get(attribute) and e.item[attribute] != "teenager":
                    attributes[i, k] = float(e.item[attribute] == POSITIVE[attribute])
        seen = text.copy()
        wrong = (self.rng.random(seen.shape) < corrupt) & (self.rng.random((n, 1)) < 0.35) & np.isin(seen, self.words)
        seen[wrong] = self.rng.choice(self.words, int(wrong.sum()))
        tensor = torch.from_numpy
        return Batch(
            features=tensor(x), n_frames=tensor(n_frames), prefix=tensor(prefix), n_prefix=tensor(n_prefix), text=tensor(text), seen=tensor(seen), weights=tensor(weights),
            characters=characters, attributes=tensor(attributes),
        )

    def batches(self, size: int, *, n_pool: int = 16, n_mask: int = 2) -> Iterator[Batch]:
        """Batches without end."""
        names, shares = list(self.modes), np.array(list(self.modes.values()))
        while True:
            drawn = [self.example(names[k]) for k in self.rng.choice(len(names), size * n_pool, p=shares / shares.sum())]
            drawn.sort(key=lambda e: min(e.item["n_frames"], VOICE_FRAMES if e.mode in VOICE_MODES else 10**6))
            groups = [drawn[i : i + size] for i in range(0, len(drawn), size)]
            groups += [[self.example("written") for _ in range(size)] for _ in range(round(n_pool * self.written_share / (1 - self.written_share)))]
            for k in self.rng.permutation(len(groups)):
                yield self.batch(groups[k], n_mask=n_mask)


# ------------------------------------------------------------------ loss
def token_losses(network: Network, batch: Batch, *, drop: float) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Weighted mean cross-entropy of each example, with the encoder's states for the other losses."""
    logits, states, n_states = network(batch.features, batch.n_frames, batch.prefix, batch.n_prefix, batch.seen[:, :-1], drop=drop)
    each = F.cross_entropy(logits.float().flatten(0, 1), batch.text[:, 1:].flatten(), reduction="none").view_as(batch.weights)
    return (each * batch.weights).sum(1), states, n_states


def loss_of(network: Network, head: nn.Module, batch: Batch, *, ctc_weight: float, drop: float) -> tuple[torch.Tensor, dict[str, float]]:
    """Training loss and its parts."""
    sums, states, n_states = token_losses(network, batch, drop=drop)
    token = sums.sum() / batch.weights.sum()
    total, parts = token, {"token": token.item()}
    if states is None:
        return total, {"written": token.item()}
    rows = [i for i, c in enumerate(batch.characters) if len(c)]
    if rows and ctc_weight > 0:
        log_probs = F.log_softmax(network.characters(states[rows]).float(), dim=-1).transpose(0, 1)
        targets = torch.cat([batch.characters[i] for i in rows])
        lengths = torch.tensor([len(batch.characters[i]) for i in rows])
        ctc = F.ctc_loss(log_probs, targets, n_states[rows], lengths, zero_infinity=True)
        total = total + ctc_weight * ctc
        parts["ctc"] = ctc.item()
    pooled = states.float().sum(1) / n_states[:, None]
    known = batch.attributes >= 0
    if known.any():
        attribute = F.binary_cross_entropy_with_logits(head(pooled)[known], batch.attributes[known])
        total = total + 0.15 * attribute
        parts["attribute"] = attribute.item()
    return total, parts


# ------------------------------------------------------------------ run
@dataclass(kw_only=True)
class Run:
    """Everything that a checkpoint holds."""

    network: Network
    average: Network
    head: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0
    elapsed_s: float = 0.0

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "head", "optimiser")}
        torch.save(state | {"step": self.step, "elapsed_s": self.elapsed_s, "shape": self.network.shape.as_dict()}, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    def load(self, path: Path) -> None:
        """Read a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in ("network", "average", "head", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]


def new_run(vocabulary: Vocabulary, seed: int, **sizes: int) -> Run:
    """A run with fresh weights."""
    torch.manual_seed(seed)
    network = Network(Shape(n_tokens=len(vocabulary), **sizes))
    average = Network(network.shape)
    average.load_state_dict(network.state_dict())
    head = nn.Linear(network.shape.width, len(ATTRIBUTES))
    decayed = [p for p in network.parameters() if p.dim() > 1]
    plain = [p for p in network.parameters() if p.dim() <= 1] + list(head.parameters())
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.98))
    return Run(network=network, average=average, head=head, optimiser=optimiser)


def learning_rate(progress: float, step: int, *, peak: float, warm_up: int) -> float:
    """Warm-up by steps, constant until 35 % of the time, then linearly to zero."""
    return peak * min(1.0, (step + 1) / warm_up) * min(1.0, (1.0 - progress) / 0.65)


def train(run: Run, sampler: Sampler, folder: Path, *, minutes: float, batch_size: int, peak: float, warm_up: int, log_every: int = 20, data_folder: Path | None = None) -> None:
    """Train until the time is over, with a checkpoint every ten minutes in ``folder``."""
    log = folder / "log.jsonl"
    begin, saved = time.monotonic() - run.elapsed_s, time.monotonic()
    budget_s = minutes * 60.0
    source = sampler.batches(batch_size)
    parts_sum: dict[str, list[float]] = {}
    run.network.train()
    while (progress := (time.monotonic() - begin) / budget_s) < 1.0:
        batch = next(source)
        for group in run.optimiser.param_groups:
            group["lr"] = learning_rate(progress, run.step, peak=peak, warm_up=warm_up)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, parts = loss_of(run.network, run.head, batch, ctc_weight=0.5 if progress < 0.85 else 0.25, drop=0.0)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
        run.optimiser.step()
        run.step += 1
        decay = min(0.998, (run.step + 1) / (run.step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(list(run.average.parameters()), list(run.network.parameters()), 1.0 - decay)
        for name, value in parts.items():
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
