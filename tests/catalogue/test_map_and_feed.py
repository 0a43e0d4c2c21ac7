"""The map of related work by hand, the Atom feed, and what to run against a paper."""

from __future__ import annotations

import datetime
import json
import shlex
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from earnest.catalogue import works
from earnest.catalogue.against import MOST, answer
from earnest.catalogue.drawing import day_of, label_of, map_picture, related_work
from earnest.catalogue.feed import ATOM, LATEST, atom_feed, entered_since, latest
from earnest.catalogue.searching import registered
from earnest.catalogue.work import CouldRun, Runs, Work
from earnest.cli import cli

A = f"{{{ATOM}}}"


def papers(*arguments: str) -> int:
    """Exit code of `earnest papers`."""
    return cli.main(args=["papers", *arguments], prog_name="earnest", standalone_mode=False) or 0


def work(key: str, **fields) -> Work:
    year = int(next(part for part in key.replace("-", " ").split() if part[-4:].isdigit())[-4:])
    return Work.model_validate({"id": key, "title": f"Title of {key}", "issued": year, "kind": "study"} | fields)


# The map


OLD = work(
    "ann2019-old", kind="attack", trust=True, methods=["gradient"], issued="2019-03-01", replaced_by=["bob2026-new"]
)
NEW = work(
    "bob2026-new",
    kind="attack",
    trust=True,
    methods=["gradient", "universal"],
    issued="2026-03-01",
    builds_on=["ann2019-old"],
)
TWIN = work(
    "cid2026-twin", kind="defence", trust=True, methods=["gradient"], issued="2026-03-01", title="Twin: a Study"
)
ASIDE = work("dan2026-aside", kind="model", pillars=["general"])
SMALL = {one.id: one for one in (OLD, NEW, TWIN, ASIDE)}


def test_works_stand_by_method_and_date_and_never_on_each_other():
    drawn = related_work(SMALL)
    placed = drawn.placed
    assert [lane.key for lane in drawn.lanes] == [
        "gradient"
    ] and "dan2026-aside" not in placed  # neither trust, method nor succession
    assert placed["ann2019-old"].x < placed["bob2026-new"].x == placed["cid2026-twin"].x
    assert placed["bob2026-new"].y != placed["cid2026-twin"].y
    assert set(drawn.edges) == {("replaced", "ann2019-old", "bob2026-new"), ("builds", "bob2026-new", "ann2019-old")}
    assert [(old.id, new.id) for old, new in drawn.successions] == [("ann2019-old", "bob2026-new")]


def test_the_picture_leads_to_every_work_and_escapes_what_others_wrote():
    evil = work("eve2026-evil", title='<script>"x"</script>', trust=True, methods=["gradient"])
    text = map_picture(related_work({**SMALL, evil.id: evil}), page="index.html")
    assert text.count('href="index.html#') == 4 and "<script>" not in text and "&lt;script&gt;" in text
    ElementTree.fromstring(text)  # well formed


def test_every_work_on_trust_stands_on_the_map_once():
    drawn = related_work(works())
    there = [one.work.id for lane in drawn.lanes for one in lane.placed]
    assert len(there) == len(set(there)) and {key for key, one in works().items() if one.trust} <= set(there)
    for lane in drawn.lanes:
        marks = [(one.x, one.y) for one in lane.placed]
        assert len(marks) == len(set(marks)) and all(lane.top < y < lane.top + lane.height for _, y in marks)


def test_a_day_that_is_not_known_is_the_middle_of_what_is():
    assert day_of(work("a2026-b", ids={"arxiv": "2605.00001"})) == datetime.date(2026, 5, 15)
    assert day_of(work("a2026-b")) == datetime.date(2026, 7, 1)
    assert day_of(work("a2026-b", issued="2026-02-03", ids={"arxiv": "2605.00001"})) == datetime.date(2026, 2, 3)


def test_a_label_is_the_shortest_name_that_fits():
    assert label_of(work("lin2025-hidden", known_as=["HIN"])) == "HIN"
    assert label_of(TWIN) == "Twin"
    assert label_of(work("lin2025-hidden", title="A title that is much too long for the map")) == "Lin 25"


# The feed


def test_works_count_as_new_from_the_day_their_entry_gives():
    early = work("a2020-x", added="2026-11-20", checked={"date": "2026-11-27"})
    late = work("b2020-y", checked={"date": "2026-11-27"})
    never = work("c2020-z")
    held = {one.id: one for one in (early, late, never)}
    assert [one.id for one in entered_since(held, datetime.date(2026, 11, 20))] == ["b2020-y", "a2020-x"]
    assert [one.id for one in entered_since(held, datetime.date(2026, 11, 21))] == [
        "b2020-y"
    ]  # checked again is not new


def test_the_feed_is_valid_atom():
    feed = ElementTree.fromstring(atom_feed(latest(works())))
    assert feed.tag == f"{A}feed"
    for name in ("id", "title", "updated"):
        assert len(feed.findall(f"{A}{name}")) == 1 and feed.findtext(f"{A}{name}")
    entries = feed.findall(f"{A}entry")
    assert len(entries) == LATEST
    ids = [entry.findtext(f"{A}id", "") for entry in entries]
    assert len(set(ids)) == LATEST and all(one.startswith("urn:uuid:") for one in ids)
    days = []
    for entry in entries:
        assert entry.findtext(f"{A}title") and entry.findtext(f"{A}author/{A}name") and entry.findtext(f"{A}summary")
        assert entry.find(f"{A}link[@rel='alternate']").get("href", "").startswith("index.html#")
        days.append(datetime.datetime.fromisoformat(entry.findtext(f"{A}updated", "")))
    assert days == sorted(days, reverse=True) and feed.findtext(f"{A}updated") == entries[0].findtext(f"{A}updated")


def test_a_work_keeps_its_id_wherever_the_site_stands():
    at = ElementTree.fromstring(atom_feed([work("a2020-x", added="2026-11-20")], address="https://example.org/papers/"))
    here = ElementTree.fromstring(atom_feed([work("a2020-x", added="2026-11-20")]))
    assert at.findtext(f"{A}entry/{A}id") == here.findtext(f"{A}entry/{A}id")
    assert at.find(f"{A}entry/{A}link").get("href") == "https://example.org/papers/index.html#a2020-x"


def test_the_command_lists_what_is_new_and_writes_the_feed(capsys):
    assert papers("new", "--since", "2026-11-27", "--json") == 0
    assert "wang2026-step" in {one["id"] for one in json.loads(capsys.readouterr().out)["works"]}
    assert papers("new", "--since", "2026-11-27", "--atom") == 0
    assert ElementTree.fromstring(capsys.readouterr().out).findall(f"{A}entry")
    assert papers("new", "--since", "2100-01-01") == 1


# What to run against a paper


def test_an_attack_is_answered_by_its_component_and_by_defences():
    found = answer(works()["hughes2024-bon"], model="earnest/reference")
    assert (
        found.tests[0].own
        and "--attack best_of_n" in found.tests[0].command
        and "--defence" not in found.tests[0].command
    )
    assert any("--attack best_of_n --defence codec" in test.command for test in found.tests)


def test_what_a_work_only_inspired_is_near_it_and_never_it():
    runs = (
        Runs(component="attacks/noise", fidelity="inspired", differs="one overlay"),
        Runs(component="attacks/pgd", fidelity="adapted", differs="its budget"),
        Runs(component="attacks/best_of_n", fidelity="reimplemented"),
    )
    bon = works()["hughes2024-bon"]
    own = [
        test.command
        for test in answer(bon.model_copy(update={"runs_in_earnest": runs})).tests
        if test.own and "--defence" not in test.command
    ]
    assert len(own) == 2 and "--attack best_of_n" in own[0] and "--attack pgd" in own[1]
    near = answer(bon.model_copy(update={"runs_in_earnest": runs[:1]})).tests
    assert "--attack noise" in near[0].command and not any(test.own for test in near)


def test_a_defence_is_answered_by_attacks_and_by_what_it_costs():
    could = CouldRun(
        what="its question", uses=("defences/refusal_guard", "attacks/pgd"), missing="the steering as a defence"
    )
    found = answer(works()["lin2025-sarsteer"].model_copy(update={"runs_in_earnest": (), "could_run": could}))
    commands = [test.command for test in found.tests]
    assert any("--task harmful_refusal" in one and "--attack pgd --defence refusal_guard" in one for one in commands)
    assert any(
        "--task benign_compliance" in one and "--defence refusal_guard" in one and "--attack" not in one
        for one in commands
    )
    assert not any(test.own for test in found.tests) and found.missing == ("the steering as a defence",)


def test_a_benchmark_is_answered_by_every_task_that_follows_it_in_one_command_a_suite():
    found = answer(works()["li2025-audiotrust"], model="scripted/echo")
    core, audiotrust, data = (shlex.split(test.command) for test in found.tests)
    assert core[:3] == ["earnest", "run", "core"] and data[2:5] == ["core", "--data", "RECORDINGS"]
    assert audiotrust[2:5] == ["audiotrust", "--data", "AudioTrust"] and audiotrust.count("--task") == 18
    followed = {
        run.component for run in works()["li2025-audiotrust"].runs_in_earnest if run.component.startswith("tasks/")
    }
    asked = {
        f"tasks/{word}" for parts in (core, audiotrust, data) for flag, word in pairwise(parts) if flag == "--task"
    }
    assert asked == followed and all(test.own for test in found.tests)
    assert any(one.startswith("tasks/claim_check: ") for one in found.missing)


def test_a_benchmark_is_answered_by_tasks_that_ask_the_same():
    commands = [test.command for test in answer(works()["yang2026-aorbench"]).tests]
    assert any("--task benign_compliance" in one for one in commands)


@pytest.mark.parametrize("key", [key for key, one in works().items() if one.trust or one.methods])
def test_every_command_names_what_is_registered_and_none_twice(key: str):
    found = answer(works()[key], model="earnest/reference")
    assert len({test.command for test in found.tests}) == len(found.tests)
    assert sum("--defence" in test.command for test in found.tests) <= 2 * MOST + 1
    for test in found.tests:
        words = shlex.split(test.command)
        assert words[:2] == ["earnest", "run"]
        for option, kind in (("--task", "tasks"), ("--attack", "attacks"), ("--defence", "defences")):
            named = {word for flag, word in pairwise(words) if flag == option}
            assert named <= set(registered(kind))


def test_a_work_that_nothing_bears_on_says_so_and_exits_with_1(capsys):
    assert papers("run-against", "levenshtein1966-codes") == 1
    assert "nothing here bears on it" in capsys.readouterr().out


def test_the_command_takes_an_arxiv_id_and_a_model(capsys):
    assert papers("run-against", "2412.03556", "--model", "openai/some", "--json") == 0
    tests = json.loads(capsys.readouterr().out)["tests"]
    assert tests and all("--model openai/some" in test["command"] for test in tests)


def test_an_answer_is_a_command_that_the_command_line_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, *words = shlex.split(answer(works()["das2018-adagio"], model="earnest/reference").tests[0].command)
    assert not cli.main(args=[*words, "--limit", "2", "--dry-run"], prog_name="earnest", standalone_mode=False)
