"""Rank correlation with a clustered bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from earnest.errors import BadParameter
from earnest.metrics.correlation import correlation, pairwise


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_the_value_is_spearmans_ties_and_all() -> None:
    first, second = [3, 1, 2, 2, 5, 9, 2], [1, 1, 4, 0, 6, 6, 3]
    found = correlation(first=first, second=second, rng=rng())
    assert found.value == pytest.approx(spearmanr(first, second).statistic) and found.n == found.n_clusters == 7
    assert found.low < found.value < found.high


def test_of_zeros_and_ones_it_is_phi() -> None:
    """5 both, 2 the first alone, 1 the second alone, 4 neither: (20 - 2) / sqrt(7 * 5 * 6 * 6)."""
    first = [1] * 7 + [0] * 5
    second = [1] * 5 + [0] * 2 + [1] + [0] * 4
    assert correlation(first=first, second=second, rng=rng()).value == pytest.approx(18 / np.sqrt(7 * 5 * 6 * 6))


def test_draws_are_ranked_anew() -> None:
    """One outlier does not matter to ranks, in the data or in a draw."""
    first = np.arange(12.0)
    one, other = first.copy(), first.copy()
    other[11] = 1e9
    a = correlation(first=one, second=first[::-1] + first % 3, rng=rng())
    b = correlation(first=other, second=first[::-1] + first % 3, rng=rng())
    assert (a.value, a.low, a.high) == (b.value, b.low, b.high)


def test_items_of_a_speaker_are_drawn_together() -> None:
    generator = rng()
    speaker = np.repeat(np.arange(8), 25)
    first = (generator.random(8) < 0.5)[speaker] + 0.1 * generator.random(200)
    second = (generator.random(8) < 0.5)[speaker] + 0.1 * generator.random(200)
    alone = correlation(first=first, second=second, rng=rng())
    together = correlation(first=first, second=second, clusters=speaker.tolist(), rng=rng())
    assert together.value == alone.value and together.n_clusters == 8 and together.n == 200
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_missing_measures_leave_their_pair_out() -> None:
    first = [1, 2, np.nan, 3, 4, 5, 6]
    second = [1, 2, 9, 3, np.nan, 4, 5]
    found = correlation(first=first, second=second, clusters=list("aabbcde"), rng=rng())
    assert found.n == 5 and found.why == "4 clusters, fewer than 5" and found.value is None
    assert correlation(first=first, second=second, rng=rng()).value == pytest.approx(1)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ([1, 2, 3, 4], [4, 3, 2, 1], "4 pairs, fewer than 5"),
        ([1, 2, 3, 4, 5], [7, 7, 7, 7, 7], "all of one side are equal"),
    ],
)
def test_where_there_is_no_correlation_it_says_why(first: list[float], second: list[float], why: str) -> None:
    found = correlation(first=first, second=second, rng=rng())
    assert (found.value, found.low, found.high, found.why) == (None, None, None, why)


def test_lengths_must_agree() -> None:
    with pytest.raises(BadParameter, match="must go together, got \\(5,\\), \\(4,\\) and 5"):
        correlation(first=[1] * 5, second=[1] * 4, rng=rng())


def test_the_interval_covers() -> None:
    """Independent sides, 40 pairs: 0 is inside in some 95 of 100 (binomial, 100 draws: 88 or more but for one in 500)."""
    generator = np.random.default_rng(3)
    inside = 0
    for _ in range(100):
        found = correlation(
            first=generator.normal(size=40), second=generator.normal(size=40), rng=generator, n_resamples=300
        )
        inside += found.low <= 0 <= found.high
    assert inside >= 88


def test_every_two_columns_are_looked_at_once() -> None:
    columns = {"a": [1, 2, 3, 4, 5.0], "b": [5, 4, 3, 2, 1.0], "c": [1, 2, 3, 5, 4.0]}
    found = pairwise(columns, rng=rng())
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "b"].value == pytest.approx(-1) and found["a", "c"].value == pytest.approx(0.9)
