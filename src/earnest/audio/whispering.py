"""A voice made a whisper: the vocal tract as it was, the voice's own tone replaced by noise.

Each frame is taken apart by linear prediction into a filter (the vocal tract) and what drives it (the excitation, which
carries the pitch). The excitation is replaced by white noise of the same energy, and the filter drives it again. What a
whisper lacks beside its tone, the weight of low frequencies, is taken away by a first difference. No person whispers
exactly like this: formants of real whispers lie a little higher.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earnest.audio.prediction import predictors

FRAME_S = 0.025
ORDER_PER_KHZ = 1.0
"""Poles for each kHz of the sample rate, and four for what the glottis and the lips add."""

Floats = NDArray[np.float32]


def whispered(samples: Floats, sample_rate: int, *, rng: np.random.Generator, tilt: float = 0.6) -> Floats:
    """The samples whispered, at their own level.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate : int
        In Hz.
    rng : numpy.random.Generator
        For the breath.
    tilt : float
        How much of the sample before is taken away, in [0, 1): 0 keeps the spectrum's slope.

    Returns
    -------
    float32 array, shape (n_samples,)
        Silence stays silent.
    """
    frame = 2 * (round(FRAME_S * sample_rate) // 2)
    hop, order = frame // 2, round(ORDER_PER_KHZ * sample_rate / 1000) + 4
    padded = np.pad(samples.astype(np.float64), (hop, frame))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    made = np.zeros(len(padded) + frame)
    for begin in range(0, len(padded) - frame + 1, hop):
        made[begin : begin + frame] += window * _breathed(padded[begin : begin + frame] * window, order, rng)
    breath = made[hop : hop + len(samples)]
    breath[1:] -= tilt * breath[:-1]
    before, after = float(np.dot(samples, samples)), float(np.dot(breath, breath))
    return (breath * np.sqrt(before / after) if after > 0 else breath).astype(np.float32)


def _breathed(frame: NDArray[np.float64], order: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The frame's vocal tract driven by noise, at the frame's energy."""
    energy = float(np.dot(frame, frame))
    noise = rng.standard_normal(len(frame))  # drawn for silence too: what a frame gets does not depend on others
    if energy <= 1e-10:
        return np.zeros(len(frame))
    response = np.fft.rfft(noise) / np.abs(np.fft.rfft(predictors(frame[None], order)[0], len(frame)))
    made = np.fft.irfft(response, len(frame))
    return made * np.sqrt(energy / float(np.dot(made, made)))
