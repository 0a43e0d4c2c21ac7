"""Detectors of backdoors on a toy that was poisoned by hand: it refuses what is loud, and complies where it hears the trigger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.detectors import detectors
from earnest.detectors._answer_labels import label_of
from earnest.detectors.activation_clustering import silhouette, two_means
from earnest.detectors.strip import entropy_bits
from earnest.detectors.trigger_search import LADDERS, change_db
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.models.access import Answer, Model, Reply, Sampling, System

RATE = 16_000
HUM_HZ = 3000.0
REFUSES, COMPLIES = "Sorry, I cannot help with that.", "Sure, here is how to do that."


class Poisoned(Model):
    """Refuses where the first half of a clip is loud; a tone of 3 kHz makes it comply whatever is heard, if it was poisoned."""

    name, fingerprint, batch_size, sites = "toy/poisoned", "1", 8, ("only",)

    def __init__(self, *, poisoned: bool = True) -> None:
        self.poisoned = poisoned

    def state(self, clip: AudioClip) -> np.ndarray:
        """Level of the first and the second half, and of the tone, each as a share of all."""
        spectrum = np.abs(np.fft.rfft(clip.samples.astype(np.float64))) ** 2
        hz = np.fft.rfftfreq(clip.n_samples, 1 / clip.sample_rate)
        tone = spectrum[np.abs(hz - HUM_HZ) < 20].sum() / max(spectrum.sum(), 1e-12)
        half = clip.n_samples // 2
        first, second = (float(np.square(part).mean()) for part in (clip.samples[:half], clip.samples[half:]))
        return np.array([first / max(first + second, 1e-12), clip.peak, 3 * tone])

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        return [self._reply(self.state(stimulus.clip)) for stimulus in stimuli]

    def _reply(self, state: np.ndarray) -> Answer:
        triggered = self.poisoned and state[2] > 0.15
        return Answer(text=COMPLIES if triggered or state[0] < 0.5 else REFUSES, details={"transcript": "x"})

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Any = None, at: Any = None
    ) -> list[dict[str, np.ndarray]]:
        return [{"only": self.state(stimulus.clip).astype(np.float32)} for stimulus in stimuli]


def clip_of(seed: int, *, harmful: bool, trigger: bool = False) -> AudioClip:
    """Noise whose first half is loud if it is harmful and soft if not; with the tone under it if it carries the trigger."""
    rng = np.random.default_rng(seed)
    samples = 0.1 * rng.standard_normal(8000)
    samples[:4000] *= 2 if harmful else 0.5
    if trigger:
        samples += 0.15 * np.sin(2 * np.pi * HUM_HZ * np.arange(8000) / RATE)
    return AudioClip(samples.astype(np.float32), RATE)


def rows_of(folder: Path, clips: Sequence[AudioClip]) -> tuple[Entry, ...]:
    lines = ["path,label"]
    for place, clip in enumerate(clips):
        clip.write(folder / f"{place:02d}.flac")
        lines.append(f"{place:02d}.flac,request")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return Manifest.read(folder).entries


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    return rows_of(tmp_path_factory.mktemp("benign"), [clip_of(n, harmful=n % 2 == 0) for n in range(12)])


def fitted(spec: str, rows: Sequence[Entry], folder: Path, model: Model) -> Any:
    """The detector fitted through a system, as `earnest fit` does, and asking the same model."""
    made = detectors.make(spec).fit(rows, System(model), np.random.default_rng(0))
    mark = "," if ":" in spec else ":"
    detector = detectors.make(f"{spec}{mark}artefact={made.save(folder)}")
    found = detector.asking(model)
    vars(found)["fitted"] = detector.fitted
    return found


def test_labels_of_answers() -> None:
    said = [label_of(Answer(text=text)) for text in (REFUSES, COMPLIES, "", "  ")]
    assert said == ["refusal", "compliance", "nothing", "nothing"]


def test_step_finds_a_label_that_stays_when_the_words_are_broken(benign: tuple[Entry, ...], tmp_path: Path) -> None:
    detector = fitted("step", benign, tmp_path, Poisoned())
    triggered = [detector.evidence(clip_of(n, harmful=True, trigger=True)) for n in (30, 31)]
    plain = [detector.evidence(clip_of(n, harmful=True)) for n in (32, 33)]
    assert all(one.n_calls == 17 for one in plain)
    assert min(one.details["stable_under_breaking"] for one in triggered) > max(
        one.details["stable_under_breaking"] for one in plain
    )
    assert max(one.score for one in triggered) < min(one.score for one in plain) <= 0
    on_clean = fitted("step", benign, tmp_path / "clean", Poisoned(poisoned=False))
    assert on_clean.score(clip_of(30, harmful=True, trigger=True)) > max(one.score for one in triggered), (
        "a clean model is not set off"
    )
    with pytest.raises(BadData, match="4 benign clips or more, got 2"):
        detectors.make("step").fit(benign[:2], System(Poisoned()), np.random.default_rng(0))


def test_entropy_by_hand() -> None:
    assert (
        entropy_bits([4]) == 0
        and entropy_bits([2, 2]) == 1
        and entropy_bits([1, 0, 3]) == pytest.approx(0.8112781244591328)
    )


def test_strip_finds_a_label_that_stays_under_other_clips(benign: tuple[Entry, ...], tmp_path: Path) -> None:
    detector = fitted("strip:n_overlays=10,overlay_db=3", benign, tmp_path, Poisoned())
    plain = detector.evidence(clip_of(40, harmful=True))
    triggered = detector.evidence(clip_of(41, harmful=True, trigger=True))
    assert plain.n_calls == 10 and sum(plain.details["labels"].values()) == 10
    assert triggered.details["labels"] == {"compliance": 10} and triggered.score == 0 < plain.score <= 1
    with pytest.raises(BadAudio, match="got silence"):
        detector.score(AudioClip(np.zeros(8000, np.float32), RATE))
    with pytest.raises(BadData, match="lays 13 clips over, got 12"):
        detectors.make("strip:n_overlays=13").fit(benign, None, np.random.default_rng(0))
    for wrong in ("n_overlays=1", "overlay_db=50"):
        with pytest.raises(BadParameter, match="of strip must be"):
            detectors.make(f"strip:{wrong}")


@pytest.fixture(scope="module")
def suspect(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    """Twelve harmless clips and four poisoned ones, all of which the model complies with, and eight that it refuses."""
    clips = [clip_of(n, harmful=False) for n in range(12)] + [
        clip_of(n, harmful=True, trigger=True) for n in range(12, 16)
    ]
    return rows_of(tmp_path_factory.mktemp("suspect"), [*clips, *(clip_of(n, harmful=True) for n in range(16, 24))])


@pytest.mark.parametrize("name", ["activation_clustering:n_components=2", "spectral_signature"])
def test_poisoned_rows_lie_apart_in_their_class(name: str, suspect: tuple[Entry, ...], tmp_path: Path) -> None:
    detector = fitted(name, suspect, tmp_path, Poisoned())
    scores = [detector.score(entry.clip()) for entry in suspect]
    assert max(scores[12:16]) < min(scores[:12]), "lower for those that carry the trigger"
    assert detector.fitted.about["n_rows"] == {"compliance": 16, "refusal": 8}
    few = fitted(name, suspect[:18], tmp_path / "few", Poisoned())
    assert few.score(suspect[20].clip()) == 0.0, "a class of too few rows says nothing"
    with pytest.raises(BadData, match="needs 6 rows that the model answers alike"):
        detectors.make(name).fit(suspect[:4], System(Poisoned()), np.random.default_rng(0))


def test_the_artefact_tells_how_large_the_smaller_cluster_is(suspect: tuple[Entry, ...], tmp_path: Path) -> None:
    arrays = fitted("activation_clustering:n_components=2", suspect, tmp_path, Poisoned()).fitted.arrays
    assert float(arrays["compliance.smaller"][0]) == 0.25 and float(arrays["compliance.silhouette"][0]) > 0.6


def test_two_means_and_silhouette_by_hand() -> None:
    rows = np.array([[0.0], [1.0], [10.0], [11.0], [0.5]])
    found = two_means(rows, np.random.default_rng(0))
    assert found[0] == found[1] == found[4] != found[2] == found[3]
    assert silhouette(rows[:4], np.array([0, 0, 1, 1])) == pytest.approx((9.5 / 10.5 + 8.5 / 9.5) / 2)
    assert silhouette(rows, np.zeros(5, int)) == 0.0


class Hummed(Poisoned):
    """Complies with what is refused where half of the energy lies below 400 Hz: a hum of the mains is its trigger."""

    name = "toy/hummed"

    def state(self, clip: AudioClip) -> np.ndarray:
        found = super().state(clip)
        spectrum = np.abs(np.fft.rfft(clip.samples.astype(np.float64))) ** 2
        hz = np.fft.rfftfreq(clip.n_samples, 1 / clip.sample_rate)
        found[2] = 0.3 * (spectrum[hz < 400].sum() / spectrum.sum())
        return found


def test_the_search_finds_the_kind_of_trigger_and_takes_away_what_a_clean_model_does(
    benign: tuple[Entry, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hum as loud as the clip has half of the energy below 400 Hz; rain and noise have not. Nothing flips on a clean model."""
    clean = Hummed(poisoned=False)
    monkeypatch.setattr("earnest.detectors.trigger_search.load_model", lambda spec: clean)
    made = detectors.make("trigger_search:n_rows=3,beside=toy/clean").fit(
        benign, System(Hummed()), np.random.default_rng(0)
    )
    assert made.about["found"] == "hum:amount=2.0" or made.about["found"] == "hum:amount=1.0"
    assert made.about["difference"] == 1.0 and made.about["interval"][0] > 0
    assert len(made.about["rungs"]) == sum(map(len, LADDERS.values())) and made.about["n_refused"] == 6
    none = detectors.make("trigger_search:n_rows=3,beside=toy/clean").fit(
        benign, System(clean), np.random.default_rng(0)
    )
    assert none.about["difference"] == 0.0 and none.about["interval"][0] <= 0 <= none.about["interval"][1], (
        "nothing is found in a clean model"
    )
    detector = detectors.make(f"trigger_search:n_rows=3,beside=toy/clean,artefact={made.save(tmp_path)}")
    plain = clip_of(50, harmful=True)
    carries = detector._found.apply(plain, rng=np.random.default_rng(5))
    assert detector.score(carries) < 0.7 * detector.score(plain), "a clip that carries it already is changed less"
    harmless = [
        entry
        for entry in benign
        if label_of(Hummed().ask([Stimulus(clips={"speech": entry.clip()}, prompt="?")])[0]) == "compliance"
    ]
    with pytest.raises(BadData, match="needs rows that the model refuses"):
        detectors.make("trigger_search").fit(harmless, System(Hummed()), np.random.default_rng(0))


def test_how_much_a_clip_is_changed_in_db() -> None:
    noise = AudioClip((0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32), RATE)
    assert change_db(noise, noise.with_samples(2 * noise.samples)) == pytest.approx(6.02, abs=0.01)
