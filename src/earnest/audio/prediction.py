"""Linear prediction: a sample as a weighted sum of those before it, frame by frame.

A frame is taken apart into a filter (of speech: the vocal tract) and what drives it (the residual); the filter driven by
the residual gives the frame again, exactly. All frames are worked on at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE = 1e-6
"""White noise 60 dB under a frame, which keeps the recursion stable."""


def predictors(frames: Floats, order: int) -> Floats:
    """1, -a1, ..., -ap of linear prediction (autocorrelation method, Levinson and Durbin's recursion).

    Parameters
    ----------
    frames : float64 array, shape (n_frames, n_samples)
    order : int
        p, at least 1.

    Returns
    -------
    float64 array, shape (n_frames, order + 1)
        All roots lie inside the unit circle. Of a silent frame 1, 0, ..., 0.
    """
    from scipy import fft

    length = frames.shape[1]
    spectrum = fft.rfft(frames, 2 * max(length, order + 1), axis=1)
    correlation = fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, : order + 1]
    correlation[:, 0] *= 1 + RIDGE
    silent = correlation[:, 0] <= 0
    correlation[silent, 0] = 1.0
    taps = np.zeros((len(frames), order + 1))
    taps[:, 0], error = 1.0, correlation[:, 0].copy()
    for step in range(1, order + 1):
        reflection = -np.einsum("ij,ij->i", taps[:, :step], correlation[:, step:0:-1]) / error
        taps[:, 1 : step + 1] += reflection[:, None] * taps[:, step - 1 :: -1][:, :step]
        error *= 1 - reflection**2
    return taps


def residual(frames: Floats, taps: Floats) -> Floats:
    """What is left of each frame after prediction from what comes before in it, of the same shape."""
    left = frames.copy()
    for lag in range(1, min(taps.shape[1], frames.shape[1])):
        left[:, lag:] += taps[:, lag, None] * frames[:, :-lag]
    return left


def driven(excitation: Floats, taps: Floats) -> Floats:
    """The filter of each frame driven by an excitation, from rest: the inverse of `residual`."""
    order = taps.shape[1] - 1
    made = np.zeros((excitation.shape[1] + order, len(excitation)))  # one row a sample, the newest last
    backward = np.ascontiguousarray(taps[:, :0:-1].T)
    rows = np.ascontiguousarray(excitation.T)
    for place, row in enumerate(rows):
        past = made[place : place + order]
        made[place + order] = row - np.einsum("ij,ij->j", backward, past)
    return np.ascontiguousarray(made[order:].T)
