"""Smoothing: averages that can be worked out, adjoints that are exact."""

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.defences import defences
from earnest.defences.smoothing import Smoothing
from earnest.errors import BadParameter


def rng(seed=0):
    return np.random.default_rng(seed)


def applied(defence, *samples, rate=1000, seed=0):
    return defence.apply(AudioClip(np.array(samples, dtype=np.float32), rate), rng=rng(seed)).samples


def test_a_mean_of_three_by_hand():
    # 3 ms at 1 kHz are 3 samples; beyond the ends is silence
    assert applied(Smoothing(width_ms=3), 0.3, 0.6, 0.0, 0.9).tolist() == pytest.approx([0.3, 0.3, 0.5, 0.3])


def test_a_median_of_three_by_hand():
    assert applied(Smoothing(kind="median", width_ms=3), 0.3, 0.6, 0.1, 0.9).tolist() == pytest.approx(
        [0.3, 0.3, 0.6, 0.1]
    )


def test_a_gaussian_keeps_a_constant_inside_and_spreads_an_impulse_evenly():
    window = applied(Smoothing(kind="gaussian", width_ms=9), *([0] * 20), 1.0, *([0] * 20))
    assert window.sum() == pytest.approx(1) and np.allclose(window, window[::-1])
    # four standard deviations are 9 samples, so one is 2.25: the neighbour has exp(-1 / (2 * 2.25²)) of the middle
    assert window[21] / window[20] == pytest.approx(np.exp(-1 / (2 * 2.25**2)), rel=1e-5)


@pytest.mark.parametrize("kind", ["mean", "gaussian", "none"])
@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_the_gradient_of_a_linear_average_is_its_adjoint(kind, n):
    defence = Smoothing(kind=kind, width_ms=5.0)
    x, y = (rng(seed).standard_normal(n).astype(np.float32) for seed in (1, 2))
    ahead = np.dot(applied(defence, *x).astype(np.float64), y)
    back = np.dot(x.astype(np.float64), defence.backward(y, clip=AudioClip(x, 1000), rng=rng()))
    assert ahead == pytest.approx(back, rel=1e-5, abs=1e-6)
    assert defence.gradient == "exact"


def test_the_median_passes_gradients_straight_and_says_so():
    gradient = np.array([1, -2, 3], dtype=np.float32)
    defence = Smoothing(kind="median")
    assert defence.gradient == "stand_in"
    assert np.array_equal(defence.backward(gradient, clip=AudioClip(gradient, 16_000), rng=rng()), gradient)


def test_noise_has_its_level_and_depends_on_the_draw_alone():
    defence, silence = Smoothing(kind="none", sigma=0.01), [0.0] * 20_000
    first, again, other = (applied(defence, *silence, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.std() == pytest.approx(0.01, rel=0.02)
    assert defence.random and not Smoothing().random


def test_silence_stays_silence():
    for kind in ("mean", "gaussian", "median"):
        assert not applied(Smoothing(kind=kind), *([0.0] * 50)).any()


def test_the_clip_is_left_alone():
    clip = AudioClip(rng().standard_normal(100).astype(np.float32), 16_000)
    digest = clip.digest
    Smoothing(sigma=0.1).apply(clip, rng=rng())
    assert AudioClip(np.array(clip.samples), 16_000).digest == digest


@pytest.mark.parametrize("options", [{"kind": "mode"}, {"width_ms": 0}, {"width_ms": 2000}, {"sigma": -0.1}])
def test_parameters_out_of_range_are_refused(options):
    with pytest.raises(BadParameter, match="of smoothing must"):
        Smoothing(**options)


def test_a_specification_makes_it():
    assert defences.make("smoothing:kind=median,width-ms=1.5") == Smoothing(kind="median", width_ms=1.5)
