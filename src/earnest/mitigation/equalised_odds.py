"""A regulariser of equalised odds: groups with the same label should be given the same scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from earnest.errors import BadParameter
from earnest.mitigation._base import CLASSES, Ints, Loss, Mitigation, Recipe, Rows, Stage, mitigation

if TYPE_CHECKING:
    from torch import Tensor, nn


@mitigation.register("equalised_odds")
@dataclass(frozen=True, kw_only=True)
class EqualisedOdds(Mitigation):
    """The squared differences between groups of their mean score, label by label, are added to the loss.

    Parameters
    ----------
    weight : float
        Of the penalty at strength 1.

    Notes
    -----
    The squared penalty of [bechavod2017-penalizing], on probabilities in place of its distances to the boundary, and for
    any number of groups and labels: of each label, each pair of groups in the batch. It takes the labels as they are.
    """

    source: ClassVar[str] = "bechavod2017-penalizing"
    stage: ClassVar[Stage] = "in"
    needs: ClassVar[tuple[str, ...]] = (CLASSES,)

    weight: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weight > 0:
            raise BadParameter(f"weight of equalised_odds must be above 0, got {self.weight!r}")

    def loss(self, rows: Rows, recipe: Recipe, network: nn.Module) -> tuple[Loss, Sequence[nn.Parameter]]:
        """The plain loss and the penalty."""
        import torch
        from torch.nn import functional as F

        def loss(places: Ints, done: float) -> Tensor:
            logits = recipe.logits(network, rows, places)
            labels = torch.from_numpy(rows.labels[places])
            weights = torch.from_numpy(rows.weights[places]).float()
            plain = (weights * F.cross_entropy(logits, labels, reduction="none")).mean()
            if not self.strength:
                return plain
            penalty = odds_penalty(logits.softmax(dim=1), rows.labels[places], rows.groups[places])
            return plain + self.strength * self.weight * penalty

        return loss, ()


def odds_penalty(scores: Tensor, labels: Ints, groups: Ints) -> Tensor:
    """Sum over labels and pairs of groups of the squared difference of their mean score of the label.

    Parameters
    ----------
    scores : float tensor, shape (n_rows, n_classes)
    labels, groups : int array, shape (n_rows,)
    """
    import torch

    total = scores.sum() * 0
    for label in np.unique(labels):
        of_label = [
            scores[torch.from_numpy(np.flatnonzero((labels == label) & (groups == group))), int(label)].mean()
            for group in np.unique(groups[labels == label])
        ]
        for k, first in enumerate(of_label):
            for second in of_label[k + 1 :]:
                total = total + (first - second) ** 2
    return total
