"""Agreement and rank correlation against published and hand-worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.metrics.agreement import cohens_kappa, krippendorffs_alpha, rank_correlation

NONE = None
KRIPPENDORFF = [  # four observers, twelve units: the worked example of Krippendorff (2011)
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]


@pytest.mark.source(
    "metrics/krippendorffs_alpha", of="krippendorff2011-alpha", at="sections C and D, the four observers"
)
@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level: str, alpha: float) -> None:
    assert krippendorffs_alpha(KRIPPENDORFF, level=level) == pytest.approx(alpha, abs=0.0005)
    with_nan = [[math.nan if value is None else value for value in row] for row in KRIPPENDORFF]
    assert krippendorffs_alpha(with_nan, level=level) == krippendorffs_alpha(KRIPPENDORFF, level=level)


def test_alpha_by_hand() -> None:
    # coincidences aa 2, ab 1, ba 1, bb 2 of 6: 1 - (2/6) / (2 * 9 / 30)
    assert krippendorffs_alpha([["a", "a", "b"], ["a", "b", "b"]]) == pytest.approx(1 - (2 / 6) / (18 / 30))


def test_alpha_without_anything_to_disagree_about_raises() -> None:
    with pytest.raises(BadParameter, match="alpha is undefined: every paired rating has the same value"):
        krippendorffs_alpha([[1, 1], [1, 1]])
    with pytest.raises(BadParameter, match="needs an item that two raters rated"):
        krippendorffs_alpha([[1, None], [None, 2]])
    with pytest.raises(BadParameter, match=r"rows of \[2, 1\]"):
        krippendorffs_alpha([[1, 2], [1]])
    with pytest.raises(BadParameter, match="level must be"):
        krippendorffs_alpha([[1], [1]], level="ratio")


def test_kappa_by_hand() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 0.7 agree, 0.5 by chance
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(first=first, second=second) == pytest.approx(0.4)
    assert cohens_kappa(first=first, second=first) == 1
    assert cohens_kappa(first=["a", "b"], second=["b", "a"]) == -1


@pytest.mark.source(
    "metrics/cohens_kappa", of="cohen1960-kappa", at="Cohen 1968, the example that psych::cohen.kappa quotes"
)
def test_kappa_of_the_published_example() -> None:
    """Shares of 200 cases that two raters put into three classes, as psych::cohen.kappa quotes them from Cohen."""
    shares = [[0.44, 0.07, 0.09], [0.05, 0.20, 0.05], [0.01, 0.03, 0.06]]
    pairs = [(a, b) for a, row in enumerate(shares) for b, share in enumerate(row) for _ in range(round(200 * share))]
    first, second = zip(*pairs, strict=True)
    assert cohens_kappa(first=first, second=second) == pytest.approx(0.492, abs=0.0005)


def test_kappa_of_nothing_raises() -> None:
    with pytest.raises(BadParameter, match="both raters gave one label to all 3 items"):
        cohens_kappa(first="aaa", second="aaa")
    with pytest.raises(BadParameter, match="got 1 and 2"):
        cohens_kappa(first="a", second="ab")


def test_rank_correlations_by_hand() -> None:
    # three neighbours exchanged among six: 1 - 6 * 6 / (6 * 35) and (12 - 3) / 15
    sides = {"first": [1, 2, 3, 4, 5, 6], "second": [20, 10, 40, 30, 60, 50]}
    assert rank_correlation(**sides).value == pytest.approx(1 - 36 / 210)
    kendall = rank_correlation(**sides, kind="kendall")
    assert kendall.value == pytest.approx(0.6) and kendall.n == 6
    assert kendall.interval.low < 0.6 < kendall.interval.high


@pytest.mark.source("metrics/rank_correlation", of="bonett2000-correlation", at="cran/statpsych@3d90e8f")
def test_spearmans_interval_is_that_of_its_authors_package() -> None:
    """`ci.spear(.05, y, x)` of statpsych, by D. G. Bonett; the output that its page prints, ties in x among it."""
    y = [21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19]
    x = [67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51]
    found = rank_correlation(first=y, second=x)
    assert found.value == pytest.approx(0.8699639, abs=5e-8)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.5840951, 0.9638297), abs=5e-8)


def test_kendall_takes_ties_out_of_the_norm() -> None:
    # 10 pairs, one tied in the first alone: 9 / sqrt(9 * 10)
    found = rank_correlation(first=[1, 1, 2, 3, 4], second=[1, 2, 3, 4, 5], kind="kendall")
    assert found.value == pytest.approx(9 / math.sqrt(90))


def test_interval_narrows_with_the_number_of_items_and_closes_at_one() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=400)
    second = first + rng.normal(size=400)
    wide = rank_correlation(first=first[:40], second=second[:40]).interval
    narrow = rank_correlation(first=first, second=second).interval
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2
    full = rank_correlation(first=first, second=np.exp(first))
    assert full.value == 1 and full.interval.low == 1


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 2, 3], [1, 2, 3], "five pairs or more"),
        ([1] * 5, [1, 2, 3, 4, 5], "first is constant"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, math.nan], "second must be finite"),
    ],
)
def test_correlations_without_an_answer_raise(first: list, second: list, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        rank_correlation(first=first, second=second)
