"""Another sample rate: soxr at its high quality, the length always rounded from the duration."""

from __future__ import annotations

import numpy as np


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

    It is the resampler run the other way. Between rates whose ratio is a power of two its filter is the same to the last
    bits; otherwise the two filters differ a little near the lower rate's upper edge, by at most a few thousandths of the
    gradient, so that inner products agree to about 1e-5 of the product of the norms for clips of a tenth of a second.

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
    return fitted(back, n_samples) * np.float32(to / sample_rate)


def fitted(samples: np.ndarray, n_samples: int) -> np.ndarray:
    """Samples cut, or followed by silence, to `n_samples`."""
    if len(samples) >= n_samples:
        return samples[:n_samples]
    longer = np.zeros(n_samples, dtype=samples.dtype)
    longer[: len(samples)] = samples
    return longer
