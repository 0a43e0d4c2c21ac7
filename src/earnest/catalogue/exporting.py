"""Works in the forms that other tools read: BibTeX, CSL-JSON, RIS, CSV, and a list in markdown.

Authors whom nobody verified are left out, and the entry says so; nothing is made up to fill a field. The markdown can be
read again by `earnest.catalogue.importing` with the same key, title, date, ids, kinds and topics.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from earnest.catalogue.importing import as_cell
from earnest.catalogue.work import Work
from earnest.pillars import PILLARS

UNVERIFIED = "authors not verified"
MARKDOWN_COLUMNS = ("Issued", "Work", "Kind", "Topics", "Ids", "Key")
CSV_COLUMNS = (
    "id", "title", "authors", "issued", "venue", "kind", "pillars", "topics", "access", "goal", "arxiv", "doi",
    "openreview", "acl", "isbn", "url", "link", "runs_in_earnest", "checked",
)  # fmt: skip  # a table: one row a line
_PARTICLES = {
    "van",
    "von",
    "de",
    "der",
    "den",
    "di",
    "da",
    "la",
    "le",
    "del",
    "della",
    "dos",
    "du",
    "el",
    "al",
    "bin",
    "ter",
}
_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip  # a table: one row a line


def name_parts(name: str) -> tuple[str, str]:
    """Given and family name; a particle belongs to the family name, a single word is one.

    >>> name_parts("Aäron van den Oord"), name_parts("Hung-yi Lee"), name_parts("Plato")
    (('Aäron', 'van den Oord'), ('Hung-yi', 'Lee'), ('', 'Plato'))
    """
    words = name.split()
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in _PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def bibtex(works: Iterable[Work]) -> str:
    """The works as BibTeX, their keys as citation keys."""
    return "\n".join(_bibtex(work) for work in works)


def _bibtex(work: Work) -> str:
    fields = {
        "title": "{" + _tex(work.title) + "}",
        "author": " and ".join(_bibtex_name(name) for name in _authors(work)),
        "year": str(work.year),
        "month": "" if isinstance(work.issued, int) else str(work.issued.month),
        "booktitle": _tex(work.venue),
        "eprint": work.ids.arxiv or "",
        "archiveprefix": "arXiv" if work.ids.arxiv else "",
        "doi": work.ids.doi or "",
        "isbn": work.ids.isbn or "",
        "url": work.ids.link or "",
        "note": "" if _authors(work) else UNVERIFIED,
    }
    kind = "inproceedings" if work.venue else "misc"
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@{kind}{{{work.id},\n{body}\n}}\n"


def _bibtex_name(name: str) -> str:
    given, family = name_parts(name)
    return _tex(f"{family}, {given}" if given else f"{{{family}}}" if " " in family else family)


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def csl(works: Iterable[Work]) -> str:
    """The works as CSL-JSON."""
    return json.dumps([csl_item(work) for work in works], ensure_ascii=False, indent=2) + "\n"


def csl_item(work: Work) -> dict[str, Any]:
    """A work as one item of CSL-JSON."""
    date = [work.issued] if isinstance(work.issued, int) else [work.issued.year, work.issued.month, work.issued.day]
    names = [dict(zip(("given", "family"), name_parts(name), strict=True)) for name in _authors(work)]
    fields = {
        "id": work.id,
        "type": _csl_type(work),
        "title": work.title,
        "author": [{part: value for part, value in name.items() if value} for name in names],
        "issued": {"date-parts": [date]},
        "container-title": work.venue,
        "number": f"arXiv:{work.ids.arxiv}" if work.ids.arxiv else "",
        "DOI": work.ids.doi,
        "ISBN": work.ids.isbn,
        "URL": work.ids.link,
        "note": "" if names else UNVERIFIED,
    }
    return {name: value for name, value in fields.items() if value}


def _csl_type(work: Work) -> str:
    if work.venue:
        return "paper-conference"
    if work.ids.isbn:
        return "book"
    return "article" if work.ids.arxiv or work.ids.openreview or work.ids.doi else "webpage"


def ris(works: Iterable[Work]) -> str:
    """The works as RIS."""
    return "\n".join(_ris(work) for work in works)


def _ris(work: Work) -> str:
    pairs = [("TY", "CONF" if work.venue else "GEN"), ("ID", work.id), ("TI", work.title)]
    pairs += [("AU", ", ".join(part for part in reversed(name_parts(name)) if part)) for name in _authors(work)]
    pairs += [("PY", str(work.year))]
    pairs += [] if isinstance(work.issued, int) else [("DA", work.issued.strftime("%Y/%m/%d"))]
    pairs += [("T2", work.venue), ("DO", work.ids.doi), ("SN", work.ids.isbn), ("UR", work.ids.link)]
    pairs += [] if _authors(work) else [("N1", UNVERIFIED)]
    return "".join(f"{tag}  - {value}\n" for tag, value in pairs if value) + "ER  - \n"


def csv_table(works: Iterable[Work]) -> str:
    """The works as a table; several values of one cell are parted by semicolons."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: as_cell(value) for name, value in _csv_row(work).items()} for work in works)
    return text.getvalue()


def _csv_row(work: Work) -> dict[str, Any]:
    return {
        "id": work.id,
        "title": work.title,
        "authors": "; ".join(_authors(work)) or "unverified",
        "issued": str(work.issued),
        "venue": work.venue,
        "kind": "; ".join(work.kind),
        "pillars": "; ".join(work.pillars),
        "topics": "; ".join(work.topics),
        "access": work.threat.access if work.threat else "",
        "goal": "; ".join(work.threat.goal) if work.threat else "",
        **{kind: value or "" for kind, value in work.ids.model_dump().items()},
        "link": work.ids.link or "",
        "runs_in_earnest": "; ".join(run.component for run in work.runs_in_earnest),
        "checked": work.checked.status,
    }


def markdown(works: Sequence[Work], *, title: str = "Trustworthy Audio Language Models") -> str:
    """The works as an awesome list: a table a pillar, each work once, under its first pillar, the newest first."""
    groups = [(key, [work for work in works if _group(work) == key]) for key in (*PILLARS, "general", "tools")]
    groups = [(key, sorted(group, key=_newest_first)) for key, group in groups if group]
    parts = [
        f"# {title} [![Awesome](https://awesome.re/badge.svg)](https://awesome.re)",
        "> Papers on whether audio language models deserve trust, with the code that runs them.",
        "Works of the list Awesome Trustworthy Audio-LLMs by Kaiwen Luo and others are among them, each checked anew.",
        "## Contents",
        "\n".join(f"- [{_heading(key)}](#{key})" for key, _ in groups),
    ]
    for key, group in groups:
        parts += [f"## {_heading(key)}", _table([_cells(work) for work in group])]
    return "\n\n".join(parts) + "\n"


def _heading(key: str) -> str:
    return {"general": "General", "tools": "Tools"}.get(key, key.capitalize())


def _group(work: Work) -> str:
    return work.pillars[0] if work.pillars else "tools"


def _newest_first(work: Work) -> tuple[int, str]:
    written = str(work.issued).replace("-", "").ljust(8, "0")
    return -int(written), work.id


def _cells(work: Work) -> list[str]:
    shown = work.title.replace("\\", "\\\\")
    for sign in "|[]*_`<":
        shown = shown.replace(sign, f"\\{sign}")
    link = work.ids.link
    ids = ", ".join(f"{kind}:{value}" for kind, value in work.ids.model_dump().items() if value and value != link)
    return [
        str(work.issued),
        f"[{shown}]({link})" if link else shown,
        ", ".join(work.kind),
        ", ".join(topic.replace("_", " ") for topic in work.topics),
        f"`{ids}`" if ids else "",
        f"`{work.id}`",
    ]


def _table(rows: list[list[str]]) -> str:
    """A table whose pipes stand in line."""
    every = [list(MARKDOWN_COLUMNS), *rows]
    widths = [max(3, *(_width(row[place]) for row in every)) for place in range(len(MARKDOWN_COLUMNS))]
    lines = [_row([_padded(cell, width) for cell, width in zip(row, widths, strict=True)]) for row in every]
    return "\n".join([lines[0], _row(["-" * width for width in widths]), *lines[1:]])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _authors(work: Work) -> tuple[str, ...]:
    return () if work.authors == "unverified" else tuple(work.authors)
