"""Sounds made by rule: rain, a hum, clicks, a horn, a baby's cry, a laugh, a held chord. Nobody recorded them.

Each is a function `name(n_samples, sample_rate, *, rng) -> samples`, float32 with a peak of 1 at most and never
silent. They are for overlays whose presence matters and whose realism does not: a listener takes most of them for
what they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from earnest.audio.noises import noise_stretch

Samples = NDArray[np.float32]
Sound = Callable[..., Samples]

CHORD_HZ = (130.81, 164.81, 196.0, 261.63, 329.63)
"""C major."""


def rain(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """A steady hiss with some thirty drops a second."""
    hiss = 0.3 * noise_stretch(n_samples, sample_rate, colour="blue", offset=int(rng.integers(1 << 19)))
    drops = np.zeros(n_samples)
    n_drops = max(1, round(30 * n_samples / sample_rate))
    drops[rng.integers(n_samples, size=n_drops)] = rng.exponential(3.0, size=n_drops)
    shape = np.exp(-np.arange(max(1, round(0.006 * sample_rate))) / (0.0015 * sample_rate)) * rng.standard_normal(
        max(1, round(0.006 * sample_rate))
    )
    return _within(hiss + np.convolve(drops, shape)[:n_samples])


def hum(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """50 Hz of the mains with their odd overtones."""
    time_s, phase = np.arange(n_samples) / sample_rate, rng.uniform(0, 2 * np.pi)
    tones = [np.sin(2 * np.pi * 50 * k * time_s + k * phase) / k for k in (1, 3, 5, 7) if 50 * k < sample_rate / 2]
    return _within(np.sum(tones, axis=0) + 1e-4)


def clicks(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """Keys of a typewriter, some eight a second, each a thud of 5 ms with a ring."""
    made = np.zeros(n_samples)
    length = max(1, round(0.03 * sample_rate))
    time_s = np.arange(length) / sample_rate
    for begin in rng.integers(n_samples, size=max(1, round(8 * n_samples / sample_rate))):
        strike = np.exp(-time_s / 0.004) * rng.standard_normal(length) + 0.3 * np.exp(-time_s / 0.01) * np.sin(
            2 * np.pi * 2200 * time_s
        )
        made[begin : begin + length] += strike[: n_samples - begin]
    return _within(made)


def horn(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """A car's two tones, 0.6 s on and 0.4 s off."""
    time_s = np.arange(n_samples) / sample_rate
    tones = sum(np.sign(np.sin(2 * np.pi * hz * time_s)) + np.sin(2 * np.pi * 2 * hz * time_s) for hz in (420.0, 510.0))
    on = (time_s + rng.uniform(0, 0.5)) % 1.0 < 0.6
    on[0] = True
    return _within(tones * on + 1e-4)


def cry(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """A baby's cry: a voice of some 450 Hz that rises and falls, a breath a second."""
    time_s = np.arange(n_samples) / sample_rate
    breath = np.clip(np.sin(np.pi * ((time_s + rng.uniform(0, 0.3)) % 1.0) / 0.8), 0, None)
    pitch = 450 + 80 * breath + 10 * np.sin(2 * np.pi * 7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    return _within((breath + 1e-3) * sum(np.sin(k * phase) / k for k in range(1, 8) if 540 * k < sample_rate / 2))


def laugh(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """Ha, five times a second: bursts of a voice of some 280 Hz that falls, each begun with breath."""
    time_s = np.arange(n_samples) / sample_rate
    within = ((time_s + rng.uniform(0, 0.2)) * 5) % 1.0
    voiced, breath = np.exp(-((within - 0.35) ** 2) / 0.02), np.exp(-(within**2) / 0.01)
    phase = 2 * np.pi * np.cumsum(300 - 60 * within) / sample_rate
    tone = sum(np.sin(k * phase) / k**0.7 for k in range(1, 10) if 300 * k < sample_rate / 2)
    return _within(voiced * tone + 0.3 * breath * rng.standard_normal(n_samples))


def chord(n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
    """A held chord with soft overtones, for music."""
    time_s = np.arange(n_samples) / sample_rate + rng.uniform(0, 1)
    tones = [(k * root, 1 / k**2) for root in CHORD_HZ for k in range(1, 6) if k * root < sample_rate / 2]
    return _within(sum(loudness * np.sin(2 * np.pi * tone * time_s) for tone, loudness in tones) + 1e-4)


SOUNDS: Mapping[str, Sound] = MappingProxyType(
    {sound.__name__: sound for sound in (rain, hum, clicks, horn, cry, laugh, chord)}
)
"""Every sound by name."""


def _within(samples: NDArray[np.float64]) -> Samples:
    return (samples / np.abs(samples).max()).astype(np.float32)
