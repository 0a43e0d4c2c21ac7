"""Spectra: frames, short-time power, mel bands, a few plain features, a picture for reports.

Frames are whole: a clip shorter than one frame is followed by silence, and the last samples that fill no frame are left
out. Frequencies are in Hz, band powers are means of squares, so that all bands of a clip sum to its power.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from earnest.audio.levels import active_speech_level_dbfs, decibels, power

FLOOR = 1e-10
"""Smallest power before a logarithm: -100 dB."""

BAND_EDGES_HZ = (0, 125, 250, 500, 1000, 2000, 4000, 8000)
"""Edges of the bands in `plain_features`."""

FEATURE_FLOOR_DB = -120.0


def frames(samples: np.ndarray, *, frame_length: int, hop_length: int) -> np.ndarray:
    """Overlapping frames, a read-only view of shape (n_frames, frame_length).

    n_frames is 1 + (n_samples - frame_length) // hop_length, at least one.
    """
    if len(samples) < frame_length:
        samples = np.pad(samples, (0, frame_length - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(samples, frame_length)[::hop_length]


@lru_cache(maxsize=16)
def hann(length: int) -> np.ndarray:
    """The periodic Hann window, float32, shape (length,), read-only."""
    window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)).astype(np.float32)
    window.flags.writeable = False
    return window


def stft_power(samples: np.ndarray, *, frame_length: int, hop_length: int) -> np.ndarray:
    """Squared magnitudes of Hann-windowed frames, float32, shape (n_frames, frame_length // 2 + 1)."""
    from scipy import fft

    spectrum = fft.rfft(frames(samples, frame_length=frame_length, hop_length=hop_length) * hann(frame_length), axis=1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


def hz_to_mel(frequency_hz: np.ndarray | float) -> np.ndarray:
    """Mel by the common formula 2595 log10(1 + f / 700)."""
    return 2595.0 * np.log10(1.0 + np.asarray(frequency_hz, dtype=np.float64) / 700.0)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """The inverse of `hz_to_mel`."""
    return 700.0 * (10.0 ** (np.asarray(mel, dtype=np.float64) / 2595.0) - 1.0)


@lru_cache(maxsize=16)
def mel_filters(
    *, sample_rate: int, n_fft: int, n_mels: int, low_hz: float = 0.0, high_hz: float | None = None
) -> np.ndarray:
    """Triangular filters with a peak of 1, float32, shape (n_fft // 2 + 1, n_mels), read-only."""
    top = sample_rate / 2 if high_hz is None else high_hz
    edges = mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(top), n_mels + 2))
    bins = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    filters.flags.writeable = False
    return filters


def log_mel(
    samples: np.ndarray, sample_rate: int, *, n_mels: int = 64, frame_ms: float = 25.0, hop_ms: float = 10.0
) -> np.ndarray:
    """Natural logarithm of the power in mel bands, float32, shape (n_frames, n_mels); silence gives log(1e-10)."""
    frame_length, hop_length = round(frame_ms * sample_rate / 1000), round(hop_ms * sample_rate / 1000)
    spectrum = stft_power(samples, frame_length=frame_length, hop_length=hop_length)
    filters = mel_filters(sample_rate=sample_rate, n_fft=frame_length, n_mels=n_mels)
    return np.log(np.maximum(spectrum @ filters, np.float32(FLOOR)))


def band_powers(samples: np.ndarray, sample_rate: int, *, edges_hz: tuple[float, ...] = BAND_EDGES_HZ) -> np.ndarray:
    """Power between each two edges, float64, shape (n_edges - 1,); 0 above half the sample rate."""
    from scipy import fft

    padded = fft.next_fast_len(len(samples), real=True)
    spectrum = np.square(np.abs(fft.rfft(samples.astype(np.float64), padded)))
    spectrum[1 : (padded + 1) // 2] *= 2.0  # each stands for two bins of the full spectrum
    running = np.concatenate([[0.0], np.cumsum(spectrum)]) / (padded * len(samples))
    at = np.searchsorted(np.fft.rfftfreq(padded, 1.0 / sample_rate), edges_hz)
    return np.diff(running[at])


def plain_features(samples: np.ndarray, sample_rate: int) -> dict[str, float]:
    """What a classifier could use that never listens: length, level, balance of bands, pauses at both ends.

    A detector or a judge that only needs these has found a shortcut in the data.

    Returns
    -------
    dict of str to float
        In one order always. Levels in dB with a floor of -120; `band_..._db` relative to the whole; `lead_s` and
        `tail_s` the silence (60 dB under the peak) before and after the sound, the whole length for silence.
    """
    total = power(samples)
    bands = band_powers(samples, sample_rate) / max(total, FLOOR)
    sounding = np.flatnonzero(np.abs(samples) > 1e-3 * max(float(np.abs(samples).max()), 1e-9))
    lead = sounding[0] if sounding.size else len(samples)
    tail = len(samples) - 1 - sounding[-1] if sounding.size else len(samples)
    features = {
        "duration_s": len(samples) / sample_rate,
        "level_dbfs": _floored(decibels(total)),
        "active_level_dbfs": _floored(active_speech_level_dbfs(samples, sample_rate)),
        "peak_dbfs": _floored(decibels(float(np.abs(samples).max()) ** 2)),
        "zero_crossing_rate": float(np.mean(np.signbit(samples[1:]) != np.signbit(samples[:-1])))
        if len(samples) > 1
        else 0.0,
        "mean": float(samples.mean(dtype=np.float64)),
        "lead_s": float(lead) / sample_rate,
        "tail_s": float(tail) / sample_rate,
    }
    for low, high, share in zip(BAND_EDGES_HZ, BAND_EDGES_HZ[1:], bands):
        features[f"band_{low}_{high}_db"] = _floored(decibels(float(share)))
    return features


def _floored(level: float) -> float:
    return max(level, FEATURE_FLOOR_DB)


def spectrogram(
    samples: np.ndarray,
    sample_rate: int,
    *,
    n_bins: int = 96,
    n_frames: int = 240,
    high_hz: float = 8000.0,
    range_db: float = 70.0,
) -> np.ndarray:
    """A picture of the clip: uint8, shape (n_bins, n_frames), lowest mel band in row 0, time from left to right.

    255 is the loudest spot and 0 lies `range_db` or more under it. Silence is 0 everywhere. A clip too short for
    `n_frames` frames gives fewer columns.
    """
    frame_length = round(0.032 * sample_rate)
    hop_length = max(round(0.004 * sample_rate), (len(samples) - frame_length) // max(n_frames - 1, 1))
    spectrum = stft_power(samples, frame_length=frame_length, hop_length=hop_length)[:n_frames]
    filters = mel_filters(
        sample_rate=sample_rate, n_fft=frame_length, n_mels=n_bins, high_hz=min(high_hz, sample_rate / 2)
    )
    # a filter narrower than one bin would leave a dark stripe, so each takes at least its nearest bin
    powers = spectrum @ np.where(
        filters.any(axis=0), filters, _nearest_bin(filters, sample_rate, frame_length, high_hz)
    )
    loudest = float(powers.max())
    if loudest <= 0.0:
        return np.zeros(powers.T.shape, dtype=np.uint8)
    below_db = 10.0 * np.log10(np.maximum(powers.T / loudest, 10.0 ** (-range_db / 10.0)))
    return np.rint(255.0 * (1.0 + below_db / range_db)).astype(np.uint8)


def _nearest_bin(filters: np.ndarray, sample_rate: int, n_fft: int, high_hz: float) -> np.ndarray:
    n_mels = filters.shape[1]
    centres = mel_to_hz(np.linspace(0.0, hz_to_mel(min(high_hz, sample_rate / 2)), n_mels + 2))[1:-1]
    nearest = np.zeros_like(filters)
    nearest[np.rint(centres * n_fft / sample_rate).astype(int), np.arange(n_mels)] = 1.0
    return nearest
