"""The codec as a defence: aligned, of equal length, and attacked through a stand-in."""

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.defences import defences
from earnest.defences.codec import Codec
from earnest.errors import BadParameter


def speechlike(seconds=1.0, rate=16_000):
    time_s = np.arange(int(seconds * rate)) / rate
    envelope = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, 1)
    samples = envelope * sum(np.sin(2 * np.pi * f * time_s) / k for k, f in enumerate((180, 720, 1500), start=1))
    return AudioClip((0.2 * samples).astype(np.float32), rate)


def applied(defence, clip):
    return defence.apply(clip, rng=np.random.default_rng(0))


@pytest.mark.parametrize("format", ["mp3", "opus", "vorbis", "mu_law", "gsm"])
def test_the_clip_comes_back_in_its_place(format):
    clip = speechlike()
    coded = applied(Codec(format=format), clip)
    assert (coded.n_samples, coded.sample_rate) == (clip.n_samples, clip.sample_rate)
    lags = np.correlate(coded.samples[4000:12000], clip.samples[4100:11900], mode="valid")
    assert int(np.argmax(lags)) == 100  # no delay
    assert not np.array_equal(coded.samples, clip.samples)


def test_gradients_pass_straight():
    gradient = np.arange(5, dtype=np.float32)
    clip = AudioClip(np.zeros(5, dtype=np.float32), 16_000)
    assert np.array_equal(Codec().backward(gradient, clip=clip, rng=np.random.default_rng(0)), gradient)
    assert Codec().gradient == "stand_in"
    with pytest.raises(BadParameter, match="'codec' turned 5 samples into 4.*override `backward`"):
        Codec().backward(gradient[:4], clip=clip, rng=np.random.default_rng(0))


def test_a_specification_makes_it_and_tells_it():
    codec = defences.make("codec:format=opus,bit_rate=16000")
    assert codec == Codec(format="opus", bit_rate=16_000)
    assert str(codec.spec) == "codec:bit_rate=16000,format=opus"


@pytest.mark.parametrize(
    "options, message", [({"format": "wax"}, "codec must be one of"), ({"bit_rate": 1}, "bit_rate of mp3")]
)
def test_what_there_is_not_is_refused_at_the_door(options, message):
    with pytest.raises(BadParameter, match=message):
        Codec(**options)
