"""Manifests: what is read, what is refused, all faults at once."""

import json

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest
from earnest.errors import BadAudio, BadData, UnknownName


def put(folder, *paths):
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        AudioClip(np.full(80, 0.1 * (number + 1), np.float32), 8000).write(folder / path)


def test_csv_by_hand(tmp_path):
    put(tmp_path, "audio/a.wav", "b.flac")
    (tmp_path / "metadata.csv").write_text(
        'path,text,age,take\naudio/a.wav,"yes, no",41,3\nb.flac,,,\n', encoding="utf-8"
    )
    manifest = Manifest.read(tmp_path)
    first, second = manifest
    assert (first.id, first.text, first.age, first.attributes) == ("audio/a.wav", "yes, no", 41, {"take": "3"})
    assert (second.id, second.text, second.age, second.attributes) == ("b.flac", None, None, {})
    assert manifest.columns == {"text": 1, "age": 1, "take": 1}
    assert first.value("text") == "yes, no"
    assert first.value("take") == "3"
    assert second.value("take") is None
    assert manifest["b.flac"].clip() == AudioClip(np.full(80, 0.2, np.float32), 8000).quantised()
    assert len(manifest) == 2
    with pytest.raises(UnknownName, match="got 'c'"):
        manifest["c"]


def test_jsonl_by_hand(tmp_path):
    put(tmp_path, "a.wav")
    lines = [
        {"path": "a.wav", "id": "x", "label": 7, "age": 6.5, "nested": {"k": [1, 2]}, "attributes": {"own": "1"}},
        {"path": "a.wav", "id": "y", "text": "eins\u2028zwei", "speaker": None, "flag": True},
    ]
    (tmp_path / "manifest.jsonl").write_text(
        "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n", encoding="utf-8"
    )
    first, second = Manifest.read(tmp_path)
    assert (first.id, first.label, first.age) == ("x", "7", 6.5)
    assert first.attributes == {"own": "1", "nested": '{"k": [1, 2]}'}
    assert (second.text, second.speaker, second.attributes) == ("eins\u2028zwei", None, {"flag": "true"})


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_unicode_marks_and_windows_newlines(tmp_path, newline, mark):
    put(tmp_path, "größe 声.wav")
    rows = ["path,text,speaker", 'größe 声.wav,"zwei\nZeilen",Žofie', ""]
    (tmp_path / "metadata.csv").write_bytes((mark + newline.join(rows)).encode())
    (entry,) = Manifest.read(tmp_path)
    assert (entry.path, entry.text, entry.speaker) == ("größe 声.wav", "zwei\nZeilen", "Žofie")


def test_names_in_another_normal_form_are_found(tmp_path):
    put(tmp_path, "u\u0308.wav")  # as a Mac writes it
    (tmp_path / "metadata.csv").write_text("path\n\u00fc.wav\n", encoding="utf-8")
    (entry,) = Manifest.read(tmp_path)
    assert entry.clip().n_samples == 80


def test_a_bare_folder_is_a_data_set(tmp_path):
    put(tmp_path, "b/2.wav", "a.flac", "b/1.wav", ".hidden/3.wav", ".4.wav")
    (tmp_path / "notes.txt").write_text("no audio")
    assert [entry.id for entry in Manifest.read(tmp_path)] == ["a.flac", "b/1.wav", "b/2.wav"]


def test_a_folder_of_data_sets_is_read_as_one(tmp_path):
    put(tmp_path, "one/a.wav", "two/x/b.wav", "loose.wav")
    (tmp_path / "one" / "metadata.csv").write_text("path,id\na.wav,first\n")
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "metadata.csv").write_text("id,score\n1,2\n")
    (tmp_path / "empty").mkdir()
    manifest = Manifest.read(tmp_path)
    assert [(entry.id, entry.path) for entry in manifest] == [
        ("one/first", "one/a.wav"),
        ("two/x/b.wav", "two/x/b.wav"),
    ]
    assert manifest.passed_over == ("loose.wav", "empty", "scores")
    assert all(entry.clip().sample_rate == 8000 for entry in manifest)


def test_nothing_is_decoded_at_reading(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no audio at all")
    (tmp_path / "metadata.csv").write_text("path\na.wav\n")
    (entry,) = Manifest.read(tmp_path)
    with pytest.raises(BadAudio, match="a.wav"):
        entry.clip()


def test_all_faults_come_at_once_with_their_lines(tmp_path):
    put(tmp_path / "in", "a.wav", "b.wav")
    put(tmp_path, "out.wav")
    (tmp_path / "in" / "link.wav").symlink_to(tmp_path / "out.wav")
    (tmp_path / "in" / "metadata.csv").write_text(
        "path,age\n"
        "a.wav,41\n"
        "../out.wav,\n"
        "link.wav,\n"
        f"{tmp_path / 'out.wav'},\n"
        "none.wav,\n"
        "a.wav,\n"
        "b.wav,old\n"
        "b.wav,-3\n"
        "b.wav,3,4\n"
        ",5\n"
        "C:\\x.wav,\n"
        "nul\0.wav,\n"
    )
    with pytest.raises(BadData) as error:
        Manifest.read(tmp_path / "in")
    lines = [fault.removeprefix("metadata.csv ") for fault in error.value.faults]
    wanted = {
        "line 3": "must stay inside its folder",
        "line 4": "must stay inside its folder",
        "line 5": "must be relative",
        "line 6": "none.wav' must name a file, got nothing there",
        "line 7": "id 'a.wav' is that of line 2",
        "line 8": "age must be a number of years from 0 to 120, got 'old'",
        "line 9": "age must be a number of years from 0 to 120, got '-3'",
        "line 10": "3 cells under 2 columns",
        "line 11": "got an empty cell",
        "line 12": "must be relative",
        "line 13": "must name a file",
    }
    assert len(lines) == len(wanted)
    for line, (place, told) in zip(lines, wanted.items()):
        assert line.startswith(place + ":")
        assert told in line
    assert "has 11 faults" in str(error.value)


def test_json_faults_come_at_once(tmp_path):
    put(tmp_path, "a.wav")
    (tmp_path / "manifest.jsonl").write_text(
        '{"path": "a.wav"}\n{"path": \n[1]\n{"text": "x"}\n{"path": "a.wav", "text": ["x"]}\n'
    )
    with pytest.raises(BadData) as error:
        Manifest.read(tmp_path)
    told = "\n".join(error.value.faults)
    assert "line 2: no JSON" in told
    assert "line 3: an object is wanted, got list" in told
    assert "line 4: path must name a file" in told
    assert "line 5: text:" in told
    assert len(error.value.faults) == 4


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name,text\na,x\n", "must be a column path, got name, text; add it"),
        (b"a.wav,x\nb.wav,y\n", "got a.wav, x; write a first line of names, as in path,text"),
        (b"", "got an empty file"),
        (b"path,text,Text\na.wav,x,y\n", "'text' comes more than once"),
        (b"path,text\na.wav,\x81\x02\n", "must be text in UTF-8, UTF-16 or Latin-1, got bytes of none of them"),
        (b"path\n", "got none in"),
    ],
)
def test_manifests_that_are_none(tmp_path, content, told):
    put(tmp_path, "a.wav")
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(BadData, match=told):
        Manifest.read(tmp_path)


def test_two_manifests_in_one_folder(tmp_path):
    put(tmp_path, "a.wav")
    (tmp_path / "metadata.csv").write_text("path\na.wav\n")
    (tmp_path / "manifest.jsonl").write_text('{"path": "a.wav"}\n')
    with pytest.raises(BadData, match="holds both metadata.csv and manifest.jsonl; keep one"):
        Manifest.read(tmp_path)


def test_no_folder_and_no_audio(tmp_path):
    with pytest.raises(BadData, match="which is none; check the path"):
        Manifest.read(tmp_path / "none")
    with pytest.raises(BadData, match="got none in"):
        Manifest.read(tmp_path)


def test_digest_follows_the_manifest(tmp_path):
    put(tmp_path, "a.wav", "b.wav")
    digests = set()
    for content in ("path\na.wav\nb.wav\n", "path\nb.wav\na.wav\n", "path,text\na.wav,x\nb.wav,\n"):
        (tmp_path / "metadata.csv").write_text(content)
        digests.add(Manifest.read(tmp_path).digest)
        assert Manifest.read(tmp_path).digest in digests
    assert len(digests) == 3


def test_schema_accepts_what_is_read_and_refuses_what_is_not():
    jsonschema = pytest.importorskip("jsonschema", reason="needs the test extra")
    schema = Manifest.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({"path": "a.wav", "age": 4, "own": 1})
    assert not check.is_valid({"text": "no path"})
    assert not check.is_valid({"path": "a.wav", "age": 999})


def test_rows_of_one_split(tmp_path):
    put(tmp_path, "a.wav", "b.wav", "c.wav")
    (tmp_path / "metadata.csv").write_text(
        "path,label,split\na.wav,x,train\nb.wav,x,test\nc.wav,y,test\n", encoding="utf-8"
    )
    manifest = Manifest.read(tmp_path)
    chosen = manifest.where(split="test", label="y")
    assert [entry.id for entry in manifest.where(split="test")] == ["b.wav", "c.wav"] and [
        entry.id for entry in chosen
    ] == ["c.wav"]
    assert chosen["c.wav"].clip().n_samples == 80
    assert chosen.digest != manifest.digest
    with pytest.raises(BadData, match="must have split='dev', got none; its columns are label, split"):
        manifest.where(split="dev")
