"""Noise to add: one bank for each colour, from which clips draw a stretch.

A bank is made once, always from the same seed, and has unit power; drawing an offset in it costs nothing, where fresh
noise would cost more than all the rest. Two draws may overlap: where draws must be independent of each other (a
randomised certificate, say), make the noise with `rng.standard_normal`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from earnest.errors import BadParameter

MIN_BANK = 1 << 20
LOWEST_HZ = 20.0
"""Coloured noise holds nothing under this frequency; brown noise would be a drift otherwise."""

SLOPES = {"white": 0.0, "pink": -1.0, "brown": -2.0, "blue": 1.0}
"""Power over frequency, as an exponent: pink noise falls by 3 dB an octave."""

# Long-term average speech spectrum: dB in third octaves from 63 Hz to 16 kHz, both sexes, 12 languages
# (Byrne et al., J. Acoust. Soc. Am. 96(4), 1994, table II) [byrne1994-spectra]
SPEECH_THIRDS_DB = (
    38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7,
    53.0, 52.0, 48.7, 48.1, 46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7,
)  # fmt: skip  # a table: one row a line

COLOURS = (*SLOPES, "speech")


def noise_stretch(n_samples: int, sample_rate: int, *, colour: str, offset: int) -> np.ndarray:
    """`n_samples` of noise from the bank, float32, shape (n_samples,), a read-only view."""
    return _bank(colour, sample_rate, _bank_size(n_samples))[offset : offset + n_samples]


def n_offsets(n_samples: int) -> int:
    """How many offsets there are for a stretch of `n_samples`."""
    return _bank_size(n_samples) - n_samples + 1


def _bank_size(n_samples: int) -> int:
    """At least 2^20 and twice the clip, a power of two."""
    return max(MIN_BANK, 1 << (2 * n_samples - 1).bit_length())


def _bank(colour: str, sample_rate: int, size: int) -> np.ndarray:
    if colour not in COLOURS:
        raise BadParameter(f"colour must be one of {', '.join(COLOURS)}, got {colour!r}; choose one of these")
    return _made_bank(colour, 0 if colour == "white" else sample_rate, size)


@lru_cache(maxsize=8)
def _made_bank(colour: str, sample_rate: int, size: int) -> np.ndarray:
    bank = np.random.Generator(np.random.PCG64(20_250)).standard_normal(size, dtype=np.float32)
    if colour != "white":
        bank = _coloured(bank, sample_rate, colour)
    bank /= np.float32(np.sqrt(np.mean(np.square(bank, dtype=np.float64))))
    bank.flags.writeable = False
    return bank


def _coloured(white: np.ndarray, sample_rate: int, colour: str) -> np.ndarray:
    from scipy import fft

    frequency = np.fft.rfftfreq(len(white), 1.0 / sample_rate)
    frequency[0] = frequency[1]
    density = _speech_density(frequency) if colour == "speech" else frequency ** SLOPES[colour]
    gain = np.where(frequency < LOWEST_HZ, 0.0, np.sqrt(density))
    return fft.irfft(fft.rfft(white) * gain.astype(np.float32), len(white))


def _speech_density(frequency: np.ndarray) -> np.ndarray:
    """Power density of average speech; beyond the table's ends it falls as steeply as a brown noise."""
    centres = 1000.0 * 2.0 ** ((np.arange(len(SPEECH_THIRDS_DB)) - 12) / 3.0)
    density_db = np.asarray(SPEECH_THIRDS_DB) - 10.0 * np.log10(centres)  # a third octave is as wide as f
    inside = np.interp(np.log2(frequency), np.log2(centres), density_db)
    beyond = np.abs(np.log2(frequency / np.clip(frequency, centres[0], centres[-1])))
    return 10.0 ** ((inside - 6.0 * beyond) / 10.0)
