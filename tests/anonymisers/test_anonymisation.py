"""Attackers against anonymisation: the numbers on worked cases, and a whole evaluation of voices that are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.signal import lfilter

from earnest.audio import AudioClip, Manifest
from earnest.cli import cli
from earnest.errors import BadData, BadParameter
from earnest.metrics.detection import equal_error_rate
from earnest.metrics.linkability import linkability, linkability_by_chance, speaker_error_rate_interval
from earnest.report.anonymisation import AnonymisationFile
from earnest.runs.anonymisation import doubts_about, evaluate, pitch_correlation
from earnest.runs.reidentification import Strength, Trials, _grown, fold_of, linking_of, pieces_of

RATE = 16_000
N_VOICES = 20
SATURATED = Strength(steps=((1, 0.2), (2, 0.2)), n_copies=1, saturated=True)


VOWELS = ((300, 2200, 2800), (700, 1200, 2500), (350, 800, 2400), (500, 1600, 2500))


def spoken(voice: int, take: int, *, seconds: float = 1.5) -> AudioClip:
    """A voice that is known by pitch, formants, their widths and its tilt, saying vowels that are drawn."""
    of_voice, of_take = np.random.default_rng(voice), np.random.default_rng([voice, take])
    pitch, tract = 90 * 2 ** of_voice.uniform(0, 1.3), of_voice.uniform(0.75, 1.3)
    widths, tilt = of_voice.uniform(50, 200, size=3), of_voice.uniform(0.0, 0.95)
    samples = []
    for _ in range(round(seconds / 0.25)):
        pulses = np.zeros(4000)
        pulses[:: round(RATE / (pitch * of_take.uniform(0.9, 1.1)))] = 1.0
        for formant, width in zip(VOWELS[of_take.integers(4)], widths, strict=True):
            radius, angle = np.exp(-np.pi * width / RATE), 2 * np.pi * tract * formant / RATE
            pulses = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], pulses)
        pulses = lfilter([1.0], [1.0, -tilt], pulses)
        samples.append(pulses / np.abs(pulses).max())
    noise = 0.003 * of_take.standard_normal(len(samples) * 4000)
    return AudioClip((0.3 * np.concatenate(samples) + noise).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("voices")
    rows = ["path,speaker,gender"]
    for voice in range(N_VOICES):
        for take in range(2):
            spoken(voice, take).write(folder / f"{voice}_{take}.flac")
            rows.append(f"{voice}_{take}.flac,v{voice},{'female' if voice % 2 else 'male'}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return Manifest.read(folder)


# ---- numbers by hand ----


def test_linkability_by_hand() -> None:
    mated, other = [0.0] * 10 + [1.0] * 10, [0.0] * 30 + [1.0] * 10
    assert linkability(mated=mated, non_mated=other) == pytest.approx(1 / 6)
    # prior odds of 1/2: the ratio of 2 above becomes 1, and nothing is linked
    assert linkability(mated=mated, non_mated=other, omega=0.5) == 0.0
    assert linkability(mated=np.arange(20.0) + 100, non_mated=np.arange(40.0)) == 1.0
    assert linkability(mated=[1.0] * 20, non_mated=[1.0] * 5) == 0.0
    with pytest.raises(BadParameter, match="needs 10 mated scores at least, got 2"):
        linkability(mated=[0.0, 1.0], non_mated=[0.0])
    with pytest.raises(BadParameter, match="prior odds above 0"):
        linkability(mated=mated, non_mated=other, omega=0)


def test_chance_linkability_is_what_equal_distributions_give() -> None:
    rng = np.random.default_rng(1)
    mated, other = rng.standard_normal(100), rng.standard_normal(2000)
    chance = linkability_by_chance(mated=mated, non_mated=other, rng=rng)
    assert 0.02 < chance < 0.15 and abs(linkability(mated=mated, non_mated=other) - chance) < 0.06
    apart = mated + 4
    assert linkability(mated=apart, non_mated=other) > 5 * linkability_by_chance(mated=apart, non_mated=other, rng=rng)


def trials_of(n_speakers: int, rng: np.random.Generator, *, apart: float) -> Trials:
    """Every speaker against every one, with a shift of each speaker's scores, so that trials go together by speaker."""
    names = [f"s{place}" for place in range(n_speakers)]
    shift = dict(zip(names, rng.standard_normal(n_speakers), strict=True))
    pairs = [(a, b) for a in names for b in names]
    scores = [apart * (a == b) + shift[a] + shift[b] + 0.5 * rng.standard_normal() for a, b in pairs]
    genders = ["female" if int(a[1:]) % 2 == int(b[1:]) % 2 == 0 else None for a, b in pairs]
    return Trials(
        scores=np.array(scores), enrolled=[a for a, _ in pairs], spoken=[b for _, b in pairs], genders=genders
    )


def test_an_interval_by_speakers_covers_and_is_wider_than_that_of_independent_trials() -> None:
    """Of 60 data sets of 20 speakers, the interval covers the rate of very many speakers about as often as it says."""
    truth = np.mean([_rate(trials_of(150, np.random.default_rng([7, n]), apart=3.0)) for n in range(6)])
    covered = []
    for n in range(60):
        some = trials_of(20, np.random.default_rng([8, n]), apart=3.0)
        interval = speaker_error_rate_interval(
            scores=some.scores, first=some.enrolled, second=some.spoken, rng=np.random.default_rng(n), n_resamples=200
        )
        assert interval.low <= interval.high
        covered.append(truth in interval)
    assert np.mean(covered) > 0.8


def _rate(some: Trials) -> float:
    same, other = some.sides
    return equal_error_rate(bona_fide=same, spoof=other)


def test_an_interval_of_scores_that_part_perfectly_is_zero_and_few_speakers_have_none() -> None:
    interval = speaker_error_rate_interval(
        scores=[2.0, 2.1, 2.2, 0.0, 0.1, 0.2],
        first=["a", "b", "c", "a", "b", "c"],
        second=["a", "b", "c", "b", "c", "a"],
        rng=np.random.default_rng(0),
    )
    assert (interval.low, interval.high) == (0.0, 0.0)
    with pytest.raises(BadParameter, match="needs three of them"):
        speaker_error_rate_interval(scores=[1.0, 0.0], first="aa", second="ab", rng=np.random.default_rng(0))


def test_headline_trials_are_of_one_gender() -> None:
    some = trials_of(12, np.random.default_rng(2), apart=3.0)
    assert len(some.of_one_gender().scores) == 36 == len(some.of_gender("female").scores)
    linking = linking_of(some, rng=np.random.default_rng(0))
    assert linking is not None and (linking.n_mated, linking.n_non_mated) == (12, 132)
    assert (
        linking_of(some.where(lambda place: some.enrolled[place] != some.spoken[place]), rng=np.random.default_rng(0))
        is None
    )


def test_training_grows_until_it_no_longer_helps() -> None:
    rates = {1: 0.4, 2: 0.2, 4: 0.195, 8: 0.1}
    grown = _grown(8, rates.__getitem__)
    assert grown == Strength(steps=((1, 0.4), (2, 0.2), (4, 0.195)), n_copies=4, saturated=True)
    assert not _grown(2, rates.__getitem__).saturated


@pytest.mark.parametrize(
    ("changed", "trusted", "words"),
    [
        ({}, True, None),
        ({"clean": 0.06, "anchor": 0.06}, False, "errs in 0.060 of the trials on recordings as they are"),
        ({"rates": {"ignorant": 0.3, "lazy_informed": 0.2, "semi_informed": 0.25}}, False, "its training has failed"),
        ({"strength": Strength(steps=((1, 0.4), (2, 0.2)), n_copies=2, saturated=False)}, False, "still helped"),
        ({"anchor": 0.46}, False, "does not break McAdams \\(0.460 against 0.040"),
        ({"anchor": None}, True, "McAdams was not run"),
    ],
)
def test_a_weak_attacker_is_doubted(changed: dict, trusted: bool, words: str | None) -> None:
    rates = {"ignorant": 0.4, "lazy_informed": 0.3, "semi_informed": 0.1}
    given = {"clean": 0.04, "rates": rates, "strength": SATURATED, "anchor": 0.05} | changed
    strong, doubts = doubts_about(**given)
    assert strong == trusted
    if words is None:
        assert doubts == []
    else:
        import re

        assert any(re.search(words, doubt) for doubt in doubts)


def test_pitch_correlation_is_one_with_itself_and_follows_the_contour() -> None:
    clip = spoken(1, 0, seconds=3.0)
    assert pitch_correlation(clip, clip) == pytest.approx(1.0)
    other = pitch_correlation(clip, spoken(1, 1, seconds=3.0))
    assert other is not None and other < 0.6
    assert pitch_correlation(clip, AudioClip(np.zeros(48_000, np.float32), RATE)) is None


# ---- pieces, folds, a whole evaluation ----


def test_speakers_with_one_recording_are_halved_and_roles_divide_the_others(tmp_path: Path) -> None:
    rows = ["path,speaker"]
    for voice in range(10):
        for take in range(1 if voice else 5):
            spoken(voice, take, seconds=2.5).write(tmp_path / f"{voice}_{take}.flac")
            rows.append(f"{voice}_{take}.flac,v{voice}")
    (tmp_path / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    pieces = pieces_of(Manifest.read(tmp_path))
    assert [piece.role for piece in pieces if piece.speaker == "v0"] == ["enrolment"] * 3 + ["trial"] * 2
    halves = [piece for piece in pieces if piece.speaker == "v3"]
    assert [piece.half for piece in halves] == [0, 1] and [piece.role for piece in halves] == ["enrolment", "trial"]
    whole = halves[0].entry.clip().samples
    assert np.array_equal(np.concatenate([piece.clip().samples for piece in halves]), whole)
    folds = fold_of(pieces, seed=0)
    assert sorted(folds.values()) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_one_speaker_cannot_be_linked(tmp_path: Path) -> None:
    for take in range(3):
        spoken(0, take).write(tmp_path / f"{take}.flac")
    rows = ["path,speaker", *(f"{take}.flac,only" for take in range(3))]
    (tmp_path / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"needs 10 of them, with 2 s of speech each, got 1 in .*\(only\)"):
        evaluate(Manifest.read(tmp_path), ["mcadams"])


def test_an_evaluation_of_known_voices(data: Manifest, tmp_path: Path) -> None:
    """A method that changes nothing hides nobody from anybody; McAdams hides from who knows nothing, and less from who trains."""
    words = [
        data.folder,
        "--method",
        "mcadams:alpha=1",
        "--method",
        "mcadams",
        "--copies",
        1,
        "--seed",
        1,
        "--out",
        tmp_path,
    ]
    done = CliRunner().invoke(cli, ["privacy", "anonymisation", *map(str, words)], standalone_mode=False)
    assert done.exception is None and "attacker too weak" in done.output
    page = (tmp_path / "privacy_anonymisation.html").read_text(encoding="utf-8")
    assert "semi-informed" in page and "upper bounds" in page
    made = AnonymisationFile.model_validate_json((tmp_path / "privacy_anonymisation.json").read_text(encoding="utf-8"))
    nothing, some = made.methods
    clean = made.clean.linking[0].equal_error_rate.value
    rates = {
        one.method: {attacker.attacker: attacker.linking[0].equal_error_rate.value for attacker in one.attackers}
        for one in made.methods
    }
    assert clean < 0.2 and made.clean.linking[0].trials == "same gender"
    assert rates["mcadams:alpha=1"] == dict.fromkeys(("ignorant", "lazy_informed", "semi_informed"), clean)
    assert rates["mcadams"]["ignorant"] > clean + 0.1
    assert rates["mcadams"]["semi_informed"] < rates["mcadams"]["ignorant"]
    assert {linking.trials for linking in made.clean.linking} == {"same gender", "female", "male", "all"}
    assert nothing.attributes[0].uninformed == nothing.attributes[0].clean
    assert some.utility is None and (made.n_speakers, made.n_pieces) == (N_VOICES, 2 * N_VOICES) and not some.failed
    assert some.trusted is False and not some.strength.saturated


def test_what_cannot_be_evaluated_is_told(data: Manifest) -> None:
    with pytest.raises(BadParameter, match="power of two"):
        evaluate(data, ["mcadams"], n_copies=3)
    with pytest.raises(BadParameter, match="a method at least"):
        evaluate(data, [])


def test_the_command_says_what_it_would_do(data: Manifest) -> None:
    words = ["privacy", "anonymisation", str(data.folder), "--method", "mcadams", "--dry-run", "--json"]
    tried = CliRunner().invoke(cli, words, standalone_mode=False)
    assert json.loads(tried.stdout) == {"n_speakers": 20, "n_pieces": 40, "n_trials": 20, "calls_per_method": 220}
