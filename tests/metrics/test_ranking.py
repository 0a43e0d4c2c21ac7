"""Ranks, ties and bands, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.metrics.ranking import RankInterval, clustered_draws, interval_draws, rank_bands, rank_intervals


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


# ---- ranks ----


def test_ranks_count_from_the_best_and_ties_share_the_better_one() -> None:
    values = [0.4, 0.9, 0.4, 0.7]
    found = rank_intervals(np.tile(values, (200, 1)), values=values)
    assert [one.rank for one in found] == [3, 1, 3, 2]
    assert [(one.low, one.high) for one in found] == [(3, 4), (1, 1), (3, 4), (2, 2)]


def test_the_interval_holds_the_ranks_of_the_draws() -> None:
    """In 90 of 100 draws A is before B, in 10 behind it; C is last in all but one, which 95 % leave out."""
    draws = np.array([[0.8, 0.6, 0.1]] * 89 + [[0.8, 0.6, 0.7]] + [[0.5, 0.6, 0.1]] * 10)
    found = rank_intervals(draws, values=[0.77, 0.6, 0.1])
    assert found == [RankInterval(1, 1, 2), RankInterval(2, 1, 2), RankInterval(3, 3, 3)]
    wider = rank_intervals(draws, values=[0.77, 0.6, 0.1], confidence=0.995)
    assert wider[2] == RankInterval(3, 2, 3) and wider[1] == RankInterval(2, 1, 3)


def test_a_tie_in_a_draw_leaves_both_ranks_open() -> None:
    found = rank_intervals(np.array([[0.5, 0.5]] * 100), values=[0.6, 0.5])
    assert found == [RankInterval(1, 1, 2), RankInterval(2, 1, 2)]


def test_one_model_alone_is_first() -> None:
    assert rank_intervals(np.full((100, 1), 0.3), values=[0.3]) == [RankInterval(1, 1, 1)]


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(BadParameter, match="at least 100 draws and a value a model, got \\(99, 2\\) and \\(2,\\)"):
        rank_intervals(np.zeros((99, 2)), values=[0, 1])
    with pytest.raises(BadParameter, match="must be finite; leave out models without a value"):
        rank_intervals(np.full((100, 2), np.nan), values=[0, 1])


# ---- bands ----


def test_bands_join_what_overlaps_and_what_a_chain_joins() -> None:
    chain = [RankInterval(1, 1, 2), RankInterval(2, 2, 3), RankInterval(3, 3, 4), RankInterval(5, 5, 5)]
    four = [*chain[:3], RankInterval(4, 4, 4), chain[3]]
    assert rank_bands(four) == [(1, 4)] * 4 + [(5, 5)]
    assert rank_bands([RankInterval(2, 2, 2), RankInterval(1, 1, 1)]) == [(2, 2), (1, 1)], "in the order given"
    assert rank_bands([RankInterval(1, 1, 3), RankInterval(2, 2, 2), RankInterval(3, 1, 3)]) == [(1, 3)] * 3
    assert rank_bands([]) == []


# ---- draws ----


def totals(*models: list[float]) -> np.ndarray:
    """One part; each cluster one item."""
    return np.array([[[[score, 1.0]] for score in model] for model in models])


def test_all_models_are_drawn_on_the_same_clusters() -> None:
    draws = clustered_draws(totals([1, 0, 1, 0, 1, 1], [1, 0, 1, 0, 1, 0]), rng=rng(), n_resamples=500)
    assert draws.shape == (500, 2)
    assert (draws[:, 0] >= draws[:, 1]).all(), "who is right wherever the other is cannot come out behind it"
    assert draws[:, 0].mean() == pytest.approx(4 / 6, abs=0.03) and draws[:, 1].std() > 0.1


def test_paired_draws_tell_apart_what_two_intervals_do_not() -> None:
    first = [1.0] * 30 + [0.0] * 30
    second = [1.0] * 24 + [0.0] * 36
    draws = clustered_draws(totals(first, second), rng=rng())
    found = rank_intervals(draws, values=[0.5, 0.4])
    assert found == [RankInterval(1, 1, 1), RankInterval(2, 2, 2)]
    apart = np.stack(
        [
            clustered_draws(totals(one), rng=np.random.default_rng(seed))[:, 0]
            for seed, one in enumerate((first, second))
        ],
        axis=1,
    )
    assert rank_intervals(apart, values=[0.5, 0.4])[0] == RankInterval(1, 1, 2)


def test_classes_are_drawn_class_by_class_and_averaged() -> None:
    """Two clusters of class one, right half the time, and one of class two, always right: (share + 1) / 2."""
    sums = np.zeros((1, 3, 2, 2))
    sums[0, 0, 0], sums[0, 1, 0], sums[0, 2, 1] = (1, 1), (0, 1), (4, 4)
    draws = clustered_draws(sums, rng=rng(), n_resamples=400)[:, 0]
    assert set(draws.tolist()) == {0.5, 0.75, 1.0}
    assert draws.mean() == pytest.approx(0.75, abs=0.03)


def test_a_cluster_that_a_model_lacks_counts_for_the_others() -> None:
    sums = totals([1, 1, 0], [1, 1, 1])
    sums[0, 2] = 0
    draws = clustered_draws(sums, rng=rng(), n_resamples=300)
    assert np.isnan(draws[:, 0]).any() and not np.isnan(draws[:, 1]).any()
    assert np.nanmin(draws[:, 0]) == 1
    with pytest.raises(BadParameter, match="shape \\(n_models, n_clusters, n_parts, 2\\), got \\(2, 3\\)"):
        clustered_draws(np.zeros((2, 3)), rng=rng())


def test_draws_from_an_interval_keep_its_lopsidedness() -> None:
    draws = interval_draws(0.9, low=0.5, high=0.95, rng=rng(), n_resamples=20_000)
    assert np.quantile(draws, [0.025, 0.975]) == pytest.approx([0.5, 0.95], abs=0.015)
    assert np.median(draws) == pytest.approx(0.9, abs=0.01)
    assert interval_draws(1.0, low=0.8, high=1.0, rng=rng()).max() == 1
    with pytest.raises(BadParameter, match="must hold its value, got 0.5 to 0.6 around 0.7"):
        interval_draws(0.7, low=0.5, high=0.6, rng=rng())
