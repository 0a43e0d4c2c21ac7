"""Every effect: what it promises, by property and by hand."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest import registry
from earnest.audio import AudioClip, effects, levels, spectra
from earnest.errors import BadAudio, BadParameter, UnknownName

RATE = 16000
NEEDS_AV = pytest.mark.skipif(not registry.has_extra("av"), reason="needs the codecs extra")
CODECS = [
    "mu_law", "a_law", "gsm", "mp3", "opus", "vorbis",
    *(pytest.param(name, marks=NEEDS_AV) for name in ("aac", "g722", "amr_nb")),
]  # fmt: skip  # a table: one row a line


def voice(seed: int = 0, duration_s: float = 1.5, sample_rate: int = RATE) -> np.ndarray:
    """Harmonics of a gliding pitch in syllables with breath: sounds that a speech codec takes for speech."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    pitch_hz = rng.uniform(100, 220) * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * time_s))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate
    harmonics = sum(np.sin(k * phase + k * k) / k for k in range(1, 15))
    syllables = np.maximum(0.0, np.sin(2 * np.pi * rng.uniform(2.5, 4.0) * time_s + 0.3))
    return (0.12 * syllables * harmonics + 0.002 * rng.standard_normal(len(time_s))).astype(np.float32)


def click_and_decay() -> AudioClip:
    rng = np.random.default_rng(9)
    response = 0.1 * rng.standard_normal(4000) * np.exp(-np.arange(4000) / 700)
    response[37] = 1.0
    response[:37] = 0.0
    return AudioClip(response.astype(np.float32), RATE)


OTHER = AudioClip(voice(5, 0.7), RATE)
NEEDED = {
    "noise": {"snr_db": 10},
    "second_speaker": {"other": OTHER, "snr_db": 5},
    "babble": {"others": [OTHER, AudioClip(voice(6, 3.0), RATE)], "snr_db": 5},
    "room": {"rt60_s": 0.3},
    "codec": {"name": "mu_law"},
    "speed": {"factor": 1.2},
    "tempo": {"factor": 0.8},
    "pitch": {"cents": 300},
    "clipping": {"level": 0.3},
    "band_limit": {"low_hz": 300, "high_hz": 3400},
    "gain": {"gain_db": -6},
    "quantise": {"n_bits": 6},
    "packet_loss": {"rate": 0.2},
    "microphone": {},
    "telephone": {"codecs": ["mu_law"], "rate": 0.1},
}
CLIPS = {
    name: {key: value for key, value in needed.items() if key in ("other", "others")} for name, needed in NEEDED.items()
}
NOTHING = {
    "noise": {"snr_db": None},
    "second_speaker": {"snr_db": math.inf, "other": OTHER},
    "babble": {"snr_db": None, "others": [OTHER]},
    "room": {"rt60_s": 0},
    "speed": {"factor": 1},
    "tempo": {"factor": 1.0},
    "pitch": {"cents": 0},
    "clipping": {"level": 1},
    "band_limit": {},
    "gain": {"gain_db": 0},
    "packet_loss": {"rate": 0},
}


def seeded(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_effect_is_in_the_tables():
    assert set(NEEDED) == set(effects.EFFECTS) == set(effects.SEVERITY)
    assert all(len(steps) == 5 for steps in effects.SEVERITY.values())


@pytest.mark.parametrize("name", NEEDED)
def test_form_is_kept_and_nothing_else_is_touched(name):
    samples = voice()
    before = samples.copy()
    state = np.random.get_state()[1].copy()
    changed, drawn = effects.apply(name, samples, RATE, rng=seeded(), **NEEDED[name])
    assert changed.dtype == np.float32
    assert changed.ndim == 1
    assert np.isfinite(changed).all()
    assert not np.shares_memory(changed, samples)
    if name not in ("speed", "tempo"):
        assert changed.shape == samples.shape
    assert not np.array_equal(changed, samples)
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn
    assert drawn["n_clipped"] == np.count_nonzero(np.abs(changed) > 1)


@pytest.mark.parametrize("name", NEEDED)
def test_one_seed_gives_the_same_bits_and_drawn_replays_them(name):
    samples = voice()
    first, drawn = effects.apply(name, samples, RATE, rng=seeded(), **NEEDED[name])
    second, drawn_again = effects.apply(name, samples, RATE, rng=seeded(), **NEEDED[name])
    assert first.tobytes() == second.tobytes()
    assert drawn == drawn_again
    replayed, drawn_then = effects.apply(name, samples, RATE, **{**json.loads(json.dumps(drawn)), **CLIPS[name]})
    assert first.tobytes() == replayed.tobytes()
    assert drawn_then == drawn


@pytest.mark.parametrize("name", ["noise", "second_speaker", "room", "packet_loss"])
def test_another_seed_draws_otherwise(name):
    one, _ = effects.apply(name, voice(), RATE, rng=seeded(1), **NEEDED[name])
    two, _ = effects.apply(name, voice(), RATE, rng=seeded(2), **NEEDED[name])
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("name", NOTHING)
def test_a_zero_budget_changes_nothing(name):
    samples = voice()
    samples[5] = 1.5  # not even what lies beyond full scale
    changed, drawn = effects.apply(name, samples, RATE, rng=seeded(), **NOTHING[name])
    np.testing.assert_array_equal(changed, samples)
    assert drawn["n_clipped"] == 1
    json.dumps(drawn, allow_nan=False)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("severity", [1, 5])
def test_severities_run(name, severity):
    changed, drawn = effects.apply(name, voice(), RATE, severity=severity, rng=seeded(), **CLIPS[name])
    assert np.isfinite(changed).all()
    for key, value in effects.SEVERITY[name][severity - 1].items():
        assert drawn[key] == value


@pytest.mark.parametrize("name", sorted(set(NEEDED) - {"speed", "tempo", "pitch", "telephone"}))
def test_severities_grow(name):
    samples = voice()
    clean = spectra.log_mel(samples, RATE)
    distances = [
        float(
            np.abs(
                spectra.log_mel(effects.apply(name, samples, RATE, severity=step, rng=seeded(), **CLIPS[name])[0], RATE)
                - clean
            ).mean()
        )
        for step in (1, 3, 5)
    ]
    assert distances == sorted(distances)
    assert distances[0] < distances[2]


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("n_samples", [1, 2, 50, 333])
def test_very_short_clips(name, n_samples):
    samples = np.full(n_samples, 0.25, np.float32)
    changed, _ = effects.apply(name, samples, RATE, rng=seeded(), **NEEDED[name])
    assert len(changed) >= 1
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("sample_rate", [8000, 44100, 96000])
def test_other_sample_rates(name, sample_rate):
    samples = voice(sample_rate=sample_rate)
    changed, _ = effects.apply(name, samples, sample_rate, rng=seeded(), **NEEDED[name])
    assert np.isfinite(changed).all()
    if name not in ("speed", "tempo"):
        assert len(changed) == len(samples)


@pytest.mark.parametrize("name", sorted(set(NEEDED) - {"noise", "second_speaker", "babble", "microphone"}))
def test_silence_stays_nearly_silent(name):
    silence = np.zeros(8000, np.float32)
    changed, _ = effects.apply(name, silence, RATE, rng=seeded(), **NEEDED[name])
    assert np.abs(changed).max() <= 1e-3


@pytest.mark.parametrize("name", ["noise", "second_speaker", "babble"])
def test_a_ratio_to_silence_has_no_meaning(name):
    with pytest.raises(BadParameter, match=r"got silence; leave the item out, or pass snr_db=None"):
        effects.apply(name, np.zeros(800, np.float32), RATE, rng=seeded(), **NEEDED[name])


@settings(deadline=None, max_examples=40)
@given(
    snr_db=st.floats(-30, 60),
    colour=st.sampled_from(["white", "pink", "brown", "blue", "speech"]),
    level=st.floats(-60, 0),
    seed=st.integers(0, 2**32 - 1),
)
def test_noise_meets_its_ratio(snr_db, colour, level, seed):
    samples = levels.scaled_to_dbfs(voice(duration_s=0.5), level)
    noisy, drawn = effects.noise(samples, RATE, snr_db=snr_db, colour=colour, rng=seeded(seed))
    added = noisy.astype(np.float64) - samples
    met = 10 * math.log10(np.mean(np.square(samples, dtype=np.float64)) / np.mean(added**2))
    assert met == pytest.approx(snr_db, abs=0.01)
    assert drawn["snr_db"] == snr_db


@pytest.mark.parametrize(("colour", "slope_db"), [("white", 0), ("pink", -3), ("brown", -6), ("blue", 3)])
def test_noise_has_its_colour(colour, slope_db):
    samples = np.ones(1 << 18, np.float32)
    noisy, _ = effects.noise(samples, RATE, snr_db=0, colour=colour, offset=0)
    edges = (100, 200, 400, 800, 1600, 3200, 6400)
    octaves = 10 * np.log10(spectra.band_powers(noisy - samples, RATE, edges_hz=edges) / np.diff(edges))
    np.testing.assert_allclose(np.diff(octaves), slope_db, atol=0.6)


def test_noise_longer_than_the_bank():
    samples = np.ones(1_200_000, np.float32)
    noisy, _ = effects.noise(samples, RATE, snr_db=10, rng=seeded())
    assert levels.signal_to_noise_db(clean=samples, perturbed=noisy) == pytest.approx(10, abs=0.01)


def test_second_speaker_meets_its_ratio_and_begins_where_asked():
    samples = voice()
    mixed, drawn = effects.second_speaker(samples, RATE, other=OTHER, snr_db=6.0, offset_s=0.25)
    assert levels.signal_to_noise_db(clean=samples, perturbed=mixed) == pytest.approx(6.0, abs=0.01)
    assert drawn["other"] == OTHER.digest
    added = mixed.astype(np.float64) - samples
    assert np.corrcoef(added[:7000], OTHER.samples[4000:11000])[0, 1] > 0.999


def test_second_speaker_of_another_rate():
    other = AudioClip(voice(5, 0.7, 8000), 8000)
    mixed, _ = effects.second_speaker(voice(), RATE, other=other, snr_db=0.0, rng=seeded())
    assert levels.signal_to_noise_db(clean=voice(), perturbed=mixed) == pytest.approx(0.0, abs=0.01)


def test_babble_weighs_all_voices_alike():
    loud, soft = AudioClip(voice(7), RATE), AudioClip(0.01 * voice(8), RATE)
    samples = voice()
    mixed, _ = effects.babble(samples, RATE, others=[loud, soft], snr_db=0.0, offsets_s=[0.0, 0.0])
    added = mixed - samples
    shares = [abs(np.dot(added, other.samples)) / np.linalg.norm(other.samples) for other in (loud, soft)]
    assert shares[0] == pytest.approx(shares[1], rel=0.2)


def test_room_keeps_level_and_onset():
    samples = np.zeros(16000, np.float32)
    samples[4000:4400] = voice()[2000:2400]
    wet, drawn = effects.room(samples, RATE, rt60_s=0.4, rng=seeded())
    assert levels.level_dbfs(wet) == pytest.approx(levels.level_dbfs(samples), abs=0.01)
    assert np.abs(wet[:3950]).max() < 0.02 * np.abs(wet).max()
    assert set(drawn) == {"rt60_s", "size_m", "source_m", "microphone_m", "tail_seed", "gain_applied_db", "n_clipped"}


def test_room_with_a_response_is_convolution_with_it():
    samples, response = voice(), click_and_decay()
    wet, drawn = effects.room(samples, RATE, impulse_response=response)
    plain = np.convolve(samples.astype(np.float64), response.samples)[37 : 37 + len(samples)]
    plain *= np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / np.mean(plain**2))
    np.testing.assert_allclose(wet, plain, atol=2e-6)
    assert drawn["impulse_response"] == response.digest


def test_room_with_a_mere_click_changes_nothing_but_rounding():
    click = AudioClip(np.array([0, 0, -0.5, 0], np.float32), RATE)  # the sign of the direct sound is taken out
    np.testing.assert_allclose(effects.room(voice(), RATE, impulse_response=click)[0], voice(), atol=1e-6)


def lag_s(clean: np.ndarray, perturbed: np.ndarray, sample_rate: int, *, within_s: float) -> float:
    """By how much the second lags behind the first, where they are most alike."""
    clean, perturbed = clean - clean.mean(), perturbed - perturbed.mean()
    n_fft, reach = 1 << 18, round(within_s * sample_rate)
    alike = np.fft.irfft(np.conj(np.fft.rfft(clean, n_fft)) * np.fft.rfft(perturbed, n_fft))
    return (int(np.argmax(np.concatenate([alike[-reach:], alike[: reach + 1]]))) - reach) / sample_rate


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
def test_codecs_keep_alignment_and_length(name, sample_rate):
    samples = voice(duration_s=2.0, sample_rate=sample_rate)
    back, _ = effects.codec(samples, sample_rate, name=name)
    assert len(back) == len(samples)
    # the wave within a period of the voice, and the envelope, which has no period
    assert abs(lag_s(samples, back, sample_rate, within_s=0.002)) <= 0.0002
    envelopes = [np.convolve(np.abs(part), np.ones(160) / 160, "same") for part in (samples, back)]
    assert abs(lag_s(*envelopes, sample_rate, within_s=0.1)) <= 0.0025
    assert np.corrcoef(samples, back)[0, 1] > 0.5


@pytest.mark.parametrize("name", CODECS)
def test_codecs_keep_the_end_of_a_clip(name):
    samples = voice(duration_s=1.0) + 0.2 * np.sin(2 * np.pi * 400 * np.arange(16000) / RATE).astype(np.float32)
    back, _ = effects.codec(samples, RATE, name=name)
    assert levels.level_dbfs(back[-800:]) == pytest.approx(levels.level_dbfs(samples[-800:]), abs=3.0)


@NEEDS_AV
@pytest.mark.parametrize(("name", "coder"), [("mu_law", "pcm_mulaw"), ("a_law", "pcm_alaw")])
def test_companding_is_that_of_another_implementation(name, coder):
    import av

    steps = np.arange(-32768, 32768, 7, dtype=np.int16)
    encoder = av.CodecContext.create(coder, "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(steps[None], format="s16", layout="mono")
    frame.sample_rate = 8000
    decoder = av.CodecContext.create(coder, "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    decoded = [part.to_ndarray()[0] for packet in encoder.encode(frame) for part in decoder.decode(packet)]
    ours, _ = effects.codec(steps.astype(np.float32) / 32768, 8000, name=name)
    theirs = np.concatenate(decoded)
    different = np.flatnonzero(np.rint(ours * 32768) != theirs)
    # the two round ties at the edges of a step differently; both stay within half a step of the coarsest
    assert len(different) < 0.02 * len(steps)
    assert np.abs(ours * 32768 - theirs).max() <= 1024


@pytest.mark.parametrize(
    ("name", "low", "high"), [("mp3", 8000, 64000), ("opus", 8000, 64000), ("vorbis", 30000, 70000)]
)
def test_a_higher_bit_rate_is_nearer_to_the_clip(name, low, high):
    samples = voice()
    coarse, fine = (effects.codec(samples, RATE, name=name, bit_rate=rate)[0] for rate in (low, high))
    clean = spectra.log_mel(samples, RATE)
    far, near = (np.abs(spectra.log_mel(back, RATE) - clean).mean() for back in (coarse, fine))
    assert near < far


@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("bit_rate", [8000, 32000, 128000, 320000])
def test_mp3_takes_every_bit_rate_at_every_rate(sample_rate, bit_rate):
    back, drawn = effects.codec(voice(sample_rate=sample_rate), sample_rate, name="mp3", bit_rate=bit_rate)
    assert drawn["bit_rate"] == bit_rate
    assert np.abs(back).max() > 0.1


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.1, 1.7, 3.0])
@pytest.mark.parametrize("name", ["speed", "tempo"])
def test_lengths_are_exact(name, factor):
    for n_samples in (1000, 16001):
        changed, _ = effects.apply(name, voice()[:n_samples], RATE, factor=factor)
        assert len(changed) == round(n_samples / factor)


def peak_hz(samples: np.ndarray) -> float:
    window = np.hanning(len(samples))
    return float(np.argmax(np.abs(np.fft.rfft(samples * window, 1 << 19)))) * RATE / (1 << 19)


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("tone_hz", [110.0, 441.0, 1870.0])
def test_tempo_keeps_pitch_and_speed_does_not(factor, tone_hz):
    samples = (0.3 * np.sin(2 * np.pi * tone_hz * np.arange(2 * RATE) / RATE)).astype(np.float32)
    slower, _ = effects.tempo(samples, RATE, factor=factor)
    assert peak_hz(slower) == pytest.approx(tone_hz, rel=0.005, abs=0.5)
    # no clicks, no beating: the tone's level is the same everywhere
    parts = slower[: len(slower) // 800 * 800].reshape(-1, 800)[1:-2]
    assert np.sqrt(np.mean(parts**2, axis=1)) == pytest.approx(np.full(len(parts), 0.3 / math.sqrt(2)), rel=0.12)
    faster, _ = effects.speed(samples, RATE, factor=factor)
    assert peak_hz(faster) == pytest.approx(tone_hz * factor, rel=0.005)


def test_tempo_follows_the_clip():
    # three tones in turn stay in turn, each at its place
    tones = [np.sin(2 * np.pi * hz * np.arange(RATE) / RATE) for hz in (300, 700, 1500)]
    samples = (0.3 * np.concatenate(tones)).astype(np.float32)
    stretched, _ = effects.tempo(samples, RATE, factor=0.75)
    third = len(stretched) // 3
    for number, hz in enumerate((300, 700, 1500)):
        assert peak_hz(stretched[number * third + 500 : (number + 1) * third - 500]) == pytest.approx(hz, rel=0.01)


@pytest.mark.parametrize("cents", [-1200, -300, 150, 700])
def test_pitch_moves_the_tone_and_keeps_the_length(cents):
    samples = (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    moved, _ = effects.pitch(samples, RATE, cents=cents)
    assert len(moved) == len(samples)
    assert peak_hz(moved) == pytest.approx(440 * 2 ** (cents / 1200), rel=0.005)


def test_clipping_by_hand():
    samples = np.array([0.1, -0.8, 0.4, 0.25], np.float32)
    changed, _ = effects.clipping(samples, RATE, level=0.5)  # the peak is 0.8
    np.testing.assert_array_equal(changed, np.array([0.1, -0.4, 0.4, 0.25], np.float32))


def test_gain_by_hand_and_nothing_is_rescaled():
    changed, drawn = effects.gain(np.array([0.4, -0.6], np.float32), RATE, gain_db=20 * math.log10(2))
    np.testing.assert_allclose(changed, [0.8, -1.2], rtol=1e-6)
    assert drawn["n_clipped"] == 1


def test_quantise_by_hand():
    # three bits: steps of 0.25 from -1 to 0.75
    samples = np.array([0.1, 0.13, 0.99, -0.99, -3.0], np.float32)
    np.testing.assert_array_equal(
        effects.quantise(samples, RATE, n_bits=3)[0], np.array([0, 0.25, 0.75, -1, -1], np.float32)
    )
    sixteen = AudioClip(voice(), RATE).quantised().samples
    np.testing.assert_array_equal(effects.quantise(sixteen, RATE, n_bits=16)[0], sixteen)


def test_packet_loss_by_hand():
    samples = np.ones(10, np.float32)
    changed, drawn = effects.packet_loss(samples, 1000, rate=0.5, frame_ms=4, lost=[0, 2])
    np.testing.assert_array_equal(changed, [0, 0, 0, 0, 1, 1, 1, 1, 0, 0])
    assert drawn == {"rate": 0.5, "frame_ms": 4, "conceal": False, "lost": [0, 2], "n_clipped": 0}
    everything, _ = effects.packet_loss(samples, 1000, rate=1, frame_ms=4, rng=seeded())
    assert not everything.any()


def test_a_lost_frame_of_a_steady_tone_is_made_up_and_fades_by_a_fifth_every_10_ms():
    tone = (0.5 * np.sin(2 * np.pi * 100 * np.arange(4000) / 8000)).astype(np.float32)  # a period is 80 samples, 10 ms
    changed, _ = effects.packet_loss(tone, 8000, rate=0, frame_ms=100, lost=[2], conceal=True)
    np.testing.assert_array_equal(changed[:1600], tone[:1600])
    np.testing.assert_allclose(changed[1600:1680], tone[1600:1680], atol=1e-3)  # 10 ms as they were
    np.testing.assert_allclose(changed[1700], 0.95 * tone[1700], atol=2e-3)  # 12.5 ms: 2.5 of 50 ms gone
    np.testing.assert_allclose(changed[1860], 0.55 * tone[1860], atol=2e-3)  # 32.5 ms
    assert np.abs(changed[2080:2400]).max() < 1e-6  # silent from 60 ms on
    np.testing.assert_array_equal(changed[2432:], tone[2432:])  # blended over 4 ms


def test_nothing_can_be_made_up_before_anything_was_heard():
    changed, _ = effects.packet_loss(voice(), RATE, rate=0, frame_ms=20, lost=[0], conceal=True)
    assert not changed[:320].any() and changed[400:].tobytes() == voice()[400:].tobytes()


def test_a_telephone_line_gets_worse_within_its_band():
    samples = voice()
    band, _ = effects.band_limit(samples, RATE, low_hz=300, high_hz=3400)  # above it, all lines leave nothing
    lines = [effects.apply("telephone", samples, RATE, severity=step, rng=seeded())[0] for step in (1, 2, 5)]
    errors = [float(np.mean(np.square(line - band))) for line in lines]
    assert errors == sorted(errors)


def test_a_microphone_saturates_and_hisses():
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
    driven, _ = effects.microphone(tone, RATE, low_hz=0, high_hz=None, drive_db=20, noise_dbfs=-120, offset=0)
    np.testing.assert_allclose(np.abs(driven[100:-100]).max(), 0.05, rtol=1e-3)  # 20 dB under the peak, tanh(10) is 1
    silent, _ = effects.microphone(np.zeros(RATE, np.float32), RATE, noise_dbfs=-40, offset=0)
    assert 20 * np.log10(np.sqrt(np.mean(silent.astype(float) ** 2))) == pytest.approx(-40, abs=1)


def test_packet_loss_meets_its_rate_on_average():
    _, drawn = effects.packet_loss(np.ones(10_000_000, np.float32), RATE, rate=0.1, rng=seeded())
    assert len(drawn["lost"]) / 31250 == pytest.approx(0.1, abs=0.006)


def test_band_limit_keeps_the_band_without_delay():
    time_s = np.arange(RATE) / RATE
    inside = np.sin(2 * np.pi * 1000 * time_s)
    samples = (0.3 * (inside + np.sin(2 * np.pi * 60 * time_s) + np.sin(2 * np.pi * 6000 * time_s))).astype(np.float32)
    changed, _ = effects.band_limit(samples, RATE, low_hz=300, high_hz=3400)
    np.testing.assert_allclose(changed[1600:-1600], 0.3 * inside[1600:-1600], atol=0.003)


BAD = [
    ("noise", {"snr_db": 10, "colour": "red"}, "colour must be one of white, pink, brown, blue, speech, got 'red'"),
    ("noise", {"snr_db": math.nan}, "snr_db must be from -120 to 200"),
    ("noise", {"snr_db": 10, "offset": -1}, "offset must be from 0"),
    ("noise", {}, "missing a required argument: 'snr_db'; it takes snr_db, colour, offset, rng"),
    ("noise", {"snr": 3}, "it takes snr_db"),
    ("second_speaker", {"other": "x.wav", "snr_db": 3}, "other speech must be given as AudioClip"),
    ("second_speaker", {"other": AudioClip(np.zeros(9, np.float32), RATE), "snr_db": 3}, "got silence; choose another"),
    ("babble", {"others": [], "snr_db": 3}, "given as AudioClip"),
    ("babble", {"others": [OTHER], "snr_db": 3, "offsets_s": [0.1, 0.2]}, "one offset for each of 1 clips, got 2"),
    ("room", {}, "either rt60_s or impulse_response"),
    ("room", {"rt60_s": 99}, "rt60_s must be from 0.05 to 10 s, got 99"),
    ("room", {"rt60_s": 0.3, "size_m": [3, 4, 5]}, "all of size_m, source_m, microphone_m and tail_seed"),
    ("room", {"impulse_response": "abc"}, "impulse_response must be an AudioClip, got 'abc'"),
    ("room", {"impulse_response": AudioClip(np.zeros(9, np.float32), RATE)}, "must hold a click, got silence"),
    ("codec", {"name": "flac"}, "codec must be one of mu_law"),
    ("codec", {"name": "opus", "bit_rate": 1}, "bit_rate of opus must be 6000 to 256000 bit/s, got 1"),
    ("codec", {"name": "gsm", "bit_rate": 9600}, "bit_rate of gsm must be 13000 bit/s"),
    ("speed", {"factor": 0}, "factor must be from 0.1 to 10, got 0"),
    ("tempo", {"factor": math.inf}, "factor must be from 0.1 to 10"),
    ("pitch", {"cents": 9999}, "cents must be from -2400 to 2400"),
    ("clipping", {"level": 0}, "level must be above 0 and at most 1"),
    ("band_limit", {"low_hz": 4000, "high_hz": 300}, "under high_hz, got 4000 and 300"),
    ("gain", {"gain_db": 1000}, "gain_db must be from -200 to 200"),
    ("quantise", {"n_bits": 1}, "n_bits must be a whole number from 2 to 16"),
    ("packet_loss", {"rate": 1.5}, "rate must be from 0 to 1"),
    ("packet_loss", {"rate": 0.5, "frame_ms": 0}, "frame_ms must be from 1 to 1000"),
    ("microphone", {"drive_db": 99}, "drive_db must be from -40 to 60, got 99"),
    ("microphone", {"noise_dbfs": 3}, "noise_dbfs must be from -120 to 0, got 3"),
    ("telephone", {"codecs": ["flac"]}, "codec must be one of mu_law"),
]


@pytest.mark.parametrize(("name", "parameters", "told"), BAD)
def test_bad_parameters_are_told(name, parameters, told):
    with pytest.raises(BadParameter, match=told):
        effects.apply(name, voice(), RATE, rng=seeded(), **parameters)


@pytest.mark.parametrize("name", ["noise", "second_speaker", "room", "packet_loss"])
def test_drawing_needs_a_generator(name):
    with pytest.raises(BadParameter, match="pass rng=numpy.random.default_rng"):
        effects.apply(name, voice(), RATE, **NEEDED[name])


@pytest.mark.parametrize("name", NEEDED)
def test_bad_samples_are_told(name):
    with pytest.raises(BadAudio, match="samples must be a float32 array"):
        effects.apply(name, voice().astype(np.float64), RATE, rng=seeded(), **NEEDED[name])


def test_unknown_effects_and_severities_are_told():
    with pytest.raises(UnknownName, match="no effect is called 'echo'; there are noise,"):
        effects.apply("echo", voice(), RATE)
    with pytest.raises(BadParameter, match="severity must be a whole number from 1 to 5, got 6"):
        effects.apply("gain", voice(), RATE, severity=6)
    with pytest.raises(BadParameter, match="must be finite"):
        effects.gain(np.full(4, 1e38, np.float32), RATE, gain_db=60)
