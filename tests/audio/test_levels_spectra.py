"""Levels, ratios and spectra."""

import math

import numpy as np
import pytest

from earnest.audio import levels, spectra
from earnest.audio.resampling import fitted, resampled
from earnest.errors import BadParameter


def sine(frequency_hz: float, sample_rate: int = 16000, amplitude: float = 0.5, n_samples: int = 16000) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / sample_rate)).astype(np.float32)


def test_full_scale_sine_has_minus_3_dbfs():
    assert levels.level_dbfs(sine(1000, amplitude=1.0)) == pytest.approx(-3.0103, abs=1e-3)
    assert levels.level_dbfs(np.ones(5, np.float32)) == 0.0
    assert levels.level_dbfs(np.zeros(5, np.float32)) == -math.inf


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1.0, 1e18, 3e38])
def test_power_neither_overflows_nor_vanishes(scale):
    samples = np.full(200_000, scale, np.float32)
    assert levels.power(samples) == pytest.approx(float(np.float32(scale)) ** 2, rel=1e-5)


def test_signal_to_noise_by_hand():
    # power of clean (9 + 16) / 2, of the change (0 + 1) / 2: a ratio of 25
    clean, perturbed = np.array([3, 4], np.float32), np.array([3, 5], np.float32)
    assert levels.signal_to_noise_db(clean=clean, perturbed=perturbed) == pytest.approx(10 * math.log10(25))
    assert levels.signal_to_noise_db(clean=perturbed, perturbed=clean) == pytest.approx(10 * math.log10(34))
    assert levels.signal_to_noise_db(clean=clean, perturbed=clean) == math.inf
    assert levels.signal_to_noise_db(clean=0 * clean, perturbed=clean) == -math.inf
    with pytest.raises(BadParameter, match=r"got \(2,\) and \(1,\)"):
        levels.signal_to_noise_db(clean=clean, perturbed=clean[:1])


def test_scaling_to_a_level():
    assert levels.level_dbfs(levels.scaled_to_dbfs(sine(440), -26.0)) == pytest.approx(-26.0, abs=1e-3)
    with pytest.raises(BadParameter, match="got silence; leave the item out"):
        levels.scaled_to_dbfs(np.zeros(9, np.float32), -26.0)


def test_active_level_leaves_pauses_out():
    speech = np.concatenate([sine(300), np.zeros(48000, np.float32)])
    assert levels.active_speech_level_dbfs(speech, 16000) == pytest.approx(levels.level_dbfs(sine(300)), abs=0.01)
    assert levels.active_speech_level_dbfs(np.zeros(16000, np.float32), 16000) == -math.inf
    assert levels.active_speech_level_dbfs(np.ones(3, np.float32), 16000) == 0.0


def test_pcm16_rounds_to_even_and_clips():
    step = 2.0**-15
    values = np.array([0.5 * step, 1.5 * step, 1.0, -1.0, 5.0, -5.0], np.float32)
    np.testing.assert_array_equal(levels.to_pcm16(values), np.array([0, 2, 32767, -32768, 32767, -32768], np.int16))
    assert levels.n_clipped(np.array([1.0, -1.0, 1.001, -2.0], np.float32)) == 2


def test_resampled_length_is_rounded_from_the_duration():
    for n_samples in (1, 7, 1001, 16000):
        for to in (8000, 11025, 44100):
            assert len(resampled(np.ones(n_samples, np.float32), 16000, to=to)) == max(1, round(n_samples * to / 16000))
    np.testing.assert_array_equal(fitted(np.array([1, 2], np.float32), 3), [1, 2, 0])
    np.testing.assert_array_equal(fitted(np.array([1, 2, 3], np.float32), 2), [1, 2])


def test_frames_by_hand():
    cut = spectra.frames(np.arange(7, dtype=np.float32), frame_length=4, hop_length=2)
    np.testing.assert_array_equal(cut, [[0, 1, 2, 3], [2, 3, 4, 5]])
    assert spectra.frames(np.ones(2, np.float32), frame_length=4, hop_length=2).tolist() == [[1, 1, 0, 0]]


def test_stft_peaks_at_the_tone():
    power = spectra.stft_power(sine(1000), frame_length=512, hop_length=128)
    assert power.dtype == np.float32
    assert power.shape == (1 + (16000 - 512) // 128, 257)
    assert set(power.argmax(axis=1)) == {32}  # 1000 Hz / (16000 Hz / 512)


def test_mel_scale_and_filters():
    assert spectra.hz_to_mel(700.0) == pytest.approx(2595 * math.log10(2))
    np.testing.assert_allclose(
        spectra.mel_to_hz(spectra.hz_to_mel(np.array([0.0, 440.0, 7999.0]))), [0, 440, 7999], atol=1e-9
    )
    filters = spectra.mel_filters(sample_rate=16000, n_fft=512, n_mels=40)
    assert filters.shape == (257, 40)
    assert filters.min() == 0.0
    assert filters.max() <= 1.0
    assert (np.diff(filters.argmax(axis=0)) >= 0).all()


def test_log_mel_of_silence_is_the_floor():
    mel = spectra.log_mel(np.zeros(16000, np.float32), 16000)
    assert mel.shape == (98, 64)
    np.testing.assert_allclose(mel, math.log(1e-10), rtol=1e-6)


def test_band_powers_sum_to_the_power_and_find_the_tone():
    samples = sine(300) + sine(3000, amplitude=0.1)
    bands = spectra.band_powers(samples, 16000)
    assert bands.sum() == pytest.approx(levels.power(samples), rel=1e-5)
    assert bands[2] == pytest.approx(0.125, rel=1e-3)  # 250 to 500 Hz: half the amplitude squared
    assert bands[5] == pytest.approx(0.005, rel=1e-3)  # 2 to 4 kHz


@pytest.mark.parametrize("samples", [np.zeros(1, np.float32), np.zeros(9000, np.float32), sine(440), sine(440, 8000)])
def test_plain_features_are_finite_and_in_one_order(samples):
    features = spectra.plain_features(samples, 8000)
    assert list(features) == list(spectra.plain_features(sine(200), 16000))
    assert all(type(value) is float and math.isfinite(value) for value in features.values())


def test_plain_features_tell_pauses():
    samples = np.concatenate([np.zeros(1600, np.float32), sine(440, n_samples=8000), np.zeros(3200, np.float32)])
    features = spectra.plain_features(samples, 16000)
    assert features["lead_s"] == pytest.approx(0.1, abs=0.001)
    assert features["tail_s"] == pytest.approx(0.2, abs=0.001)
    assert features["duration_s"] == 0.8


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
def test_spectrogram_is_a_picture(sample_rate):
    picture = spectra.spectrogram(sine(1000, sample_rate, n_samples=2 * sample_rate), sample_rate)
    assert picture.dtype == np.uint8
    assert picture.shape == (96, 240)
    assert picture.max() == 255
    assert (picture.max(axis=1) > 0).any()
    assert not spectra.spectrogram(np.zeros(8000, np.float32), sample_rate).any()
    assert spectra.spectrogram(np.ones(5, np.float32), sample_rate).shape == (96, 1)
