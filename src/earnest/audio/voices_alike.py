"""One voice moved towards another: pitch, vocal tract and long-term spectrum, without a model.

This is no cloning as a neural system does it: who speaks is carried by more than these three. It is a floor, which
needs nothing but two recordings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earnest.audio import effects, spectra
from earnest.audio.clip import AudioClip
from earnest.audio.triggers import warped

Floats = NDArray[np.float64]

LOWEST_HZ, HIGHEST_HZ = 60.0, 400.0
MOST_DB = 12.0
"""By which a band of the spectrum is raised or lowered at most."""


OCTAVE_COST = 0.03
"""By how much likeness a pitch an octave lower must win: what repeats after one period also repeats after two."""


def median_pitch_hz(clip: AudioClip) -> float | None:
    """Median pitch over the voiced frames of 40 ms, by autocorrelation; None where nothing is voiced."""
    pitch = pitch_contour_hz(clip)
    return float(np.median(pitch[pitch > 0])) if (pitch > 0).any() else None


def pitch_contour_hz(clip: AudioClip) -> Floats:
    """Pitch of frames of 40 ms every 20 ms, by autocorrelation; 0 where a frame is not voiced, shape (n_frames,)."""
    rate = clip.sample_rate
    frame = round(0.04 * rate)
    cut = spectra.frames(clip.samples, frame_length=frame, hop_length=frame // 2).astype(np.float64)
    cut = cut - cut.mean(axis=1, keepdims=True)
    energy = (cut**2).sum(axis=1)
    heard = energy > 0.01 * energy.max()
    pitch = np.zeros(len(cut))
    if not heard.any():
        return pitch
    spectrum = np.fft.rfft(cut[heard], 2 * frame)
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, :frame]
    lags = np.arange(round(rate / HIGHEST_HZ), min(frame - 1, round(rate / LOWEST_HZ)))
    likeness = correlation[:, lags] / correlation[:, :1] * (frame / (frame - lags))
    best = (likeness - OCTAVE_COST * np.log2(lags / lags[0])).argmax(axis=1)
    voiced = likeness[np.arange(len(best)), best] > 0.5
    pitch[heard] = np.where(voiced, rate / lags[best], 0.0)
    return pitch


def towards(clip: AudioClip, other: AudioClip) -> tuple[AudioClip, dict[str, float]]:
    """The clip with the median pitch, a vocal tract and the long-term spectrum of another voice, and what was changed.

    The vocal tract is moved by the cube root of the ratio of pitches, which is how the two go together from one
    speaker to another; the spectrum is then matched in third octaves, by 12 dB at most.
    """
    rate = clip.sample_rate
    own, wanted = median_pitch_hz(clip), median_pitch_hz(other)
    ratio = 1.0 if own is None or wanted is None else min(max(wanted / own, 0.5), 2.0)
    tract = ratio ** (1 / 3)
    samples, _ = effects.pitch(clip.samples, rate, cents=1200 * float(np.log2(ratio)))
    if tract != ratio:
        samples = warped(samples, rate, ratio=tract / ratio) if abs(tract / ratio - 1) > 1e-6 else samples
    samples = _in_spectrum(samples, other.resampled(rate).samples, rate)
    return clip.with_samples(samples), {"pitch_ratio": round(ratio, 4), "tract_ratio": round(tract, 4)}


def _in_spectrum(samples: NDArray[np.float32], other: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    centres = np.array([hz for hz in 100 * 2 ** (np.arange(21) / 3) if hz < 0.45 * rate])
    size = len(samples)
    frequency = np.fft.rfftfreq(size, 1 / rate)
    gain_db = np.clip(_bands_db(other, rate, centres) - _bands_db(samples, rate, centres), -MOST_DB, MOST_DB)
    gain_db -= gain_db.mean()
    curve = np.interp(np.log2(np.maximum(frequency, 1.0)), np.log2(centres), gain_db)
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (curve / 20), size).astype(np.float32)


def _bands_db(samples: NDArray[np.float32], rate: int, centres: Floats) -> Floats:
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    edges = 2 ** (1 / 6)
    powers = [spectrum[(frequency >= hz / edges) & (frequency < hz * edges)].sum() for hz in centres]
    return 10 * np.log10(np.maximum(powers, 1e-12))
