"""Shards: every item in exactly one, and merging gives what one run would have given."""

from __future__ import annotations

import json

import pytest
from engine_parts import LocalModel, jobs, plan, settings

from earnest.engine import execute, in_shard, lacking, merge, read_journal
from earnest.engine.ledger_file import read_spent, write_spent
from earnest.errors import BadData, BadParameter, PlanMismatch
from earnest.plan import Plan


def shard(folder, part, *, n=20, **changes):
    execute(plan(n, shard=part, **changes), jobs(n), model=LocalModel(), folder=folder, settings=settings())
    return folder


def test_every_item_is_in_exactly_one_shard() -> None:
    names = [f"t/{k}" for k in range(1000)]
    parts = [[name for name in names if in_shard(name, f"{part}/4")] for part in (1, 2, 3, 4)]
    assert sorted(sum(parts, [])) == sorted(names)
    assert all(200 < len(part) < 300 for part in parts)
    assert all(in_shard(name, None) for name in names)


def test_shards_do_not_move_between_versions() -> None:
    # sha256("t/0")[:8] as an integer, modulo 3
    import hashlib

    expected = int(hashlib.sha256(b"t/0").hexdigest()[:16], 16) % 3
    assert [in_shard("t/0", f"{part}/3") for part in (1, 2, 3)].index(True) == expected


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0"])
def test_a_shard_is_written_i_of_n(text) -> None:
    with pytest.raises(BadParameter, match="a shard must be written i/n"):
        in_shard("t/0", text)


def test_merged_shards_are_the_whole_run(tmp_path) -> None:
    parts = [shard(tmp_path / part.replace("/", "of"), part) for part in ("1/3", "2/3", "3/3")]
    assert merge(parts, tmp_path / "merged") == 20
    execute(plan(20), jobs(20), model=LocalModel(), folder=tmp_path / "whole", settings=settings())

    def facts(folder):
        return [{**json.loads(line.dumped()), "duration_ms": 0} for line in read_journal(folder)]

    assert facts(tmp_path / "merged") == facts(tmp_path / "whole")
    assert Plan.read(tmp_path / "merged") == plan(20)
    clips = {path.name for path in (tmp_path / "merged" / "clips").iterdir()}
    assert clips == {path.name for path in (tmp_path / "whole" / "clips").iterdir()}


def test_a_missing_shard_is_named_and_can_be_run_later(tmp_path) -> None:
    parts = [shard(tmp_path / part.replace("/", "of"), part) for part in ("1/3", "3/3")]
    with pytest.warns(UserWarning, match="shard 2/3 is missing; run the merged folder without --shard"):
        n = merge(parts, tmp_path / "merged")
    summary = execute(plan(20), jobs(20), model=LocalModel(), folder=tmp_path / "merged", settings=settings())
    assert (summary.n_resumed, summary.n_scored) == (n, 20)


def test_shards_of_other_plans_are_refused(tmp_path) -> None:
    parts = [shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2", seed=1)]
    with pytest.raises(PlanMismatch, match="b holds a shard of another plan .* seed is 0 there, 1 here"):
        merge(parts, tmp_path / "merged")


def test_shards_of_other_numbers_of_parts_are_refused(tmp_path) -> None:
    with pytest.raises(PlanMismatch, match="parts of one number of parts, got 1/2, 2/3"):
        merge([shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/3")], tmp_path / "merged")


def test_the_same_shard_twice_is_refused(tmp_path) -> None:
    parts = [shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2"), shard(tmp_path / "c", "2/2")]
    with pytest.raises(BadData, match="must not overlap"):
        merge(parts, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_whole_run_is_no_shard(tmp_path) -> None:
    with pytest.raises(BadData, match="is no shard: its plan has none"):
        merge([shard(tmp_path / "a", None)], tmp_path / "merged")


def test_merging_into_a_folder_with_other_lines_is_refused(tmp_path) -> None:
    parts = [shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2")]
    execute(plan(20), jobs(20)[:1], model=LocalModel(), folder=tmp_path / "merged", settings=settings())
    with pytest.raises(BadData, match="must hold nothing but lines of these shards"):
        merge(parts, tmp_path / "merged")  # the line took another time


def test_a_merge_that_was_broken_off_is_run_again(tmp_path) -> None:
    parts = [shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2")]
    merge(parts, tmp_path / "whole")
    lines = (tmp_path / "whole" / "journal.jsonl").read_bytes()
    merged = tmp_path / "merged"
    merge(parts, merged)
    (merged / "items.jsonl").unlink()
    (merged / "journal.jsonl").write_bytes(lines[: len(lines) // 2])  # in the middle of a line
    for path in list((merged / "clips").iterdir())[:3]:
        path.unlink()
    for _ in range(2):  # a whole one may be merged again too
        assert merge(parts, merged) == 20
        assert (merged / "journal.jsonl").read_bytes() == lines
    assert len(list((merged / "clips").iterdir())) == 20
    assert lacking(merged) == []


def test_an_unfinished_shard_is_named_with_what_it_lacks(tmp_path) -> None:
    parts = [shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2")]
    journal = tmp_path / "b" / "journal.jsonl"
    whole = journal.read_text().splitlines(keepends=True)
    lost = sorted(json.loads(line)["item"] for line in whole[-3:])
    journal.write_text("".join(whole[:-3]))
    with pytest.warns(UserWarning, match=rf"shard 2/2 in .*b is not finished, 3 of its items have no line: {lost[0]}"):
        assert merge(parts, tmp_path / "merged") == 17
    (told,) = lacking(tmp_path / "merged")
    assert told.startswith("3 of 20 items have no line: ") and all(name in told for name in lost)
    for path in (tmp_path / "merged", tmp_path / "b"):  # a folder of an earlier version, which names no items
        (path / "items.jsonl").unlink()
    assert lacking(tmp_path / "merged") == ["3 of 20 items of letters have no line"]
    summary = execute(plan(20), jobs(20), model=LocalModel(), folder=tmp_path / "merged", settings=settings())
    assert (summary.n_resumed, summary.n_scored) == (17, 20) and lacking(tmp_path / "merged") == []


def test_lines_of_another_shard_or_plan_are_refused(tmp_path) -> None:
    one, two = shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2")
    stolen = (two / "journal.jsonl").read_text()
    (one / "journal.jsonl").write_text(stolen)
    with pytest.raises(BadData, match=r"letters/\d+ in .*a does not belong to shard 1/2"):
        merge([one, two], tmp_path / "merged")

    def edited(**changes):
        line = json.loads(stolen.splitlines()[0]) | changes
        (two / "journal.jsonl").write_text(json.dumps(line) + "\n" + "".join(stolen.splitlines(keepends=True)[1:]))

    shard(tmp_path / "c", "1/2")
    for changes, says in (
        ({"model": "other"}, "is an answer of other, and the plan is of fake"),
        ({"task": "digits"}, "is of the task digits, which its plan does not run"),
        ({"defences": ["codec"]}, r"was asked @\+codec, which its plan does not ask"),
    ):
        edited(**changes)
        with pytest.raises(BadData, match=says):
            merge([tmp_path / "c", two], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_what_shards_cost_is_added_up_once(tmp_path) -> None:
    parts = [shard(tmp_path / "a", "1/2"), shard(tmp_path / "b", "2/2")]
    for path, cost in zip(parts, (0.25, 0.5), strict=True):
        write_spent(path, cost)
    for _ in range(2):
        merge(parts, tmp_path / "merged")
        assert read_spent(tmp_path / "merged") == 0.75
