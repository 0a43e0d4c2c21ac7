"""A clip in a room, and the gradient back through it."""

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.audio.effects import room
from earnest.audio.playback import Playback
from earnest.defences.playback import Playback as Defence
from earnest.errors import BadData, BadParameter
from earnest.testing.contracts import check_defence


def drawn(seed=0, **options):
    return Playback.drawn(**{"rt60_s": (0.2, 0.4), "sample_rate": 16_000, **options}, rng=np.random.default_rng(seed))


def test_it_is_the_room_of_the_effects():
    rng = np.random.default_rng(3)
    samples = (0.1 * rng.standard_normal(6000)).astype(np.float32)
    rt60_s = float(np.random.default_rng(0).uniform(0.3, 0.3))
    way = drawn(rt60_s=(0.3, 0.3))
    again = np.random.default_rng(0)
    again.uniform(0.3, 0.3)
    expected, _ = room(samples, 16_000, rt60_s=rt60_s, rng=again)
    np.testing.assert_allclose(way.heard(samples), expected, atol=2e-6)


def test_the_level_is_that_of_the_clip_and_silence_stays_silence():
    samples = (0.1 * np.random.default_rng(1).standard_normal(4000)).astype(np.float32)
    assert np.linalg.norm(drawn().heard(samples)) == pytest.approx(np.linalg.norm(samples), rel=1e-5)
    silent = np.zeros(4000, np.float32)
    assert not drawn().heard(silent).any() and not drawn().backward(samples, samples=silent).any()


def test_the_gradient_is_exact():
    rng = np.random.default_rng(2)
    samples, direction, weights = (rng.standard_normal(3000).astype(np.float32) for _ in range(3))
    way, step = drawn(seed=5), np.float32(1 / 64)
    up, down = (way.heard(samples + sign * step * direction).astype(np.float64) for sign in (1, -1))
    along = float(np.dot((up - down) / (2 * float(step)), weights))
    assert along == pytest.approx(
        float(np.dot(way.backward(weights, samples=samples).astype(np.float64), direction)), rel=2e-3
    )


def test_a_measured_room_is_drawn_from_a_folder(tmp_path):
    response = np.zeros(800, np.float32)
    response[[100, 300]] = [0.8, 0.4]
    AudioClip(response, 16_000).write(tmp_path / "hall.wav")
    clip = AudioClip((0.1 * np.random.default_rng(1).standard_normal(4000)).astype(np.float32), 16_000)
    heard = Defence(responses=str(tmp_path)).apply(clip, rng=np.random.default_rng(0)).samples
    echo = clip.samples.copy()
    echo[200:] += 0.5 * clip.samples[:-200]
    np.testing.assert_allclose(heard / np.linalg.norm(heard), echo / np.linalg.norm(echo), atol=1e-4)
    with pytest.raises(BadData, match="holds no .wav or .flac"):
        Defence(responses=str(tmp_path / "none")).apply(clip, rng=np.random.default_rng(0))


def test_it_meets_the_contract_of_what_stands_before_a_model():
    check_defence(Defence())
    with pytest.raises(BadParameter, match="0.05 to 10 s and in order"):
        Defence(rt60_low_s=0.9, rt60_high_s=0.3)
