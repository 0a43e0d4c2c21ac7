"""AudioClip as a value: what it accepts, what it says when it does not, its digest."""

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadParameter


def ramp(n_samples: int = 800) -> np.ndarray:
    return np.linspace(-0.5, 0.8, n_samples, dtype=np.float32)


def test_measures_by_hand():
    # two samples 0.6 and -0.8: mean square (0.36 + 0.64) / 2 = 0.5, which is -3.01 dBFS
    clip = AudioClip(np.array([0.6, -0.8], dtype=np.float32), 2000)
    assert clip.duration_s == 0.001
    assert clip.n_samples == 2
    assert clip.peak == pytest.approx(0.8)
    assert clip.level_dbfs == pytest.approx(-3.0103, abs=1e-4)


def test_silence_is_legal():
    clip = AudioClip(np.zeros(100, dtype=np.float32), 8000)
    assert clip.level_dbfs == -math.inf
    assert clip.peak == 0.0
    assert AudioClip.from_bytes(clip.wav_bytes()) == clip


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.zeros((2, 16000)), r"got a float64 array of shape \(2, 16000\); mix down with AudioClip.from_channels"),
        (np.zeros(8), r"got a float64 array of shape \(8,\); convert with samples.astype\(np.float32\)"),
        (np.zeros(8, np.int16), "got a int16 array of shape .8,.; convert with AudioClip.from_channels"),
        ([0.0, 0.1], r"got list; convert with np.asarray"),
        (np.zeros(0, np.float32), "at least one sample, got none; leave the item out"),
        (np.array([0, np.nan, 1], np.float32), "must be finite, got 1 of 3 that are NaN or infinite"),
        (np.array([0, np.inf, -np.inf], np.float32), "must be finite, got 2 of 3"),
    ],
)
def test_bad_samples_are_refused_with_the_fix(samples, told):
    with pytest.raises(BadAudio, match=told):
        AudioClip(samples, 16000)


@pytest.mark.parametrize("sample_rate", [999, 384_001, 16000.5, "16000", None, True, -8000, math.nan])
def test_bad_sample_rates_are_refused(sample_rate):
    with pytest.raises(BadParameter, match="whole number of Hz from 1,000 to 384,000"):
        AudioClip(ramp(), sample_rate)


@pytest.mark.parametrize("sample_rate", [1000, 8000, 96000, 384000, np.int64(16000), 44100.0])
def test_sample_rate_becomes_an_int(sample_rate):
    assert type(AudioClip(ramp(), sample_rate).sample_rate) is int


def test_large_but_finite_amplitudes_are_kept():
    assert AudioClip(np.array([3e38, -3e38], np.float32), 8000).peak == pytest.approx(3e38)


def test_nobody_can_write_to_a_clip():
    samples = ramp()
    clip = AudioClip(samples, 8000)
    samples[0] = 9.0
    assert clip.samples[0] == np.float32(-0.5)
    with pytest.raises(ValueError, match="read-only"):
        clip.samples[0] = 1.0
    with pytest.raises(AttributeError):
        clip.sample_rate = 1
    assert AudioClip(clip.samples, 8000).samples is clip.samples  # nothing to copy
    assert np.shares_memory(AudioClip(clip.samples[5:20], 8000).samples, clip.samples)
    view = samples[:]
    view.flags.writeable = False
    assert not np.shares_memory(AudioClip(view, 8000).samples, samples)  # its base can be written to


def test_equality_is_by_content():
    one, same = AudioClip(ramp(), 8000), AudioClip(ramp(), 8000)
    assert one == same
    assert hash(one) == hash(same)
    assert one != AudioClip(ramp(), 16000)
    assert one != AudioClip(-ramp(), 8000)
    assert one != "clip"


def test_copies_stay_read_only():
    clip = AudioClip(ramp(), 8000)
    for twin in (pickle.loads(pickle.dumps(clip)), copy.deepcopy(clip)):
        assert twin == clip
        assert not twin.samples.flags.writeable


@given(hnp.arrays(np.int16, st.integers(1, 300)), st.sampled_from([8000, 16000, 44100]))
def test_16_bit_audio_keeps_its_digest_through_files(pcm, sample_rate):
    clip = AudioClip.from_channels(pcm, sample_rate)
    for data in (clip.wav_bytes(), clip.flac_bytes()):
        assert AudioClip.from_bytes(data).digest == clip.digest
    assert clip.quantised() == clip


def test_other_audio_takes_the_digest_of_its_quantised_self():
    rng = np.random.default_rng(0)
    clip = AudioClip((0.7 * rng.standard_normal(5000)).astype(np.float32), 16000)  # some samples pass full scale
    quantised = clip.quantised()
    assert quantised.samples.max() == 1 - 2**-15
    assert quantised.samples.min() == -1.0
    assert clip.digest != quantised.digest
    assert AudioClip.from_bytes(clip.flac_bytes()).digest == quantised.digest
    assert AudioClip.from_bytes(clip.wav_bytes()).digest == quantised.digest


def test_digest_is_fixed_for_all_time():
    # sha256(b"8000\n" + struct.pack("<3f", 0.0, 0.5, -1.0)); -0.0 counts as 0.0
    clip = AudioClip(np.array([-0.0, 0.5, -1.0], np.float32), 8000)
    assert clip.digest == "29695eb73272d4a8be9b88b53b54cb2b6a2f9fb3d8898d94e24c58f585ff804a"
    assert AudioClip(clip.samples, 16000).digest != clip.digest


def test_quantised_rounds_to_the_nearest_step():
    step = 2.0**-15
    clip = AudioClip(np.array([0.4 * step, 0.6 * step, -1.6 * step, 2.0, -2.0], np.float32), 8000)
    np.testing.assert_array_equal(clip.quantised().samples, np.array([0, step, -2 * step, 1 - step, -1], np.float32))


def test_channels_are_averaged():
    left, right = np.array([1000, 0], np.int16), np.array([3000, -2000], np.int16)
    clip = AudioClip.from_channels(np.stack([left, right]), 8000)
    np.testing.assert_array_equal(clip.samples, np.array([2000, -1000], np.float32) / 32768)
    np.testing.assert_array_equal(AudioClip.from_channels(np.ones((3, 4)), 8000).samples, np.ones(4, np.float32))


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        (np.zeros((16000, 2)), "transpose"),
        (np.zeros((0, 5)), "transpose"),
        (np.zeros((1, 1, 5)), "transpose"),
        (np.zeros(5, np.uint8), "convert with astype"),
        (np.zeros(5, complex), "convert with astype"),
    ],
)
def test_bad_channels_are_refused(channels, told):
    with pytest.raises(BadAudio, match=told):
        AudioClip.from_channels(channels, 16000)


@pytest.mark.parametrize(("sample_rate", "to"), [(16000, 8000), (8000, 16000), (44100, 16000), (96000, 8000)])
def test_resampling_keeps_pitch_level_and_duration(sample_rate, to):
    time_s = np.arange(sample_rate) / sample_rate
    clip = AudioClip((0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32), sample_rate).resampled(to)
    assert clip.sample_rate == to
    assert clip.n_samples == to
    assert np.argmax(np.abs(np.fft.rfft(clip.samples))) == 440
    assert clip.level_dbfs == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.05)


def test_resampling_to_the_same_rate_is_the_clip_itself():
    clip = AudioClip(ramp(), 8000)
    assert clip.resampled(8000) is clip


def test_import_is_light():
    code = "import sys, earnest.audio; print([m for m in ('scipy', 'soundfile', 'soxr', 'pydantic', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
