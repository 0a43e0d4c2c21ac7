"""Group distributionally robust optimisation: the loss of the group that is worst off, by weights that follow the losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from earnest.errors import BadParameter
from earnest.mitigation._base import Ints, Loss, Mitigation, Recipe, Reweighted, Rows, Stage, mitigation

if TYPE_CHECKING:
    from torch import Tensor, nn


@mitigation.register("group_dro")
@dataclass(frozen=True, kw_only=True)
class GroupDRO(Mitigation):
    """The mean losses of the groups, weighted by q, where q grows with a group's loss at every step.

    q_g is multiplied by exp(eta * loss_g) and all are divided by their sum; the network then takes a step on the sum of
    q_g * loss_g: algorithm 1 of the work.

    Parameters
    ----------
    eta : float
        Step size of q; the work's 0.01.
    cells : bool
        Whether a group is a group of speakers with one label, as in the work, or all of its rows.

    Notes
    -----
    [sagawa2020-groupdro]. Without its adjustment by group size, and with the weight decay of the common loop: the work
    finds that strong decay or early stopping is what makes the method generalise. At a strength s the loss is
    (1 - s) times the plain one and s times this.
    """

    source: ClassVar[str] = "sagawa2020-groupdro"
    stage: ClassVar[Stage] = "in"

    eta: float = 0.01
    cells: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.eta > 0:
            raise BadParameter(f"eta of {self.name} must be above 0, got {self.eta!r}")

    def loss(self, rows: Rows, recipe: Recipe, network: nn.Module) -> tuple[Loss, Sequence[nn.Parameter]]:
        """The plain loss towards the robust one."""
        import torch

        kinds, part = np.unique(rows.cells if self.cells else rows.groups, return_inverse=True)
        weights = Reweighted(n=len(kinds), eta=self.eta)

        def loss(places: Ints, done: float) -> Tensor:
            each = recipe.losses(network, rows, places)
            plain = (torch.from_numpy(rows.weights[places]).float() * each).mean()
            means = group_means(each, part[places], len(kinds))
            q = torch.from_numpy(weights.step(means.detach().double().numpy())).float()
            return (1 - self.strength) * plain + self.strength * (q * means).sum() if self.strength else plain

        return loss, ()


def group_means(losses: Tensor, part: Ints, n: int) -> Tensor:
    """Mean loss of each of `n` groups, 0 where a batch has none of it."""
    import torch

    place = torch.from_numpy(np.asarray(part, dtype=np.int64))
    sums = torch.zeros(n, dtype=losses.dtype).index_add(0, place, losses)
    return sums / torch.bincount(place, minlength=n).clamp(min=1)
