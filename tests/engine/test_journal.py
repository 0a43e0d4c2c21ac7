"""The journal: whole lines stay, torn ones go, a full disk loses nothing, two writers are refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from engine_parts import LocalModel, clip, jobs, plan, settings

from earnest.audio import AudioClip
from earnest.engine import ClipStore, Journal, execute, read_journal
from earnest.engine.journal import _cut_torn_line
from earnest.errors import BadData, PlanMismatch, StorageFailed
from earnest.records import JournalLine


def line(number: int, **changes) -> JournalLine:
    values = {
        "item": f"t/{number}",
        "sample": str(number),
        "task": "t",
        "prompt_hash": "",
        "model": "m",
        "status": "scored",
    }
    return JournalLine(**{**values, **changes})


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_lines_come_back_sorted_and_the_last_of_an_item_holds(folder) -> None:
    with Journal(folder) as journal:
        journal.add(line(2))
        journal.add(line(1, status="unscored", reason="timeout"))
        journal.add(line(1))
    assert [(each.item, each.status) for each in read_journal(folder)] == [("t/1", "scored"), ("t/2", "scored")]


def test_a_line_can_be_read_as_soon_as_it_is_added(folder) -> None:
    with Journal(folder) as journal:
        for number in range(3):
            journal.add(line(number))
            assert len(read_journal(folder)) == number + 1


@pytest.mark.parametrize("torn", [b'{"item":"t/9","sam', b"\0\0\0\0", b"x" * 200_000])
def test_a_torn_last_line_is_passed_over_and_then_cut_off(folder, torn) -> None:
    with Journal(folder) as journal:
        journal.add(line(1))
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(torn)
    assert [each.item for each in read_journal(folder)] == ["t/1"]
    with Journal(folder) as journal:
        assert list(journal.lines) == ["t/1"]
        journal.add(line(2))
    assert [each.item for each in read_journal(folder)] == ["t/1", "t/2"]


def test_a_file_of_one_torn_line_is_emptied(tmp_path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"torn")
    file = os.open(path, os.O_RDWR)
    assert _cut_torn_line(file) == 0
    os.close(file)
    assert path.read_bytes() == b""


def test_every_line_that_cannot_be_read_is_named(folder) -> None:
    with Journal(folder) as journal:
        journal.add(line(1))
    text = (folder / "journal.jsonl").read_text()
    (folder / "journal.jsonl").write_text(text + "nonsense\n" + text + '{"item": 3}\n')
    with pytest.raises(BadData, match="cannot be read as a journal") as caught:
        read_journal(folder)
    assert len(caught.value.faults) == 2
    assert caught.value.faults[0].startswith("line 2: ") and caught.value.faults[1].startswith("line 4: ")


def test_a_folder_without_a_journal_is_no_run_folder(folder) -> None:
    with pytest.raises(BadData, match="is no run folder"):
        read_journal(folder)


def test_a_second_process_is_refused(folder) -> None:
    code = f"from pathlib import Path; from earnest.engine import Journal; Journal(Path({str(folder)!r}))"
    with Journal(folder):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "another process is writing this run" in done.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_runs_in_one_folder_at_once_are_refused(folder) -> None:
    plan(1).write(folder)
    with Journal(folder), pytest.raises(PlanMismatch, match="another process is writing this run"):
        execute(plan(1), jobs(1), model=LocalModel(), folder=folder, settings=settings())


def full_after(n_bytes: int):
    """An `os.write` to a disk that has room for `n_bytes` more."""
    real, left = os.write, n_bytes

    def write(file, data):
        nonlocal left
        if file <= 2:
            return real(file, data)
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(file, bytes(data)[:left])
        left -= done
        return done

    return write


def test_a_full_disk_keeps_every_whole_line(folder, monkeypatch) -> None:
    size = len(line(1).dumped()) + 1
    journal = Journal(folder)
    monkeypatch.setattr(os, "write", full_after(2 * size + 10))
    journal.add(line(0))
    journal.add(line(1))
    with pytest.raises(StorageFailed, match=r"No space left on device; free some space .* run the same command again"):
        journal.add(line(2))
    monkeypatch.undo()
    journal.close()
    assert (folder / "journal.jsonl").stat().st_size == 2 * size
    assert [each.item for each in read_journal(folder)] == ["t/0", "t/1"]


def test_a_disk_that_fills_up_during_a_run_stops_it_and_the_run_goes_on_later(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "run"
    monkeypatch.setattr(os, "write", full_after(9_000))
    with pytest.raises(StorageFailed, match="free some space"):
        execute(plan(60), jobs(60), model=LocalModel(delay_s=0.05), folder=folder, settings=settings())
    monkeypatch.undo()
    kept = read_journal(folder)
    assert 0 < len(kept) < 60
    summary = execute(plan(60), jobs(60), model=LocalModel(), folder=folder, settings=settings())
    assert (summary.n_resumed, summary.n_scored) == (len(kept), 60)
    assert len((folder / "journal.jsonl").read_bytes().splitlines()) == 60


def test_a_clip_that_cannot_be_written_stops_the_run_and_leaves_no_part_of_it(tmp_path, monkeypatch) -> None:
    put = os.replace

    def full(source, target):
        if str(target).endswith(".flac"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return put(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageFailed, match=r"clips/.*\.flac' must be writable, got No space left on device"):
        execute(plan(3), jobs(3), model=LocalModel(), folder=tmp_path / "run", settings=settings())
    assert list((tmp_path / "run" / "clips").iterdir()) == []


def test_clips_are_named_by_their_16_bit_form(folder) -> None:
    store = ClipStore(folder)
    samples = clip(1).samples * 0.123456
    name = store.keep(clip(1).with_samples(samples))
    assert name == clip(1).with_samples(samples).quantised().digest
    assert AudioClip.read(folder / "clips" / f"{name}.flac").digest == name
    written = store.n_bytes
    assert store.keep(clip(1).with_samples(samples)) == name and store.n_bytes == written > 0
    assert ClipStore(folder).keep(clip(1).with_samples(samples)) == name
