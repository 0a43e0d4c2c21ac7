"""What every anonymiser is: it draws a voice, and gives a recording that voice.

Drawing and applying are apart: who draws once for a speaker gives all recordings of the speaker one new voice, who draws
for each recording gives each its own. What was drawn is plain JSON; with it the change can be repeated, so it is as
secret as the recordings are.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from earnest.audio import AudioClip, Entry
from earnest.errors import BadAudio
from earnest.registry import Registry, Spec

anonymisers = Registry("anonymisers")

Drawn = Mapping[str, Any]
"""A voice that was drawn, as JSON values."""


class Anonymiser(abc.ABC):
    """A method that hides who speaks. A frozen keyword-only dataclass under `@anonymisers.register(name)`."""

    name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    """Catalogue key of the work that it follows."""

    @property
    def spec(self) -> Spec:
        """Its name with the parameters that are not at their default."""
        return Spec.of(self)

    def draw(self, rng: np.random.Generator) -> Drawn:
        """A voice; a method without anything random draws nothing."""
        return {}

    @abc.abstractmethod
    def apply(self, entry: Entry, clip: AudioClip, drawn: Drawn) -> AudioClip:
        """The clip in the voice that was drawn, at the same rate and of the same length.

        Parameters
        ----------
        entry : Entry
            The row of the clip, for methods that use its text or its id.
        """

    def anonymised(self, entry: Entry, clip: AudioClip, *, drawn: Drawn) -> AudioClip:
        """What `apply` gives, checked: of the same rate and length, and not silent unless the clip is.

        A silent clip is given back as it is.

        Raises
        ------
        BadAudio
            If the method fails on this clip; the clip itself is never given in place of the result.
        """
        if clip.peak == 0.0:
            return clip
        made = self.apply(entry, clip, drawn)
        if (made.sample_rate, made.n_samples) != (clip.sample_rate, clip.n_samples):
            raise BadAudio(
                f"{self.name} must keep rate and length, {clip.sample_rate} Hz and {clip.n_samples} samples, got "
                f"{made.sample_rate} Hz and {made.n_samples}; pad or cut the result"
            )
        if made.peak == 0.0:
            raise BadAudio(f"{self.name} gave silence for {entry.id!r}; listen to the clip, and change the parameters")
        return made


def at_level_of(clip: AudioClip, samples: np.ndarray) -> AudioClip:
    """Samples at the RMS level of the clip; lower where a peak would pass full scale."""
    wanted = float(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64))))
    own = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    if not np.isfinite(own) or own == 0.0:
        raise BadAudio(f"the result must be finite and sound, got a level of {own:g}; change the parameters")
    gain = min(wanted / own, max(1.0, clip.peak) / float(np.abs(samples).max()))
    return clip.with_samples((samples * gain).astype(np.float32))
