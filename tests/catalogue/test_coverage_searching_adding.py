"""The coverage map by hand, search by hand, and new works that are made offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from earnest.catalogue.adding import add, near_works, new_key, read_id
from earnest.catalogue.coverage import coverage
from earnest.catalogue.lint import lint
from earnest.catalogue.searching import command_for, commands, search
from earnest.catalogue.work import Runs, Work
from earnest.errors import BadData, BadParameter


def work(key: str, title: str, **fields) -> Work:
    year = next(int(key[at : at + 4]) for at in range(len(key)) if key[at : at + 4].isdigit())
    return Work.model_validate({"id": key, "title": title, "issued": year, "kind": "study"} | fields)


PGD = {"component": "attacks/pgd", "fidelity": "reimplemented"}
CODEC = {"component": "defences/codec", "fidelity": "adapted"}
WORKS = {
    one.id: one
    for one in (
        work(
            "madry2017-pgd",
            "Towards Models Resistant",
            kind="attack",
            pillars=["security", "robustness"],
            runs_in_earnest=[PGD],
        ),
        work("das2018-adagio", "Adagio", kind="defence", pillars=["security"], runs_in_earnest=[CODEC]),
        work("lee2018-wave", "Wave Attack", kind=["attack", "benchmark"], pillars=["security"], issued="2018-03-01"),
        work("kim2025-ears", "Ears of Models", pillars=["general"], authors=["Kim Lee"], topics=["reasoning"]),
    )
}


def report(
    folder: Path, *, attack: str = "pgd:steps=4", defence: str | None = "codec:format=mu_law", value=0.25
) -> Path:
    finding = {
        "id": "safety.t.attack_success_rate@x", "task": "harmful_refusal", "value": value, "low": 0.1, "high": 0.5,
        "n_scored": 8, "model": "m", "threat_model": {"attack": attack, "defence": defence},
    }  # fmt: skip  # a table: one row a line
    pair = {"kind": "attack", "attack": attack, "defence": defence, "findings": {"attack_success_rate": finding["id"]}}
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps({"findings": [finding], "pairs": [pair]}), encoding="utf-8")
    return folder


def cell(found, pillar, kind):
    return next(one for one in found.cells if (one.pillar, one.kind) == (pillar, kind))


def test_the_map_counts_works_those_that_run_and_those_evaluated(tmp_path):
    found = coverage(WORKS, attacks=["pgd", "noise"], defences=["codec"], runs=[report(tmp_path / "run")])
    attacks = cell(found, "security", "attack")
    assert (attacks.works, attacks.runnable) == (("madry2017-pgd", "lee2018-wave"), ("madry2017-pgd",))
    assert attacks.evaluated == ("madry2017-pgd",) and not attacks.called_for
    assert cell(found, "security", "benchmark").called_for  # a work, but none that runs here
    assert cell(found, "privacy", "attack").called_for and not cell(found, "privacy", "survey").called_for
    assert cell(found, "robustness", "attack").works == ("madry2017-pgd",)


def test_the_imbalance_is_a_number_and_works_off_trust_do_not_count():
    found = coverage(WORKS, attacks=[], defences=[])
    assert [(year.year, year.attacks, year.defences) for year in found.years] == [(2017, 1, 0), (2018, 1, 1)]
    assert found.imbalance == 2.0
    assert coverage({}, attacks=[], defences=[]).imbalance is None


def test_the_matrix_holds_what_runs_measured_and_calls_for_the_rest(tmp_path):
    runs = [
        report(tmp_path / "a"),
        report(tmp_path / "b", defence=None, value=0.75),
        report(tmp_path / "c", value=None),
    ]
    found = coverage(WORKS, attacks=["pgd", "noise"], defences=["codec"], runs=runs)
    assert [(t.attack, t.defence, t.value, t.n, t.run) for t in found.matrix] == [
        ("pgd", "codec", 0.25, 8, "a"),
        ("pgd", "none", 0.75, 8, "b"),
    ]
    assert "noise against codec: not tested" in found.calls and "pgd against codec: not tested" not in found.calls
    assert "pgd against codec: 25%" in found.as_text()


def test_a_folder_without_a_report_is_refused(tmp_path):
    with pytest.raises(BadData, match="no report that can be read.*earnest report"):
        coverage(WORKS, attacks=[], defences=[], runs=[tmp_path])


def test_every_word_must_be_there_and_titles_count_most():
    assert [one.id for one in search(WORKS, "wave attack")] == ["lee2018-wave"]
    assert [one.id for one in search(WORKS, "attack")] == ["lee2018-wave", "madry2017-pgd"]  # title before kind
    assert [one.id for one in search(WORKS, "lee")] == ["lee2018-wave", "kim2025-ears"]  # key before author
    assert search(WORKS, "attack zebra") == [] and search(WORKS, "ttack") == []


def test_filters_narrow_and_an_empty_search_lists_the_newest_first():
    assert [one.id for one in search(WORKS, runnable=True)] == ["das2018-adagio", "madry2017-pgd"]
    assert [one.id for one in search(WORKS, kind="attack", year=2018)] == ["lee2018-wave"]
    assert search(WORKS)[0].id == "kim2025-ears"


def test_commands_run_whole_runs_before_single_metrics_and_each_once():
    runs = [{"component": "metrics/word_error_rate", "fidelity": "reimplemented"}, PGD, {**PGD, "differs": "again"}]
    found = commands(work("a2020-b", "Title", runs_in_earnest=runs))
    assert found[0].startswith("earnest run core --task harmful_refusal") and "--attack pgd" in found[0]
    assert found[1:] == ["earnest list metrics --name word_error_rate"]
    assert command_for(Runs(component="tasks/x", fidelity="adapted", command="say so")).startswith(
        "earnest run core --task x"
    )
    assert commands(work("a2020-b", "Title", runs_in_earnest=[{**PGD, "command": "say so"}])) == ["say so"]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2511.10222", "arxiv", "2511.10222"),
        ("arXiv:2511.10222v3", "arxiv", "2511.10222"),
        ("doi:10.1000/x-y", "doi", "10.1000/x-y"),
        ("https://arxiv.org/pdf/2511.10222", "arxiv", "2511.10222"),
        ("yGa8CYT8kS", "openreview", "yGa8CYT8kS"),
        ("https://example.org/p", "url", "https://example.org/p"),
    ],
)
def test_ids_are_strings_everywhere(text, kind, value):
    assert read_id(text).model_dump(exclude_none=True) == {kind: value}


def test_what_is_no_id_is_refused():
    with pytest.raises(BadParameter, match="expected an arXiv id .* got '25'"):
        read_id("25")


def test_a_key_is_made_of_author_or_name_and_never_twice():
    title = "AdvWave: Stealthy Jailbreak Attack against Large Audio-Language Models"
    assert new_key(title, year=2024, authors=["Mintong Kang"]) == "kang2024-advwave"
    assert new_key(title, year=2024, authors=["Mintong Kang"], taken={"kang2024-advwave": 1}) == "kang2024-stealthy"
    assert new_key(title, year=2024) == "advwave2024-stealthy"
    assert new_key("On the Ears of Models", year=2024, authors=["Alexandre Défossez"]) == "defossez2024-ears"


def test_a_new_file_is_clean_but_for_what_is_open(tmp_path):
    made = add("2511.10222", title="A New Attack: on Ears", authors=["Ann Lee"], date="2025-11-13", folder=tmp_path)
    content = yaml.safe_load(Path(made.path).read_text(encoding="utf-8"))
    assert Path(made.path) == tmp_path / "2025" / "lee2025-attack.yaml" or content["id"] == "lee2025-anewattack"
    assert content["ids"] == {"arxiv": "2511.10222"} and content["checked"]["status"] == "unverified"
    assert lint(tmp_path, components=False) == []


def test_the_same_work_is_not_added_twice_and_a_like_title_is_told(tmp_path):
    add("2511.10222", title="A New Attack on Ears", authors=["Ann Lee"], date="2025-11-13", folder=tmp_path)
    with pytest.raises(BadData, match="2511.10222v2 is in the catalogue already: lee2025-attack"):
        add("2511.10222v2", title="Whatever", folder=tmp_path)
    made = add("2511.10223", title="A New Attack on Ear", date="2025-11-14", folder=tmp_path, dry_run=True)
    assert list(made.near) == ["lee2025-attack"] and not Path(made.path).exists()
    assert near_works("Nothing Alike", WORKS) == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"date": "soon"}, "must look like 2025-11-13, or be a year, got 'soon'"),
        ({"date": "2025-11-13", "kinds": ["poem"]}, "this is no work: kind.0"),
        ({"date": "2025-11-13", "key": "Bad Key"}, "this is no work: id"),
    ],
)
def test_bad_facts_are_refused_before_a_file_is_made(tmp_path, options, says):
    with pytest.raises(BadParameter, match=says):
        add("2511.10222", title="A Title", folder=tmp_path, **options)
    assert not list(tmp_path.rglob("*.yaml"))


def test_a_doi_alone_tells_no_year(tmp_path):
    with pytest.raises(BadParameter, match="a date is needed"):
        add("10.1000/x", title="A Title", folder=tmp_path)
