"""Reweighing: weights that make group and label independent in the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.mitigation._base import CLASSES, Floats, Ints, Mitigation, Recipe, Rows, Stage, mitigation


@mitigation.register("reweighing")
@dataclass(frozen=True, kw_only=True)
class Reweighing(Mitigation):
    """Each row weighs what its group and label would have together by chance over what they have.

    W(g, y) = P(g) P(y) / P(g, y), equation (1) of the work's section 4: a favourable label that is rare in a group
    weighs more there. It mends no wrong label, but makes the few right ones of a group count.

    Notes
    -----
    [kamiran2012-preprocessing]. At a strength s the weight is 1 + s (W - 1).
    """

    source: ClassVar[str] = "kamiran2012-preprocessing"
    stage: ClassVar[Stage] = "before"
    needs: ClassVar[tuple[str, ...]] = (CLASSES,)

    def prepared(self, rows: Rows, recipe: Recipe, rng: np.random.Generator) -> Rows:
        """The rows with other weights."""
        return rows.with_weights(rows.weights * (1 + self.strength * (independent(rows.groups, rows.labels) - 1)))


def independent(groups: Ints, labels: Ints) -> Floats:
    """Weight of each row that makes groups and labels independent; their mean is 1.

    >>> independent(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]))
    array([0.75, 0.75, 1.5 , 0.5 ])
    """
    n = np.zeros((groups.max() + 1, labels.max() + 1))
    np.add.at(n, (groups, labels), 1)
    chance = np.outer(n.sum(axis=1), n.sum(axis=0)) / n.sum()
    return (chance / np.maximum(n, 1))[groups, labels]
