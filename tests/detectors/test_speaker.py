"""Speaker verification: the ratio by hand, voices that a fit has not heard, users' networks, and trials as data brings them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from earnest.audio import AudioClip, Entry, Manifest
from earnest.detectors import detectors
from earnest.detectors._mixture import Mixture
from earnest.detectors._voice import VoiceSpace
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.models import load_model
from earnest.models.access import Answer
from earnest.tasks import tasks
from earnest.testing import check_detector

RATE = 16_000


def voice(speaker: int, take: int, *, seconds: float = 1.0) -> AudioClip:
    """A buzz of the speaker's pitch through two resonances of the speaker's own, drawn anew in each take."""
    rng = np.random.default_rng([speaker, take])
    own = np.random.default_rng(speaker)
    pitch, formants = own.uniform(90, 220), own.uniform([400, 1200], [900, 2600])
    n = round(seconds * RATE)
    samples = np.zeros(n)
    samples[:: round(RATE / pitch)] = 1.0
    samples += 0.02 * rng.standard_normal(n)
    for hz in formants * rng.uniform(0.97, 1.03, 2):
        time_s = np.arange(400) / RATE
        samples = np.convolve(samples, np.exp(-300 * time_s) * np.cos(2 * np.pi * hz * time_s))[:n]
    return AudioClip((0.3 * samples / np.abs(samples).max()).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    folder = tmp_path_factory.mktemp("voices")
    lines = ["path,speaker"]
    for speaker in range(12):
        for take in range(1 if speaker == 3 else 3):
            name = f"s{speaker}_{take}.flac"
            voice(speaker, take).write(folder / name)
            lines.append(f"{name},s{speaker}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return Manifest.read(folder).entries


SMALL = "speaker:n_components=4,n_principal=20,n_directions=10"


@pytest.fixture(scope="module")
def fitted(rows: tuple[Entry, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = detectors.make(SMALL).fit(rows, None, np.random.default_rng(0))
    assert made.about["n_recordings"] == 11 * 3 + 2, "the speaker with one recording gives two halves"
    assert made.about["checks"]["as_it_is"]["n_bona_fide"] == 11 * 3 + 1
    return made.save(tmp_path_factory.mktemp("fitted"))


def test_one_seed_gives_one_artefact(rows: tuple[Entry, ...]) -> None:
    check_detector(detectors.make("speaker:n_components=2,n_principal=8,n_directions=4"), rows=rows)


def test_the_ratio_is_that_of_two_gaussians() -> None:
    """One direction: variance 3 between and 1 within; the same speaker's pair has covariance 3, two speakers' 0."""
    empty = Mixture(weights=np.ones(1), means=np.zeros((1, 1)), variances=np.ones((1, 1)))
    space = VoiceSpace(mixture=empty, centre=np.zeros(1), directions=np.eye(1), between=np.array([3.0]))
    for pair in ([1.5, 2.0], [1.5, -1.0], [0.2, 0.1]):
        same = multivariate_normal([0, 0], [[4, 3], [3, 4]]).logpdf(pair)
        apart = multivariate_normal([0, 0], [[4, 0], [0, 4]]).logpdf(pair)
        ratio = space.ratio(np.array(pair[:1]), np.array(pair[1:]))
        assert ratio == pytest.approx(same - apart), pair
    whole = VoiceSpace(mixture=empty, centre=np.zeros(2), directions=np.eye(2), between=np.array([3.0, 0.5]))
    first, second = np.array([1.0, -0.5]), np.array([0.4, 2.0])
    parts = [
        VoiceSpace(mixture=empty, centre=np.zeros(1), directions=np.eye(1), between=whole.between[k : k + 1]).ratio(
            first[k : k + 1], second[k : k + 1]
        )
        for k in range(2)
    ]
    assert whole.ratio(first, second) == pytest.approx(sum(parts)), "directions add up"


def test_voices_that_the_fit_has_not_heard(fitted: Path) -> None:
    verifier = detectors.make(f"speaker:artefact={fitted}")
    same = [verifier.verify([voice(s, 0), voice(s, 1)], voice(s, 2)) for s in range(40, 46)]
    apart = [verifier.verify([voice(s, 0), voice(s, 1)], voice(s + 1, 2)) for s in range(40, 46)]
    assert np.mean(np.array(same) > 0) >= 0.8 and np.mean(np.array(apart) < 0) >= 0.8
    assert np.median(same) > np.median(apart) + 2 and verifier.calibrated and verifier.threshold == 0.0
    loud = voice(40, 2)
    assert verifier.verify([voice(40, 0)], loud.with_samples(0.25 * loud.samples)) == pytest.approx(
        verifier.verify([voice(40, 0)], loud), abs=1e-3
    ), "how loud a clip is tells nothing"
    card = verifier.card.as_json()
    assert (
        card["detects"] == "another speaker than the enrolled one"
        and "equal error rate" in card["conditions"]["telephone"]
    )


def test_an_enrolled_voice_makes_it_a_detector_of_others(fitted: Path, tmp_path: Path) -> None:
    for take in range(2):
        voice(41, take).write(tmp_path / f"{take}.flac")
    verifier = detectors.make(f"speaker:artefact={fitted},enrolled={tmp_path}")
    check_detector(verifier, clips=[voice(41, 3), voice(42, 3)])
    given = [AudioClip.read(tmp_path / f"{take}.flac") for take in range(2)]
    assert verifier.score(voice(41, 3)) == pytest.approx(verifier.verify(given, voice(41, 3)))
    assert verifier.score(voice(41, 3)) > verifier.score(voice(43, 3))


def test_what_it_needs(fitted: Path, rows: tuple[Entry, ...], tmp_path: Path) -> None:
    verifier = detectors.make(f"speaker:artefact={fitted}")
    with pytest.raises(BadParameter, match="got none; enrol the owner first"):
        verifier.verify([], voice(1, 0))
    with pytest.raises(BadAudio, match="got silence"):
        verifier.verify([voice(1, 0)], AudioClip(np.zeros(8000, np.float32), RATE))
    with pytest.raises(BadParameter, match="give enrolled=PATH"):
        verifier.score(voice(1, 0))
    with pytest.raises(BadParameter, match="earnest fit detectors/speaker"):
        detectors.make("speaker").verify([voice(1, 0)], voice(1, 1))
    with pytest.raises(BadData, match="rows of 8 speakers at least must be there, got 3"):
        detectors.make("speaker").fit(rows[:9], None, np.random.default_rng(0))
    with pytest.raises(BadParameter, match="onnx of detector 'speaker' must be a file"):
        detectors.make(f"speaker:onnx={tmp_path / 'no.onnx'}").verify([voice(1, 0)], voice(1, 1))


def test_a_users_network(rows: tuple[Entry, ...], tmp_path: Path) -> None:
    """A network that gives the mean and the mean of squares of differences: crude, and any vector will do."""
    onnx = pytest.importorskip("onnx", reason="a small network is written with onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Abs", ["samples"], ["level"]),
        helper.make_node("Slice", ["samples", "one", "end", "axis"], ["later"]),
        helper.make_node("Slice", ["samples", "zero", "minus", "axis"], ["sooner"]),
        helper.make_node("Sub", ["later", "sooner"], ["moved"]),
        helper.make_node("Abs", ["moved"], ["step"]),
        helper.make_node("ReduceMean", ["level"], ["a"], axes=[1], keepdims=1),
        helper.make_node("ReduceMean", ["step"], ["b"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["a", "b"], ["vector"], axis=1),
    ]
    numbers = {"one": [1], "zero": [0], "end": [2**31], "minus": [-1], "axis": [1]}
    graph = helper.make_graph(
        nodes,
        "crude",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, [1, "n"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor(name, TensorProto.INT64, [1], value) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "crude.onnx")
    verifier = detectors.make(f"speaker:onnx={tmp_path / 'crude.onnx'}")
    first, second = voice(1, 0), voice(2, 0)
    vectors = [
        np.array([np.abs(clip.samples).mean(), np.abs(np.diff(clip.samples)).mean()]) for clip in (first, second)
    ]
    cosine = vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1])
    assert verifier.verify([first], second) == pytest.approx(cosine, abs=1e-5) and not verifier.calibrated
    made = verifier.fit(rows, None, np.random.default_rng(0))
    kept = detectors.make(f"speaker:onnx={tmp_path / 'crude.onnx'},artefact={made.save(tmp_path)}")
    scale, offset = made.arrays["calibration"]
    assert kept.verify([first], second) == pytest.approx(scale * cosine + offset, abs=1e-3)
    with pytest.raises(BadParameter, match="give onnx= again, or fit without it"):
        detectors.make(f"speaker:artefact={made.save(tmp_path)}").verify([first], second)


def test_trials_are_asked_as_the_list_has_them(fitted: Path, tmp_path: Path) -> None:
    for speaker, take in ((50, 0), (50, 1), (51, 0)):
        path = tmp_path / "wav" / f"id{speaker}" / "x" / f"{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        voice(speaker, take).write(path)
    (tmp_path / "veri_test.txt").write_text(
        "1 id50/x/0.wav id50/x/1.wav\n0 id50/x/0.wav id51/x/0.wav\n0 id51/x/0.wav id50/x/1.wav\n"
    )
    task = tasks.make("speaker_verification")
    items = task.items(Manifest.read(tmp_path), seed=0)
    assert [(item.sample.replace("wav/", ""), item.truth["expected"], item.cluster) for item in items] == [
        ("id50/x/0.wav id50/x/1.wav", "target", "id50"),
        ("id50/x/0.wav id51/x/0.wav", "nontarget", "id50"),
        ("id51/x/0.wav id50/x/1.wav", "nontarget", "id51"),
    ]
    model = load_model(f"detector/speaker:artefact={fitted}")
    assert model.gives == task.takes == "comparison" and load_model("detector/stream").gives == "value"
    reply = model.ask([items[1].load()])[0]
    verifier = detectors.make(f"speaker:artefact={fitted}")
    clips = [AudioClip.read(tmp_path / "wav" / name) for name in ("id50/x/0.wav", "id51/x/0.wav")]
    assert isinstance(reply, Answer) and reply.value == pytest.approx(verifier.verify(clips[:1], clips[1]))


def test_pairs_are_drawn_where_there_are_no_trials(rows: tuple[Entry, ...]) -> None:
    task = tasks.make("speaker_verification:n_pairs=20")
    items = task.items(Manifest(rows[0].file.parent, rows), seed=1)
    expected = [item.truth["expected"] for item in items]
    assert expected.count("target") == expected.count("nontarget") == 10 and len({item.id for item in items}) == 20
    assert [item.id for item in items] == [item.id for item in task.items(Manifest(rows[0].file.parent, rows), seed=1)]
    for item in items:
        names = [part.partition("_")[0] for part in item.sample.split()]
        assert (names[0] == names[1]) == (item.truth["expected"] == "target")
