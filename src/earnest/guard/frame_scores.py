"""Scores of one 20 ms block of audio, with numpy alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

FLOOR_DBFS = -120.0
NEAR_ULTRASONIC_HZ = 16_000
ROWS_HZ, COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def level(block: np.ndarray, sample_rate: int) -> float:
    """RMS level in dBFS, at least -120."""
    power = float(np.dot(block, block)) / len(block)
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power > 0 else FLOOR_DBFS


def clipping(block: np.ndarray, sample_rate: int) -> float:
    """Share of samples at full scale (0.999 or more)."""
    return float(np.count_nonzero(np.abs(block) >= 0.999)) / len(block)


def near_ultrasonic(block: np.ndarray, sample_rate: int) -> float | None:
    """Share of the energy from 16 kHz up, under a Hann window; None where the sample rate cannot carry that band."""
    if sample_rate <= 2 * NEAR_ULTRASONIC_HZ:
        return None
    energy = np.abs(np.fft.rfft(block * _window(len(block)))) ** 2
    total = float(energy.sum())
    first = math.ceil(NEAR_ULTRASONIC_HZ * len(block) / sample_rate)
    return float(energy[first:].sum()) / total if total > 0 else 0.0


def dtmf(block: np.ndarray, sample_rate: int) -> float:
    """Twice the smaller of the energy shares of the strongest row and column tone: 1 for a pure, even pair."""
    total = float(np.dot(block, block))
    if level(block, sample_rate) < -50:
        return 0.0
    cosines, sines = _tones(len(block), sample_rate)
    shares = 2 / (len(block) * total) * ((cosines @ block) ** 2 + (sines @ block) ** 2)
    return 2 * float(min(shares[:4].max(), shares[4:].max()))


@lru_cache(8)
def _window(size: int) -> np.ndarray:
    return np.hanning(size)


@lru_cache(8)
def _tones(size: int, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    angles = 2 * np.pi / sample_rate * np.outer((*ROWS_HZ, *COLUMNS_HZ), np.arange(size))
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


FRAME_SCORES: dict[str, Callable[[np.ndarray, int], float | None]] = {
    "level": level,
    "clipping": clipping,
    "near_ultrasonic": near_ultrasonic,
    "dtmf": dtmf,
}
