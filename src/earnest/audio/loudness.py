"""Loudness after ITU-R BS.1770: level as a listener weighs it, silences left out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BLOCK_S, HOP_S = 0.4, 0.1
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
OFFSET = -0.691
"""So that a sine of 997 Hz at full scale in one channel has -3.01 LUFS."""

SHELF = (1681.9744509555319, 3.99984385397, 0.7071752369554193)
"""Frequency in Hz, gain in dB and quality of the head's shelf, as the analogue filter of which the recommendation
prints the coefficients at 48 kHz."""
HIGH_PASS = (38.13547087613982, 0.5003270373253953)
"""Frequency in Hz and quality of the low cut."""


def loudness_lufs(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Integrated loudness of one channel in LUFS; -inf for silence.

    The weighting is put on as a gain over frequency; a clip shorter than a block of 0.4 s is one block.
    """
    weighted = _weighted(samples, sample_rate)
    block, hop = round(BLOCK_S * sample_rate), round(HOP_S * sample_rate)
    ends = range(block, len(weighted) + 1, hop) if len(weighted) >= block else [len(weighted)]
    powers = np.array([float(np.mean(weighted[max(0, end - block) : end] ** 2)) for end in ends])
    loud = powers[_lufs(powers) > ABSOLUTE_GATE]
    if not loud.size:
        return -math.inf
    loud = loud[_lufs(loud) > float(_lufs(loud.mean())) + RELATIVE_GATE]
    return float(_lufs(loud.mean()))


def _lufs(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return OFFSET + 10 * np.log10(np.maximum(power, 1e-30))


def _weighted(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    size = 2 * len(samples)
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    return np.fft.irfft(np.fft.rfft(samples, size) * _gain(frequency, sample_rate), size)[: len(samples)]


def _gain(frequency: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Of the two filters by the bilinear transform, as the recommendation's own at 48 kHz were made."""
    z = np.exp(-2j * np.pi * frequency / sample_rate)
    centre, gain_db, quality = SHELF
    k, high = math.tan(math.pi * centre / sample_rate), 10 ** (gain_db / 20)
    middle = high**0.4996667741545416
    above = np.polyval(
        [high - middle * k / quality + k * k, 2 * (k * k - high), high + middle * k / quality + k * k], z
    )
    shelf = above / np.polyval([1 - k / quality + k * k, 2 * (k * k - 1), 1 + k / quality + k * k], z)
    centre, quality = HIGH_PASS
    k = math.tan(math.pi * centre / sample_rate)
    scale = 1 + k / quality + k * k
    low_cut = (1 - z) ** 2 / (np.polyval([1 - k / quality + k * k, 2 * (k * k - 1), scale], z) / scale)
    return np.abs(shelf * low_cut)
