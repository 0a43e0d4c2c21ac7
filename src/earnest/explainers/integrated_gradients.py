"""Integrated gradients from silence to the clip, through the feature extractor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadParameter
from earnest.explainers._base import Asked, Explainer, Map, Tiles, explainers


@explainers.register("integrated_gradients")
@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(Explainer):
    """The gradient to the waveform, integrated along the line from silence to the clip ([sundararajan2017-axiomatic]).

    The integral is taken by the rule of Gauss and Legendre, as captum does by default. The values of all samples should add
    up to the decision on the clip less that on silence (completeness); `Map.gap` says by how much they miss it. A model
    that writes a transcript first may change it along the line; there the decision jumps, and the gap is not small.

    Parameters
    ----------
    n_steps : int
        Points on the line, at least 2.
    """

    source = "sundararajan2017-axiomatic"
    needs = "gradients"
    n_steps: int = 50

    def __post_init__(self) -> None:
        if self.n_steps < 2:
            raise BadParameter(f"n_steps must be at least 2, got {self.n_steps!r}; 50 is usual")

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
        asked.need(self.needs, of=self.name)
        points, weights = np.polynomial.legendre.leggauss(self.n_steps)
        x, rate = np.asarray(tiles.clip.samples, dtype=np.float64), tiles.clip.sample_rate
        scales = [*((points + 1) / 2), 1.0, 0.0]
        clips = [AudioClip((scale * x).astype(np.float32), rate) for scale in scales]
        values, gradients = asked.gradients(clips)
        mean = sum((w / 2) * g for w, g in zip(weights, gradients[:-2], strict=True))
        return Map(tiles.summed(x * mean), total=float(values[-2] - values[-1]))
