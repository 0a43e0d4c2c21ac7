"""Every entry of the list that we succeed is accounted for: a work, or an open question with its reason."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from earnest.catalogue import works
from earnest.catalogue.importing import TABLE_COLUMNS, accounts, matched, read_entries, write_table
from earnest.catalogue.lint import FOLDER

NAME = "awesome-trustworthy-audiollms"
TABLE = FOLDER.parent / "imports" / f"{NAME}.csv"
LIST = (
    Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "catalogue"
    / "awesome_entries.csv"
)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames or ()) == TABLE_COLUMNS
        return list(reader)


def test_all_416_rows_are_there_once(rows):
    assert [int(row["row"]) for row in rows] == list(range(1, 417))


def test_every_row_has_its_work_and_the_work_names_the_row(rows):
    for row in rows:
        work = works()[row["work"]]
        held = [number for at in work.lists if at.name == NAME and at.topic == row["topic"] for number in at.rows]
        assert int(row["row"]) in held, row


def test_no_work_names_a_row_that_is_not_its_own(rows):
    of_row = {int(row["row"]): row["work"] for row in rows}
    named = [
        (at_row, work.id) for work in works().values() for at in work.lists if at.name == NAME for at_row in at.rows
    ]
    assert sorted(named) == sorted(of_row.items())


def test_every_merge_correction_and_open_question_has_a_reason(rows):
    counts = Counter(row["decision"] for row in rows)
    assert set(counts) == {"listed", "merged", "corrected", "open"}
    assert all(row["reason"] for row in rows if row["decision"] != "listed")
    # 315 keys, two of which are one work under two ids with digits changed
    assert len({row["work"] for row in rows}) == 314


def test_the_two_wrong_ids_are_settled(rows):
    changed, none = rows[398], rows[401]
    assert changed["url"].endswith("2503.10222") and changed["decision"] == "corrected"
    assert works()[changed["work"]].ids.arxiv == "2511.10222"
    assert none["url"].endswith("2410.10234") and none["decision"] == "open"
    assert works()[none["work"]].ids.arxiv is None


def test_the_table_is_what_the_works_say(tmp_path):
    again = tmp_path / "again.csv"
    write_table(accounts(matched(read_entries(TABLE), works(), list_name=NAME), works()), again)
    assert again.read_text(encoding="utf-8") == TABLE.read_text(encoding="utf-8"), (
        "write it again: earnest papers import-awesome"
    )


def test_the_list_itself_gives_the_table(rows):
    if not LIST.is_file():
        pytest.skip(f"the list is not in {LIST}; set EARNEST_DATA")
    entries = read_entries(LIST)
    assert [(e.row, e.source_file, e.line, e.title, e.url) for e in entries] == [
        (int(r["row"]), r["source_file"], int(r["line"]), r["title"], r["url"]) for r in rows
    ]


def test_ids_agree_with_the_works_where_the_row_has_one(rows):
    for match in matched(read_entries(TABLE), works()):
        row = rows[match.entry.row - 1]
        if match.how == "id" and row["decision"] != "corrected":
            assert match.work == row["work"], row
