"""Clips one after another and one over another, levels told in decibels of speech that is active.

What comes out has the sample rate of the first clip. Nothing is rescaled to fit: amplitudes may pass full scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earnest.audio.clip import AudioClip
from earnest.audio.levels import active_speech_level_dbfs
from earnest.errors import BadParameter


def joined(clips: Sequence[AudioClip], *, gap_s: float = 0.0) -> AudioClip:
    """The clips one after another, with silence of `gap_s` seconds between each two.

    >>> one = AudioClip(np.ones(10, np.float32), 1000)
    >>> joined([one, one], gap_s=0.005).n_samples
    25

    Raises
    ------
    BadParameter
        If there are none, or the gap is negative.
    """
    if not clips or not gap_s >= 0:
        raise BadParameter(f"at least one clip and a gap of 0 s or more are needed, got {len(clips)} and {gap_s!r}")
    rate = clips[0].sample_rate
    gap = np.zeros(round(gap_s * rate), dtype=np.float32)
    parts = [part for clip in clips for part in (clip.resampled(rate).samples, gap)]
    return AudioClip(np.concatenate(parts[:-1]), rate)


def at_level_of(clip: AudioClip, other: AudioClip, *, gain_db: float = 0.0) -> AudioClip:
    """The clip with its active speech at that of another, plus `gain_db`; unchanged where either is silent."""
    own = active_speech_level_dbfs(clip.samples, clip.sample_rate)
    wanted = active_speech_level_dbfs(other.samples, other.sample_rate) + gain_db
    if not np.isfinite(own) or not np.isfinite(wanted):
        return clip
    return clip.with_samples(clip.samples * np.float32(10 ** ((wanted - own) / 20)))


def laid_over(clip: AudioClip, other: AudioClip, *, ratio_db: float, at_s: float = 0.0) -> AudioClip:
    """`other` added to the clip from `at_s` seconds on, its active speech `ratio_db` under that of the clip.

    The result is as long as whichever of the two ends later.

    Raises
    ------
    BadParameter
        If `at_s` is negative.
    """
    if not at_s >= 0:
        raise BadParameter(f"at_s must be at least 0, got {at_s!r}; put silence before the clip to begin earlier")
    rate = clip.sample_rate
    added = at_level_of(other.resampled(rate), clip, gain_db=-ratio_db).samples
    begin = round(at_s * rate)
    mixed = np.zeros(max(clip.n_samples, begin + len(added)), dtype=np.float32)
    mixed[: clip.n_samples] = clip.samples
    mixed[begin : begin + len(added)] += added
    return AudioClip(mixed, rate)


def within_full_scale(clip: AudioClip) -> AudioClip:
    """The clip turned down, where it passes full scale, until it no longer does."""
    return clip if clip.peak <= 1 else clip.with_samples(clip.samples * np.float32(0.999 / clip.peak))
