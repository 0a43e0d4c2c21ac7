"""Levels and ratios: dBFS, signal-to-noise ratio, speech level, 16-bit steps.

0 dBFS is an RMS of 1.0. Powers are means of squares over the whole clip, summed in float64. Silence has the level
-inf; a ratio between two silences has no value (nan).
"""

from __future__ import annotations

import math

import numpy as np

PCM16_SCALE = np.float32(32768.0)


def to_pcm16(samples: np.ndarray) -> np.ndarray:
    """Samples as int16, rounded to the nearest step (ties to even) and clipped to [-32768, 32767]."""
    steps = samples * PCM16_SCALE
    np.rint(steps, out=steps)
    np.clip(steps, -32768.0, 32767.0, out=steps)
    return steps.astype(np.int16)


def power(samples: np.ndarray) -> float:
    """Mean square of the samples; silence gives 0.0."""
    return float(np.einsum("i,i->", samples, samples, dtype=np.float64)) / len(samples)


def level_dbfs(samples: np.ndarray) -> float:
    """RMS level in dBFS; silence gives -inf."""
    return decibels(power(samples))


def decibels(power_ratio: float) -> float:
    """10 log10 of a power ratio; 0 gives -inf."""
    return 10.0 * math.log10(power_ratio) if power_ratio > 0 else -math.inf
