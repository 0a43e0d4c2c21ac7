"""Corruptions in five steps: each once, exact, without a question."""

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.audio import AudioClip, effects, levels, spectra
from earnest.errors import BadParameter
from earnest.models import System
from earnest.testing.toys import LinearModel, toy_stimulus

NAMES = ("packet_loss", "microphone", "babble", "room", "telephone", "opus", "mp3", "g722", "amr")
CODED = ("g722", "amr")


def needs(name):
    if name in CODED:
        pytest.importorskip("av")


def run(spec, clip, seed=0):
    stimulus = toy_stimulus(goal=False).with_clip(clip)
    model = LinearModel(np.ones(3, dtype=np.float32), access=("responses",))
    return attacks.make(spec).run(System(model), [stimulus], rng=np.random.default_rng(seed)).attempts[0]


def speech(seconds=1.0, rate=16_000):
    """A voice-like clip: harmonics of 120 Hz under a slow envelope, with a little noise."""
    time_s = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 120 * k * time_s) / k for k in range(1, 20))
    hiss = np.random.default_rng(0).standard_normal(time_s.size)
    return AudioClip(
        (0.1 * tone * np.sin(2 * np.pi * 2 * time_s) ** 2 + 0.002 * hiss).astype(np.float32), rate
    ).quantised()


@pytest.mark.parametrize("name", NAMES)
def test_each_is_put_on_once_and_asks_nothing(name):
    needs(name)
    clip = speech()
    attempt = run(f"{name}:severity=5", clip)
    assert attempt.clip != clip and attempt.clip.n_samples == clip.n_samples
    assert (attempt.n_queries, attempt.control, attempt.drawn["severity"]) == (0, None, 5)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "telephone"])  # see tests/audio/test_effects.py
def test_severities_grow(name):
    needs(name)
    clip = speech(2.0)
    distances = [_distance(clip, run(f"{name}:severity={severity}", clip).clip) for severity in (1, 3, 5)]
    assert distances[0] < distances[2] and distances == sorted(distances)


def _distance(clean, changed):
    one, two = (spectra.log_mel(clip.samples, clip.sample_rate) for clip in (clean, changed))
    return float(np.abs(one - two).mean())


def test_babble_meets_its_ratio_and_has_none_to_silence():
    clip = speech()
    attempt = run("babble:severity=4", clip)
    assert levels.signal_to_noise_db(clean=clip.samples, perturbed=attempt.clip.samples) == pytest.approx(5, abs=0.05)
    silent = run("babble", clip.with_samples(np.zeros(800, np.float32)))
    assert silent.answer.reason == "attack_failed"


def test_packet_loss_is_that_of_the_effect_and_replays():
    clip = speech()
    attempt = run("packet_loss:severity=5,conceal=false", clip)
    drawn = {key: value for key, value in attempt.drawn.items() if key != "severity"}
    replayed, _ = effects.apply("packet_loss", clip.samples, clip.sample_rate, **drawn)
    assert clip.with_samples(replayed) == attempt.clip
    concealed = run("packet_loss:severity=5", clip)
    assert concealed.drawn["lost"] == attempt.drawn["lost"] and concealed.clip != attempt.clip
    assert concealed.distortion.snr_db > attempt.distortion.snr_db  # what is made up is nearer than silence


def test_g722_goes_from_network_to_network():
    pytest.importorskip("av")
    clip = speech()
    once, _ = effects.codec(clip.samples, clip.sample_rate, name="g722")
    twice, _ = effects.codec(once, clip.sample_rate, name="g722")
    assert run("g722:severity=2", clip).clip == clip.with_samples(twice).quantised()
    assert run("g722:severity=2", clip).drawn["passes"] == 2


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("room:severity=6", "from 1 to 5, got 6"),
        ("room:severity=true", "from 1 to 5"),
        ("babble:n_voices=9", "from 1 to 6, got 9"),
    ],
)
def test_parameters_out_of_range_are_refused(spec, told):
    with pytest.raises(BadParameter, match=told):
        attacks.make(spec)
