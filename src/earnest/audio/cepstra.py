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


BINS_PER_OCTAVE, N_OCTAVES, FIRST_OCTAVE_POINTS = 96, 9, 16
N_CONSTANT_Q = 30
"""Coefficients kept of the constant-Q cepstrum, the zeroth among them."""


def constant_q_power(samples: NDArray[np.float32], sample_rate: int) -> Floats:
    """Power of a constant-Q transform with 96 bins an octave over nine octaves up to half the sample rate, (n_frames, 864).

    Each bin is the spectrum of the whole clip under a Hann window about the bin's frequency, transformed back, all at the
    rate that the widest needs (about 8 ms a frame at 16 kHz). Windows are as wide as the distance of the bins on both
    sides, and 228.7 times the quotient's share wider, as in [todisco2017-cqcc].
    """
    frequency = constant_q_hz(sample_rate)
    quotient = 2 ** (1 / BINS_PER_OCTAVE) - 2 ** (-1 / BINS_PER_OCTAVE)
    per_hz = len(samples) / sample_rate
    widths = np.maximum(np.round(quotient * (frequency + 228.7) * per_hz).astype(np.int64), 4)
    centres = np.round(frequency * per_hz).astype(np.int64)
    spectrum = np.fft.rfft(np.asarray(samples, dtype=np.float64))
    n_frames = int(widths.max())
    rows = np.zeros((len(frequency), n_frames), dtype=np.complex128)
    for row, centre, width in zip(rows, centres, widths, strict=True):
        places = centre - width // 2 + np.arange(width)
        inside = (places >= 0) & (places < len(spectrum))
        row[:width][inside] = spectrum[places[inside]] * hann(int(width))[inside] / np.sqrt(width)
    return np.square(np.abs(np.fft.ifft(rows, axis=1))).T * n_frames / len(samples)


def constant_q_hz(sample_rate: int) -> Floats:
    """Frequencies of the bins of `constant_q_power`, in Hz, shape (864,)."""
    n_bins = BINS_PER_OCTAVE * N_OCTAVES
    return sample_rate / 2 * 2 ** ((np.arange(n_bins) - n_bins + 1) / BINS_PER_OCTAVE)


@lru_cache(maxsize=2)
def _constant_q_cosines(sample_rate: int) -> Floats:
    """From log power in bins to cepstra: a cubic spline to equal steps in frequency, then a cosine transform; one matrix."""
    from scipy import fft
    from scipy.interpolate import CubicSpline

    frequency = constant_q_hz(sample_rate)
    even = np.arange(frequency[0], frequency[-1], frequency[0] / FIRST_OCTAVE_POINTS)
    cosines = fft.idct(np.eye(len(even), N_CONSTANT_Q), type=2, norm="ortho", axis=0)  # columns of the transform
    table = CubicSpline(frequency, np.eye(len(frequency)))(even).T @ cosines
    table.flags.writeable = False
    return table


def constant_q_cepstra(power: Floats, sample_rate: int) -> Floats:
    """30 constant-Q cepstral coefficients of each frame of `constant_q_power`, shape (n_frames, 30) [todisco2017-cqcc]."""
    return np.log(power + FLOOR) @ _constant_q_cosines(sample_rate)
