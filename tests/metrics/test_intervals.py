"""Intervals against published tables, coverage and degenerate cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.errors import BadParameter
from earnest.metrics.intervals import (
    Interval,
    clopper_pearson,
    cluster_bootstrap,
    difference_of_proportions,
    disagreement_bound,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    paired_difference_of_proportions,
    percentile_interval,
    score_interval,
    wilson,
)


def ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


@pytest.mark.parametrize(  # Newcombe (1998), Statistics in Medicine 17, 857-872
    ("n_success", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_rates_of_the_published_table(n_success: int, n: int, score: tuple, exact: tuple) -> None:
    assert ends(wilson(n_success=n_success, n=n)) == pytest.approx(score, abs=5e-5)
    assert ends(clopper_pearson(n_success=n_success, n=n)) == pytest.approx(exact, abs=5e-5)


def test_differences_of_the_published_tables() -> None:
    # Newcombe (1998), 873-890: 56/70 - 48/80, method 10
    found = difference_of_proportions(n_success_first=56, n_first=70, n_success_second=48, n_second=80)
    assert ends(found) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    # Newcombe (1998), 2635-2650: pairs 36, 12, 2, 0, method 10
    found = paired_difference_of_proportions(both=36, only_first=12, only_second=2, neither=0)
    assert ends(found) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 300), data=st.data())
def test_intervals_hold_the_rate_and_mirror(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    for kind in (wilson, clopper_pearson):
        found, mirrored = kind(n_success=k, n=n), kind(n_success=n - k, n=n)
        assert 0 <= found.low <= k / n <= found.high <= 1
        assert ends(found) == pytest.approx((1 - mirrored.high, 1 - mirrored.low))
    assert kind(n_success=k, n=n, confidence=0.5).high <= found.high


def test_exact_interval_has_the_stated_tails() -> None:
    # no success in 10 leaves (1 - high)^10 = 0.025
    assert clopper_pearson(n_success=0, n=10).high == pytest.approx(1 - 0.025**0.1)


@pytest.mark.parametrize("kind", [wilson, clopper_pearson])
def test_counts_that_cannot_be_are_refused(kind) -> None:
    with pytest.raises(BadParameter, match="at least one trial, got n = 0"):
        kind(n_success=0, n=0)
    with pytest.raises(BadParameter, match="between 0 and n = 3, got 4"):
        kind(n_success=4, n=3)
    with pytest.raises(BadParameter, match="confidence must lie between 0 and 1"):
        kind(n_success=1, n=3, confidence=95)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(only_first=1, only_second=5) == pytest.approx(14 / 64)
    assert mcnemar(only_first=5, only_second=1) == pytest.approx(14 / 64)
    assert mcnemar(only_first=3, only_second=3) == 1
    assert mcnemar(only_first=0, only_second=0) == 1
    with pytest.raises(BadParameter, match="at least 0"):
        mcnemar(only_first=-1, only_second=0)


def test_paired_interval_swaps_sign_with_its_sides_and_refuses_no_pairs() -> None:
    one = paired_difference_of_proportions(both=7, only_first=9, only_second=2, neither=4)
    other = paired_difference_of_proportions(both=7, only_first=2, only_second=9, neither=4)
    assert ends(one) == pytest.approx((-other.high, -other.low))
    with pytest.raises(BadParameter, match="not all 0"):
        paired_difference_of_proportions(both=0, only_first=0, only_second=0, neither=0)


def test_mean_interval_by_hand() -> None:
    # mean 2, standard error 1 / sqrt(3), t 4.3027 with two degrees of freedom
    assert ends(mean_interval([1, 2, 3])) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    with pytest.raises(BadParameter, match="needs two values, got 1"):
        mean_interval([1.0])


def test_interval_is_a_value_with_ordered_ends() -> None:
    assert 0.5 in Interval(0.2, 0.7) and 0.8 not in Interval(0.2, 0.7)
    with pytest.raises(BadParameter, match="low <= high"):
        Interval(0.7, 0.2)


def clustered(rng: np.random.Generator, *, n_clusters: int = 40, size: int = 10) -> tuple[np.ndarray, list[int]]:
    names = np.repeat(np.arange(n_clusters), size)
    return rng.normal(size=n_clusters)[names] + 0.3 * rng.normal(size=names.size), names.tolist()


def test_whole_clusters_are_drawn() -> None:
    values, names = clustered(np.random.default_rng(0))
    by_cluster = cluster_bootstrap(values, clusters=names, rng=np.random.default_rng(1))
    by_row = cluster_bootstrap(values, clusters=range(values.size), rng=np.random.default_rng(1))
    assert by_cluster.high - by_cluster.low > 2 * (by_row.high - by_row.low)


def test_the_fast_mean_is_the_mean_of_drawn_rows() -> None:
    values, names = clustered(np.random.default_rng(2), n_clusters=8, size=3)
    for method in ("percentile", "bca"):
        options = {"clusters": names, "method": method, "n_resamples": 300}
        fast = cluster_bootstrap(values, rng=np.random.default_rng(3), **options)
        plain = cluster_bootstrap(values, rng=np.random.default_rng(3), statistic=np.mean, **options)
        assert ends(fast) == pytest.approx(ends(plain))


def test_bca_follows_skewness() -> None:
    values = np.random.default_rng(5).lognormal(sigma=1.5, size=60)
    options = {"clusters": range(60), "n_resamples": 4000}
    percentile = cluster_bootstrap(values, rng=np.random.default_rng(6), **options)
    bca = cluster_bootstrap(values, rng=np.random.default_rng(6), method="bca", **options)
    assert bca.low > percentile.low and bca.high > percentile.high


def test_bootstrap_covers_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(7), 0
    for _ in range(200):
        values, names = clustered(rng)
        covered += 0.0 in cluster_bootstrap(values, clusters=names, rng=rng, n_resamples=400)
    assert covered >= 176  # 0.88 of 200: four standard deviations below 0.95


def test_paired_bootstrap_by_hand() -> None:
    first, second = np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0])
    found = paired_bootstrap(first=first, second=second, rng=np.random.default_rng(0))
    assert ends(found) == (2, 2)
    with pytest.raises(BadParameter, match="same items, at least two, got 3 and 2"):
        paired_bootstrap(first=first, second=second[:2], rng=np.random.default_rng(0))


def test_one_seed_gives_the_same_bits_and_global_state_stays() -> None:
    state = np.random.get_state()[1].copy()
    values, names = clustered(np.random.default_rng(0))
    one, two = (cluster_bootstrap(values, clusters=names, rng=np.random.default_rng(9)) for _ in range(2))
    assert one == two
    assert (np.random.get_state()[1] == state).all()


def test_bootstraps_without_an_answer_raise() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BadParameter, match=r"at least two clusters \(speakers, say\), got 1"):
        cluster_bootstrap([1.0, 2.0], clusters=["anna", "anna"], rng=rng)
    with pytest.raises(BadParameter, match="one cluster a row, got 1 for 2 rows"):
        cluster_bootstrap([1.0, 2.0], clusters=["anna"], rng=rng)
    with pytest.raises(BadParameter, match="'percentile' or 'bca', got 'basic'"):
        cluster_bootstrap([1.0, 2.0], clusters=["a", "b"], rng=rng, method="basic")
    with pytest.raises(BadParameter, match="at least 100 resamples, got 10"):
        cluster_bootstrap([1.0, 2.0], clusters=["a", "b"], rng=rng, n_resamples=10)
    with pytest.raises(BadParameter, match="draws must be a non-empty array of finite numbers"):
        percentile_interval([np.nan] * 200)


# ---- score intervals of any estimate ----


def test_a_score_interval_with_the_error_of_independent_items_is_wilsons() -> None:
    for n_success, n in ((1, 29), (10, 40), (39, 40)):
        rate = n_success / n
        found = score_interval(rate, error=math.sqrt(rate * (1 - rate) / n), dof=math.inf, bounds=(0, 1))
        expected = wilson(n_success=n_success, n=n)
        assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_few_degrees_of_freedom_reach_as_far_as_students_t() -> None:
    found = score_interval(4.0, error=0.5, dof=2, bounds=None)
    assert (found.low, found.high) == (pytest.approx(4 - 4.302653 * 0.5), pytest.approx(4 + 4.302653 * 0.5))


def test_a_score_interval_scales_with_its_bounds_and_gives_way_to_a_value_beyond() -> None:
    plain = score_interval(0.3, error=0.1, dof=7, bounds=(0, 1))
    scaled = score_interval(-1 + 2 * 0.3, error=0.2, dof=7, bounds=(-1, 1))
    assert (scaled.low, scaled.high) == (pytest.approx(2 * plain.low - 1), pytest.approx(2 * plain.high - 1))
    beyond = score_interval(1.2, error=0.1, dof=7, bounds=(0, 1))
    assert beyond.low < 1.2 == beyond.high


def test_without_an_upper_bound_it_is_the_score_interval_of_a_count() -> None:
    """4 events: (4 - m)^2 = z^2 m gives 4 + 1.9207 -+ 1.96 sqrt(4 + 0.9604)."""
    found = score_interval(4.0, error=2.0, dof=math.inf, bounds=(0, math.inf))
    half = 1.959964 * math.sqrt(4 + 1.959964**2 / 4)
    assert (found.low, found.high) == (pytest.approx(5.920729 - half), pytest.approx(5.920729 + half))


@pytest.mark.parametrize(
    ("error", "dof", "bounds"), [(0.0, 5, (0, 1)), (0.1, 0.5, (0, 1)), (0.1, 5, (1, 0)), (math.inf, 5, None)]
)
def test_a_score_interval_of_nothing_is_refused(error, dof, bounds) -> None:
    with pytest.raises(BadParameter):
        score_interval(0.5, error=error, dof=dof, bounds=bounds)


def test_the_share_that_might_differ_is_clopper_and_pearsons() -> None:
    for n in (1, 4, 30):
        assert disagreement_bound(n_clusters=n) == pytest.approx(clopper_pearson(n_success=0, n=n).high)
    assert disagreement_bound(n_clusters=4, confidence=0.8) == pytest.approx(1 - 0.1**0.25)
    with pytest.raises(BadParameter, match="at least one cluster"):
        disagreement_bound(n_clusters=0)
