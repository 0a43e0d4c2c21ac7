"""What a transcript holds of the words that were said: the facts that every transcription task scores by."""

from __future__ import annotations

import pytest

from earnest.tasks._words import label_of_other, transcript_of

# made after public reports of right transcripts that were taken for complaints
SOUNDS_LIKE_A_COMPLAINT = (
    ("there was no speech after dinner", "There was no speech after dinner."),
    ("silence", "Silence."),
    ("please send me the recording tomorrow", "Please send me the recording tomorrow."),
    ("i cannot hear you speak up", "I cannot hear you, speak up."),
    ("hello how can i help you today", "Hello, how can I help you today?"),
    ("there is no sound in the clip", "There is no sound in the clip."),
    ("sorry i cannot help with that", "Sorry, I cannot help with that."),
)


def transcript_facts(reply: str, *, text: str) -> tuple[str, dict]:
    found = transcript_of(reply, text=text)
    other = label_of_other(reply, text=text) if found.is_far else ""
    return other or found.label, (found.without_words() if other else found).facts


@pytest.mark.parametrize(("text", "reply"), SOUNDS_LIKE_A_COMPLAINT)
def test_the_words_that_were_said_are_a_transcript(text: str, reply: str) -> None:
    label, facts = transcript_facts(reply, text=text)
    assert (label, facts["accuracy"], facts["n_errors"]) == ("exact", 1.0, 0)


def test_no_speech_leaves_out_every_word() -> None:
    label, facts = transcript_facts("There was no speech.", text="the lamp is on the table")
    assert label == "no_speech"
    assert facts == {
        "accuracy": 0.0,
        "n_errors": 6,
        "n_words": 6,
        "n_insertions": 0,
        "n_deletions": 6,
        "n_substitutions": 0,
        "as_written": facts["as_written"],
    }


def test_notation_is_no_error_and_a_wrong_digit_is_one() -> None:
    """A child who reads "three two two seven" is transcribed as well by 3227 as an adult's sentence by its words."""
    for written in ("3227", "3227.", "3,227", "3 2 2 7", "3-2-2-7", "three two two seven", "32 27"):
        assert transcript_facts(written, text="three two two seven")[1]["accuracy"] == 1.0
    label, facts = transcript_facts("3237", text="three two two seven")
    assert (label, facts["n_errors"], facts["n_words"]) == ("partly", 1, 4)
