"""Linear-frequency cepstral coefficients: what countermeasures against spoofed speech have long been given.

As in the baselines of ASVspoof: frames of 20 ms every 10 ms, a transform of 512 points, 20 triangular filters of equal
width up to half the sample rate, the natural logarithm, a cosine transform, and slopes of the coefficients over time and
slopes of these. Departures: the window is Hann's, and the filters' peaks lie between the transform's points.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from earnest.audio.spectra import FLOOR, frames, hann

Floats = NDArray[np.float64]

FRAME_MS, HOP_MS, N_FFT = 20.0, 10.0, 512
N_FILTERS = N_COEFFICIENTS = 20


@lru_cache(maxsize=4)
def linear_filters(*, n_fft: int = N_FFT, n_filters: int = N_FILTERS) -> Floats:
    """Triangular filters of equal width from 0 to half the sample rate, shape (n_fft // 2 + 1, n_filters), read-only."""
    edges = np.linspace(0.0, n_fft / 2, n_filters + 2)
    bins = np.arange(n_fft // 2 + 1, dtype=np.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters.flags.writeable = False
    return filters


def slopes(values: Floats, *, reach: int = 2) -> Floats:
    """The slope of each column over `reach` frames to both sides, by least squares; edges are repeated."""
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    steps = np.arange(-reach, reach + 1)
    n = len(values)
    return sum(step * padded[reach + step : reach + step + n] for step in steps) / float(np.sum(steps**2))


def frame_power(samples: NDArray[np.float32], sample_rate: int) -> Floats:
    """Mean of squares of each frame, float64, shape (n_frames,)."""
    return np.mean(np.square(_cut(samples, sample_rate)), axis=1)


def _cut(samples: NDArray[np.float32], sample_rate: int) -> Floats:
    length, hop = round(FRAME_MS * sample_rate / 1000), round(HOP_MS * sample_rate / 1000)
    return frames(np.asarray(samples, dtype=np.float64), frame_length=length, hop_length=hop)


def with_slopes(static: Floats) -> Floats:
    """Coefficients, their slopes, and the slopes of these, beside each other."""
    first = slopes(static)
    return np.concatenate([static, first, slopes(first)], axis=1)


def linear_cepstra(samples: NDArray[np.float32], sample_rate: int) -> Floats:
    """20 coefficients of each frame, float64, shape (n_frames, 20)."""
    from scipy import fft

    cut = _cut(samples, sample_rate)
    length = cut.shape[1]
    spectrum = np.abs(fft.rfft(cut * hann(length), n=max(N_FFT, length), axis=1)) ** 2
    bands = np.log(spectrum @ linear_filters(n_fft=max(N_FFT, length)) + FLOOR)
    return np.asarray(fft.dct(bands, type=2, norm="ortho", axis=1)[:, :N_COEFFICIENTS])
