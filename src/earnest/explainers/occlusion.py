"""Occlusion: mute a tile, and see what the decision loses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earnest.explainers._base import Asked, Baseline, Explainer, Map, Tiles, explainers


@explainers.register("occlusion")
@dataclass(frozen=True, kw_only=True)
class Occlusion(Explainer):
    """What the decision loses when one tile alone is muted ([zeiler2014-visualizing], who slide a grey square).

    It asks once for each tile and once for the clip itself, in batches. Two tiles that say the same each get nothing, since
    the other is still there: `shapley` divides between them.

    Parameters
    ----------
    baseline : {"silence", "noise", "local_mean", "infill"}
        What stands in the place of a muted tile.
    """

    source = "zeiler2014-visualizing"
    baseline: Baseline = "silence"

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
        masks = np.vstack([np.zeros((1, len(tiles)), bool), np.eye(len(tiles), dtype=bool)])
        values = asked.values(tiles.muted(masks, baseline=self.baseline, seed=seed))
        return Map(values[0] - values[1:])
