"""Ways of speaking that are made from a recording do what they state."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.tasks._cues import agitated, hesitant, subdued

RATE = 16_000


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


def test_pauses_stand_where_the_clip_is_soft() -> None:
    samples = tone(0.3, 2.0).samples.copy()
    samples[16_000:16_640] *= 0.01  # 40 ms, one second in
    plain = AudioClip(samples, RATE)
    made = hesitant(plain, rng=np.random.default_rng(3))
    assert 0.25 <= made.duration_s - plain.duration_s <= 0.6  # 0.7 pauses a second, two seconds: one
    silent = np.flatnonzero(made.samples[16_000:] == 0)[:4000]
    assert len(silent) == 4000 and silent[-1] < 5000  # a quarter of a second of silence begins there
    assert hesitant(plain, rng=np.random.default_rng(3)).digest == made.digest
    assert hesitant(plain, rng=np.random.default_rng(4)).digest != made.digest


def test_a_clip_too_short_for_a_pause_stays_as_it_is() -> None:
    short = tone(0.3, 0.3).quantised()
    assert hesitant(short, rng=np.random.default_rng(0)).digest == short.digest
