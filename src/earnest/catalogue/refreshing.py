"""Asking the network whether ids, titles, dates and links of the catalogue still hold. It reports, and changes nothing.

arXiv is asked in lists of fifty with the pause of three seconds that its terms want; OpenAlex by DOI; every other link by
a request for its head. What could not be asked is counted apart from what is wrong.
"""

from __future__ import annotations

import difflib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from xml.etree import ElementTree

from earnest.catalogue.importing import normal_title
from earnest.catalogue.work import Work

ARXIV = "https://export.arxiv.org/api/query"
OPENALEX = "https://api.openalex.org/works"
BATCH = 50
PAUSE_S = 3.0
TIMEOUT_S = 30.0
SAME = 0.95
"""Titles at least this alike, by `difflib`, count as the same."""

_ATOM = {"a": "http://www.w3.org/2005/Atom"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found of a work.

    Parameters
    ----------
    work, what : str
        Its key, and in words what was found.
    status : {"holds", "differs", "gone", "not_asked"}
        `not_asked`: the service did not answer.
    """

    work: str
    status: Literal["holds", "differs", "gone", "not_asked"]
    what: str


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """The report of a refresh."""

    findings: tuple[Finding, ...]

    @property
    def n_faults(self) -> int:
        """How many works have something wrong."""
        return sum(finding.status in ("differs", "gone") for finding in self.findings)

    @property
    def summary(self) -> str:
        """The counts in a sentence."""
        counts = Counter(finding.status for finding in self.findings)
        return ", ".join(
            f"{counts[status]} {status.replace('_', ' ')}" for status in ("holds", "differs", "gone", "not_asked")
        )

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {"summary": self.summary, "findings": [asdict(finding) for finding in self.findings]}

    def as_markdown(self) -> str:
        """The report to be read; what holds is only counted."""
        rows = [f"- **{f.work}** {f.status.replace('_', ' ')}: {f.what}" for f in self.findings if f.status != "holds"]
        return "\n".join(["# The catalogue against the network", "", self.summary, "", *rows]) + "\n"


def refresh(
    works: Sequence[Work],
    *,
    arxiv: str = ARXIV,
    openalex: str = OPENALEX,
    pause_s: float = PAUSE_S,
    on_progress: Callable[[int, int], None] | None = None,
) -> Refreshed:
    """Ask for every work that has an id or a link; works with several ids are asked for the first of arXiv, DOI, link."""
    on_arxiv = [work for work in works if work.ids.arxiv]
    by_doi = [work for work in works if not work.ids.arxiv and work.ids.doi]
    others = [work for work in works if not work.ids.arxiv and not work.ids.doi and work.ids.link]
    total = len(on_arxiv) + len(by_doi) + len(others)
    found: list[Finding] = []
    for each in (_of_arxiv(on_arxiv, arxiv, pause_s), _of_openalex(by_doi, openalex), _of_links(others)):
        for finding in each:
            found.append(finding)
            if on_progress is not None:
                on_progress(len(found), total)
    return Refreshed(findings=tuple(sorted(found, key=lambda finding: (finding.status == "holds", finding.work))))


def _of_arxiv(works: Sequence[Work], address: str, pause_s: float) -> Iterator[Finding]:
    for start in range(0, len(works), BATCH):
        if start:
            time.sleep(pause_s)
        batch = works[start : start + BATCH]
        query = urllib.parse.urlencode({"id_list": ",".join(str(w.ids.arxiv) for w in batch), "max_results": BATCH})
        try:
            entries = _entries(_fetch(f"{address}?{query}"))
        except (OSError, ElementTree.ParseError) as error:
            yield from (Finding(work=work.id, status="not_asked", what=str(error)) for work in batch)
            continue
        yield from (_compared(work, entries.get(str(work.ids.arxiv))) for work in batch)


def _entries(text: bytes) -> dict[str, tuple[str, str]]:
    """Title and date of first publication by arXiv id."""
    found = {}
    for entry in ElementTree.fromstring(text).findall("a:entry", _ATOM):
        name = (entry.findtext("a:id", "", _ATOM)).rpartition("/abs/")[2].partition("v")[0]
        title = " ".join(entry.findtext("a:title", "", _ATOM).split())
        found[name] = (title, entry.findtext("a:published", "", _ATOM)[:10])
    return found


def _compared(work: Work, entry: tuple[str, str] | None) -> Finding:
    if entry is None or not entry[0] or entry[0] == "Error":
        return Finding(work=work.id, status="gone", what=f"arXiv has no {work.ids.arxiv}")
    title, date = entry
    wrong = _title_differs(work, title)
    if not isinstance(work.issued, int) and date and date != str(work.issued):
        wrong.append(f"issued {work.issued} here, {date} there")
    return Finding(work=work.id, status="differs" if wrong else "holds", what="; ".join(wrong))


def _title_differs(work: Work, title: str) -> list[str]:
    ours = [normal_title(name) for name in (work.title, *work.also_titled)]
    theirs = normal_title(title)
    alike = max(difflib.SequenceMatcher(None, name, theirs, autojunk=False).ratio() for name in ours)
    return [] if alike >= SAME else [f"titled {title!r} there"]


def _of_openalex(works: Sequence[Work], address: str) -> Iterator[Finding]:
    for work in works:
        try:
            entry = json.loads(_fetch(f"{address}/doi:{urllib.parse.quote(str(work.ids.doi))}"))
        except urllib.error.HTTPError as error:
            status, what = (
                ("gone", f"OpenAlex has no {work.ids.doi}") if error.code == 404 else ("not_asked", str(error))
            )
            yield Finding(work=work.id, status=status, what=what)  # type: ignore[arg-type]
            continue
        except (OSError, ValueError) as error:
            yield Finding(work=work.id, status="not_asked", what=str(error))
            continue
        wrong = _title_differs(work, str(entry.get("title") or ""))
        if entry.get("publication_year") not in (None, work.year):
            wrong.append(f"of {work.year} here, of {entry['publication_year']} there")
        yield Finding(work=work.id, status="differs" if wrong else "holds", what="; ".join(wrong))


def _of_links(works: Sequence[Work]) -> Iterator[Finding]:
    for work in works:
        try:
            _fetch(str(work.ids.link), method="HEAD")
        except urllib.error.HTTPError as error:
            gone = error.code in (404, 410)
            yield Finding(work=work.id, status="gone" if gone else "not_asked", what=f"{work.ids.link}: {error}")
        except OSError as error:
            yield Finding(work=work.id, status="not_asked", what=f"{work.ids.link}: {error}")
        else:
            yield Finding(work=work.id, status="holds", what="")


def _fetch(address: str, *, method: str = "GET") -> bytes:
    request = urllib.request.Request(address, method=method, headers={"User-Agent": "earnest (catalogue refresh)"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return answer.read()
