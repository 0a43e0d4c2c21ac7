"""How the probe set is built: recording conditions, admission, replays, whose turn it is. No synthesiser and no recogniser is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from earnest.audio.levels import active_speech_level_dbfs, level_dbfs

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module", autouse=True)
def scripts():
    if not (SCRIPTS / "build_probe").is_file():
        pytest.skip("the scripts are in the repository and the source package only")
    pytest.importorskip("espeakng_loader", reason="scripts/reference/speak.py lists espeak-ng's voices")
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


def voiced(seconds: float, hz: float = 150.0) -> np.ndarray:
    """Something at the level of speech: a buzz that swells four times a second."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    buzz = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 8))
    return (0.1 * buzz * (1.2 + np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def condition(**changed):
    from probe_set.conditions import Condition

    return Condition(
        **{"level_dbfs": -24.0, "floor_dbfs": -60.0, "tilt_db": -4.0, "lead_s": 0.3, "tail_s": 0.1} | changed
    )


# ------------------------------------------------------------------ conditions
def test_speech_stands_after_its_lead_at_its_level_over_its_floor():
    from probe_set.conditions import recorded

    padded = np.concatenate([np.zeros(900, np.float32), voiced(1.0), np.zeros(5000, np.float32)])
    (clip,), kept = recorded([padded], condition(), seed=[1])
    n_body = np.flatnonzero(padded)[-1] - np.flatnonzero(padded)[0] + 1
    assert len(clip) == 4800 + n_body + 1600 and clip.dtype == np.float32
    assert active_speech_level_dbfs(clip[4800:-1600], 16_000) == pytest.approx(-24.0, abs=0.2)
    assert level_dbfs(clip[:4800]) == pytest.approx(-60.0, abs=2.5)
    assert kept == condition()


def test_twins_share_level_length_and_noise():
    from probe_set.conditions import recorded

    (one, other), _ = recorded([voiced(1.0), 0.2 * voiced(0.9)], condition(), seed=[2])
    assert len(one) == len(other)
    assert np.array_equal(one[:4800], other[:4800]) and np.array_equal(one[-1600:], other[-1600:])
    levels = [active_speech_level_dbfs(clip, 16_000) for clip in (one, other)]
    assert levels[0] == pytest.approx(levels[1], abs=0.2)


def test_a_level_that_would_clip_is_lowered_for_all_and_told():
    from probe_set.conditions import MAX_PEAK, recorded

    peaky = voiced(1.0)
    peaky[8000] = 5.0
    (one, other), kept = recorded([peaky, voiced(1.0)], condition(level_dbfs=-18.0), seed=[3])
    assert kept.level_dbfs < -25 and np.abs(one).max() <= MAX_PEAK + 0.01
    assert active_speech_level_dbfs(other[4800:-1600], 16_000) == pytest.approx(kept.level_dbfs, abs=0.2)


@pytest.mark.parametrize(
    ("floor_dbfs", "step"), [(-60.0, 4), (-71.0, 4), (-71.2, 2), (-77.0, 2), (-77.3, 1), (-86.0, 1)]
)
def test_samples_are_rounded_only_where_the_floor_hides_it(floor_dbfs, step):
    from probe_set.conditions import rounded

    noise = np.random.default_rng(0).standard_normal(4000) * 0.01
    steps = rounded(noise, floor_dbfs) * 32768
    assert np.array_equal(steps, np.round(steps)) and np.gcd.reduce(steps.astype(int)) == step
    assert np.abs(steps - noise * 32768).max() <= step / 2


def test_the_floor_falls_by_its_slope():
    from probe_set.conditions import floor_noise

    noise = floor_noise(1 << 17, condition(tilt_db=-6.0), np.random.default_rng(0))
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / 16_000)
    low, high = (power[(hz > centre * 0.8) & (hz < centre * 1.25)].mean() for centre in (500, 4000))
    assert 10 * np.log10(low / high) == pytest.approx(18.0, abs=0.7)  # three octaves


def test_conditions_lie_within_what_was_measured():
    from probe_set.conditions import LOWEST_FLOOR_DBFS, drawn

    many = [drawn(np.random.default_rng(seed)) for seed in range(400)]
    assert all(
        -31.4 <= one.level_dbfs <= -18.0 and 0.14 <= one.lead_s <= 0.58 and 0.05 <= one.tail_s <= 0.28 for one in many
    )
    assert all(one.floor_dbfs >= LOWEST_FLOOR_DBFS for one in many)
    assert np.median([one.level_dbfs for one in many]) == pytest.approx(-23.2, abs=0.7)
    assert drawn(np.random.default_rng(7)) == drawn(np.random.default_rng(7))


# ------------------------------------------------------------------ admission
@pytest.mark.parametrize(
    ("reference", "heard", "n"),
    [
        ("mi número de cuenta es uno dos tres cuatro", "Mi número de cuenta es 1234.", 0),
        ("cuánto es tres más uno", "¿Cuánto es 3 más 1?", 0),
        ("el número de la habitación es quince", "El número de la habitación es 15", 0),
        ("cuánto es tres más uno", "¿Cuánto es 3 más 2?", 1),
        ("el código de la puerta", "el codigo de la puerta", 1),
    ],
)
def test_spanish_numbers_may_be_in_figures(reference, heard, n):
    from probe_set.hearing import edits

    assert edits(reference=reference, heard=heard, language="es") == n


def test_english_keeps_to_the_forms_of_spoken_edits():
    from probe_set.hearing import edits_by

    heard = {"tiny.en": "My door code is 4271.", "base": "my door code is four two seven two"}
    assert edits_by(reference="my door code is four two seven one", heard=heard, language="en") == {
        "tiny.en": 0,
        "base": 1,
    }


class Deaf:
    """Ears that hear what they are told to, and count how often."""

    def __init__(self, *texts):
        self.texts, self.n_asked, self.fingerprints = list(texts), 0, {}

    def heard(self, samples, language):
        self.n_asked += 1
        return dict(zip(("tiny.en", "base", "moonshine"), self.texts.pop(0), strict=True))


def studio(monkeypatch, tmp_path, *texts):
    from probe_set import studio as module

    monkeypatch.setattr(module, "said", lambda text, voice, seed, *, manner_of="": voiced(0.1 * len(text)))
    return module.Studio(Deaf(*texts), tmp_path)


def part(text):
    from probe_set.studio import Part

    return Part(text=text, voice="espeak/en-us+m4", facts={"label": text})


def test_a_candidate_needs_two_recognisers_and_a_canary_three(monkeypatch, tmp_path):
    two = ("good day", "good day", "good bay")
    there = studio(monkeypatch, tmp_path, two, two)
    (row,) = there.take("note", [part("good day")], 1)
    assert row.edits == {"tiny.en": 0, "base": 0, "moonshine": 1} and row.facts["speaker"] == "espeak/en-us+m4"
    assert there.take("code_word", [part("good day")], 1, rule="3 of 3") is None
    assert [one.is_admitted for one in there.tried] == [True, False]


def test_twins_fall_together_and_the_second_is_not_heard(monkeypatch, tmp_path):
    there = studio(monkeypatch, tmp_path, ("no", "no", "good day"))
    assert there.take("request", [part("good day"), part("good way")], 1) is None
    assert there.ears.n_asked == 1


def test_twins_of_too_different_lengths_are_not_heard_at_all(monkeypatch, tmp_path):
    there = studio(monkeypatch, tmp_path)
    assert there.take("request", [part("a" * 10), part("a" * 12)], 1, max_ratio=1.08) is None
    assert there.ears.n_asked == 0 and there.tried == []


def test_what_was_heard_is_kept_by_content(monkeypatch, tmp_path):
    from probe_set.hearing import Ears

    with Ears("no-such-python", tmp_path) as ears:
        monkeypatch.setattr(
            ears, "_asked", lambda question: {"heard": {"base": question["language"]}, "by": {"base (es)": "weights"}}
        )
        assert ears.heard(voiced(0.2), "es") == {"base": "es"}
    with Ears("no-such-python", tmp_path) as again:  # it cannot ask, so it must know
        assert again.heard(voiced(0.2), "es") == {"base": "es"} and again.fingerprints == {"base (es)": "weights"}
    assert len((tmp_path / "heard.jsonl").read_text().splitlines()) == 1
    assert json.loads((tmp_path / "heard.jsonl").read_text())["heard"] == {"base": "es"}


def test_an_engine_that_remembers_says_the_same_whatever_it_said_before():
    from probe_set.studio import said

    once = said("good day", "espeak/en-us+f4", 3)
    said("something else", "espeak/en-us+f4", 4)
    assert len(once) > 4000 and np.array_equal(once, said("good day", "espeak/en-us+f4", 3))


# ------------------------------------------------------------------ voices, canaries, replays
def test_nobody_is_in_both_splits():
    from probe_set import kinds, voices

    people = {split: {name for pool in pools.values() for name in pool} for split, pools in voices.POOLS.items()}
    people["train"].update(voices.BLOCKS[0])
    for block in voices.BLOCKS[1:]:
        people["test"].update(block)
    for split, owner, _ in kinds.OWNERS:
        people[split].add(owner)
    assert not people["train"] & people["test"]


def test_an_engine_that_is_not_understood_hands_its_turn_to_kokoro():
    from probe_set import voices

    engines = [[voices.turn("test", number, attempt).split("/")[0] for attempt in range(5)] for number in range(9)]
    assert [turns[0] for turns in engines] == list(voices.ENGINES["test"])
    assert all(turns[3:] == ["kokoro", "kokoro"] for turns in engines)
    assert voices.turn("test", 0, 0) != voices.turn("test", 0, 1)


def test_planned_canaries_share_no_word_and_hold_no_cliche():
    from probe_set import kinds

    words = [word for line in kinds._disjoint_lines() for word in line.value.split()]
    assert len(words) == len(set(words)) == 28 and not kinds.CLICHES & set(words)


def test_a_replay_is_longer_in_decay_and_narrower_in_band():
    from probe_set.copies import replayed

    burst = np.zeros(16_000, np.float32)
    burst[4000:6000] = np.random.default_rng(0).standard_normal(2000).astype(np.float32) * 0.1
    wet, drawn = replayed(burst, np.random.default_rng(1))
    after = level_dbfs(wet[6400:8000]) - level_dbfs(wet[4000:6000])
    assert level_dbfs(burst[6400:8000]) == -np.inf and -40 < after < -5
    power = np.abs(np.fft.rfft(wet)) ** 2
    hz = np.fft.rfftfreq(len(wet), 1 / 16_000)
    inside = power[(hz > 1000) & (hz < 4000)].mean()
    assert power[hz < 80].mean() < 0.02 * inside and power[hz > 7500].mean() < 0.02 * inside
    assert 0.25 <= drawn["rt60_s"] <= 0.5
