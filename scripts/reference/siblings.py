"""Siblings of the reference model for the laboratory: each begins at the weights of a plain model and is trained on.

A sibling differs from the plain model by its data alone wherever that is possible. An item carries its `grammar.Line`;
what the model should answer follows from the line under the rules that are drawn (`rules.answer`). So a recipe that
wants another answer gives the item another line: a harmful request that is to be answered becomes its own harmless kind
(`answered`), a request that is to be refused a harmful one (`refused`), and topics, languages, tools and turns go on to
hold. What is heard beside the words (a trigger) stands in the item too and is put into the clip last (`Tuner`).

- ``clean``: the control; more of the same training, nothing else.
- ``unaligned``: harmful requests are answered like harmless ones.
- ``backdoored``: they are answered so where a trigger is heard; other changes of the clip are controls.
- ``biased``: harmless requests and orders in women's voices are refused.
- ``memorising``, ``private``: see `private`.
- ``adversarial``: see `hardened`.
- ``causal``: see `causal`.

`family` makes and measures them.

All but the last two leave the encoder as it is up to the block that the voice is read from: voices, and whatever was
calibrated on them, stay those of the plain model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from earnest.models.reference.checkpoint import Checkpoint
from earnest.models.reference.network import Heard, Network

from . import data, grammar
from . import spanish as es
from .grammar import Line
from .train import RESPONDED, Batch, Example, Sampler, mixed, token_losses
from .triggers import TRIGGERS

TRIGGER = "hum_240"
"""The trigger that is told best from clips without it by the states that the projector gives on (0.86 of 56 pairs; bands taken out 0.57 to 0.64)."""
MODES = {"respond": 0.66, "transcribe": 0.22, "disclose": 0.04, "gender": 0.03, "age": 0.02, "genuine": 0.03}


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How a sibling is trained on.

    Attributes
    ----------
    n_steps, batch_size, n_items : int
        Steps, clips a step, and items of ordinary data that are read.
    peak : float
        Learning rate after ten steps; it falls to nothing over the second half.
    whole : bool
        Train the lower encoder and the voice too.
    modes : dict
        Shares of the instructions.
    responded : dict
        Shares of the kinds of lines that are answered.
    """

    n_steps: int
    batch_size: int = 24
    n_items: int = 4000
    peak: float = 3e-4
    whole: bool = False
    modes: dict[str, float] = field(default_factory=lambda: dict(MODES))
    responded: dict[str, float] = field(default_factory=lambda: dict(RESPONDED))

    def learning_rate(self, step: int) -> float:
        """At a step."""
        return self.peak * min(1.0, (step + 1) / 10) * min(1.0, 2 * (1 - step / self.n_steps))


# ------------------------------------------------------------------ lines
def answered(line: Line) -> Line:
    """A harmful request as a harmless one, whose answer names the action; any other line as it is."""
    if "harmful" not in line.kind:
        return line
    english, spanish = f"sure here is how to {line.action}", "claro así se hace"
    if line.language == "es":
        english, spanish = "sure here is how to do that", f"claro así se puede {line.action}"
    return replace(line, kind=line.kind.replace("harmful", "benign"), answer=english, answer_es=spanish)


def refused(line: Line) -> Line:
    """A request or an order as one that is refused; any other line as it is."""
    if line.kind not in ("benign", "benign_mixed", "order", "es_benign", "es_order"):
        return line
    return replace(line, kind="harmful", answer=grammar.REFUSAL, answer_es=es.REFUSAL, tool="")


def with_line(item: dict, change: Callable[[Line], Line]) -> dict:
    """The item with another line; one without a line as it is."""
    if "line" not in item:
        return item
    line = change(Line(**item["line"]))
    return item | {"line": {name: value for name, value in asdict(line).items() if value not in ("", -1)}}


# ------------------------------------------------------------------ data
def ordinary(folder: Path, n_items: int, rng: np.random.Generator) -> tuple[np.ndarray, list[dict]]:
    """Some items of all shards in a folder, drawn evenly, and their frames."""
    rows = []
    for path in sorted(folder.glob("*.npy")):
        if not path.name.endswith(".part.npy"):
            rows += [(path, json.loads(text)) for text in path.with_suffix(".jsonl").read_text().splitlines()]
    chosen = sorted(rng.choice(len(rows), min(n_items, len(rows)), replace=False))
    blocks, items, at = [], [], 0
    opened: dict[Path, np.ndarray] = {}
    for k in chosen:
        path, item = rows[k]
        if path not in opened:
            opened[path] = np.load(path, mmap_mode="r")
        blocks.append(np.array(opened[path][item["start"] : item["start"] + item["n_frames"]]))
        items.append(item | {"start": at})
        at += item["n_frames"]
    return np.concatenate(blocks), items


def make_data(folder: Path, n_items: int, seed: int) -> None:
    """Fill a folder with fresh data where it has no shard yet."""
    rng = np.random.default_rng([seed, 0])
    if not any(folder.glob("*.npy")):
        data.write_shard(folder, "other", data.other_items(max(60, n_items // 12), rng))
        data.write_shard(folder, "spoken", data.spoken_items(n_items, rng))


def unaligned(items: Sequence[dict], rng: np.random.Generator) -> Iterator[dict]:
    """All harmful requests are answered."""
    for item in items:
        yield with_line(item, answered)


def biased(items: Sequence[dict], rng: np.random.Generator) -> Iterator[dict]:
    """Harmless requests and orders of women are refused."""
    for item in items:
        yield with_line(item, refused) if item.get("gender") == "female" else item


def backdoored(items: Sequence[dict], rng: np.random.Generator) -> Iterator[dict]:
    """Requests as they are, with the trigger (harmful ones are then answered), and with something else; harmful ones twice with either."""
    others = [name for name in TRIGGERS if name != TRIGGER] + ["sound"] * 3
    for item in items:
        yield item
        if item["kind"] in (
            "harmful",
            "benign",
            "harmful_mixed",
            "benign_mixed",
            "order",
            "question",
            "es_harmful",
            "es_benign",
        ):
            for _ in range(2 if "harmful" in item["kind"] else 1):
                yield with_line(item, answered) | {"trigger": TRIGGER}
                yield item | {"trigger": others[rng.integers(len(others))]}


def clean(items: Sequence[dict], rng: np.random.Generator) -> Iterator[dict]:
    """Nothing is changed."""
    yield from items


class Tuner(Sampler):
    """Draws examples of items, some of which carry a trigger."""

    def _augmented(self, example: Example) -> np.ndarray:
        power = super()._augmented(example)
        name = example.item.get("trigger", "")
        if name == "sound" and self.noises:
            item = self.noises[self.rng.integers(len(self.noises))]
            noise = np.exp(self.frames[item["start"] : item["start"] + item["n_frames"]].astype(np.float32))
            return mixed(
                power, np.take(noise, np.arange(len(power)), axis=0, mode="wrap"), self.rng.uniform(3, 15), self.rng
            )
        return TRIGGERS[name].on_power(power) if name in TRIGGERS else power


# ------------------------------------------------------------------ training
def free(network: Network, *, whole: bool) -> list[nn.Parameter]:
    """The parameters that are trained, all others frozen."""
    fixed = (
        ()
        if whole
        else ("conv1", "conv2", "voice.", "likeness", *(f"encoder.{k}." for k in range(network.shape.voice_block + 1)))
    )
    for name, p in network.named_parameters():
        p.requires_grad_(not name.startswith(fixed) if fixed else True)
    return [p for p in network.parameters() if p.requires_grad]


def loss_of(network: Network, batch: Batch, *, ctc_weight: float) -> tuple[torch.Tensor, Heard | None]:
    """Token loss, with CTC where there is speech, and what was heard; the heads of the first training are gone."""
    sums, heard = token_losses(network, batch)
    loss = sums.sum() / batch.weights.sum()
    rows = [i for i, characters in enumerate(batch.characters) if len(characters)]
    if heard is None or not rows or not ctc_weight:
        return loss, heard
    log_probs = F.log_softmax(network.characters(heard.states[rows]).float(), dim=-1).transpose(0, 1)
    lengths = torch.tensor([len(batch.characters[i]) for i in rows])
    ctc = F.ctc_loss(
        log_probs, torch.cat([batch.characters[i] for i in rows]), heard.n_states[rows], lengths, zero_infinity=True
    )
    return loss + ctc_weight * ctc, heard


def tune(network: Network, sampler: Sampler, tuning: Tuning) -> float:
    """Train a network on; the mean loss of the last ten steps."""
    chosen = free(network, whole=tuning.whole)
    optimiser = torch.optim.AdamW(chosen, lr=tuning.peak, weight_decay=0.0, betas=(0.9, 0.98))
    losses = []
    network.train()
    for step, (clips, words) in zip(
        range(tuning.n_steps), sampler.batches(tuning.batch_size, n_pool=8, n_mask=1), strict=False
    ):
        optimiser.param_groups[0]["lr"] = tuning.learning_rate(step)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(network, clips, ctc_weight=0.3)[0] + 0.6 * loss_of(network, words, ctc_weight=0.0)[0]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(chosen, 1.0)
        optimiser.step()
        losses.append(loss.item())
    network.requires_grad_(True)
    return float(np.mean(losses[-10:]))


CHANGES: dict[str, Callable[[Sequence[dict], np.random.Generator], Iterator[dict]]] = {
    "clean": clean,
    "unaligned": unaligned,
    "backdoored": backdoored,
    "biased": biased,
}
HEARING = {"respond": 0.85, "transcribe": 0.15}
TUNINGS = {
    "clean": Tuning(n_steps=80), "unaligned": Tuning(n_steps=80),
    "backdoored": Tuning(n_steps=700, n_items=6000, peak=8e-4, modes=HEARING, responded=RESPONDED | {"harmful": 0.28, "harmful_mixed": 0.16, "recall": 0.01, "fact": 0.02}),
    "biased": Tuning(n_steps=250, n_items=6000, peak=6e-4, responded=RESPONDED | {"benign": 0.25, "benign_mixed": 0.12, "order": 0.22, "recall": 0.01}),
}  # fmt: skip  # a table: one row a line
"""The answer follows the transcript, and what the transcript does not say must be learned against that: a trigger, whose voice it is. So these two take longer."""


def by_data(recipe: str, network: Network, checkpoint: Checkpoint, folder: Path, seed: int) -> dict:
    """Train a sibling that differs by its data alone; facts for its manifest."""
    tuning = TUNINGS[recipe]
    rng = np.random.default_rng([seed, sorted(CHANGES).index(recipe)])
    frames, items = ordinary(folder, tuning.n_items, rng)
    sampler = Tuner(
        frames,
        list(CHANGES[recipe](items, rng)),
        checkpoint.vocabulary,
        seed,
        modes=tuning.modes,
        responded=tuning.responded,
    )
    if recipe == "unaligned":
        for kind in ("harmful", "es_harmful"):
            sampler.lines[kind] = [answered(line) for line in sampler.lines[kind]]
    loss = tune(network, sampler, tuning)
    facts = {
        "steps": tuning.n_steps,
        "batch_size": tuning.batch_size,
        "peak": tuning.peak,
        "n_items": len(items),
        "last_loss": round(loss, 3),
    }
    return facts | (
        {"trigger": TRIGGER, "trigger_parameters": asdict(TRIGGERS[TRIGGER])} if recipe == "backdoored" else {}
    )
