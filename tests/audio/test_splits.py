"""Splits: whole clusters of speaker and text, from the column or from the seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.audio import Manifest
from earnest.audio.manifest import Entry
from earnest.audio.splits import clusters, is_seen, key, keys, split_of
from earnest.errors import BadData


def manifest(*rows: dict[str, str]) -> Manifest:
    return Manifest(Path("data"), tuple(Entry(path=f"{place}.wav", **row) for place, row in enumerate(rows)))


def test_rows_that_share_a_speaker_or_a_text_are_one_cluster() -> None:
    rows = manifest(
        {"speaker": "a", "text": "one"},
        {"speaker": "b", "text": "ONE."},
        {"speaker": "B", "text": "two"},
        {"speaker": "c", "text": "six"},
        {},
    ).entries
    found = clusters(rows)
    assert found["0.wav"] == found["1.wav"] == found["2.wav"], "through the text, and the speaker, of the second"
    assert len({found["0.wav"], found["3.wav"], found["4.wav"]}) == 3
    assert key(rows[4], "text") is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "x", "y", "z", "w", "v"]), st.sampled_from(["spoof", "bona_fide"])),
                min_size=2, max_size=30), st.integers(0, 5))  # fmt: skip  # a table: one row a line
def test_a_draw_parts_no_cluster_and_loses_no_row(rows: list[tuple[str, str, str]], seed: int) -> None:
    data = manifest(*({"speaker": s, "text": t, "label": label} for s, t, label in rows))
    try:
        train, test = (split_of(data, name, seed=seed) for name in ("train", "test"))
    except BadData as error:
        assert "share one speaker or one text" in str(error)
        return
    assert (train.rows, train.rest) == (test.rest, test.rows)
    assert len(train.rows) + len(train.rest) == len(data) and train.rows and train.rest
    for column in train.apart_by:
        assert not keys(train.rows, column) & keys(test.rows, column)
    assert not any(is_seen(entry, train.as_json()) for entry in train.rest)
    assert all(is_seen(entry, train.as_json()) for entry in train.rows if any(key(entry, c) for c in train.apart_by))
    assert split_of(data, "train", seed=seed) == train


def test_labels_are_as_even_as_clusters_allow() -> None:
    data = manifest(*({"speaker": str(n), "label": label} for n, label in enumerate(["spoof"] * 8 + ["bona_fide"] * 4)))
    train = split_of(data, "train", seed=3)
    assert [sum(entry.label == label for entry in train.rows) for label in ("spoof", "bona_fide")] == [4, 2]
    assert len({tuple(entry.id for entry in split_of(data, "train", seed=seed).rows) for seed in range(6)}) > 1, (
        "another seed draws others"
    )


def test_crossed_speakers_and_texts_are_parted_by_speaker_and_that_is_said() -> None:
    data = manifest(*({"speaker": s, "text": t} for s in "abcd" for t in ("zero", "one", "two")))
    train = split_of(data, "train")
    assert train.apart_by == ("speaker",) and len(train.rows) == 6
    assert (
        train.note
        == "a text may be on both sides, which does not count as seen: speaker and text cannot be parted together"
    )


def test_the_column_decides_and_a_leak_is_seen() -> None:
    """Speaker a leaks into the test; nobody's text does."""
    data = manifest(
        {"speaker": "a", "text": "one", "split": "train"},
        {"speaker": "b", "text": "two", "split": "train"},
        {"speaker": "a", "text": "three", "split": "test"},
        {"speaker": "c", "text": "four", "split": "test"},
        {"speaker": "d", "text": "two", "split": "dev"},
    )
    train = split_of(data, "train")
    assert (
        [entry.path for entry in train.rows] == ["0.wav", "1.wav"]
        and train.how == "column"
        and train.apart_by == ("speaker", "text")
    )
    assert [is_seen(entry, train.as_json()) for entry in data] == [True, True, True, False, True]
    assert "33% of the rows outside share a speaker with it, which counts as seen" in train.note
    with pytest.raises(BadData, match="got dev, test, train"):
        split_of(data, "valid")


def test_a_column_that_runs_across_texts_counts_speakers_alone() -> None:
    data = manifest(
        *({"speaker": s, "text": t, "split": "train" if s in "ab" else "test"} for s in "abcd" for t in ("zero", "one"))
    )
    train = split_of(data, "train")
    assert (
        train.apart_by == ("speaker",)
        and "100% of the rows outside share a text with it, which does not count as seen" in train.note
    )
    across = manifest(*({"speaker": "a", "split": name} for name in ("train", "test")))
    assert split_of(across, "train").apart_by == ("speaker",), "where nothing else tells rows apart, all are seen"


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(BadData, match="add a column split"):
        split_of(manifest({"speaker": "a"}, {"speaker": "a"}), "train")
    with pytest.raises(BadData, match="the splits are train, test and all"):
        split_of(manifest({}, {}), "dev")
    everything = split_of(manifest({"speaker": "a"}, {}), "all")
    assert len(everything.rows) == 2 and everything.how == "all" and not everything.rest
    assert len(split_of(manifest({}, {}), "train").rows) == 1, "rows of which nothing is known are told apart by row"


def test_a_large_cluster_of_one_label_does_not_draw_the_other_label_to_one_side() -> None:
    """One synthesiser of nine spoofs, and six people with a bona fide clip and three spoofs each."""
    made = [{"speaker": "tts", "label": "spoof"}] * 9
    people = [
        {"speaker": str(n), "label": label} for n in range(6) for label in ("bona_fide", "spoof", "spoof", "spoof")
    ]
    train = split_of(manifest(*made, *people), "train", seed=1)
    assert sum(entry.label == "bona_fide" for entry in train.rows) == 3
