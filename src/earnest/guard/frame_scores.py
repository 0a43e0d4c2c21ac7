"""Scores of one 20 ms block of audio, with numpy alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

FLOOR_DBFS = -120.0
QUIET_DBFS = -50.0
NEAR_ULTRASONIC_HZ = 16_000
VOICE_HZ = (75, 8000)
ROWS_HZ, COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def level(block: np.ndarray, sample_rate: int) -> float:
    """RMS level in dBFS, at least -120."""
    power = float(np.dot(block, block)) / len(block)
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power > 0 else FLOOR_DBFS


def clipping(block: np.ndarray, sample_rate: int) -> float:
    """Share of samples at full scale (0.999 or more)."""
    if max(block.max(), -block.min()) < 0.999:
        return 0.0
    return float(np.count_nonzero(np.abs(block) >= 0.999)) / len(block)


def spectrum(block: np.ndarray) -> np.ndarray:
    """Energy by frequency under a Hann window."""
    values = np.fft.rfft(block * _window(len(block)))
    return values.real**2 + values.imag**2


def near_ultrasonic(block: np.ndarray, sample_rate: int, energy: np.ndarray | None = None) -> float | None:
    """Share of the energy from 16 kHz up, under a Hann window; None where the sample rate cannot carry that band."""
    if sample_rate <= 2 * NEAR_ULTRASONIC_HZ:
        return None
    energy = spectrum(block) if energy is None else energy
    total = float(energy.sum())
    first = math.ceil(NEAR_ULTRASONIC_HZ * len(block) / sample_rate)
    return float(energy[first:].sum()) / total if total > 0 else 0.0


def out_of_band(block: np.ndarray, sample_rate: int) -> float:
    """Share of the energy below 75 Hz or above 8 kHz, where speech has little; 0 below -50 dBFS."""
    quiet = level(block, sample_rate) < QUIET_DBFS
    return 0.0 if quiet else share_outside(spectrum(block), len(block), sample_rate)


def share_outside(energy: np.ndarray, size: int, sample_rate: int) -> float:
    total = float(energy.sum())
    low, high = (hertz * size / sample_rate for hertz in VOICE_HZ)
    inside = float(energy[math.ceil(low) : math.floor(high) + 1].sum())
    return 1 - inside / total if total > 0 else 0.0


def dtmf(block: np.ndarray, sample_rate: int) -> float:
    """Twice the smaller of the energy shares of the strongest row and column tone: 1 for a pure, even pair."""
    return 0.0 if level(block, sample_rate) < QUIET_DBFS else pair_share(block, sample_rate)


def pair_share(block: np.ndarray, sample_rate: int) -> float:
    parts = (_tones(len(block), sample_rate) @ block).tolist()
    powers = [cosine * cosine + sine * sine for cosine, sine in zip(parts[:8], parts[8:])]
    return 4 / (len(block) * float(np.dot(block, block))) * min(max(powers[:4]), max(powers[4:]))


@lru_cache(8)
def _window(size: int) -> np.ndarray:
    return np.hanning(size).astype(np.float32)


@lru_cache(8)
def _tones(size: int, sample_rate: int) -> np.ndarray:
    angles = 2 * np.pi / sample_rate * np.outer((*ROWS_HZ, *COLUMNS_HZ), np.arange(size))
    return np.concatenate([np.cos(angles), np.sin(angles)]).astype(np.float32)


FRAME_SCORES: dict[str, Callable[[np.ndarray, int], float | None]] = {
    "level": level,
    "clipping": clipping,
    "near_ultrasonic": near_ultrasonic,
    "out_of_band": out_of_band,
    "dtmf": dtmf,
}
