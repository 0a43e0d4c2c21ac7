"""Ways of speaking that are made from a recording: agitated, subdued, hesitant.

A made cue is no emotion and no state of a speaker: it is the few acoustic traits that go with one (tempo, pitch, level,
pauses), at a stated strength, on the same words in the same voice. A task that uses one says that it is made. What
comes back is rounded to 16 bits, as a file would hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from earnest.audio import AudioClip, effects
from earnest.errors import BadAudio, BadParameter

AGITATED: Mapping[str, float] = MappingProxyType({"tempo": 1.2, "cents": 200.0, "gain_db": 6.0})
"""A fifth faster, two semitones higher, 6 dB louder (less where the peak would leave full scale)."""

SUBDUED: Mapping[str, float] = MappingProxyType({"tempo": 0.85, "cents": -150.0, "gain_db": -9.0})
"""15 per cent slower, a semitone and a half lower, 9 dB softer."""

HESITANT: Mapping[str, float] = MappingProxyType({"pauses_per_s": 0.7, "shortest_s": 0.25, "longest_s": 0.6})
"""Silent pauses put in where the recording is softest, at least one."""

_HOP_S = 0.02
_FADE_S = 0.005


def agitated(clip: AudioClip) -> AudioClip:
    """The clip faster, higher and louder, by `AGITATED`."""
    return _manner(clip, **AGITATED)


def subdued(clip: AudioClip) -> AudioClip:
    """The clip slower, lower and softer, by `SUBDUED`."""
    return _manner(clip, **SUBDUED)


def hesitant(clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
    """The clip with silent pauses at its softest places, by `HESITANT`; `rng` draws their lengths.

    Pauses stand at least a quarter of a second from each other and from the ends. A clip shorter than half a second
    comes back as it is.
    """
    places = _soft_places(clip, n=max(1, round(HESITANT["pauses_per_s"] * clip.duration_s)))
    lengths_s = rng.uniform(HESITANT["shortest_s"], HESITANT["longest_s"], size=len(places))
    parts, start = [], 0
    for place, length_s in zip(places, lengths_s, strict=True):
        parts += [_faded(clip.samples[start:place], clip.sample_rate)]
        parts += [np.zeros(round(length_s * clip.sample_rate), dtype=np.float32)]
        start = place
    parts.append(_faded(clip.samples[start:], clip.sample_rate) if places else clip.samples)
    return clip.with_samples(np.concatenate(parts)).quantised()


def _manner(clip: AudioClip, *, tempo: float, cents: float, gain_db: float) -> AudioClip:
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


def _soft_places(clip: AudioClip, *, n: int) -> list[int]:
    """The `n` softest places of 20 ms, a quarter of a second apart from each other and the ends, in their order."""
    hop, apart = round(_HOP_S * clip.sample_rate), round(0.25 / _HOP_S)
    n_frames = clip.n_samples // hop
    power = np.square(clip.samples[: n_frames * hop], dtype=np.float64).reshape(n_frames, hop).mean(axis=1)
    chosen: list[int] = []
    for frame in np.argsort(power, kind="stable"):
        inside = apart <= frame < n_frames - apart
        if inside and all(abs(frame - other) >= apart for other in chosen):
            chosen.append(int(frame))
        if len(chosen) == n:
            break
    return [frame * hop + hop // 2 for frame in sorted(chosen)]


def _faded(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """The stretch with 5 ms faded in and out, so that a pause does not click."""
    n = min(round(_FADE_S * sample_rate), len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
    faded = samples.copy()
    faded[:n] *= ramp
    faded[len(faded) - n :] *= ramp[::-1]
    return faded
