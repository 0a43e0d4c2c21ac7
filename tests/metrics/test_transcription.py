"""Word and character error rates against hand-worked cases and jiwer."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.errors import BadParameter
from earnest.metrics.transcription import (
    EditCounts,
    character_error_rate,
    edit_counts,
    normalise_english,
    word_error_rate,
)

few = settings(max_examples=60, deadline=None)
sentences = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map(" ".join)


def test_edits_by_hand() -> None:
    # "the cat sat on" -> "a cat sat": one changed, one left out
    assert edit_counts(reference="the cat sat on", hypothesis="a cat sat") == EditCounts(1, 1, 0, 2, 4)
    assert edit_counts(reference="a cat sat", hypothesis="the cat sat on") == EditCounts(1, 0, 1, 2, 3)


def test_corpus_rate_is_all_edits_over_all_words() -> None:
    # 1 edit of 1 word and 1 edit of 4: 2/5, not the mean of 1 and 1/4
    reference, hypothesis = ["yes", "turn the light on"], ["no", "turn the lights on"]
    assert word_error_rate(reference=reference, hypothesis=hypothesis) == pytest.approx(0.4)


def test_rate_can_exceed_one_and_is_not_symmetric() -> None:
    assert word_error_rate(reference="yes", hypothesis="yes it is so") == 3
    assert word_error_rate(reference="yes it is so", hypothesis="yes") == 0.75


def test_characters_by_hand() -> None:
    assert character_error_rate(reference="cart", hypothesis="carts") == 0.25
    assert character_error_rate(reference="  a  b ", hypothesis="a b") == 0


def test_words_said_into_silence_count_in_a_corpus_and_raise_alone() -> None:
    assert word_error_rate(reference=["", "two words"], hypothesis=["thank you", "two words"]) == 1
    assert edit_counts(reference="", hypothesis="thank you") == EditCounts(0, 0, 2, 0, 0)
    with pytest.raises(BadParameter, match=r"the references hold no word, so there is no rate \(2 inserted\)"):
        word_error_rate(reference="", hypothesis="thank you")
    with pytest.raises(BadParameter, match="hold no character"):
        character_error_rate(reference=["", " "], hypothesis=["", ""])


def test_texts_must_pair_up() -> None:
    with pytest.raises(BadParameter, match="must pair up, got 1 and 2 texts"):
        word_error_rate(reference=["a"], hypothesis=["a", "b"])
    with pytest.raises(BadParameter, match="both be texts or both sequences"):
        word_error_rate(reference="a", hypothesis=["a"])


@pytest.mark.source("metrics/word_error_rate", of="levenshtein1966-codes", at="jiwer 4.0.0; the work has no example")
@pytest.mark.source(
    "metrics/character_error_rate", of="levenshtein1966-codes", at="jiwer 4.0.0; the work has no example"
)
def test_rates_are_those_of_jiwer() -> None:
    """What `jiwer.process_words` and `jiwer.cer` of 4.0.0 gave; the next test compares with the version that is here."""
    texts = {
        "reference": ["the cat sat on the mat", "no one knows", "turn left at the second light"],
        "hypothesis": ["the cat sat mat", "no one really knows it", "turn right at second lights"],
    }
    found = edit_counts(**texts)
    assert (found.substitutions, found.deletions, found.insertions, found.hits) == (2, 3, 2, 10)
    assert word_error_rate(**texts) == pytest.approx(7 / 15)
    assert character_error_rate(**texts) == pytest.approx(26 / 63)


@few
@given(pairs=st.lists(st.tuples(sentences.filter(bool), sentences), min_size=1, max_size=5))
def test_edits_agree_with_jiwer(pairs: list[tuple[str, str]]) -> None:
    reference, hypothesis = [list(side) for side in zip(*pairs)]
    ours, theirs = edit_counts(reference=reference, hypothesis=hypothesis), jiwer.process_words(reference, hypothesis)
    assert word_error_rate(reference=reference, hypothesis=hypothesis) == pytest.approx(theirs.wer)
    assert (ours.substitutions, ours.deletions, ours.insertions, ours.hits) == (
        theirs.substitutions,
        theirs.deletions,
        theirs.insertions,
        theirs.hits,
    )
    assert character_error_rate(reference=reference, hypothesis=hypothesis) == pytest.approx(
        jiwer.cer(reference, hypothesis)
    )


@few
@given(reference=sentences, hypothesis=sentences)
def test_counts_add_up(reference: str, hypothesis: str) -> None:
    found = edit_counts(reference=reference, hypothesis=hypothesis)
    assert found.substitutions + found.deletions + found.hits == found.n_reference == len(reference.split())
    assert found.substitutions + found.insertions + found.hits == len(hypothesis.split())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("Hello,   WORLD!", "hello world"),
        ("She's 21, he's 112.", "she is twenty one he is one hundred twelve"),
        (
            "the 1st, 2nd, 3rd, 12th, 20th and 121st",
            "the first second third twelfth twentieth and one hundred twenty first",
        ),
        ("1,250,000 people", "one million two hundred fifty thousand people"),
        ("it costs 2.50", "it costs two point five zero"),
        ("50% off", "fifty percent off"),
        ("agent 007", "agent zero zero seven"),
        ("I won’t, can't and didn't", "i will not can not and did not"),
        ("the dog's bowl", "the dogs bowl"),
        ("Um, the, uh, color of the gray theater", "the colour of the grey theatre"),
        ("they realized and organized, while traveling", "they realised and organised while travelling"),
        ("a well-known [noise] <unk> voice", "a well known voice"),
        ("they analyzed it", "they analysed it"),
        ("size and prize stay", "size and prize stay"),
        ("forty-two", "forty two"),
        ("Hel\u200blo wor\u00adld ５ ﬁnes", "hello world five fines"),
        (
            "It costs $5.50 or £1, at 10:30 on 3 May.",
            "it costs five dollars and fifty cents or one pound at ten thirty on three may",
        ),
        ("5 km² at 20°C, x² and 10%", "five kilometres squared at twenty degrees celsius x squared and ten percent"),
        ("Uh-huh, the dog'll bark & I'd go", "the dog will bark and i would go"),
        ("No. 5, No one, His name is Max.", "number five no one his name is max"),
        ("-5 - 3-4", "minus five three four"),
        ("er geht um die Ecke und sie auch", "er geht um die ecke und sie auch"),
        ("हिन्दी में २१", "हिन्दी में twenty one"),
        ("你好，世界", "你 好 世 界"),
    ],
)
def test_normal_form(text: str, wanted: str) -> None:
    assert normalise_english(text) == wanted


def test_spellings_and_numbers_do_not_count_as_errors() -> None:
    said, written = "I've three favorite colors.", "i have 3 favourite colours"
    assert word_error_rate(reference=normalise_english(said), hypothesis=normalise_english(written)) == 0


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=40)
    | st.text(alphabet=st.characters(codec="latin-1"), max_size=40)
    | st.text(alphabet="a'nt1, .%s2rd-", max_size=20)
    | st.text(alphabet="$£12.5,:/-' °^²½(mk)pAMIVsth#&+*[]<>{}x", max_size=25)
)
def test_normal_form_is_stable(text: str) -> None:
    once = normalise_english(text)
    assert normalise_english(once) == once
