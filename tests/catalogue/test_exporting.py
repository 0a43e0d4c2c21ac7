"""What leaves the catalogue can be read by others, and the markdown by ourselves."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from earnest.catalogue import works
from earnest.catalogue.exporting import bibtex, csl, csv_table, markdown, name_parts, ris
from earnest.catalogue.importing import read_entries
from earnest.catalogue.work import Work

pybtex = pytest.importorskip("pybtex.database", reason="pybtex is not installed")

HARD = Work.model_validate(
    {
        "id": "oord2020-hard", "title": r"100% of a|b [c] & $d_e$ {f} *g* `h` \i", "issued": "2020-03-04",
        "authors": ["Aäron van den Oord", "Plato", "Hung-yi Lee"], "kind": ["attack", "defence"], "venue": "A & B",
        "pillars": ["safety"], "topics": ["jailbreak", "red_teaming"],
        "ids": {"arxiv": "2003.00001", "doi": "10.1000/a_b", "openreview": "yGa8CYT8kS"},
    }
)  # fmt: skip  # a table: one row a line
BARE = Work.model_validate({"id": "bare1999-work", "title": "No link at all", "issued": 1999, "kind": "study"})
EVERY = [*works().values(), HARD, BARE]


def test_names_are_parted_with_their_particles():
    assert name_parts("Aäron van den Oord") == ("Aäron", "van den Oord")
    assert name_parts("Van Nguyen") == ("Van", "Nguyen")  # a given name, not a particle
    assert name_parts("Plato") == ("", "Plato")


def test_bibtex_is_read_by_pybtex_with_nothing_lost():
    found = pybtex.parse_string(bibtex(EVERY), "bibtex")
    assert list(found.entries) == [work.id for work in EVERY]
    entry = found.entries["oord2020-hard"]
    assert (entry.type, entry.fields["eprint"], entry.fields["year"]) == ("inproceedings", "2003.00001", "2020")
    first, second, third = entry.persons["author"]
    assert (first.prelast_names, first.last_names) == (["van", "den"], ["Oord"])
    assert (second.last_names, third.first_names) == (["Plato"], ["Hung-yi"])
    assert r"100\% of a|b [c] \& \$d\_e\$ \{f\}" in entry.fields["title"]
    assert found.entries["bare1999-work"].fields["note"] == "authors not verified"
    assert "author" not in found.entries["bare1999-work"].persons


def test_csl_is_rendered_by_citeproc():
    citeproc = pytest.importorskip("citeproc", reason="citeproc-py is not installed")
    from citeproc.source.json import CiteProcJSON

    items = json.loads(csl(EVERY))
    assert [item["id"] for item in items] == [work.id for work in EVERY]
    hard = items[-2]
    assert hard["author"][0] == {"given": "Aäron", "family": "van den Oord"} and hard["author"][1] == {
        "family": "Plato"
    }
    assert hard["issued"] == {"date-parts": [[2020, 3, 4]]} and hard["DOI"] == "10.1000/a_b"
    assert items[-1]["issued"] == {"date-parts": [[1999]]} and "author" not in items[-1]
    # citeproc-py knows no `note` of an article and calls that an unsupported field; what matters is that it reads all
    read = CiteProcJSON([{k: v for k, v in item.items() if k != "note"} for item in items])
    assert len(read) == len(EVERY) and citeproc is not None


def test_ris_ends_every_work_and_csv_has_a_row_each():
    text = ris(EVERY)
    assert text.count("TY  - ") == text.count("ER  - ") == len(EVERY)
    assert "AU  - van den Oord, Aäron\nAU  - Plato\n" in text and "DA  - 2020/03/04\n" in text
    rows = list(csv.DictReader(io.StringIO(csv_table(EVERY))))
    assert [row["id"] for row in rows] == [work.id for work in EVERY]
    assert rows[-2]["authors"] == "Aäron van den Oord; Plato; Hung-yi Lee" and rows[-1]["authors"] == "unverified"
    assert rows[-2]["arxiv"] == "2003.00001" and rows[-2]["link"] == "https://arxiv.org/abs/2003.00001"


def test_markdown_comes_back_as_it_went(tmp_path: Path):
    (tmp_path / "README.md").write_text(markdown(EVERY), encoding="utf-8")
    entries = {entry.key: entry for entry in read_entries(tmp_path)}
    assert set(entries) == {work.id for work in EVERY} and len(entries) == len(EVERY)
    for work in EVERY:
        entry = entries[work.id]
        assert (entry.title, entry.date) == (" ".join(work.title.split()), str(work.issued))
        assert entry.ids == work.ids
        assert (entry.kind, entry.topics) == (work.kind, work.topics)


def test_markdown_is_a_list_that_linters_take():
    lines = markdown(EVERY).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    links = [part.split(")")[0] for line in tables for part in line.split("](")[1:]]
    assert len(links) == len(set(links)), "a link comes twice"
    for before, after in zip(lines, lines[1:], strict=False):
        if before.startswith("|") and after.startswith("|"):
            pipes = [
                [at for at, sign in enumerate(line) if sign == "|" and line[at - 1] != "\\"] for line in (before, after)
            ]
            assert pipes[0] == pipes[1] or not (before.isascii() and after.isascii()), "pipes do not stand in line"
