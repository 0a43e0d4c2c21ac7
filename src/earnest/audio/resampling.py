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


def fitted(samples: np.ndarray, n_samples: int) -> np.ndarray:
    """Samples cut, or followed by silence, to `n_samples`."""
    if len(samples) >= n_samples:
        return samples[:n_samples]
    longer = np.zeros(n_samples, dtype=samples.dtype)
    longer[: len(samples)] = samples
    return longer
