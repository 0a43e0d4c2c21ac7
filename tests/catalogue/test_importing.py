"""Lists of others: three ways of writing an entry, the same facts as a table, and what the catalogue has of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from earnest.catalogue.importing import Entry, ids_in, matched, normal_title, read_entries
from earnest.catalogue.work import Work
from earnest.errors import BadData

README = """# A list
## 🎒 Good Papers
- 🏆 [First Paper: On Ears](https://arxiv.org/abs/2501.00001v3)
## Contribute
- write to [us](https://example.org/us)
"""
BOLD = """## 📅 2025
- **2025/01/02** | 🎨 [**First Paper: On Ears**](https://arxiv.org/abs/2501.00001) 🔓
- **2025/07/08** | 🌐 [**"A Quoted" Title of Model-2.5**](https://openreview.net/forum?id=yGa8CYT8kS) 🗣️
a line that is no entry
"""
ITALIC = "## Other:\n- 2024/07/15 [*A Report*](https://arxiv.org/pdf/2407.10759.pdf)\n1\n"
PLAIN = "2026/04/17 Title of Model-3.5<br>\n2025/01/02 FIRST PAPER : on ears<br>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "README.md": README,
        "papers/safety/jailbreak.md": BOLD,
        "collections/report.md": ITALIC,
        "collections/new.md": PLAIN,
        ".github/notes.md": BOLD,
    }.items():
        path = tmp_path / "list" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "list"


def work(key: str, title: str, **fields) -> Work:
    return Work.model_validate({"id": key, "title": title, "issued": 2025, "kind": "study"} | fields)


def test_every_way_of_writing_is_read_with_its_place(folder):
    entries = read_entries(folder)
    assert [(e.row, e.source_file, e.line, e.format) for e in entries] == [
        (1, "README.md", 3, "readme_highlight"),
        (2, "collections/new.md", 1, "plain_br"),
        (3, "collections/new.md", 2, "plain_br"),
        (4, "collections/report.md", 2, "italic_list"),
        (5, "papers/safety/jailbreak.md", 2, "bold_pipe"),
        (6, "papers/safety/jailbreak.md", 3, "bold_pipe"),
    ]
    assert entries[0].topic == "readme/good_papers" and entries[0].date == ""
    assert (entries[5].topic, entries[5].title) == ("safety/jailbreak", '"A Quoted" Title of Model-2.5')
    assert (entries[3].date, entries[3].ids.arxiv) == ("2024-07-15", "2407.10759")
    assert entries[1].url == "" and entries[1].ids.link is None


def test_a_table_holds_the_same(folder, tmp_path):
    table = tmp_path / "list.csv"
    rows = ["row,source_file,line,topic_path,entry_format,title,date,url"]
    for e in read_entries(folder):
        title = e.title.replace('"', '""')
        rows.append(f'{e.row},{e.source_file},{e.line},{e.topic},{e.format},"{title}",{e.date},{e.url}')
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert read_entries(table) == read_entries(folder)


def test_matches_go_by_id_and_title_and_never_by_likeness(folder):
    works = {
        w.id: w
        for w in (
            work("ear2025-on", "First Paper: on Ears", ids={"arxiv": "2501.00001"}, issued="2025-01-02"),
            work("model2025-25", "Title of Model-2.5"),
        )
    }
    found = {match.entry.row: match for match in matched(read_entries(folder), works)}
    assert (found[1].work, found[1].how) == ("ear2025-on", "id")
    assert (found[3].work, found[3].how) == ("ear2025-on", "title")  # capitals and a stray space
    # one digit apart: another model
    assert (found[2].work, found[2].how, found[2].near) == (None, "none", ("model2025-25",))
    assert found[6].work is None and found[4].near == ()


def test_a_row_that_a_work_names_is_its_own_whatever_the_id_says(folder):
    lists = [{"name": "theirs", "topic": "safety/jailbreak", "rows": [5]}]
    works = {"other2025-name": work("other2025-name", "Another Name", lists=lists)}
    found = {match.entry.row: match for match in matched(read_entries(folder), works, list_name="theirs")}
    assert (found[5].work, found[5].how) == ("other2025-name", "row")
    assert found[1].work is None


@pytest.mark.parametrize(
    ("url", "kind", "value"),
    [
        ("https://arxiv.org/html/2603.09556v2", "arxiv", "2603.09556"),
        ("arxiv.org/abs/1412.5567", "arxiv", "1412.5567"),
        ("https://openreview.net/attachment?id=vCej5sO61x&name=pdf", "openreview", "vCej5sO61x"),
        ("https://doi.org/10.1145/3319535.3354", "doi", "10.1145/3319535.3354"),
        ("https://aclanthology.org/2024.findings-emnlp.685/", "acl", "2024.findings-emnlp.685"),
        ("http://www.example.org/paper/", "url", "https://www.example.org/paper/"),
    ],
)
def test_addresses_are_read_into_ids(url, kind, value):
    assert ids_in(url).model_dump(exclude_none=True) == {kind: value}


def test_titles_are_compared_by_letters_and_digits():
    assert normal_title("ParaS2S: Benchmarking") == normal_title("PARAS2S : BENCHMARKING")
    assert normal_title("Qwen2.5-Omni") != normal_title("Qwen3.5-Omni")
    assert normal_title("Défossez") == normal_title("Defossez")


def test_what_holds_no_entry_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(BadData, match="no entry of a list in any form that is known: bold_pipe"):
        read_entries(tmp_path)
    with pytest.raises(BadData, match="expected a folder of markdown or a table in CSV"):
        read_entries(tmp_path / "gone")
    (tmp_path / "t.csv").write_text("title,when\na,b\n", encoding="utf-8")
    with pytest.raises(BadData, match="it lacks date, url"):
        read_entries(tmp_path / "t.csv")
    assert Entry(source_file="a", line=1, topic="", title="t", date="", url="", format="table", row=1).ids.link is None
