"""Detectors that are trained, constant-Q cepstra, likelihoods, checks of a fit, and `earnest detect`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.cepstra import constant_q_cepstra, constant_q_hz, constant_q_power
from earnest.audio.silence import leading_silence_s, without_leading_silence
from earnest.cli import cli
from earnest.detectors import detectors
from earnest.detectors._calibrated import Held, error_rate_interval, fitted_line, folds
from earnest.detectors._windows import fixed, windows
from earnest.errors import AccessDenied, BadAudio, BadParameter, UnknownName
from earnest.runs.detect import detect

RATE = 16_000


def made_clip(n: int, *, silence_s: float = 0.0, seconds: float = 0.4) -> AudioClip:
    """Bona fide where n is even: noise with a tilt downwards; spoofed: white."""
    noise = np.random.default_rng(n).standard_normal(round(seconds * RATE))
    samples = noise if n % 2 else np.convolve(noise, np.ones(4) / 2, mode="same")
    return AudioClip((0.1 * np.concatenate([np.zeros(round(silence_s * RATE)), samples])).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    folder = tmp_path_factory.mktemp("rows")
    lines = ["path,label,speaker"]
    for n in range(16):
        made_clip(n).write(folder / f"{n}.flac")
        lines.append(f"{n}.flac,{'spoof' if n % 2 else 'bona_fide'},s{n // 2}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return Manifest.read(folder).entries


# ---------------------------------------------------------------- features


def test_a_tone_is_in_its_own_bin() -> None:
    frequency = constant_q_hz(RATE)
    assert frequency.shape == (864,) and frequency[-1] == 8000 and frequency[-97] == pytest.approx(4000)
    for place in (300, 500, 700):
        tone = np.sin(2 * np.pi * frequency[place] * np.arange(RATE) / RATE).astype(np.float32)
        power = constant_q_power(tone, RATE)
        assert power.shape[0] == pytest.approx(119, abs=2), "a second at the bandwidth of the widest filter"
        assert power.mean(axis=0).argmax() == pytest.approx(place, abs=1)
    twice = constant_q_power(2 * tone, RATE)
    assert twice.mean() == pytest.approx(4 * power.mean(), rel=1e-6)


@pytest.mark.source("detectors/cqcc_gmm", of="todisco2017-cqcc", at="section 3")
def test_constant_q_cepstra_are_cosines_over_even_frequencies() -> None:
    """Log power that is a cosine over linear frequency is one coefficient, and a level is the zeroth alone."""
    frequency = constant_q_hz(RATE)
    n_points = len(np.arange(frequency[0], frequency[-1], frequency[0] / 16))
    share = (frequency - frequency[0]) / (frequency[0] / 16)
    cosine = np.cos(np.pi * 5 * (share + 0.5) / n_points)
    cepstra = constant_q_cepstra(np.exp(np.stack([cosine, np.full(864, 2.0)])), RATE)
    assert cepstra[0, 5] == pytest.approx(np.sqrt(n_points / 2), rel=1e-3)
    assert np.abs(np.delete(cepstra[0], 5)).max() < 0.02 * cepstra[0, 5]
    assert cepstra[1, 0] == pytest.approx(2 * np.sqrt(n_points), rel=1e-6) and np.abs(cepstra[1, 1:]).max() < 1e-6


def test_leading_silence() -> None:
    clip = made_clip(0, silence_s=0.25)
    assert leading_silence_s(clip) == pytest.approx(0.25) and leading_silence_s(made_clip(0)) == 0.0
    trimmed = without_leading_silence(clip)
    assert trimmed.n_samples == round(0.4 * RATE) and without_leading_silence(trimmed) == trimmed
    silent = AudioClip(np.zeros(800, np.float32), RATE)
    assert leading_silence_s(silent) == 0.05 and without_leading_silence(silent) == silent


def test_windows_cover_the_clip() -> None:
    samples = np.arange(10, dtype=np.float32)
    assert [w.tolist() for w in windows(samples, 4, every=True)] == [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]
    assert [w.tolist() for w in windows(samples, 4, every=False)] == [[0, 1, 2, 3]]
    assert fixed(samples[:3], 8).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


# ---------------------------------------------------------------- calibration and checks


def test_a_detector_that_goes_by_silence_is_found_out(tmp_path: Path) -> None:
    """Its score is the length of the leading silence: perfect as it is, and chance without it."""
    lines = ["path,label,speaker"]
    for n in range(12):
        made_clip(n, silence_s=0.0 if n % 2 else 0.2).write(tmp_path / f"{n}.flac")
        lines.append(f"{n}.flac,{'spoof' if n % 2 else 'bona_fide'},s{n // 2}")
    AudioClip(np.zeros(1600, np.float32), RATE).write(tmp_path / "silent.flac")
    (tmp_path / "metadata.csv").write_text("\n".join([*lines, "silent.flac,spoof,s9"]))

    def by_silence(clip: AudioClip) -> float:
        if clip.peak == 0:
            raise BadAudio("silent")
        return leading_silence_s(clip)

    held = [Held(rows=Manifest.read(tmp_path).entries, raw=by_silence)]
    found = fitted_line(held, rng=np.random.default_rng(0), window_s=None, checked=True)
    assert found.checks["as_it_is"]["equal_error_rate"] == 0.0
    assert found.checks["without_leading_silence"]["equal_error_rate"] == 0.5
    assert found.checks["telephone"]["n_unscored"] == 1 and found.checks["as_it_is"]["n_spoof"] == 6
    assert found.checks["false_alarm_rate"] == 0.0 and found.line[0] > 0
    assert "telephone" not in fitted_line(held, rng=np.random.default_rng(0), window_s=None, checked=False).checks


def test_scores_that_point_the_wrong_way_tell_nothing(rows: tuple[Entry, ...]) -> None:
    """They are not turned round: the order stays, and every ratio is about 0."""
    wrong = {entry.clip().digest: (-1.0 if n % 2 == 0 else 1.0) for n, entry in enumerate(rows)}
    held = [Held(rows=rows, raw=lambda clip: wrong[clip.digest])]
    found = fitted_line(held, rng=np.random.default_rng(0), window_s=4.0, checked=False)
    assert found.line.tolist() == [1e-6, 0.0] and found.checks["tells_nothing"]
    assert found.checks["as_it_is"]["equal_error_rate"] == 1.0


def test_false_alarms_of_a_call_are_counted_in_windows(rows: tuple[Entry, ...]) -> None:
    """One of eight bona fide clips scores like spoofed ones: 1/8 of 75 windows of 4 s in five minutes."""
    scores = {entry.clip().digest: (1.0 if n % 2 == 0 and n else -1.0) for n, entry in enumerate(rows)}
    held = [Held(rows=rows, raw=lambda clip: scores[clip.digest])]
    checks = fitted_line(held, rng=np.random.default_rng(0), window_s=4.0, checked=False).checks
    assert checks["n_false_alarms"] == 1 and checks["false_alarms_per_call"] == pytest.approx(75 / 8, abs=0.01)


def test_intervals_draw_whole_speakers() -> None:
    """Ten speakers of two identical rows are worth ten, so the interval is wider than that of twenty rows alone."""
    rng = np.random.default_rng(0)
    values = np.repeat(np.concatenate([rng.normal(1, 1, 20), rng.normal(0, 1, 20)]), 4)
    table = np.stack([values, np.repeat([1.0, 0.0], 80)], axis=1)
    together = error_rate_interval(table, clusters=[str(n // 4) for n in range(160)], rng=np.random.default_rng(1))
    alone = error_rate_interval(table, clusters=[str(n) for n in range(160)], rng=np.random.default_rng(1))
    assert together[1] - together[0] > 1.4 * (alone[1] - alone[0])
    assert error_rate_interval(table, clusters=["one"] * 160, rng=rng) == (None, None)


def test_folds_keep_clusters_whole(rows: tuple[Entry, ...]) -> None:
    placed = folds(rows, np.random.default_rng(0))
    for place in range(0, 16, 2):
        assert placed[rows[place].id] == placed[rows[place + 1].id], "two rows of one speaker"
    assert sorted(np.bincount(list(placed.values()))) == [4, 4, 4, 4]


# ---------------------------------------------------------------- detectors that are trained


@pytest.mark.parametrize(
    "spec",
    [
        "cqcc_gmm:n_components=2",
        "rawnet2:n_filters=8,width=8,recurrent_width=8,n_epochs=5,batch_size=4,learning_rate=0.02,checks=false",
    ],
)
def test_it_learns_what_parts_the_sides(spec: str, rows: tuple[Entry, ...], tmp_path: Path) -> None:
    if spec.startswith("rawnet2"):
        pytest.importorskip("torch", reason="the network is in torch")
    made = detectors.make(spec).fit(rows, None, np.random.default_rng(0))
    fitted = detectors.make(f"{spec.partition(':')[0]}:artefact={made.save(tmp_path)}")
    ours, spoofed = ([fitted.score(made_clip(n)) for n in range(start, start + 8, 2)] for start in (100, 101))
    assert min(ours) > max(spoofed) and np.mean(ours) > 0 > np.mean(spoofed)
    assert made.about["n_bona_fide"] == 8 and ("telephone" in made.about["checks"]) == ("checks=false" not in spec)


def test_networks_have_the_published_form() -> None:
    torch = pytest.importorskip("torch", reason="the networks are in torch")
    lcnn = detectors.make("lcnn").network().eval()
    widths = [one.out_channels for one in lcnn.modules() if isinstance(one, torch.nn.Conv2d)]
    assert widths == [64, 64, 96, 96, 128, 128, 64, 64, 64], "before the max feature maps halve them"
    assert lcnn(torch.zeros(2, 1, 60, 400)).shape == (2, 2)
    rawnet = detectors.make("rawnet2").network().eval()
    assert rawnet.recurrent.hidden_size == 1024 and rawnet.recurrent.num_layers == 3 and len(rawnet.blocks) == 6
    assert rawnet(torch.zeros(1, 64_600)).shape == (1, 2)
    with pytest.raises(BadParameter, match="n_epochs of detector 'lcnn' must be a whole number"):
        detectors.make("lcnn:n_epochs=0")


# ---------------------------------------------------------------- likelihood


def test_the_likelihood_of_two_answers(rows: tuple[Entry, ...]) -> None:
    from earnest.audio import Stimulus
    from earnest.models import load_model

    detector = detectors.make("likelihood:model=earnest/reference,bona_fide=yes,spoof=no,checks=false")
    clip = rows[0].clip()
    stimulus = Stimulus(clips={"speech": clip}, prompt=detector.prompt)
    yes, no = load_model("earnest/reference").score([stimulus, stimulus], ["yes", "no"])
    assert detector.score(clip) == pytest.approx(yes - no) and not detector.calibrated and detector.threshold is None
    swapped = detectors.make("likelihood:model=earnest/reference,bona_fide=no,spoof=yes")
    assert swapped.score(clip) == pytest.approx(no - yes)
    made = detector.fit(rows[:4], None, np.random.default_rng(0))
    assert made.arrays["calibration"].shape == (2,)
    with pytest.raises(AccessDenied, match="needs scores of given answers, but 'scripted"):
        detectors.make("likelihood:model=scripted/yes").check()
    with pytest.raises(BadParameter, match="needs a model to ask"):
        detectors.make("likelihood").check()
    with pytest.raises(BadParameter, match="must be two answers"):
        detectors.make("likelihood:bona_fide=a,spoof=a")


# ---------------------------------------------------------------- earnest detect


def test_detect(rows: tuple[Entry, ...], tmp_path: Path) -> None:
    made = detectors.make("lfcc_gmm:n_components=2").fit(rows, None, np.random.default_rng(0)).save(tmp_path / "fitted")
    clips = tmp_path / "clips"
    clips.mkdir()
    made_clip(100).write(clips / "a.wav")
    made_clip(101).resampled(8000).write(clips / "b.wav")
    AudioClip(np.zeros(8000, np.float32), RATE).write(clips / "c.wav")
    found = detect([clips], f"lfcc_gmm:artefact={made}")
    a, b, c = found.files
    assert a.decision == "bona_fide" and a.log_likelihood_ratio == a.score and a.heard_s == a.duration_s == 0.4
    assert "resampled from 8,000 to 16,000 Hz inside; above 4,000 Hz there is nothing to hear" in b.notes[0]
    assert c.score is None and "got silence" in c.error and found.n_unscored == 1 and found.threshold == 0.0
    assert made.stem in found.detector, "the artefact is named by its content"
    text = found.as_text()
    assert (
        "1 of 3 files could not be scored" in text
        and "codec: not tested" in text
        and "telephone: equal error rate" in text
    )
    done = CliRunner().invoke(
        cli, ["detect", str(clips), "--with", f"lfcc-gmm:artefact={made}", "--json"], standalone_mode=False
    )
    assert done.return_value == 2 and json.loads(done.stdout)["files"][0]["score"] == a.score
    strict = detect([clips / "a.wav"], f"lfcc_gmm:artefact={made}", threshold=1e6)
    assert strict.files[0].decision == "detected" and strict.n_unscored == 0
    with pytest.raises(BadParameter, match="earnest fit detectors/lfcc_gmm"):
        detect([clips / "a.wav"], "lfcc_gmm")
    with pytest.raises(UnknownName, match="did you mean 'lfcc_gmm'"):
        detect([clips / "a.wav"], "lfc_gmm")
    absent = detect([clips / "none.wav"], f"lfcc_gmm:artefact={made}").files[0]
    assert absent.score is None and "none.wav" in absent.error


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, rows: tuple[Entry, ...], tmp_path: Path) -> None:
    import sys

    from earnest.errors import MissingExtra

    (tmp_path / "any.pth").write_bytes(b"0")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"needs torch; install it with: pip install \"earnest\[torch\]\""):
        detect([rows[0].file], f"aasist_l:weights={tmp_path / 'any.pth'}")
