"""The same on real recordings, where a folder of data sets is at hand (`EARNEST_DATA`)."""

import os
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest, effects, levels, rooms

DATA = Path(os.environ.get("EARNEST_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs a folder of data sets in EARNEST_DATA")


def manifest(name: str) -> Manifest:
    if not (DATA / name).is_dir():
        pytest.skip(f"needs {name} in EARNEST_DATA")
    return Manifest.read(DATA / name)


def test_the_whole_folder_is_read_as_one():
    whole = Manifest.read(DATA)
    assert len({entry.id for entry in whole}) == len(whole)
    assert all(entry.file.is_file() for entry in whole)
    folders = {child.name for child in DATA.iterdir() if child.is_dir() and not child.name.startswith(".")}
    assert {entry.id.split("/")[0] for entry in whole} | set(whole.passed_over) == folders


@pytest.mark.parametrize("name", ["esc10", "fsdd", "librispeech", "read_sentences", "speechocean762", "wake_words"])
def test_durations_are_those_of_the_manifest(name):
    entries = manifest(name).entries
    for entry in entries[:: max(1, len(entries) // 20)]:
        assert entry.clip().duration_s == pytest.approx(float(entry.attributes["duration_s"]), abs=0.002)


def test_files_of_16_bits_keep_their_digest():
    for entry in manifest("fsdd").entries[:40]:
        clip = entry.clip()
        assert clip.quantised() == clip
        assert AudioClip.from_bytes(clip.flac_bytes()).digest == clip.digest


def test_measured_rooms_have_their_reverberation_time():
    for entry in manifest("rir"):
        clip = entry.clip()
        measured = rooms.reverberation_time_s(clip.samples, clip.sample_rate)
        if entry.attributes["rir"] not in ("rir3", "rir4"):  # these two do not decay in a straight line
            assert measured == pytest.approx(float(entry.attributes["rt60_t20_s"]), rel=0.05)
        assert int(np.argmax(np.abs(clip.samples))) == int(entry.attributes["peak_index"])


@pytest.mark.parametrize("name", sorted(effects.EFFECTS))
def test_effects_on_speech(name):
    clips = [entry.clip() for entry in manifest("librispeech").entries[:3]]
    others = {"second_speaker": {"other": clips[2]}, "babble": {"others": clips[1:]}}.get(name, {})
    for severity in (1, 3, 5):
        changed, drawn = effects.apply(
            name, clips[0].samples, clips[0].sample_rate, severity=severity, rng=np.random.default_rng(0), **others
        )
        assert np.isfinite(changed).all()
        assert levels.level_dbfs(changed) > -80
        again, _ = effects.apply(name, clips[0].samples, clips[0].sample_rate, **{**drawn, **others})
        np.testing.assert_array_equal(changed, again)
