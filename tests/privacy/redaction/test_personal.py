"""Personal details in rows of words: what must be found in speech and in writing, and what is nobody's."""

from __future__ import annotations

import pytest

from earnest.errors import BadParameter
from earnest.privacy.redaction.personal import KINDS, personal_words

PERSONAL = [
    ("card", "my card number is [four one one one two two two two] please charge it"),
    ("card", "The card ends with [4111], right?"),
    ("card", "my card number is [four one mine one two two] please"),  # a digit misheard
    ("account", "transfer it to account [double seven oh three nine] as agreed"),
    ("account", "Please transfer to account [-2286 -0385.] Thank you."),
    ("phone", "call me on my mobile [two one two five five five zero one two three] in the evening"),
    ("phone", "My phone number is [212-555-0123], thanks."),
    ("medical_id", "the patient number is [A B four seven one one] and she sleeps"),
    ("medical_id", "My health insurance number is [double or six free to for eight], do you need it?"),
    ("number", "and then he said [nine one four seven two] and left"),
    ("email", "write to [jane dot doe at example dot com] today"),
    ("email", "My email is [Jane.Doe@example.com], all small."),
    ("email", "send the invoice to [peter underscore miller at mailbox dot net] before the weekend"),
    ("email", "My email is [pre -not -you -net -mail], can you send it?"),  # as a recogniser misheard it
    ("name", "hello my name is [priya okafor] and i have a question"),
    ("name", "Please make it out to [Robert Sanders], if possible."),
    ("name", "could you ask [doctor lindqvist] about it"),
    ("date", "i was born on [the third of may nineteen eighty] in a small town"),
    ("date", "My date of birth is [May 3rd, 1980], is that so?"),
    ("date", "It happened on [03/05/1980] I think"),
    ("address", "i live at [twelve oak street bristol] and the gate is open"),
    ("address", "Please deliver it to [97 Oak Drive, Springfield] after five."),
]

NOBODYS = [
    "i would like two tickets for the late show and one of them is for a child",
    "It took five of us to carry the piano up to the third floor.",
    "We waited for about twenty minutes, and then it rained for three days.",
    "in nineteen eighty four everything was different",
    "In 1984 everything was different.",
    "It may rain on Monday, and the street was wet.",
    "my account number is wrong and i may be late",
    "Send it to the office at noon, please.",
    "I am happy that it works, and this is fine.",
    "it costs four thousand dollars",
]


def _places(text: str) -> tuple[list[str], int, int]:
    words = text.split()
    first = next(place for place, word in enumerate(words) if word.startswith("["))
    last = next(place for place, word in enumerate(words) if "]" in word)
    return [word.replace("[", "").replace("]", "") for word in words], first, last + 1


@pytest.mark.parametrize(("kind", "text"), PERSONAL)
def test_every_word_of_a_detail_is_found_and_no_more(kind: str, text: str) -> None:
    words, first, end = _places(text)
    found = personal_words(words)
    covered = {place for one in found for place in range(one.first, one.end)}
    assert covered == set(range(first, end)), [words[place] for place in sorted(covered)]
    assert kind in {one.kind for one in found}


@pytest.mark.parametrize("text", NOBODYS)
def test_what_is_nobodys_is_left(text: str) -> None:
    assert personal_words(text.split()) == ()


def test_kinds_choose() -> None:
    words = "my name is priya okafor and my card number is four one one one".split()
    assert {one.kind for one in personal_words(words)} == {"name", "card"}
    assert {one.kind for one in personal_words(words, kinds=["card"])} == {"card"}
    assert personal_words(words, kinds=["email"]) == ()
    assert personal_words([]) == ()


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"must be one of account, .* got 'cards'; did you mean 'card'\?"):
        personal_words(["one"], kinds=["cards"])
    with pytest.raises(BadParameter, match="got none; name one"):
        personal_words(["one"], kinds=[])


def test_a_word_more_in_front_moves_every_stretch_by_one() -> None:
    for _, text in PERSONAL:
        words, _, _ = _places(text)
        moved = personal_words(["well", *words])
        assert [(one.first - 1, one.end - 1) for one in moved] == [
            (one.first, one.end) for one in personal_words(words)
        ]


def test_a_reader_of_the_table_of_kinds_finds_each_of_them() -> None:
    assert {kind for kind, _ in PERSONAL} == set(KINDS)
