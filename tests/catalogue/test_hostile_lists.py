"""Lists of others that are malformed or hostile: bad entries are named, the rest is imported, nothing takes long or runs."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earnest.catalogue import works
from earnest.catalogue.importing import accounts, as_cell, as_read, matched, read_entries, write_table
from earnest.errors import BadData

GOOD = "- **2025/11/12** | [**A title [of sorts]**](https://arxiv.org/abs/2511.10692)"
FEW, MANY = 80, 10_000


def write(folder: Path, *lines: str, name: str = "README.md") -> Path:
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_bad_entries_are_named_and_the_rest_is_imported(tmp_path):
    lines = (
        GOOD,
        "- **2025/13/12** | [**No such month**](https://arxiv.org/abs/2511.10693)",
        "- **2025/11/12** | a title without an address",
        "- 2024/07/15 [*An address that is none*](https://[user:pw@h/v1)",
        "| 2025 | [A work](https://doi.org/10.1/x) | study | t | `arxiv:none` | `key` |",
        "2026/04/17 The last one<br>",
        "- **2025/11/12** | [**" + "x" * 5000 + "**](https://a.org/b)",
    )
    (tmp_path / "latin.md").write_bytes(b"- **2025/11/12** | [**caf\xe9**](https://a.org)")
    faults: list[str] = []
    entries = read_entries(write(tmp_path, *lines), faults)
    assert [(entry.line, entry.row, entry.title) for entry in entries] == [
        (1, 1, "A title [of sorts]"),
        (6, 2, "The last one"),
    ]
    assert [fault.partition(":")[0] for fault in faults[:5]] == [f"README.md line {n}" for n in (2, 3, 4, 5, 7)]
    assert faults[5].startswith("latin.md must be text in UTF-8")
    with pytest.raises(
        BadData,
        match=r"entries that cannot be used; mend them(.|\n)*README.md line 2: a date is wanted, got '2025-13-12'",
    ):
        read_entries(tmp_path)


def test_bad_rows_of_a_table_are_named(tmp_path):
    (tmp_path / "list.csv").write_text(
        'title,date,url,row,line\nGood,2025,https://a.org/x,1,1\nBad row,2025,https://a.org/y,one,1\nShort\nBad date,soon,,4,4\nLast,2024-02-01,,5,5\n"open,2024\n'
    )
    faults: list[str] = []
    assert [entry.title for entry in read_entries(tmp_path / "list.csv", faults)] == ["Good", "Short", "Last"]
    assert [fault.partition(":")[0] for fault in faults] == ["list.csv line 3", "list.csv line 5", "list.csv line 7"]


LONG = {
    "bold": "- **2025/11/12** | " + "[**" * 27_000,
    "italic": "- 2024/07/15 [*" + "*](x" * 20_000,
    "plain": "2026/04/17 " + " " * 80_000 + "x",
    "breaks": "2026/04/17 x" + " <br" * 20_000,
    "table": "| 2025-01-01 | " + "| " * 40_000,
    "link in a cell": "| 2025 |" + "[a](b" * 16_000 + "|",
    "heading": "# a" + " " * 80_000 + "x",
    "highlight": "- [a" + "](" * 40_000,
    "marks": "- " + "!" * 80_000,
}


@pytest.mark.parametrize("kind", LONG)
def test_a_long_line_takes_time_in_proportion(tmp_path, kind):
    """A look that takes the square of a line's length takes minutes here, and so is seen without a clock."""
    entries = read_entries(write(tmp_path, "# good papers", LONG[kind], GOOD), [])
    assert entries[-1].title == "A title [of sorts]"


def test_no_cell_is_a_formula(tmp_path):
    titles = ("=HYPERLINK(1)", "+1+1", "-2", "@SUM(A1)", " =1", "plain = text")
    lines = [f"- **2025/11/12** | [**{title}**](https://a.org/{n})" for n, title in enumerate(titles)]
    entries = read_entries(write(tmp_path, *lines))
    write_table(accounts(matched(entries, works()), works()), tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert [entry.title for entry in read_entries(tmp_path / "table.csv")] == [title.strip() for title in titles]


@given(st.text(max_size=20))
def test_a_cell_is_read_as_it_was_before(text):
    cell = as_cell(text)
    assert cell.lstrip(" \n")[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert text.startswith("'") or as_read(cell) == text


WORDS = ("- ", "* ", "**", "2025/11/12", "2025", "|", "[", "]", "(", ")", "https://", "arxiv.org/abs/2511.10692", "[::1", "<br>", "<br/", "`", "arxiv:", "a title", "# ",
         "\\", "\n", '"', ",", "title,date,url\n", "é", "\x1b[31m", " " * 50)  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["README.md", "list.csv"])
def test_any_list_is_read_or_refused(tmp_path, n, name):
    @settings(max_examples=n, deadline=None)
    @example(b"|2025|\x1b[31m|")  # a title of our own table is no more trusted than another
    @given(
        st.one_of(st.lists(st.sampled_from(WORDS), max_size=60).map("".join).map(str.encode), st.binary(max_size=80))
    )
    def run(content):
        (tmp_path / name).write_bytes(content)
        faults: list[str] = []
        try:
            entries = read_entries(tmp_path if name.endswith(".md") else tmp_path / name, faults)
        except BadData as error:
            assert str(error).encode()
            return
        assert all(entry.title.isprintable() and len(entry.ids.link or "") < sys.maxsize for entry in entries)

    run()
