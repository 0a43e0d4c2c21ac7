"""Worst-group CTC: the loss of the group whose speech is recognised worst, smoothed so that no group takes all weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from earnest.errors import BadParameter
from earnest.mitigation._base import WORDS, Ints, Loss, Mitigation, Recipe, Reweighted, Rows, Stage, mitigation
from earnest.mitigation.group_dro import group_means

if TYPE_CHECKING:
    from torch import Tensor, nn


@mitigation.register("worst_group_ctc")
@dataclass(frozen=True, kw_only=True)
class WorstGroupCTC(Mitigation):
    """CTC losses of the groups, weighted by q, where q grows with a group's loss the less, the more weight it has.

    q_g is multiplied by exp(eta * loss_g / (q_g + alpha)) and all are divided by their sum; the network takes a step on
    the sum of q_g * loss_g.

    Parameters
    ----------
    eta : float
        Step size of q.
    alpha : float
        Smoothing: the larger, the closer to plain weights.

    Notes
    -----
    [bartelds2025-ctcdro]. CTC losses grow with length, so the work fills batches until every group has the same length;
    here the loss of a row is divided by its length in seconds, which compares groups of other lengths as well. At a
    strength s the loss is (1 - s) times the plain one and s times this.
    """

    source: ClassVar[str] = "bartelds2025-ctcdro"
    stage: ClassVar[Stage] = "in"
    needs: ClassVar[tuple[str, ...]] = (WORDS,)

    eta: float = 0.01
    alpha: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.eta > 0 or not self.alpha >= 0:
            raise BadParameter(
                f"worst_group_ctc takes eta above 0 and alpha of at least 0, got {self.eta!r} and {self.alpha!r}"
            )

    def loss(self, rows: Rows, recipe: Recipe, network: nn.Module) -> tuple[Loss, Sequence[nn.Parameter]]:
        """The plain loss towards that of the worst group."""
        import torch

        kinds, part = np.unique(rows.groups, return_inverse=True)
        weights = Reweighted(n=len(kinds), eta=self.eta, smoothing=self.alpha)

        def loss(places: Ints, done: float) -> Tensor:
            each = recipe.losses(network, rows, places)
            plain = (torch.from_numpy(rows.weights[places]).float() * each).mean()
            means = group_means(each, part[places], len(kinds))
            q = torch.from_numpy(weights.step(means.detach().double().numpy())).float()
            return (1 - self.strength) * plain + self.strength * (q * means).sum() if self.strength else plain

        return loss, ()
