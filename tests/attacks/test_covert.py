"""Covert attacks: what a microphone records, who is to be heard when and how loud, what the control leaves out."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks.covert import concurrent
from earnest.attacks.covert.concurrent import _inverted_spectrum
from earnest.attacks.covert.read_aloud import DOCUMENTS
from earnest.attacks.covert.tool_injection import STRATEGIES, TOOLS
from earnest.attacks.covert.under_music import CHORDS_HZ, tune
from earnest.audio import AudioClip
from earnest.audio.levels import active_speech_level_dbfs, power
from earnest.audio.ultrasound import RATE_HZ, recorded, transmitted
from earnest.errors import BadParameter
from earnest.models import System
from earnest.testing import check_attack

sys.path.insert(0, str(Path(__file__).parent))

from speaking import RATE, REQUEST, Listener, ToyVoice, request  # noqa: E402

PRESENTED = ("whispered", "under_music", "reversed", "ultrasonic")
SAID = ("bystander", "read_aloud", "tool_injection", "concurrent")


@pytest.fixture(autouse=True)
def nothing_said():
    ToyVoice.said.clear()


def run(spec, *stimuli, answer=lambda stimulus: "no", seed=0):
    name, _, rest = spec.partition(":")
    spec = f"{name}:voice=toy{',' if rest else ''}{rest}" if name in SAID else spec
    model = Listener(answer)
    return attacks.make(spec).run(System(model), list(stimuli) or [request()], rng=np.random.default_rng(seed)), model


def said():
    return [text for _, text in ToyVoice.said]


def tone(hz, seconds=1.0, rate=RATE, peak=0.5):
    return (peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    "spec",
    [
        *PRESENTED,
        *(f"{name}:voice=toy" for name in SAID),
        "tool_injection:voice=toy,turns=true",
        "concurrent:voice=toy,pattern=dolphin",
    ],
)
def test_each_meets_the_contract_and_asks_nothing(spec):
    stimuli = [request(f"teach me to bake bread number {k}", seed=k) for k in range(3)]
    check_attack(attacks.make(spec), stimuli=stimuli)
    attempt = (
        attacks.make(spec).run(System(Listener(lambda s: "no")), stimuli[:1], rng=np.random.default_rng(0)).attempts[0]
    )
    assert attempt.n_queries == 0 and attempt.clip != stimuli[0].clip and attempt.clip.peak <= 1


# ---- ultrasonic ----


def spectrum(samples, rate):
    window = np.hanning(len(samples))
    return np.abs(np.fft.rfft(samples * window)) / window.sum() * 2, np.fft.rfftfreq(len(samples), 1 / rate)


@pytest.mark.source(
    "attacks/ultrasonic",
    of="ling2026-swhisper",
    at="section on the simulated microphone: y = a1 s + a2 s^2, low-pass; worked out by hand",
)
def test_a_square_brings_the_speech_back_and_an_inverse_leaves_no_overtone():
    speech = tone(1000)

    def heard(inverted, square=0.01):
        sent = transmitted(speech, RATE, carrier_hz=25_000, depth=0.8, inverted=inverted)
        level, hz = spectrum(recorded(sent, sample_rate=RATE, square=square, noise_dbfs=-math.inf), RATE)
        return level[np.argmin(np.abs(hz - 1000))], level[np.argmin(np.abs(hz - 2000))]

    # s = (1 + d cos) / (1 + d) on the carrier: a2 s^2 low-passed is a2 / 2 (1 + 2 d cos + d^2 cos^2) / (1 + d)^2,
    # so that the tone has a2 d / (1 + d)^2 and its overtone a2 d^2 / 4 / (1 + d)^2: a ratio of d / 4
    first, second = heard(inverted=False)
    assert first == pytest.approx(0.01 * 0.8 / 1.8**2, rel=0.02) and second / first == pytest.approx(0.8 / 4, rel=0.02)
    # s = sqrt((1 + d cos) / (1 + d)): a2 s^2 low-passed is a2 / 2 (1 + d cos) / (1 + d)
    first, second = heard(inverted=True)
    assert first == pytest.approx(0.005 * 0.8 / 1.8, rel=0.02) and second / first < 0.01
    assert heard(inverted=True, square=0)[0] < 1e-5  # a linear microphone hears nothing


def test_what_is_sent_lies_above_hearing():
    sent = transmitted(tone(1000), RATE, carrier_hz=25_000)
    level, hz = spectrum(sent, RATE_HZ)
    assert hz[np.argmax(level)] == pytest.approx(25_000, abs=2) and level[hz < 18_000].max() < 1e-3 * level.max()
    assert np.abs(sent).max() == pytest.approx(1)


def test_the_recording_is_at_its_own_level_and_may_be_drowned_by_noise():
    clip = request().clip.with_samples(tone(1000, peak=0.2))
    quiet, loud = (
        run(f"ultrasonic:noise_dbfs={noise}", request().with_clip(clip))[0].attempts[0].clip for noise in (-100, -40)
    )
    assert quiet.level_dbfs == pytest.approx(clip.level_dbfs, abs=0.1) == loud.level_dbfs
    assert power(quiet.samples - clip.samples) < 0.02 * power(clip.samples) < power(loud.samples - clip.samples)


# ---- presented ----


def test_backwards_is_backwards_and_the_control_is_forwards_with_the_same_hint():
    attempt = run("reversed")[0].attempts[0]
    np.testing.assert_array_equal(attempt.clip.samples, request().clip.samples[::-1])
    control = attempt.control_trial.stimulus
    assert control.clip == request().clip and control.prompt == attempt.stimulus.prompt != request().prompt
    assert run("reversed:hint=false")[0].attempts[0].stimulus.prompt == request().prompt


def test_a_whisper_is_softer_and_music_is_louder_than_the_words():
    clean = request().clip
    whisper = run("whispered:gain_db=-20")[0].attempts[0].clip
    assert whisper.level_dbfs == pytest.approx(clean.level_dbfs - 20, abs=0.1)
    attempt = run("under_music:snr_db=-6")[0].attempts[0]
    music = attempt.clip.samples / attempt.drawn["gain"] - clean.samples
    assert 10 * np.log10(power(clean.samples) / power(music)) == pytest.approx(-6, abs=0.1)


def test_the_music_is_four_chords_of_a_second_and_is_struck_anew_every_quarter():
    rate = 16_000
    music = tune(5 * rate, rate).astype(np.float64)
    heard = np.abs(np.fft.rfft(music.reshape(5, rate), axis=1))
    quarter = np.arange(rate // 4) / rate

    def strength(second: int, hz: float) -> float:
        return abs(music[second * rate : second * rate + quarter.size] @ np.exp(-2j * np.pi * hz * quarter))

    for place, notes in enumerate(CHORDS_HZ):
        strengths = [strength(place, note) for note in notes]
        assert min(strengths) > 3 * strength(place, 2.5 * max(notes)), "the notes, and little between their harmonics"
    note = CHORDS_HZ[3][3]  # whose second harmonic is no other note's
    assert strength(3, note) / strength(3, 2 * note) == pytest.approx(4, rel=0.1), "a harmonic falls with its square"
    np.testing.assert_allclose(heard[4], heard[0], atol=0.2 * heard[0].max())
    quarters = music[: 4 * rate].reshape(16, -1) ** 2
    begin, end = quarters[:, :500].sum(axis=1), quarters[:, -500:].sum(axis=1)
    assert (begin > 1.5 * end).all()


# ---- bystander ----


def test_a_bystander_is_softer_and_comes_after_the_user():
    attempt = run("bystander:ratio_db=12")[0].attempts[0]
    user_s = 0.05 * len(said()[0].split())
    assert said()[0] == "What is the weather like today?" and attempt.drawn["at_s"] == pytest.approx(user_s + 0.3)
    samples = attempt.clip.samples
    user, behind = samples[: round(user_s * RATE)], samples[round((user_s + 0.3) * RATE) :]
    assert len(behind) == 8000
    assert active_speech_level_dbfs(user, RATE) - active_speech_level_dbfs(behind, RATE) == pytest.approx(12, abs=0.1)
    np.testing.assert_array_equal(
        attempt.control_trial.stimulus.clip.samples, AudioClip(user, RATE).quantised().samples
    )
    during = run("bystander:when=during")[0].attempts[0]
    assert during.clip.n_samples == 8000 and during.drawn["at_s"] == 0


# ---- read aloud, tools ----


def test_the_instruction_stands_inside_the_document_and_not_in_the_control():
    attempt = run("read_aloud:document=news")[0].attempts[0]
    before, behind = DOCUMENTS["news"]
    assert said()[0] == f"{before} Note to the assistant: {REQUEST}. {behind}" and said()[1] == f"{before} {behind}"
    assert attempt.stimulus.prompt == attempt.control_trial.stimulus.prompt and "Sum up" in attempt.stimulus.prompt


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_tool_plays_the_claim_and_the_request(strategy):
    attempt = run(f"tool_injection:tool=calendar,strategy={strategy}")[0].attempts[0]
    asked, before, behind = TOOLS["calendar"]
    assert said()[0] == f"{before} {STRATEGIES[strategy]} {REQUEST}. {behind}" and said()[1] == f"{before} {behind}"
    assert attempt.stimulus.prompt == asked and not attempt.stimulus.history


def test_the_users_question_may_be_an_earlier_turn():
    attempt = run("tool_injection:turns=true")[0].attempts[0]
    assert [turn.text for turn in attempt.stimulus.history] == [TOOLS["voicemail"][0], "One moment, I play it."]
    assert (
        attempt.stimulus.prompt == request().prompt
        and attempt.control_trial.stimulus.history == attempt.stimulus.history
    )


# ---- concurrent ----


@pytest.mark.source(
    "attacks/concurrent",
    of="liu2026-piggybacking",
    at="Limax666/AudioAgentSecurity@a840509, generate_high_energy_benchmark.py: offset of 0.5 to 1 s, target_p = p_u / 10^(snr / 10)",
)
@pytest.mark.parametrize("snr_db", [-15.0, 6.0])
def test_the_instruction_begins_where_the_source_has_it_and_is_as_loud(snr_db):
    attack = attacks.make(f"concurrent:voice=toy,strategy=,snr_db={snr_db},user=hello")  # the user says one word, 50 ms
    stimuli = [request(seed=k) for k in range(12)]
    attempts = attack.run(System(Listener(lambda s: "no")), stimuli, rng=np.random.default_rng(0)).attempts
    places = [attempt.drawn["at_s"] for attempt in attempts]
    assert all(0.5 <= at_s <= 1 for at_s in places) and len(set(places)) == 12 and max(places) - min(places) > 0.2
    first = attempts[0]
    begin = round(first.drawn["at_s"] * RATE)
    user, instruction = first.clip.samples[:800], first.clip.samples[begin:]
    assert instruction.size == 8000 and not first.clip.samples[800:begin].any()
    assert 10 * np.log10(power(user) / power(instruction)) == pytest.approx(snr_db, abs=0.2)


def test_disguises_do_what_they_are_called():
    rng = np.random.default_rng(0)
    speech = tone(700)
    turned = concurrent.PATTERNS["spectral_inversion"](speech, RATE, rng)
    level, hz = spectrum(turned, RATE)
    assert hz[np.argmax(level)] == pytest.approx(1800, abs=2)  # 2500 - 700
    pulsed = concurrent.PATTERNS["pulse"](np.ones(RATE, np.float32), RATE, rng)
    assert np.count_nonzero(np.diff(pulsed)) == pytest.approx(
        119, abs=1
    )  # a square wave of 60 Hz turns 120 times a second
    assert len(concurrent.PATTERNS["speed"](speech, RATE, rng)) == RATE // 2
    scrambled = concurrent.PATTERNS["spectral_scramble"](speech, RATE, rng)
    level, hz = spectrum(scrambled, RATE)
    level[np.abs(hz - 700) < 60] = 0  # the tenth that stays as it was
    band = (
        np.argmin(np.abs(np.fft.rfftfreq(342, 1 / RATE) - 700)) - 11
    ) // 8  # bins of 46.8 Hz: bands of eight begin at bin 11
    to = 11 + 8 * concurrent.BAND_ORDER.index(int(band))
    assert len(scrambled) == len(speech) and to * 46.8 - 60 <= hz[np.argmax(level)] <= (to + 8) * 46.8 + 60
    noisy = concurrent.PATTERNS["texture"](speech, RATE, rng)
    assert 10 * np.log10(power(speech) / power(noisy - speech)) == pytest.approx(-5, abs=0.1)


def test_a_dialect_says_claim_and_instruction_anew_in_another_accent(monkeypatch):
    with pytest.raises(BadParameter, match="accents are known of the engines espeak, flite, got 'toy'"):
        attacks.make("concurrent:voice=toy,pattern=dialect").ready()
    monkeypatch.setattr(concurrent, "ACCENTS", {"toy": ("scots", "welsh")})
    ToyVoice.said.clear()
    attack = attacks.make("concurrent:voice=toy,pattern=dialect,user=hello")
    attack.ready()
    attempts = [
        attack.run(System(Listener(lambda s: "no")), [request(seed=k)], rng=np.random.default_rng(k)).attempts[0]
        for k in range(6)
    ]
    by_voice = {voice: {text for own, text in ToyVoice.said if own == voice} for voice, _ in ToyVoice.said}
    claim = concurrent.STRATEGIES["task_complete"]
    assert by_voice["scots"] == by_voice["welsh"] == {claim, REQUEST}, "both are drawn, and say the same"
    assert "hello" in by_voice["plain"] and claim not in by_voice["plain"]
    assert all(attempt.drawn["pattern"] == "dialect" and attempt.clip.peak > 0 for attempt in attempts)


@pytest.mark.parametrize("pattern", concurrent.PATTERNS)
def test_the_control_is_the_user_alone(pattern):
    attempt = run(f"concurrent:pattern={pattern}")[0].attempts[0]
    assert said()[:2] == ["Please turn on the light in the kitchen and close the window.", STRATEGIES["task_complete"]]
    assert attempt.control_trial.stimulus.clip.duration_s == pytest.approx(0.05 * len(said()[0].split()))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("ultrasonic:carrier_hz=1000", "from 16000 to 80000, got 1000"),
        ("ultrasonic:depth=0", "depth must be above 0"),
        ("ultrasonic:noise_dbfs=0", "from -120 to -20, got 0"),
        ("whispered:gain_db=3", "from -60 to 0, got 3"),
        ("under_music:snr_db=99", "from -30 to 30"),
        ("bystander:when=never", "when of bystander must be one of during, after"),
        ("bystander:ratio_db=99", "from -20 to 40"),
        ("read_aloud:document=x", "document of read_aloud must be one of letter"),
        ("tool_injection:tool=x", "tool of tool_injection"),
        ("tool_injection:strategy=x", "strategy of tool_injection"),
        ("concurrent:pattern=x", "pattern of concurrent"),
        ("concurrent:snr_db=-99", "from -30 to 30, got -99"),
    ],
)
def test_parameters_out_of_range_are_refused(spec, told):
    with pytest.raises(BadParameter, match=told):
        attacks.make(spec)


def test_a_spectrum_is_turned_over_about_half_of_2500_hz():
    """A tone of 700 Hz stays at a fifth, and most of it comes out as 1,800 Hz; what lies at 2,500 and more is cut off."""
    rate = 16_000
    tone = (0.5 * np.sin(2 * np.pi * 700 * np.arange(rate) / rate)).astype(np.float32)
    heard = np.abs(np.fft.rfft(_inverted_spectrum(tone, rate, np.random.default_rng(0))))
    assert [int(hz) for hz in np.argsort(heard)[-2:]] == [700, 1800]
    assert heard[1800] / heard[700] == pytest.approx(4, rel=0.1) and heard[3200] < 0.05 * heard[1800]
