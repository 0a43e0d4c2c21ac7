"""The clip played a little faster or slower than it was recorded, by how much is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, effects
from earnest.audio.resampling import transposed
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadParameter


@defences.register("random_speed")
@dataclass(frozen=True, kw_only=True)
class RandomSpeed(Defence):
    """The clip at a random speed: tempo and pitch change together, and so does its length.

    Attack it with several draws (`pgd:eot=8`). The gradient is the resampler's adjoint for the drawn factor, as near as
    `earnest.audio.resampling.transposed` says.

    Parameters
    ----------
    low, high : float
        Factors between which one is drawn uniformly, 0.5 to 2; 1 is the clip's own speed.

    Notes
    -----
    After the random resizing of images of [xie2017-randomization], in time.
    """

    source: ClassVar[str] = "xie2017-randomization"
    gradient: ClassVar[Gradient] = "exact"

    low: float = 0.95
    high: float = 1.05

    def __post_init__(self) -> None:
        if not 0.5 <= self.low <= self.high <= 2:
            raise BadParameter(
                f"low and high of random_speed must lie from 0.5 to 2 and in order, got {self.low!r} and {self.high!r}"
            )

    @property
    def random(self) -> bool:
        """Whether a factor is drawn."""
        return self.low < self.high

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip at the drawn speed."""
        samples, _ = effects.speed(clip.samples, clip.sample_rate, factor=self._factor(rng))
        return clip.with_samples(samples)

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient taken back to the clip's own speed."""
        return transposed(gradient, self._factor(rng), to=1.0, n_samples=clip.n_samples)

    def _factor(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.low, self.high)) if self.random else self.low
