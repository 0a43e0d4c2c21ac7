"""Watermarks: what is embedded is found, under its key alone, cut, slower and coded; and how often nothing is taken for a mark."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.attacks.covert.watermark_removal import EDITS
from earnest.audio import AudioClip, effects
from earnest.audio.levels import signal_to_noise_db
from earnest.cli import cli
from earnest.detectors import detectors
from earnest.detectors._watermark import bits_of, message_of
from earnest.detectors.spread_spectrum import N_TESTS, _bands, _frame, _overlapped, _spectra
from earnest.errors import BadAudio, BadParameter, MissingExtra
from earnest.registry import has_extra
from earnest.runs.watermark import sweep
from earnest.tasks.probe import probe_manifest


@pytest.fixture(scope="module")
def speech() -> AudioClip:
    """Some seven seconds of speech."""
    clips = [entry.clip().resampled(16_000) for entry in probe_manifest().entries if entry.label == "benign"][:4]
    return AudioClip(np.concatenate([clip.samples for clip in clips])[: 7 * 16_000], 16_000)


@pytest.fixture(scope="module")
def marked(speech: AudioClip) -> AudioClip:
    return detectors.make("spread_spectrum:key=alpha").embed(speech, message="beef").quantised()


def test_bits_and_digits() -> None:
    assert bits_of("", n_bits=8, name="x") == [0] * 8 and bits_of("A5", n_bits=8, name="x") == [1, 0, 1, 0, 0, 1, 0, 1]
    assert message_of(bits_of("0f3c", n_bits=16, name="x")) == "0f3c"
    for wrong in ("abc", "abcde", "wxyz"):
        with pytest.raises(BadParameter, match="4 hexadecimal digits"):
            bits_of(wrong, n_bits=16, name="spread_spectrum")


def test_the_frames_give_back_the_samples(speech: AudioClip) -> None:
    frame = _frame(speech)
    back = _overlapped(_spectra(speech.samples, frame), frame)[: speech.n_samples]
    assert back == pytest.approx(speech.samples, abs=1e-6)
    band = _bands(512, 16_000)
    assert band[18] == -1 and band[20] == 0 and band[225] == -1 and (np.diff(band[20:218]) >= 0).all()


def test_a_mark_is_found_under_its_key_with_its_message(speech: AudioClip, marked: AudioClip) -> None:
    mark = detectors.make("spread_spectrum:key=alpha")
    reading = mark.read(marked)
    assert reading.marked and reading.message == "beef" and mark.score(marked) == -reading.statistic < mark.threshold
    assert not mark.read(speech).marked and not detectors.make("spread_spectrum:key=beta").read(marked).marked
    assert 15 < signal_to_noise_db(clean=speech.samples, perturbed=marked.samples) < 30
    assert mark.read(mark.embed(speech, message="1234")).message == "1234"
    deeper = detectors.make("spread_spectrum:key=alpha,depth_db=4").embed(speech, message="beef")
    assert mark.read(deeper).statistic > reading.statistic


def test_levels_are_changed_by_the_depth_and_only_in_the_bands(speech: AudioClip) -> None:
    """Every bin of the first frames is raised or lowered by 2 dB inside the bands, and none outside."""
    noise = AudioClip((0.1 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32), 16_000)
    mark = detectors.make("spread_spectrum:key=alpha")
    before, after = (
        20 * np.log10(np.abs(_spectra(one.samples, 512)[3:9]).mean(axis=1)) for one in (noise, mark.embed(noise))
    )
    assert np.abs(before - after).max() < 1.5, "a frame as a whole stays about as loud"
    signs = mark._signs([0] * 16)
    assert set(np.unique(signs)) == {-1.0, 1.0} and abs(signs.mean()) < 0.1
    turned = mark._signs([1] * 16)
    assert (turned != signs).mean() == pytest.approx(0.5, abs=0.01), (
        "half of the blocks carry bits, and a bit of 1 turns its blocks"
    )


@pytest.mark.parametrize(
    ("effect", "parameters"),
    [
        ("gain", {"gain_db": -12}),
        ("codec", {"name": "mp3", "bit_rate": 32_000}),
        ("tempo", {"factor": 1.05}),
        ("speed", {"factor": 1.02}),
        ("band_limit", {"high_hz": 3500}),
    ],
)
def test_a_mark_survives(marked: AudioClip, effect: str, parameters: dict[str, object]) -> None:
    samples, _ = effects.apply(effect, marked.samples, 16_000, rng=np.random.default_rng(0), **parameters)
    reading = detectors.make("spread_spectrum:key=alpha").read(
        marked.with_samples(np.ascontiguousarray(samples, dtype=np.float32))
    )
    assert reading.marked


def test_a_mark_survives_cutting_and_another_sample_rate(marked: AudioClip) -> None:
    mark = detectors.make("spread_spectrum:key=alpha")
    assert mark.read(marked.with_samples(marked.samples[5555:-9000])).marked
    assert mark.read(marked.resampled(8000)).marked and mark.read(marked.resampled(44_100)).message == "beef"


def test_the_rate_of_false_positives_is_below_its_bound(speech: AudioClip) -> None:
    """With a threshold that lets the bound be 1, statistics of 30 keys stay below; the bound of one in a thousand is never reached here."""
    statistics = [detectors.make(f"spread_spectrum:key=k{n}").read(speech).statistic for n in range(30)]
    loose = np.sqrt(2 * np.log(N_TESTS / 0.5))
    assert np.mean(np.array(statistics) > loose) <= 0.5 and max(statistics) < detectors.make("spread_spectrum").limit
    assert min(statistics) > 2, "the largest of some ten thousand tests is never small"
    strict, lax = (detectors.make(f"spread_spectrum:false_alarms={rate}").limit for rate in (1e-6, 0.1))
    assert strict == pytest.approx(np.sqrt(2 * np.log(N_TESTS * 1e6))) and strict > lax


def test_what_cannot_be_marked() -> None:
    mark = detectors.make("spread_spectrum")
    with pytest.raises(BadAudio, match="must last 1 s at 8000 Hz"):
        mark.embed(AudioClip(np.zeros(8000, np.float32), 16_000))
    with pytest.raises(BadAudio, match="got silence"):
        mark.read(AudioClip(np.zeros(32_000, np.float32), 16_000))
    for wrong, match in (("depth_db=0", "depth_db"), ("false_alarms=1", "false_alarms"), ("key=", "needs a key")):
        with pytest.raises(BadParameter, match=match):
            detectors.make(f"spread_spectrum:{wrong}")
    assert detectors.make("spread_spectrum:key=12").key == "12"


def test_a_sweep_counts_every_edit_and_unmarked_clips(tmp_path: Path, speech: AudioClip) -> None:
    speech.with_samples(speech.samples[: 4 * 16_000]).write(tmp_path / "long.wav")
    speech.with_samples(speech.samples[:9000]).write(tmp_path / "short.wav")
    (tmp_path / "metadata.csv").write_text("path,label\nlong.wav,x\nshort.wav,x\n")
    found = sweep("spread_spectrum", tmp_path, n_keys=3)
    assert (found.n_clips, found.n_unmarkable, found.n_unmarked, found.n_false) == (1, 1, 3, 0)
    assert [row.edit for row in found.rows] == ["none", *EDITS] and len(EDITS) >= 20
    assert found.rows[0].n_detected == found.rows[0].n == 1 and found.rows[0].bit_error_rate < 0.2
    assert "unmarked clips taken for marked: 0 of 3" in found.as_text() and "room" in found.as_text()
    with pytest.raises(BadParameter, match="must be one of spread_spectrum, audioseal"):
        sweep("lfcc_gmm", tmp_path)


def test_embed_and_detect_on_the_command_line(tmp_path: Path, speech: AudioClip) -> None:
    speech.write(tmp_path / "a.wav")
    run = CliRunner().invoke
    wrote = run(cli, ["watermark", "embed", str(tmp_path / "a.wav"), str(tmp_path / "b.flac"), "--message", "00ff"])
    assert wrote.exit_code == 0, wrote.output
    told = run(cli, ["watermark", "detect", str(tmp_path / "a.wav"), str(tmp_path / "b.flac")])
    first, second = told.output.splitlines()
    assert "no mark found" in first and "marked, message 00ff" in second


def test_audioseal_without_its_extra_says_how_to_install_it(speech: AudioClip) -> None:
    if has_extra("audioseal"):
        pytest.skip("audioseal is installed")
    with pytest.raises(MissingExtra, match=r"earnest\[watermark\]"):
        detectors.make("audioseal").read(speech)


@pytest.mark.skipif(importlib.util.find_spec("audioseal") is None, reason="needs audioseal (the extra watermark)")
def test_audioseal_by_networks_with_random_weights(speech: AudioClip) -> None:
    """Shapes and messages alone: its weights are a download."""
    import torch
    from audioseal.builder import AudioSealDetectorConfig, AudioSealWMConfig, create_detector, create_generator
    from audioseal.loader import AudioSeal, load_local_model_config
    from omegaconf import OmegaConf

    def config(card: str, kind: type) -> object:
        values = OmegaConf.to_container(load_local_model_config(card))
        values.pop("checkpoint")
        return AudioSeal.parse_config(values, config_type=kind)

    torch.manual_seed(0)
    generator = create_generator(config("audioseal_wm_16bits", AudioSealWMConfig)).eval()
    detector = create_detector(config("audioseal_detector_16bits", AudioSealDetectorConfig)).eval()
    mark = detectors.make("audioseal")
    vars(mark)["_networks"] = (generator, detector)
    clip = speech.resampled(24_000)
    first, second = (mark.embed(clip, message=message) for message in ("beef", "0000"))
    assert first.n_samples == clip.n_samples and first.sample_rate == 24_000
    assert np.abs(first.samples - second.samples).max() > 1e-4, "another message is another mark"
    reading = mark.read(first)
    assert 0 <= reading.statistic <= 1 and len(reading.message) == 4
