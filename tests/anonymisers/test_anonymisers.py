"""Anonymisers: worked cases, properties of every method, and data sets that are written with other voices."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.signal import lfilter

from earnest.anonymisers import anonymisers
from earnest.anonymisers.mcadams import moved_formants, with_angles_raised
from earnest.anonymisers.phonetic import stretches
from earnest.anonymisers.world import stretched
from earnest.audio import AudioClip, Entry, Manifest
from earnest.cli import cli
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.registry import names
from earnest.runs.anonymise import anonymise, paths_in
from earnest.testing.contracts import _check_plugin

RATE = 16_000


def vowel(
    hz: float, *, formants: tuple[float, ...] = (500.0, 1500.0, 2500.0), n: int = RATE, rate: int = RATE
) -> AudioClip:
    """Pulses through resonances: a voice whose pitch and formants are known."""
    samples = np.zeros(n)
    samples[:: round(rate / hz)] = 1.0
    for formant in formants:
        radius, angle = np.exp(-np.pi * 80 / rate), 2 * np.pi * formant / rate
        samples = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], samples)
    return AudioClip((0.3 * samples / np.abs(samples).max()).astype(np.float32), rate)


ENTRY = Entry(path="a.wav", text="seven")
IDENTITY = "own:python=anonymiser_of_a_test:same"


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["def same(clip): return clip", "def short(clip, seed): return clip.with_samples(clip.samples[:100])"]
    lines += [
        "def silent(clip): return clip.with_samples(0 * clip.samples)",
        "def breaks(clip): raise ValueError('no')",
    ]
    (tmp_path / "anonymiser_of_a_test.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "anonymiser_of_a_test", raising=False)


def needs(spec: str) -> None:
    if spec.startswith("world"):
        pytest.importorskip("pyworld", reason="the anonymiser world needs the extra world")
    if spec.startswith("phonetic"):
        pytest.importorskip("espeakng_loader", reason="a synthetic voice is needed")


def test_a_pole_at_a_known_angle_moves_to_its_power_and_a_real_one_stays() -> None:
    angle, radius, real = 0.64, 0.9, 0.5
    pair = np.array([1.0, -2 * radius * np.cos(angle), radius**2])
    moved = np.array([1.0, -2 * radius * np.cos(0.8), radius**2])  # 0.64 to the power 0.5
    taps = np.convolve(pair, [1.0, -real])[None]
    assert np.allclose(with_angles_raised(taps, alpha=0.5), np.convolve(moved, [1.0, -real])[None])
    assert np.allclose(with_angles_raised(taps, alpha=1.0), taps)


def test_a_formant_moves_to_the_frequency_that_the_power_says() -> None:
    """500 Hz is 0.19635 rad at 16 kHz; to the power 0.8 it is 0.27193 rad, 692 Hz. 4 kHz is pi / 2, and falls to 3,655 Hz."""
    for before, after in ((500.0, 692.5), (4000.0, 3654.6)):
        clip = vowel(100, formants=(before,))
        moved = moved_formants(clip.samples, alpha=0.8)
        spectrum = np.abs(np.fft.rfft(moved[4000:12000] * np.hanning(8000)))
        assert abs(np.argmax(spectrum) * RATE / 8000 - after) < 60  # harmonics lie 100 Hz apart


def test_a_coefficient_of_one_gives_the_samples_again_by_the_whole_analysis() -> None:
    clip = vowel(120)
    assert np.abs(moved_formants(clip.samples, alpha=1.0) - clip.samples).max() < 1e-5


def test_coefficients_are_drawn_between_the_ends_and_fixed_ones_are_not_drawn() -> None:
    rng = np.random.default_rng(1)
    drawn = [anonymisers.make("mcadams").draw(rng)["alpha"] for _ in range(300)]
    assert 0.5 <= min(drawn) < 0.53 and 0.87 < max(drawn) <= 0.9
    assert anonymisers.make("mcadams:alpha=0.8").draw(rng) == {"alpha": 0.8}


def test_an_envelope_stretched_by_a_factor_has_its_peak_there() -> None:
    peak = np.exp(-0.5 * ((np.arange(513) - 100) / 10) ** 2)[None] + 1e-6
    assert [int(np.argmax(stretched(peak, factor=factor))) for factor in (0.8, 1.0, 1.25)] == [80, 100, 125]


def test_world_moves_the_pitch_by_what_was_drawn() -> None:
    needs("world")
    from earnest.audio.voices_alike import median_pitch_hz

    clip = vowel(125)
    made = anonymisers.make("world").anonymised(ENTRY, clip, drawn={"pitch": 1.2, "formants": 1.0})
    assert median_pitch_hz(made) == pytest.approx(150, rel=0.03)


@pytest.mark.parametrize("name", names("anonymisers"))
def test_every_method_meets_its_contract(name: str, own_module: None) -> None:
    needs(name)
    spec = IDENTITY if name == "own" else "phonetic:recogniser=column" if name == "phonetic" else name
    method = anonymisers.make(spec)
    _check_plugin(method, anonymisers)
    for clip in (vowel(110), vowel(180, n=12_345, rate=22_050)):
        before = clip.samples.copy()
        drawn = method.draw(np.random.default_rng(3))
        json.dumps(dict(drawn), allow_nan=False)
        assert drawn == method.draw(np.random.default_rng(3))
        made = method.anonymised(ENTRY, clip, drawn=drawn)
        assert (made.n_samples, made.sample_rate) == (clip.n_samples, clip.sample_rate)
        assert made == method.anonymised(ENTRY, clip, drawn=drawn)
        assert np.array_equal(clip.samples, before)
        assert (made == clip) == (name == "own")
    silence = AudioClip(np.zeros(800, np.float32), RATE)
    assert method.anonymised(ENTRY, silence, drawn=drawn) == silence


@pytest.mark.parametrize("spec", ["mcadams:alpha=1", "world:semitones=0,formants=1", IDENTITY])
def test_no_strength_changes_nothing(spec: str, own_module: None) -> None:
    needs(spec)
    method, clip = anonymisers.make(spec), vowel(140)
    assert method.anonymised(ENTRY, clip, drawn=method.draw(np.random.default_rng(0))) == clip


def test_pauses_are_kept_where_they_are() -> None:
    needs("phonetic")
    sound = vowel(120, n=8000).samples
    clip = AudioClip(np.concatenate([np.zeros(4000), sound, np.zeros(4000)]).astype(np.float32), RATE)
    method = anonymisers.make("phonetic:recogniser=column")
    made = method.anonymised(ENTRY, clip, drawn={"voice": "espeak/en-us"})
    assert stretches(clip, pause_s=0.2) == [(4000, 12000)]
    assert not made.samples[:4000].any() and not made.samples[12000:].any() and made.samples[4000:12000].any()


def test_words_that_nobody_heard_are_a_failure_and_never_the_recording_itself() -> None:
    needs("phonetic")
    with pytest.raises(BadAudio, match="has no text in its column"):
        anonymisers.make("phonetic:recogniser=column").apply(Entry(path="a.wav"), vowel(120), {"voice": "espeak/en-us"})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mcadams:alpha=1.5", "alpha of mcadams must be above 0 and at most 1"),
        ("mcadams:low=0.9,high=0.5", "must be in order"),
        ("world:semitones=30", "semitones of world must be from 0 to 24"),
        ("world:formants=0.5", "formants of world must be from 1 to 2"),
        ("phonetic:voices=;", "voices of phonetic must name one"),
        ("own", "takes one of command=, python= and folder="),
        ("own:command=tool {in}", "must hold {in} and {out}"),
    ],
)
def test_bad_parameters_are_told(spec: str, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        anonymisers.make(spec)


@pytest.mark.parametrize(
    ("function", "message"),
    [("short", "must keep the length"), ("silent", "gave silence"), ("breaks", "raised ValueError: no")],
)
def test_faults_of_a_users_own_system_are_told(function: str, message: str, own_module: None) -> None:
    method = anonymisers.make(f"own:python=anonymiser_of_a_test:{function}")
    with pytest.raises(BadAudio, match=message):
        method.anonymised(ENTRY, vowel(120), drawn={"seed": 1})


def test_a_users_own_command_is_run_and_its_fault_told() -> None:
    code = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
    clip = vowel(120).quantised()
    method = anonymisers.get("own")
    copied = method(command=f'{sys.executable} -c "{code}" {{in}} {{out}}')
    assert copied.anonymised(ENTRY, clip, drawn={"seed": 1}) == clip
    with pytest.raises(BadAudio, match="wrote no recording"):
        method(command=f'{sys.executable} -c "raise SystemExit(3)" {{in}} {{out}}').apply(ENTRY, clip, {"seed": 1})


# ---- whole data sets ----


@pytest.fixture
def data(tmp_path: Path) -> Manifest:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    rows = ["path,speaker,gender,mood,start_s,end_s"]
    for number, hz in enumerate((100, 110, 200)):
        vowel(hz, n=8000).write(folder / "sub" / f"{number}.wav")
        rows.append(f"sub/{number}.wav,{'ann' if number < 2 else 'bob'},female,calm,,")
    rows += ["sub/0.wav,,male,,0.1,0.3"]
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return Manifest.read(folder)


def test_a_data_set_keeps_ids_names_columns_and_durations(data: Manifest, tmp_path: Path) -> None:
    done = anonymise(data, tmp_path / "out", method="mcadams", seed=5)
    again = Manifest.read(tmp_path / "out")
    assert [entry.id for entry in again] == [entry.id for entry in data]
    assert [entry.path for entry in again] == ["sub/0.wav", "sub/1.wav", "sub/2.wav", "sub/0_0.1-0.3.wav"]
    for before, after in zip(data, again, strict=True):
        assert after.clip().n_samples == before.clip().n_samples and after.clip() != before.clip()
        assert (after.speaker, after.gender, after.attributes) == (before.speaker, before.gender, before.attributes)
    lines = [json.loads(line) for line in done.key.read_text(encoding="utf-8").splitlines()]
    voices = {line["id"]: line["drawn"]["alpha"] for line in lines[1:]}
    assert voices["sub/0.wav"] == voices["sub/1.wav"] != voices["sub/2.wav"]
    told = (tmp_path / "out" / "anonymisation.json").read_text(encoding="utf-8")
    assert "seed" not in told and "alpha" not in told and json.loads(told)["n_without_speaker"] == 1


def test_each_utterance_has_a_voice_of_its_own_where_asked_for(data: Manifest, tmp_path: Path) -> None:
    done = anonymise(data, tmp_path / "out", method="mcadams", per="utterance", seed=5)
    lines = [json.loads(line) for line in done.key.read_text(encoding="utf-8").splitlines()]
    assert len({line["drawn"]["alpha"] for line in lines[1:]}) == 4


def test_what_was_cut_off_is_resumed_and_another_job_refused(data: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole = anonymise(data, out, method="mcadams", seed=5)
    samples = {entry.id: entry.clip() for entry in Manifest.read(out)}
    text = whole.key.read_text(encoding="utf-8").splitlines(keepends=True)
    whole.key.write_text("".join(text[:3]) + text[3][:9], encoding="utf-8")  # cut off in the third row
    (out / "metadata.csv").unlink()
    resumed = anonymise(data, out, method="mcadams")
    assert resumed.n_resumed == 2
    assert {entry.id: entry.clip() for entry in Manifest.read(out)} == samples
    for changed in ({"per": "utterance"}, {"method": "mcadams:alpha=0.8"}, {"seed": 6}):
        with pytest.raises(BadData, match=f"begun with another {next(iter(changed))}"):
            anonymise(data, out, **{"method": "mcadams", **changed})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    with pytest.raises(BadData, match="holds something"):
        anonymise(data, tmp_path / "full", method="mcadams")
    with pytest.raises(BadData, match="outside of its own folder"):
        anonymise(data, data.folder / "out", method="mcadams")


def test_rows_that_fail_are_left_out_and_told(data: Manifest, tmp_path: Path) -> None:
    needs("phonetic")
    rows = [entry.model_copy(update={"text": "seven"} if entry.path == "sub/2.wav" else {}) for entry in data]
    from dataclasses import replace

    from earnest.audio.entry import placed

    some = replace(data, entries=tuple(placed(row, data.folder) for row in rows))
    done = anonymise(some, tmp_path / "out", method="phonetic:recogniser=column", seed=1)
    assert [entry.id for entry in Manifest.read(tmp_path / "out")] == ["sub/2.wav"]
    assert set(done.failed) == {entry.id for entry in data} - {"sub/2.wav"} and done.facts["n_failed"] == 3
    assert not (tmp_path / "out" / "sub" / "0.wav").exists()
    with pytest.raises(BadData, match="failed on all 4"):
        anonymise(data, tmp_path / "none", method="phonetic:recogniser=column", seed=1)


def test_names_that_would_fall_together_are_kept_apart(tmp_path: Path) -> None:
    entries = tuple(Entry(path=path) for path in ("a.mp3", "a.flac", "a.ogg", "A.FLAC"))
    made = paths_in(Manifest(tmp_path, entries))
    assert len({path.casefold() for path in made.values()}) == 4 and made["a.mp3"] == "a.flac"


def test_the_command_writes_forecasts_and_fails_in_words(data: Manifest, tmp_path: Path) -> None:
    def called(*words: object):
        return CliRunner().invoke(cli, ["anonymise", *map(str, words)], standalone_mode=False)

    tried = called(data.folder, tmp_path / "out", "--method", "mcadams", "--dry-run")
    assert "4 recordings" in tried.output and not (tmp_path / "out").exists()
    done = called(data.folder, tmp_path / "out", "--method", "mcadams", "--json")
    told = json.loads(done.stdout)
    assert told["n_rows"] == 4 and done.return_value == 0 and "n_failed" in told
    failed = called(data.folder, tmp_path / "b", "--method", "no_such")
    assert "no anonymiser is called 'no_such'" in str(failed.exception)
