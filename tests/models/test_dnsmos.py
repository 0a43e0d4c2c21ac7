"""DNSMOS without its networks: the features as librosa computes them, the windows, what errors say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.errors import BadParameter, MissingExtra
from earnest.models import dnsmos
from earnest.models.dnsmos import Dnsmos
from earnest.tasks.probe import probe_manifest

GOLDEN = Path(__file__).parent / "data" / "dnsmos.json"
LENGTH = 144_160


@pytest.fixture(scope="module")
def golden():
    assert GOLDEN.is_file(), "made by make_dnsmos.py beside it"
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_features_are_those_of_librosa(golden):
    samples = probe_manifest()["request-00-harmful"].clip().samples
    window = dnsmos._windows(samples)[0]
    features = dnsmos._features(window[:-160])
    assert list(features.shape) == golden["features"]["shape"] == [900, 120] and features.dtype == np.float32
    for row, wanted in golden["features"]["rows"].items():
        np.testing.assert_allclose(features[int(row)], wanted, atol=1e-3)


def test_silence_has_features():
    assert np.all(dnsmos._features(np.zeros(16_000, dtype=np.float32)) == 1.0)


def test_a_short_clip_is_doubled_until_it_fills_a_window():
    samples = np.arange(50_000, dtype=np.float32)
    windows = dnsmos._windows(samples)
    assert len(windows) == 3  # of 12.5 s
    assert np.array_equal(windows[0], np.tile(samples, 4)[:LENGTH])
    assert np.array_equal(windows[1], np.tile(samples, 4)[16_000 : 16_000 + LENGTH])


@pytest.mark.parametrize(
    ("duration_s", "starts"),
    [
        (9.01, [0]),
        (10.99, [0]),
        (11.0, [0, 1]),  # a window that begins at 1 s ends at 10.01 s
        (16.0, [0, 1, 2, 3, 4, 5, 6]),
        (30.0, [0, 1, 2, 3, 4, 5, 6]),  # int((7 + 9.01) * 16000) is 256159, one less than 7 s and a window
        (35.0, [0, 1, 2, 3, 4, 5, 6, 24, 25]),
    ],
)
def test_windows_begin_each_second_but_for_those_that_rounding_shortens(duration_s, starts):
    samples = np.arange(round(duration_s * 16_000), dtype=np.float32)
    windows = dnsmos._windows(samples)
    assert [int(window[0]) // 16_000 for window in windows] == starts
    assert {len(window) for window in windows} == {LENGTH}


class Network:
    """Answers what it is told, and keeps what it was fed."""

    def __init__(self, *said):
        self.said, self.fed = list(said), []

    def run(self, names, feed):
        self.fed.append(feed["input_1"])
        return [np.array([self.said.pop(0)], dtype=np.float32)]


def made(tmp_path, monkeypatch, p835, p808):
    for name in dnsmos.CARRIED.files:
        (tmp_path / name).write_text(name)
    networks = {"sig_bak_ovr.onnx": p835, "model_v8.onnx": p808}
    monkeypatch.setattr(dnsmos, "onnx_session", lambda path, n_threads: networks[path.name])
    return Dnsmos(tmp_path)


def test_opinions_are_means_of_fitted_outputs(tmp_path, monkeypatch):
    p835, p808 = Network([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]), Network([3.0], [4.0])
    model = made(tmp_path, monkeypatch, p835, p808)
    monkeypatch.setattr(dnsmos, "_windows", lambda samples: [samples[:LENGTH]] * 2)
    opinion = model.opinion(AudioClip(np.full(LENGTH, 1.5, dtype=np.float32), 16_000))
    # signal: (1.14211 + 2.11103) / 2; background at 2 and 3; overall at 3 and 4, by the published polynomials
    assert opinion.signal == pytest.approx((1.14210968 + 2.11103184) / 2, abs=1e-5)
    assert opinion.background == pytest.approx((2.29558929 + 3.24640) / 2, abs=1e-4)
    assert opinion.overall == pytest.approx((2.78345328 + 3.42527) / 2, abs=1e-4)
    assert opinion.p808 == 3.5
    assert p835.fed[0].shape == (1, LENGTH) and p835.fed[0].max() == 1.0 and p808.fed[0].shape == (1, 900, 120)


def test_clips_are_heard_at_16_khz(tmp_path, monkeypatch):
    p835, p808 = Network([1.0, 2.0, 3.0]), Network([3.0])
    made(tmp_path, monkeypatch, p835, p808).opinion(AudioClip(np.zeros(LENGTH // 2, dtype=np.float32), 8_000))
    assert p835.fed[0].shape == (1, LENGTH) and not p808.said


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    with pytest.raises(
        BadParameter, match="must hold sig_bak_ovr.onnx and model_v8.onnx for DNSMOS, but has no sig_bak_ovr"
    ):
        Dnsmos(tmp_path)
    monkeypatch.setattr(type(dnsmos.CARRIED), "paths", lambda self: None)
    with pytest.raises(MissingExtra, match=r'pip install "earnest\[dnsmos\]", or give a folder'):
        Dnsmos()
