"""Matched splits: pairs by hand, sides drawn by a coin, and a confounded split that a match mends or empties."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.audio import AudioClip, Manifest
from earnest.audio.entry import Entry
from earnest.errors import BadData, BadParameter
from earnest.privacy.blind import FAMILIES
from earnest.privacy.matching import drawn_sides, matched_pairs, standardised
from earnest.runs.privacy_match import match


def rows(*speakers):
    return [Entry(path=f"{k}.wav", text="x", speaker=speaker) for k, speaker in enumerate(speakers)]


def at(*places):
    return [{name: [float(place)] for name in FAMILIES} for place in places]


def test_recordings_drawn_at_random_are_two_apart():
    rng = np.random.default_rng(0)
    features = [{name: rng.normal(size=5) * 7 + 3 for name in FAMILIES} for _ in range(400)]
    x = standardised(features)
    distances = ((x[:200] - x[200:]) ** 2).sum(1)
    assert distances.mean() == pytest.approx(2, rel=0.1)


def test_pairs_are_of_one_speaker_and_least_in_sum():
    first, second = rows("a", "a", "b"), rows("a", "b", "a", "c")
    # of a: 0 and 1 against 0.9 and 2; 0-0.9 and 1-2 cost 0.81 + 1, the greedy 1-0.9 and 0-2 cost 0.01 + 4
    pairs = matched_pairs(first, second, at(0, 1, 5, 0.9, 5.1, 2, 5), caliper=9.0, telling=9.0)
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 0), (1, 2), (2, 1)]
    spread = np.std([0, 1, 5, 0.9, 5.1, 2, 5])
    assert pairs[0].distance == pytest.approx(0.81 / spread**2)
    near = matched_pairs(first, second, at(0, 1, 5, 0.9, 5.1, 2, 5), caliper=0.9 / spread**2, telling=9.0)
    assert [(pair.first, pair.second) for pair in near] == [(0, 0), (2, 1)]


def test_sides_without_a_common_speaker_do_not_match():
    with pytest.raises(BadData, match="they share 0 speakers, of 2 and 1; record both sides alike"):
        matched_pairs(rows("a", "b"), rows("c"), at(0, 1, 2))
    with pytest.raises(BadParameter, match="above 0"):
        matched_pairs(rows("a"), rows("a"), at(0, 1), caliper=0)


def test_sides_are_drawn_from_the_nearest_pairs_by_a_coin():
    entries = rows("a", "a", "a", "a", "b")
    features = at(0, 0.1, 7, 7.3, 0)
    seen = set()
    for seed in range(40):
        members, nonmembers, alone = drawn_sides(entries, features, rng=np.random.default_rng(seed))
        assert alone == [4] and sorted([*members, *nonmembers]) == [0, 1, 2, 3]
        assert len({0, 1} & set(members)) == len({2, 3} & set(members)) == 1
        seen.add(tuple(members))
    assert seen == {(0, 2), (0, 3), (1, 2), (1, 3)}
    with pytest.raises(BadData, match="no speaker with two of the 2 recordings"):
        drawn_sides(rows("a", "b"), at(0, 1), rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two levels of noise in each of six voices."""
    folder = tmp_path_factory.mktemp("match")
    rng = np.random.default_rng(0)
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "id", "text", "speaker", "answer"])
        for k in range(24):
            samples = rng.normal(0, 0.02 if k % 2 else 0.2, 4000).astype(np.float32)
            AudioClip(samples, 16_000).write(folder / f"{k}.wav")
            table.writerow([f"{k}.wav", f"r{k}", "the same words", f"v{k // 4}", f"secret {k}"])
    return folder


def test_a_data_set_is_divided_and_written(data, tmp_path):
    made = match(data, tmp_path / "out")
    assert made.n_pairs == 12 and made.n_left_members == 0 and made.mean_distance is None
    sides = Manifest.read(made.members), Manifest.read(made.nonmembers)
    ids = [{entry.id for entry in side} for side in sides]
    assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 24
    first = next(iter(sides[0]))
    assert first.value("answer") == f"secret {first.id[1:]}"
    assert {e.id for e in Manifest.read(match(data, tmp_path / "other", seed=1).members)} != ids[0]


def test_two_sets_keep_what_has_a_counterpart(data, tmp_path):
    whole = Manifest.read(data)
    from dataclasses import replace

    from earnest.audio.converting import convert

    loud = [entry for entry in whole if int(entry.id[1:]) % 2 == 0]
    rest = [entry for entry in whole if entry not in loud]
    convert(replace(whole, entries=tuple(loud + rest[:3])), tmp_path / "a")
    convert(replace(whole, entries=tuple(rest[3:])), tmp_path / "b")
    done = CliRunner().invoke(
        __import__("earnest.cli", fromlist=["cli"]).cli,
        [
            "privacy",
            "match",
            str(tmp_path / "a"),
            "--nonmembers",
            str(tmp_path / "b"),
            "--out",
            str(tmp_path / "out"),
            "--json",
        ],
    )
    made = json.loads(done.output)
    assert made["n_pairs"] + made["n_left_members"] == 15 and made["n_pairs"] + made["n_left_nonmembers"] == 9
    kept = [entry.clip().level_dbfs for entry in Manifest.read(tmp_path / "out" / "members")]
    assert max(kept) < -25 and made["mean_distance"] < 2  # loud ones have no counterpart
