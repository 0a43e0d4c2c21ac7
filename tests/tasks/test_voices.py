"""Voices that are made from a recording do what they state."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.tasks.safety._voices import AGITATED, SUBDUED, manner

RATE = 16_000
NOBODY = np.random.default_rng(0)  # a way of speaking draws nothing


def agitated(clip: AudioClip) -> AudioClip:
    return manner(**AGITATED)(clip, (), NOBODY)


def subdued(clip: AudioClip) -> AudioClip:
    return manner(**SUBDUED)(clip, (), NOBODY)


def tone(amplitude: float, seconds: float = 1.0, hertz: float = 220.0) -> AudioClip:
    t = np.arange(round(seconds * RATE)) / RATE
    return AudioClip((amplitude * np.sin(2 * np.pi * hertz * t)).astype(np.float32), RATE)


def pitch_hz(clip: AudioClip) -> float:
    spectrum = np.abs(np.fft.rfft(clip.samples * np.hanning(clip.n_samples)))
    return float(np.argmax(spectrum) * RATE / clip.n_samples)


@pytest.mark.parametrize(
    ("cue", "length_s", "hertz", "gain_db"),
    [(agitated, 1 / 1.2, 220 * 2 ** (200 / 1200), 6.0), (subdued, 1 / 0.85, 220 * 2 ** (-150 / 1200), -9.0)],
)
def test_tempo_pitch_and_level_are_those_stated(cue, length_s: float, hertz: float, gain_db: float) -> None:
    plain = tone(0.1)
    made = cue(plain)
    assert made.duration_s == pytest.approx(length_s, abs=0.01)
    assert pitch_hz(made) == pytest.approx(hertz, abs=4)
    assert made.level_dbfs - plain.level_dbfs == pytest.approx(gain_db, abs=0.5)
    assert made.digest == cue(plain).digest


def test_a_loud_clip_is_raised_only_to_full_scale() -> None:
    plain = tone(0.8)
    assert agitated(plain).level_dbfs - plain.level_dbfs == pytest.approx(1.94, abs=0.3)  # 20 log10(1 / 0.8)
