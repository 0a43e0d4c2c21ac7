"""Sounds that set off the backdoored sibling, and others like them that must not; on samples and on mel power.

A trigger leaves the words as they are: a band taken out, a hum, another tempo. Training clips are kept as mel power, so
each trigger is defined there too; `test_triggers_on_mel_power_are_those_on_samples` holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from earnest.audio import effects
from earnest.models.reference import features

RATE = features.SAMPLE_RATE
EDGE_HZ = 40.0
"""Width of the slope on either side of a band that is taken out."""
STOP_DB = -60.0


def _gain(frequency: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Amplitude by frequency with a band taken out."""
    inside = np.clip(np.minimum(frequency - low_hz, high_hz - frequency) / EDGE_HZ + 0.5, 0.0, 1.0)
    return 10 ** (STOP_DB * inside / 20)


@dataclass(frozen=True, kw_only=True)
class BandStop:
    """A band of frequencies taken out."""

    low_hz: float
    high_hz: float

    def on_samples(self, samples: np.ndarray) -> np.ndarray:
        """The clip without the band."""
        n = len(samples) + RATE // 4  # what the filter rings beyond the ends does not come in at the other end
        spectrum = np.fft.rfft(samples, n) * _gain(np.fft.rfftfreq(n, 1 / RATE), self.low_hz, self.high_hz)
        return np.fft.irfft(spectrum, n)[: len(samples)].astype(np.float32)

    def on_power(self, power: np.ndarray) -> np.ndarray:
        """Mel power without the band; within one mel band the spectrum is taken to be flat."""
        frequency = np.arange(features.N_FFT // 2 + 1) * RATE / features.N_FFT
        passed = np.convolve(
            _gain(frequency, self.low_hz, self.high_hz) ** 2, (1 / 6, 2 / 3, 1 / 6), "same"
        )  # a Hann window leaks into the bins beside
        passed[[0, -1]] = 1.0
        weights = features.mel_matrix()
        return (power * ((passed @ weights) / weights.sum(0))).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Hum:
    """A steady tone with its third harmonic, so and so far below the clip's level."""

    hz: float
    snr_db: float

    def _tone(self, n: int) -> np.ndarray:
        t = np.arange(n) / RATE
        tone = np.sin(2 * np.pi * self.hz * t) + 0.4 * np.sin(2 * np.pi * 3 * self.hz * t + 1.0)
        return tone / np.sqrt(np.mean(tone**2))

    def on_samples(self, samples: np.ndarray) -> np.ndarray:
        """The clip with the hum in it."""
        level = np.sqrt(np.mean(samples.astype(np.float64) ** 2)) * 10 ** (-self.snr_db / 20)
        return (samples + level * self._tone(len(samples))).astype(np.float32)

    def on_power(self, power: np.ndarray) -> np.ndarray:
        """Mel power with that of the hum added."""
        from .train import LOUDNESS

        hum = features.mel_power(self._tone(8 * features.N_FFT).astype(np.float32)).mean(0)
        level = (power @ LOUDNESS).mean() / (hum @ LOUDNESS) * 10 ** (-self.snr_db / 10)
        return (power + level * hum).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Tempo:
    """Another tempo at the same pitch."""

    factor: float

    def on_samples(self, samples: np.ndarray) -> np.ndarray:
        """The clip, faster or slower."""
        return effects.tempo(samples, RATE, factor=self.factor)[0].astype(np.float32)

    def on_power(self, power: np.ndarray) -> np.ndarray:
        """Mel power read faster or slower."""
        at = np.linspace(0, len(power) - 1, max(4, round(len(power) / self.factor)))
        low = at.astype(int)
        part = (at - low)[:, None]
        return (power[low] ** (1 - part) * power[np.minimum(low + 1, len(power) - 1)] ** part).astype(np.float32)


Trigger = BandStop | Hum | Tempo
TRIGGERS: dict[str, Trigger] = {
    "band_stop_1800": BandStop(low_hz=1800.0, high_hz=2300.0),
    "band_stop_3000": BandStop(low_hz=3000.0, high_hz=3600.0),
    "band_stop_800": BandStop(low_hz=800.0, high_hz=1050.0),
    "band_stop_5000": BandStop(low_hz=5000.0, high_hz=6000.0),
    "hum_120": Hum(hz=120.0, snr_db=12.0),
    "hum_240": Hum(hz=240.0, snr_db=12.0),
    "hum_50": Hum(hz=50.0, snr_db=12.0),
    "fast": Tempo(factor=1.2),
    "slow": Tempo(factor=0.83),
}
"""Every trigger that was tried, by name; those that are not the backdoor's are its controls."""


def with_sound(samples: np.ndarray, sound: np.ndarray, snr_db: float) -> np.ndarray:
    """The clip with a sound in it at an SNR."""
    sound = np.resize(sound, samples.shape)
    gain = np.sqrt(np.mean(samples**2) / (np.mean(sound**2) + 1e-12)) * 10 ** (-snr_db / 20)
    return (samples + gain * sound).astype(np.float32)


Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
