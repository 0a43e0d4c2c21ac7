"""The audit finds what was planted in data, and nothing where nothing was planted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from earnest.audio import AudioClip, Manifest
from earnest.cli.data import data_command
from earnest.errors import BadData, BadParameter
from earnest.mitigation._groups import holm, welch
from earnest.mitigation.audit import audit, channel_test, sound_of

RATE = 16000


def recording(rng: np.random.Generator, *, level: float = 0.1, noise: float = 1e-4, cut_hz: float = 0.0) -> np.ndarray:
    """Bursts of noise with pauses between them, over a floor of noise; above `cut_hz`, if given, there is nothing."""
    n = RATE // 2
    gate = (np.arange(n) // (RATE // 10)) % 2 == 0
    samples = level * rng.standard_normal(n) * gate + noise * rng.standard_normal(n)
    if cut_hz:
        spectrum = np.fft.rfft(samples)
        spectrum[np.fft.rfftfreq(n, 1 / RATE) > cut_hz] = 0
        samples = np.fft.irfft(spectrum, n)
    return samples.astype(np.float32)


def write_data(folder: Path, rows: list[dict], **of_group: dict) -> Path:
    """A data set of rows (speaker, gender, text, label); what `recording` takes is given by gender."""
    (folder / "audio").mkdir(parents=True)
    rng = np.random.default_rng(0)
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("path", *rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows):
            clip = AudioClip(recording(rng, **of_group.get(row["gender"], {})), RATE)
            clip.write(folder / "audio" / f"{number:03d}.wav")
            writer.writerow({"path": f"audio/{number:03d}.wav", **row})
    return folder


def rows_of(*, men: int = 12, women: int = 12, flipped: bool = False) -> list[dict]:
    """Four texts of each of some men and women, half of the texts good; flipped: the good ones of women are bad."""
    return [
        {
            "speaker": f"{gender[0]}{k}",
            "gender": gender,
            "text": f"text {t}",
            "label": "good" if t < 2 and not (flipped and gender == "female") else "bad",
        }
        for gender, n in (("male", men), ("female", women))
        for k in range(n)
        for t in range(4)
    ]


@pytest.fixture
def data(tmp_path):
    """Makes a data set."""
    return lambda rows=None, **of_group: write_data(tmp_path / "data", rows or rows_of(), **of_group)


def kinds(made) -> set[str]:
    return {one.kind for one in made.findings}


def of(folder, **options):
    return audit(Manifest.read(folder), columns=("gender",), **{"n_permutations": 99, **options})


def test_equal_groups_have_no_finding(data) -> None:
    made = of(data())
    assert made.findings == ()
    assert [(one.group, one.n_rows, one.n_speakers, one.n_texts) for one in made.groups] == [
        ("female", 48, 12, 4),
        ("male", 48, 12, 4),
    ]
    assert made.groups[0].minutes == pytest.approx(48 * 0.5 / 60)
    assert (made.shared[0].n_texts, made.shared[0].share_first, made.shared[0].n_contradicted) == (4, 1.0, 0)


def test_a_thinned_group_is_found(data) -> None:
    made = of(data(rows_of(men=20, women=5)))
    assert kinds(made) == {"thin"} and made.findings[0].groups == ("female",)
    assert "20% of the minutes and 20% of the speakers" in made.findings[0].text


def test_flipped_labels_are_found_by_rate_and_by_text(data) -> None:
    made = of(data(rows_of(flipped=True)))
    assert kinds(made) == {"labels", "contradicted"}
    assert made.label_rates[0].measure == "label bad" and made.label_rates[0].difference == pytest.approx(0.5)
    assert made.shared[0].n_contradicted == 2  # texts 0 and 1 are good in men and bad in women


def test_a_cut_channel_is_found_by_bandwidth_and_by_the_pauses(data) -> None:
    made = of(data(female={"cut_hz": 3400}))
    assert "channel" in kinds(made) and made.channel is not None and made.channel.tells
    assert made.channel.balanced_accuracy == 1.0 and made.channel.band_high < 0.75
    (bandwidth,) = (one for one in made.contrasts if one.measure == "bandwidth_hz")
    assert bandwidth.p < 0.001 and -4700 < bandwidth.difference < -4400  # 3400 against 8000 Hz


def test_level_and_noise_are_compared_in_decibels(data) -> None:
    made = of(data(female={"level": 0.05, "noise": 1e-3}))
    differences = {one.measure: one.difference for one in made.contrasts}
    assert differences["level_dbfs"] == pytest.approx(-6.02, abs=0.15)
    assert differences["noise_dbfs"] == pytest.approx(20.0, abs=0.15)
    assert differences["snr_db"] == pytest.approx(-26.02, abs=0.25)
    assert {"level", "noise", "channel"} <= kinds(made)


def test_the_sound_of_a_recording_by_hand() -> None:
    sound = sound_of(AudioClip(recording(np.random.default_rng(1), level=0.1, noise=1e-3), RATE))
    assert sound.measures["level_dbfs"] == pytest.approx(-20.0, abs=0.3)
    assert sound.measures["noise_dbfs"] == pytest.approx(-60.0, abs=0.3)
    assert sound.measures["duration_s"] == 0.5
    assert sound_of(AudioClip(np.zeros(RATE, np.float32), RATE)).measures["level_dbfs"] == -120.0


def test_relabelled_groups_leave_the_numbers_unchanged(data, tmp_path) -> None:
    folder = data(rows_of(men=10, women=14), female={"noise": 3e-4})
    made = of(folder)
    text = (folder / "metadata.csv").read_text()
    swapped = text.replace(",male,", ",x,").replace(",female,", ",male,").replace(",x,", ",female,")
    (folder / "metadata.csv").write_text(swapped)
    other = of(folder)
    assert {one.group: one.means for one in other.groups} == {
        {"male": "female", "female": "male"}[one.group]: one.means for one in made.groups
    }
    for one, two in zip(made.contrasts, other.contrasts, strict=True):
        assert (one.p, one.difference) == pytest.approx((two.p, -two.difference))


def test_the_channel_of_unseen_speakers_not_of_known_ones() -> None:
    """Features that name the speaker and not the group give nothing: a split by rows would give everything."""
    rng = np.random.default_rng(3)
    speakers = [f"s{k}" for k in range(24) for _ in range(6)]
    groups = np.repeat(np.arange(24) % 2, 6)
    own = np.repeat(10 * rng.standard_normal((24, 6)), 6, axis=0) + 0.01 * rng.standard_normal((144, 6))
    found = channel_test(own, groups, speakers, n_permutations=99, rng=rng)
    assert not found.tells and found.balanced_accuracy < 0.75
    told = channel_test(own + 30 * groups[:, None], groups, speakers, n_permutations=99, rng=rng)
    assert told.tells and told.balanced_accuracy == 1.0 and told.p == 0.01  # 1 of 100


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


def test_welch_is_scipys() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(1, 2, 9), rng.normal(0, 1, 17)
    expected = stats.ttest_ind(one, other, equal_var=False)
    difference, low, high, p = welch(one, other)
    assert p == pytest.approx(expected.pvalue) and difference == pytest.approx(one.mean() - other.mean())
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))


def test_intersections_margins_and_unknown(data) -> None:
    rows = [row | {"age_band": "child" if k % 3 else "adult"} for k, row in enumerate(rows_of())]
    rows[0]["gender"] = ""
    made = audit(Manifest.read(data(rows)), columns=("age_band", "gender"), least=10, n_permutations=19)
    assert [one.group for one in made.groups] == ["adult & female", "adult & male", "child & female", "child & male"]
    assert made.n_unknown == 1 and sum(one.n_rows for one in made.groups) == 95
    assert {one.group: one.n_rows for one in made.margins} == {
        "age_band=adult": 32, "age_band=child": 64, "gender=female": 48, "gender=male": 47,
    }  # fmt: skip


def test_what_cannot_be_read_is_counted(data) -> None:
    folder = data()
    (folder / "audio" / "000.wav").write_bytes(b"RIFF no sound")
    made = of(folder)
    male = made.groups[1]
    assert (male.n_rows, male.n_unreadable) == (48, 1) and list(made.unreadable) == ["audio/000.wav"]
    assert made.findings[0].kind == "unreadable" and made.findings[0].groups == ("male",)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (rows_of(women=0), {}, "two groups of 20 rows, got male: 48 "),
        (rows_of()[:51], {}, r"female: 3 \(audio/048.wav, audio/049.wav, audio/050.wav\)"),
        (rows_of(), {"columns": ("nothing",)}, "no row .* in column 'nothing'"),
    ],
)
def test_bad_data(data, rows, options, message) -> None:
    with pytest.raises(BadData, match=message):
        audit(Manifest.read(data(rows)), **{"columns": ("gender",), **options})


def test_one_speaker_is_named(data) -> None:
    rows = rows_of(men=6) + [row | {"speaker": "f0"} for row in rows_of(men=0, women=6)]
    rows = [row for row in rows if row["gender"] == "male" or row["speaker"] == "f0"]
    made = of(data(rows))
    assert "one_speaker" in kinds(made)
    assert made.channel is None and "two speakers in each group" in made.channel_note


def test_too_few_permutations(data) -> None:
    with pytest.raises(BadParameter, match="19 permutations at least, got 20 and 5"):
        of(data(), n_permutations=5)


def test_the_command_writes_json_and_a_page(data, tmp_path) -> None:
    folder, out = data(rows_of(men=20, women=5)), tmp_path / "out"
    done = CliRunner().invoke(
        data_command, ["audit", str(folder), "--group", "gender", "--permutations", "19", "--json", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made == json.loads((out / "audit.json").read_text())
    assert made["findings"][0]["kind"] == "thin" and made["channel_tells"] is False
    page = (out / "audit.html").read_text()
    assert "20% of the minutes" in page and "http" not in page.replace("http-equiv", "")
