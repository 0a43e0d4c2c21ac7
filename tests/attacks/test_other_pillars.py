"""Attacks on authentication, choices and detectors: filters, voices, vocoders."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks.adversarial.malafide import coloured, shuffled, tap_gradient
from earnest.attacks.covert.vocoder_evasion import from_mels
from earnest.attacks.covert.watermark_removal import EDITS
from earnest.audio import AudioClip, spectra
from earnest.audio.levels import power, signal_to_noise_db
from earnest.audio.voices_alike import median_pitch_hz, towards
from earnest.errors import BadParameter
from earnest.models import System
from earnest.testing import check_attack, toy_stimulus
from earnest.testing.toys import CurvedModel

sys.path.insert(0, str(Path(__file__).parent))

from speaking import RATE, Listener, request  # noqa: E402


def voice(pitch_hz, seconds=1.0, slope=1.0):
    time_s = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k**slope for k in range(1, int(6000 / pitch_hz)))
    return AudioClip((0.1 * tones * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time_s))).astype(np.float32), RATE).quantised()


def run(spec, stimulus, answer=lambda s: "no"):
    return attacks.make(spec).run(System(Listener(answer)), [stimulus], rng=np.random.default_rng(0)).attempts[0]


def two_voices(owner, impostor):
    stimulus = request()
    return replace(stimulus, clips={"enrolment": owner, "attempt": impostor}, held="attempt")


# ---- malafide ----


def test_the_slope_of_a_tap_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    samples, gradient = rng.standard_normal(50).astype(np.float32), rng.standard_normal(50).astype(np.float32)
    slope = tap_gradient(samples, gradient, 5)
    for k in range(5):
        shifted = np.zeros(50)
        lag = k - 2
        shifted[max(0, lag) : 50 + min(0, lag)] = samples[max(0, -lag) : 50 - max(0, lag)]
        assert slope[k] == pytest.approx(float(np.dot(gradient, shifted)), rel=1e-5)


def test_a_single_tap_changes_nothing_and_level_is_kept():
    clip = voice(120)
    same = coloured(clip, np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(same.samples, clip.samples, atol=1e-6)
    other = coloured(clip, np.array([0.5, 1.0, -0.25]))
    assert power(other.samples) == pytest.approx(power(clip.samples), rel=1e-5) and other != clip
    by_hand = np.convolve(clip.samples, [0.5, 1.0, -0.25])[1:-1]
    np.testing.assert_allclose(other.samples * np.sqrt(power(by_hand) / power(clip.samples)), by_hand, atol=1e-5)
    mixed = shuffled(np.array([0.5, 0.1, 1.0, -0.25, 0.3]), np.random.default_rng(0))
    assert mixed[2] == 1 and sorted(np.abs(np.delete(mixed, 2))) == [0.1, 0.25, 0.3, 0.5]


def test_a_filter_is_found_and_lowers_the_loss():
    model = CurvedModel(np.random.default_rng(3).standard_normal(1600).astype(np.float32), threshold=2.0)
    stimulus = toy_stimulus(seed=0)
    attempt = (
        attacks.make("malafide:taps=33,steps=60")
        .run(System(model), [stimulus], rng=np.random.default_rng(0))
        .attempts[0]
    )
    assert attempt.success and attempt.n_gradients <= 60 and len(attempt.drawn["filter"]) == 33
    assert model.product(attempt.clip.samples) > 2.0 > model.product(stimulus.clip.samples)
    assert attempt.clip == coloured(stimulus.clip, np.asarray(attempt.drawn["filter"])).quantised()


@pytest.mark.parametrize("spec", ["malafide:taps=9,steps=4,check_every=2", "choice_flip:steps=3,check_every=0"])
def test_gradient_attacks_meet_the_contract(spec):
    check_attack(attacks.make(spec))


def test_a_choice_is_turned_under_the_masking_threshold():
    model = CurvedModel(np.random.default_rng(3).standard_normal(8000).astype(np.float32), threshold=1.0)
    stimulus = toy_stimulus(n_samples=8000)
    attempt = (
        attacks.make("choice_flip:steps=5").run(System(model), [stimulus], rng=np.random.default_rng(0)).attempts[0]
    )
    assert attempt.within_budget and attempt.distortion.masking_excess_db <= 0.0 and attempt.distortion.snr_db >= 20
    assert model.product(attempt.clip.samples) > model.product(stimulus.clip.samples)


# ---- voices ----


def test_the_pitch_of_a_voice():
    assert [median_pitch_hz(voice(hz)) for hz in (100, 160, 220)] == pytest.approx([100, 160, 220], rel=0.02)
    assert median_pitch_hz(AudioClip(np.zeros(8000, np.float32), RATE)) is None


def test_a_voice_is_moved_towards_another_and_the_control_away():
    owner, impostor = voice(180, slope=0.7), voice(120)
    attempt = run("voice_clone", two_voices(owner, impostor))
    assert median_pitch_hz(attempt.clip) == pytest.approx(180, rel=0.03) and attempt.drawn[
        "pitch_ratio"
    ] == pytest.approx(1.5, rel=0.03)
    assert attempt.drawn["tract_ratio"] == pytest.approx(1.5 ** (1 / 3), rel=0.02)
    assert median_pitch_hz(attempt.control_trial.stimulus.clip) == pytest.approx(80, rel=0.05)
    assert attempt.stimulus.clips["enrolment"] == owner

    def slope(clip):
        mel = spectra.log_mel(clip.samples, RATE).mean(axis=0)
        return float(np.polyfit(np.arange(len(mel)), mel, 1)[0])

    assert slope(towards(impostor, owner)[0]) > slope(impostor)


def test_what_is_replayed_is_the_owner_and_in_the_control_the_impostor():
    owner, impostor = voice(180), voice(120)
    attempt = run("replayed_voice", two_voices(owner, impostor))
    assert median_pitch_hz(attempt.clip) == pytest.approx(180, rel=0.03)
    assert median_pitch_hz(attempt.control_trial.stimulus.clip) == pytest.approx(120, rel=0.03)
    assert (
        run("replayed_voice:rt60_s=0", request()).unjudged == "attack_failed" == run("voice_clone", request()).unjudged
    )


# ---- vocoder, watermark ----


def test_what_a_mel_spectrogram_leaves_has_the_mels_and_not_the_samples():
    clip = voice(150)
    made = from_mels(clip.samples, RATE, n_mels=80, iterations=32)
    before, after = (spectra.log_mel(samples, RATE, n_mels=40)[5:-5] for samples in (clip.samples, made))
    assert made.shape == clip.samples.shape and np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
    assert signal_to_noise_db(clean=clip.samples, perturbed=made) < 10
    assert (
        np.abs(after - before).mean()
        < np.abs(
            spectra.log_mel(from_mels(clip.samples, RATE, n_mels=80, iterations=1), RATE, n_mels=40)[5:-5] - before
        ).mean()
    )


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_leaves_something_else_that_still_sounds(edit):
    stimulus = request().with_clip(voice(150))
    attempt = run(f"watermark_removal:edit={edit}", stimulus)
    softer = {"gain": 13, "high_pass": 13, "clipping": 20}  # edits that take level away
    near = pytest.approx(stimulus.clip.level_dbfs, abs=softer.get(edit, 3))
    assert attempt.clip != stimulus.clip and attempt.clip.level_dbfs == near
    assert attempt.control_trial.stimulus.clip == stimulus.clip


@pytest.mark.parametrize(
    "spec", ["vocoder_evasion:iterations=1", "vocoder_evasion:iterations=200,n_mels=20", "vocoder_evasion:n_mels=256"]
)
def test_a_parameter_may_lie_at_the_end_of_its_range(spec):
    assert str(attacks.make(spec).spec) == spec


@pytest.mark.parametrize("spec", ["vocoder_evasion:iterations=4", "watermark_removal:edit=noise"])
def test_each_meets_the_contract(spec):
    check_attack(attacks.make(spec))


@pytest.mark.parametrize(("spec", "told"), [
    ("malafide:taps=4", "odd number from 3 to 4097, got 4"), ("malafide:steps=0", "at least 1, got 0"),
    ("choice_flip:steps=0", "at least 1, got 0"), ("choice_flip:step_size=0", "positive share"),
    ("replayed_voice:rt60_s=9", "from 0.05 to 2, got 9"), ("vocoder_evasion:n_mels=3", "from 20 to 256, got 3"),
    ("watermark_removal:edit=x", "edit of watermark_removal must be one of noise"),
])  # fmt: skip  # a table: one row a line
def test_parameters_out_of_range_are_refused(spec, told):
    with pytest.raises(BadParameter, match=told):
        attacks.make(spec)
