"""Log-mel features of the reference model, in numpy.

16 kHz mono in, 64 bands every 10 ms out (32 ms Hann windows, no padding at the edges). The logarithm is taken of the power relative to the clip's own mean power, so that the level of
a recording does not matter; ``FLOOR`` limits the range to 40 dB below that mean, and ``SILENCE`` (about -80 dBFS of noise) keeps near-silence from being blown up. `torch_route` computes the same with autograd.
"""

from __future__ import annotations

from functools import cache

import numpy as np

SAMPLE_RATE = 16000
N_FFT = 512
HOP = 160
N_MELS = 64
FLOOR = 1e-4
SILENCE = 1e-9
SHIFT, SCALE = 3.5, 3.0
MEMORY_FRAMES = 300.0


@cache
def mel_matrix() -> np.ndarray:
    """Triangular mel filters, float32, shape (n_fft // 2 + 1, n_mels), 50 to 7600 Hz, each summing to one."""

    def to_mel(hz: np.ndarray) -> np.ndarray:
        return 2595.0 * np.log10(1.0 + hz / 700.0)

    edges = np.linspace(*to_mel(np.array([50.0, 7600.0])), N_MELS + 2)
    bins = to_mel(np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    for band in np.flatnonzero(weights.sum(0) < 0.5):  # narrow low bands: at least their nearest bin
        weights[np.abs(bins - edges[band + 1]).argmin(), band] += 0.5
    # tilt of 6 dB an octave above 300 Hz, as pre-emphasis would give
    centre_hz = 700.0 * (10.0 ** (edges[1:-1] / 2595.0) - 1.0)
    tilt = np.minimum((np.maximum(centre_hz, 300.0) / 300.0), 10.0) ** 2
    return (weights / weights.sum(0) * tilt).astype(np.float32)


@cache
def window() -> np.ndarray:
    """Periodic Hann window, float32, shape (n_fft,), scaled so that the power of a full-scale sine is about one."""
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT)
    return (hann / hann.sum() * 2.0).astype(np.float32)


def mel_power(samples: np.ndarray) -> np.ndarray:
    """Mel power before the logarithm.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        Clips shorter than one window are filled up with zeros.

    Returns
    -------
    float32 array, shape (n_frames, n_mels)
    """
    if samples.shape[0] < N_FFT:
        samples = np.concatenate([samples, np.zeros(N_FFT - samples.shape[0], np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP] * window()
    spectrum = np.fft.rfft(frames, axis=1)
    return ((spectrum.real**2 + spectrum.imag**2).astype(np.float32)) @ mel_matrix()


def log_mel(samples: np.ndarray, *, running: bool = False) -> np.ndarray:
    """Normalised log-mel features, float32, shape (n_frames, n_mels), about zero mean and unit spread."""
    return normalised(mel_power(samples), running=running)


def normalised(power: np.ndarray, *, running: bool = False) -> np.ndarray:
    """Features of mel power of one clip, float32, shape (n_frames, n_mels).

    Relative to the mean power of the clip, or where it is `running`, as a stream needs it, of what came so far, in which
    a frame counts for `MEMORY_FRAMES`.
    """
    mean = power.mean(axis=1)
    level = running_mean(mean)[:, None] if running else mean.mean()
    relative = power / (level + np.float32(SILENCE))
    return ((np.log(relative + np.float32(FLOOR)) + np.float32(SHIFT)) / np.float32(SCALE)).astype(np.float32)


def running_mean(values: np.ndarray) -> np.ndarray:
    """At each place the mean of all values so far, each weighted by its age; float32, shape (n,)."""
    return (forgetting(len(values)) @ values.astype(np.float32)).astype(np.float32)


def forgetting(n: int) -> np.ndarray:
    """Weights of frames (columns) in the running mean at each frame (rows), float32, shape (n, n); rows sum to one."""
    age = np.arange(n)[:, None] - np.arange(n)
    weights = np.where(age >= 0, np.exp(-age / MEMORY_FRAMES), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
