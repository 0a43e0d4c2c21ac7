"""Another sample rate: soxr at its high quality, the length always rounded from the duration."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_START = 32
"""Samples at the lower rate, from the start of a clip, that the resampler treats unlike the others; far fewer matter."""


def resampled(samples: np.ndarray, sample_rate: float, *, to: float) -> np.ndarray:
    """Samples at the rate `to` in Hz.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate, to : float
        In Hz.

    Returns
    -------
    float32 array, shape (round(n_samples * to / sample_rate),), at least one sample
        Aligned with the input in time. Peaks may pass full scale a little.
    """
    import soxr

    if to == sample_rate:
        return samples.copy()
    return fitted(soxr.resample(samples, sample_rate, to, quality="HQ"), max(1, round(len(samples) * to / sample_rate)))


def transposed(gradient: np.ndarray, sample_rate: float, *, to: float, n_samples: int) -> np.ndarray:
    """The adjoint of `resampled`: a gradient to its output, taken back to its input.

    It is the resampler run the other way. Between rates whose ratio is a power of two that is the adjoint to the last bits.
    Otherwise the resampler treats the first few samples of a clip unlike the others, by up to a tenth of their gradient, and
    that is not undone by running it the other way: there, and all over a clip of some hundred samples, the adjoint is taken
    from the responses to single samples. Elsewhere a sample's gradient is right to about 4e-4 of its size.

    Parameters
    ----------
    gradient : float32 array, shape (n_resampled,)
    sample_rate, to : float
        As `resampled` was given them.
    n_samples : int
        Length of its input.

    Returns
    -------
    float32 array, shape (n_samples,)
    """
    import soxr

    if to == sample_rate:
        return gradient.copy()
    tail = 64 + round(64 * max(1.0, to / sample_rate))  # what the filter reaches beyond the end
    back = soxr.resample(fitted(gradient, len(gradient) + tail), to, sample_rate, quality="HQ")
    back = fitted(back, n_samples) * np.float32(to / sample_rate)
    if np.log2(to / sample_rate) % 1:
        n_start = round(_START * max(1.0, sample_rate / to))
        length = min(n_samples, 4 * n_start)
        responses = _responses(sample_rate, to, length, length if length == n_samples else n_start)
        back[: len(responses)] = responses @ fitted(gradient, responses.shape[1])
    return back


@lru_cache(maxsize=16)
def _responses(sample_rate: float, to: float, n_samples: int, n_first: int) -> np.ndarray:
    """What `resampled` makes of each of the first samples of a clip alone, shape (n_first, n_resampled)."""
    units = np.eye(n_first, n_samples, dtype=np.float32)
    return np.stack([resampled(unit, sample_rate, to=to) for unit in units])


def fitted(samples: np.ndarray, n_samples: int) -> np.ndarray:
    """Samples cut, or followed by silence, to `n_samples`."""
    if len(samples) >= n_samples:
        return samples[:n_samples]
    longer = np.zeros(n_samples, dtype=samples.dtype)
    longer[: len(samples)] = samples
    return longer
