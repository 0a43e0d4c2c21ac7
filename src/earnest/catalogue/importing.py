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
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from earnest.catalogue.work import Ids, Work
from earnest.errors import BadData, machine_failed

Format = Literal["bold_pipe", "italic_list", "plain_br", "readme_highlight", "table"]

_DATE = r"(?P<date>\d{4}/\d{2}/\d{2})"
_LONGEST = 4_000
"""Letters of a title or an address; what is longer is no entry."""

_BOLD = re.compile(rf"\s*[-*] \*\*{_DATE}\*\*\s*\|")
_ITALIC = re.compile(rf"\s*[-*] {_DATE}\s*\[\*")
_PLAIN = re.compile(rf"\s*{_DATE}\s+(?=\S)")
_ROW = re.compile(r"\|\s*(?P<date>\d{4}(?:-\d{2}-\d{2})?)\s*\|")
_BREAK = re.compile(r"<br\s*/?>")
_HIGHLIGHT = re.compile(rf"\s*[-*] [^\[\w]*\[(?P<title>[^\]]{{1,{_LONGEST}}})\]\((?P<url>[^\s)]{{1,{_LONGEST}}})\)\s*$")
_HEADING = re.compile(r"#{1,4}\s+(?=\S)")
_DATED = re.compile(rf"\s*(?:[-*]\s+)?(?:\*\*)?{_DATE}")
_CELLS = re.compile(r"(?<!\\)\|")
_HIGHLIGHTS = "good papers"
_ISO = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
FORMATS: tuple[Format, ...] = ("bold_pipe", "italic_list", "plain_br", "table")


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


def read_entries(source: Path, faults: list[str] | None = None) -> list[Entry]:
    """The entries of a folder of markdown, or of a table in CSV.

    Parameters
    ----------
    source : Path
    faults : list of str or None
        Lines that look like an entry and are none that can be used are added to it, with file and line; None raises.

    Raises
    ------
    BadData
        If there is neither, or nothing in it that is an entry, or an entry is faulty and nobody asked for the faults.
    """
    source, found = Path(source), list[str]()
    entries = _of_table(source, found) if source.is_file() else _of_folder(source, found)
    if faults is None and found:
        raise BadData(f"{source} holds entries that cannot be used; mend them", found)
    if not entries:
        raise BadData(f"{source} holds no entry of a list in any form that is known: {', '.join(FORMATS)}", found)
    if faults is not None:
        faults += found
    return entries


def _of_folder(folder: Path, faults: list[str]) -> list[Entry]:
    if not folder.is_dir():
        raise BadData(f"expected a folder of markdown or a table in CSV, got {folder}, which is not there")
    found: list[Entry] = []
    for file in sorted(folder.rglob("*.md"), key=lambda file: (file.name != "README.md", file.as_posix())):
        name = file.relative_to(folder).as_posix()
        if (
            not any(part.startswith(".") for part in Path(name).parts)
            and (text := _text_of(file, name, faults)) is not None
        ):
            found += _of_markdown(text, name=name, first=len(found) + 1, faults=faults)
    return found


def _text_of(file: Path, name: str, faults: list[str]) -> str | None:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        if fault := machine_failed(error):
            raise fault from error
        faults.append(f"{name} must be text in UTF-8, got {error}; save it as UTF-8")
        return None


def _of_markdown(text: str, *, name: str, first: int, faults: list[str]) -> list[Entry]:
    found: list[Entry] = []
    heading = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if title := _HEADING.match(line):
            heading = line[title.end() :].strip().lower()
            continue
        form, parts = _parts(line, highlights=name == "README.md" and _HIGHLIGHTS in heading)
        if parts is None:
            faults += [f"{name} line {number}: {_NO_FORM}, got {line[:80]!r}"] if _DATED.match(line) else []
            continue
        topic = {"readme_highlight": "readme/good_papers", "table": heading}.get(form, _topic(name))
        place = {"source_file": name, "line": number, "topic": topic, "format": form, "row": first + len(found)}
        entry, fault = _checked(place, _of_row(parts) if form == "table" else _of_line(parts))
        found += [entry] if entry is not None else []
        faults += [f"{name} line {number}: {fault}"] if fault else []
    return found


_NO_FORM = "a date, and a title with its address in one of the known forms, are wanted"


def _checked(place: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[Entry | None, str]:
    """The entry, or what is wrong with it."""
    entry = Entry(**place, **facts)
    if not entry.title or max(len(entry.title), len(entry.url)) > _LONGEST:
        return None, f"a title and an address of at most {_LONGEST} letters are wanted, got {entry.title[:40]!r}"
    if entry.date and not _ISO.fullmatch(entry.date):
        return None, f"a date is wanted, got {entry.date[:40]!r}"
    try:
        entry.ids  # noqa: B018  (reads the address)
    except ValueError as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        return (
            None,
            f"an address or ids that can be used are wanted, got {(entry.url or str(entry.more_ids))[:80]!r} ({reason})",
        )
    return entry, ""


def _of_line(parts: Mapping[str, str]) -> dict[str, Any]:
    date = parts.get("date", "").replace("/", "-")
    return {"title": _plain(parts["title"]), "date": date, "url": parts.get("url", "")}


def _of_row(parts: Mapping[str, str]) -> dict[str, Any]:
    """The cells of a table of our own export: work, kind, topics, ids, key."""
    cells = [cell.strip() for cell in _CELLS.split(parts["cells"])]
    work, kind, topics, ids, key = (*cells, "", "", "", "", "")[:5]
    title, url = _link_of(work)
    return {
        "title": re.sub(r"\\(.)", r"\1", _printable(title)).strip(),
        "date": parts["date"],
        "url": url,
        "key": key.strip("`"),
        "kind": tuple(part.strip() for part in kind.split(",") if part.strip()),
        "topics": tuple(part.strip().replace(" ", "_") for part in topics.split(",") if part.strip()),
        "more_ids": tuple(tuple(part.strip().split(":", 1)) for part in ids.strip("`").split(",") if ":" in part),
    }


def _link_of(cell: str) -> tuple[str, str]:
    """Title and address of `[title](address)`; of anything else the cell itself, and no address."""
    title, mark, url = cell.removeprefix("[").removesuffix(")").rpartition("](")
    is_link = mark and cell.startswith("[") and cell.endswith(")") and title and url and not re.search(r"\s", url)
    return (title, url) if is_link else (cell, "")


def _parts(line: str, *, highlights: bool) -> tuple[str, dict[str, str] | None]:
    """The form of a line, and its parts; each look at a line takes a time that grows as the line does, and no faster."""
    if match := _BOLD.match(line):
        start = line.find("[**", match.end())
        if start >= 0 and (parts := _titled(line, start + 3, _BOLD_END)):
            return "bold_pipe", {"date": match["date"], **parts}
    elif (match := _ITALIC.match(line)) and (parts := _titled(line, match.end(), _ITALIC_END)):
        return "italic_list", {"date": match["date"], **parts}
    elif match := _PLAIN.match(line):
        title, mark, end = line[match.end() :].rstrip().rpartition("<br")
        if title.strip() and _BREAK.fullmatch(mark + end):
            return "plain_br", {"date": match["date"], "title": title.strip()}
    elif (match := _ROW.match(line)) and (cells := line[match.end() :].rstrip()).endswith("|") and len(cells) > 1:
        return "table", {"date": match["date"], "cells": cells[:-1]}
    if highlights and (match := _HIGHLIGHT.match(line)):
        return "readme_highlight", match.groupdict()
    return "", None


_BOLD_END = re.compile(
    r"\*\*\]\((?P<url>[^\s)\]]+)\)"
)  # no bracket in an address, so that each looks as far as the next
_ITALIC_END = re.compile(r"\*\]\((?P<url>[^\s)\]]+)\)")


def _titled(line: str, start: int, end: re.Pattern[str]) -> dict[str, str] | None:
    """The title from a place on, and the address in the first end that has one."""
    match = end.search(line, start + 1)
    return {"title": line[start : match.start()], "url": match["url"]} if match else None


def _topic(name: str) -> str:
    return name.removeprefix("papers/").removesuffix(".md")


def _printable(title: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in title)


def _plain(title: str) -> str:
    return " ".join(_printable(title).replace("\\|", "|").replace("**", "").strip(" *").split())


def _of_table(path: Path, faults: list[str]) -> list[Entry]:
    text = _text_of(path, path.name, faults)
    if text is None:
        return []
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: list[Entry] = []
    line = 1
    try:
        lacking = [name for name in ("title", "date", "url") if name not in (reader.fieldnames or ())]
        if lacking:
            raise BadData(f"{path} must have the columns title, date, url; it lacks {', '.join(lacking)}")
        line = reader.line_num + 1
        for number, row in enumerate(reader, start=1):
            cells = {
                name: as_read(cell or "") for name, cell in row.items() if name is not None
            }  # None: cells without a column
            entry, fault = _of_cells(cells, number, path)
            found += [entry] if entry is not None else []
            faults += [f"{path.name} line {line}: {fault}"] if fault else []
            line = reader.line_num + 1
    except csv.Error as error:
        faults.append(f"{path.name} line {line}: no readable CSV ({error}); mend the line")
    return found


def _of_cells(row: Mapping[str, str], number: int, path: Path) -> tuple[Entry | None, str]:
    """The entry of a row of a table, or what is wrong with it."""
    numbers = {"line": row.get("line") or str(number + 1), "row": row.get("row") or str(number)}
    if not all(value.isdecimal() and len(value) < 10 for value in numbers.values()):
        return None, f"row and line must be whole numbers, got {numbers['row'][:20]!r} and {numbers['line'][:20]!r}"
    place = {
        "source_file": row.get("source_file") or path.name,
        "topic": row.get("topic_path") or row.get("topic") or "",
        "format": row.get("entry_format") or "table",
        **{name: int(value) for name, value in numbers.items()},
    }
    return _checked(place, {"title": _plain(row["title"]), "date": row["date"], "url": row.get("url") or ""})


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
    if host.endswith("arxiv.org") and (match := _ARXIV.search(path)):
        return Ids(arxiv=match[1])
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


def write_table(accounts: Sequence[Account], path: Path) -> None:
    """Write what became of every entry as a table."""
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TABLE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for one in accounts:
            facts = {name: getattr(one.entry, name) for name in TABLE_COLUMNS[:7]}
            cells = facts | {"work": one.work, "decision": one.decision, "reason": one.reason}
            writer.writerow({name: as_cell(value) for name, value in cells.items()})


_RUNS = ("=", "+", "-", "@", "\t", "\r")


def as_cell(value: Any) -> Any:
    """A text for a cell of a table: one that a spreadsheet would take for a formula begins with an apostrophe.

    >>> as_cell("=1+1"), as_cell("a=b"), as_cell(-3)
    ("'=1+1", 'a=b', -3)
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" \n").startswith(_RUNS) else value


def as_read(cell: str) -> str:
    """The text of a cell that `as_cell` gave."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip(" \n").startswith(_RUNS) else cell
