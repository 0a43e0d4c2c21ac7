"""Small files after public reports, each with its right value: `cases/` holds the recordings."""

import json
import socket
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from earnest import registry
from earnest.audio import AudioClip, Manifest
from earnest.errors import BadAudio, BadData, MissingExtra

CASES = Path(__file__).with_name("cases")
CUT = sorted(path.name for path in CASES.glob("*trunc*"))


def put(folder, *names):
    for name in names:
        AudioClip(np.full(80, 0.1, np.float32), 8000).write(folder / name)


def test_the_cases_are_there():
    assert len(CUT) == 6 and len(list(CASES.iterdir())) == 9


@pytest.mark.parametrize("name", CUT)
def test_files_that_were_read_as_whole_though_cut(name):
    if name.endswith(".mkv") and not registry.has_extra("av"):
        with pytest.raises(MissingExtra):
            AudioClip.read(CASES / name)
        return
    with pytest.raises(BadAudio, match=f"{name}' must be a whole audio file, got one that is cut short"):
        AudioClip.read(CASES / name)


@pytest.mark.skipif(not registry.has_extra("av"), reason="needs the codecs extra")
def test_a_file_that_changes_its_channels_is_told():
    with pytest.raises(
        BadAudio, match="must keep its rate and channels, got 48000 Hz and 1 channels, then 48000 Hz and 3"
    ):
        AudioClip.read(CASES / "flip3_a.ac3")


@pytest.mark.parametrize("name", ["sdp.wav", "unicast.3gp"])
def test_a_text_that_describes_a_broadcast_opens_no_socket(name, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    before = (
        {link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
        if Path("/proc/self/fd").is_dir()
        else set()
    )
    with pytest.raises(BadAudio, match="must hold audio .* got something else .bytes of no format that is known."):
        AudioClip.read(CASES / name)
    if before:
        after = {link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
        assert not [str(link) for link in after - before if "socket" in str(link)]


@pytest.mark.skipif(not registry.has_extra("av"), reason="needs the codecs extra")
@pytest.mark.parametrize("container", ["matroska", "mov", "ogg", "wav"])
def test_pyav_is_told_what_a_file_is_and_opens_nothing_beside(tmp_path, monkeypatch, container):
    import av

    from earnest.audio import files

    asked = []

    def opened(handle, **options):
        asked.append(options)
        raise ValueError("stop here")

    monkeypatch.setattr(av, "open", opened)
    request = files._Request(name="a", max_duration_s=1.0, part=files.Part())
    with pytest.raises(BadAudio, match="got stop here"):
        files._by_pyav(None, container, request)
    assert asked[0]["format"] == container and asked[0]["container_options"] == {"protocol_whitelist": "none"}
    with pytest.raises(PermissionError, match="names another|must hold its own audio"):
        asked[0]["io_open"]("http://127.0.0.1/x", 0, {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('path,text,speaker\na.wav,"Run he said,s2\nb.wav,"plain words,s3\n', 2),
        ('path,text,speaker\na.wav,ok,s1\nb.wav,"Run he said,s2\n', 3),
        (
            'path,text,speaker\na.wav,"Run he said,s2\nb.wav,plain words",s3\n',
            2,
        ),  # the quotes match, and make one row of two
        ('path;text;speaker\na.wav;"Run he said;s2\nb.wav;plain words";s3\n', 2),
        ('text,path,speaker\n"Run he said,a.wav,s2\nplain words",b.wav,s3\n', 2),
        ('path,text,speaker\na.wav,"Run" he said,s2\nb.wav,x,s3\n', 2),
    ],
)
def test_an_unmatched_quote_is_a_fault_of_its_line(tmp_path, text, line):
    put(tmp_path, "a.wav", "b.wav")
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(BadData, match=f"metadata.csv line {line}: .*quote"):
        Manifest.read(tmp_path)


def test_quotes_that_are_right_stay_right(tmp_path):
    put(tmp_path, "a.wav", "b.wav", "c.wav")
    (tmp_path / "metadata.csv").write_text('path,text\na.wav,"he said ""go"", and\nleft"\nb.wav,5" pipe\nc.wav,""\n')
    assert [entry.text for entry in Manifest.read(tmp_path)] == ['he said "go", and\nleft', '5" pipe', None]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_separators_and_encodings(tmp_path, mark, encoding):
    put(tmp_path, "a.wav", "b.wav")
    rows = [
        ("Path", "TEXT", "Speaker ID", "take"),
        ("a.wav", "geh nach Haus, größer", "s1", "1"),
        ("b.wav", "komm", "s2", ""),
    ]
    text = "\r\n".join(mark.join(f'"{cell}"' if mark in cell else cell for cell in row) for row in rows)
    (tmp_path / "metadata.csv").write_bytes(text.encode(encoding))
    manifest = Manifest.read(tmp_path)
    assert [(entry.text, entry.speaker, entry.value("take")) for entry in manifest] == [
        ("geh nach Haus, größer", "s1", "1"),
        ("komm", "s2", None),
    ]
    said = " ".join(manifest.notes)
    assert ("UTF-16" in said) == encoding.startswith("utf-16") and ("Latin-1" in said) == (encoding == "latin-1")
    assert "metadata.csv: column 'Speaker ID' is read as 'speaker'" in manifest.notes


def test_synonyms_and_roles_are_mapped_in_the_open(tmp_path):
    put(tmp_path, "a.wav")
    (tmp_path / "metadata.csv").write_text(
        "audio_filepath,transcript,sex,license,Role,speeker,text_raw\na.wav,go home,F,CC0,Code-Word,s1,x\n"
    )
    manifest = Manifest.read(tmp_path)
    (entry,) = manifest
    assert (entry.path, entry.text, entry.gender, entry.licence, entry.role) == (
        "a.wav",
        "go home",
        "female",
        "CC0",
        "code_word",
    )
    assert entry.attributes == {"speeker": "s1", "text_raw": "x"}
    assert [note.removeprefix("metadata.csv: ") for note in manifest.notes] == [
        "column 'audio_filepath' is read as 'path'",
        "column 'transcript' is read as 'text'",
        "column 'sex' is read as 'gender'",
        "column 'license' is read as 'licence'",
        "column 'speeker' has no meaning here and is kept as it is; did you mean 'speaker'?",
    ]


def test_a_column_of_our_own_name_is_never_displaced(tmp_path):
    put(tmp_path, "a.wav", "b.wav")
    (tmp_path / "metadata.csv").write_text("file,path,sentence,text\nb.wav,a.wav,other,own\n")
    (entry,) = Manifest.read(tmp_path)
    assert (entry.path, entry.text, entry.attributes) == ("a.wav", "own", {"file": "b.wav", "sentence": "other"})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"path":"a.wav","x":' + "[" * 100_000, "nested too deep"),
        ('{"path":"a.wav","x":' + "9" * 5000 + "}", "no JSON that can be used"),
        ('{"path":"a.wav","age":' + "9" * 400 + "}", r"age must be a number of years from 0 to 120, got 9+\.\.\.9+;"),
        ('{"path":"a.wav","text":"\\ud800"}', "half of a pair of"),
        ('{"path":"a.wav","text":"x","text":"y"}', "the name 'text' comes more than once"),
        ('{"path":"a.wav","own":["\\uDC00"]}', "half of a pair of"),
        ('{"path":["a.wav"]}', "path must name a file, got"),
    ],
)
def test_hostile_lines_are_faults_of_their_line(tmp_path, line, told):
    put(tmp_path, "a.wav")
    (tmp_path / "manifest.jsonl").write_text('{"path":"a.wav"}\n' + line)
    with pytest.raises(BadData, match=f"manifest.jsonl line 2: .*{told}"):
        Manifest.read(tmp_path)


def test_genders_in_many_spellings_are_two_groups(tmp_path):
    spelt = ["M", "male", "Male", "F", "female", "do_not_wish_to_say"] * 4
    put(tmp_path, *(f"{n}.wav" for n in range(24)))
    (tmp_path / "manifest.jsonl").write_text(
        "\n".join(json.dumps({"path": f"{n}.wav", "gender": word}) for n, word in enumerate(spelt))
    )
    assert Counter(entry.gender for entry in Manifest.read(tmp_path)) == {"male": 12, "female": 8, None: 4}


@pytest.mark.parametrize(
    "place",
    ["b\udcff.wav", "b\udcff/b.wav", "b\udcff.csv", "b\udcff.wav beside a data set", "b\udcff/b.wav beside a data set"],
)
def test_a_file_name_that_is_no_unicode_is_told(tmp_path, place):
    put(tmp_path, "a.wav")
    name = place.removesuffix(" beside a data set")
    if name != place:
        (tmp_path / "one").mkdir()
        put(tmp_path / "one", "a.wav")
        (tmp_path / "one" / "metadata.csv").write_text("path\na.wav\n")
    try:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / "a.wav").read_bytes())
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes Unicode alone")
    if place == "b\udcff.wav beside a data set":  # which is passed over, as a.wav is
        assert Manifest.read(tmp_path).passed_over == ("a.wav", name)
        return
    with pytest.raises(BadData, match=r"b'b\\xff.*': a file name must be Unicode; rename the file") as error:
        Manifest.read(tmp_path)
    assert str(error.value).encode()


def test_a_folder_whose_name_is_no_unicode_is_told(tmp_path):
    folder = tmp_path / "data\udcff"
    try:
        folder.mkdir()
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes Unicode alone")
    put(folder, "a.wav")
    with pytest.raises(
        BadData, match=r"a data set's folder must have a name in Unicode, got b'.*data\\xff'; rename the folder"
    ):
        Manifest.read(folder)


@pytest.mark.parametrize("name", ["metadata.csv", "1-2.trans.txt", "a.txt", "wav.scp", "train.csv"])
def test_a_text_that_is_a_link_out_of_the_folder_is_not_read(tmp_path, name):
    secret = tmp_path / "secret.txt"
    secret.write_text("path,text\na.wav,my own words\n")
    (tmp_path / "data").mkdir()
    put(tmp_path / "data", "a.wav")
    (tmp_path / "data" / name).symlink_to(secret)
    try:
        manifest = Manifest.read(tmp_path / "data")
    except BadData as error:
        assert f"{name} must be a file in the data set's folder" in str(error) and "own words" not in str(error)
    else:
        assert "own words" not in str(manifest.entries)


def test_a_pipe_among_the_texts_is_not_waited_for(tmp_path):
    import os

    put(tmp_path, "a.wav")
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(BadData, match="a.txt must be a file"):
        Manifest.read(tmp_path)
