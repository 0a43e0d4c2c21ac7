"""AASIST: logits of the authors' code, checkpoints that fit and that do not, calibration, and ONNX beside torch."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from earnest.audio import AudioClip, Entry, Manifest
from earnest.detectors import detectors
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.models import load_model
from earnest.testing import check_detector

torch = pytest.importorskip("torch", reason="the network is in torch")
from earnest.detectors._aasist import N_SAMPLES, SHAPES, Aasist, mel_sinc_filters  # noqa: E402  (after torch is known)

HERE = Path(__file__).parent / "data"
WEIGHTS = Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "aasist_weights"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_dir(), reason="needs the authors' checkpoints in EARNEST_DATA")


def _golden() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_aasist", HERE / "make_aasist.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_weights
@pytest.mark.source("detectors/aasist", of="jung2021-aasist", at="clovaai/aasist@a04c986")
@pytest.mark.source("detectors/aasist_l", of="jung2021-aasist", at="clovaai/aasist@a04c986")
@pytest.mark.parametrize(
    ("name", "checkpoint"), [("aasist", "AASIST"), ("aasist_l", "AASIST-L"), ("aasist", "AASIST_ASVspoof5")]
)
def test_logits_are_those_of_the_authors_code(name: str, checkpoint: str) -> None:
    """The checkpoint is loaded strictly: no key is missing or left over."""
    window, golden = _golden().window, json.loads((HERE / "aasist.json").read_text())["logits"]
    detector = detectors.make(f"{name}:weights={WEIGHTS / checkpoint}.pth")
    assert detector.logits(window(1)) == pytest.approx(np.array(golden[checkpoint][1]), abs=2e-4, rel=1e-5)
    assert detector.score(AudioClip(window(0), 16_000)) == pytest.approx(golden[checkpoint][0][1], abs=2e-4, rel=1e-5)


def test_the_published_number_of_parameters() -> None:
    assert sum(p.numel() for p in Aasist(SHAPES["aasist_l"]).parameters()) == 85_306
    filters = mel_sinc_filters()
    response = np.abs(np.fft.rfft(filters, 16_000, axis=1))
    assert filters.shape == (70, 129) and np.all(np.diff(response.argmax(axis=1)) >= 0)
    assert response[40].argmax() == pytest.approx(2500, abs=400), "700 (10^(mel / 2595) - 1) at 40.5 of 70 steps"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of AASIST-L with drawn weights."""
    path = tmp_path_factory.mktemp("weights") / "drawn.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        torch.save(Aasist(SHAPES["aasist_l"]).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    folder = tmp_path_factory.mktemp("rows")
    lines = ["path,label,speaker"]
    for n in range(6):
        noise = np.random.default_rng(n).standard_normal(4000)
        samples = noise if n % 2 else np.convolve(noise, np.ones(4) / 2, mode="same")
        silence = np.zeros(800 if n == 2 else 0)
        AudioClip((0.1 * np.concatenate([silence, samples])).astype(np.float32), 16_000).write(folder / f"{n}.flac")
        lines.append(f"{n}.flac,{'spoof' if n % 2 else 'bona_fide'},s{n // 2}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return Manifest.read(folder).entries


def test_onnx_gives_what_torch_gives_and_both_take_one_calibration(
    drawn: Path, rows: tuple[Entry, ...], tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="the export is written with onnx")
    by_torch = detectors.make(f"aasist_l:weights={drawn}")
    path = by_torch.export(tmp_path / "light.onnx")
    by_onnx = detectors.make(f"aasist_l:weights={path}")
    check_detector(by_onnx)
    for entry in rows[:2]:
        assert by_onnx.score(entry.clip()) == pytest.approx(by_torch.score(entry.clip()), abs=1e-4)
    made = by_onnx.fit(rows, None, np.random.default_rng(0))
    kept = made.save(tmp_path)
    fitted = detectors.make(f"aasist_l:weights={path},artefact={kept}")
    scale, offset = made.arrays["calibration"]
    clip = rows[0].clip()
    assert fitted.score(clip) == pytest.approx(scale * by_onnx.score(clip) + offset) and fitted.calibrated
    assert fitted.threshold == 0.0 and not by_onnx.calibrated and by_onnx.threshold is None
    card = fitted.card.as_json()
    assert card["window_s"] == pytest.approx(4.0375) and card["conditions"]["codec"] == "not tested"
    assert "3 bona fide and 3 spoofed clips" in card["conditions"]["leading silence"]
    assert "equal error rate" in card["conditions"]["telephone"] and card["false_alarms_per_call"] is not None
    assert by_torch.identity == by_onnx.identity, "an export is of the checkpoint that it was made from"
    other = tmp_path / "other.pth"
    torch.save(Aasist(SHAPES["aasist_l"]).state_dict(), other)
    with pytest.raises(BadParameter, match="give the same weights, or fit anew"):
        detectors.make(f"aasist_l:weights={other},artefact={kept}").score(clip)
    with pytest.raises(BadParameter, match=r"exported to a file that ends in \.onnx"):
        by_onnx.export(tmp_path / "again.onnx")
    with pytest.raises(BadData, match="must be an export of 'aasist', got 'aasist_l'"):
        detectors.make(f"aasist:weights={path}").score(clip)


def test_windows(drawn: Path) -> None:
    """The first window alone, or all: two of them, the last ending where the clip ends."""
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(100_000)).astype(np.float32)
    first, whole = (detectors.make(f"aasist_l:weights={drawn},windows={which}") for which in ("first", "all"))
    logits = [first.logits(part)[1] for part in (samples[:N_SAMPLES], samples[-N_SAMPLES:])]
    clip = AudioClip(samples, 16_000)
    assert first.score(clip) == pytest.approx(logits[0]) and whole.score(clip) == pytest.approx(np.mean(logits))
    short = AudioClip(samples[:20_000], 16_000)
    assert first.score(short) == pytest.approx(first.logits(np.tile(samples[:20_000], 4)[:N_SAMPLES])[1]), "repeated"
    with pytest.raises(BadParameter, match="windows of detector 'aasist_l' must be first or all"):
        detectors.make("aasist_l:windows=last")
    with pytest.raises(BadAudio, match="got silence"):
        first.score(AudioClip(np.zeros(16_000, np.float32), 16_000))


def test_foreign_checkpoints(drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no checkpoint of detector 'aasist'") as error:
        load_model(f"detector/aasist:weights={drawn}")
    assert "GAT_layer_T.proj_with_att.weight must have the shape (64, 64), got (24, 24)" in str(error.value)
    state = torch.load(drawn, weights_only=True)
    renamed = {("head" + name if name.startswith("out") else name): value for name, value in state.items()}
    torch.save(renamed, tmp_path / "renamed.pth")
    with pytest.raises(BadData) as error:
        load_model(f"detector/aasist_l:weights={tmp_path / 'renamed.pth'}")
    assert "out_layer.bias is missing" in str(error.value) and "headout_layer.bias belongs to no part" in str(
        error.value
    )
    (tmp_path / "text.pth").write_text("no checkpoint")
    with pytest.raises(BadData, match="must hold tensors by name"):
        load_model(f"detector/aasist_l:weights={tmp_path / 'text.pth'}")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(BadData, match="must be an ONNX network"):
        load_model(f"detector/aasist_l:weights={tmp_path / 'text.onnx'}")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(BadData, match="got list; give a state dictionary"):
        load_model(f"detector/aasist_l:weights={tmp_path / 'list.pth'}")
    with pytest.raises(BadParameter, match="which is none; check the path"):
        load_model("detector/aasist:weights=nowhere.pth")
    with pytest.raises(BadParameter, match="needs its checkpoint: aasist_l:weights=PATH"):
        load_model("detector/aasist_l")
