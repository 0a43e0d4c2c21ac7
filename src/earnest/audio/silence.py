"""The silence that a recording begins with: where data sets of spoofed speech leave a trace that is no trace of a voice."""

from __future__ import annotations

import numpy as np

from earnest.audio.clip import AudioClip

FRAME_MS = 10.0
QUIET_DB = 40.0
"""A frame so far below the loudest of its clip counts as silent."""


def leading_silence_s(clip: AudioClip) -> float:
    """Seconds before the first frame of 10 ms that is less than 40 dB below the loudest; the whole length of silence.

    >>> import numpy as np
    >>> sound = np.concatenate([np.zeros(1600), 0.1 * np.ones(1600)]).astype(np.float32)
    >>> leading_silence_s(AudioClip(sound, 16_000))
    0.1
    """
    length = max(1, round(FRAME_MS * clip.sample_rate / 1000))
    whole = np.zeros(-(-clip.n_samples // length) * length)
    whole[: clip.n_samples] = clip.samples
    power = np.square(whole).reshape(-1, length).mean(axis=1)
    heard = power > power.max() * 10 ** (-QUIET_DB / 10)
    return min(int(np.argmax(heard)) * length, clip.n_samples) / clip.sample_rate if heard.any() else clip.duration_s


def without_leading_silence(clip: AudioClip) -> AudioClip:
    """The clip from its first frame that is heard; silence as it is."""
    begin = round(leading_silence_s(clip) * clip.sample_rate)
    return clip if begin >= clip.n_samples else clip.with_samples(clip.samples[begin:])
