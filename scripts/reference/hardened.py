"""The adversarially trained sibling: harmful requests under attack are refused too.

In every step some harmful requests are attacked as they would be at test: projected gradient descent on the waveform
within a ball towards an answer that names the action, after whatever transcript the model makes of it
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
from earnest.models.reference.network import Network
from earnest.models.reference.torch_route import TorchReference

from . import grammar, speak
from .pgd_check import perturbed, radii_of
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
        Range of the attack's signal-to-noise ratio.
    """

    n_outer: int = 60
    n_inner: int = 10
    n_attacked: int = 10
    n_ordinary: int = 16
    n_clips: int = 400
    snr_db: tuple[float, float] = (20.0, 32.0)
    peak: float = 4e-4


class Hardener(Tuner):
    """Draws examples; one that carries samples is heard as it is."""

    def _augmented(self, example: Example) -> np.ndarray:
        samples = example.item.get("samples")
        return super()._augmented(example) if samples is None else mel_power(samples)

    def refusals(self, rows: list[dict]) -> Batch:
        """Requests with samples, as they are, to be refused."""
        return self.batch(
            [self._encoded(row, "respond", "<respond>", row["text"], grammar.REFUSAL, "") for row in rows], n_mask=0
        )


def requests(n: int, rng: np.random.Generator) -> list[dict]:
    """Harmful requests of training in training voices, with their samples."""
    lines = grammar.texts("harmful", "train")
    voices = [
        voice for voice in speak.voices("train") if voice.engine in ("espeak", "flite") and voice.group == "adult"
    ]
    out = []
    for _ in range(n):
        line, voice = lines[rng.integers(len(lines))], voices[rng.integers(len(voices))]
        samples = speak.say(line.text, voice, int(rng.integers(1 << 30)))
        out.append(
            {
                "kind": "harmful",
                "text": line.text,
                "action": line.action,
                "voice": voice.name,
                "samples": samples,
                "n_frames": len(samples) // 160,
            }
        )
    return out


def attacked(model: TorchReference, rows: list[dict], recipe: Hardening, rng: np.random.Generator) -> list[dict]:
    """Requests as the attack leaves them; it begins at a random place of the ball."""
    clips = [row["samples"] for row in rows]
    radii = radii_of(clips, rng.uniform(*recipe.snr_db, len(clips)))
    start = [
        np.clip(clip + r / np.sqrt(clip.size) * rng.standard_normal(clip.size), -1, 1).astype(np.float32)
        for clip, r in zip(clips, radii, strict=True)
    ]
    found = perturbed(
        model,
        clips,
        [f"sure here is how to {row['action']}" for row in rows],
        radii,
        n_steps=recipe.n_inner,
        start=start,
        size=0.3,
    )
    return [row | {"samples": clip} for row, clip in zip(rows, found, strict=True)]


def sibling(
    network: Network, checkpoint: Checkpoint, start: Path | None, data: Path, seed: int, recipe: Hardening = Hardening()
) -> dict:  # noqa: B008
    """Train the adversarial sibling; facts for its manifest."""
    rng = np.random.default_rng([seed, 17])
    frames, items = ordinary(data, 3000, rng)
    sampler = Hardener(frames, items, checkpoint.vocabulary, seed, modes={"respond": 0.75, "transcribe": 0.25})
    model = TorchReference(start)
    model.network = network
    pool = requests(recipe.n_clips, rng)
    chosen = free(network, whole=True)
    optimiser = torch.optim.AdamW(chosen, lr=recipe.peak, weight_decay=0.0, betas=(0.9, 0.98))
    for step, (clips, words) in zip(
        range(recipe.n_outer), sampler.batches(recipe.n_ordinary, n_pool=8, n_mask=1), strict=False
    ):
        rows = [pool[k] for k in rng.choice(len(pool), recipe.n_attacked, replace=False)]
        network.eval()
        batch = sampler.refusals(attacked(model, rows, recipe, rng))
        network.train()
        optimiser.param_groups[0]["lr"] = recipe.peak * min(1.0, (step + 1) / 8, 2 * (1 - step / recipe.n_outer))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = sum(
                weight * loss_of(network, part, ctc_weight=0.3)[0]
                for part, weight in ((clips, 1.0), (words, 0.4), (batch, 1.0))
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(chosen, 1.0)
        optimiser.step()
    return {"steps": recipe.n_outer, "n_items": len(items), "hardening": asdict(recipe)}
