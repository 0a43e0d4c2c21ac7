"""A data set in another layout, written as our own: the same rows, the same recordings."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.audio import AudioClip, Manifest
from earnest.audio.converting import convert
from earnest.errors import BadData


def put(folder, *names):
    for n, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        AudioClip(np.full(800, 0.1 * (n + 1), np.float32), 8000).write(folder / name)


def facts(manifest):
    return [entry.model_dump(exclude={"path"}, exclude_none=True) for entry in manifest]


def test_rows_and_recordings_stay_what_they_are(tmp_path):
    source = tmp_path / "in"
    put(source, "wav/a.wav", "wav/b.flac")
    rows = [
        {"audio_filepath": "wav/a.wav", "offset": 0.025, "duration": 0.05, "text": 'one, "two"', "own": "x"},
        {"audio_filepath": "wav/a.wav", "offset": 0.05, "duration": 0.05, "text": "three\nfour"},
        {"audio_filepath": "wav/b.flac", "offset": 0.0, "duration": 0.1, "text": "", "sex": "F", "age": 33},
    ]
    (source / "manifest.json").write_text("\n".join(map(json.dumps, rows)))
    before = Manifest.read(source)
    after = convert(before, tmp_path / "out")
    assert facts(after) == facts(before)
    assert [entry.clip() for entry in after] == [entry.clip() for entry in before]
    assert [entry.path for entry in after] == ["audio/wav/a.wav", "audio/wav/a.wav", "audio/wav/b.flac"]
    assert (tmp_path / "out/audio/wav/a.wav").read_bytes() == (source / "wav/a.wav").read_bytes()
    assert after.notes == ()


def test_nothing_is_overwritten_and_nothing_written_into_the_source(tmp_path):
    put(tmp_path / "in", "a.wav")
    manifest = Manifest.read(tmp_path / "in")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(BadData, match="into a new or empty folder, got .*full'"):
        convert(manifest, tmp_path / "full")
    with pytest.raises(BadData, match="outside of its own folder"):
        convert(manifest, tmp_path / "in" / "out")
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a.wav"]


TEXT = (
    st.text(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\x85"), min_size=1, max_size=20
    )
    .map(str.strip)
    .filter(bool)
)


@settings(max_examples=30, deadline=None)
@given(text=TEXT, speaker=TEXT, own=TEXT)
def test_any_text_survives(tmp_path_factory, text, speaker, own):
    folder = tmp_path_factory.mktemp("any")
    put(folder / "in", "a.wav")
    (folder / "in" / "manifest.jsonl").write_text(
        json.dumps({"path": "a.wav", "text": text, "speaker": speaker, "own": own})
    )
    before = Manifest.read(folder / "in")
    assert facts(convert(before, folder / "out")) == facts(before)
