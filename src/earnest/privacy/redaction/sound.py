"""Stretches of a recording replaced by a tone or by silence, and what is speech in it.

Inside a replaced stretch every sample is that of the replacement, and the replacement depends on nothing in the
recording: a tone has one level and one frequency, always. The recording is faded on both sides *outside* the stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadParameter
from earnest.privacy.redaction.personal import Span

Replacement = Literal["tone", "silence"]
REPLACEMENTS: tuple[Replacement, ...] = ("tone", "silence")
TONE_HZ = 1000.0
TONE_PEAK = 0.1
FADE_S = 0.005

FRAME_S = 0.02
ACTIVE_RANGE_DB = 30.0
ABOVE_FLOOR_DB = 6.0
"""Frames count as sound that are at most 30 dB below the loud ones and 6 dB above the quiet ones."""


def padded(spans: Sequence[Span], *, duration_s: float, pad_s: float = 0.0, bridge_s: float = 0.0) -> tuple[Span, ...]:
    """The spans with `pad_s` on both sides, inside the recording, in order; those that touch, or almost, are joined.

    >>> padded([Span(1.0, 2.0, "card"), Span(2.2, 3.0, "name")], duration_s=3.0, pad_s=0.25)
    (Span(start_s=0.75, end_s=3.0, kind='card+name'),)
    """
    wider = sorted(
        (Span(max(0.0, one.start_s - pad_s), min(duration_s, one.end_s + pad_s), one.kind) for one in spans),
        key=lambda one: (one.start_s, one.end_s),
    )
    merged: list[Span] = []
    for one in wider:
        if one.end_s <= one.start_s:
            continue
        if merged and one.start_s <= merged[-1].end_s + bridge_s:
            last = merged[-1]
            kinds = sorted({*last.kind.split("+"), *one.kind.split("+")})
            merged[-1] = Span(last.start_s, max(last.end_s, one.end_s), "+".join(kinds))
        else:
            merged.append(one)
    return tuple(merged)


def replaced(clip: AudioClip, spans: Sequence[Span], *, replace: Replacement = "tone") -> AudioClip:
    """The clip with `replacement(...)` in every span; of equal length, and equal to the clip 5 ms away from the spans.

    Raises
    ------
    BadParameter
        If `replace` is neither "tone" nor "silence".
    """
    samples = clip.samples.copy()
    stretches = [sample_range(one, clip) for one in padded(spans, duration_s=clip.duration_s)]
    fade = max(1, round(FADE_S * clip.sample_rate))
    down = np.linspace(1.0, 0.0, fade + 2, dtype=np.float32)[1:-1]
    for start, end in stretches:
        before = samples[max(0, start - fade) : start]
        before *= down[fade - len(before) :]
        after = samples[end : end + fade]
        after *= down[::-1][: len(after)]
    for start, end in stretches:
        samples[start:end] = replacement(end - start, clip.sample_rate, replace=replace)
    return clip.with_samples(samples)


def replacement(n_samples: int, sample_rate: int, *, replace: Replacement = "tone") -> np.ndarray:
    """What stands in a span of `n_samples`: a tone that is faded in and out, or zeros; float32."""
    if replace not in REPLACEMENTS:
        raise BadParameter(f"replace must be {' or '.join(map(repr, REPLACEMENTS))}, got {replace!r}; choose one")
    if replace == "silence":
        return np.zeros(n_samples, np.float32)
    places = np.arange(n_samples)
    tone = TONE_PEAK * np.sin(2 * np.pi * min(TONE_HZ, sample_rate / 4) * places / sample_rate)
    edge = np.minimum(places, n_samples - 1 - places) / (FADE_S * sample_rate)
    return (tone * np.minimum(1.0, edge)).astype(np.float32)


def sample_range(span: Span, clip: AudioClip) -> tuple[int, int]:
    """The first sample of a span and the one behind its last: every sample that the span touches."""
    start = int(np.floor(span.start_s * clip.sample_rate + 1e-6))
    end = int(np.ceil(span.end_s * clip.sample_rate - 1e-6))
    return max(0, start), min(clip.n_samples, end)


def active_frames(clip: AudioClip) -> np.ndarray:
    """Which frames of 20 ms are loud enough to be speech; bool, shape (n_frames,); the last one may be shorter."""
    length = max(1, round(FRAME_S * clip.sample_rate))
    whole = np.zeros(-(-clip.n_samples // length) * length)
    whole[: clip.n_samples] = clip.samples
    power = np.square(whole).reshape(-1, length).mean(axis=1)
    loud, quiet = np.percentile(power, 95), np.percentile(power, 5)
    least = max(loud * 10 ** (-ACTIVE_RANGE_DB / 10), min(quiet * 10 ** (ABOVE_FLOOR_DB / 10), loud / 2))
    return (power >= least) & (power > 1e-10)
