"""Recipes of models that a mitigation trains: small networks on features of recordings.

A recipe of your own is a subclass of `earnest.mitigation.Recipe` under `@recipes.register("name")`; whatever torch can
train, a mitigation can mend.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio import AudioClip
from earnest.errors import BadData, BadParameter
from earnest.mitigation._base import CLASSES, WORDS, Frames, Ints, Recipe, Rows, Scores
from earnest.models.reference.features import SAMPLE_RATE, log_mel
from earnest.models.reference.vocabulary import CHARACTERS, plain_words
from earnest.registry import Registry, Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

recipes = Registry("recipes")


@dataclass(frozen=True, kw_only=True)
class _Small(Recipe):
    """What the recipes here have in common.

    Parameters
    ----------
    width : int
        Of the hidden layer.
    n_steps, batch_size : int
    learning_rate : float
    """

    width: int = 32
    n_steps: int = 400
    batch_size: int = 64
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        for name in ("width", "n_steps", "batch_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise BadParameter(f"{name} of {self.name} must be a whole number above 0, got {getattr(self, name)!r}")
        if not self.learning_rate > 0:
            raise BadParameter(f"learning_rate of {self.name} must be above 0, got {self.learning_rate!r}")
        registry.extra("torch", needed_by=f"recipe {self.name!r}")

    @property
    def spec(self) -> Spec:
        """Name and parameters."""
        return Spec.of(self)


class _Classifier(_Small):
    """A network of one hidden layer on a vector of each recording, scaled by mean and spread of the training rows."""

    gives: ClassVar[str] = CLASSES

    def network(self, rows: Rows) -> nn.Module:
        """As `Recipe.network`."""
        import torch
        from torch import nn

        x = torch.from_numpy(np.stack(rows.inputs))
        layers = nn.Sequential(nn.Linear(x.shape[1], self.width), nn.ReLU(), nn.Linear(self.width, len(rows.classes)))
        layers.register_buffer("middle", x.mean(dim=0))
        layers.register_buffer("spread", x.std(dim=0).clamp(min=1e-4) if len(x) > 1 else torch.ones(x.shape[1]))
        return layers

    def states(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """The hidden layer."""
        import torch

        x = torch.from_numpy(np.stack([rows.inputs[k] for k in places]))
        return network[1](network[0]((x - network.middle) / network.spread))

    def logits(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """As `Recipe.logits`."""
        return network[2](self.states(network, rows, places))

    def losses(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """Cross-entropy in nats."""
        return self.losses_and_states(network, rows, places)[0]

    def losses_and_states(self, network: nn.Module, rows: Rows, places: Ints) -> tuple[Tensor, Tensor]:
        """As `Recipe.losses_and_states`."""
        import torch
        from torch.nn import functional as F

        states = self.states(network, rows, places)
        labels = torch.from_numpy(rows.labels[places])
        return F.cross_entropy(network[2](states), labels, reduction="none"), states

    def outputs(self, network: nn.Module, rows: Rows) -> Scores:
        """As `Recipe.outputs`."""
        import torch

        with torch.no_grad():
            logits = self.logits(network, rows, np.arange(len(rows)))
        return Scores.of(logits.double().softmax(dim=1).numpy())


@recipes.register("log_mel")
@dataclass(frozen=True, kw_only=True)
class LogMel(_Classifier):
    """A classifier of the label on mean and spread over time of 64 log-mel bands: it knows how a voice sounds, not words."""

    @property
    def name(self) -> str:
        """Its registered name."""
        return "log_mel"

    def input_of(self, clip: AudioClip, text: str) -> NDArray[np.float32]:
        """Vector of 128 numbers."""
        frames = log_mel(clip.resampled(SAMPLE_RATE).samples)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)


@recipes.register("reference_states")
@dataclass(frozen=True, kw_only=True)
class ReferenceStates(_Classifier):
    """A classifier of the label on the states of the embedded model's encoder, which stays as it is.

    Mean and greatest value over time of the encoder's states, and the voice that it hears.
    """

    @property
    def name(self) -> str:
        """Its registered name."""
        return "reference_states"

    def input_of(self, clip: AudioClip, text: str) -> NDArray[np.float32]:
        """Vector of mean, greatest value and voice."""
        states, voice = heard(clip)
        return np.concatenate([states.mean(axis=0), states.max(axis=0), voice]).astype(np.float32)


@recipes.register("reference_ctc")
@dataclass(frozen=True, kw_only=True)
class ReferenceCTC(_Small):
    """A recogniser of characters by CTC on the states of the embedded model's encoder, which stays as it is.

    One hidden layer on the frame and its two neighbours; reading is greedy. The loss of a row is in nats per second.

    Parameters
    ----------
    width : int
    """

    gives: ClassVar[str] = WORDS

    width: int = 128
    n_steps: int = 300
    batch_size: int = 32
    learning_rate: float = 2e-3

    @property
    def name(self) -> str:
        """Its registered name."""
        return "reference_ctc"

    def input_of(self, clip: AudioClip, text: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """States by frame, shape (n_frames, width), and tokens of the text."""
        tokens = [1 if c == " " else CHARACTERS.index(c) + 2 for c in " ".join(plain_words(text))]
        if not tokens:
            raise BadData("a recogniser learns from texts, and a recording has none; fill the column text")
        return heard(clip)[0], np.array(tokens, dtype=np.int64)

    def network(self, rows: Rows) -> nn.Module:
        """As `Recipe.network`."""
        from torch import nn

        inner = rows.inputs[0][0].shape[1]
        return nn.Sequential(
            nn.Conv1d(inner, self.width, 3, padding=1), nn.ReLU(), nn.Conv1d(self.width, len(CHARACTERS) + 2, 1)
        )

    def _frames(self, network: nn.Module, rows: Rows, places: Ints) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states and logits of rows beside each other, (n, frames, ...), and how many frames each has."""
        import torch

        each = [torch.from_numpy(rows.inputs[k][0]) for k in places]
        n = torch.tensor([len(one) for one in each])
        x = torch.nn.utils.rnn.pad_sequence(each, batch_first=True).transpose(1, 2)
        hidden = network[1](network[0](x))
        return hidden.transpose(1, 2), network[2](hidden).transpose(1, 2), n

    def logits(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """As `Recipe.logits`."""
        return self._frames(network, rows, places)[1]

    def states(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """Mean of the hidden layer over the frames of each row."""
        hidden, _, n = self._frames(network, rows, places)
        return _mean_over(hidden, n)

    def losses(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """CTC in nats per second."""
        return self.losses_and_states(network, rows, places)[0]

    def losses_and_states(self, network: nn.Module, rows: Rows, places: Ints) -> tuple[Tensor, Tensor]:
        """As `Recipe.losses_and_states`."""
        import torch
        from torch.nn import functional as F

        hidden, logits, n = self._frames(network, rows, places)
        targets = [torch.from_numpy(rows.inputs[k][1]) for k in places]
        sizes = torch.tensor([len(one) for one in targets])
        losses = F.ctc_loss(
            logits.log_softmax(dim=-1).transpose(0, 1),
            torch.cat(targets),
            n,
            sizes,
            reduction="none",
            zero_infinity=True,
        )
        return losses / (n / FRAMES_PER_S), _mean_over(hidden, n)

    def outputs(self, network: nn.Module, rows: Rows) -> Frames:
        """As `Recipe.outputs`."""
        import torch

        out: list[NDArray[np.float32]] = []
        with torch.no_grad():
            for start in range(0, len(rows), self.batch_size):
                places = np.arange(start, min(len(rows), start + self.batch_size))
                _, logits, n = self._frames(network, rows, places)
                scores = logits.log_softmax(dim=-1).numpy()
                out += [scores[k, : int(n[k])] for k in range(len(places))]
        return Frames(log_probabilities=tuple(out), read=read_characters)


FRAMES_PER_S = 25.0
"""Frames of the embedded model's encoder in a second."""


def read_characters(tokens: Sequence[int]) -> str:
    """The words that tokens spell: 1 is a space, the others are characters."""
    return " ".join("".join(" " if token == 1 else CHARACTERS[token - 2] for token in tokens).split())


def _mean_over(hidden: Tensor, n: Tensor) -> Tensor:
    import torch

    here = (torch.arange(hidden.shape[1]) < n[:, None])[:, :, None]
    return (hidden * here).sum(dim=1) / n[:, None]


@functools.cache
def _reference() -> Any:
    from earnest.models.reference.checkpoint import Checkpoint
    from earnest.models.reference.torch_route import network_of

    return network_of(Checkpoint.open()).eval().requires_grad_(False)


def heard(clip: AudioClip) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """States of the embedded model's encoder, shape (n_frames, width), and the voice that it hears."""
    import torch

    features = log_mel(clip.resampled(SAMPLE_RATE).samples)
    with torch.no_grad():
        out = _reference().encode(torch.from_numpy(features)[None], torch.tensor([len(features)]))
    return out.states[0, : int(out.n_states[0])].numpy(), out.voice[0].numpy()
