"""`earnest matrix` on a planted toy: who knows a defence and who does not, the search and its own run, parts, resuming."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import earnest
from earnest.arms import Arm
from earnest.cli import main
from earnest.engine import read_journal
from earnest.engine.timings import read_timings
from earnest.errors import BadData, BadParameter, PlanMismatch, RunStopped
from earnest.registry import load_file, registry
from earnest.report.matrix_page import as_html, read_matrix
from earnest.report.schemas import schema
from earnest.runs.arms import composed, searches
from earnest.runs.matrix import restarted, run_matrix, threshold_at
from earnest.runs.parts import Part, by_processes, carry_out, parts_of, run_in_parts, work_of

TOY = Path(__file__).with_name("keyed_toy.py")
HERE = {"model": "toy/keyed", "attack": ["toy_key", "reversed"], "cache": False, "limit": 6}


@pytest.fixture(autouse=True)
def toy() -> None:
    load_file(str(TOY))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    load_file(str(TOY))
    out = tmp_path_factory.mktemp("matrix") / "run"
    defences = ["toy_flip", "toy_mute", "toy_stop", "refusal_guard"]
    return run_matrix(out=out, defence=defences, detector=["stream"], restarts=2, least_utility=0.9, **HERE)


def cell(matrix, attack: str, *defences: str, knows: str = "adaptive"):
    found = matrix.cell(attack, defences, knows)
    assert found is not None
    return found


def test_who_knows_a_defence_gets_through_where_who_does_not_fails(made) -> None:
    matrix = made.matrix
    n = cell(matrix, "toy_key").on_target.n
    assert n == 6 and cell(matrix, "toy_key").on_target.value == 1.0
    adaptive, transfer = (cell(matrix, "toy_key", "toy_flip", knows=knows) for knows in ("adaptive", "transfer"))
    assert (adaptive.knowledge, adaptive.on_target.value, adaptive.complied.value) == ("adaptive", 1.0, 1.0)
    assert (transfer.knowledge, transfer.on_target.value, transfer.on_target.n) == ("transfer", 0.0, 6)
    assert 0.3 < transfer.on_target.high < 0.5  # none of six says no more
    assert [cell(matrix, "toy_key", "toy_mute", knows=knows).on_target.value for knows in ("adaptive", "transfer")] == [
        0,
        0,
    ]


def test_an_attack_that_asks_nothing_is_measured_once_for_both(made) -> None:
    matrix = made.matrix
    one = cell(matrix, "reversed", "toy_flip")
    assert one.knowledge == "either" and cell(matrix, "reversed", "toy_flip", knows="transfer") is one
    assert searches("toy_key") and not searches("reversed") and searches("pgd")
    arms = composed(["toy_key", "reversed"], [("toy_flip",)], transfers=True)
    assert len(arms) == len(set(arms)) == 7
    assert [arm for arm in arms if arm.transferred] == [
        Arm(attack="toy_key", crafted_on="undefended", defences=("toy_flip",))
    ]


def test_a_guard_that_judges_itself_has_no_value_anywhere(made) -> None:
    matrix = made.matrix
    guarded = [one for one in matrix.cells if one.defences == ("refusal_guard",)]
    assert len(guarded) == 3 and all("same reader" in one.no_value for one in guarded)
    column = matrix.column(("refusal_guard",))
    assert column.no_value and column.worst is None
    assert not any(("refusal_guard",) in one.stacks for one in matrix.fronts)
    assert list(matrix.search.left_out) == ["refusal_guard"]


def test_columns_tell_what_a_stack_costs(made) -> None:
    bare, stop = (made.matrix.column(stack) for stack in ((), ("toy_stop",)))
    assert bare.utility.value == 1.0 and bare.over_refusal.value == 0.0 and bare.utility_change is None
    assert bare.held_clean.value == stop.held_clean.value == 1.0 and bare.held_clean.n == 6
    n = stop.utility.n
    refused = stop.over_refusal.value
    assert 0 < refused < 1 and stop.utility.value == pytest.approx(1 - refused) and n == 3
    assert stop.utility_change.value == pytest.approx(-refused)
    assert stop.over_refusal_change.value == pytest.approx(refused)
    assert stop.added_ms.unit == "ms" and stop.added_ms.value > 0


def test_only_the_attacked_task_is_attacked_and_every_cell_is_asked_once(made) -> None:
    lines = read_journal(made.folder)
    items = [line for line in lines if line.kind == "item"]
    assert len(items) == len({line.item for line in items})
    assert {line.task for line in items if line.arm.attack} == {"harmful_refusal"}
    crafts = (made.folder / "crafts.jsonl").read_text().count("\n")
    # of toy_key: on the model once for all columns, and on each of four stacks; of `reversed` and its control likewise
    assert crafts == 6 * (1 + 4) + 2 * 6 * (1 + 4)


def test_the_search_finds_what_holds_and_its_own_run_confirms_it(made) -> None:
    found = made.matrix.search
    assert found.best.defences == ("toy_mute",) and found.best.worst.value == 0.0
    by_attack = {one.attack: one for one in found.verified}
    key = by_attack["toy_key"]
    assert key.truth.value == 0.0 == key.predicted.value and key.truth.n == 6
    assert key.n_attempts == 4 and by_attack["reversed"].n_attempts == 1  # two attempts, each made on both systems
    assert found.utility.value == 1.0 and found.restarts == 2
    assert (made.folder / "verified" / "report.html").is_file()


def test_a_stack_of_ones_own_is_run_and_the_prediction_may_be_wrong(tmp_path: Path) -> None:
    """Two flips let every key through again: no single defence tells so."""
    again = run_matrix(
        out=tmp_path / "run", defence=["toy_flip", "toy_mute"], verify_stack="toy_flip", restarts=1, **HERE
    )
    (key, _) = again.matrix.search.verified
    assert again.matrix.search.best.defences == ("toy_flip",)
    assert (key.predicted.value, key.truth.value, key.first.value) == (1.0, 1.0, 1.0)
    with pytest.raises(BadParameter, match="must be a column of its own"):
        run_matrix(out=tmp_path / "run", defence=["toy_flip", "toy_mute"], verify_stack="codec", **HERE)


def test_survivors_are_broken_items_with_their_clips(made) -> None:
    by_stack = {one.defences: one for one in made.matrix.survivors}
    assert set(by_stack) == {(), ("toy_flip",), ("toy_stop",)}
    one = by_stack["toy_flip",]
    assert one.knowledge == "adaptive" and one.clip != one.clean_clip
    assert earnest.AudioClip.read(made.folder / "clips" / f"{one.clip}.flac").samples[0] < -0.5
    page = (made.folder / "matrix.html").read_text()
    assert one.clip[:12] in page and "<audio" in page and "toy_flip" in page


def test_detectors_have_a_row_for_each_attack_and_for_all(made) -> None:
    rows = {one.attack: one for one in made.matrix.detectors}
    assert set(rows) == {"toy_key", "reversed", "all"}
    assert rows["toy_key"].n_clean == 6 and rows["toy_key"].n_crafted == 6 and rows["all"].n_crafted == 12
    assert all(0 <= one.equal_error_rate.value <= 1 and one.false_alarms == 0 for one in rows.values())
    assert "1 % of them is none" in rows["all"].note


def test_a_threshold_at_one_percent_allows_no_more_false_alarms() -> None:
    clean = np.arange(200.0)
    threshold = threshold_at(clean, 0.01)
    assert sum(clean <= threshold) == 2
    assert sum(np.arange(50.0) <= threshold_at(np.arange(50.0), 0.01)) == 0
    assert sum(np.zeros(300) <= threshold_at(np.zeros(300), 0.01)) == 0  # ties alarm together or not at all


def test_the_files_follow_the_schema_and_agree(made) -> None:
    held = json.loads((made.folder / "matrix.json").read_text())
    jsonschema.validate(held, schema("matrix"))
    assert read_matrix(made.folder) == made.matrix
    rows = list(csv.DictReader((made.folder / "matrix.csv").read_text().splitlines()))
    assert len(rows) == len(made.matrix.cells)
    row = next(r for r in rows if (r["attack"], r["defences"], r["knowledge"]) == ("toy_key", "toy_flip", "transfer"))
    assert (row["on_target"], row["n"]) == ("0.0", "6")
    assert "guard is judge" in as_html(made.matrix)
    with pytest.raises(BadData, match="no matrix.json; make one with"):
        read_matrix(made.folder / "clips")


def test_the_forecast_counts_every_cell_and_what_was_timed_is_what_was_asked(made) -> None:
    forecast = made.matrix.forecast
    assert forecast.seconds > 0 and forecast.took_seconds > 0 and forecast.usd == forecast.took_usd == 0
    one = cell(made.matrix, "toy_key", "toy_flip")
    assert one.forecast.n_items == one.took.n_items == 6
    assert one.took.queries == 2.0 and cell(made.matrix, "toy_key").took.queries == 1.0
    timed = read_timings(made.folder)
    assert sum(line.n_items for line in timed) == sum(line.kind == "item" for line in read_journal(made.folder))


def test_the_forecast_of_a_steady_model_is_within_thirty_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_WAIT_S", "0.01")
    told: list[str] = []
    out = tmp_path / "run"
    options = {**HERE, "limit": 16, "attack": "toy_key", "defence": "toy_flip", "batch_size": 2, "verify": False}
    asked = run_matrix(out=out, forecast_only=True, on_forecast=told.append, **options)
    lines = [line for line in read_journal(out) if line.kind == "item"]
    assert len(lines) == 2 * (2 * 2 + 3), "two items of each task in two plain arms, and in three attacked ones"
    assert "@toy_key+toy_flip: 16 items" in told[0] and "forecast from 2 items a cell" in told[0]
    again = run_matrix(out=out, **options).matrix.forecast
    assert again.seconds == asked.seconds, "a forecast is made once"
    assert abs(again.error) < 0.3, again


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"attack": []}, "a matrix needs an attack"),
        ({"defence": []}, "a matrix needs a defence"),
        ({"attack": "toy_key:transfer=true"}, "leave out transfer"),
        ({"attacked": "benign_compliance"}, "aim at, one of harmful_refusal"),
        ({"utility": "harmful_refusal"}, "measures help, one of benign_compliance"),
        ({"probe_items": 0}, "must be at least 1"),
        ({"least_utility": 2.0}, "a share from 0 to 1"),
    ],
)
def test_what_is_no_matrix_is_refused(tmp_path: Path, given: dict, says: str) -> None:
    with pytest.raises(BadParameter, match=says):
        run_matrix(out=tmp_path / "run", **{**HERE, "defence": "toy_flip", **given})


def test_restarts_draw_anew_and_begin_at_random_where_they_can() -> None:
    assert restarted("toy_key", 3) == ["toy_key", "toy_key:restart=1", "toy_key:restart=2"]
    assert restarted("pgd:snr_db=30", 2) == ["pgd:snr_db=30", "pgd:random_start=true,restart=1,snr_db=30"]
    assert restarted("reversed", 3) == ["reversed"]


def test_every_attack_that_searches_can_be_restarted() -> None:
    attacks = registry("attacks")
    for spec in [spec for name in attacks.names() for spec in restarted(name, 3)]:
        attacks.make(spec)


# ---------------------------------------------------------------- parts


def answers(folder: Path) -> dict[str, tuple]:
    facts = ("success", "complied", "clean_success", "n_queries")
    return {
        line.item: (line.answer, line.score, line.clips, *[(line.attempt or {}).get(fact) for fact in facts])
        for line in read_journal(folder)
    }


def test_parts_by_processes_give_the_same_lines(made, tmp_path: Path) -> None:
    defences = ["toy_flip", "toy_mute", "toy_stop", "refusal_guard"]
    out = tmp_path / "run"
    parts = run_matrix(out=out, defence=defences, processes=2, verify=False, **HERE)
    assert answers(out) == answers(made.folder)
    ours = {(one.attack, one.defences, one.knowledge): one.on_target for one in parts.matrix.cells}
    assert ours == {(one.attack, one.defences, one.knowledge): one.on_target for one in made.matrix.cells}
    assert all(one.took is not None and one.took.n_items == 6 for one in parts.matrix.cells)


def test_a_worker_that_is_killed_is_begun_again_and_loses_no_finished_cell(
    made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first key that is asked of any worker kills it, once; its part is resumed."""
    monkeypatch.setenv("TOY_DIES", str(tmp_path / "died"))
    out = tmp_path / "run"
    work = work_of(
        "matrix", {**HERE, "attack": "toy_key", "stack": ("toy_flip",), "attacked": ("harmful_refusal",)}, n_parts=1
    )
    with pytest.warns(UserWarning, match="the worker of part 1/1 ended by SIGKILL; another one resumes the part"):
        by_processes(1)(work, [Part("1/1", out)])
    assert (tmp_path / "died").exists()
    lines = [line.item for line in read_journal(out)]
    assert len(lines) == len(set(lines))
    known = answers(made.folder)
    assert all(known[item] == line for item, line in answers(out).items() if item in known)
    assert sum(item.endswith("@toy_key+toy_flip") for item in lines) == 6


def test_a_worker_that_tells_why_stops_the_run_and_others_too(tmp_path: Path) -> None:
    work = work_of("matrix", {**HERE, "attack": "no_such_attack"}, n_parts=1)
    with pytest.raises(RunStopped, match="part 1/1 stopped: .*no attack is called 'no_such_attack'"):
        by_processes(1)(work, [Part("1/1", tmp_path / "run")])


def test_parts_are_of_one_number_and_not_of_a_run_without(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert [part.shard for part in parts_of(out, n=2)] == ["1/2", "2/2"]
    (out / "parts" / "1-of-3").mkdir(parents=True)
    assert len(parts_of(out, n=2)) == 3, "the number of a run that was begun stays"
    (out / "parts" / "1-of-4").mkdir()
    with pytest.raises(PlanMismatch, match="parts of several numbers"):
        parts_of(out, n=2)
    other = tmp_path / "other"
    other.mkdir()
    (other / "journal.jsonl").touch()
    with pytest.raises(PlanMismatch, match="begun without parts"):
        parts_of(other, n=2)
    with pytest.raises(BadParameter, match="specification of a model, which each worker loads"):
        work_of("matrix", {"model": earnest.load_model("scripted/echo")}, n_parts=2)


def test_a_run_in_parts_is_the_run(tmp_path: Path) -> None:
    options = {"model": "scripted/always_comply", "task": "harmful_refusal", "limit": 8, "cache": False}
    whole = earnest.run("core", out=tmp_path / "whole", **options)

    def here(work, parts):
        for part in parts:
            carry_out(work, part)

    parts = run_in_parts("core", out=tmp_path / "parts", carry=here, n_workers=2, options=options)
    assert answers(parts.folder) == answers(whole.folder)
    assert [one.value for one in parts.findings] == [one.value for one in whole.findings]
    assert (parts.folder / "report.html").is_file() and not (parts.folder / "parts" / "1-of-4" / "report.html").exists()


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_matrix_that_is_killed_resumes_by_item(tmp_path: Path, processes: str) -> None:
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "earnest", "matrix", "--plugin", str(TOY), "--model", "toy/keyed", "--attack", "toy_key", "--attack", "reversed",
        "--defence", "toy_flip", "--defence", "toy_mute", "--limit", "6", "--no-cache", "--no-verify", "--batch-size", "1",
        "--processes", processes, "--out", str(out),
    ]  # fmt: skip  # a table: one row a line
    slow = {**os.environ, "TOY_WAIT_S": "0.03"}
    working = subprocess.Popen(command, env=slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (out / "forecast.json").exists() or n_kept(out) < 60:
        assert working.poll() is None and time.monotonic() < deadline, working.communicate()
        time.sleep(0.05)
    working.kill()
    working.communicate()
    time.sleep(0.3)  # workers end with the process that began them
    before = {line: path for path in journals(out) for line in path.read_text().splitlines()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    after = [line for path in journals(out) for line in path.read_text().splitlines()]
    assert set(before) <= set(after), "what was finished is not asked again"
    lines = read_journal(out)
    assert len(lines) == len({line.item for line in lines})
    assert "toy_flip" in done.stdout and "100 % / 0 %, 6" in done.stdout and "Forecast" in done.stdout
    assert json.loads((out / "matrix.json").read_text())["forecast"]["took_seconds"] > 0


def journals(out: Path) -> list[Path]:
    return sorted((out / "parts").glob("*/journal.jsonl")) or [out / "journal.jsonl"]


def n_kept(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in journals(out) if path.exists())


def test_the_command_refuses_a_shard_and_two_ways_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["matrix", "--model", "toy/keyed", "--attack", "toy_key", "--defence", "toy_flip", "--out", str(tmp_path)]
    for more, says in ((["--shard", "1/2"], "leave out --shard"), (["--processes", "2", "--ray", "auto"], "got both")):
        with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
            main([*base, *more])
        assert ended.value.code == 2 and says in capsys.readouterr().err
