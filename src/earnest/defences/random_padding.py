"""The clip put at a random place between silences: an attack that counts on its place in time is moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadParameter


@defences.register("random_padding")
@dataclass(frozen=True, kw_only=True)
class RandomPadding(Defence):
    """The clip between silences that together have a fixed length, divided at random.

    What is added is always as long, so that the length tells nothing. Attack it with several draws (`pgd:eot=8`); the
    gradient is exact: that of the samples in their drawn place.

    Parameters
    ----------
    total_ms : float
        Length of both silences together, 0 to 10,000; 0 adds nothing.

    Notes
    -----
    After the random padding of images of [xie2017-randomization], in time.
    """

    source: ClassVar[str] = "xie2017-randomization"
    gradient: ClassVar[Gradient] = "exact"

    total_ms: float = 500.0

    def __post_init__(self) -> None:
        if not 0 <= self.total_ms <= 10_000:
            raise BadParameter(f"total_ms of random_padding must lie from 0 to 10000, got {self.total_ms!r}")

    @property
    def random(self) -> bool:
        """Whether a place is drawn."""
        return self.total_ms > 0

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip in its place."""
        before, total = self._drawn(clip, rng)
        if not total:
            return clip
        padded = np.zeros(clip.n_samples + total, dtype=np.float32)
        padded[before : before + clip.n_samples] = clip.samples
        return clip.with_samples(padded)

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient of the clip's own samples."""
        before, _ = self._drawn(clip, rng)
        return gradient[before : before + clip.n_samples]

    def _drawn(self, clip: AudioClip, rng: np.random.Generator) -> tuple[int, int]:
        """Samples of silence before the clip, and in all."""
        total = round(self.total_ms * 1e-3 * clip.sample_rate)
        return int(rng.integers(total + 1)), total
