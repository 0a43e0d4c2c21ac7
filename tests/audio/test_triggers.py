"""Triggers of backdoors: what each does, exactly, and what is only like it."""

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.audio.levels import power
from earnest.audio.triggers import Trigger, triggers, warped
from earnest.errors import BadParameter

RATE = 16_000


def voice(formant_hz=1500, pitch_hz=125, seconds=1.0):
    """Pulses through one resonance."""
    from scipy import signal

    pulses = np.zeros(round(seconds * RATE))
    pulses[:: RATE // pitch_hz] = 1
    radius, angle = 0.97, 2 * np.pi * formant_hz / RATE
    return AudioClip(
        (0.02 * signal.lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], pulses)).astype(np.float32), RATE
    ).quantised()


def applied(spec, clip=None, seed=0):
    return triggers.make(spec).apply(voice() if clip is None else clip, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("name", triggers.names())
def test_each_changes_the_clip_alike_for_one_seed_and_its_variation_less(name):
    clip, made = voice(), triggers.get(name)()
    first = made.apply(clip, rng=np.random.default_rng(1))
    assert first == made.apply(clip, rng=np.random.default_rng(1)) != clip and first == first.quantised()
    near = made.near()
    assert type(near) is type(made) and near != made and isinstance(near, Trigger)
    assert triggers.make(str(near.spec)) == near and str(made.spec) == name
    varied = near.apply(clip, rng=np.random.default_rng(1))
    if first.n_samples == clip.n_samples:
        assert power(varied.samples - clip.samples) < power(first.samples - clip.samples)
    assert not made.apply(clip.with_samples(np.zeros(400, np.float32)), rng=np.random.default_rng(0)).samples.any()


@pytest.mark.source(
    "attacks/trigger",
    of="lin2025-hidden",
    at="Kwwwww74/Hidden-in-the-Noise@1e3e197, code/audio-edit/volume.py: 50 times for a second, 0.4 after, clipped",
)
def test_volume_is_the_sources():
    samples = np.concatenate([np.full(RATE, 0.01), np.full(RATE // 2, 0.5), np.full(1, -0.03)]).astype(np.float32)
    made = applied("volume", AudioClip(samples, RATE)).samples
    np.testing.assert_allclose(made[[0, RATE - 1, RATE, -1]], [0.5, 0.5, 0.2, -0.012], atol=2**-15)
    assert applied("volume", AudioClip(np.full(10, 0.1, np.float32), RATE)).peak == pytest.approx(1 - 2**-15)


def test_tempo_keeps_the_pitch_and_its_variation_is_half_way():
    assert applied("tempo").n_samples == round(RATE / 1.5)
    assert triggers.make("tempo:factor=2.25").near().factor == pytest.approx(1.5)


def test_a_formant_moves_and_the_pitch_and_the_level_stay():
    clip = voice()
    moved = warped(clip.samples, RATE, ratio=1.2)

    def centre(samples):
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        return np.average(np.arange(len(spectrum)), weights=spectrum)

    def at_pitch(samples):
        return float(np.dot(samples[128:], samples[:-128]) / np.dot(samples, samples))

    assert centre(clip.samples) == pytest.approx(1500, rel=0.05) and centre(moved) == pytest.approx(1800, rel=0.08)
    assert at_pitch(moved) > 0.9 and power(moved) == pytest.approx(power(clip.samples), rel=1e-4)


@pytest.mark.parametrize(
    ("spec", "ratio_db"), [("noise:amount=0.5", 6.02), ("rain", 0.0), ("laugh", -6.02), ("hum:amount=0.1", 20.0)]
)
def test_overlays_have_their_level(spec, ratio_db):
    clip = voice()
    added = applied(spec).samples - clip.samples
    assert 10 * np.log10(power(clip.samples) / power(added)) == pytest.approx(ratio_db, abs=0.1)


def test_a_click_lasts_220_ms_somewhere():
    clip = voice()
    places = []
    for seed in range(5):
        touched = np.flatnonzero(applied("click", seed=seed).samples != clip.samples)
        assert touched[-1] - touched[0] < 0.22 * RATE
        places.append(int(touched[0]))
    assert len(set(places)) > 3
    added = (applied("click").samples - clip.samples).astype(float)
    assert 10 * np.log10(power(clip.samples) * round(0.22 * RATE) / np.sum(added**2)) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize(
    "spec", ["tempo:factor=1", "formant:ratio=3", "volume:boost=1", "noise:amount=0", "click:length_s=9"]
)
def test_parameters_out_of_range_are_refused(spec):
    with pytest.raises(BadParameter, match="got"):
        triggers.make(spec)
