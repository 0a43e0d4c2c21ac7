"""A defence in a foreign package."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.defences import Defence, Gradient


@dataclass(frozen=True, kw_only=True)
class Quieter(Defence):
    """The clip at a share of its level.

    Parameters
    ----------
    share : float
        What amplitudes are multiplied by.
    """

    source: ClassVar[str] = "example2026-quieter"
    gradient: ClassVar[Gradient] = "exact"

    share: float = 0.5

    def apply(self, clip, *, rng):
        """The softer clip."""
        return clip.with_samples(np.float32(self.share) * clip.samples)

    def backward(self, gradient, *, clip, rng):
        """The gradient times the same share."""
        return np.float32(self.share) * gradient
