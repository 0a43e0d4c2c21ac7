"""Shapley values of a clip's tiles, exact for few of them, else sampled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np

from earnest.errors import BadParameter
from earnest.explainers._base import Asked, Baseline, Explainer, Map, Tiles, explainers
from earnest.models.access import rng_for


@explainers.register("shapley")
@dataclass(frozen=True, kw_only=True)
class Shapley(Explainer):
    """The mean of what a tile adds when tiles are unmuted one after another in random order ([castro2009-polynomial]).

    Where all orders are no more than `n_orders` every order is taken, and the values are exact; the default is exact up to
    six tiles. The values add up to the decision on the clip less that on the clip with everything muted, whatever the
    number of orders. No set of tiles is asked about twice.

    Parameters
    ----------
    n_orders : int
        At least 1.
    baseline : {"silence", "noise", "local_mean", "infill"}
        What stands in the place of a muted tile.
    """

    source = "castro2009-polynomial"
    n_orders: int = 720
    baseline: Baseline = "silence"

    def __post_init__(self) -> None:
        if self.n_orders < 1:
            raise BadParameter(f"n_orders must be at least 1, got {self.n_orders!r}; give a whole number")

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
        n = len(tiles)
        if n <= 12 and factorial(n) <= self.n_orders:
            orders = np.array(list(permutations(range(n))))
        else:
            rng = rng_for(seed, "shapley", tiles.clip.digest)
            orders = np.stack([rng.permutation(n) for _ in range(self.n_orders)])
        heard = np.zeros((len(orders), n + 1, n), bool)
        for k in range(n):
            heard[:, k + 1] = heard[:, k]
            heard[np.arange(len(orders)), k + 1, orders[:, k]] = True
        sets, place = np.unique(heard.reshape(-1, n), axis=0, return_inverse=True)
        values = asked.values(tiles.muted(~sets, baseline=self.baseline, seed=seed))
        added = np.diff(values[place.reshape(len(orders), n + 1)], axis=1)
        sums = np.zeros(n)
        np.add.at(sums, orders, added)
        whole, nothing = values[sets.all(axis=1)][0], values[~sets.any(axis=1)][0]
        return Map(sums / len(orders), total=float(whole - nothing))
