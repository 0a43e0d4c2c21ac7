"""Gradient times input, on the waveform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earnest.explainers._base import Asked, Explainer, Map, Tiles, explainers


@explainers.register("gradient_x_input")
@dataclass(frozen=True, kw_only=True)
class GradientXInput(Explainer):
    """The gradient to each sample times the sample, summed by tile ([shrikumar2016-just]).

    One pass through the network: the cheapest map, and the least stable one where the decision is saturated.
    """

    source = "shrikumar2016-just"
    needs = "gradients"

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
        asked.need(self.needs, of=self.name)
        _, (gradient,) = asked.gradients([tiles.clip])
        return Map(tiles.summed(np.asarray(tiles.clip.samples, dtype=np.float64) * gradient))
