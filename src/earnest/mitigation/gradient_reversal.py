"""Adversarial debiasing by gradient reversal: states from which an adversary cannot tell the groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from earnest.errors import BadParameter
from earnest.mitigation._base import Ints, Loss, Mitigation, Recipe, Rows, Stage, mitigation

if TYPE_CHECKING:
    from torch import Tensor, nn


@mitigation.register("gradient_reversal")
@dataclass(frozen=True, kw_only=True)
class GradientReversal(Mitigation):
    """An adversary learns the group from the network's states; its gradient reaches the network with the other sign.

    Parameters
    ----------
    most : float
        The factor of the reversed gradient at the end of training.
    width : int
        Of the adversary's one hidden layer.

    Notes
    -----
    [ganin2016-dann], with the group in place of the domain: the factor rises as 2 / (1 + exp(-10 p)) - 1 with the share
    p of the training that is done. The adversary sees every group equally often, by weights. At a strength s the factor
    is s times as large. The adversary that is fooled is one of its width and training: a probe that is fitted to the
    states of a wide layer afterwards may still find the group. States that hide the group do not make wrong labels right: where the labels of one group were
    flipped, hiding who speaks leaves the network to predict both labels of the same words.
    """

    source: ClassVar[str] = "ganin2016-dann"
    stage: ClassVar[Stage] = "in"

    most: float = 1.0
    width: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.most > 0 or self.width < 1:
            raise BadParameter(
                f"gradient_reversal takes most above 0 and a width of at least 1, got {self.most!r} and {self.width!r}"
            )

    def loss(self, rows: Rows, recipe: Recipe, network: nn.Module) -> tuple[Loss, Sequence[nn.Parameter]]:
        """The plain loss and the adversary's."""
        import torch
        from torch import nn
        from torch.nn import functional as F

        counts = torch.bincount(torch.from_numpy(rows.groups), minlength=len(rows.names)).float()
        balance = counts.sum() / counts.clamp(min=1) / (counts > 0).sum()
        width = recipe.states(network, rows, rows.groups[:1] * 0).shape[1]
        adversary = nn.Sequential(nn.Linear(width, self.width), nn.ReLU(), nn.Linear(self.width, len(rows.names)))

        def loss(places: Ints, done: float) -> Tensor:
            each, states = recipe.losses_and_states(network, rows, places)
            plain = (torch.from_numpy(rows.weights[places]).float() * each).mean()
            seen = reversed_gradient(states, self.strength * self.most * schedule(done))
            truth = torch.from_numpy(rows.groups[places])
            return plain + F.cross_entropy(adversary(seen), truth, weight=balance)

        return loss, list(adversary.parameters())


def schedule(done: float) -> float:
    """The factor of the reversed gradient when a share of the training is done: from 0 to almost 1.

    >>> schedule(0.0), round(schedule(0.1), 4)
    (0.0, 0.4621)
    """
    return 2 / (1 + math.exp(-10 * done)) - 1


def reversed_gradient(states: Tensor, factor: float) -> Tensor:
    """The states as they are; a gradient passes back times -factor."""
    import torch

    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            return -factor * gradients[0]

    return Reversed.apply(states)
