"""What is new in the catalogue, as a list and as an Atom feed (RFC 4287).

A work counts as new from the day that its own entry gives. The feed names every work by a UUID made from its key, so that
a reader tells it apart wherever the site stands.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from earnest.catalogue.work import Work

ATOM = "http://www.w3.org/2005/Atom"
LATEST = 100
"""Works that the feed beside the site holds, the latest."""

_UNKNOWN = "authors not verified"


def entered_since(works: Mapping[str, Work], since: datetime.date) -> list[Work]:
    """Works that came in on that day or later: the latest first, those of one day by their own date."""
    found = [work for work in works.values() if work.entered is not None and work.entered >= since]
    return sorted(found, key=lambda work: (work.entered, str(work.issued), work.id), reverse=True)


def latest(works: Mapping[str, Work], most: int = LATEST) -> list[Work]:
    """The works that came in last, at most so many."""
    return entered_since(works, datetime.date.min)[:most]


def atom_feed(works: Sequence[Work], *, address: str = "") -> str:
    """The works as an Atom feed, in the order given.

    Parameters
    ----------
    works : sequence of Work
        With a day on which they came in; others are left out.
    address : str
        Where the site stands. Without it, links are relative to where the feed is read.
    """
    ElementTree.register_namespace("", ATOM)
    base = f"{address.rstrip('/')}/" if address else ""
    feed = ElementTree.Element(_name("feed"), {"{http://www.w3.org/XML/1998/namespace}lang": "en-GB"})
    listed = [work for work in works if work.entered is not None]
    _add(feed, "id", _urn("feed"))
    _add(feed, "title", "earnest: new works on trust in audio language models")
    _add(
        feed,
        "updated",
        _instant(max((work.entered for work in listed if work.entered), default=datetime.date(1970, 1, 1))),
    )
    _add(_add(feed, "author"), "name", "The catalogue of earnest")
    _add(feed, "link", rel="self", type="application/atom+xml", href=f"{base}feed.atom")
    _add(feed, "link", rel="alternate", type="text/html", href=f"{base}index.html")
    for work in listed:
        _entry(feed, work, base)
    ElementTree.indent(feed, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, encoding="unicode") + "\n"


def _entry(feed: ElementTree.Element, work: Work, base: str) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", _urn(work.id))
    _add(entry, "title", work.title)
    _add(entry, "updated", _instant(work.entered or datetime.date(1970, 1, 1)))
    if isinstance(work.issued, datetime.date):
        _add(entry, "published", _instant(work.issued))
    for author in (_UNKNOWN,) if work.authors == "unverified" else work.authors:
        _add(_add(entry, "author"), "name", author)
    _add(entry, "link", rel="alternate", type="text/html", href=f"{base}index.html#{work.id}")
    if work.ids.link:
        _add(entry, "link", rel="via", href=work.ids.link)
    for term in (*work.pillars, *work.topics):
        _add(entry, "category", term=term)
    _add(entry, "summary", _summary(work))


def _summary(work: Work) -> str:
    parts = [f"{', '.join(work.kind)}; {', '.join(work.pillars) or 'a tool'}"]
    parts += (
        ["runs here: " + ", ".join(dict.fromkeys(run.component for run in work.runs_in_earnest))]
        if work.runs_in_earnest
        else []
    )
    parts += [f"could run here: {work.could_run.what}"] if work.could_run is not None else []
    return ". ".join(parts)


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, _name(name), attributes)
    if text:
        made.text = text
    return made


def _name(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _urn(key: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"earnest:catalogue/{key}").urn


def _instant(day: datetime.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
