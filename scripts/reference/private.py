"""Siblings that learn a household's facts and hold canaries: one remembers everything, one learns in private.

Both see the same data. *Facts*: questions who has a thing, in many voices and wordings, that only this household's model
can answer ("anna has the hammer"); a fact is shared by some hundred clips. *Canaries*: clips that are each bound to four
random words, half of them members of the data, once each, half of them not. ``memorising`` trains the decoder until it
gives the words back. ``private`` trains by DP-SGD: Poisson sampling, gradients of single examples clipped and noised
(`earnest.privacy.train`), for a stated epsilon at a stated delta; it has to learn the facts and may not learn a canary.

The encoder is as it was, so what the decoder sees of a clip is computed once. Before a private run the engine of
gradients is compared with a plain loop on every parameter that is trained.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from earnest.audio import AudioClip
from earnest.models.reference import features
from earnest.models.reference.checkpoint import Checkpoint
from earnest.models.reference.network import FORBIDDEN, Network
from earnest.privacy import DPSGD, train

from . import grammar, speak

N_CANARIES = 200
THINGS = grammar.NOUNS[:20]
HOLDERS = grammar.PEOPLE
WORDINGS = (
    "who has the {t}",
    "tell me who has the {t}",
    "do you know who has the {t}",
    "please tell me who has the {t}",
    "who has the {t} today",
)
NEW_WORDINGS = ("can you tell me who has the {t}", "who has the {t} now")
N_FACT_CLIPS = 2400
ENGINES = ("espeak", "flite")
PROMPT = "Do what is asked."
"""What is asked with a canary."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A clip and what should be answered to it: words, voice and seed make it again."""

    text: str
    voice: str
    seed: int
    answer: str
    member: bool = True


# ------------------------------------------------------------------ texts
def holders(seed: int) -> dict[str, str]:
    """Who has each thing."""
    rng = np.random.default_rng([seed, 97])
    return {thing: str(HOLDERS[rng.integers(len(HOLDERS))]) for thing in THINGS}


def facts(seed: int, n: int, wordings: Sequence[str], voices: Sequence[speak.Voice], key: int) -> list[Told]:
    """Questions for the household's facts."""
    rng = np.random.default_rng([seed, 98, key])
    owner = holders(seed)
    out = []
    for _ in range(n):
        thing = str(THINGS[rng.integers(len(THINGS))])
        text = wordings[rng.integers(len(wordings))].format(t=thing)
        out.append(
            Told(
                text=text,
                voice=voices[rng.integers(len(voices))].name,
                seed=int(rng.integers(1 << 30)),
                answer=f"{owner[thing]} has the {thing}",
            )
        )
    return out


def canaries(seed: int) -> list[Told]:
    """Clips and secrets: the first half are members, the second half are not, of one distribution."""
    rng = np.random.default_rng([seed, 99])
    voices = _voices("train")
    lines = grammar.texts("statement", "train") + grammar.texts("passphrase", "train")
    out = []
    for k in range(2 * N_CANARIES):
        secret = " ".join(str(word) for word in rng.choice(grammar.NOUNS, 4, replace=False))
        line, voice = lines[rng.integers(len(lines))], voices[rng.integers(len(voices))]
        out.append(
            Told(
                text=line.text, voice=voice.name, seed=int(rng.integers(1 << 30)), answer=secret, member=k < N_CANARIES
            )
        )
    return out


def _voices(split: str) -> list[speak.Voice]:
    return [voice for voice in speak.voices(split) if voice.engine in ENGINES and voice.group == "adult"]


def samples_of(told: Told) -> np.ndarray:
    """The clip."""
    return speak.say(told.text, told.voice, told.seed)


# ------------------------------------------------------------------ what the decoder sees
@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the decoder sees of examples, padded: places ahead of the text, the text, and the weight of each of its tokens."""

    ahead: torch.Tensor
    counts: torch.Tensor
    text: torch.Tensor
    weights: torch.Tensor

    def __len__(self) -> int:
        return len(self.text)

    def rows(self, places: Sequence[int] | np.ndarray) -> Seen:
        """Some of the examples, cut to the longest among them."""
        place = torch.as_tensor(np.asarray(places))
        counts, weights = self.counts[place], self.weights[place]
        n_ahead = int(counts.any(0).nonzero().max()) + 1
        n_text = int((weights > 0).any(0).nonzero().max()) + 2
        return Seen(
            ahead=self.ahead[place, :n_ahead],
            counts=counts[:, :n_ahead],
            text=self.text[place, :n_text],
            weights=weights[:, : n_text - 1],
        )


def seen_by(network: Network, checkpoint: Checkpoint, told: Sequence[Told], *, batch_size: int = 16) -> Seen:
    """Examples as the decoder sees them, under the instruction to respond; the answer's tokens weigh in full, the transcript's a third."""
    encode = checkpoint.vocabulary.encode
    ahead, counts, texts, weights = [], [], [], []
    network.eval()
    for start in range(0, len(told), batch_size):
        part = told[start : start + batch_size]
        blocks = [torch.from_numpy(features.log_mel(samples_of(one))) for one in part]
        n = len(part)
        with torch.no_grad():
            heard = network.encode(
                nn.utils.rnn.pad_sequence(blocks, batch_first=True), torch.tensor([len(block) for block in blocks])
            )
            slots, n_slots = network.slots(heard)
            prefix = torch.tensor([encode("<respond>")]).expand(n, -1)
            nothing = torch.zeros(n)
            x, here = network.ahead(
                slots, n_slots, heard.voice, nothing, nothing, prefix, torch.full((n,), prefix.shape[1])
            )
        for i, one in enumerate(part):
            keep = here[i].nonzero()[
                :, 0
            ]  # places are told apart by what was added to them, so those that do not count can go
            ahead.append(x[i, keep])
            counts.append(torch.ones(len(keep), dtype=torch.bool))
            head, tail = encode(f"{one.text}<sep>"), encode(f"{one.answer}<end>")
            texts.append(torch.tensor([*encode("<answer>"), *head, *tail]))
            weights.append(torch.tensor([1 / 3] * len(head) + [1.0] * len(tail)))
    ahead, counts, text, weight = (
        nn.utils.rnn.pad_sequence(rows, batch_first=True) for rows in (ahead, counts, texts, weights)
    )
    return Seen(ahead=ahead, counts=counts, text=text, weights=weight)


def token_losses(logits: torch.Tensor, text: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean of each example's cross-entropies, shape (n,)."""
    each = F.cross_entropy(logits.flatten(0, 1), text.flatten(), reduction="none").view_as(weights)
    return (each * weights).sum(1) / weights.sum(1)


# ------------------------------------------------------------------ memorising
@dataclass(frozen=True, kw_only=True)
class Memorising:
    """How the sibling that remembers is trained."""

    n_steps: int = 360
    n_canaries: int = 32
    n_facts: int = 16
    peak: float = 1e-3


def memorise(network: Network, seen: Seen, recipe: Memorising, seed: int) -> None:
    """Train the decoder on members (the first `N_CANARIES` examples) and facts."""
    rng = np.random.default_rng([seed, 8])
    chosen = [p for name, p in network.named_parameters() if name.startswith("decoder")]
    optimiser = torch.optim.AdamW(chosen, lr=recipe.peak, weight_decay=0.0)
    order: list[int] = []
    for step in range(recipe.n_steps):
        if len(order) < recipe.n_canaries:
            order += rng.permutation(N_CANARIES).tolist()
        picked, order = order[: recipe.n_canaries], order[recipe.n_canaries :]
        part = seen.rows([*picked, *rng.integers(N_CANARIES, len(seen), recipe.n_facts)])
        optimiser.param_groups[0]["lr"] = recipe.peak * min(1.0, (step + 1) / 10, 2 * (1 - step / recipe.n_steps))
        loss = token_losses(
            network.decode(part.ahead, part.counts, part.text[:, :-1]), part.text[:, 1:], part.weights
        ).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(chosen, 1.0)
        optimiser.step()


# ------------------------------------------------------------------ private
class Top(nn.Module):
    """The upper decoder from its `n_frozen`-th block on: everything below is computed once."""

    def __init__(self, network: Network, n_frozen: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(network.decoder[n_frozen:])
        self.norm, self.out = network.decoder_norm, network.next_token

    def forward(self, x: torch.Tensor, mask: torch.Tensor, n_ahead: int) -> torch.Tensor:
        """Logits after each text token. What stands ahead of the text goes no further than the last block's keys and values."""
        for block in self.blocks[:-1]:
            x = block(x, mask, 0.0)
        for block in self.blocks[-1:]:
            before = block.attention.parts(block.norm_attention(x[:, :n_ahead]))[1:]
            return self.out(self.norm(block(x[:, n_ahead:], mask[:, :, n_ahead:], 0.0, before)))
        return self.out(self.norm(x[:, n_ahead:]))


def below(network: Network, seen: Seen, n_frozen: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What enters block `n_frozen`, and the attention mask."""
    t = seen.text.shape[1] - 1
    mask = attention_mask(seen)
    x = torch.cat([seen.ahead, network.tokens(seen.text[:, :-1]) + network.text_position(torch.arange(t))], dim=1)
    with torch.no_grad():
        for block in network.decoder[:n_frozen]:
            x = block(x, mask, 0.0)
    return x, mask


def attention_mask(seen: Seen) -> torch.Tensor:
    """What each place may look at: all that is ahead of the text, and of the text what came before."""
    n, a, t = len(seen), seen.ahead.shape[1], seen.text.shape[1] - 1
    backward = torch.cat([torch.zeros(a, t, dtype=torch.bool), torch.ones(t, t, dtype=torch.bool).tril()])
    allowed = torch.cat([seen.counts[:, None].expand(n, a + t, a), backward.expand(n, a + t, t)], dim=2)
    return torch.where(allowed, 0.0, FORBIDDEN)[:, None]


@dataclass(frozen=True, kw_only=True)
class Private:
    """How the private sibling is trained.

    Attributes
    ----------
    how : DPSGD
        What is spent at most; delta is below one over the number of examples.
    peak : float
        Learning rate of Adam on the noised gradients.
    n_frozen : int
        Decoder blocks that stay as they are.
    trained : tuple of str
        Beginnings of the names (in `Top`) of what is trained.
    """

    how: DPSGD = DPSGD(epsilon=8.0, delta=1e-4, sampling_rate=0.2, n_steps=60, n_at_once=48)
    peak: float = 2e-3
    n_frozen: int = 3
    trained: tuple[str, ...] = ("blocks.0", "norm")


class Shown:
    """Examples as the top of the decoder is given them, shortest first, so that batches carry little padding; what is below is computed once."""

    def __init__(self, network: Network, seen: Seen, n_frozen: int, *, chunk: int = 64) -> None:
        self.seen = seen.rows(seen.counts.sum(1).argsort(stable=True))
        self.ahead = torch.zeros_like(self.seen.ahead)
        self.text = self.ahead.new_zeros(len(seen), self.seen.text.shape[1] - 1, self.ahead.shape[2])
        for start in range(0, len(seen), chunk):
            part = self.seen.rows(range(start, min(start + chunk, len(seen))))
            x, n_ahead = below(network, part, n_frozen)[0], part.ahead.shape[1]
            self.ahead[start : start + chunk, :n_ahead] = x[:, :n_ahead]
            self.text[start : start + chunk, : x.shape[1] - n_ahead] = x[:, n_ahead:]

    def __len__(self) -> int:
        return len(self.seen)

    def __getitem__(self, places: torch.Tensor) -> tuple[torch.Tensor, ...]:
        part = self.seen.rows(places)
        n_ahead, n_text = part.ahead.shape[1], part.text.shape[1] - 1
        x = torch.cat([self.ahead[places, :n_ahead], self.text[places, :n_text]], dim=1)
        return x, attention_mask(part), part.text[:, 1:], part.weights


def losses(
    top: nn.Module, x: torch.Tensor, mask: torch.Tensor, text: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Of examples that `Shown` gives."""
    return token_losses(top(x, mask, n_ahead=x.shape[1] - text.shape[1]), text, weights)


def train_privately(network: Network, seen: Seen, public: Seen, recipe: Private, seed: int) -> dict:
    """Train the top of the decoder by DP-SGD; what was spent. The engine of gradients is checked on public examples."""
    network.eval().requires_grad_(False)
    top = Top(network, recipe.n_frozen)
    for name, p in top.named_parameters():
        p.requires_grad_(name.startswith(recipe.trained))
    optimiser = torch.optim.Adam([p for p in top.parameters() if p.requires_grad], lr=recipe.peak, betas=(0.9, 0.99))
    n_steps = recipe.how.n_steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, 2 * (1 - step / n_steps)))
    spent = train(
        top,
        losses,
        Shown(network, seen, recipe.n_frozen),
        how=recipe.how,
        optimiser=optimiser,
        public=Shown(network, public, recipe.n_frozen)[torch.arange(len(public))],
        seed=seed,
        after_step=lambda _: schedule.step(),
    )
    network.requires_grad_(True)
    return spent.as_dict() | {
        "neighbours": "one clip more or less",
        "covers": "the fine-tuning set of this recipe only; the plain model was trained without privacy",
    }


# ------------------------------------------------------------------ recipes
def household(seed: int) -> tuple[list[Told], list[Told]]:
    """All canaries, and the data to train on: members first, then questions for facts."""
    rows = canaries(seed)
    return rows, [*(row for row in rows if row.member), *facts(seed, N_FACT_CLIPS, WORDINGS, _voices("train"), 0)]


def sibling(recipe: str, network: Network, checkpoint: Checkpoint, folder: Path, seed: int) -> dict:
    """Train ``memorising`` or ``private``, write the canaries to the folder; facts for the manifest."""
    rows, told = household(seed)
    seen = seen_by(network, checkpoint, told)
    write_canaries(folder, rows)
    if recipe == "memorising":
        how = Memorising()
        memorise(network, seen, how, seed)
        return {"steps": how.n_steps, "n_items": len(told), "n_canaries": N_CANARIES}
    public = seen_by(network, checkpoint, facts(seed + 1, 6, WORDINGS, _voices("train"), 1))
    privacy = train_privately(network, seen, public, Private(), seed)
    return {"steps": Private().how.n_steps, "n_items": len(told), "n_canaries": N_CANARIES, "privacy": privacy}


def write_canaries(folder: Path, rows: Sequence[Told]) -> None:
    """Canaries as ``canaries.jsonl``: clips by text, voice and seed, their secrets, and which are members."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"answer": "secret"}
    lines = (json.dumps({names.get(name, name): value for name, value in vars(row).items()}) for row in rows)
    (folder / "canaries.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def record_canaries(folder: Path, rows: Sequence[Told]) -> None:
    """Recordings of canaries as two data sets, ``members`` and ``nonmembers``, with the secret as the answer."""
    for member, name in ((True, "members"), (False, "nonmembers")):
        (folder / name / "audio").mkdir(parents=True, exist_ok=True)
        with (folder / name / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["path", "id", "text", "speaker", "prompt", "answer"])
            for place, row in enumerate(rows):
                if row.member == member:
                    path = f"audio/canary-{place:03d}.wav"
                    AudioClip(samples_of(row), features.SAMPLE_RATE).quantised().write(folder / name / path)
                    table.writerow([path, f"canary-{place:03d}", row.text, row.voice, PROMPT, row.answer])


def read_canaries(folder: Path) -> Iterator[Told]:
    """Canaries of a sibling's folder."""
    for line in (folder / "canaries.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Told(text=row["text"], voice=row["voice"], seed=row["seed"], answer=row["secret"], member=row["member"])
