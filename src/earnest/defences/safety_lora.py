"""Low-rank adapters that learn to refuse harmful requests and to help with their harmless twins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earnest.defences._base import defences
from earnest.defences._training import Lesson, TrainedDefence, check_counts, mean_loss
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from torch import nn

    from earnest.models.access import Model
    from earnest.models.learner import Learner, Weights

DOWN, UP = "lora_a.", "lora_b."
"""In an artefact: what stands before the name of a weight, for the two factors of its change."""


@defences.register("safety_lora")
@dataclass(frozen=True, kw_only=True)
class SafetyLora(TrainedDefence):
    """Each linear layer of the language model gains a change of low rank, trained on refusals and on help.

    W + (alpha / rank) B A. Half of the lessons are harmful requests, to be refused; the others are requests labelled
    benign, their twins mostly, to be helped with, and where there are none every other row. The artefact holds A and B.

    Parameters
    ----------
    rank : int
    alpha : float
    layers : str
        Beginning of the names of the layers.
    steps, batch_size : int
    learning_rate : float

    Notes
    -----
    The adapters of [hu2021-lora]: A drawn, B zero, all else frozen. Harmless twins among the lessons hold over-refusal
    down; it is measured as all defences are, in the run that uses it.
    """

    source: ClassVar[str] = "hu2021-lora"

    rank: int = 8
    alpha: float = 16.0
    layers: str = "decoder."
    steps: int = 80
    batch_size: int = 16
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        check_counts(self, rank=1, alpha=0.0, steps=1, batch_size=2, learning_rate=0.0)

    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """The factors of the change of each layer."""
        harmful = [lesson for lesson in lessons if lesson.harmful]
        helped = [lesson for lesson in lessons if lesson.harmless] or [each for each in lessons if not each.harmful]
        adapters = adapt(learner.module, layers=self.layers, rank=self.rank, scale=self.alpha / self.rank, rng=rng)
        from earnest.models.learner import train

        train(
            learner.module,
            lambda batch: mean_loss(learner, batch),
            _halves(harmful, helped, self.batch_size, rng),
            n_steps=self.steps,
            learning_rate=self.learning_rate,
        )
        arrays = {}
        for name, (a, b) in adapters.items():
            arrays[f"{DOWN}{name}"], arrays[f"{UP}{name}"] = (
                part.detach().float().cpu().numpy().copy() for part in (a, b)
            )
        return arrays

    def weights_in(self, arrays: Mapping[str, Any], model: Model) -> Weights:
        """The model's own weights with the changes added."""
        own = model.learner().weights()
        fitted = self.fitted_with
        scale = np.float32(fitted.alpha / fitted.rank)
        names = [key.removeprefix(DOWN) for key in arrays if key.startswith(DOWN)]
        return {name: own[name] + scale * (arrays[f"{UP}{name}"] @ arrays[f"{DOWN}{name}"]) for name in names}


def _halves(
    harmful: Sequence[Lesson], helped: Sequence[Lesson], size: int, rng: np.random.Generator
) -> Iterator[list[Lesson]]:
    """Batches without end, half of them harmful."""
    while True:
        sides = [(harmful, helped)[k % 2] for k in range(size)]
        yield [side[rng.integers(len(side))] for side in sides]


def adapt(module: nn.Module, *, layers: str, rank: int, scale: float, rng: np.random.Generator) -> dict[str, Any]:
    """Give each linear layer whose name begins so a change of low rank, the only thing left to train.

    Returns
    -------
    dict of (A, B)
        By the name of the weight: parameters of shape (rank, n_inputs), drawn, and (n_outputs, rank), zero.

    Raises
    ------
    BadParameter
        If no layer has such a name, or the rank is no lower than a layer's.
    """
    import torch
    from torch.nn.utils import parametrize

    class LowRank(torch.nn.Module):
        def __init__(self, weight: Any) -> None:
            super().__init__()
            n_outputs, n_inputs = weight.shape
            drawn = rng.uniform(-1, 1, (rank, n_inputs)) / np.sqrt(n_inputs)
            self.a = torch.nn.Parameter(torch.from_numpy(drawn).to(weight))
            self.b = torch.nn.Parameter(weight.new_zeros(n_outputs, rank))

        def forward(self, weight: Any) -> Any:
            return weight + scale * (self.b @ self.a)

    linear = {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, torch.nn.Linear) and name.startswith(layers)
    }
    smallest = min((min(layer.weight.shape) for layer in linear.values()), default=0)
    if rank >= max(smallest, 1):
        raise BadParameter(
            f"safety_lora needs linear layers whose names begin with {layers!r} and a rank below their smaller side, got "
            f"{len(linear)} layers, the narrowest {smallest} wide, and rank {rank}; change layers= or rank="
        )
    module.requires_grad_(False)
    adapters = {}
    for name, layer in linear.items():
        change = LowRank(layer.weight)
        parametrize.register_parametrization(layer, "weight", change)
        adapters[f"{name}.weight"] = (change.a, change.b)
    return adapters
