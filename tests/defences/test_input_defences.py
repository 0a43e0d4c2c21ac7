"""Input defences: cases by hand, adjoints, neutral settings, clips of any length, and silence that is not sent."""

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.audio.prediction import driven, predictors, residual
from earnest.audio.resampling import resampled, transposed
from earnest.audio.short_time import Grid, griffin_lim
from earnest.audio.spectra import mel_filters
from earnest.defences import defences
from earnest.defences.band_limit import centroid_hz
from earnest.defences.band_mask import BandMask
from earnest.defences.denoise import log_spectral_gain, log_spectral_gains, noise_power
from earnest.defences.lpc import pitch_periods
from earnest.defences.mel_inversion import MelInversion
from earnest.errors import BadAudio, BadParameter

NEW = (
    "resampling", "quantise", "band_limit", "band_limit:kind=shelves", "band_mask", "spectral_gate", "vad_trim",
    "vad_trim:pauses=true", "random_padding", "random_speed", "lpc", "lpc:excitation=noise", "lpc:excitation=residual",
    "mel_inversion", "denoise",
)  # fmt: skip  # a table
EXACT = ("resampling", "resampling:sample_rate=6000", "band_limit", "band_mask", "vad_trim", "vad_trim:pauses=true",
         "random_padding", "random_speed", "random_speed:low=1.3,high=1.3")  # fmt: skip
NEUTRAL = ("resampling:sample_rate=16000", "quantise:q=1", "band_limit:low_hz=0,high_hz=8000", "spectral_gate:reduction=0",
           "vad_trim:range_db=120,floor_dbfs=-200", "random_padding:total_ms=0", "random_speed:low=1,high=1",
           "denoise:strength=0")  # fmt: skip


def rng(seed=0):
    return np.random.default_rng(seed)


def speechlike(seconds=0.6, rate=16_000, seed=0):
    """Bursts of harmonics between pauses, and hiss."""
    time_s = np.arange(round(seconds * rate)) / rate
    bursts = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, 1)
    voice = sum(np.sin(2 * np.pi * 120 * k * time_s) / k for k in range(1, 30))
    samples = 0.1 * bursts * voice + 0.002 * rng(seed).standard_normal(len(time_s))
    return AudioClip(samples.astype(np.float32), rate).quantised()


def applied(spec, clip, seed=0):
    return defences.make(spec).apply(clip, rng=rng(seed))


# ---- what all have in common ----


@pytest.mark.parametrize("spec", NEW)
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_clips_of_any_length_come_back_or_say_that_nothing_is_left(spec, rate):
    defence = defences.make(spec)
    for n in (1, 2, 9, 700):
        clip = AudioClip((0.1 * rng(n).standard_normal(n)).astype(np.float32), rate)
        digest = clip.digest
        try:
            heard = defence.apply(clip, rng=rng(1))
        except BadAudio as error:
            assert "nothing" in str(error) or "must leave something" in str(error)
            continue
        back = defence.backward(np.ones(heard.n_samples, np.float32), clip=clip, rng=rng(1))
        assert back.shape == (n,) and back.dtype == np.float32 and np.isfinite(back).all()
        assert heard.sample_rate == rate and AudioClip(np.array(clip.samples), rate).digest == digest


@pytest.mark.parametrize("spec", [spec for spec in NEW if not spec.startswith("vad_trim")])
def test_silence_stays_finite_silence(spec):
    heard = applied(spec, AudioClip(np.zeros(4000, np.float32), 16_000))
    assert not heard.samples.any()


@pytest.mark.parametrize("spec", NEUTRAL)
def test_a_neutral_setting_changes_nothing(spec):
    clip = speechlike(0.2)
    assert np.array_equal(applied(spec, clip).samples, clip.samples)


@pytest.mark.parametrize("spec", NEW)
def test_one_seed_gives_one_clip_and_what_draws_says_so(spec):
    clip, defence = speechlike(0.3), defences.make(spec)
    first, again, other = (defence.apply(clip, rng=rng(seed)) for seed in (1, 1, 2))
    assert first == again and (first != other) == defence.random


@pytest.mark.parametrize("spec", EXACT)
@pytest.mark.parametrize("n", [1000, 4801])
def test_the_gradient_is_the_adjoint_of_the_change(spec, n):
    """<g, J d> = <J' g, d>; the maps are linear once what is kept or drawn is settled."""
    defence, rate = defences.make(spec), 16_000
    loud = np.zeros(n)
    loud[n // 4 : n // 2] = 0.1  # so that trimming has something to trim
    base = AudioClip((loud * rng(1).standard_normal(n)).astype(np.float32), rate)
    there = defence.apply(base, rng=rng(4)).samples.astype(np.float64)
    # a change in the same places, small enough to settle nothing otherwise
    change = (0.01 * loud * rng(2).standard_normal(n)).astype(np.float32)
    moved = defence.apply(base.with_samples(base.samples + change), rng=rng(4)).samples - there
    weights = rng(3).standard_normal(len(there)).astype(np.float32)
    back = defence.backward(weights, clip=base, rng=rng(4))
    norm = np.linalg.norm(moved) * np.linalg.norm(weights)
    assert defence.gradient == "exact"
    assert np.dot(moved, weights) == pytest.approx(np.dot(back.astype(np.float64), change), abs=2e-4 * float(norm))


@pytest.mark.parametrize(
    "spec", ["quantise", "lpc", "mel_inversion", "denoise", "spectral_gate", "band_limit:kind=shelves"]
)
def test_what_has_no_derivative_says_so(spec):
    assert defences.make(spec).gradient == "stand_in"


@pytest.mark.parametrize(
    "spec, message",
    [
        ("resampling:sample_rate=10", "sample_rate must be"),
        ("quantise:q=100", "q of quantise must be a power of two"),
        ("band_limit:low_hz=500,high_hz=100", "of band_limit must"),
        ("band_limit:kind=notch", "kind of band_limit must"),
        ("band_mask:low_hz=8000", "of band_mask must"),
        ("spectral_gate:reduction=2", "reduction of spectral_gate must"),
        ("vad_trim:margin_ms=-1", "margin_ms of vad_trim must"),
        ("random_padding:total_ms=-1", "total_ms of random_padding must"),
        ("random_speed:low=1.2,high=1.1", "low and high of random_speed must"),
        ("lpc:order=0", "order of lpc must"),
        ("lpc:excitation=buzz", "excitation of lpc must"),
        ("mel_inversion:n_mels=5", "n_mels of mel_inversion must"),
        ("denoise:strength=1.5", "strength of denoise must"),
    ],
)
def test_parameters_out_of_range_are_refused(spec, message):
    with pytest.raises(BadParameter, match=message):
        defences.make(spec)


@pytest.mark.parametrize(
    "spec, samples, message",
    [
        ("quantise:q=1024", np.full(500, 0.01), "quantise must leave something of a clip with sound .peak 0.01., got a peak of 0"),
        ("vad_trim", np.zeros(500), "vad_trim must find speech above -70 dBFS.*leave nothing"),
        ("band_limit:low_hz=3000,high_hz=4000", 0.001 * np.hanning(30_000), "band_limit must leave something"),
        ("spectral_gate", np.tile([0.1, -0.1], 250), "spectral_gate must leave something"),
    ],
)  # fmt: skip
def test_a_clip_that_would_be_emptied_is_an_error_and_not_silence(spec, samples, message):
    with pytest.raises(BadAudio, match=message):
        applied(spec, AudioClip(samples.astype(np.float32), 16_000))


# ---- one by one ----


def test_quantise_rounds_to_multiples_of_q_by_hand():
    # q = 256 is 2^-7 of full scale, 0.0078125; 0.0039 is just under half a step, 0.0040 just above
    heard = applied("quantise:q=256", AudioClip(np.array([0.0039, 0.0040, -0.1, 0.999, -1.5], np.float32), 16_000))
    assert heard.samples.tolist() == [0.0, 2**-7, -13 * 2**-7, 1 - 2**-7, -1.0]
    assert len(np.unique(np.rint(applied("quantise:q=1024", speechlike()).samples * 32))) <= 64


def test_resampling_takes_away_what_the_lower_rate_cannot_hold():
    time_s = np.arange(16_000) / 16_000
    low, high = (np.sin(2 * np.pi * hz * time_s).astype(np.float32) for hz in (1000, 6000))
    heard = applied("resampling", AudioClip(low + high, 16_000)).samples
    assert np.abs(heard - low)[500:-500].max() < 1e-3


@pytest.mark.parametrize("rates", [(16_000, 8_000), (16_000, 6_000), (44_100, 8_000), (1.1, 1.0), (0.9, 1.0)])
def test_the_adjoint_of_resampling(rates):
    x = rng(1).standard_normal(4321).astype(np.float32)
    y = resampled(x, rates[0], to=rates[1])
    g = rng(2).standard_normal(len(y)).astype(np.float32)
    back = transposed(g, rates[0], to=rates[1], n_samples=len(x))
    norm = np.linalg.norm(y) * np.linalg.norm(g)
    tolerance = 1e-6 if rates == (16_000, 8_000) else 1e-4
    assert np.dot(y.astype(np.float64), g) == pytest.approx(
        np.dot(back.astype(np.float64), x), abs=tolerance * float(norm)
    )


@pytest.mark.parametrize("rates", [(16_000, 6_000), (6_000, 16_000), (44_100, 8_000), (1.1, 1.0)])
@pytest.mark.parametrize("n", [1, 3, 9, 60, 1500])
def test_the_adjoint_of_resampling_holds_for_short_clips_and_at_the_start(rates, n):
    """The first samples' rows of the operator, by its responses to them; run the other way alone it is 2 to 10 % off there."""
    g = rng(2).standard_normal(max(1, round(n * rates[1] / rates[0]))).astype(np.float32)
    back = transposed(g, rates[0], to=rates[1], n_samples=n)
    places = range(min(n, 12))
    first = [resampled(np.eye(1, n, k, dtype=np.float32)[0], rates[0], to=rates[1]) for k in places]
    assert back.shape == (n,) and back.dtype == np.float32
    assert back[: len(first)] == pytest.approx(np.stack(first) @ g, abs=2e-3 if n == 1500 else 1e-6)


def test_shelves_follow_the_clips_centroid():
    time_s = np.arange(16_000) / 16_000
    tone = AudioClip((0.3 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32), 16_000)
    assert centroid_hz(tone) == pytest.approx(1000, rel=0.02)
    for hz, expected_db in ((25, -30), (1000, 0), (4000, -12)):
        probe = tone.with_samples((tone.samples + 0.02 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32))
        heard = applied("band_limit:kind=shelves", probe).samples
        at = np.abs(np.fft.rfft(heard) / np.fft.rfft(probe.samples))[hz]
        assert 20 * np.log10(at) == pytest.approx(expected_db, abs=1.5)


def test_the_mask_empties_its_band_and_leaves_the_rest():
    noise = AudioClip((0.1 * rng().standard_normal(32_000)).astype(np.float32), 16_000)
    heard = applied("band_mask", noise).samples
    before, after = (np.abs(np.fft.rfft(x)) for x in (noise.samples, heard))
    hz = np.fft.rfftfreq(32_000, 1 / 16_000)
    inside, outside = (hz > 7525) & (hz < 7955), (hz < 7490) | (hz > 7990)
    assert after[inside].sum() < 0.02 * before[inside].sum()
    assert np.median(np.abs(after[outside] / before[outside] - 1)) < 1e-3
    telephone = AudioClip(noise.samples, 8_000)
    assert applied("band_mask", telephone) is telephone


def test_the_audit_says_how_much_of_a_change_lies_in_the_band():
    clean = speechlike(1.0)
    time_s = np.arange(clean.n_samples) / 16_000
    tones = [0.02 * np.sin(2 * np.pi * hz * time_s) for hz in (7700, 1000)]
    perturbed = clean.with_samples((clean.samples + tones[0] + 2 * tones[1]).astype(np.float32))
    assert BandMask().energy_share(clean=clean, perturbed=perturbed) == pytest.approx(1 / 5, abs=0.01)
    noise = clean.with_samples((clean.samples + 0.01 * rng().standard_normal(clean.n_samples)).astype(np.float32))
    assert BandMask().energy_share(clean=clean, perturbed=noise) == pytest.approx(440 / 8000, abs=0.005)
    assert np.isnan(BandMask().energy_share(clean=clean, perturbed=clean))
    with pytest.raises(BadParameter, match="must have one rate and length"):
        BandMask().energy_share(clean=clean, perturbed=speechlike(0.5))


def test_trimming_keeps_what_speaks_and_its_margins():
    # at 1 kHz a frame is 20 samples: frames 2 and 6 of ten are active, margins of 10 samples
    samples = np.zeros(200, np.float32)
    samples[40:60] = samples[120:140] = 0.5
    clip = AudioClip(samples, 1000)
    assert np.array_equal(applied("vad_trim:margin_ms=10", clip).samples, samples[30:150])
    kept = np.r_[30:70, 110:150]
    assert np.array_equal(applied("vad_trim:margin_ms=10,pauses=true", clip).samples, samples[kept])
    back = defences.make("vad_trim:margin_ms=10,pauses=true").backward(
        np.arange(80, dtype=np.float32), clip=clip, rng=rng()
    )
    assert np.array_equal(back[kept], np.arange(80)) and back.sum() == np.arange(80).sum()


def test_padding_has_a_fixed_length_and_a_drawn_place():
    clip = AudioClip(np.ones(10, np.float32), 1000)
    heard = [applied("random_padding:total_ms=30", clip, seed=seed) for seed in range(40)]
    places = {int(np.flatnonzero(one.samples)[0]) for one in heard}
    assert {one.n_samples for one in heard} == {40} and len(places) > 15 and max(places) <= 30
    assert all(one.samples.sum() == 10 for one in heard)


def test_speed_is_drawn_between_its_ends_and_tones_move():
    time_s = np.arange(16_000) / 16_000
    clip = AudioClip(np.sin(2 * np.pi * 1000 * time_s).astype(np.float32), 16_000)
    lengths = [applied("random_speed", clip, seed=seed).n_samples for seed in range(20)]
    assert 16_000 / 1.05 - 1 <= min(lengths) < max(lengths) <= 16_000 / 0.95 + 1 and len(set(lengths)) > 15
    faster = applied("random_speed:low=1.25,high=1.25", clip).samples
    assert np.argmax(np.abs(np.fft.rfft(faster))) * 16_000 / len(faster) == pytest.approx(1250, abs=2)


def test_prediction_is_that_of_the_normal_equations_and_the_residual_gives_the_frame_again():
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    frames = rng().standard_normal((3, 240)).cumsum(axis=1)
    frames[2] = 0
    taps = predictors(frames, 20)
    own = np.correlate(frames[0], frames[0], "full")[239:260]
    own[0] *= 1 + 1e-6
    assert taps[0, 1:] == pytest.approx(-solve_toeplitz(own[:20], own[1:]), abs=1e-9)
    assert taps[2].tolist() == [1.0] + [0.0] * 20
    left = residual(frames, taps)
    assert left[1] == pytest.approx(lfilter(taps[1], [1.0], frames[1]), abs=1e-9)
    assert driven(left, taps) == pytest.approx(frames, abs=1e-9)


def test_prediction_of_a_decay_by_hand():
    # x = 1, 1/2, 1/4, ...: r1 / r0 = 1/2, so the sample before, halved, predicts the next, and 1 is left at the start
    frame = 0.5 ** np.arange(60)[None]
    taps = predictors(frame, 1)
    assert taps[0].tolist() == pytest.approx([1, -0.5], abs=1e-5)
    assert residual(frame, taps)[0, :3].tolist() == pytest.approx([1, 0, 0], abs=1e-5)


def test_the_residual_speaks_the_clip_again_and_a_made_excitation_keeps_its_spectrum():
    clip = speechlike()
    assert np.abs(applied("lpc:excitation=residual", clip).samples - clip.samples).max() < 1e-6
    for excitation in ("voiced", "noise"):
        heard = applied(f"lpc:excitation={excitation}", clip)
        assert heard.level_dbfs == pytest.approx(clip.level_dbfs, abs=4)
        assert abs(np.corrcoef(heard.samples, clip.samples)[0, 1]) < 0.8  # other samples


def test_pitch_of_pulses_is_found_and_noise_has_none():
    pulses = np.zeros(400)
    pulses[::100] = 1.0
    noise = rng().standard_normal(400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    assert pitch_periods(np.stack([pulses * window, noise * window]), 16_000).tolist() == [100, 0]


def test_frames_taken_apart_and_put_together_are_the_clip():
    for n in (1, 7, 1000):
        samples, grid = rng(n).standard_normal(n), Grid(frame=64)
        assert grid.samples(grid.spectra(samples), n) == pytest.approx(samples, abs=1e-6)  # the window is float32


def test_griffin_lim_nears_the_magnitudes_step_by_step():
    clip, grid = speechlike(), Grid.of(0.032, 16_000)
    wanted = np.abs(grid.spectra(clip.samples.astype(np.float64)))
    errors = []
    for iterations in (0, 4, 32):
        samples, phases = griffin_lim(wanted, grid=grid, n_samples=clip.n_samples, iterations=iterations)
        errors.append(np.linalg.norm(np.abs(grid.spectra(samples)) - wanted) / np.linalg.norm(wanted))
        assert np.abs(phases) == pytest.approx(1.0)
    assert errors[0] > 1.5 * errors[1] > 1.5 * errors[2] and errors[2] < 0.2


def test_mel_filters_equal_a_reference():
    # librosa 0.11.0: filters.mel(sr=16000, n_fft=64, n_mels=6, fmin=125, fmax=7600, htk=True, norm=None), filters 2 and 5
    second = {2: 0.117514, 3: 0.675234, 4: 0.832492, 5: 0.431455, 6: 0.030419}
    fifth = {10: 0.094637, 11: 0.301994, 12: 0.509352, 13: 0.716709, 14: 0.924067, 15: 0.905497, 16: 0.756394,
             17: 0.607291, 18: 0.458187, 19: 0.309084, 20: 0.15998, 21: 0.010877}  # fmt: skip
    filters = mel_filters(sample_rate=16_000, n_fft=64, n_mels=6, low_hz=125.0, high_hz=7600.0)
    for column, reference in ((1, second), (4, fifth)):
        assert filters[:, column] == pytest.approx([reference.get(row, 0.0) for row in range(33)], abs=1e-5)


def test_mel_inversion_keeps_bands_and_loses_phases():
    clip = speechlike()
    heard = applied("mel_inversion", clip)
    grid = Grid.of(0.064, 16_000)
    filters = mel_filters(sample_rate=16_000, n_fft=grid.frame, n_mels=40, low_hz=125.0, high_hz=7600.0)
    before, after = (np.abs(grid.spectra(x.samples)) @ filters for x in (clip, heard))
    assert np.linalg.norm(before - after) < 0.35 * np.linalg.norm(before)
    assert abs(np.corrcoef(heard.samples, clip.samples)[0, 1]) < 0.9


def test_the_stand_in_of_mel_inversion_is_the_derivative_under_held_phases():
    clip = speechlike(0.3)
    grid, defence = Grid.of(0.064, 16_000), MelInversion(iterations=4)

    def kept(samples):
        return defence._kept(np.abs(grid.spectra(samples)), 16_000)

    plain = clip.samples.astype(np.float64)
    _, phases = griffin_lim(kept(clip.samples), grid=grid, n_samples=clip.n_samples, iterations=4)
    change = clip.samples * (1 + 0.5 * np.sin(np.arange(clip.n_samples) / 50))
    weights = rng(2).standard_normal(clip.n_samples).astype(np.float32)
    ends = [grid.samples(kept(plain + sign * 1e-4 * change) * phases, clip.n_samples) for sign in (1, -1)]
    along = float(np.dot(ends[0] - ends[1], weights)) / 2e-4
    back = defence.backward(weights, clip=clip, rng=rng())
    assert float(np.dot(back.astype(np.float64), change)) == pytest.approx(along, rel=0.01)


def test_gains_of_the_log_spectral_estimator_by_hand():
    # xi = gamma = 1: v = 1/2, E1(1/2) = 0.559774, so the gain is 1/2 exp(0.279887) = 0.661491
    # xi = 100, gamma = 101: v = 100, E1(100) = 0, so Wiener's 100 / 101; xi = 0.01, gamma = 1: 0.0099010 exp(E1(0.0099) / 2)
    gains = log_spectral_gain(np.array([1.0, 100.0, 0.01]), np.array([1.0, 101.0, 1.0]))
    assert gains == pytest.approx([0.661491, 100 / 101, 0.0749357], abs=1e-5)


def test_the_a_priori_ratio_follows_the_frame_before():
    # noise 1; power 1 and then 11. Frame 1: xi = 0.98 * 1 + 0 = 0.98. Frame 2: xi = 0.98 G1^2 * 1 + 0.02 * 10
    gains = log_spectral_gains(np.array([[1.0], [11.0]]), np.array([1.0]))[:, 0]
    first = float(log_spectral_gain(np.array(0.98), np.array(1.0)))
    second = float(log_spectral_gain(np.array(0.98 * first**2 + 0.2), np.array(11.0)))
    assert gains.tolist() == pytest.approx([first, second])
    assert log_spectral_gains(np.array([[0.0], [5.0]]), np.array([0.0])).tolist() == [[1.0], [1.0]]


def test_the_noise_of_noise_is_its_mean_power():
    power = rng().exponential(3.0, size=(20_000, 2))
    assert noise_power(power) == pytest.approx([3.0, 3.0], rel=0.05)


@pytest.mark.parametrize("spec", ["denoise", "spectral_gate"])
def test_noise_between_words_is_lowered_by_more_than_words(spec):
    hiss = 0.01 * rng(5).standard_normal(24_000)
    word = slice(10_000, 12_500)
    samples = hiss.copy()
    samples[word] += 0.2 * rng(6).standard_normal(2500)
    heard = applied(spec, AudioClip(samples.astype(np.float32), 16_000)).samples

    def lowered_db(where):
        return 10 * np.log10(np.mean(samples[where] ** 2) / max(np.mean(heard[where] ** 2), 1e-20))

    assert lowered_db(word) < 3 and lowered_db(slice(2000, 8000)) > 6


@pytest.mark.parametrize("spec", ["denoise", "spectral_gate"])
def test_a_held_gain_is_its_own_adjoint(spec):
    clip, defence = speechlike(0.3), defences.make(spec)
    g, d = (rng(seed).standard_normal(clip.n_samples).astype(np.float32) for seed in (1, 2))
    ahead = np.dot(defence.backward(d, clip=clip, rng=rng()).astype(np.float64), g)
    back = np.dot(defence.backward(g, clip=clip, rng=rng()).astype(np.float64), d)
    assert ahead == pytest.approx(back, abs=1e-4 * float(np.linalg.norm(g) * np.linalg.norm(d)))
    own = defence.backward(clip.samples, clip=clip, rng=rng())
    assert np.allclose(own, defence.apply(clip, rng=rng()).samples, atol=1e-6)  # the gains are those of apply
