"""Rooms: geometry, reverberation time, convolution."""

import math

import numpy as np
import pytest

from earnest.audio import rooms
from earnest.errors import BadParameter

RATE = 16000


def box(**changes) -> rooms.Shoebox:
    known = {
        "size_m": (6.0, 4.0, 3.0),
        "source_m": (1.0, 1.3, 1.0),
        "microphone_m": (4.43, 1.3, 1.0),
        "rt60_s": 0.4,
        "tail_seed": 7,
    }
    return rooms.Shoebox(**{**known, **changes})


def test_direct_sound_and_first_reflection_by_hand():
    # 3.43 m at 343 m/s is 10 ms, 160 samples; nothing comes before it
    response = rooms.impulse_response(box(), RATE)
    assert box().direct_s == pytest.approx(0.01)
    assert np.argmax(response) == 160
    assert response[160] == 1.0
    assert np.abs(response[:145]).max() < 0.02
    # by the floor: 2 sqrt(1.715^2 + 1^2) = 3.971 m, 185.2 samples; heights are those of one over the distance
    images = rooms._image_sources(box(), RATE, 4000, 0.4)
    assert images[158:163].max() == pytest.approx(1 / 3.43, rel=0.02)
    assert images[183:188].max() == pytest.approx(box().reflection(0.4) / 3.971, rel=0.1)


def test_reflection_by_hand():
    # Eyring: V = 72, S = 108; exp(-12 ln 10 * 72 / (343 * 108 * 0.4)) = exp(-0.13426)
    assert box().reflection(0.4) == pytest.approx(math.exp(-0.13426), rel=1e-4)


@pytest.mark.parametrize("rt60_s", [0.2, 0.4, 0.7, 1.2, 2.0])
def test_reverberation_time_is_the_one_asked_for(rt60_s):
    measured = [
        rooms.reverberation_time_s(
            rooms.impulse_response(rooms.Shoebox.drawn(rt60_s=rt60_s, rng=np.random.default_rng(seed)), RATE), RATE
        )
        for seed in range(20)
    ]
    off = np.abs(np.array(measured) / rt60_s - 1)
    assert np.quantile(off, 0.8) < 0.04
    assert off.max() < 0.25  # a source close to the microphone: the direct sound outweighs what four tries can mend


def test_reverberation_time_of_a_pure_decay():
    time_s = np.arange(RATE) / RATE
    decay = np.random.default_rng(0).standard_normal(RATE) * 10 ** (-3 * time_s / 0.5)
    assert rooms.reverberation_time_s(decay, RATE) == pytest.approx(0.5, rel=0.03)
    assert math.isnan(rooms.reverberation_time_s(np.zeros(100), RATE))
    assert math.isnan(rooms.reverberation_time_s(np.ones(100), RATE))


@pytest.mark.parametrize("sample_rate", [8000, 44100])
def test_responses_at_other_rates_are_alike(sample_rate):
    response = rooms.impulse_response(box(), sample_rate)
    assert np.argmax(np.abs(response)) == pytest.approx(0.01 * sample_rate, abs=1)
    assert rooms.reverberation_time_s(response, sample_rate) == pytest.approx(0.4, rel=0.06)


def test_one_room_gives_the_same_bits_and_cannot_be_written():
    one = rooms.impulse_response(box(), RATE)
    rooms.impulse_response.cache_clear()
    two = rooms.impulse_response(box(), RATE)
    assert one.tobytes() == two.tobytes()
    assert not one.flags.writeable
    assert one.tobytes() != rooms.impulse_response(box(tail_seed=8), RATE).tobytes()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source_m": (7.0, 1.0, 1.5)}, "must lie inside the room"),
        ({"microphone_m": (1.0, 1.0, 0.0)}, "must lie inside the room"),
        ({"rt60_s": 0.01}, "rt60_s must be from 0.05 to 10 s"),
        ({"rt60_s": math.nan}, "rt60_s must be from 0.05 to 10 s"),
    ],
)
def test_bad_rooms_are_refused(changes, told):
    with pytest.raises(BadParameter, match=told):
        box(**changes)


@pytest.mark.parametrize("n_samples", [1, 100, 5000, 40_000, 300_000])
@pytest.mark.parametrize("n_response", [1, 60, 4000, 30_000])
def test_convolution_is_exact(n_samples, n_response):
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(n_samples + n_response)
    samples = rng.standard_normal(n_samples).astype(np.float32)
    response = rng.standard_normal(n_response) * np.exp(-np.arange(n_response) / 500)
    response[n_response // 3] = 9.0
    ready = rooms.prepared(response, RATE)
    start = n_response // 3 - ready.direct
    assert ready.response[ready.direct] == 1.0
    plain = fftconvolve(samples.astype(np.float64), response[start:] / 9.0)[ready.direct :][:n_samples]
    plain = np.pad(plain, (0, n_samples - len(plain)))
    np.testing.assert_allclose(rooms.convolved(samples, ready), plain, atol=1e-4)
