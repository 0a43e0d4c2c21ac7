"""Detectors: contracts, mixtures and calibration by hand, and what stands in front of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.audio.cepstra import frame_power, linear_cepstra, linear_filters, slopes, with_slopes
from earnest.defences import defences
from earnest.detectors import Detector, bona_fide_and_spoof, detectors
from earnest.detectors._asking import AskingDetector
from earnest.detectors._calibrated import calibration
from earnest.detectors._mixture import Mixture, fitted_mixture
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.models import load_model
from earnest.models.access import Answer, Blocked, Failure, System
from earnest.registry import names
from earnest.testing import LinearModel, check_detector
from earnest.testing.toys import toy_stimulus


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    """Bona fide clips have a tilt downwards, spoofed ones are white; six speakers of each."""
    folder = tmp_path_factory.mktemp("rows")
    lines = ["path,label,speaker"]
    for n in range(12):
        noise = np.random.default_rng(n).standard_normal(4000)
        samples = noise if n % 2 else np.convolve(noise, np.ones(4) / 2, mode="same")
        AudioClip((0.1 * samples).astype(np.float32), 16_000).write(folder / f"{n}.flac")
        lines.append(f"{n}.flac,{'spoof' if n % 2 else 'bona_fide'},s{n // 2}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return Manifest.read(folder).entries


NEEDS_ANSWERS = frozenset({"activation_clustering", "spectral_signature", "trigger_search"})
"""Fits that want clips which a model refuses, or many that it answers alike: tests/detectors/test_backdoor_detectors.py."""


@pytest.mark.parametrize("name", names("detectors"))
def test_detectors(name: str, rows: tuple[Entry, ...]) -> None:
    quick = {
        "lfcc_gmm": "lfcc_gmm:n_components=2,n_steps=3",
        "cqcc_gmm": "cqcc_gmm:n_components=2,n_steps=3",
        "lcnn": "lcnn:n_epochs=1,checks=false",
        "rawnet2": "rawnet2:n_epochs=1,n_filters=4,width=6,recurrent_width=8,checks=false",
        "strip": "strip:n_overlays=4",
    }
    if name == "audioseal":
        pytest.skip("its weights are a download; tests/detectors/test_watermarks.py has its networks with random ones")
    asks = issubclass(detectors.get(name), AskingDetector)
    elsewhere = (
        "aasist",
        "aasist_l",
        "likelihood",
        "speaker",
    )  # they need weights, a model or more speakers to be fitted
    unfitted = name in NEEDS_ANSWERS or name in elsewhere
    check_detector(
        detectors.make(quick.get(name, name)),
        rows=() if unfitted else rows[:4] if asks else rows,
        clips=[toy_stimulus(seed=seed, n_samples=20_000).clip for seed in range(2)]
        if asks or name in ("strip", "spread_spectrum")
        else (),
    )


def test_a_fitted_detector_meets_its_contract(rows: tuple[Entry, ...], tmp_path: Path) -> None:
    made = detectors.make("lfcc_gmm:n_components=2,n_steps=5").fit(rows[:8], None, np.random.default_rng(0))
    fitted = detectors.make(f"lfcc_gmm:artefact={made.save(tmp_path)}")
    check_detector(fitted, clips=[entry.clip() for entry in rows])
    scores = [fitted.score(entry.clip()) for entry in rows[8:]]
    assert scores[0] > 0 > scores[1] and scores[2] > 0 > scores[3], "log-likelihood ratios of speakers it has not seen"
    loud = rows[8].clip()
    assert fitted.score(loud.with_samples(0.25 * loud.samples)) == pytest.approx(scores[0], abs=1e-3), (
        "how loud a clip is tells nothing"
    )
    quiet = np.concatenate([loud.samples, np.zeros(16_000, np.float32)])
    assert fitted.score(loud.with_samples(quiet)) == pytest.approx(scores[0], abs=0.5), (
        "nor how long it is silent; one frame is on the edge"
    )
    with pytest.raises(BadAudio, match="got silence"):
        fitted.score(loud.with_samples(np.zeros(8000, np.float32)))
    card = fitted.card.as_json()
    assert card["calibrated"] and card["threshold"] == 0.0 and card["conditions"]["codec"] == "not tested"


def test_what_a_fit_needs(rows: tuple[Entry, ...]) -> None:
    with pytest.raises(BadData, match="2 of each at least, got 6 and 0"):
        detectors.make("lfcc_gmm").fit(
            [entry for entry in rows if entry.label == "bona_fide"], None, np.random.default_rng(0)
        )
    with pytest.raises(BadParameter, match="earnest fit detectors/lfcc_gmm"):
        detectors.make("lfcc_gmm").score(rows[0].clip())
    with pytest.raises(BadParameter, match="n_components of detector 'lfcc_gmm'"):
        detectors.make("lfcc_gmm:n_components=0")
    sides = bona_fide_and_spoof(
        [
            Entry(path=f"{n}", label=label)
            for n, label in enumerate(["live", "Bona-fide", "fake", "replayed", "dog", None])
        ]
    )
    assert [len(side) for side in sides] == [2, 2]


def test_one_gaussian_is_the_mean_and_variance_of_its_frames() -> None:
    frames = np.array([[1.0, 0.0], [3.0, 0.0], [8.0, 3.0]])
    found = fitted_mixture(frames, n_components=1, n_steps=3, rng=np.random.default_rng(0))
    assert found.means[0] == pytest.approx([4.0, 1.0]) and found.variances[0] == pytest.approx([26 / 3, 2.0])
    expected = -0.5 * (2 * np.log(2 * np.pi) + np.log(26 / 3 * 2.0) + 9 / (26 / 3) + 1 / 2)
    assert found.log_likelihood(frames)[0] == pytest.approx(expected)


def test_two_gaussians_find_two_heaps() -> None:
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(-5, 1, (300, 1)), rng.normal(4, 2, (100, 1))])
    found = fitted_mixture(frames, n_components=2, n_steps=40, rng=rng)
    low = int(np.argmin(found.means[:, 0]))
    assert found.means[low, 0] == pytest.approx(-5, abs=0.3) and found.weights[low] == pytest.approx(0.75, abs=0.03)
    assert np.sqrt(found.variances[1 - low, 0]) == pytest.approx(2, abs=0.4)
    assert len(fitted_mixture(frames[:3], n_components=8, n_steps=2, rng=rng).weights) == 3


def test_expectation_maximisation_never_loses_likelihood() -> None:
    rng = np.random.default_rng(1)
    frames = rng.standard_normal((400, 3)) @ rng.standard_normal((3, 3))
    mixture = Mixture(weights=np.full(4, 0.25), means=frames[:4], variances=np.ones((4, 3)))
    before = -np.inf
    for _ in range(15):
        mixture = mixture.refined(frames, floor=np.full(3, 1e-6))
        now = float(mixture.log_likelihood(frames).mean())
        assert now >= before - 1e-9
        before = now


def test_scores_that_are_ratios_already_stay_as_they_are() -> None:
    """Two normal classes 2 apart with unit spread: the ratio of a score s is 2 s, whatever each class's size."""
    rng = np.random.default_rng(2)
    scale, offset = calibration(bona_fide=rng.normal(1, 1, 40_000), spoof=rng.normal(-1, 1, 8_000))
    assert scale == pytest.approx(2, abs=0.06) and offset == pytest.approx(0, abs=0.06)
    scale, offset = calibration(bona_fide=np.array([5.0, 6.0]), spoof=np.array([1.0, 2.0]))
    assert 0 < scale < 10 and -offset / scale == pytest.approx(3.5), (
        "classes that part perfectly give no infinite scale"
    )
    assert calibration(bona_fide=np.array([0.0, 1.0]), spoof=np.array([2.0, 3.0]))[0] < 0


def test_cepstra_by_their_properties() -> None:
    filters = linear_filters()
    assert filters.shape == (257, 20) and filters.max() <= 1 and np.allclose(filters[20:230].sum(axis=1), 1)
    assert slopes(np.arange(20.0)[:, None] * 3)[2:-2, 0] == pytest.approx(np.full(16, 3.0))
    tone = np.sin(2 * np.pi * 1000 * np.arange(3200) / 16_000).astype(np.float32)
    cepstra, power = with_slopes(linear_cepstra(tone, 16_000)), frame_power(tone, 16_000)
    assert cepstra.shape == (19, 60) and power == pytest.approx(np.full(19, 0.5), rel=0.02)
    moved = linear_cepstra(2 * tone, 16_000)[:, :20] - cepstra[:, :20]
    assert (
        moved[:, 0] == pytest.approx(np.full(19, np.sqrt(20) * np.log(4)), rel=0.35)
        and np.abs(moved[:, 1:]).max() < moved[:, 0].min()
    )


@pytest.fixture
def louder() -> object:
    @detectors.register("louder")
    @dataclass(frozen=True, kw_only=True)
    class Louder(Detector):
        """The peak; a clip under 10 ms tells nothing."""

        source: ClassVar[str] = "example2026-louder"

        def score(self, clip: AudioClip) -> float:
            if clip.duration_s < 0.01:
                raise BadAudio("a clip must last 10 ms to be told")
            return clip.peak

    yield Louder
    del detectors._found["louder"]


def stimulus(*peaks: float, n_samples: int = 1600) -> Stimulus:
    names_ = ("speech", "other", "third")
    return Stimulus(
        clips={name: AudioClip(np.full(n_samples, peak, np.float32), 16_000) for name, peak in zip(names_, peaks)},
        prompt="?",
    )


@pytest.mark.usefixtures("louder")
def test_a_detector_in_front_of_a_model() -> None:
    """Above 0.5 passes: 0.5 itself does not, and one bad clip of several is enough."""
    model = LinearModel(np.ones(4, dtype=np.float32))
    system = System(model, (defences.make("screening:detector=louder,threshold=0.5"),))
    replies = system.ask([stimulus(0.75), stimulus(0.5), stimulus(0.75, 0.25), stimulus(0.75, n_samples=80)])
    assert [type(reply) for reply in replies] == [Answer, Blocked, Blocked, Blocked] and model.n_asked == 1
    assert "gives the clip 'other' 0.25, at most 0.5: spoofed speech" in replies[2].reason  # type: ignore[union-attr]
    assert "must last 10 ms" in replies[3].reason  # type: ignore[union-attr]


@pytest.mark.usefixtures("louder")
def test_a_detector_without_a_threshold_needs_one() -> None:
    with pytest.raises(BadParameter, match="give threshold="):
        defences.make("screening:detector=louder").screen(stimulus(0.5))
    with pytest.raises(BadParameter, match="must be fitted first"):
        System(LinearModel(np.ones(4, dtype=np.float32)), (defences.make("screening"),)).inner  # noqa: B018  (before anything is asked)
    with pytest.raises(BadParameter, match="no detector is called 'luoder'; did you mean 'louder'"):
        defences.make("screening:detector=luoder")


@pytest.mark.usefixtures("louder")
def test_a_detector_as_a_subject() -> None:
    model = load_model("detector/louder")
    replies = model.ask([stimulus(0.75), stimulus(0.75, n_samples=80)])
    assert (
        isinstance(replies[0], Answer) and replies[0].value == 0.75 and replies[0].text == "" and model.gives == "value"
    )
    assert isinstance(replies[1], Failure) and replies[1].reason == "bad_audio"
    assert "not calibrated" in model.note and model.fingerprint
    with pytest.raises(BadParameter, match="takes its parameters in its specification"):
        load_model("detector/louder", timeout_s=3)
    with pytest.raises(BadParameter, match="earnest fit detectors/lfcc_gmm"):
        load_model("detector/lfcc_gmm")
