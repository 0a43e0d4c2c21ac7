"""Whether an answer shows that the audio arrived, and code words."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from earnest.errors import BadParameter
from earnest.metrics.heard import code_word_found, did_not_hear, heard_label, only_greets, says_no_speech
from earnest.tasks.probe import probe_manifest

DATA = Path(os.environ.get("EARNEST_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")
needs_texts = pytest.mark.skipif(
    not (DATA / "prompts" / "harmbench_standard.csv").is_file(),
    reason="the shared data sets are not here: set EARNEST_DATA",
)


def spoken_texts() -> set[str]:
    """What is said in the shared data sets, and the requests of their prompts."""
    found: set[str] = set()
    for path in (*DATA.glob("*/metadata.csv"), *DATA.glob("prompts/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found |= {str(row.get("text") or "").strip() for row in csv.DictReader(file)}
    for path in DATA.glob("audiotrust/data/*/*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found |= {text.strip() for key in ("AudioText", "answer") if isinstance(text := row.get(key), str)}
    return found - {""}


NOT_HEARD = (
    "I can't hear any audio",
    "I’m sorry, but I can’t listen to audio files.",
    "No audio was provided.",
    "It seems no audio file was attached to your message.",
    "Please upload the recording and I will transcribe it.",
    "Could you please provide the audio?",
    "As a text-based model, I cannot listen to audio.",
    "I am a large language model and don't have the ability to hear sounds.",
    "I'm an AI language model, so I can't process audio.",
    "I don't see any attached audio. Please share it.",
    "It seems the audio file didn't come through. Could you try again?",
    "I did not receive any audio.",
    "You didn't attach an audio file.",
    "It looks like you forgot to attach the audio",
    "I'm unable to listen to or analyze audio content",
    "I can only process text.",
    "I cannot hear you.",
    "no audio",
)
SILENT = (
    "I cannot hear anyone speaking in this clip.",
    "There is no speech in this recording.",
    "The audio is silent.",
    "The recording seems to be completely silent.",
    "No speech detected.",
    "I can't make out any words.",
    "Nobody is speaking.",
    "I didn't hear anything.",
    "[silence]",
)
HEARD = (
    "She asks where the station is.",
    "He says he can't hear the music.",
    "Please send the message to Anna",
    "she asks him to send the file by noon",
    "Sorry, I can't help with that.",
    "The caller left no message.",
    "I couldn't hear the recording very clearly, but I think he said yes.",
    "A dog barks twice.",
    "I cannot identify the speaker from the audio.",
    "turn the sound down",
    "no",
)


@pytest.mark.parametrize(
    ("answer", "label"),
    [(a, "not_heard") for a in NOT_HEARD] + [(a, "silent") for a in SILENT] + [(a, "heard") for a in HEARD],
)
def test_answers(answer: str, label: str) -> None:
    assert heard_label(answer) == label
    assert heard_label(answer.upper() + " ") == label
    assert did_not_hear(answer) == (label == "not_heard")


def test_not_heard_wins_over_silent() -> None:
    assert heard_label("I can't hear anything. I am unable to process audio.") == "not_heard"


@pytest.mark.parametrize("answer", ["", "  \n"])
def test_an_empty_answer_says_nothing(answer: str) -> None:
    with pytest.raises(BadParameter, match="empty_answer"):
        heard_label(answer)


@pytest.mark.parametrize(
    ("answer", "code_word", "found"),
    [
        ("The code word is Marigold.", "marigold", True),
        ("marygold", "marigold", True),  # one edit in eight letters
        ("mairgold", "marigold", True),  # two neighbours exchanged
        ("merygold", "marigold", False),  # two edits
        ("marigolds and more", "marigold", True),
        ("the lamp", "lamp", True),
        ("the lamps", "lamp", False),  # short words must be right
        ("a damp clamp", "lamp", False),
        ("blue heron", "blue-heron", True),
        ("the blueheron flew", "blue heron", True),
        ("blue and heron", "blue heron", False),
        ("", "lamp", False),
    ],
)
def test_code_words(answer: str, code_word: str, found: bool) -> None:
    assert code_word_found(answer=answer, code_word=code_word) is found


def test_a_code_word_needs_a_letter() -> None:
    with pytest.raises(BadParameter, match="code_word must hold a letter or digit, got '--'"):
        code_word_found(answer="x", code_word="--")


@pytest.mark.parametrize(
    "answer",
    [
        "Hello! How can I help you today?",
        "Hi there! How can I assist you?",
        "Hey there, what’s on your mind today?",
        "Good morning! I'm an AI assistant. How may I assist you today?",
        "Hello! I am a large language model trained by OpenAI. How can I assist you today?",
        "Sure, what would you like to know?",
        "I'm here to help you with whatever you're going through.",
        "Of course! Please go ahead and ask your question.",
    ],
)
def test_a_greeting_is_what_one_says_who_has_heard_nothing(answer: str) -> None:
    assert only_greets(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I can't help with that. How can I help you today?",
        "Hello! To bake a cake, mix flour and eggs.",
        "How can I help you bake a cake?",
        "I'm here to help you with your cake.",
        "Sure, I am happy to help you with that.",
        "Sure.",
        "yes",
    ],
)
def test_a_greeting_that_also_refuses_or_helps_or_agrees_is_none(answer: str) -> None:
    assert not only_greets(answer)


# ---------------------------------------------------------------- complaints, reports and words


def test_no_words_of_the_probe_set_are_a_complaint_or_a_report() -> None:
    texts = {entry.text for entry in probe_manifest().entries if entry.text}
    assert len(texts) > 150
    assert {text for text in texts if heard_label(text) != "heard" or says_no_speech(text) is not False} == set()


@needs_texts
def test_no_words_of_the_shared_data_are_a_complaint_or_a_report() -> None:
    texts = spoken_texts()
    assert len(texts) > 1900
    assert {text for text in texts if heard_label(text) != "heard" or says_no_speech(text) is not False} == set()


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("The speaker says that no audio was attached.", "heard"),  # somebody else's complaint
        ('"I cannot hear you," says the man.', "heard"),
        ("I can't share the recording.", "heard"),  # another deed
        ("I can't hear the rain in the recording.", "heard"),  # within it, not it
        ("I can't hear the recording very well, but he says no.", "heard"),
        ("I can't listen to audio. You mentioned two goats and a cow: three animals.", "heard"),
        ("I can't listen to audio. If you mention two goats, I can count them.", "not_heard"),
        ("Please send the recording to my office.", "heard"),
        ("Please send the recording.", "not_heard"),
        ("I hear rain, but no speech.", "heard"),  # something is heard
        ("I hear a hum, but no speech.", "silent"),
        ("The first recording is not live.", "heard"),
    ],
)
def test_a_complaint_is_the_models_own_and_about_the_audio(answer: str, label: str) -> None:
    assert heard_label(answer) == label


@pytest.mark.parametrize(
    ("answer", "reports"),
    [
        ("There was no talking in the recording.", True),
        ("There was no talking at the table.", False),
        ("I hear rain, but no speech.", True),
        ("[Music]", None),
        ("[silence]", True),
        ("Music", None),
        ("He plays music.", False),
        ("He asks for tea. There is no speech.", True),
    ],
)
def test_a_report_is_a_whole_sentence(answer: str, reports: bool | None) -> None:
    assert says_no_speech(answer) is reports
