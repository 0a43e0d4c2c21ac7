"""The language of an answer."""

from __future__ import annotations

import pytest

from earnest.replies import language_of
from earnest.tasks import _prompts as prompts


@pytest.mark.parametrize(
    "text, language",
    [
        ("Nein.", "de"), ("Oui, bien sûr.", "fr"), ("No lo sé.", "es"), ("不可能", "zh"), ("男性", "zh"), ("男性です", "ja"),
        ("네", "ko"),
        ("Нет.", "ru"), ("Ні, це не так.", "uk"), ("نعم", "ar"), ("हाँ", "hi"), ("Ναι", "el"), ("Sì.", "it"),
        ("Sim.", "pt"), ("Nee, dank je.", "nl"),
        ("No.", ""), ("Si.", ""), ("OK", ""), ("42", ""), ("Maria Garcia", ""), ("con la", ""), ("", ""), ("?!", ""), ("\ud800", ""),
        ("答案是 first", "zh"), ("The word is 男性.", "en"), ("The speaker says \"no lo sé\".", "en"),
        ("François sings and we listen.", "en"),
        ("Il dit « good morning, how are you? ».", "fr"), ("'Je ne sais pas'", "fr"),
    ],
)  # fmt: skip  # a table: one row a line
def test_words_tell_the_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_no_answer_that_a_prompt_offers_is_of_another_language() -> None:
    offered = [
        "yes",
        "no",
        "male",
        "female",
        "child",
        "adult",
        "first",
        "second",
        "neither",
        "live",
        "copy",
        "possible",
        "no speech",
    ]
    assert {language_of(word) for word in [*offered, *prompts.SOUNDS, "nothing", "I cannot share that."]} <= {"en", ""}


def test_every_prompt_is_english() -> None:
    texts = [value for name, value in vars(prompts).items() if name.isupper() and isinstance(value, str)]
    assert {language_of(text) for text in texts} == {"en"}
