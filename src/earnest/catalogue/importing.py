"""Reading lists of papers that others keep, and telling what of them the catalogue has.

Two forms are read: a folder of markdown (an *awesome list*) and a table in CSV with the same facts. Of an entry only
facts are taken: title, date, address, and where it stands. Three ways of writing an entry are known, a fourth for
highlights on the first page, and the table of our own export, which gives kind, topics, ids and key as well:

    - **2025/11/12** | [**Title**](https://arxiv.org/abs/2511.10692)       bold_pipe
    - 2024/07/15 [*Title*](https://arxiv.org/abs/2407.10759)               italic_list
    2026/04/17 Title<br>                                                   plain_br
    - [Title](https://arxiv.org/abs/2601.04876)                            readme_highlight
    | 2025-05-22 | [Title](https://...) | benchmark | jailbreak | `arxiv:2505.16211` | `key` |     table

An entry is taken for a work where an id agrees, or the title but for case and punctuation. Titles are never matched by
likeness: a single digit tells `Qwen2.5-Omni` from `Qwen3.5-Omni`. Likely pairs are told, for a person to decide.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from earnest.catalogue.work import Ids, Work
from earnest.errors import BadData

Format = Literal["bold_pipe", "italic_list", "plain_br", "readme_highlight", "table"]

_DATE = r"(?P<date>\d{4}/\d{2}/\d{2})"
_LINK = r"\((?P<url>\S+?)\)"
_FORMS: tuple[tuple[Format, re.Pattern[str]], ...] = (
    ("bold_pipe", re.compile(rf"^\s*[-*] \*\*{_DATE}\*\*\s*\|.*?\[\*\*(?P<title>.+?)\*\*\]{_LINK}")),
    ("italic_list", re.compile(rf"^\s*[-*] {_DATE}\s*\[\*(?P<title>.+?)\*\]{_LINK}")),
    ("plain_br", re.compile(rf"^\s*{_DATE}\s+(?P<title>.+?)\s*<br\s*/?>\s*$")),
    ("table", re.compile(r"^\|\s*(?P<date>\d{4}(?:-\d{2}-\d{2})?)\s*\|(?P<cells>.+)\|\s*$")),
)
_CELLS = re.compile(r"(?<!\\)\|")
_LINKED = re.compile(r"^\[(?P<title>.+)\]\((?P<url>\S+)\)$")
_HIGHLIGHT = re.compile(rf"^\s*[-*] [^\[\w]*\[(?P<title>[^\]]+)\]{_LINK}\s*$")
_HEADING = re.compile(r"^#{1,4}\s+(?P<text>.+?)\s*$")
_HIGHLIGHTS = "good papers"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of somebody's list.

    Parameters
    ----------
    source_file, line : str, int
        Where it stands.
    topic : str
        The file without its ending and without `papers/`.
    title : str
        As written, marks of emphasis removed.
    date : str
        ISO 8601, or the year; empty where there is none.
    url : str
        As written; empty where there is none.
    format : str
        How the entry is written.
    row : int
        Running number from 1.
    key, kind, topics, more_ids
        What the table of our own export says beside; empty elsewhere.
    """

    source_file: str
    line: int
    topic: str
    title: str
    date: str
    url: str
    format: str
    row: int
    key: str = ""
    kind: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    more_ids: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> Ids:
        """The ids in its address and beside it; none where it has neither."""
        return Ids.model_validate(ids_in(self.url).model_dump(exclude_none=True) | dict(self.more_ids))


@dataclass(frozen=True, kw_only=True)
class Match:
    """What the catalogue has of an entry.

    Parameters
    ----------
    entry : Entry
    work : str or None
        Key of the work; None where there is none.
    how : str
        `id`, `title`, `row`, or `none`.
    near : tuple of str
        Keys of works with a like title, to be looked at by a person; never taken for the entry.
    """

    entry: Entry
    work: str | None
    how: str
    near: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The match as JSON values."""
        return asdict(self)


def read_entries(source: Path) -> list[Entry]:
    """The entries of a folder of markdown, or of a table in CSV.

    Raises
    ------
    BadData
        If there is neither, or nothing in it that is an entry.
    """
    source = Path(source)
    found = _of_table(source) if source.is_file() else _of_folder(source)
    if not found:
        raise BadData(f"{source} holds no entry of a list in any form that is known: {', '.join(f for f, _ in _FORMS)}")
    return found


def _of_folder(folder: Path) -> list[Entry]:
    if not folder.is_dir():
        raise BadData(f"expected a folder of markdown or a table in CSV, got {folder}, which is not there")
    found: list[Entry] = []
    for file in sorted(folder.rglob("*.md"), key=lambda file: (file.name != "README.md", file.as_posix())):
        name = file.relative_to(folder).as_posix()
        if not any(part.startswith(".") for part in Path(name).parts):
            found += _of_markdown(file.read_text(encoding="utf-8"), name=name, first=len(found) + 1)
    return found


def _of_markdown(text: str, *, name: str, first: int) -> list[Entry]:
    found: list[Entry] = []
    heading = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if title := _HEADING.match(line):
            heading = title["text"].lower()
            continue
        form, parts = _parts(line, highlights=name == "README.md" and _HIGHLIGHTS in heading)
        if parts is None:
            continue
        topic = {"readme_highlight": "readme/good_papers", "table": heading}.get(form, _topic(name))
        place = {"source_file": name, "line": number, "topic": topic, "format": form, "row": first + len(found)}
        found.append(Entry(**place, **(_of_row(parts) if form == "table" else _of_line(parts))))
    return found


def _of_line(parts: Mapping[str, str]) -> dict[str, Any]:
    date = parts.get("date", "").replace("/", "-")
    return {"title": _plain(parts["title"]), "date": date, "url": parts.get("url", "")}


def _of_row(parts: Mapping[str, str]) -> dict[str, Any]:
    """The cells of a table of our own export: work, kind, topics, ids, key."""
    cells = [cell.strip() for cell in _CELLS.split(parts["cells"])]
    work, kind, topics, ids, key = (*cells, "", "", "", "", "")[:5]
    linked = _LINKED.match(work)
    title, url = (linked["title"], linked["url"]) if linked else (work, "")
    return {
        "title": re.sub(r"\\(.)", r"\1", title),
        "date": parts["date"],
        "url": url,
        "key": key.strip("`"),
        "kind": tuple(part.strip() for part in kind.split(",") if part.strip()),
        "topics": tuple(part.strip().replace(" ", "_") for part in topics.split(",") if part.strip()),
        "more_ids": tuple(tuple(part.strip().split(":", 1)) for part in ids.strip("`").split(",") if ":" in part),
    }


def _parts(line: str, *, highlights: bool) -> tuple[str, dict[str, str] | None]:
    for form, pattern in _FORMS:
        if match := pattern.match(line):
            return form, {key: value or "" for key, value in match.groupdict().items()}
    if highlights and (match := _HIGHLIGHT.match(line)):
        return "readme_highlight", match.groupdict()
    return "", None


def _topic(name: str) -> str:
    return name.removeprefix("papers/").removesuffix(".md")


def _plain(title: str) -> str:
    return " ".join(title.replace("\\|", "|").replace("**", "").strip(" *").split())


def _of_table(path: Path) -> list[Entry]:
    wanted = ("title", "date", "url")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        lacking = [name for name in wanted if name not in (reader.fieldnames or ())]
        if lacking:
            raise BadData(f"{path} must have the columns {', '.join(wanted)}; it lacks {', '.join(lacking)}")
        return [
            Entry(
                source_file=row.get("source_file") or path.name,
                line=int(row.get("line") or number + 1),
                topic=row.get("topic_path") or row.get("topic") or "",
                title=_plain(row["title"]),
                date=row["date"],
                url=row.get("url") or "",
                format=row.get("entry_format") or "table",
                row=int(row.get("row") or number),
            )
            for number, row in enumerate(reader, start=1)
        ]


_ARXIV = re.compile(r"(\d{4}\.\d{4,5})(?:v\d+)?")


def ids_in(url: str) -> Ids:
    """The ids that an address holds, in canonical form; an address of none of the known kinds is kept as it is.

    >>> ids_in("https://arxiv.org/pdf/2508.02175v3").arxiv, ids_in("https://openreview.net/forum?id=yGa8CYT8kS").openreview
    ('2508.02175', 'yGa8CYT8kS')
    """
    if not url:
        return Ids()
    parts = urlsplit(url if "//" in url else f"https://{url}")
    host, path = parts.netloc.lower().removeprefix("www."), parts.path
    if host.endswith("arxiv.org") and (found := _ARXIV.search(path)):
        return Ids(arxiv=found[1])
    if host == "openreview.net" and (key := parse_qs(parts.query).get("id")):
        return Ids(openreview=key[0])
    if host.endswith("doi.org") and path.startswith("/10."):
        return Ids(doi=path[1:])
    if host == "aclanthology.org" and path.strip("/"):
        return Ids(acl=path.strip("/").removesuffix(".pdf"))
    return Ids(url=f"https://{parts.netloc}{path}" + (f"?{parts.query}" if parts.query else ""))


def normal_title(title: str) -> str:
    """A title as its letters and digits alone, for comparison.

    >>> normal_title("UALM : Unified Audio") == normal_title("UALM: unified audio")
    True
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]", "", plain)


def matched(entries: Sequence[Entry], works: Mapping[str, Work], *, list_name: str = "") -> list[Match]:
    """What the catalogue has of each entry: by id, by title, or because the work names the row of `list_name`."""
    by_id = {pair: work.id for work in works.values() for pair in _pairs(work.ids)}
    by_title = {normal_title(t): w.id for w in works.values() for t in (*w.also_titled, w.title)}
    by_row = {row: w.id for w in works.values() for at in w.lists if at.name == list_name for row in at.rows}
    titles = list(by_title)
    return [_match(entry, by_id, by_title, by_row if list_name else {}, titles) for entry in entries]


def _match(
    entry: Entry,
    by_id: Mapping[tuple[str, str], str],
    by_title: Mapping[str, str],
    by_row: Mapping[int, str],
    titles: Sequence[str],
) -> Match:
    if entry.row in by_row:
        return Match(entry=entry, work=by_row[entry.row], how="row")
    for pair in _pairs(entry.ids):
        if pair in by_id:
            return Match(entry=entry, work=by_id[pair], how="id")
    title = normal_title(entry.title)
    if title in by_title:
        return Match(entry=entry, work=by_title[title], how="title")
    near = difflib.get_close_matches(title, titles, n=3, cutoff=0.85)
    return Match(entry=entry, work=None, how="none", near=tuple(by_title[name] for name in near))


def _pairs(ids: Ids) -> Iterable[tuple[str, str]]:
    return [(kind, _compared(kind, value)) for kind, value in ids.model_dump().items() if value]


def _compared(kind: str, value: str) -> str:
    """An id as it is compared: addresses without `www.` and the last slash, DOIs in one case."""
    if kind == "url":
        return value.removeprefix("https://").removeprefix("www.").rstrip("/")
    return value.casefold() if kind == "doi" else value


TABLE_COLUMNS = ("row", "source_file", "line", "topic", "title", "date", "url", "work", "decision", "reason")


@dataclass(frozen=True, kw_only=True)
class Account:
    """What became of an entry, and why.

    Parameters
    ----------
    entry : Entry
    work : str
        Key of its work; empty where there is none.
    decision : {"listed", "merged", "corrected", "open", "new"}
        The first entry of a work; a further one of the same work; one whose id or title was wrong; one of a work that
        could not be verified; one that the catalogue has not.
    reason : str
    """

    entry: Entry
    work: str
    decision: Literal["listed", "merged", "corrected", "open", "new"]
    reason: str


def accounts(matches: Sequence[Match], works: Mapping[str, Work]) -> list[Account]:
    """What became of every entry of a list, each merge with its reason."""
    first: dict[str, Entry] = {}
    found = []
    for match in matches:
        work = works.get(match.work or "")
        if work is None:
            near = "; ".join(f"like {key}" for key in match.near)
            found.append(Account(entry=match.entry, work="", decision="new", reason=near))
            continue
        decision, reason = _decided(match.entry, work, first.get(work.id))
        found.append(Account(entry=match.entry, work=work.id, decision=decision, reason=reason))
        first.setdefault(work.id, match.entry)
    return found


def _decided(entry: Entry, work: Work, before: Entry | None) -> tuple[Any, str]:
    ids, known = _pairs(entry.ids), _pairs(work.ids)
    if work.checked.status == "unverified":
        return "open", work.checked.note or work.note or "could not be verified"
    wrong = [value for kind, value in ids if (kind, value) not in known and kind in {k for k, _ in known} - {"url"}]
    if wrong:
        return "corrected", f"{wrong[0]} is another work's, or none's; {work.note}".rstrip("; ")
    how = f"the id of row {before.row}" if before and set(ids) & set(_pairs(before.ids)) else ""
    if before is not None:
        return "merged", how or f"the work of row {before.row}: {_why_same(entry, work)}"
    return "listed", "" if ids and set(ids) & set(known) else _why_same(entry, work)


def _why_same(entry: Entry, work: Work) -> str:
    titles = [normal_title(title) for title in (work.title, *work.also_titled)]
    if not entry.url:
        return "its title, no link given"
    return "its title" if normal_title(entry.title) in titles else "looked up; see the work's note"


def write_table(found: Sequence[Account], path: Path) -> None:
    """Write what became of every entry as a table."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TABLE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for one in found:
            facts = {name: getattr(one.entry, name) for name in TABLE_COLUMNS[:7]}
            writer.writerow(facts | {"work": one.work, "decision": one.decision, "reason": one.reason})
