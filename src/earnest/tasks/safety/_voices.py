"""Agitated and subdued voices, made from a recording.

A made voice is no emotion and no state of a speaker: it has the few acoustic traits that go with one (tempo, pitch,
level), at a stated strength from the recording, on the same words. A task that uses one says that it is made. What
comes back is rounded to 16 bits, as a file would hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from earnest.audio import AudioClip, effects
from earnest.errors import BadAudio, BadParameter
from earnest.tasks._conditions import Effect

AGITATED: Mapping[str, float] = MappingProxyType({"tempo": 1.2, "cents": 200.0, "gain_db": 6.0})
"""A fifth faster, two semitones higher, 6 dB louder (less where the peak would leave full scale)."""

SUBDUED: Mapping[str, float] = MappingProxyType({"tempo": 0.85, "cents": -150.0, "gain_db": -9.0})
"""15 per cent slower, a semitone and a half lower, 9 dB softer."""


def manner(*, tempo: float, cents: float, gain_db: float) -> Effect:
    """A way of speaking: faster by `tempo`, higher by `cents`, louder by `gain_db`."""

    def spoken(clip: AudioClip, others: Sequence[AudioClip], rng: np.random.Generator) -> AudioClip:
        return _spoken(clip, tempo=tempo, cents=cents, gain_db=gain_db)

    return spoken


def _spoken(clip: AudioClip, *, tempo: float, cents: float, gain_db: float) -> AudioClip:
    headroom_db = -20.0 * np.log10(clip.peak) if clip.peak else gain_db
    steps = (
        ("tempo", {"factor": tempo}),
        ("pitch", {"cents": cents}),
        ("gain", {"gain_db": min(gain_db, max(0.0, headroom_db)) if gain_db > 0 else gain_db}),
    )
    samples = clip.samples
    try:
        for effect, parameters in steps:
            samples, _ = effects.apply(effect, samples, clip.sample_rate, **parameters)
    except BadParameter as error:
        raise BadAudio(f"a way of speaking cannot be made from the clip: {error}") from error
    return clip.with_samples(samples).quantised()
