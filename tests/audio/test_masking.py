"""The masking threshold against the rule written out frame by frame, and its gradient against differences."""

import numpy as np
import pytest

from earnest.audio.masking import HOP, WINDOW, Masking, bark, masking_excess_db, quiet_db
from earnest.errors import BadParameter

RATE = 16_000
FREQUENCY = np.linspace(0, RATE / 2, WINDOW // 2 + 1)


def speechlike(seconds=1.0, seed=0):
    """Harmonics of a voice that glides, with noise and a pause."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    time = np.arange(n) / RATE
    pitch = 120 + 40 * np.sin(2 * np.pi * 1.3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 25))
    samples = 0.1 * voice + 0.003 * rng.standard_normal(n)
    samples[n // 2 : n // 2 + 2600] *= 0.01
    return samples.astype(np.float32)


def density(samples):
    """As the toolbox has it: scipy's frames, its normalisation undone."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    n_frames = 1 + (samples.size - WINDOW) // HOP
    frames = np.stack([samples[k * HOP : k * HOP + WINDOW] for k in range(n_frames)]).astype(np.float64)
    power = np.abs(np.sqrt(8 / 3) * np.fft.rfft(frames * window) / WINDOW) ** 2
    return 10 * np.log10(power + np.finfo(np.float32).eps)


def rule(psd, *, by_frequency=True):
    """One frame, step by step; `by_frequency=False` takes distances as the toolbox ships them."""
    barks, quiet = bark(FREQUENCY), quiet_db(FREQUENCY)
    places = [k for k in range(1, len(psd) - 1) if psd[k] > psd[k - 1] and psd[k] > psd[k + 1]]
    maskers = [(k, 10 * np.log10(sum(10 ** (psd[k + i] / 10) for i in (-1, 0, 1)))) for k in places]
    maskers = [(k, level) for k, level in maskers if level > quiet[k]]
    kept, last = [True] * len(maskers), 0
    for i in range(1, len(maskers)):
        a, b = (maskers[last][0], maskers[i][0]) if by_frequency else (last, i)
        if barks[b] - barks[a] < 0.5:
            rises = maskers[last][1] < maskers[i][1]
            kept[last if rises else i] = False
            last = (i if by_frequency else last + 1) if rises else last
        else:
            last = i
    maskers = [masker for masker, keep in zip(maskers, kept, strict=True) if keep]
    total = 10 ** (quiet / 10)
    for k, level in maskers:
        away = barks - barks[k]
        slope = np.where(away > 0, -27 + 0.37 * max(level - 40, 0), 27)
        total = total + 10 ** ((level - 6.025 - 0.275 * barks[k] + slope * away) / 10)
    return 10 * np.log10(total), len(maskers)


@pytest.mark.parametrize(
    "samples",
    [speechlike(), 0.05 * np.random.default_rng(3).standard_normal(12_000).astype(np.float32)],
    ids=["voice", "noise"],
)
def test_it_is_the_rule_put_right_to_a_hundredth_of_a_decibel(samples):
    made = Masking.of(samples, RATE).threshold_db
    told = density(samples)
    for frame, psd in enumerate(told):
        expected, _ = rule(psd - psd.max() + 96)
        heard = np.isfinite(expected)
        assert np.abs(made[frame, heard] - expected[heard]).max() < 0.01
        assert not np.isfinite(made[frame, ~heard]).any() and (~heard).sum() == 3


def test_the_rule_as_the_toolbox_ships_it_keeps_more_maskers_and_allows_more():
    psd = density(0.05 * np.random.default_rng(3).standard_normal(WINDOW).astype(np.float32))[0]
    psd = psd - psd.max() + 96
    right, n_right = rule(psd)
    shipped, n_shipped = rule(psd, by_frequency=False)
    heard = np.isfinite(right)
    assert n_shipped > 1.5 * n_right and (shipped[heard] - right[heard]).mean() > 1


def test_thresholds_in_quiet_are_those_of_the_formula():
    # at 1 kHz 3.64 - 6.5 exp(-0.6 * 2.3^2) + 0.001 - 12, at 3.3 kHz the ear hears best
    assert quiet_db(np.array([1000.0]))[0] == pytest.approx(3.64 - 6.5 * np.exp(-3.174) + 0.001 - 12)
    assert quiet_db(np.array([3300.0]))[0] == pytest.approx(3.64 * 3.3**-0.8 - 6.5 + 0.001 * 3.3**4 - 12)
    assert np.isinf(quiet_db(np.array([15.0, 21_000.0]))).all()


def test_what_is_masked_has_no_excess_and_what_is_beside_it_does():
    time = np.arange(16_000) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    quiet_near, quiet_far = (tone + (0.002 * np.sin(2 * np.pi * f * time)).astype(np.float32) for f in (1000, 6000))
    near, far = (masking_excess_db(clean=tone, perturbed=each, sample_rate=RATE) for each in (quiet_near, quiet_far))
    assert near < 0.01 < far
    assert masking_excess_db(clean=tone, perturbed=tone, sample_rate=RATE) == 0


def test_the_excess_rises_with_the_change():
    samples = speechlike(0.5)
    noise = np.random.default_rng(1).standard_normal(samples.size).astype(np.float32)
    masking = Masking.of(samples, RATE)
    told = [masking.excess_db(np.float32(scale) * noise) for scale in (0.0, 1e-5, 1e-4, 1e-3, 1e-2)]
    assert told[0] == 0 and told == sorted(told) and told[-1] > 2


@pytest.mark.parametrize("n", [700, 2048, 5000])
def test_the_gradient_is_that_of_differences(n):
    rng = np.random.default_rng(2)
    samples = speechlike()[:n]
    masking = Masking.of(samples, RATE)
    change = 0.01 * rng.standard_normal(n)
    loss, gradient = masking.hinge(change)
    direction = rng.standard_normal(n)
    step = 1e-6
    up, down = (masking.hinge(change + sign * step * direction)[0] for sign in (1, -1))
    assert loss > 0 and (up - down) / (2 * step) == pytest.approx(float(gradient @ direction), rel=2e-3)


def test_a_clip_shorter_than_a_frame_and_silence_have_thresholds():
    assert Masking.of(speechlike()[:10], RATE).threshold_db.shape == (1, WINDOW // 2 + 1)
    silent = Masking.of(np.zeros(3000, np.float32), RATE)
    assert silent.threshold_db.shape[0] == 3 and silent.excess_db(np.full(3000, 1e-3, np.float32)) > 0


def test_another_length_is_refused():
    with pytest.raises(BadParameter, match="length of its clip of 3000 samples, got 2"):
        Masking.of(np.ones(3000, np.float32), RATE).excess_db(np.ones(2, np.float32))
