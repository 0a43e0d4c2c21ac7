"""Rates by group and the worst gap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.metrics.disparity import disparity, worst_gap
from earnest.metrics.intervals import wilson


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def by_group(**rates: tuple[int, int]) -> dict:
    """Successes and size of each group, as values and groups."""
    values = [float(k < won) for won, n in rates.values() for k in range(n)]
    return {"values": values, "groups": [group for group, (_, n) in rates.items() for _ in range(n)]}


def test_gap_by_hand() -> None:
    found = disparity(**by_group(a=(30, 40), b=(10, 40), c=(25, 50)), rng=rng())
    assert (found.highest, found.lowest, found.n_pairs) == ("a", "b", 3)
    assert found.gap == pytest.approx(0.5) and found.ratio == pytest.approx(1 / 3)
    assert [group.rate for group in found.groups] == [0.75, 0.25, 0.5]
    assert found.groups[0].interval == wilson(n_success=30, n=40)
    assert found.gap_interval.low > 0.15


@pytest.mark.source("metrics/worst_gap", of="weerts2023-fairlearn", at="fairlearn/fairlearn@ebf8fa7")
def test_the_gap_is_fairlearns() -> None:
    """`MetricFrame(metrics=mean, ...).difference(method="between_groups")` on these values; by_group a .5667, b .7625, c .32."""
    values = [0.9, 0.75, 0.4, 1.0, 0.2, 0.65, 0.8, 0.1, 0.95, 0.7, 0.3, 0.25, 0.85, 0.15, 0.05]
    assert worst_gap(values=values, groups=["b"] * 4 + ["a"] * 6 + ["c"] * 5) == pytest.approx(0.4425, abs=1e-12)


def test_small_groups_are_marked_and_do_not_make_the_gap() -> None:
    found = disparity(**by_group(a=(30, 40), b=(10, 40), tiny=(0, 5)), rng=rng())
    assert [group.too_small for group in found.groups] == [False, False, True]
    assert found.lowest == "b" and found.n_pairs == 1


def test_equal_groups_have_no_gap() -> None:
    found = disparity(**by_group(a=(20, 40), b=(20, 40)), rng=rng())
    assert found.gap == 0 and found.ratio == 1 and found.highest != found.lowest
    assert found.gap_interval.low < 0 < found.gap_interval.high
    assert math.isnan(disparity(**by_group(a=(0, 40), b=(0, 40)), rng=rng()).ratio)


def test_more_groups_widen_the_interval_of_the_same_pair() -> None:
    two = by_group(a=(30, 40), b=(20, 40))
    many = by_group(a=(30, 40), b=(20, 40), **{f"g{k}": (25, 40) for k in range(8)})
    narrow = disparity(**two, rng=rng()).gap_interval
    wide = disparity(**many, rng=rng()).gap_interval
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_a_gap_among_equal_groups_is_claimed_as_seldom_as_stated() -> None:
    draws, claimed = np.random.default_rng(1), 0
    for _ in range(120):
        values, groups = draws.integers(0, 2, 400).astype(float), np.repeat(np.arange(8), 50).tolist()
        claimed += disparity(values=values, groups=groups, rng=draws, n_resamples=300).gap_interval.low > 0
    assert claimed <= 15  # 13 of this seed's 120; a plain interval of the worst of 28 pairs claims 67


def test_speakers_are_drawn_whole() -> None:
    draws = np.random.default_rng(2)
    speakers = np.repeat(np.arange(20), 20)
    values = draws.normal(size=20)[speakers] + 0.1 * draws.normal(size=400)
    groups = ["a" if speaker < 10 else "b" for speaker in speakers]
    by_speaker = disparity(values=values, groups=groups, clusters=speakers.tolist(), rng=rng()).gap_interval
    by_item = disparity(values=values, groups=groups, rng=rng()).gap_interval
    assert by_speaker.high - by_speaker.low > 2 * (by_item.high - by_item.low)


def test_pairs_across_groups_stay_together() -> None:
    # one text in two voices: the texts differ much, the voices by 0.1 throughout, so the gap is exact
    texts = np.random.default_rng(3).normal(size=60)
    found = disparity(
        values=np.concatenate([texts + 0.1, texts]),
        groups=["a"] * 60 + ["b"] * 60,
        clusters=[*range(60), *range(60)],
        rng=rng(),
    )
    assert found.gap == pytest.approx(0.1)
    assert found.gap_interval.high - found.gap_interval.low < 1e-9


def test_order_of_items_does_not_matter() -> None:
    data = by_group(a=(30, 40), b=(10, 40))
    mixed = np.random.default_rng(4).permutation(80)
    other = {key: [column[k] for k in mixed] for key, column in data.items()}
    assert disparity(**other, rng=rng()).gap == disparity(**data, rng=rng()).gap
    assert worst_gap(**other) == 0.5


def test_what_has_no_answer_raises() -> None:
    with pytest.raises(BadParameter, match=r"two groups of at least 20 items, got \{'a': 40, 'b': 5\}"):
        disparity(**by_group(a=(3, 40), b=(1, 5)), rng=rng())
    with pytest.raises(BadParameter, match=r"two clusters \(speakers, say\) for an interval, got one in \['b'\]"):
        disparity(**by_group(a=(3, 40), b=(1, 40)), clusters=[*range(40), *["only"] * 40], rng=rng())
    with pytest.raises(BadParameter, match="one group an item, got 1 for 2"):
        disparity(values=[1, 0], groups=["a"], rng=rng())
    with pytest.raises(BadParameter, match="values must be finite"):
        disparity(values=[1, math.nan], groups=["a", "b"], rng=rng())
    with pytest.raises(BadParameter, match="needs two groups"):
        worst_gap(values=[1, 0], groups=["a", "a"])
