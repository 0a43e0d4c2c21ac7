"""A new work's file, made offline from what its contributor knows; everything else is left open and said to be so."""

from __future__ import annotations

import datetime
import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from earnest.catalogue.exporting import name_parts
from earnest.catalogue.importing import ids_in, normal_title
from earnest.catalogue.lint import FOLDER, NEAR, read_all
from earnest.catalogue.work import Ids, Work
from earnest.errors import BadData, BadParameter

_ARXIV = re.compile(r"^(?:arxiv:)?(\d{4}\.\d{4,5})(?:v\d+)?$", re.IGNORECASE)
_DOI = re.compile(r"^(?:doi:)?(10\.\d{4,9}/\S+)$", re.IGNORECASE)
_COMMON = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "in",
        "on",
        "to",
        "with",
        "and",
        "via",
        "from",
        "is",
        "are",
        "do",
        "does",
        "can",
        "its",
        "be",
        "as",
        "at",
        "by",
        "we",
        "how",
        "what",
        "when",
        "where",
        "into",
        "toward",
        "towards",
        "large",
        "audio",
        "language",
        "model",
        "models",
        "speech",
        "llm",
        "llms",
        "new",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Added:
    """A file that was made.

    Parameters
    ----------
    path, text : str
    near : mapping of str to str
        Works that may be the same, with the reason.
    """

    path: str
    text: str
    near: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The file as JSON values."""
        return asdict(self)


def add(
    id_: str,
    *,
    title: str,
    authors: Sequence[str] = (),
    date: str | None = None,
    kinds: Sequence[str] = ("study",),
    pillars: Sequence[str] = (),
    key: str | None = None,
    folder: Path | None = None,
    dry_run: bool = False,
) -> Added:
    """Make the file of a work; with `dry_run` only its text.

    Parameters
    ----------
    id_ : str
        arXiv id, DOI, OpenReview id or address.
    title : str
    authors : sequence of str
        `Given Family`; empty: unverified.
    date : str or None
        ISO 8601; None takes the year that an arXiv id tells, and asks for the rest.
    kinds, pillars : sequence of str
    key : str or None
        None makes one from author or title.
    folder : Path or None
        None: where the shipped works are.

    Raises
    ------
    BadData
        If a work with this id is there already, or the file is.
    BadParameter
        If id, date or key has another form.
    """
    folder = FOLDER if folder is None else Path(folder)
    ids = read_id(id_)
    there = {read.work.id: read.work for read in read_all(folder)[0]} if folder.is_dir() else {}
    held = [work.id for work in there.values() if set(_pairs(work.ids)) & set(_pairs(ids))]
    if held:
        raise BadData(f"{id_} is in the catalogue already: {held[0]}; `earnest papers show {held[0]}` shows it")
    issued = _issued(date, ids)
    year = issued if isinstance(issued, int) else issued.year
    chosen = key or new_key(title, year=year, authors=authors, taken=there)
    text = _text(chosen, title, authors, issued, ids, kinds, pillars)
    path = folder / str(year) / f"{chosen}.yaml"
    if not dry_run:
        if path.exists():
            raise BadData(f"{path} is there already; give another --key")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Added(path=str(path), text=text, near=near_works(title, there))


def read_id(text: str) -> Ids:
    """The ids in an arXiv id, a DOI, an OpenReview id or an address.

    >>> read_id("arXiv:2511.10222v2").arxiv, read_id("https://openreview.net/forum?id=yGa8CYT8kS").openreview
    ('2511.10222', 'yGa8CYT8kS')

    Raises
    ------
    BadParameter
        If it is none of them.
    """
    text = text.strip()
    if match := _ARXIV.match(text):
        return Ids(arxiv=match[1])
    if match := _DOI.match(text):
        return Ids(doi=match[1])
    if "/" in text and "." in text:
        return ids_in(text)
    if re.fullmatch(r"[A-Za-z0-9_-]{8,14}", text) and not text.isdigit():
        return Ids(openreview=text)
    raise BadParameter(
        f"expected an arXiv id (2511.10222), a DOI (10.1000/x), an OpenReview id or an address, got {text!r}"
    )


def new_key(title: str, *, year: int, authors: Sequence[str] = (), taken: Mapping[str, Any] = {}) -> str:  # noqa: B006
    """A key that is free: surname or name of the work, year, a word of the title.

    >>> new_key("AdvWave: Stealthy Jailbreaks", year=2024, authors=["Mintong Kang"])
    'kang2024-advwave'
    """
    head, colon, tail = title.partition(":")
    name = _letters(head) if colon and len(head.split()) <= 3 else ""
    telling = [
        word
        for word in re.findall(r"[a-z0-9]+", _plain(tail if name else title))
        if word not in _COMMON and len(word) > 2
    ]
    words = [word for word in (name, *telling) if word] or ["work"]
    first = _letters(name_parts(authors[0])[1]) if authors else re.sub(r"\d+$", "", words.pop(0)) or "work"
    for word in (*words, *(f"work{number}" for number in range(2, 100))):
        key = f"{first}{year}-{word}"
        if key not in taken and re.match(r"[a-z]", key):
            return key
    raise BadParameter(f"no key could be made of {title!r}; give one with --key")


def near_works(title: str, works: Mapping[str, Work]) -> dict[str, str]:
    """Works whose title, or a former one, is the same or nearly so."""
    mine, found = normal_title(title), {}
    for work in works.values():
        for other in (work.title, *work.also_titled):
            ratio = difflib.SequenceMatcher(None, mine, normal_title(other), autojunk=False).ratio()
            if ratio >= NEAR or (len(mine) > 12 and normal_title(other).startswith(mine)):
                found[work.id] = f"its title is {'the same' if ratio == 1 else 'nearly the same'}: {other}"
    return found


def _issued(date: str | None, ids: Ids) -> datetime.date | int:
    if date is None:
        if ids.arxiv is None:
            raise BadParameter(
                "a date is needed (--date 2025-11-13, or the year): only an arXiv id tells the year by itself"
            )
        return 2000 + int(ids.arxiv[:2])
    try:
        return int(date) if re.fullmatch(r"\d{4}", date) else datetime.date.fromisoformat(date)
    except ValueError as error:
        raise BadParameter(f"a date must look like 2025-11-13, or be a year, got {date!r}") from error


def _text(
    key: str,
    title: str,
    authors: Sequence[str],
    issued: datetime.date | int,
    ids: Ids,
    kinds: Sequence[str],
    pillars: Sequence[str],
) -> str:
    facts: dict[str, Any] = {
        "id": key,
        "title": title,
        "authors": list(authors) or "unverified",
        "issued": issued,
        "added": datetime.date.today(),
        "kind": list(kinds),
        "pillars": list(pillars),
        "topics": [],
        "ids": {kind: value for kind, value in ids.model_dump().items() if value},
        "claims_note": "could not be read yet",
        "checked": {"date": datetime.date.today(), "status": "unverified"},
    }
    try:
        Work.model_validate(facts)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}" for fault in error.errors()]
        raise BadParameter(f"this is no work: {'; '.join(told)}") from error
    return dumped(facts)


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if re.fullmatch(r"[\d.]+", text) else None)


_Dumper.add_representer(str, _text_node)


def dumped(facts: Mapping[str, Any]) -> str:
    """The file of a work: facts in their order, ids in quotes."""
    return yaml.dump(dict(facts), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _plain(text))


def _pairs(ids: Ids) -> list[tuple[str, str]]:
    return [(kind, value.casefold()) for kind, value in ids.model_dump().items() if value]
