"""A defence that would send silence in place of a clip with sound says so instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.errors import BadAudio

HALF_STEP = 2.0**-16
"""Half a step of 16-bit audio: what is softer is silence in a file."""


def sounding(samples: NDArray[np.float32], *, clip: AudioClip, by: str, instead: str) -> AudioClip:
    """The clip of what a defence left of another, where anything is left of its sound.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        What is left.
    clip : AudioClip
        What it was made of; of silence silence may be left.
    by, instead : str
        Name of the defence, and what to do, for the message.

    Raises
    ------
    BadAudio
        If the clip sounds and what is left would be silence in a 16-bit file. A model that is sent silence may answer, and
        the answer would be counted as if it had heard the clip; so the item is counted as unscored.
    """
    peak = float(np.abs(samples).max()) if samples.size else 0.0
    if peak < HALF_STEP <= clip.peak:
        raise BadAudio(
            f"{by} must leave something of a clip with sound (peak {clip.peak:.3g}), got a peak of {peak:.3g}, silence in a "
            f"16-bit file; {instead}"
        )
    return clip.with_samples(np.ascontiguousarray(samples, dtype=np.float32))
