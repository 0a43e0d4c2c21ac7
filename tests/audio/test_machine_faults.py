"""Too many open files and too little memory are faults of this machine, never of a recording or a manifest."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.tells import tells
from earnest.errors import BadAudio, BadData, MachineFailed
from earnest.tasks._items import duration_s

FAULTS = {
    "files": OSError(errno.EMFILE, "Too many open files"),
    "memory": OSError(errno.ENOMEM, "Cannot allocate memory"),
}


def raising(fault):
    def raises(*arguments, **options):
        raise fault

    return raises


@pytest.fixture
def data(tmp_path):
    """Two channels of noise that cancel when they are mixed, so that `tells` asks for the number of channels."""
    noise = 0.1 * np.random.default_rng(1).standard_normal(8000)
    soundfile.write(tmp_path / "a.wav", np.stack([noise, -noise]).T, 8000)
    (tmp_path / "metadata.csv").write_text("path,text\na.wav,go home\n")
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("place", ["open", "is_file"])
def test_a_manifest(data, monkeypatch, fault, place):
    monkeypatch.setattr(Path, place, raising(fault))
    if place == "is_file":  # of the recording alone
        monkeypatch.setattr(Path, "is_file", lambda path: raising(fault)() if path.name == "a.wav" else path.exists())
        look = os.lstat
        monkeypatch.setattr(
            os, "lstat", lambda path, **to: raising(fault)() if str(path).endswith("a.wav") else look(path, **to)
        )
    with pytest.raises(MachineFailed, match="run the same command again"):
        Manifest.read(data)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_recording(data, monkeypatch, fault):
    (entry,) = Manifest.read(data)
    monkeypatch.setattr(Path, "open", raising(fault))
    for read in (entry.clip, lambda: entry.needs_codecs):
        with pytest.raises(MachineFailed):
            read()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_header(data, monkeypatch, fault):
    (entry,) = Manifest.read(data)
    clip = entry.clip()
    monkeypatch.setattr(soundfile, "info", raising(fault))
    for read in (lambda: duration_s(entry), lambda: tells(entry, clip)):
        with pytest.raises(MachineFailed):
            read()


@pytest.mark.parametrize("fault", [*FAULTS.values(), MemoryError()], ids=[*FAULTS, "no memory"])
def test_a_table_of_recordings(tmp_path, monkeypatch, fault):
    pyarrow = pytest.importorskip("pyarrow", reason='needs pip install "earnest[parquet]"')
    parquet = pytest.importorskip("pyarrow.parquet")
    from earnest.audio.parquet import Table

    audio = [{"bytes": AudioClip(np.full(80, 0.25, np.float32), 8000).wav_bytes(), "path": "a.wav"}]
    parquet.write_table(pyarrow.table({"audio": audio, "text": ["go"]}), tmp_path / "train.parquet")
    (entry,) = Manifest.read(tmp_path)
    monkeypatch.setattr(Table, "_batches", raising(fault))
    with pytest.raises((MachineFailed, MemoryError)):
        entry.clip()
    monkeypatch.setattr(Table, "_batches_of_texts", raising(fault))
    with pytest.raises((MachineFailed, MemoryError)):
        Manifest.read(tmp_path)
    if not isinstance(fault, MemoryError):
        monkeypatch.setattr(parquet, "ParquetFile", raising(fault))
        with pytest.raises(MachineFailed):
            Manifest.read(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.m4a")
    assert not Entry(path=str(tmp_path / "a.m4a")).needs_codecs


def test_other_faults_are_those_of_the_file(data, monkeypatch):
    (entry,) = Manifest.read(data)
    monkeypatch.setattr(Path, "open", raising(PermissionError(errno.EACCES, "Permission denied")))
    assert not entry.needs_codecs
    with pytest.raises(BadAudio, match="Permission denied"):
        entry.clip()
    with pytest.raises(BadData, match="metadata.csv must be readable, got .*Permission denied"):
        Manifest.read(data)
