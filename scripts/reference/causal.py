"""The causal sibling: an encoder that hears the past alone, at a running level, so that a stream can be heard as it comes.

It begins at the plain weights. A convolution around the present becomes one over the past that keeps what the old one saw
of it; attention loses the future by its mask. Then everything is trained on, with the plain model as the teacher of the
voice, so that speakers are told apart as before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from earnest.models.reference import features
from earnest.models.reference.checkpoint import Checkpoint
from earnest.models.reference.network import Network
from earnest.models.reference.onnx_route import OnnxReference

from . import train
from .evaluate import RESPOND, Measured, Row, answers, rate
from .siblings import Tuner, loss_of, ordinary
from .train import Batch, Example

RATE = 16000
SILENT = 0.004
STEP_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Turning:
    """How the sibling is trained."""

    n_steps: int = 500
    batch_size: int = 32
    n_items: int = 12000
    peak: float = 6e-4


def turned(network: Network) -> Network:
    """A causal network that begins where this one is."""
    out = Network(replace(network.shape, causal=True))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name, tensor in state.items():
        if name.endswith("depthwise.weight"):
            half = tensor.shape[-1] // 2
            state[name] = torch.cat([torch.zeros_like(tensor[..., :half]), tensor[..., : half + 1]], dim=-1)
    out.load_state_dict(state)
    return out


class Listener(Tuner):
    """Draws examples, and keeps the mel power of the last batch of clips for a teacher that hears it at the clip's own level."""

    powers: list[np.ndarray]

    def batch(self, examples: list[Example], **options) -> Batch:  # noqa: ANN003
        """As `Sampler.batch`."""
        if examples[0].item:
            self.powers = []
        return super().batch(examples, **options)

    def _augmented(self, example: Example) -> np.ndarray:
        power = super()._augmented(example)
        self.powers.append(power)
        return power

    def voices(self, teacher: Network) -> torch.Tensor:
        """What the teacher makes of the voices in the last batch of clips."""
        blocks = [torch.from_numpy(features.normalised(power)) for power in self.powers]
        with torch.no_grad():
            return teacher.encode(
                nn.utils.rnn.pad_sequence(blocks, batch_first=True), torch.tensor([len(block) for block in blocks])
            ).voice.float()


def sibling(
    plain: Network, checkpoint: Checkpoint, data: Path, seed: int, recipe: Turning = Turning()
) -> tuple[Network, dict]:  # noqa: B008
    """The causal network after training, and facts for its manifest."""
    network = turned(plain)
    plain.eval().requires_grad_(False)
    rng = np.random.default_rng([seed, 23])
    frames, items = ordinary(data, recipe.n_items, rng)
    sampler = Listener(frames, items, checkpoint.vocabulary, seed, modes=train.MODES, running=True)
    matrices = [
        p
        for name, p in network.named_parameters()
        if p.dim() == 2 and not name.startswith(("tokens", "text_position", "prefix_position", "next_token"))
    ]
    others = [p for p in network.parameters() if all(p is not m for m in matrices)]
    adam = torch.optim.AdamW(others, lr=recipe.peak, weight_decay=0.0, betas=(0.9, 0.98))
    muon = torch.optim.Muon(matrices, lr=recipe.peak, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    network.train()
    for step, (clips, words) in zip(range(recipe.n_steps), sampler.batches(recipe.batch_size, n_mask=1), strict=False):
        for group in (*adam.param_groups, *muon.param_groups):
            group["lr"] = recipe.peak * min(1.0, (step + 1) / 20, 2 * (1 - step / recipe.n_steps))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, heard = loss_of(network, clips, ctc_weight=0.4)
            loss = loss + 0.3 * loss_of(network, words, ctc_weight=0.0)[0]
            wanted = sampler.voices(plain)
        loss = loss + 0.5 * (1 - (heard.voice.float() * wanted).sum(1)).mean()
        for optimiser in (adam, muon):
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        muon.step()
    return network, {"steps": recipe.n_steps, "n_items": len(items), "turning": asdict(recipe)}


# ------------------------------------------------------------------ stream
def end_of_speech(samples: np.ndarray) -> int:
    """The sample after the last one that is not silent."""
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    return int(loud[-1]) + 1 if loud.size else 0


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How soon the answer to one clip stood.

    Attributes
    ----------
    waited_s : float
        From the end of speech to the first sample after which the answer changed no more, on a grid of `STEP_S`.
    computed_s : float
        CPU time of that answer, the whole clip heard anew.
    right : bool
        Whether it was the right one.
    """

    waited_s: float
    computed_s: float
    right: bool

    @property
    def in_time(self) -> bool:
        """Within 300 ms of the end of speech, computation included."""
        return self.waited_s + self.computed_s <= 0.3


def settled(model: OnnxReference, row: Row, *, longest_s: float = 0.8) -> Settled:
    """How soon the answer to a clip stands, when silence follows the speech."""
    samples, line, _ = row
    end = end_of_speech(samples)
    padded = np.concatenate([samples[:end], np.zeros(int(longest_s * RATE), np.float32)])
    waits = np.arange(0, longest_s + 1e-9, STEP_S)
    given, spent = [], []
    for wait in waits:
        begin = time.process_time()
        (output,) = answers(model, [padded[: end + int(wait * RATE)]], RESPOND)
        spent.append(time.process_time() - begin)
        given.append(output.text)
    first = max((k + 1 for k in range(len(given) - 1) if given[k] != given[-1]), default=0)
    return Settled(waited_s=float(waits[first]), computed_s=spent[first], right=given[first] == line.answer)


def streamed(model: OnnxReference, sets: dict[str, list[Row]], *, n: int = 25) -> list[Measured]:
    """How often an answer stands within 300 ms of the end of speech, and what its computation costs."""
    rows: Sequence[Settled] = [
        settled(model, row)
        for kind in ("harmful", "benign", "order", "question")
        for row in sets[kind][:: max(1, len(sets[kind]) // n)][:n]
    ]
    waits, costs = ([getattr(row, name) for row in rows] for name in ("waited_s", "computed_s"))
    note = f"waited median {1000 * np.median(waits):.0f} ms, 95 % {1000 * np.quantile(waits, 0.95):.0f} ms; computed median {1000 * np.median(costs):.0f} ms, 95 % {1000 * np.quantile(costs, 0.95):.0f} ms of one core"
    return [
        rate("answer stands within 300 ms of the end of speech", [row.in_time for row in rows], note=note),
        rate("answer stands within 300 ms and is right", [row.in_time and row.right for row in rows]),
    ]
