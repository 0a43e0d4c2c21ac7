"""Readers of data sets on anything: arbitrary text and bytes under every name that a reader looks for.

Each test runs on 10,000 examples with `--all`, and on a few otherwise.
"""

import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earnest.audio import AudioClip, Manifest, columns, layouts, tables
from earnest.audio.tables import Reading
from earnest.errors import BadAudio, BadData

WAV = AudioClip(np.full(80, 0.1, np.float32), 8000).wav_bytes()
FEW, MANY = 60, 10_000
WORDS = (
    "path", "a.wav", "b.wav", "file_name", "audio_filepath", "text", "sentence", "client_id", "../a.wav", "/a.wav", "offset", "duration", "0.1",
    "-1", "1e999", "nan", "bonafide", "spoof", "A01", "84-121-0000", "GO HOME", "225", "23", "F", "p225", "u1", "id1/x/1.wav", "0", "1", '"', "'",
    ",", ";", "\t", "|", "\n", "\r\n", "{", "}", "[", "]", ":", " ", "\\", "\0", "\ufeff", "\u2028", "é", "null", "true", "start_s", "end_s",
    "channel", "recording", "recording_id", "sources", "sampling_rate", "supervisions", "start", "source", "type", "file", "flac -c -d -s a.flac |",
    '{"audio_filepath": "a.wav", ', '{"id": "c", "recording": ', '"sources": [{"type": "file", "source": "a.wav", "channels": [0]}]',
)  # fmt: skip  # a table: one row a line
NAMES = (
    "metadata.csv", "metadata.tsv", "metadata.jsonl", "manifest.jsonl", "train.csv", "train.json", "wav.scp", "text", "utt2spk", "segments",
    "reco2file_and_channel", "x.trans.txt", "SPEAKERS.TXT", "speaker-info.txt", "txt/a.txt", "a.txt", "a.lab", "cuts.jsonl",
    "recordings.jsonl.gz", "supervisions.jsonl", "train.tsv", "validated.tsv", "protocol.trn.txt", "trials.txt", "vox1_meta.csv", "train.parquet",
)  # fmt: skip  # a table: one row a line

tokens = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)
contents = st.one_of(
    tokens.map(str.encode),
    tokens.map(lambda text: text.encode("utf-16")),
    st.binary(max_size=200),
    tokens.map(lambda text: gzip.compress(text.encode())),
    tokens.map(lambda text: gzip.compress(text.encode())[:-3]),
)


def read_a_folder(folder, files):
    for old in sorted(folder.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    for name in ("a.wav", "wav48/p225/p225_001.wav", "clips/a.wav", "84-121-0000.flac"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(WAV)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    try:
        manifest = Manifest.read(folder)
    except BadData as error:
        assert str(error).encode()
        return
    assert len({entry.id for entry in manifest}) == len(manifest)
    assert all(entry.file.resolve().is_relative_to(folder.resolve()) for entry in manifest)
    assert manifest.digest


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_any_folder_is_read_or_refused(tmp_path, n):
    @settings(max_examples=n, deadline=None, suppress_health_check=list(HealthCheck))
    @given(files=st.dictionaries(st.sampled_from(NAMES), contents, min_size=1, max_size=3))
    def run(files):
        read_a_folder(tmp_path, files)

    run()


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", [name for name, _ in layouts.READERS])
def test_each_layout_on_any_text(tmp_path, reader, n):
    (tmp_path / "wav48").mkdir()
    (tmp_path / "clips").mkdir()
    for name in ("a.wav", "wav48/p225_001.wav", "clips/a.wav"):
        (tmp_path / name).write_bytes(WAV)
    module = __import__(f"earnest.audio.layouts.{reader}", fromlist=["rows"])
    names = [name for name in NAMES if name != "train.parquet" or reader == "parquet"]

    @settings(max_examples=n, deadline=None, suppress_health_check=list(HealthCheck))
    @given(files=st.dictionaries(st.sampled_from(names), contents, min_size=1, max_size=3))
    def run(files):
        for old in NAMES:
            (tmp_path / old).unlink(missing_ok=True)
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
        reading = Reading()
        rows = module.rows(layouts.Tree.of(tmp_path, reading), reading)
        assert rows is None or all(row.place and isinstance(row.cells, dict) for row in rows)

    run()


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_any_table_is_read_with_its_lines(n):
    @settings(max_examples=n, deadline=None)
    @given(text=tokens, quoted=st.booleans())
    def run(text, quoted):
        for rows in (tables.csv_rows(text, "t", Reading(), quoted=quoted), tables.json_rows(text, "t", Reading())):
            lines = [line for line, cells in rows if columns.renamed(cells).names is not None]
            assert lines == sorted(set(lines)) and all(
                1 <= line <= text.count("\n") + text.count("\r") + 1 for line in lines
            )

    run()


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_rows_that_are_written_are_the_rows_that_are_read(n):
    cells = (
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=8)
        .map(str.strip)
        .filter(lambda cell: not cell.lower().endswith(".wav"))
    )

    @settings(max_examples=n, deadline=None)
    @given(rows=st.lists(st.tuples(cells, cells), max_size=5), mark=st.sampled_from(",;\t|"))
    def run(rows, mark):
        import csv

        file = io.StringIO()
        writer = csv.writer(file, delimiter=mark)
        writer.writerows([("path", "text"), *((f"{n}.wav", *row[:1]) for n, row in enumerate(rows))])
        reading = Reading()
        read = [(row["path"], row["text"]) for _, row in tables.csv_rows(file.getvalue(), "t", reading)]
        assert read == [(f"{n}.wav", row[0]) for n, row in enumerate(rows)]
        assert reading.faults == []

    run()


@pytest.mark.parametrize("n", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_any_bytes_are_audio_or_refused(n):
    heads = st.sampled_from([b"RIFF\xff\xff\xff\x7fWAVE", b"RF64....WAVEds64", WAV[:40], b"FORM....AIFF", b".snd", b"caff\0\1\0\0", b"fLaC", b"OggS",
                             b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\0", b"\xff\xf1", b"\x0bw", b"#!AMR\n", b"\0\0\0\x10ftypM4A ", b"\x1aE\xdf\xa3", b"NIST_1A\n   1024\n", b""])  # fmt: skip  # a table: one row a line

    @settings(max_examples=n, deadline=None)
    @given(head=heads, rest=st.binary(max_size=400))
    def run(head, rest):
        try:
            assert AudioClip.from_bytes(head + rest).n_samples > 0
        except BadAudio as error:
            assert str(error)

    run()
