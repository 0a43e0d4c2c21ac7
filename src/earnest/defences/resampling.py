"""Down to a lower sample rate and up again: what an attack put into the upper band is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.clip import checked_rate
from earnest.audio.resampling import fitted, resampled, transposed
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._sounding import sounding


@defences.register("resampling")
@dataclass(frozen=True, kw_only=True)
class Resampling(Defence):
    """The clip brought to a lower sample rate and back, its length and alignment kept.

    A clip at this rate or a lower one is left as it is. Little is added to its cost: two passes of the resampler.

    Parameters
    ----------
    sample_rate : int
        The lower rate in Hz, 1,000 to 384,000; the work goes from 16,000 to 8,000 and 6,000.

    Notes
    -----
    One of the transformations of [hussain2021-waveguard], of which there the transcripts before and after are compared;
    as a defence the clip that comes back is all that the model hears. The gradient is the resampler's adjoint. It is
    exact in floating point where the clip's rate is a power of two times the lower one, and otherwise as near as
    `earnest.audio.resampling.transposed` says.
    """

    source: ClassVar[str] = "hussain2021-waveguard"
    gradient: ClassVar[Gradient] = "exact"

    sample_rate: int = 8_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "sample_rate", checked_rate(self.sample_rate))

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip without what the lower rate cannot hold."""
        if clip.sample_rate <= self.sample_rate:
            return clip
        lower = resampled(clip.samples, clip.sample_rate, to=self.sample_rate)
        back = fitted(resampled(lower, self.sample_rate, to=clip.sample_rate), clip.n_samples)
        return sounding(back, clip=clip, by="resampling", instead="raise the lower rate")

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient through both passes, the second one first."""
        if clip.sample_rate <= self.sample_rate:
            return gradient
        lower = max(1, round(clip.n_samples * self.sample_rate / clip.sample_rate))
        back = max(1, round(lower * clip.sample_rate / self.sample_rate))
        inside = transposed(fitted(gradient, back), self.sample_rate, to=clip.sample_rate, n_samples=lower)
        return transposed(inside, clip.sample_rate, to=self.sample_rate, n_samples=clip.n_samples)
