"""Clips put together, a voice made a whisper, and loudness."""

import numpy as np
import pytest

from earnest.audio import AudioClip, mixing
from earnest.audio.levels import active_speech_level_dbfs
from earnest.audio.loudness import loudness_lufs
from earnest.audio.whispering import whispered
from earnest.errors import BadParameter

RATE = 16_000


def tone(hz, seconds=1.0, rate=RATE, peak=1.0):
    return AudioClip((peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32), rate)


def test_clips_follow_each_other_with_their_gaps():
    one, two = AudioClip(np.full(8, 0.5, np.float32), 1000), AudioClip(np.full(4, 0.25, np.float32), 1000)
    whole = mixing.joined([one, two], gap_s=0.003)
    np.testing.assert_array_equal(whole.samples, [0.5] * 8 + [0] * 3 + [0.25] * 4)
    with pytest.raises(BadParameter, match="at least one clip"):
        mixing.joined([])


def test_one_lies_over_the_other_where_and_as_loud_as_it_should():
    front, back = tone(200, 1.0, peak=0.5), tone(300, 1.0, peak=0.1)
    mixed = mixing.laid_over(front, back, ratio_db=6, at_s=0.25)
    assert mixed.n_samples == 20_000
    np.testing.assert_array_equal(mixed.samples[:4000], front.samples[:4000])
    behind = mixed.with_samples(mixed.samples[16_000:])
    assert active_speech_level_dbfs(behind.samples, RATE) == pytest.approx(
        active_speech_level_dbfs(front.samples, RATE) - 6, abs=0.05
    )
    assert mixing.within_full_scale(tone(200, peak=3)).peak == pytest.approx(0.999)


def test_silence_has_no_level_to_be_brought_to():
    silent = AudioClip(np.zeros(100, np.float32), RATE)
    assert mixing.at_level_of(silent, tone(200)) is silent and mixing.at_level_of(tone(200), silent) == tone(200)


def voice(pitch_hz=120, formant_hz=1500):
    """Pulses of a pitch through one resonance."""
    from scipy import signal

    pulses = np.zeros(RATE)
    pulses[:: RATE // pitch_hz] = 1
    radius, angle = 0.97, 2 * np.pi * formant_hz / RATE
    return (0.2 * signal.lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], pulses)).astype(np.float32)


def periodicity(samples, lag):
    return float(np.dot(samples[lag:], samples[:-lag]) / np.dot(samples, samples))


def test_a_whisper_keeps_the_formant_and_the_level_and_loses_the_pitch():
    spoken = voice()
    made = whispered(spoken, RATE, rng=np.random.default_rng(0), tilt=0)
    assert periodicity(spoken, RATE // 120) > 0.95 and abs(periodicity(made, RATE // 120)) < 0.1
    spectrum = np.abs(np.fft.rfft(made)) ** 2
    assert np.average(np.arange(len(spectrum)), weights=spectrum) == pytest.approx(1500, rel=0.15)
    assert np.sum(made.astype(float) ** 2) == pytest.approx(np.sum(spoken.astype(float) ** 2), rel=1e-4)


def test_one_seed_gives_one_whisper_and_silence_none():
    spoken = voice()
    first, again, other = (whispered(spoken, RATE, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not whispered(np.zeros(500, np.float32), RATE, rng=np.random.default_rng(0)).any()


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_the_recommendations_tone_has_its_loudness(rate):
    assert loudness_lufs(tone(997, 3.0, rate=rate).samples, rate) == pytest.approx(-3.01, abs=0.05)


def test_silences_are_left_out_and_low_tones_count_less():
    speech = tone(997, 2.0, peak=0.1)
    with_pause = mixing.joined([speech, AudioClip(np.zeros(32_000, np.float32), RATE), speech])
    assert loudness_lufs(with_pause.samples, RATE) == pytest.approx(loudness_lufs(speech.samples, RATE), abs=0.35)
    assert loudness_lufs(tone(40, 2.0).samples, RATE) < -6 and loudness_lufs(np.zeros(9, np.float32), RATE) == -np.inf
