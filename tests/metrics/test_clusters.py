"""Intervals over clusters: against numbers worked out by hand, by their properties, and by how often they cover."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.errors import BadParameter
from earnest.metrics.clusters import (
    _times,
    clustered_interval,
    gap_interval,
    jackknife_interval,
    jackknife_of,
    jackknife_of_ratios,
    joined,
)
from earnest.metrics.intervals import disagreement_bound, mean_interval, score_interval

SHARES = (0.0, 1.0)


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


# ---------------------------------------------------------------- by hand


def test_every_cluster_is_left_out_in_turn() -> None:
    """3 of 4 and 1 of 2: two thirds; without the first 1/2, without the second 3/4."""
    made = jackknife_of_ratios(column(3, 1), column(4, 2), bounds=SHARES)
    assert made.moves[:, 0] == pytest.approx([1 / 2 - 2 / 3, 3 / 4 - 2 / 3])
    assert made.shares[:, 0] == pytest.approx([2 / 3, 1 / 3])
    assert made.error == pytest.approx(math.hypot(1 / 6, 1 / 12))
    assert made.unbiased_error == pytest.approx(made.error / math.sqrt(2))


def test_three_speakers_by_hand() -> None:
    """4, 3 and 3 of 4: moves -1/12, 1/24, 1/24, error 0.10206, times t of two degrees of freedom 0.43914 = reach.

    z^2 / n = reach^2 / (10/12 x 2/12) = 1.38845; centre (0.83333 + 0.69423) / 2.38845 = 0.63957, half
    sqrt(1.38845 (0.13889 + 0.34711)) / 2.38845 = 0.34393.
    """
    found = clustered_interval([[4], [3], [3]], [[4], [4], [4]])
    assert (found.low, found.high) == (pytest.approx(0.29564, abs=2e-5), pytest.approx(0.98350, abs=2e-5))


def test_of_single_values_outside_a_range_it_is_students_interval() -> None:
    values = [3.0, 5.0, 4.5, 9.0, 6.0]
    made = jackknife_of_ratios(column(*values), np.ones((5, 1)), bounds=None)
    found, students = jackknife_interval(np.mean(values), made, bounds=None), mean_interval(values)
    assert made.working_dof() == pytest.approx(4)
    assert (found.low, found.high) == (pytest.approx(students.low), pytest.approx(students.high))


def test_parts_of_their_own_clusters_have_welchs_degrees_of_freedom() -> None:
    """Two clusters of the first part, five of the second: (v1 + v2)^2 / (v1^2 / 1 + v2^2 / 4)."""
    above, below = np.zeros((7, 2)), np.zeros((7, 2))
    below[:2, 0], below[2:, 1] = 4, 6
    above[:2, 0], above[2:, 1] = (1, 3), (6, 3, 5, 2, 6)
    made = jackknife_of_ratios(above, below, bounds=SHARES)
    first, second = np.sum(made.moves**2, axis=0)
    assert made.working_dof() == pytest.approx((first + second) ** 2 / (first**2 / 1 + second**2 / 4))
    assert made.dof <= made.working_dof()


def test_unequal_clusters_have_fewer_degrees_of_freedom() -> None:
    equal = jackknife_of_ratios(column(4, 5, 3, 6, 4), column(8, 8, 8, 8, 8), bounds=SHARES)
    unequal = jackknife_of_ratios(column(12, 5, 1, 1, 1), column(32, 2, 2, 2, 2), bounds=SHARES)
    assert equal.working_dof() == pytest.approx(4) and unequal.working_dof() < 2.5


def test_one_cluster_that_carries_the_spread_leaves_few_degrees_of_freedom() -> None:
    """One of twenty clusters fails: 2 v^2 / (sum of fourth powers - v^2 / 20), of moves x and -x / 19 nineteen times."""
    made = jackknife_of_ratios(column(*[1.0] * 19, 0.0), np.ones((20, 1)), bounds=SHARES)
    v, fourth = 1 + 19 / 19**2, 1 + 19 / 19**4
    assert made.working_dof() == pytest.approx(19)
    assert made.dof == pytest.approx(2 * v**2 / (fourth - v**2 / 20))  # 2.3


def test_parts_that_share_clusters_are_not_independent() -> None:
    """Two tasks with the same scores: the same error by the same texts, one over the root of two by others."""
    one = jackknife_of_ratios(column(1, 0, 1, 1), np.ones((4, 1)), bounds=SHARES).scaled(0.5)
    names = "abcd"
    assert joined([(names, one), (names, one)]).error == pytest.approx(2 * one.error)
    assert joined([(names, one), ("efgh", one)]).error == pytest.approx(math.sqrt(2) * one.error)
    bad = joined([(names, one), ("ebfg", one)])  # the text that is got wrong is shared: moves of -1/24 and of 2 x 3/24
    assert bad.error == pytest.approx(math.sqrt(6 / 24**2 + (6 / 24) ** 2)) and bad.n_clusters == 7
    with pytest.raises(BadParameter, match="one name for each cluster"):
        joined([("abc", one)])


def test_a_part_that_agrees_adds_what_it_might_hide() -> None:
    """Four clusters of the first class are all right, three of the second are not; their bounds add in quadrature."""
    above, below = np.zeros((7, 2)), np.zeros((7, 2))
    below[:4, 0], below[4:, 1] = 2, 4
    above[:4, 0], above[4:, 1] = 2, (1, 3, 4)
    made = jackknife_of_ratios(above, below, bounds=SHARES)
    hidden = (1 - 0.025**0.25) / 2  # 0.301 of a class that weighs a half
    assert made.agreed == pytest.approx([hidden, 0.0])
    value = (1 + 8 / 12) / 2
    alone = score_interval(value, error=made.error, dof=made.dof, bounds=SHARES)
    found = jackknife_interval(value, made, bounds=SHARES)
    assert found.low == pytest.approx(value - math.hypot(value - alone.low, hidden))
    assert found.high == pytest.approx(alone.high)


def test_bounds_of_parts_that_agree_add_up_where_they_share_clusters() -> None:
    right = jackknife_of_ratios(np.full((6, 1), 3.0), np.full((6, 1), 3.0), bounds=SHARES).scaled(0.5)
    bound = disagreement_bound(n_clusters=6)
    assert joined([(range(6), right), (range(6), right)]).agreed == pytest.approx([bound, 0.0])
    assert joined([(range(6), right), (range(6, 12), right)]).agreed == pytest.approx([bound / math.sqrt(2), 0.0])
    half = joined([(range(6), right), (range(3, 9), right)])  # three of six shared: correlated by a half
    assert half.agreed[0] == pytest.approx(bound * math.sqrt(0.25 + 0.25 + 2 * 0.25 * 0.5))


def test_parts_whose_spreads_cancel_in_every_cluster_are_not_certain() -> None:
    """Who always says yes is right once and wrong once on every text."""
    above = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    found = clustered_interval(above, np.ones((3, 2)))
    bound = disagreement_bound(n_clusters=3)
    assert (found.low, found.high) == (pytest.approx(0.5 - bound / 2), pytest.approx(0.5 + bound / 2))


def test_any_function_of_sums_has_the_same_jackknife() -> None:
    totals = np.array([[[3.0, 4], [1, 1]], [[1, 2], [0, 3]], [[2, 2], [2, 2]]])

    def estimate(sums: np.ndarray) -> np.ndarray:
        return (sums[..., 0] / sums[..., 1]).mean(axis=-1)

    ratios = jackknife_of_ratios(totals[..., 0], totals[..., 1], bounds=SHARES)
    assert jackknife_of(totals, estimate).moves[:, 0] == pytest.approx(ratios.moves.sum(axis=1))


def test_more_errors_than_words_are_not_cut_off() -> None:
    found = clustered_interval([[12], [3], [9], [14]], [[8], [8], [8], [8]], bounds=(0.0, math.inf))
    assert 0 < found.low < 38 / 32 < found.high and found.high > 2


def test_what_agrees_and_nothing_bounds_above_has_no_interval() -> None:
    """Three wrong words for two, of everyone: the next speaker might have any number."""
    always, bounds = [[3.0], [3], [3]], (0.0, math.inf)
    assert clustered_interval(always, [[2], [2], [2]], bounds=bounds) is None
    assert clustered_interval(always, [[4], [4], [4]]) is not None
    above, below = np.kron(np.eye(3), [[3.0], [3], [3]]), np.kron(np.eye(3), [[2.0], [2], [2]])
    above[3:6, 1], above[6:, 2] = (4, 5, 4), (1, 0, 1)
    made = jackknife_of_ratios(above, below, bounds=bounds, weights=[1, 1, 1])
    values = [3 / 2, 13 / 6, 1 / 3]

    def gap_of(high: int, low: int):
        return gap_interval(values, made, high=high, low=low, bounds=bounds, rng=np.random.default_rng(0)).interval

    assert gap_of(0, 2) is None and gap_of(1, 0) is None
    found = gap_of(1, 2)
    assert 0 < found.low < 11 / 6 < found.high < math.inf
    two = jackknife_of_ratios(above[3:, 1:], below[3:, 1:], bounds=bounds, weights=[1, 1])
    alone = gap_interval(values[1:], two, high=0, low=1, bounds=bounds, rng=np.random.default_rng(0)).interval
    assert found.high - found.low > 1.1 * (alone.high - alone.low)  # it was picked among three pairs
    same = jackknife_of_ratios([[4, 3], [5, 4], [3, 2.0]], np.full((3, 2), 2.0), bounds=bounds, weights=[1, 1])
    lagging = gap_interval([2, 1.5], same, high=0, low=1, bounds=bounds, rng=np.random.default_rng(0))
    assert lagging.interval is None  # by half a word at each text


@pytest.mark.parametrize(
    ("above", "below", "message"),
    [
        ([[1.0]], [[0.0]], "needs something below"),
        ([1.0], [1.0], r"shape \(n_clusters, n_parts\)"),
        ([[math.nan]], [[1.0]], "finite"),
    ],
)
def test_what_is_no_table_is_refused(above, below, message) -> None:
    with pytest.raises(BadParameter, match=message):
        jackknife_of_ratios(above, below, bounds=SHARES)


# ---------------------------------------------------------------- properties

SUMS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 6), st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=9
)


@settings(max_examples=80, deadline=None)
@given(rows=SUMS)
def test_an_interval_holds_its_value_stays_in_range_and_turns_with_it(rows) -> None:
    below = np.array([[max(a, b), max(c, d)] for a, b, c, d in rows], dtype=float)
    above = np.array([[a, c] for a, _, c, _ in rows], dtype=float)
    value = float(np.mean(above.sum(axis=0) / below.sum(axis=0)))
    found, turned = clustered_interval(above, below), clustered_interval(below - above, below)
    assert 0 <= found.low <= value + 1e-12 and value <= found.high + 1e-12 and found.high <= 1 + 1e-12
    assert found.high - found.low > 1e-3
    assert (turned.low, turned.high) == (
        pytest.approx(1 - found.high, abs=1e-9),
        pytest.approx(1 - found.low, abs=1e-9),
    )


@settings(max_examples=40, deadline=None)
@given(rows=SUMS, order=st.randoms())
def test_the_order_of_clusters_and_parts_is_nothing(rows, order) -> None:
    below = np.array([[max(a, b), max(c, d)] for a, b, c, d in rows], dtype=float)
    above = np.array([[a, c] for a, _, c, _ in rows], dtype=float)
    places = list(range(len(rows)))
    order.shuffle(places)
    found, other = clustered_interval(above, below), clustered_interval(above[places][:, ::-1], below[places][:, ::-1])
    assert (other.low, other.high) == (pytest.approx(found.low), pytest.approx(found.high))


# ---------------------------------------------------------------- how often it covers


@dataclass(frozen=True)
class World:
    """Clusters of items that are right with a probability of their own."""

    n_clusters: int
    n_items: int | tuple[int, ...]
    rate: float
    correlation: float

    def drawn(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        below = rng.choice(
            self.n_items if isinstance(self.n_items, tuple) else (self.n_items,), size=(self.n_clusters, 1)
        )
        if self.correlation == 0:
            p = np.full(below.shape, self.rate)
        elif self.correlation == 1:
            p = (rng.random(below.shape) < self.rate).astype(float)
        else:
            strength = (1 - self.correlation) / self.correlation
            p = rng.beta(self.rate * strength, (1 - self.rate) * strength, size=below.shape)
        return rng.binomial(below, p).astype(float), below.astype(float)


def covered(world: World, *, n_runs: int, seed: int = 0) -> tuple[float, float]:
    """Share of the intervals that hold the rate, and their mean width over that of Student's on the true error."""
    from scipy.special import stdtrit

    rng = np.random.default_rng(seed)
    drawn = [world.drawn(rng) for _ in range(n_runs)]
    found = [clustered_interval(above, below) for above, below in drawn]
    values = np.array([above.sum() / below.sum() for above, below in drawn])
    half = float(stdtrit(world.n_clusters - 1, 0.975)) * values.std()
    oracle = np.minimum(values + half, 1) - np.maximum(values - half, 0)
    held = np.mean([world.rate in one for one in found])
    return float(held), float(np.mean([one.high - one.low for one in found]) / oracle.mean())


def least(n_runs: int) -> float:
    """What a true coverage of 93 % shows in all but one of forty tries."""
    return 0.93 - 2 * math.sqrt(0.93 * 0.07 / n_runs)


@pytest.mark.parametrize("world", [
    World(4, 12, 0.8, 0.1), World(4, 12, 0.6, 0.3), World(4, 3, 0.5, 1), World(5, 12, 0.8, 0.0), World(5, 12, 0.7, 0.1),
    World(8, 12, 0.8, 0.1), World(8, 12, 0.95, 0.3), World(6, (2, 4, 6, 12), 0.8, 0.3), World(12, 12, 0.95, 0.3),
    World(12, 3, 0.99, 1), World(20, (2, 4, 6, 12), 0.95, 0.1), World(60, 3, 0.9, 0.3),
], ids=str)  # fmt: skip  # a table: one row a line
def test_it_covers_93_percent(world: World) -> None:
    held, _ = covered(world, n_runs=1500)
    assert held >= least(1500)


@pytest.mark.parametrize("world", [World(4, 12, 0.8, 0.0), World(4, 12, 0.6, 0.1), World(5, 12, 0.7, 0.1)], ids=str)
def test_four_or_five_clusters_are_at_most_a_little_wider_than_students(world: World) -> None:
    _, width = covered(world, n_runs=1500)
    assert width < 1.15


@pytest.mark.slow
@pytest.mark.parametrize("n_clusters", [2, 3, 4, 5, 6, 8, 12, 15, 20, 30, 60, 200])
def test_it_covers_over_the_whole_grid(n_clusters: int) -> None:
    worlds = [
        World(n_clusters, n_items, rate, correlation)
        for n_items in (3, 12, (2, 4, 6, 12))
        for rate in (0.5, 0.8, 0.95, 0.99)
        for correlation in (0, 0.1, 0.3, 1)
    ]
    shares = {world: covered(world, n_runs=1000)[0] for world in worlds}
    assert min(shares.values()) >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / 1000), min(shares, key=shares.get)


# ---------------------------------------------------------------- gaps


def groups(
    rng: np.random.Generator, rates: list[float], *, n_clusters: int, n_items: int = 4, correlation: float = 0.2
):
    """Sums above and below the bar of groups with speakers of their own."""
    n = n_clusters * len(rates)
    above, below = np.zeros((n, len(rates))), np.zeros((n, len(rates)))
    for place, rate in enumerate(rates):
        rows = slice(place * n_clusters, (place + 1) * n_clusters)
        top, bottom = World(n_clusters, n_items, rate, correlation).drawn(rng)
        above[rows, place], below[rows, place] = top[:, 0], bottom[:, 0]
    return above, below


def gap(above: np.ndarray, below: np.ndarray):
    """Places of the two groups, their gap, and its interval."""
    values = above.sum(axis=0) / below.sum(axis=0)
    order = np.argsort(-values, kind="stable")
    made = jackknife_of_ratios(above, below, bounds=SHARES, weights=np.ones(len(values)))
    high, low = int(order[0]), int(order[-1])
    found = gap_interval(values, made, high=high, low=low, bounds=SHARES, rng=np.random.default_rng(0))
    return high, low, float(values[high] - values[low]), found


def test_the_gap_of_two_groups_is_newcombes_of_their_own_intervals() -> None:
    """All numbers from each group's interval at the pair's degrees of freedom; asymmetric, so that sides matter."""
    above, below = np.zeros((7, 2)), np.zeros((7, 2))
    below[:3, 0], below[3:, 1] = 8, 4
    above[:3, 0], above[3:, 1] = (8, 7, 7), (1, 3, 2, 0)
    made = jackknife_of_ratios(above, below, bounds=SHARES, weights=[1, 1])
    found = gap_interval([22 / 24, 6 / 16], made, high=0, low=1, bounds=SHARES, rng=np.random.default_rng(0))
    both = made.difference(0, 1)
    first, second = (
        score_interval(value, error=made.part(place).unbiased_error, dof=both.dof, bounds=SHARES)
        for place, value in ((0, 22 / 24), (1, 6 / 16))
    )
    value = 22 / 24 - 6 / 16
    assert found.n_pairs == 1
    assert found.interval.low == pytest.approx(value - math.hypot(22 / 24 - first.low, second.high - 6 / 16))
    assert found.interval.high == pytest.approx(value + math.hypot(first.high - 22 / 24, 6 / 16 - second.low))


def test_groups_that_share_texts_are_compared_text_by_text() -> None:
    """The same hard and easy texts in both voices: what the texts differ by is in both groups, and cancels."""
    texts = np.array([1.0, 2, 4, 4, 3, 4, 1, 4])
    shared = np.stack([texts, texts - [1, 1, 1, 1, 2, 1, 0, 1]], axis=1)
    _, _, _, together = gap(shared, np.full((8, 2), 4.0))
    apart_above, apart_below = np.zeros((16, 2)), np.zeros((16, 2))
    apart_above[:8, 0], apart_above[8:, 1] = shared.T
    apart_below[:8, 0], apart_below[8:, 1] = 4, 4
    _, _, _, apart = gap(apart_above, apart_below)
    assert together.interval.low > 0 > apart.interval.low


def test_more_pairs_make_it_wider() -> None:
    above, below = groups(np.random.default_rng(3), [0.9, 0.7, 0.8, 0.8, 0.8], n_clusters=10)
    high, low, _, wide = gap(above, below)
    kept = [high, low]
    rows = below[:, kept].any(axis=1)
    _, _, _, narrow = gap(above[rows][:, kept], below[rows][:, kept])
    assert wide.n_pairs == 10
    assert wide.interval.high - wide.interval.low > 1.15 * (narrow.interval.high - narrow.interval.low)


@pytest.mark.parametrize(("rates", "n_clusters"), [([0.8] * 2, 6), ([0.5] * 2, 12), ([0.8] * 6, 12)])
def test_a_gap_is_claimed_of_equal_groups_at_most_as_often_as_said(rates, n_clusters: int) -> None:
    rng = np.random.default_rng(5)
    claims = [gap(*groups(rng, rates, n_clusters=n_clusters))[3].interval.low > 0 for _ in range(250)]
    assert np.mean(claims) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 250)


@pytest.mark.parametrize("planted", [0.05, 0.1, 0.2])
def test_a_planted_gap_lies_in_its_interval_and_a_large_one_is_found(planted: float) -> None:
    rng, held, claimed = np.random.default_rng(6), [], []
    rates = [0.85, 0.85 - planted]
    for _ in range(300):
        high, low, _, found = gap(*groups(rng, rates, n_clusters=20, n_items=6, correlation=0.1))
        held.append(rates[high] - rates[low] in found.interval)
        claimed.append(found.interval.low > 0)
    assert np.mean(held) >= least(300)
    if planted == 0.2:
        assert np.mean(claimed) >= 0.8


def test_a_gap_that_is_the_same_in_every_cluster_might_yet_be_another_in_some() -> None:
    # four clusters, each with 3 of 4 in the one group and 1 of 4 in the other: up to 1 - 0.025^(1/4) of them might differ,
    # and would then have a gap of -1 or of 1
    above, below = np.array([[3.0, 1.0]] * 4), np.full((4, 2), 4.0)
    made = jackknife_of_ratios(above, below, bounds=SHARES, weights=np.ones(2))
    found = gap_interval([0.75, 0.25], made, high=0, low=1, bounds=SHARES, rng=np.random.default_rng(0)).interval
    share = 1 - 0.025 ** (1 / 4)
    assert (found.low, found.high) == (pytest.approx(0.5 - share * 1.5), pytest.approx(0.5 + share * 0.5))


# ---------------------------------------------------------------- many pairs at once


def test_the_interval_of_one_of_many_pairs_is_as_much_wider_as_one_alone_is_for_want_of_clusters() -> None:
    """Two degrees of freedom: 4.30265 / 1.95996 times the normal quantile of 99.5 %, 2.57583, is 5.65469; Student's own of 99.5 %
    would be 9.92484, and counts where it is what is left of many clusters: of 50, 2.67779, less than what widens."""
    few = SimpleNamespace(error=1.0, dof=2.0, working_dof=lambda: 50.0)
    assert _times(few, level=0.99, confidence=0.95) == pytest.approx(5.65469, abs=1e-4)
    both = SimpleNamespace(error=1.0, dof=2.0, working_dof=lambda: 2.0)
    assert _times(both, level=0.99, confidence=0.95) == pytest.approx(9.92484, abs=1e-4)
    assert _times(SimpleNamespace(error=0.0), level=0.99, confidence=0.95) == 0
