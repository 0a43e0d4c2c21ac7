"""Sounds made by rule."""

import numpy as np
import pytest

from earnest.audio.sounds import SOUNDS, hum


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("n_samples", [1, 100, 16_000])
def test_each_is_there_within_full_scale_and_one_for_a_seed(name, n_samples):
    made, again, other = (SOUNDS[name](n_samples, 16_000, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert made.dtype == np.float32 and made.shape == (n_samples,)
    assert np.abs(made).max() == pytest.approx(1, abs=1e-6) and np.isfinite(made).all()
    np.testing.assert_array_equal(made, again)
    assert n_samples < 16_000 or not np.array_equal(made, other)


def test_a_hum_is_that_of_the_mains():
    spectrum = np.abs(np.fft.rfft(hum(16_000, 16_000, rng=np.random.default_rng(0))))
    assert np.argsort(spectrum)[-4:][::-1].tolist() == [50, 150, 250, 350]
