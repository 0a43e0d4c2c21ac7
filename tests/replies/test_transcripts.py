"""Readings of a transcript: the words are among them in every wrapper, and nothing is gained by guessing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reply_wrappers import FORMS, LEADS, OFFERS, WRAPPERS

from earnest.metrics.transcription import edit_counts, normalise_english
from earnest.replies import transcripts, without_reasoning
from earnest.replies._transcripts import MOST

SAID = (
    "turn the light on off stop go left right red blue seven door don't kitchen window please now it's music call mum"
)
WORDS = SAID.split()


def errors(reply: str, text: str) -> int:
    return min(
        edit_counts(reference=normalise_english(text), hypothesis=normalise_english(reading)).edits
        for reading in transcripts(without_reasoning(reply))
    )


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(
    "text",
    [
        "turn on the light", "don't stop the dogs' house", "no speech", "silence", "yes",
        "sure here is the transcript", "it's five o'clock",
        "let me know if you need anything else", "speaker one said yes", "the speaker says hello", "answer two",
        "4 2 71", "'tis the dogs'",
        "this is the audio of the speaker", "note that the recording is mine", "sorry i cannot help with that",
        "hello how can i help you today",
    ],
)  # fmt: skip  # a table: one row a line
def test_the_words_are_found_in_every_wrapper(wrapper: str, text: str) -> None:
    assert errors(wrapper.format(text), text) == 0


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize(
    "text",
    [
        "the library has two floors",
        "would you like me to translate it",
        "please send me the recording tomorrow",
        "okay here you go",
    ],
)
def test_the_words_are_found_between_a_lead_in_and_an_offer(lead: str, text: str) -> None:
    said = text.capitalize() + "."
    replies = [lead + form.format(said) + offer for form, offer in itertools.product(FORMS, OFFERS)]
    assert [reply for reply in replies if errors(reply, text)] == []


@pytest.mark.parametrize("offer", OFFERS[1:])
def test_other_words_are_not_forgiven_for_an_offer(offer: str) -> None:
    assert errors("The library has three floors." + offer, "the library has two floors") == 1
    assert errors("The library has two floors. The kettle is on the stove.", "the library has two floors") == 6


def test_a_plain_transcript_has_one_reading_and_is_read_first_as_it_stands() -> None:
    assert transcripts("turn on the light") == ("turn on the light",)
    assert transcripts('Transcript: "turn on"')[0] == 'Transcript: "turn on"'
    assert transcripts("") == ("",)


def test_there_are_never_more_readings_than_said() -> None:
    deep = "".join(f"Speaker {n}: [0:0{n}] > '" for n in range(9)) + "yes"
    assert len(transcripts(deep)) <= MOST


GUESSES = (
    "{a} or {b}", '"{a}" or "{b}"', "'{a}' or '{b}'", "\"{a}\", '{b}'", "{a}\n{b}", "{a}\n\n{b}", "- {a}\n- {b}",
    "1. {a}\n2. {b}", "{a} / {b}", "{a} | {b}",
    '["{a}", "{b}"]', '{{"text": "{a}", "transcript": "{b}"}}', '{{"first": "{a}", "second": "{b}"}}',
    '{{"segments": [{{"text": "{a}"}}, {{"text": "{b}"}}]}}',
    "Speaker 1: {a}\nSpeaker 2: {b}", "[00:00] {a}\n[00:02] {b}", 'The speaker says "{a}" or "{b}"',
    "The speaker says '{a}' or \"{b}\"",
    "Transcript: {a}\nTranscript: {b}", 'Transcript: "{a}"\n\nTranscript: "{b}"', "{a} ({b})", "{a} [{b}]",
    "({a}) {b} ({a})", "**{a}** **{b}**",
    "```\n{a}\n```\n```\n{b}\n```", 'The speaker says "{a}". The speaker says "{b}".',
    "The speaker says {a}. The recording is {b}.",
    "<answer>{a}</answer><answer>{b}</answer>", "{a}\nNote: {b}", "Answer: {a}\nFinal answer: {b}",
    "\\boxed{{{a}}} \\boxed{{{b}}}",
    "Answer: {a}\nExplanation: {b}", "Reasoning: {a}\nAnswer: {b}", "{a}<|im_end|>{b}",
    "{a}. What do you think about {b}?", "Sure! {a}. {b}",
    "{a}\n\nThis is the transcription: {b}", "<think>{a}</think>{b}", "> {a}\n\n> {b}", "“{a}” «{b}»",
    "A: {a}\nB: {b}", "{a}; {b}", "{a}: {b}",
)  # fmt: skip  # a table: one row a line


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GUESSES), st.permutations(WORDS))
def test_two_guesses_never_earn_what_the_better_one_would(form: str, words: list[str]) -> None:
    """In no form is there one reading with the first guess alone and another with the second alone."""
    a, b = " ".join(words[:4]), " ".join(words[4:8])
    readings = transcripts(without_reasoning(form.format(a=a, b=b)))
    only_a, only_b = (
        {reading for reading in readings if one in reading and other not in reading} for one, other in ((a, b), (b, a))
    )
    assert not (only_a and only_b)


@pytest.mark.parametrize("marks", ["‹›", "『』", "‚‘", '""', "“”", "«»", "''"])
def test_what_stands_in_one_of_several_quotations_is_no_reading(marks: str) -> None:
    reply = f"The speaker says {marks[0]}turn on{marks[1]} or {marks[0]}turn off{marks[1]}."
    assert [reading for reading in transcripts(reply) if "turn on" not in reading or "turn off" not in reading] == []


def test_lists_of_guesses_keep_them_all() -> None:
    guesses = ["turn on the light", "turn off the light", "burn all the night"]
    for joined in (" or ".join, "\n".join, "\n- ".join, " / ".join, "\n\n".join, '" or "'.join, "', '".join):
        for mark in ('"', "'", "- ", ""):
            reply = mark + joined(guesses) + mark.strip("- ")
            for reading, guess in itertools.product(transcripts(reply), guesses):
                assert guess in reading, (reply, reading)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*WORDS, "7", "10", "42", "no", "speech", "the speaker", "transcript", "answer", "one"]), min_size=1, max_size=9),
    st.sampled_from(WRAPPERS),
)  # fmt: skip  # a table: one row a line
def test_the_echo_of_any_words_in_any_wrapper_has_no_error(words: list[str], wrapper: str) -> None:
    text = " ".join(words)
    assert errors(wrapper.format(text), text) == 0
