"""Eight classes of sounds from our own signal processing, with random parameters: rain, wind, bell, siren, clock, knock, engine, beep.

They stand for the idea of a sound class; recordings of the real thing differ.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

SAMPLE_RATE = 16000


def _noise(rng: np.random.Generator, n: int, low_hz: float, high_hz: float) -> np.ndarray:
    sos = butter(2, [low_hz, min(high_hz, 7900.0)], "bandpass", fs=SAMPLE_RATE, output="sos")
    return sosfilt(sos, rng.standard_normal(n))


def _events(rng: np.random.Generator, n: int, period_s: float, jitter: float, shape: np.ndarray) -> np.ndarray:
    out = np.zeros(n)
    at = rng.uniform(0, period_s)
    while at * SAMPLE_RATE < n:
        start = int(at * SAMPLE_RATE)
        part = shape[: n - start]
        out[start : start + part.size] += part * rng.uniform(0.7, 1.0)
        at += period_s * (1 + rng.uniform(-jitter, jitter))
    return out


def _decay(rng: np.random.Generator, duration_s: float, tau_s: float) -> np.ndarray:
    return np.exp(-np.arange(int(duration_s * SAMPLE_RATE)) / (tau_s * SAMPLE_RATE))


def sound(label: str, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """One sound, float32, shape (n_samples,), 16 kHz, peak 0.1 to 0.7."""
    n = int(duration_s * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    if label == "rain":
        x = _noise(rng, n, rng.uniform(600, 1500), rng.uniform(5000, 7800))
        drops = (rng.random(n) < rng.uniform(0.0005, 0.003)) * rng.exponential(6.0, n)
        x = x + lfilter([1], [1, -0.9], drops) * rng.choice([-1, 1], n)
    elif label == "wind":
        x = _noise(rng, n, rng.uniform(60, 120), rng.uniform(350, 900))
        slow = np.interp(
            t,
            np.linspace(0, duration_s + 0.1, max(3, int(duration_s * 2) + 2)),
            rng.uniform(0.2, 1.0, max(3, int(duration_s * 2) + 2)),
        )
        x = x * slow
    elif label == "bell":
        base = rng.uniform(400, 1300)
        shape = sum(
            a
            * np.sin(2 * np.pi * base * r * np.arange(int(1.5 * SAMPLE_RATE)) / SAMPLE_RATE)
            * _decay(rng, 1.5, tau * rng.uniform(0.6, 1.2))
            for r, a, tau in ((1, 1, 0.5), (2.76, 0.6, 0.25), (5.4, 0.35, 0.12), (0.5, 0.3, 0.6))
        )
        x = _events(rng, n, rng.uniform(0.6, 1.4), 0.1, shape)
    elif label == "siren":
        low, high = rng.uniform(400, 700), rng.uniform(900, 1500)
        phase = (t * rng.uniform(0.4, 2.0) + rng.random()) % 1
        f = low + (high - low) * (np.abs(2 * phase - 1) if rng.random() < 0.6 else (phase > 0.5))
        x = np.tanh(rng.uniform(1, 3) * np.sin(2 * np.pi * np.cumsum(f) / SAMPLE_RATE))
    elif label == "clock":
        shape = _noise(rng, 600, 1500, 6000) * _decay(rng, 600 / SAMPLE_RATE, 0.004)[:600]
        x = _events(rng, n, rng.uniform(0.25, 0.6), 0.0, shape)
    elif label == "knock":
        shape = (
            _noise(rng, 2400, 80, rng.uniform(400, 900))
            + np.sin(2 * np.pi * rng.uniform(100, 250) * np.arange(2400) / SAMPLE_RATE)
        ) * _decay(rng, 0.15, 0.03)[:2400]
        x = _events(rng, n, rng.uniform(0.18, 0.4), 0.15, shape)
    elif label == "engine":
        f = rng.uniform(35, 95) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * t))
        phase = 2 * np.pi * np.cumsum(f) / SAMPLE_RATE
        x = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**0.7 for k in range(1, 12)) + 0.5 * _noise(rng, n, 100, 1500)
    elif label == "beep":
        on, period = rng.uniform(0.08, 0.25), rng.uniform(0.3, 0.7)
        x = np.sin(2 * np.pi * rng.uniform(800, 2500) * t) * (((t + rng.uniform(0, period)) % period) < on)
    else:
        raise ValueError(f"no sound is called {label!r}; see the module's first line")
    x = x + 10 ** rng.uniform(-4, -2.5) * rng.standard_normal(n) * (np.abs(x).max() + 1e-9)
    fade = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.02 * SAMPLE_RATE))
    return (x * fade / (np.abs(x).max() + 1e-9) * rng.uniform(0.1, 0.7)).astype(np.float32)
