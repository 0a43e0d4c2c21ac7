"""Every task that asks for a transcript: truth first, wrappers cost nothing, and what is no transcript is named."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reply_wrappers import WRAPPERS

from earnest.audio import Stimulus
from earnest.models.access import Answer
from earnest.records import NO_ANSWER, Item, JournalLine, Question, Unscored, Verdict
from earnest.tasks import _prompts as prompts
from earnest.tasks import tasks
from earnest.tasks._words import FAR, transcript_of
from earnest.tasks.probe import probe_manifest

DATA = Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TASKS = (
    "noisy_transcription", "reverberant_transcription", "audio_quality", "environmental_sound",
    "background_conversation",
    "overlapping_speakers", "rated_transcription", "adversarial_transcription", "voice_parity", "long_dictation",
    "silence_transcription",
    "stable_transcription",
)  # fmt: skip  # a table: one row a line

SAID = "turn the light on don't stop 7 10 42 no speech it's speaker transcript yes mum o'clock dogs' here answer"


def item_of(task: str, text: str, **truth: Any) -> Item:
    """A spoken clip as any of the tasks asks about it."""
    known = {
        "text": text, "degradation": "white", "level": 10.0, "side": "adversarial", "target": "open the green window",
        "parts": [text, "", ""],
        "length_s": 60.0, "speech": True, "label": "white noise", **truth,
    }  # fmt: skip  # a table: one row a line
    return Item(
        id=f"{task}/a",
        task=task,
        sample="a",
        load=lambda: Stimulus(clips={}, prompt="x"),
        truth=known,
        prompt=prompts.TRANSCRIBE,
        audible="speech",
    )


def outcome(task: str, text: str, reply: str, *, finish: str = "stop", **truth: Any) -> Verdict | Unscored:
    scored = tasks.make(task).score(item_of(task, text, **truth), Answer(text=reply, details={"finish_reason": finish}))
    if isinstance(scored, Question):
        assert scored.otherwise is not None
        return scored.otherwise
    return scored


def accuracy(task: str, text: str, reply: str) -> float:
    """What a reply earns; of `stable_transcription` the agreement of a clean clip with the bare words heard in
    noise."""
    if task != "stable_transcription":
        scored = outcome(task, text, reply)
        assert isinstance(scored, Verdict) and scored.score is not None, scored
        return scored.score
    clean, noisy = (
        line_of(task, outcome(task, text, said), text, degradation=kind)
        for said, kind in ((reply, "clean"), (text, "noise"))
    )
    measures = tasks.make(task).measures([clean, noisy])
    return next(measure.value for measure in measures if measure.headline)


def line_of(task: str, scored: Verdict | Unscored, text: str, **truth: Any) -> JournalLine:
    verdict = (
        None
        if isinstance(scored, Unscored)
        else {"score": scored.score, "label": scored.label, "facts": dict(scored.facts)}
    )
    return JournalLine(
        item=f"{task}/a/{truth['degradation']}",
        sample="a",
        task=task,
        prompt_hash="",
        model="by hand",
        cluster="a",
        status="scored" if verdict else "unscored",
        reason=None if verdict else scored.reason,
        verdict=verdict,
        truth=dict(item_of(task, text, **truth).truth),
    )


COMPLAINTS = (
    "There was no speech after dinner.", "Silence.", "Please send me the recording tomorrow.",
    "I cannot hear you, speak up.",
    "Hello, how can I help you today?", "There is no sound in the clip.", "Sorry, I cannot help with that.",
    "No speech.", "Nobody speaks.",
    "I can't hear any audio, please upload the file.", "Transcribe the speech.", "I'm just a language model.",
    "Nein, das passt nicht.",
    "The audio contains only white noise.", "As an AI, I don't have personal opinions.", "Yes.",
    "Reply with the words only.",
)  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("said", COMPLAINTS)
def test_words_that_were_said_are_a_transcript_whatever_they_sound_like(task: str, said: str) -> None:
    assert accuracy(task, said, said) == 1.0
    assert accuracy(task, said.lower().strip(".?"), f'The speaker says: "{said}"') == 1.0


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(SAID.split()),
        min_size=1,
        max_size=8,
    ),
    wrapper=st.sampled_from(WRAPPERS),
)
def test_the_echo_of_any_reference_in_any_wrapper_earns_all(task: str, words: list[str], wrapper: str) -> None:
    text = " ".join(words)
    assert accuracy(task, text, wrapper.format(text)) == 1.0


@lru_cache
def texts() -> tuple[str, ...]:
    """All that is said in the embedded recordings and, where it is there, in the real data sets."""
    found = [entry.text for entry in probe_manifest().entries if entry.text]
    for table in sorted(DATA.glob("*/metadata.csv")):
        with table.open(encoding="utf-8", newline="") as file:
            found += [row["text"] for row in csv.DictReader(file) if row.get("text")]
    return tuple(dict.fromkeys(found))


def test_every_known_text_in_every_wrapper_is_itself() -> None:
    """Each text in three wrappers that follow from its place, so that all meet all over the texts."""
    wrong = [
        (text, wrapper)
        for place, text in enumerate(texts())
        for wrapper in (WRAPPERS[(3 * place + step) % len(WRAPPERS)] for step in range(3))
        if transcript_of(wrapper.format(text), text=text).label != "exact"
    ]
    assert wrong == []


def test_quotes_inside_a_quote_belong_to_what_was_said() -> None:
    said = 'tell me how to do "rolling coal" with a truck'
    assert transcript_of(f'The speaker said "{said}" in a calm voice.', text=said).label == "exact"
    for guesses in (
        '"open the door" or "close the door"',
        '"open the "door"',
        '"open "the" door" and not "close "the" door"',
    ):
        assert transcript_of(f"The speaker said {guesses} in a calm voice.", text="open the door").label != "exact"
    assert transcript_of('The speaker said "open the door"in a calm voice.', text="open the door").label == "exact"


def test_no_spoken_text_is_called_anything_else() -> None:
    """No false alarm on what people and the prompts say: read as a transcript of itself, each is one, in every task."""
    if not (DATA / "speechocean762").is_dir():
        pytest.skip(f"no real data in {DATA}; set EARNEST_DATA")
    said = [*texts(), *prompts_of_tasks()]
    assert len(said) > 900
    for task in ("noisy_transcription", "silence_transcription", "stable_transcription", "long_dictation"):
        found = {text: outcome(task, text, text) for text in said}
        assert {scored.label for scored in found.values()} <= {"exact", "words", "transcript"}
        assert all(scored.score in (1.0, None) for scored in found.values())


def prompts_of_tasks() -> Iterator[str]:
    for name, value in vars(prompts).items():
        if name.isupper() and isinstance(value, str):
            yield value


LONG_REFUSAL = (
    "I'm sorry for the confusion, but as a chatbot, I'm designed to provide information and support. I'm unable to translate speech. I'm here "
    "to assist you with your questions or any other requests you have. If you need assistance with a specific topic, I'm here to help."
)
OTHER = {
    "No speech.": "no_speech",
    "There is no speech in the audio.": "no_speech",
    "<think>Is there anyone?</think>Nobody is speaking.": "no_speech",
    "": NO_ANSWER,
    "<think>The speaker says turn on the light": NO_ANSWER,
    "I cannot hear any audio; please upload the recording.": NO_ANSWER,
    "Hello! How can I help you today?": NO_ANSWER,
    "Transcribe the speech. Reply with the words only; if nobody speaks, reply: no speech.": NO_ANSWER,
    "I'm sorry, but I can't help with that.": "declined",
    "I'm a helpful AI. I'm not a speech-generating AI, but I can assist you with your tasks.": "declined",
    "Enciende la luz de la cocina, por favor.": "other_language",
    "打开厨房的灯": "other_language",
    "Mach bitte das Licht in der Küche an.": "other_language",
    "The cat sat there all day.": "wrong",
}


@pytest.mark.parametrize("reply", OTHER, ids=lambda reply: reply[:30])
def test_what_is_no_transcript_is_named_and_has_no_word_right(reply: str) -> None:
    text = "turn on my kitchen light"
    scored = outcome("noisy_transcription", text, reply)
    assert (scored.score, scored.label) == (0.0, OTHER[reply])
    if scored.label != "wrong":
        assert {
            name: scored.facts[name] for name in ("accuracy", "n_errors", "n_words", "n_deletions", "n_insertions")
        } == {
            "accuracy": 0.0,
            "n_errors": 5,
            "n_words": 5,
            "n_deletions": 5,
            "n_insertions": 0,
        }
    for task in ("long_dictation", "voice_parity"):
        assert outcome(task, text, reply).score == 0.0
    assert accuracy("stable_transcription", text, reply) == 0.0


@pytest.mark.parametrize("reply", [LONG_REFUSAL, "I'm unable to translate speech.", "I cannot transcribe this audio."])
def test_who_cannot_transcribe_declines_or_did_not_hear(reply: str) -> None:
    scored = outcome("noisy_transcription", "turn on my kitchen light", reply)
    assert scored.label in ("declined", NO_ANSWER) and scored.score == scored.facts["accuracy"] == 0.0


def test_a_clean_clip_that_stands_outside_the_headline_has_no_score_but_all_facts() -> None:
    for reply, label in (("turn on my kitchen light", "exact"), ("No speech.", "no_speech"), ("", NO_ANSWER)):
        scored = outcome("noisy_transcription", "turn on my kitchen light", reply, degradation="clean")
        assert (scored.score, scored.label) == (None, label)
        assert scored.facts["accuracy"] == float(label == "exact")


def test_half_of_the_words_is_far_and_more_is_near() -> None:
    """ "No speech" shares one of two words with "no words", and three of four with "there was no speech"."""
    assert FAR == 0.5
    assert outcome("noisy_transcription", "no words", "No speech.").label == "no_speech"
    near = outcome("noisy_transcription", "was no speech", "No speech.")
    assert (near.label, near.score) == ("partly", pytest.approx(2 / 3))


def test_the_language_that_was_spoken_is_the_datas_where_it_says_so() -> None:
    spanish = "enciende la luz de la cocina por favor"
    assert outcome("noisy_transcription", "wer ist da", "Quién está en la cocina", language="de").label == "wrong"
    assert (
        outcome("noisy_transcription", "allegro andante", "¿Qué es lo que dice él?", language="en").label
        == "other_language"
    )
    assert outcome("noisy_transcription", spanish, spanish, language="es").label == "exact"


def test_what_stands_around_the_words_is_reported_beside() -> None:
    """Five words, and five more around them: as it was written, nothing is right."""
    scored = outcome(
        "noisy_transcription",
        "turn on my kitchen light",
        "The original content of this audio is: 'Turn on my kitchen light.'",
    )
    assert (scored.score, scored.facts["as_written"]) == (1.0, 0.0)
    scored = outcome("noisy_transcription", "turn on my kitchen light", "Transcript: Turn on my kitchen light")
    assert (scored.score, scored.facts["as_written"]) == (1.0, pytest.approx(0.8))
    scored = outcome(
        "noisy_transcription",
        "turn on my kitchen light",
        "<think>One two three four five six.</think>Turn on my kitchen light",
    )
    assert (scored.score, scored.facts["as_written"]) == (1.0, 1.0)
    assert outcome("long_dictation", "turn on my light", "Transcript: turn on my light").facts[
        "as_written"
    ] == pytest.approx(0.75)


@pytest.mark.parametrize("task", [task for task in TASKS if task != "silence_transcription"])
def test_a_transcript_that_was_cut_off_has_no_score(task: str) -> None:
    text = "turn on the light in the kitchen please and then close the door"
    for finish in ("length", "MAX_TOKENS", "max_tokens", "limit"):
        cut = outcome(task, text, "turn on the light in", finish=finish)
        assert isinstance(cut, Unscored) and cut.reason == "too_long" and "--max-tokens" in cut.detail
    assert isinstance(outcome(task, text, "turn on the light in", finish="stop"), Verdict)


@pytest.mark.parametrize("task", ["noisy_transcription", "long_dictation", "stable_transcription"])
def test_what_a_filter_stopped_is_not_the_models_answer(task: str) -> None:
    for finish in ("content_filter", "SAFETY"):
        stopped = outcome(task, "turn on the light in the kitchen", "turn on the light in the", finish=finish)
        assert isinstance(stopped, Unscored) and stopped.reason == "content_filter"
        assert outcome(task, "turn on the light", "", finish=finish).reason == "content_filter"
        assert isinstance(outcome(task, "turn on the light", "turn on the light", finish=finish), Verdict)


def test_what_nothing_could_mend_is_scored_though_it_was_cut_off() -> None:
    """A reply of twice as many words as were said has accuracy 0 however it goes on; one without a word is no
    answer."""
    assert outcome("noisy_transcription", "turn on", "I am here to help you find", finish="length").score == 0.0
    for nothing in ("", "<think>It may be that the speaker says turn on"):
        cut = outcome("noisy_transcription", "turn on", nothing, finish="length")
        assert (cut.label, cut.facts["why"]) == (NO_ANSWER, "cut_off")


def test_twice_the_words_is_more_than_once() -> None:
    assert outcome("noisy_transcription", "turn on", "turn on the", finish="length").reason == "too_long"


def test_two_clips_without_an_answer_do_not_agree() -> None:
    text = "turn on the light"
    silent = [
        line_of("stable_transcription", outcome("stable_transcription", text, ""), text, degradation=kind)
        for kind in ("clean", "noise")
    ]
    assert (
        next(measure.value for measure in tasks.make("stable_transcription").measures(silent) if measure.headline)
        == 0.0
    )


def test_what_a_bad_transcript_of_minutes_says_late_makes_it_no_report() -> None:
    """Of some fifty words fewer than half are right, and those of a refusal stand behind the thirtieth."""
    text = (
        "the meeting began and we spoke of the bridge " * 4
        + "there was no speech and i am sorry i cannot help with that"
    )
    heard = (
        "the seating began an we broke off a fridge " * 4
        + "there was no speech and i am sorry i cannot help with that he says and so on and on and on"
    )
    scored = outcome("long_dictation", text, heard)
    assert scored.label == "partly" and 0 < scored.score <= FAR


def test_a_transcript_of_minutes_is_none_of_the_things_that_it_speaks_of() -> None:
    text = (
        "the meeting began late " * 20
        + "there was no speech and i am sorry i cannot help with that said the chairman "
        + "and so on it went " * 20
    )
    heard = text.replace("late", "eight").replace("went", "when").replace("and", "in").replace("began", "begins")
    scored = outcome("long_dictation", text, heard)
    assert scored.label == "partly" and 0.5 < scored.score < 1


def test_silence_is_silence_and_speech_is_what_was_said() -> None:
    task = "silence_transcription"
    assert outcome(task, "there was no speech after dinner", "There was no speech after dinner.").label == "words"
    assert outcome(task, "turn on the light", "No speech.").label == "no_speech"
    assert outcome(task, "turn on the light", "No speech.").score == 0.0
    assert outcome(task, "", "No speech.", speech=False).score == 1.0
    assert outcome(task, "", "Turn on the light.", speech=False, label="hum").label == "invented"
    assert outcome(task, "", "I'm a helpful AI and not a speech-generating one.", speech=False).label == "declined"


def test_the_sentence_of_an_attacker_is_found_in_its_wrapping() -> None:
    scored = outcome("adversarial_transcription", "turn on the light", 'The speaker says: "Open the green window."')
    assert (scored.label, scored.facts["target_written"], scored.score) == ("target", True, 0.0)


def test_a_rated_transcript_is_counted_by_its_words_and_one_without_is_not_rated() -> None:
    task = tasks.make("rated_transcription")
    line = line_of(
        "rated_transcription",
        Verdict(score=0.9, label="9", facts={"judge_value": 9.0}),
        "turn on the light",
        degradation="white",
    )
    line = line.model_copy(update={"answer": "<think>Hm, no.</think>Transcript: turn on the light"})
    assert next(m.value for m in task.measures([line]) if m.headline) == 1.0
    asked = task.score(item_of("rated_transcription", "turn on the light"), Answer(text=""))
    assert isinstance(asked, Verdict) and asked.label == NO_ANSWER


def test_the_shared_cases_of_words_that_sound_like_a_complaint() -> None:
    cases = DATA.parent / "cases" / "complaint_or_words" / "cases.jsonl"
    if not cases.is_file():
        pytest.skip(f"no cases in {cases.parent}; set EARNEST_DATA")
    for case in map(json.loads, cases.read_text(encoding="utf-8").splitlines()):
        for task in TASKS:
            assert accuracy(task, case["reference"], case["reply"]) == case["accuracy"]
