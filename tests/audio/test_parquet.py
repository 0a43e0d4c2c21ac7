"""Parquet files that hold audio: rows, recordings, classes by name, and files of a few bytes that unpack to gigabytes."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from earnest.audio import AudioClip, Manifest, pages
from earnest.audio.converting import convert
from earnest.audio.pages import page_fault
from earnest.errors import BadAudio, BadData

pyarrow = pytest.importorskip("pyarrow", reason='needs pip install "earnest[parquet]"')
parquet = pytest.importorskip("pyarrow.parquet")


def wav(level, sample_rate=8000):
    return AudioClip(np.full(80, level, np.float32), sample_rate).wav_bytes()


def write(file, columns, metadata=None, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table(columns)
    parquet.write_table(table.replace_schema_metadata(metadata) if metadata else table, file, **options)
    return file


def told(manifest, *columns):
    return [tuple(entry.value(column) for column in columns) for entry in manifest]


def test_what_the_hub_writes(tmp_path):
    audio = [{"bytes": wav(0.25), "path": "x/a.wav"}, {"bytes": wav(0.5), "path": "b.wav"}]
    features = {"info": {"features": {"label": {"names": ["rain", "bell"], "_type": "ClassLabel"}}}}
    write(
        tmp_path / "data/train-00000-of-00001.parquet",
        {"audio": audio, "sentence": ["go", None], "label": [1, 0], "speaker_id": [7, 8], "vector": [[1.0], [2.0]]},
        metadata={"huggingface": json.dumps(features)},
    )
    write(
        tmp_path / "data/test-00000-of-00001.parquet",
        {"audio": [{"bytes": wav(0.75), "path": None}], "sentence": ["stay"]},
    )
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "id", "text", "label", "speaker", "split") == [
        ("data/test-00000-of-00001/000000", "stay", None, None, "test"),
        ("data/train-00000-of-00001/a.wav", "go", "bell", "7", "train"),
        ("data/train-00000-of-00001/b.wav", None, "rain", "8", "train"),
    ]
    assert [float(entry.clip().samples[0]) for entry in manifest] == [0.75, 0.25, 0.5]
    assert (
        "data/train-00000-of-00001.parquet: the columns vector hold no plain values and were not read" in manifest.notes
    )


def test_samples_with_their_rate_and_converting(tmp_path):
    audio = [
        {"array": [0.1, -0.3], "sampling_rate": 16_000},
        {"array": [0.123456789, 0.5, 0.25], "sampling_rate": 8_000},
    ]
    write(tmp_path / "in/train.parquet", {"audio": audio, "text": ["one", "two"]})
    before = Manifest.read(tmp_path / "in")
    clips = [entry.clip() for entry in before]
    assert [clip.sample_rate for clip in clips] == [16_000, 8_000]
    np.testing.assert_array_equal(clips[1].samples, np.float32([0.123456789, 0.5, 0.25]))
    after = convert(before, tmp_path / "out")
    assert [entry.clip() for entry in after] == clips
    assert told(after, "path", "text") == [("audio/train/000000.wav", "one"), ("audio/train/000001.wav", "two")]


def test_a_cell_without_audio_is_that_items_fault(tmp_path):
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    cells = pyarrow.array(
        [
            None,
            {"bytes": None, "path": "a.wav"},
            {"bytes": b"no audio", "path": "b.wav"},
            {"bytes": wav(0.5), "path": "../../c.wav"},
        ],
        kind,
    )
    write(tmp_path / "train.parquet", {"audio": cells})
    manifest = Manifest.read(tmp_path)
    assert manifest.entries[3].path == "train/c.wav" and manifest.entries[3].clip().peak == 0.5
    for entry, reason in zip(manifest, ("got a null", "got a path alone", "got something else")):
        with pytest.raises(BadAudio, match=reason):
            entry.clip()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"text"])
def test_what_is_no_parquet_file(tmp_path, content):
    (tmp_path / "train.parquet").write_bytes(content)
    with pytest.raises(BadData, match="train.parquet must be a parquet file"):
        Manifest.read(tmp_path)


BOMB = """
import sys
from pathlib import Path
from earnest.audio import Manifest
try:
    print(len(Manifest.read(sys.argv[1])))
except Exception as error:
    print(type(error).__name__, str(error).replace(chr(10), " "))
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def repeated(value, n):
    """A column of one value n times, which is stored once."""
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(n, np.int32)), pyarrow.array([value]))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory that a process took from /proc")
def test_a_text_that_every_row_repeats_stays_within_the_budget(tmp_path):
    columns = {"audio": [{"bytes": b"", "path": None}] * 5400, "text": repeated("x" * 1_000_000, 5400)}
    bomb = write(tmp_path / "train.parquet", columns, compression="zstd", store_schema=False)
    assert bomb.stat().st_size < 32_000  # and 5.4 GB of text
    done = subprocess.run([sys.executable, "-c", BOMB, str(tmp_path)], capture_output=True, text=True, check=True)
    message, memory_kib = done.stdout.splitlines()
    assert message.startswith("BadData") and "must hold at most 256 MB of text, got more" in message
    assert int(memory_kib) < 1024**2


def test_pages_are_checked_before_they_are_unpacked(tmp_path, monkeypatch):
    columns = {
        "audio": [{"bytes": wav(n / 100), "path": f"{n}.wav"} for n in range(50)],
        "text": [f"{n}" * n for n in range(50)],
    }
    for options in (
        {},
        {"use_dictionary": False},
        {"data_page_version": "2.0"},
        {"row_group_size": 7, "compression": "gzip"},
    ):
        file = write(tmp_path / "train.parquet", columns, **options)
        metadata = parquet.ParquetFile(file).metadata
        assert page_fault(file, metadata) == ""
        largest = max(metadata.row_group(0).column(n).total_uncompressed_size for n in range(metadata.num_columns))
        with monkeypatch.context() as tight:
            tight.setattr(pages, "MAX_PAGE_BYTES", largest // 4)
            assert page_fault(file, metadata).endswith(("'text'", "'audio.bytes'"))
            with pytest.raises(BadData, match="must unpack to pages of at most .* got [0-9,]+ bytes and"):
                Manifest.read(tmp_path)
        with monkeypatch.context() as tight:
            tight.setattr(pages, "MAX_PAGE_VALUES", 6)
            assert "7 values" in page_fault(file, metadata) or "50 values" in page_fault(file, metadata)


def test_a_list_of_one_value_counts_as_long_as_it_is(tmp_path, monkeypatch):
    """One row of 2^22 equal samples takes a few bytes in a file, and its length in memory."""
    audio = pyarrow.StructArray.from_arrays(
        [
            pyarrow.ListArray.from_arrays([0, 2**21, 2**22], pyarrow.array(np.zeros(2**22, np.float32))),
            pyarrow.array([8000, 8000]),
        ],
        names=["array", "sampling_rate"],
    )
    file = write(tmp_path / "train.parquet", {"audio": audio}, data_page_size=1024)
    assert file.stat().st_size < 100_000
    metadata = parquet.ParquetFile(file).metadata
    assert page_fault(file, metadata) == ""
    monkeypatch.setattr(pages, "MAX_PAGE_VALUES", 2**22 - 1)
    assert "4,194,305 values in the column 'audio.array.list.element'" in page_fault(
        file, metadata
    )  # one in the dictionary


def test_a_wav_of_floats_is_what_samples_become():
    from earnest.audio.parquet import bytes_of

    cell = pyarrow.scalar({"array": [[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]], "sampling_rate": 8000})
    samples, rate = soundfile.read(io.BytesIO(bytes_of(cell)), dtype="float32")
    assert rate == 8000
    np.testing.assert_allclose(samples, [0.2, 0.3, 0.4], atol=1e-7)
