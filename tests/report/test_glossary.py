"""One term for each thing: defined once, told apart from every other, and the page of the docs is what the report shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from earnest.pillars import HEADLINE, SUBTASKS
from earnest.report.glossary import Term, as_markdown, by_form, terms

DOCS = Path(__file__).parents[2] / "docs"
PINNED = (
    "task", "sub-task", "item", "arm", "pillar", "condition", "chance level", "baseline", "human labels", "unsupported", "resume",
)  # fmt: skip


def test_the_page_of_the_docs_holds_what_the_report_shows() -> None:
    held = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert held == as_markdown(), "write it again with `scripts/write_glossary`"


@pytest.mark.parametrize("name", PINNED)
def test_every_word_that_readers_meet_first_is_a_term(name: str) -> None:
    assert name in terms()


def test_no_form_belongs_to_two_terms() -> None:
    forms = [form.lower() for term in terms().values() for form in (term.term, *term.forms)]
    assert sorted(forms) == sorted(by_form()), "a form that stands twice would be explained as one of two things"


def test_every_reference_leads_to_another_term() -> None:
    for term in terms().values():
        assert set(term.see) <= set(terms()) - {term.term}, term.term


def test_definitions_are_sentences_that_a_hover_can_show() -> None:
    for term in terms().values():
        assert term.means[0].isupper() and term.means.endswith("."), term.term
        assert len(term.means) <= 320 and "\n" not in term.means, term.term
        assert not re.search(r"[*_\[\]<>]", re.sub(r"`[^`]*`", "", term.means)), term.term


def test_counts_in_definitions_are_those_of_the_code() -> None:
    assert f"There are {len(SUBTASKS)}." in terms()["sub-task"].means
    assert len(HEADLINE) == 6 and all(name in terms()["pillar"].means for name in HEADLINE)


def test_a_term_with_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="meaning"):
        Term.model_validate({"term": "x", "means": "X.", "meaning": "X."})
