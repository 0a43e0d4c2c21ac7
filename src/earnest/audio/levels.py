"""Levels and ratios: dBFS, signal-to-noise ratio, speech level, 16-bit steps.

0 dBFS is an RMS of 1.0. Powers are means of squares over the whole clip. Silence has the level -inf; a ratio between
two silences has no value (nan).
"""

from __future__ import annotations

import math

import numpy as np

from earnest.errors import BadParameter

PCM16_SCALE = np.float32(32768.0)
ACTIVE_RANGE_DB = 30.0
_FRAME_S = 0.02
_BLOCK = 1 << 16


def to_pcm16(samples: np.ndarray) -> np.ndarray:
    """Samples as int16, rounded to the nearest step (ties to even) and clipped to [-32768, 32767]."""
    steps = samples * PCM16_SCALE
    np.rint(steps, out=steps)
    np.clip(steps, -32768.0, 32767.0, out=steps)
    return steps.astype(np.int16)


def n_clipped(samples: np.ndarray) -> int:
    """How many samples 16-bit audio would clip: those outside [-1, 1]."""
    if samples.max() <= 1.0 and samples.min() >= -1.0:
        return 0
    return int(np.count_nonzero(np.abs(samples) > 1.0))


def power(samples: np.ndarray) -> float:
    """Mean square of the samples; silence gives 0.0.

    Parameters
    ----------
    samples : float32 or float64 array, shape (n_samples,), at least one
    """
    total = 0.0
    with np.errstate(over="ignore"):
        for start in range(0, len(samples), _BLOCK):  # short float32 sums lose nothing that matters
            block = samples[start : start + _BLOCK]
            total += float(np.dot(block, block))
    if math.isinf(total) or 0 < total < 1e-30:
        total = float(np.sum(np.square(samples, dtype=np.float64)))
    return total / len(samples)


def decibels(power_ratio: float) -> float:
    """10 log10 of a power ratio; 0 gives -inf."""
    return 10.0 * math.log10(power_ratio) if power_ratio > 0 else -math.inf


def level_dbfs(samples: np.ndarray) -> float:
    """RMS level in dBFS; silence gives -inf."""
    return decibels(power(samples))


def signal_to_noise_db(*, clean: np.ndarray, perturbed: np.ndarray) -> float:
    """Power of the clean samples over the power of what was changed, in dB; higher is closer.

    Parameters
    ----------
    clean, perturbed : float32 array, shape (n_samples,)
        Of one length and aligned.

    Returns
    -------
    float
        inf where nothing was changed, also in silence; -inf where silence was changed.

    Raises
    ------
    BadParameter
        If the shapes differ.
    """
    if clean.shape != perturbed.shape:
        raise BadParameter(
            f"clean and perturbed must have one shape, got {clean.shape} and {perturbed.shape}; "
            "a ratio has no meaning after a change of speed or tempo"
        )
    noise = power(np.subtract(perturbed, clean, dtype=np.float64))
    if noise == 0.0:
        return math.inf
    return decibels(power(clean) / noise)


def scaled_to_dbfs(samples: np.ndarray, level: float) -> np.ndarray:
    """Samples scaled to an RMS level in dBFS; peaks may pass full scale.

    Raises
    ------
    BadParameter
        If the samples are silent: no gain gives silence a level.
    """
    present = level_dbfs(samples)
    if present == -math.inf:
        raise BadParameter(
            f"samples must hold some sound to be scaled to {level:g} dBFS, got silence; leave the item out"
        )
    return samples * np.float32(10.0 ** ((level - present) / 20.0))


def active_speech_level_dbfs(samples: np.ndarray, sample_rate: int) -> float:
    """RMS level in dBFS over the frames that are active; silence gives -inf.

    A frame of 20 ms is active when its level lies at most 30 dB under the level of the loudest frames (the 95th
    percentile). A simple stand-in for ITU-T P.56, which follows an envelope.
    """
    frame = max(1, round(_FRAME_S * sample_rate))
    whole = len(samples) // frame * frame
    if whole == 0:
        return level_dbfs(samples)
    powers = np.mean(np.square(samples[:whole].reshape(-1, frame), dtype=np.float64), axis=1)
    loud = float(np.percentile(powers, 95))
    active = powers[powers >= loud * 10.0 ** (-ACTIVE_RANGE_DB / 10.0)]
    return decibels(float(active.mean()))
