"""SmoothGrad: gradient times input, averaged over noisy copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadParameter
from earnest.explainers._base import Asked, Explainer, Map, Tiles, explainers
from earnest.models.access import rng_for


@explainers.register("smoothgrad")
@dataclass(frozen=True, kw_only=True)
class SmoothGrad(Explainer):
    """The mean gradient over copies with Gaussian noise, times the clip, summed by tile ([smilkov2017-smoothgrad]).

    The paper shows the mean gradient itself; times the clip it has a sign that speaks for or against the decision. The
    noise's standard deviation is a share of the clip's range (largest less smallest sample), 0.1 to 0.2 in the paper on
    pictures; speech is far below its peaks most of the time, and the default is a tenth of that.

    Parameters
    ----------
    n_copies : int
        At least 1; the paper takes 50.
    noise : float
        At least 0; with 0 it is `gradient_x_input`.
    """

    source = "smilkov2017-smoothgrad"
    needs = "gradients"
    n_copies: int = 50
    noise: float = 0.01

    def __post_init__(self) -> None:
        if self.n_copies < 1 or not self.noise >= 0:
            raise BadParameter(
                f"n_copies must be at least 1 and noise at least 0, got {self.n_copies!r} and {self.noise!r}; the paper takes 50"
            )

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
        asked.need(self.needs, of=self.name)
        x = np.asarray(tiles.clip.samples, dtype=np.float64)
        rng = rng_for(seed, "smoothgrad", tiles.clip.digest)
        noisy = x + rng.normal(0, self.noise * np.ptp(x), (self.n_copies, x.size))
        clips = [AudioClip(copy.astype(np.float32), tiles.clip.sample_rate) for copy in noisy]
        _, gradients = asked.gradients(clips)
        return Map(tiles.summed(x * np.mean(gradients, axis=0)))
