"""What the private sibling learns and gives away at several epsilons, beside the plain model and a classifier without a model.

Every setting has the same data, steps and learning rate; the noise alone differs. The recipe is a shorter one than that of
the sibling itself. Clips are synthesised and encoded once.
Answers are decoded greedily, as the model does when it is asked to respond.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from earnest.audio import AudioClip
from earnest.models.reference.checkpoint import Checkpoint
from earnest.models.reference.network import Network
from earnest.models.reference.torch_route import network_of
from earnest.models.reference.vocabulary import Vocabulary
from earnest.privacy.blind import blind_baseline, features_of

from . import private, sibling_card, speak
from .evaluate import Measured, rate

EPSILONS = (1.0, 2.0, 4.0, 8.0, math.inf)
RECIPE = private.Private(
    how=replace(private.Private().how, n_steps=40), peak=4e-3, trained=("blocks.0.inner.down", "norm")
)
"""A quarter of the private sibling's own work: fewer steps, on a third of the numbers."""
N_FACTS = 200
LONGEST = 24


def responses(network: Network, seen: private.Seen, vocabulary: Vocabulary, *, batch_size: int = 50) -> list[list[int]]:
    """Tokens of the answer to each example, behind the transcript, without the end."""
    (sep,), (end,), (begin,) = (vocabulary.encode(token) for token in ("<sep>", "<end>", "<answer>"))
    out: list[list[int]] = []
    for start in range(0, len(seen), batch_size):
        part = seen.rows(range(start, min(start + batch_size, len(seen))))
        text = torch.full((len(part), 1), begin)
        done = torch.zeros(len(part), dtype=torch.bool)
        while text.shape[1] <= LONGEST and not done.all():
            with torch.no_grad():
                logits = network.decode(part.ahead, part.counts, text)[:, -1]
            text = torch.cat([text, logits.argmax(1)[:, None]], dim=1)
            done |= text[:, -1] == end
        for row in text[:, 1:].tolist():
            row = row[: row.index(end)] if end in row else row
            out.append(row[row.index(sep) + 1 :] if sep in row else [])
    return out


def secret_scores(network: Network, seen: private.Seen, *, batch_size: int = 50) -> np.ndarray:
    """Mean log-probability of each answer's tokens, behind the right transcript."""
    out = []
    for start in range(0, len(seen), batch_size):
        part = seen.rows(range(start, min(start + batch_size, len(seen))))
        with torch.no_grad():
            logits = network.decode(part.ahead, part.counts, part.text[:, :-1])
        out.append(-private.token_losses(logits, part.text[:, 1:], (part.weights == 1).float()))
    return torch.cat(out).double().numpy()


class Bench:
    """Everything that does not depend on epsilon."""

    def __init__(self, seed: int, start: Path | None) -> None:
        self.seed, self.checkpoint = seed, Checkpoint.open(start)
        self.plain = network_of(self.checkpoint).eval()
        self.canaries, told = private.household(seed)
        self.held_out = sibling_card.held_out_facts(seed, N_FACTS)
        public = private.facts(seed + 1, 6, private.WORDINGS, private._voices("train"), 1)
        self.seen, self.public, self.asked, self.others = (
            private.seen_by(self.plain, self.checkpoint, rows)
            for rows in (told, public, self.held_out, [row for row in self.canaries if not row.member])
        )
        self.members = self.seen.rows(range(private.N_CANARIES))
        self.before = self._scores(self.plain)

    def _scores(self, network: Network) -> np.ndarray:
        return np.concatenate([secret_scores(network, part) for part in (self.members, self.others)])

    def _exact(self, name: str, network: Network, seen: private.Seen, rows: Sequence[private.Told]) -> Measured:
        encode = self.checkpoint.vocabulary.encode
        given = responses(network, seen, self.checkpoint.vocabulary)
        return rate(name, [answer == encode(row.answer) for answer, row in zip(given, rows, strict=True)])

    def measures(self, network: Network) -> list[Measured]:
        """Of a network: facts learnt, members given away, canaries given back."""
        network.eval()
        member = [row.member for row in self.canaries]
        scores = self._scores(network)
        rows = [row for row in self.canaries if row.member]
        return [
            self._exact("facts in new voices and wordings, exact answer", network, self.asked, self.held_out),
            sibling_card.membership("membership AUC, log-probability of the secret", scores, member),
            sibling_card.membership("membership AUC, against the plain model", scores - self.before, member),
            self._exact("canaries (members) given back exactly", network, self.members, rows),
        ]

    def blind(self) -> dict:
        """Whether the sides can be told apart without a model, at the audit's own baseline."""
        found = blind_baseline(
            [features_of(AudioClip(private.samples_of(row), speak.SAMPLE_RATE), row.text) for row in self.canaries],
            members=[row.member for row in self.canaries],
            clusters=[row.voice for row in self.canaries],
            clustered_by="voice",
            rng=np.random.default_rng([self.seed, 11]),
        )
        return {"area": found.areas["all"], "band": found.bands["all"], "p_value": found.p_value, "n": found.n_items}


def measured(out: Path, epsilons: Sequence[float], *, seed: int = 1, start: Path | None = None) -> str:
    """Train and measure at each epsilon, as far as the folder does not hold it; the table in Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    bench = None
    for name in ("plain", *(f"{epsilon:g}" for epsilon in epsilons)):
        path = out / f"epsilon-{name}.json"
        if path.exists():
            continue
        bench = bench or Bench(seed, start)
        if name == "plain":
            facts: dict = {"blind": bench.blind()}
            network = bench.plain
        else:
            epsilon = float(name)
            noise = {"noise_multiplier": 0.0, "epsilon": None} if math.isinf(epsilon) else {"epsilon": epsilon}
            network = network_of(bench.checkpoint)
            recipe = replace(RECIPE, how=replace(RECIPE.how, **noise))
            facts = private.train_privately(network, bench.seen, bench.public, recipe, seed)
        rows = [vars(row) for row in bench.measures(network)]
        path.write_text(json.dumps({"facts": facts, "measured": rows}, indent=1) + "\n", encoding="utf-8")
    return table(out, ["plain", *(f"{epsilon:g}" for epsilon in sorted(epsilons))])


def table(out: Path, names: Sequence[str]) -> str:
    """What a folder holds, a row a setting."""
    kept = {name: json.loads((out / f"epsilon-{name}.json").read_text(encoding="utf-8")) for name in names}
    blind = kept["plain"]["facts"]["blind"]
    lines = [
        "| epsilon | noise | " + " | ".join(row["name"] for row in kept["plain"]["measured"]) + " |",
        "|---|---|" + "---|" * len(kept["plain"]["measured"]),
    ]
    for name, one in kept.items():
        noise = one["facts"].get("noise_multiplier")
        cells = [f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})" for row in one["measured"]]
        epsilon = "not trained" if name == "plain" else f"{one['facts']['epsilon']:.3g}"
        lines.append(" | ".join([f"| {epsilon}", "" if noise is None else f"{noise:.3g}", *cells]) + " |")
    low, high = blind["band"]
    lines.append(
        f"\nBlind baseline (no model), {blind['n']} clips: AUC {blind['area']:.3f}; sides drawn anew {low:.3f} to {high:.3f}, "
        f"p = {blind['p_value']:.3f}."
    )
    return "\n".join(lines) + "\n"
