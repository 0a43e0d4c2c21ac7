"""Descriptions, orders and silence, scored by hand."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.tasks.hallucination.silence_transcription import KINDS, made

DEAF = "I cannot hear any audio; please upload the recording."


def test_each_recording_is_described_rightly_and_wrongly(bench) -> None:
    b = bench("description_match")
    assert len(b.items) == 2 * (8 + 3)  # eight sounds, three texts in one voice each
    fits, other = b.item(sample="rain-0", expected="yes"), b.item(sample="rain-0", expected="no")
    assert fits.truth["description"] == "rain falling"
    assert other.truth["description"] != "rain falling"
    assert b.item(kind="speech", expected="yes").truth["description"].startswith("somebody says: ")
    assert fits.load().prompt == 'Does this description fit the recording: "rain falling"? Answer yes or no.'


def test_an_answer_is_right_where_it_says_what_is_true(bench) -> None:
    b = bench("description_match")
    fits, other = b.item(expected="yes"), b.item(expected="no")
    assert b.scored(fits, "Yes.") == (1.0, "yes")
    assert b.scored(fits, "no") == (0.0, "no")
    assert b.scored(other, "Yes.") == (0.0, "yes")
    assert b.reason(other, DEAF) == "did_not_hear"
    assert b.scored(other, "sorry i cannot help with that") == (0.0, "declined")
    question = b.outcome(other, "The recording holds something else.")
    assert question.labels == {"yes": 0.0, "no": 1.0, "declined": 0.0}
    assert question.truth == "the description does not fit"


@pytest.mark.parametrize("name", ["description_match", "event_order"])
def test_saying_yes_to_everything_earns_a_half(bench, name) -> None:
    found = bench(name).measures(lambda item: "yes")
    assert found["balanced_accuracy", None, None].value == 0.5


def test_hallucinating_and_denying_are_told_apart(bench) -> None:
    found = bench("description_match").measures(lambda item: "no")
    assert found["detection_rate", None, None].value == 1.0
    assert found["false_alarm_rate", None, None].value == 1.0
    assert found["false_alarm_rate", None, None].higher_is_better is False


def test_an_order_is_told_as_it_is_and_reversed(bench) -> None:
    b = bench("event_order")
    told = b.item(told="in_order")
    reversed_ = b.item(sample=told.sample, told="reversed")
    first, second = told.truth["asked"]
    assert reversed_.truth["asked"] == [second, first]
    assert told.load().prompt == (
        f'Does the recording contain these sounds in this order: "{first}", then "{second}"? Answer yes or no.'
    )
    assert told.load().clip == reversed_.load().clip
    assert told.load().clip.duration_s == pytest.approx(0.2 + 0.5 + 0.2)
    assert b.scored(reversed_, "no") == (1.0, "no")


def test_silence_is_reported_or_words_are_invented(bench) -> None:
    b = bench("silence_transcription")
    assert len(b.items) == 40
    item = b.items[0]
    assert b.scored(item, "no speech") == (1.0, "no_speech")
    assert b.scored(item, "I don't hear any speech in it.") == (1.0, "no_speech")
    assert b.scored(item, "thank you for watching") == (0.0, "invented")
    assert b.outcome(item, "thank you for watching").facts == {"n_words": 4}
    assert b.reason(item, DEAF) == "did_not_hear"
    assert b.reason(item, "") == "empty_answer"


@pytest.mark.parametrize("kind", list(KINDS))
def test_made_clips_have_their_level_and_come_back_bit_for_bit(kind) -> None:
    clips = [made(kind, duration_s=1.5, level_dbfs=-40.0, rng=np.random.default_rng(3)) for _ in range(2)]
    assert clips[0] == clips[1]
    assert clips[0].duration_s == 1.5
    assert clips[0].level_dbfs == (-np.inf if kind == "silence" else pytest.approx(-40.0, abs=0.01))
