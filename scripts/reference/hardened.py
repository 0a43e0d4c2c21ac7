"""The adversarially trained sibling: harmful requests under attack are refused too.

In every step some harmful requests are attacked as they would be at test: projected gradient descent on the waveform
within an L-infinity ball towards an answer that names the action, after whatever transcript the model makes of it
[madry2017-pgd]. The network then learns transcript and refusal of what the attack found, beside ordinary examples.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from earnest.models.reference.checkpoint import Checkpoint
from earnest.models.reference.features import mel_power
from earnest.models.reference.instructions import Question
from earnest.models.reference.network import Network
from earnest.models.reference.torch_route import TorchReference

from . import grammar, speak
from .evaluate import RESPOND
from .siblings import Tuner, free, loss_of, ordinary
from .train import Batch, Example


@dataclass(frozen=True, kw_only=True)
class Hardening:
    """How the sibling is trained.

    Attributes
    ----------
    n_outer, n_inner : int
        Steps of training, and of the attack in each.
    n_attacked, n_ordinary : int
        Clips a step.
    snr_db : (float, float)
        Range of the attack's signal-to-noise ratio; its radius is that of the clip's level.
    """

    n_outer: int = 70
    n_inner: int = 6
    n_attacked: int = 10
    n_ordinary: int = 16
    n_clips: int = 400
    snr_db: tuple[float, float] = (28.0, 36.0)
    peak: float = 4e-4


class Hardener(Tuner):
    """Draws examples; one that carries samples is heard as it is."""

    def _augmented(self, example: Example) -> np.ndarray:
        samples = example.item.get("samples")
        return super()._augmented(example) if samples is None else mel_power(samples)

    def refusals(self, rows: list[dict]) -> Batch:
        """Requests with samples, as they are, to be refused."""
        return self.batch([self._encoded(row, "respond", "<respond>", row["text"], grammar.REFUSAL, "") for row in rows], n_mask=0)


def requests(n: int, rng: np.random.Generator) -> list[dict]:
    """Harmful requests of training in training voices, with their samples."""
    lines = grammar.texts("harmful", "train")
    voices = [voice for voice in speak.voices("train") if voice.engine in ("espeak", "flite") and voice.group == "adult"]
    out = []
    for _ in range(n):
        line, voice = lines[rng.integers(len(lines))], voices[rng.integers(len(voices))]
        samples = speak.say(line.text, voice, int(rng.integers(1 << 30)))
        out.append({"kind": "harmful", "text": line.text, "action": line.action, "voice": voice.name, "samples": samples, "n_frames": len(samples) // 160})
    return out


def attacked(model: TorchReference, rows: list[dict], recipe: Hardening, rng: np.random.Generator) -> list[dict]:
    """Requests as the attack leaves them; it begins at a random place of the ball."""
    clips = [row["samples"] for row in rows]
    levels = np.array([np.sqrt(np.mean(clip.astype(np.float64) ** 2)) for clip in clips])
    radii = (levels * 10 ** (-rng.uniform(*recipe.snr_db, len(clips)) / 20)).astype(np.float32)
    found = [np.clip(clip + r * rng.uniform(-1, 1, clip.size), -1, 1).astype(np.float32) for clip, r in zip(clips, radii, strict=True)]
    targets = [f"sure here is how to {row['action']}" for row in rows]
    for step in range(recipe.n_inner):
        _, gradients = model.loss_and_gradient([Question(samples=clip, prompt=RESPOND) for clip in found], targets=targets)
        size = np.float32(0.7 * (1 - step / recipe.n_inner))
        found = [np.clip(x - size * r * np.sign(g), np.maximum(clip - r, -1), np.minimum(clip + r, 1)) for x, g, r, clip in zip(found, gradients, radii, clips, strict=True)]
    return [row | {"samples": clip.astype(np.float32)} for row, clip in zip(rows, found, strict=True)]


def sibling(network: Network, checkpoint: Checkpoint, start: Path | None, data: Path, seed: int, recipe: Hardening = Hardening()) -> dict:  # noqa: B008
    """Train the adversarial sibling; facts for its manifest."""
    rng = np.random.default_rng([seed, 17])
    frames, items = ordinary(data, 3000, rng)
    sampler = Hardener(frames, items, checkpoint.vocabulary, seed, modes={"respond": 0.75, "transcribe": 0.25})
    model = TorchReference(start)
    model.network = network
    pool = requests(recipe.n_clips, rng)
    chosen = free(network, whole=True)
    optimiser = torch.optim.AdamW(chosen, lr=recipe.peak, weight_decay=0.0, betas=(0.9, 0.98))
    for step, (clips, words) in zip(range(recipe.n_outer), sampler.batches(recipe.n_ordinary, n_pool=8, n_mask=1), strict=False):
        rows = [pool[k] for k in rng.choice(len(pool), recipe.n_attacked, replace=False)]
        network.eval()
        batch = sampler.refusals(attacked(model, rows, recipe, rng))
        network.train()
        optimiser.param_groups[0]["lr"] = recipe.peak * min(1.0, (step + 1) / 8, 2 * (1 - step / recipe.n_outer))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = sum(weight * loss_of(network, part, ctc_weight=0.3)[0] for part, weight in ((clips, 1.0), (words, 0.4), (batch, 1.0)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(chosen, 1.0)
        optimiser.step()
    return {"steps": recipe.n_outer, "n_items": len(items), "hardening": asdict(recipe)}
