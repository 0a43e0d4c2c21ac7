"""Clips in a run folder: as they came where nothing was changed, coded otherwise, and found whichever way they lie there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engine_parts import LocalModel, clip, item, plan, score, settings

from earnest.audio import AudioClip, Stimulus
from earnest.engine import Job, clip_path, execute, merge, read_journal
from earnest.engine.clips import ClipStore
from earnest.errors import BadData
from earnest.records import Arm
from earnest.run_folder import clip_file, clip_names

INFO = b"LIST\x16\x00\x00\x00INFOIART\x0a\x00\x00\x00Jane Roe\x00\x00"


def recorded(path: Path, number: int = 1) -> AudioClip:
    """A file with its speaker's name in it, and the clip that it holds."""
    plain = clip(number).wav_bytes()
    size = (len(plain) + len(INFO) - 8).to_bytes(4, "little")
    path.write_bytes(plain[:4] + size + plain[8:36] + INFO + plain[36:])
    return AudioClip.read(path)


def test_an_unchanged_recording_is_kept_as_it_came_without_what_its_file_says_of_people(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    store, heard = ClipStore(tmp_path / "run"), recorded(tmp_path / "a.wav")
    name = store.keep(heard)
    kept = tmp_path / "run" / "clips" / f"{name}.wav"
    assert name == heard.digest == AudioClip.read(kept).digest
    assert kept.read_bytes() == heard.wav_bytes() and b"Jane" not in kept.read_bytes()
    assert store.n_bytes == kept.stat().st_size == 44 + 2 * 800


def test_what_was_asked_stays_when_the_users_file_is_edited_in_place(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    clip(1).write(tmp_path / "a.wav")
    name = ClipStore(tmp_path / "run").keep(AudioClip.read(tmp_path / "a.wav"))
    with (tmp_path / "a.wav").open("r+b") as file:
        file.seek(100)
        file.write(b"\x55" * 200)
    assert AudioClip.read(clip_file(tmp_path / "run", name)).digest == name
    assert not os.path.samefile(clip_file(tmp_path / "run", name), tmp_path / "a.wav")


def test_a_changed_clip_is_coded(tmp_path: Path) -> None:
    heard = recorded(tmp_path / "a.wav")
    for changed in (heard.with_samples(heard.samples * 0.5), heard.with_samples(heard.samples[:400])):
        name = ClipStore(tmp_path).keep(changed)
        assert clip_names(tmp_path)[name] == ".flac"
        assert AudioClip.read(clip_file(tmp_path, name)) == changed.quantised()


def test_a_clip_of_an_earlier_version_is_not_kept_twice(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    clip(1).write(tmp_path / "clips" / f"{clip(1).digest}.flac")
    store = ClipStore(tmp_path)
    store.keep(recorded(tmp_path / "a.wav"))
    assert store.n_bytes == 0 and clip_names(tmp_path) == {clip(1).digest: ".flac"}


def test_names_of_clips_are_those_that_are_there(tmp_path: Path) -> None:
    assert clip_names(tmp_path) == {}
    one, two, three, four = ("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32)
    (tmp_path / "clips").mkdir()
    for name in (f"{one}.wav", f"{one}.flac", f"{two}.wav", f".{two}.flac.1.partial", f"{three}.mp3", "evil.wav"):
        (tmp_path / "clips" / name).write_bytes(b"")
    (tmp_path / "clips" / f"{four}.wav").symlink_to(tmp_path / "nowhere")
    assert clip_names(tmp_path) == {one: ".flac", two: ".wav"}
    assert [clip_file(tmp_path, name).suffix for name in (one, two, three)] == [".flac", ".wav", ".flac"]


def test_a_clip_that_leads_out_of_the_folder_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "run" / "clips").mkdir(parents=True)
    clip(1).write(tmp_path / "private.wav")
    (tmp_path / "run" / "clips" / f"{'ab' * 32}.wav").symlink_to(tmp_path / "private.wav")
    with pytest.raises(BadData, match="must lie in its run folder, but is a link to"):
        clip_path(tmp_path / "run", "ab" * 32)


def run(folder: Path, recordings: Path, n: int = 6, shard: str | None = None) -> None:
    def job(number: int) -> Job:
        def load() -> Stimulus:
            return Stimulus(clips={"speech": recorded(recordings / f"{number}.wav", number)}, prompt=f"say {number}")

        return Job(item=item(number).__class__(**{**vars(item(number)), "load": load}), arm=Arm(), score=score)

    execute(plan(n, shard=shard), [job(k) for k in range(n)], model=LocalModel(), folder=folder, settings=settings())


def test_merged_shards_hold_every_clip(tmp_path: Path) -> None:
    for part in (1, 2):
        run(tmp_path / f"part{part}", tmp_path, shard=f"{part}/2")
    merge([tmp_path / "part1", tmp_path / "part2"], tmp_path / "whole")
    lines = read_journal(tmp_path / "whole")
    assert len(lines) == 6
    for line in lines:
        path = clip_path(tmp_path / "whole", line.clips["speech"])
        assert path.suffix == ".wav" and AudioClip.read(path).digest == path.stem


def test_no_file_of_a_run_folder_holds_what_a_recording_says_of_people(tmp_path: Path) -> None:
    run(tmp_path / "run", tmp_path, n=2)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) >= 4 and not any(b"Jane" in path.read_bytes() for path in files)
