"""Every planted fault is found, with its file, line, field and what mends it; a bad file hides no other."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from earnest.catalogue.lint import FOLDER, Fault, components, lint
from earnest.catalogue.work import OWN
from earnest.cli import cli

GOOD = """\
id: lee2025-ears
title: 'Ears: a Study of Hearing'
authors:
  - Ann Lee
issued: 2025-01-02
kind: study
pillars:
  - safety
topics:
  - jailbreak
ids:
  arxiv: '2501.00001'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "2025/lee2025-ears.yaml", GOOD)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def only(folder: Path, *, today: datetime.date = datetime.date(2026, 12, 1)) -> Fault:
    faults = lint(folder, components=False, today=today)
    assert len(faults) == 1, "\n".join(map(str, faults))
    return faults[0]


def other(**changes: str) -> str:
    """Another good work, with some lines of it changed."""
    text = GOOD.replace("lee2025-ears", "kim2025-eyes").replace(
        "Ears: a Study of Hearing", "On Something Else Entirely"
    )
    text = text.replace("2501.00001", "2501.00002")
    for old, new in changes.items():
        assert (lines := [line for line in text.splitlines() if line.strip().startswith(old)]), old
        text = text.replace(lines[0], new)
    return text


def test_the_catalogue_shipped_is_clean():
    faults = [fault for fault in lint() if fault.level == "fault"]
    assert not faults, "\n".join(map(str, faults))


def test_no_search_of_the_catalogue_was_out_of_date_when_it_was_written():
    assert [
        fault for fault in lint(components=False, today=datetime.date(2026, 11, 27)) if fault.level == "warning"
    ] == []


def test_good_works_have_no_fault(folder):
    write(folder, "2025/kim2025-eyes.yaml", other())
    assert lint(folder, components=False) == []


def test_bad_yaml_gives_its_line_and_hides_no_other_file(folder):
    write(folder, "2025/bad2025-yaml.yaml", "id: bad2025-yaml\ntitle: 'never closed\nissued: 2025\n")
    write(folder, "2025/kim2025-eyes.yaml", other(issued="issued: soon"))
    first, second = lint(folder, components=False)
    assert first.file == "2025/bad2025-yaml.yaml" and first.line > 0 and "not YAML" in first.what
    assert (second.file, second.line, second.field) == ("2025/kim2025-eyes.yaml", 5, "issued")
    assert "'soon'" in second.what


def test_a_missing_field_and_an_unknown_one_are_both_told(folder):
    write(folder, "2025/kim2025-eyes.yaml", other(title="titel: A Title"))
    faults = lint(folder, components=False)
    assert {(fault.field, fault.fix) for fault in faults} == {
        ("title", "add it"),
        ("titel", "remove it, or correct its name"),
    }


def test_a_doubled_id_is_found(folder):
    write(folder, "2025/kim2025-eyes.yaml", other().replace("2501.00002", "2501.00001"))
    fault = only(folder)
    assert (fault.file, fault.line, fault.field) == ("2025/lee2025-ears.yaml", 12, "ids.arxiv")
    assert str(fault) == (
        "2025/lee2025-ears.yaml:12: ids.arxiv: the arxiv of 2025/kim2025-eyes.yaml again: '2501.00001'; "
        "merge the two, or correct one"
    )


def test_a_doubled_key_is_found(folder):
    write(folder, "2025/zzz.yaml", other().replace("kim2025-eyes", "lee2025-ears"))
    what = {fault.what for fault in lint(folder, components=False)}
    assert "the key of 2025/lee2025-ears.yaml again: 'lee2025-ears'" in what
    assert "lee2025-ears of 2025 stands in 2025/zzz.yaml" in what


def test_a_doubled_title_is_found_whatever_its_capitals(folder):
    write(folder, "2025/kim2025-eyes.yaml", other(title="title: 'EARS : A STUDY OF HEARING'"))
    assert "the title of 2025/kim2025-eyes.yaml again" in only(folder).what


def test_a_near_title_must_be_acknowledged(folder):
    near = other(title="title: 'Ears: a Study of Hearings'")
    write(folder, "2025/kim2025-eyes.yaml", near)
    fault = only(folder)
    assert "nearly the title of 2025/lee2025-ears.yaml" in fault.what and "near: [lee2025-ears]" in fault.fix
    write(folder, "2025/kim2025-eyes.yaml", near + "near: [lee2025-ears]\n")
    assert lint(folder, components=False) == []


def test_a_month_that_is_not_that_of_the_id_is_found(folder):
    write(folder, "2025/kim2025-eyes.yaml", other(issued="issued: 2025-03-02"))
    fault = only(folder)
    assert (fault.field, fault.line) == ("issued", 5) and "was given in 2025-01" in fault.what
    write(folder, "2025/kim2025-eyes.yaml", other(issued="issued: 2025-03-02\ndate_note: the venue's date"))
    assert lint(folder, components=False) == []


def test_an_unknown_tag_is_found_with_the_one_that_was_meant(folder):
    write(
        folder,
        "2025/kim2025-eyes.yaml",
        GOOD.replace("lee2025-ears", "kim2025-eyes")
        .replace("jailbreak", "jailbrake")
        .replace("Ears: a Study of Hearing", "Quite Another")
        .replace("2501.00001", "2501.00009"),
    )
    fault = only(folder)
    assert (fault.field, fault.line) == ("topics.0", 10) and "did you mean jailbreak?" in fault.fix


def test_unknown_framework_ids_are_found(folder):
    threat = "threat: {access: any, channel: [any], goal: [none], owasp: ['LLM01:2025'], atlas: ['AML.T9999']}\n"
    write(folder, "2025/kim2025-eyes.yaml", other() + threat)
    assert {fault.field for fault in lint(folder, components=False)} == {"threat.owasp.0", "threat.atlas.0"}


def test_an_address_that_holds_an_id_is_no_address(folder):
    write(folder, "2025/kim2025-eyes.yaml", other(arxiv="  url: https://arxiv.org/pdf/2501.00002v2"))
    fault = only(folder)
    assert fault.field == "ids.url" and fault.fix == "write arxiv: '2501.00002' in its place"


def test_a_topic_brings_its_pillar(folder):
    write(folder, "2025/kim2025-eyes.yaml", other().replace("  - safety", "  - privacy"))
    assert "a topic of safety, but not that pillar" in only(folder).what


def test_a_work_on_trust_needs_authors_threat_claims_and_a_licence(folder):
    text = other(kind="kind: [attack, benchmark]", authors="authors: unverified", **{"- Ann": ""})
    write(folder, "2025/kim2025-eyes.yaml", text + "trust: true\nchecked: {status: verified}\n")
    assert {fault.field for fault in lint(folder, components=False)} == {
        "authors",
        "threat",
        "claims",
        "artefacts",
        "data",
        "methods",
        "could_run",
    }


CLAIM = "  - {{metric: {0}, value: 60, unit: {1}, where: abstract, read: abstract}}\n"


def test_a_size_is_no_result_and_a_result_is_no_size(folder):
    write(
        folder,
        "2025/kim2025-eyes.yaml",
        other() + "claims:\n" + CLAIM.format("clips", "items") + CLAIM.format("accuracy", "percent"),
    )
    fault = only(folder)
    assert (fault.field, fault.line) == ("claims.0", 14) and "clips 60 items is a size and no result" in fault.what
    write(
        folder,
        "2025/kim2025-eyes.yaml",
        other() + "sizes:\n" + CLAIM.format("clips", "items") + CLAIM.format("accuracy", "percent"),
    )
    assert (only(folder).field, only(folder).fix) == ("sizes.1", "move it to `claims`")


TRUSTED = "trust: true\nmethods: [wrapping]\nthreat: {access: none, channel: [any], goal: [none]}\nclaims_note: could not be read\n"


def test_a_work_on_attacks_says_what_of_it_could_run_here(folder):
    attack = other(kind="kind: attack") + TRUSTED + "artefacts_note: none of its time\n"
    write(folder, "2025/kim2025-eyes.yaml", attack)
    fault = only(folder)
    assert fault.field == "could_run" and "what of it could run here, and what is missing" in fault.what
    told = "could_run: {what: a segment before the speech, uses: [attacks/pgd], missing: a fit over many clips}\n"
    write(folder, "2025/kim2025-eyes.yaml", attack + told)
    assert lint(folder, components=False) == []
    runs = "runs_in_earnest:\n  - {component: attacks/pgd, fidelity: adapted, differs: one clip at a time}\n"
    write(folder, "2025/kim2025-eyes.yaml", attack + runs)
    assert lint(folder, components=False) == []  # what differs says what is missing


def test_what_could_run_names_components_that_are_there(folder):
    told = "could_run: {what: a segment before the speech, uses: [attacks/pgdd], missing: a fit over many clips}\n"
    write(folder, "2025/kim2025-eyes.yaml", other() + told)
    found = [fault for fault in lint(folder) if fault.file.startswith("2025/kim")]
    assert [(fault.field, fault.fix) for fault in found] == [("could_run.uses.0", "did you mean attacks/pgd?")]


SEARCH = "not_found:\n  - {what: code, where: [its abstract], date: 2026-11-20, until: 2027-05-20}\n"


def test_none_was_found_says_where_and_when(folder):
    text = other() + "artefacts_note: none was seen in what was read\n"
    write(folder, "2025/kim2025-eyes.yaml", text)
    assert (only(folder).field, only(folder).what) == (
        "artefacts_note",
        "none was found, without where and when it was searched",
    )
    write(folder, "2025/kim2025-eyes.yaml", text + SEARCH)
    assert lint(folder, components=False, today=datetime.date(2027, 5, 19)) == []


def test_a_search_expires_as_a_warning_that_fails_nothing(folder, capsys):
    write(folder, "2025/kim2025-eyes.yaml", other() + SEARCH)
    warning = only(folder, today=datetime.date(2027, 5, 20))
    assert (warning.level, warning.field, warning.line) == ("warning", "not_found.0", 14)
    assert "the search for the code of 2026-11-20 held until 2027-05-20" in warning.what
    old = SEARCH.replace("2026-11-20", "2020-11-20").replace("2027-05-20", "2021-05-20")
    write(folder, "2025/kim2025-eyes.yaml", other() + old)
    assert not cli.main(args=["papers", "lint", "--works", str(folder)], prog_name="earnest", standalone_mode=False)
    assert "no fault, 1 warning\n" in capsys.readouterr().out


def test_a_search_that_holds_until_before_it_was_made_is_refused(folder):
    write(folder, "2025/kim2025-eyes.yaml", other() + SEARCH.replace("2027-05-20", "2026-05-20"))
    assert "`until` must be after `date`" in only(folder).what


def test_a_work_without_a_link_says_where_one_was_looked_for(folder):
    text = other(ids="note: nothing", arxiv="claims_note: nothing")
    write(folder, "2025/kim2025-eyes.yaml", text)
    assert "no link, and no record" in only(folder).what
    write(folder, "2025/kim2025-eyes.yaml", text + SEARCH.replace("code", "link"))
    assert lint(folder, components=False, today=datetime.date(2026, 12, 1)) == []


def test_relations_lead_to_works_and_forwards(folder):
    write(folder, "2025/kim2025-eyes.yaml", other() + "builds_on: [lee2025-ear]\nreplaced_by: [old2020-ears]\n")
    write(
        folder,
        "2020/old2020-ears.yaml",
        other()
        .replace("kim2025-eyes", "old2020-ears")
        .replace("2025-01-02", "2020-01-02")
        .replace("Something Else Entirely", "Old Things")
        .replace("2501.00002", "2001.00002"),
    )
    assert [(fault.field, fault.fix) for fault in lint(folder, components=False)] == [
        ("builds_on.0", "did you mean lee2025-ears?"),
        ("replaced_by.0", "turn it round"),
    ]


def test_a_short_name_belongs_to_one_work(folder):
    write(folder, "2025/lee2025-ears.yaml", GOOD + "known_as: [EARS]\n")
    write(folder, "2025/kim2025-eyes.yaml", other() + "known_as: [Ears]\n")
    assert only(folder).field == "known_as" and "short name" in only(folder).what


def test_what_follows_no_paper_names_earnest_itself():
    assert (FOLDER / f"2026/{OWN}.yaml").is_file()
    assert not [fault for fault in lint() if fault.file == f"2026/{OWN}.yaml"]


def test_a_component_that_is_not_there_is_found(folder):
    runs = "runs_in_earnest:\n  - {component: attacks/pgdd, fidelity: adapted}\nclaims_note: could not be read\nartefacts_note: none\n"
    runs += "threat: {access: none, channel: [any], goal: [none]}\n"
    write(folder, "2025/kim2025-eyes.yaml", other() + runs)
    found = [fault for fault in lint(folder) if fault.file.startswith("2025/kim")]
    assert [fault.what for fault in found] == ["no such component: attacks/pgdd"] and "attacks/pgd?" in found[0].fix


def test_a_component_that_no_work_names_is_found(folder):
    what = {fault.file: fault.what for fault in lint(folder)}
    assert what["attacks/pgd"] == "it names madry2017-pgd, which the catalogue has not"


def test_components_and_works_name_each_other():
    assert len(components()) > 30 and all(sources for sources in components().values())
    assert (FOLDER / "2025/li2025-audiotrust.yaml").is_file()
