"""The glossary: one term for each thing, defined once for the report, the docs and whoever edits either.

`glossary.yaml` beside this file holds the terms. A report shows a definition where a term is pointed at, and
`docs/glossary.md` is written from the same file.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict, Field

from earnest.errors import UnknownName, did_you_mean

SOURCE = Path(__file__).with_name("glossary.yaml")
_CODE = re.compile(r"`([^`]+)`")

_HEAD = """# Glossary

earnest uses one term for each thing. The report shows these definitions where you point at a term, and the field of
`report.json` that holds the thing stands after its definition, where there is one. Reading this page takes five minutes.
"""


class Term(BaseModel):
    """A term with its definition.

    Parameters
    ----------
    term : str
        As it stands in running text.
    means : str
        One to three sentences of Markdown with nothing but code spans.
    forms : tuple of str
        Other forms in which it occurs: plurals, spellings.
    field : str
        Where JSON or the run folder holds it; empty where nothing does.
    see : tuple of str
        Other terms that help to understand it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    term: str = Field(min_length=1)
    means: str = Field(min_length=1)
    forms: tuple[str, ...] = ()
    field: str = ""
    see: tuple[str, ...] = ()

    @property
    def fragment(self) -> str:
        """The fragment of its heading in `docs/glossary.md`."""
        return self.term.replace(" ", "-")


@functools.cache
def groups() -> Mapping[str, tuple[Term, ...]]:
    """The terms by the heading under which they stand, in the order of the file."""
    held = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return {one["group"]: tuple(Term.model_validate(term) for term in one["terms"]) for one in held}


@functools.cache
def terms() -> Mapping[str, Term]:
    """Every term by its name."""
    return {term.term: term for some in groups().values() for term in some}


@functools.cache
def by_form() -> Mapping[str, Term]:
    """Every term by each form in which it occurs, in lower case."""
    return {form.lower(): term for term in terms().values() for form in (term.term, *term.forms)}


def anchor(name: str) -> str:
    """The id of a term's definition in a page of ours."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", by_form()[name.lower()].term.lower()).strip("-")


def term(name: str, text: str = "") -> Markup:
    """A link to the definition of `name`, shown as `text`; a script shows the definition when it is pointed at or focused."""
    if name.lower() not in by_form():
        raise UnknownName(
            f"no term of the glossary is called {name!r}{did_you_mean(name, by_form()) or '; docs/glossary.md lists all'}"
        )
    return Markup('<a class="term" href="#{0}" aria-describedby="{0}">{1}</a>').format(anchor(name), text or name)


def definitions() -> dict[str, Markup]:
    """Every term's definition as a page shows it, by the term."""
    return {name: Markup(_CODE.sub(r"<code>\1</code>", str(escape(term.means)))) for name, term in terms().items()}


def as_markdown() -> str:
    """The text of `docs/glossary.md`."""
    parts = [_HEAD]
    for group, some in groups().items():
        parts += [f"## {group}\n", *map(_entry, some)]
    return "\n".join(parts)


def _entry(term: Term) -> str:
    links = ", ".join(f"[{name}](#{terms()[name].fragment})" for name in term.see)
    field = f" In files: {', '.join(f'`{name.strip()}`' for name in term.field.split(','))}." if term.field else ""
    return f"### {term.term}\n\n{term.means}{field}" + (f" See {links}." if links else "") + "\n"
