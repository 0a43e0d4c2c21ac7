"""Another tempo at the same pitch, by overlap and add of similar stretches [verhelst1993-wsola]."""

from __future__ import annotations

import numpy as np

FRAME_S = 0.020
"""What is compared, and faded across, at a splice."""

TOLERANCE_S = 0.0125
"""How far the output may run ahead of or behind its nominal place in the input: a period of 80 Hz."""


def stretched(samples: np.ndarray, sample_rate: int, *, factor: float) -> np.ndarray:
    """The samples spoken `factor` times as fast, their pitch kept.

    Waveform-similarity overlap-add: the output follows the input as it is while that stays within the tolerance of the
    nominal place, since no stretch is more similar to the natural continuation than the continuation itself. Where it
    would leave the tolerance, the most similar stretch within it is spliced in. That spares the paper's search in every
    frame and its fading of equal frames, and gives the same choice.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate : int
        In Hz.
    factor : float
        Above 0; 1.25 gives four fifths of the length.

    Returns
    -------
    float32 array, shape (round(n_samples / factor),), at least one sample
    """
    n_output = max(1, round(len(samples) / factor))
    frame = max(8, round(FRAME_S * sample_rate))
    tolerance = max(4, round(TOLERANCE_S * sample_rate))
    if factor == 1.0 or len(samples) <= frame:
        return _nearest(samples, n_output)
    source = np.zeros(len(samples) + 2 * frame + 2 * tolerance, dtype=np.float32)
    source[tolerance : tolerance + len(samples)] = samples
    energy = np.zeros(len(source) + 1)
    np.cumsum(np.square(source), out=energy[1:])
    output = np.empty(n_output + frame, dtype=np.float32)
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(frame) + 0.5) / frame)).astype(np.float32)
    place, done = tolerance, 0  # source[place] is the sample that follows output[done - 1]
    while True:
        # one frame is faded in, then the input is followed until it leaves the tolerance
        run = _run(place, done, frame=frame, tolerance=tolerance, factor=factor)
        stop = min(done + run, n_output)
        output[done:stop] = source[place : place + stop - done]
        place, done = place + stop - done, stop
        if done >= n_output:
            return output[:n_output].copy()
        nominal = tolerance + round((done + frame) * factor) - frame
        nominal = min(max(nominal, tolerance), len(source) - frame - tolerance - 1)
        first = nominal - tolerance
        best = _most_similar(source, energy, place=place, first=first, n_places=2 * tolerance + 1, frame=frame)
        before, after = source[place : place + frame], source[best : best + frame]
        np.multiply(after - before, rise, out=output[done : done + frame])
        output[done : done + frame] += before
        place, done = best + frame, done + frame


def _run(place: int, done: int, *, frame: int, tolerance: int, factor: float) -> int:
    """How many samples can follow the input before it lies outside the tolerance."""
    ahead = place - tolerance - done * factor
    room = tolerance - ahead if factor < 1.0 else tolerance + ahead
    return max(0, int(room / abs(1.0 - factor)))


def _most_similar(source: np.ndarray, energy: np.ndarray, *, place: int, first: int, n_places: int, frame: int) -> int:
    """Where, from `first` on, the frame lies that is most similar to that at `place` (normalised correlation)."""
    region = source[first : first + n_places + frame - 1]
    similarity = np.correlate(region, source[place : place + frame], mode="valid")
    norm = energy[first + frame : first + frame + n_places] - energy[first : first + n_places]
    return first + int(np.argmax(similarity / np.sqrt(np.maximum(norm, 1e-9))))


def _nearest(samples: np.ndarray, n_output: int) -> np.ndarray:
    """A clip too short to be compared with itself: each sample as often as it takes."""
    return samples[np.arange(n_output) * len(samples) // n_output]
