"""A trial: what it measures, that it finds and narrows a planted gap, and what it refuses."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.audio import AudioClip, Manifest
from earnest.cli.mitigate import mitigate_command
from earnest.errors import BadData, BadParameter
from earnest.mitigation import Frames, Rows, Scores, mitigation
from earnest.mitigation.measures import MEASURES, Sums, change, fairness, gap_of
from earnest.mitigation.recipes import read_characters, recipes
from earnest.mitigation.trial import Read, mitigated, read_rows, split_of, trainings

pytest.importorskip("torch", reason="networks are trained with torch")
FAST = "log_mel:n_steps=120,width=8,learning_rate=0.01"


def read_of(
    *,
    flipped: float = 0.0,
    kept: float = 1.0,
    apart: float = 3.0,
    n_speakers: int = 30,
    splits: bool = True,
    names=("a", "b"),
) -> Read:
    """Two groups of speakers, six rows each: x0 tells the group, x1 the label. In training, good rows of b are called bad."""
    rng = np.random.default_rng(5)
    rows, labels, groups, speakers, sides, texts = [], [], [], [], [], []
    for group in (0, 1):
        for person in range(n_speakers):
            side = ("train", "train", "calibration", "test", "test")[person % 5]
            for k in range(6):
                truth = k % 2
                x = np.array([3.0 * group, 3.0 * truth], np.float32) + 0.8 * rng.standard_normal(2).astype(np.float32)
                wrong = group == 1 and truth == 1 and side == "train" and rng.random() < flipped
                rows.append(x)
                labels.append(0 if wrong else truth)
                groups.append(group)
                speakers.append(f"{group}.{person}")
                sides.append(side if splits else "")
                texts.append(f"text {k}")
    made = Rows(
        inputs=tuple(rows),
        labels=np.array(labels),
        groups=np.array(groups),
        weights=np.ones(len(rows)),
        speakers=tuple(speakers),
        texts=tuple(texts),
        classes=("bad", "good"),
        names=tuple(names),
    )
    return Read(folder="rows", rows=made, splits=tuple(sides), n_unscored={"a": 0, "b": 0}, left_out={}, unscored={})


def trial(read: Read, spec: str, **options):
    given = {"columns": ("group",), "measure": "true_positive_rate", "seeds": 2, "strengths": (1.0,), **options}
    return mitigated(recipes.make(FAST), read, mitigation.make(spec), **given)


# ------------------------------------------------------------------ measures
def four_rows(**changed) -> Rows:
    rows = Rows(
        inputs=(0,) * 8,
        labels=np.array([1, 1, 0, 1, 1, 0, 1, 1]),
        groups=np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        weights=np.ones(8),
        speakers=("p", "p", "q", "q", "r", "r", "s", "s"),
        texts=("",) * 8,
        classes=("bad", "good"),
        names=("a", "b"),
    )
    return replace(rows, **changed)


def test_the_measures_of_a_classifier_by_hand() -> None:
    scores = np.array([0.9, 0.8, 0.6, 0.7, 0.9, 0.2, 0.4, 0.1])  # of good
    rows, outputs = four_rows(), Scores.of(np.column_stack([1 - scores, scores]))
    found = {}
    for name in ("accuracy", "true_positive_rate", "selection_rate", "log_loss"):
        sums = Sums.of(MEASURES[name].of(outputs, rows), rows)
        found[name] = fairness(sums, MEASURES[name], rows.names, rng=np.random.default_rng(0))
    values = {name: [one.value.value for one in each.groups] for name, each in found.items()}
    assert values["accuracy"] == [0.75, 0.5]
    assert values["true_positive_rate"] == [1.0, pytest.approx(1 / 3)]
    assert values["selection_rate"] == [1.0, 0.25]
    assert values["log_loss"][0] == pytest.approx(-np.mean(np.log([0.9, 0.8, 0.4, 0.7])))
    assert found["accuracy"].gap.value == 0.25 and found["accuracy"].worst == "b" and found["log_loss"].worst == "b"
    assert found["accuracy"].overall.value == 0.625
    assert [(one.n, one.n_speakers) for one in found["true_positive_rate"].groups] == [(3, 2), (3, 2)]
    with pytest.raises(BadData, match="two speakers at least whose rows count, got fewer for a, b"):
        Sums.of(MEASURES["false_positive_rate"].of(outputs, rows), rows)


def test_the_word_error_rate_is_of_words_not_of_rows() -> None:
    """Group a: 1 error in 1 word and 0 in 3, so 1/4; the mean of rows would be 1/2."""
    frame = np.log(np.full((1, 30), 1e-6, np.float32))
    frame[0, 2] = 0.0
    outputs = Frames(log_probabilities=(frame,) * 4, read=read_characters)  # "a" each time
    rows = replace(
        four_rows(texts=("b", "a", "a", "a a a", "", "", "", "")).taken([0, 3, 1, 2]), groups=np.array([0, 0, 1, 1])
    )
    rows = replace(rows, speakers=("p", "q", "r", "s"))
    sums = Sums.of(MEASURES["word_error_rate"].of(outputs, rows), rows)
    made = fairness(sums, MEASURES["word_error_rate"], rows.names, rng=np.random.default_rng(0))
    assert [one.value.value for one in made.groups] == [pytest.approx(3 / 4), 0.0]  # 1 replaced, 2 left out, of 4 words
    assert made.worst == "a"


def test_a_change_is_of_the_same_speakers() -> None:
    """What differs between speakers cancels: each speaker gains 0.1, however far apart they are."""
    above = np.zeros((12, 2))
    above[:6, 0], above[6:, 1] = np.linspace(1, 9, 6), np.linspace(0.5, 8, 6)
    below = (above > 0) * 10.0
    before = Sums(above=above, below=below, n=below)
    after = Sums(above=above + (below > 0) * [[0.0, 1.0]], below=below, n=below)
    gap = change(before, after, gap_of)
    assert gap.value == pytest.approx(-0.1 if above[:, 0].sum() - above[:, 1].sum() >= 1 else 0.1, abs=0.08)
    moved = change(before, after, lambda values: values[:, 1])
    assert moved.value == pytest.approx(0.1) and not moved.within_noise or moved.low is None
    same = change(before, before, gap_of)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0) and same.within_noise


def test_pairs_of_three_groups_are_corrected() -> None:
    rng = np.random.default_rng(0)
    above, below = np.zeros((60, 3)), np.zeros((60, 3))
    for group, rate in enumerate((0.9, 0.5, 0.5)):
        below[20 * group : 20 * group + 20, group] = 10
        above[20 * group : 20 * group + 20, group] = rng.binomial(10, rate, 20)
    made = fairness(Sums(above=above, below=below, n=below), MEASURES["accuracy"], ("a", "b", "c"), rng=rng)
    p = {(one.first, one.second): one.p for one in made.pairs}
    assert p["a", "b"] < 0.001 and p["a", "c"] < 0.001 and p["b", "c"] > 0.05
    assert made.worst in ("b", "c") and made.best == "a" and made.gap.low > 0.2


# ------------------------------------------------------------------ trials
def test_no_gap_is_shown_where_none_is() -> None:
    made = trial(read_of(), "reweighing")
    assert made.before.gap.value < 0.1 and "no gap is shown before" in made.verdict
    assert made.how == "column" and made.n_rows == 144 and made.folds == 1


@pytest.mark.parametrize(
    ("spec", "halves"),
    [
        ("reweighing", False),
        ("matched_subsets", True),
        ("group_thresholds", True),
        ("reject_option:target=true_positive_rate", True),
    ],
)
def test_a_planted_gap_is_narrowed_on_unseen_speakers(spec, halves) -> None:
    """Weights make the right labels of b count, and where most are wrong they do not halve the gap; the verdict says which."""
    if spec == "group_thresholds":
        pytest.importorskip("fairlearn", reason="it is the engine of group_thresholds")
    made = trial(read_of(flipped=0.6), spec)
    assert made.before.gap.value > 0.5 and made.before.worst == "b" and made.before.gap.low > 0.3
    assert made.full.gap_change.high < 0 and made.full.worst_change.low > 0
    assert made.full.halves is halves
    assert made.verdict.endswith("by at least half" if halves else "by less than half") and "narrowed" in made.verdict


def test_hiding_the_group_does_not_mend_flipped_labels() -> None:
    """And the verdict says so: the gap may close, but only because help is refused to all."""
    made = trial(read_of(flipped=0.9), "gradient_reversal")
    assert made.full.best_change.value < -0.2 and made.full.fairness.overall.value < made.before.overall.value + 0.05


def test_a_gap_that_is_traded_for_nothing_is_off_the_front() -> None:
    made = trial(read_of(flipped=0.9), "reweighing", strengths=(0.5, 1.0))
    points = [(made.before.gap.value, made.before.overall.value, made.before_on_front)] + [
        (one.fairness.gap.value, one.fairness.overall.value, one.on_front) for one in made.strengths
    ]
    for gap, good, front in points:
        beaten = any(g <= gap and o >= good and (g, o) != (gap, good) for g, o, _ in points)
        assert front is not beaten


def test_relabelled_groups_leave_the_numbers_unchanged() -> None:
    for spec in ("group_dro", "gradient_reversal", "equalised_odds", "reject_option"):
        one, other = (trial(read_of(flipped=0.5, names=names), spec, seeds=1) for names in (("a", "b"), ("z", "c")))
        assert [g.value for g in one.full.fairness.groups] == [g.value for g in other.full.fairness.groups]
        assert one.full.gap_change == other.full.gap_change


def test_folds_measure_every_row_once_and_no_speaker_is_on_two_sides() -> None:
    read = read_of(splits=False)
    parts, how = split_of(read.rows, read.splits, folds=4, seed=0)
    assert how == "drawn" and sorted(np.concatenate([test for *_, test in parts]).tolist()) == list(range(360))
    for sides in parts:
        people = [{read.rows.speakers[k] for k in side} for side in sides]
        assert not (people[0] & people[1] or people[0] & people[2] or people[1] & people[2])
        assert sum(map(len, sides)) == 360
    assert trainings(mitigation.make("reweighing"), read, (0.5, 1.0), folds=4, seeds=3) == 36
    assert trainings(mitigation.make("group_temperature"), read, (0.5, 1.0), folds=4, seeds=3) == 12


# ------------------------------------------------------------------ what is refused
def test_bad_splits() -> None:
    read = read_of()
    with pytest.raises(BadData, match="must have train and test"):
        split_of(read.rows, ["train"] * len(read.rows), folds=4, seed=0)
    leaking = list(read.splits)
    leaking[0] = "test"
    with pytest.raises(BadData, match=r"1 are in test and outside it \(0.0\)"):
        split_of(read.rows, leaking, folds=4, seed=0)
    few = read_of(splits=False, n_speakers=2)
    with pytest.raises(BadData, match="has none in train; give more speakers of it, or fewer folds|has none in"):
        split_of(few.rows, few.splits, folds=4, seed=0)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("worst_group_ctc", {}, "worst_group_ctc serves recipes that give words, and log_mel gives classes"),
        (
            "reweighing",
            {"measure": "word_error_rate"},
            "the measures of log_mel are accuracy, .* got 'word_error_rate'",
        ),
        ("reweighing", {"strengths": (0.0, 1.0)}, "strengths must be different numbers above 0"),
        ("reweighing", {"folds": 2}, "3 folds, 1 seed and groups of 2 rows at least, got 2, 2 and 20"),
    ],
)
def test_bad_parameters(spec, options, message) -> None:
    with pytest.raises(BadParameter, match=message):
        trial(read_of(), spec, **options)


def test_three_labels_are_too_many_for_thresholds() -> None:
    read = read_of()
    three = replace(read, rows=replace(read.rows, classes=("bad", "good", "odd")))
    with pytest.raises(BadData, match="reject_option takes a label of two values, got 3"):
        trial(three, "reject_option")


@pytest.fixture
def folder(tmp_path):
    """Tones of two heights, the label, by speakers of two groups, of whom those of b have noise; one row has no label."""

    def write(*, groups: int = 2, people: int = 8, speakers: bool = True):
        place = tmp_path / "data"
        (place / "audio").mkdir(parents=True)
        rng, rows = np.random.default_rng(0), []
        for group in "abc"[:groups]:
            for person in range(people):
                for label, hz in (("low", 300), ("high", 1500), ("low", 340)):
                    t = np.arange(4800) / 16000
                    samples = 0.1 * np.sin(2 * np.pi * hz * t) + (
                        0.05 if group == "b" else 0.001
                    ) * rng.standard_normal(4800)
                    name = f"audio/{len(rows)}.wav"
                    AudioClip(samples.astype(np.float32), 16000).write(place / name)
                    rows.append((name, f"{group}{person}" if speakers else group, group, "" if not rows else label))
        with (place / "metadata.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", "speaker", "accent", "label"), *rows])
        return place

    return write


def read(place, **options):
    given = {"columns": ("accent",), "label": "label", "positive": "", "least": 20, **options}
    return read_rows(recipes.make(FAST), Manifest.read(place), **given)


def test_rows_that_cannot_be_scored_are_counted(folder) -> None:
    place = folder()
    (place / "audio" / "47.wav").write_bytes(b"RIFF no sound")
    found = read(place)
    assert len(found.rows) == 46 and found.n_unscored == {"a": 1, "b": 1}
    assert found.unscored["audio/0.wav"] == "no label" and "audio/47.wav" in found.unscored
    assert found.rows.classes == ("high", "low") and found.rows.positive == 1
    assert read(place, positive="high").rows.positive == 0


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        ({"groups": 1}, {}, r"two groups of 20 rows, got a: 24 \(audio/0.wav, audio/1.wav"),
        ({"people": 1}, {}, r"got a: 3 \(audio/0.wav, audio/1.wav, audio/2.wav\); b: 3 \(audio/3.wav"),
        ({"speakers": False}, {}, r"all usable rows of a \(audio/1.wav, .*\) are of 1; give more speakers"),
        ({}, {"label": "none"}, "no row of .* can be used"),
        ({}, {"label": "speaker", "columns": ("speaker",)}, "two groups of 20 rows, got"),
        ({}, {"positive": "middle"}, "no row has label='middle'; the values are high, low"),
    ],
)
def test_bad_data(folder, made, options, message) -> None:
    with pytest.raises(BadData, match=message):
        read(folder(**made), **options)


def test_a_small_group_is_left_out_and_counted(folder) -> None:
    place = folder(groups=3)
    lines = (place / "metadata.csv").read_text().splitlines()
    (place / "metadata.csv").write_text("\n".join(lines[:-20]) + "\n")
    assert read(place).left_out == {"c: fewer than 20": 4} and read(place).rows.names == ("a", "b")


def test_the_command_from_recordings_to_a_page(folder, tmp_path) -> None:
    place, out = folder(), tmp_path / "out"
    call = ["--model", FAST, "--data", str(place), "--group", "accent", "--method", "reweighing", "--method", "group_temperature",
            "--strength", "1", "--seeds", "1", "--folds", "3"]  # fmt: skip
    done = CliRunner().invoke(mitigate_command, [*call, "--dry-run"])
    assert (
        done.exit_code == 0
        and "47 rows of a, b; reweighing: 6 trainings, group_temperature: 3 trainings" in done.stdout
    )
    done = CliRunner().invoke(mitigate_command, [*call, "--json", "--out", str(out)])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made == json.loads((out / "mitigation.json").read_text())
    one, other = made["trials"]
    assert one["n_rows"] == 47 and one["n_unscored"] == {"a": 1, "b": 0} and one["stage"] == "before"
    assert other["measure"] == "log_loss" and math.isfinite(other["before"]["gap"]["value"])
    page = (out / "mitigation.html").read_text()
    assert one["verdict"] in page and "1 rows of a are unscored" in page and "kamiran2012-preprocessing" in page
