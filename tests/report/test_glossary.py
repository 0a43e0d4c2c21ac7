"""One term for each thing: defined once, told apart from every other, and the page of the docs is what the report shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from earnest.errors import UnknownName
from earnest.pillars import HEADLINE, SUBTASKS
from earnest.report.glossary import Term, anchor, as_markdown, by_form, term, terms

DOCS = Path(__file__).parents[2] / "docs"
PINNED = (
    "task", "sub-task", "item", "arm", "pillar", "condition", "chance level", "baseline", "human labels", "unsupported", "resume",
)  # fmt: skip  # a table: one row a line


def test_the_page_of_the_docs_holds_what_the_report_shows() -> None:
    held = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert held == as_markdown(), "write it again with `scripts/write_glossary`"


@pytest.mark.parametrize("name", PINNED)
def test_every_word_that_readers_meet_first_is_a_term(name: str) -> None:
    assert name in terms()


def test_no_form_belongs_to_two_terms() -> None:
    forms = [form.lower() for one in terms().values() for form in (one.term, *one.forms)]
    assert sorted(forms) == sorted(by_form()), "a form that stands twice would be explained as one of two things"


def test_every_reference_leads_to_another_term() -> None:
    for one in terms().values():
        assert set(one.see) <= set(terms()) - {one.term}, one.term


def test_definitions_are_sentences_that_a_hover_can_show() -> None:
    for one in terms().values():
        assert one.means[0].isupper() and one.means.endswith("."), one.term
        assert len(one.means) <= 320 and "\n" not in one.means, one.term
        assert not re.search(r"[*_\[\]<>]", re.sub(r"`[^`]*`", "", one.means)), one.term


def test_counts_in_definitions_are_those_of_the_code() -> None:
    assert f"There are {len(SUBTASKS)}." in terms()["sub-task"].means
    assert len(HEADLINE) == 6 and all(name in terms()["pillar"].means for name in HEADLINE)


def test_a_term_with_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="meaning"):
        Term.model_validate({"term": "x", "means": "X.", "meaning": "X."})


def test_a_link_to_a_term_leads_to_its_definition_whatever_its_form() -> None:
    assert (
        term("chance level")
        == '<a class="term" href="#term-chance-level" aria-describedby="term-chance-level">chance level</a>'
    )
    assert anchor("Pillars") == "term-pillar" and term("tasks", "<b>").endswith(">&lt;b&gt;</a>")
    with pytest.raises(UnknownName, match="did you mean 'chance level'"):
        term("chance levl")
