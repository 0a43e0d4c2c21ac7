"""Worst cases against every assignment of the unscored items, of cases small enough to write all of them out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from earnest.results import Measure, balanced, difference, mean, rate, ratio, worst_gap

ENDS = (0.0, 1.0)


def with_scores(lines, values) -> list:
    """The lines, each unscored one scored by the next of `values`."""
    rest = iter(values)
    return [
        line
        if line.status == "scored"
        else line.model_copy(
            update={"status": "scored", "reason": None, "verdict": {"score": next(rest), "label": "x", "facts": {}}}
        )
        for line in lines
    ]


def filled(lines, values=ENDS) -> Iterator[list]:
    """The lines with every assignment of `values` to the unscored ones."""
    n = sum(line.status == "unscored" for line in lines)
    return (with_scores(lines, some) for some in itertools.product(values, repeat=n))


def brute(lines, measure: Callable[[list], Measure], values=ENDS) -> tuple[float, float]:
    found = [measure(some).value for some in filled(lines, values)]
    return min(found), max(found)


def ends(measure: Measure) -> tuple[float, float]:
    return measure.worst_low, measure.worst_high


def made(line, scores, **columns) -> list:
    """Lines by number, one cluster each; columns of the truth by name, one value a line."""
    return [
        line(str(k), score, cluster=str(k), truth={name: some[k] for name, some in columns.items()})
        for k, score in enumerate(scores)
    ]


def of_rate(lines) -> Measure:
    return rate(lines, metric="m")


def of_ratio(lines) -> Measure:
    """The words are known of every line, its errors are its score times its words."""
    return ratio(
        lines,
        metric="m",
        numerator=lambda one: one.score * one.truth["words"],
        denominator=lambda one: one.truth["words"],
    )


def of_classes(lines, weights=None) -> Measure:
    return balanced(lines, metric="m", correct=lambda one: one.score, of=lambda one: one.truth["side"], weights=weights)


def of_pairs(lines) -> Measure:
    return difference(
        lines, metric="m", pair=lambda one: one.truth["pair"], side=lambda one: one.truth["side"] == "left"
    )


def of_groups(lines, min_n: int = 1) -> Measure:
    return worst_gap(lines, metric="m", group=lambda one: one.truth["group"], min_n=min_n)


SOME = [1.0, None, 0.0, 1.0, None, None, 1.0]


def test_of_a_rate(line) -> None:
    lines = made(line, SOME)
    assert ends(of_rate(lines)) == pytest.approx(brute(lines, of_rate))
    assert ends(of_rate(lines)) == pytest.approx((3 / 7, 6 / 7))


def test_of_a_ratio(line) -> None:
    lines = made(line, SOME, words=[4, 7, 3, 6, 2, 5, 1])
    assert ends(of_ratio(lines)) == pytest.approx(brute(lines, of_ratio))
    assert ends(of_ratio(lines)) == pytest.approx((11 / 28, 25 / 28))


@pytest.mark.parametrize("weights", [None, {"left": 1.0, "right": 3.0}])
def test_of_classes_also_with_weights(line, weights) -> None:
    lines = made(line, SOME, side=["left", "left", "left", "right", "right", "right", "right"])
    found = of_classes(lines, weights)
    assert ends(found) == pytest.approx(brute(lines, lambda some: of_classes(some, weights)))
    share = 1 / 2 if weights is None else 1 / 4
    assert found.worst_low == pytest.approx(share * 1 / 3 + (1 - share) * 2 / 4)


def test_of_pairs_one_or_both_of_whose_sides_are_missing(line) -> None:
    lines = made(
        line, [1.0, 0.0, 1.0, None, None, None, None, 0.0], pair=[0, 0, 1, 1, 2, 2, 3, 3], side=["left", "right"] * 4
    )
    found = of_pairs(lines)
    assert ends(found) == pytest.approx(brute(lines, of_pairs))
    assert ends(found) == pytest.approx(((1 + 0 - 1 + 0) / 4, (1 + 1 + 1 + 1) / 4))
    assert found.n_unscored == 3


def test_a_side_that_has_a_scored_line_counts_by_it(line) -> None:
    """The left side was asked twice and one answer is missing: the pair is whole, and nothing of it is open."""
    lines = made(
        line, [1.0, None, 0.0, 0.0, 1.0], pair=[0, 0, 0, 1, 1], side=["left", "left", "right", "left", "right"]
    )
    found = of_pairs(lines)
    assert (found.value, found.n_scored, found.n_unscored) == (0.0, 2, 0)
    assert ends(found) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("scores", "group"),
    [
        ([1.0, 0.0, None, 1.0, None, 1.0, 1.0], "aaabbbb"),
        ([0.0, None, None, 1.0, 1.0, 0.0, None, 0.5], "aaabbccc"),
        ([1.0, None, 1.0, 1.0, None, 0.5], "aabbcc"),
    ],
)
def test_of_the_widest_gap_whichever_groups_it_is_between(line, scores, group: str) -> None:
    """The greatest is at an assignment of ends; the least may need values between, so a grid comes near it."""
    lines = made(line, scores, group=list(group))
    found = of_groups(lines)
    assert found.worst_high == pytest.approx(brute(lines, of_groups)[1])
    fine = brute(lines, of_groups, [k / 8 for k in range(9)])[0]
    assert found.worst_low <= fine + 1e-12 and fine - found.worst_low < 1 / 8


def test_a_group_that_would_be_large_enough_counts_for_the_greatest_gap_alone(line) -> None:
    """Three of b are needed and one is scored: with its unscored items it would be counted, and all of them wrong."""
    lines = made(line, [1.0, 1.0, 0.0, 0.0, None, None, 1.0, 0.0, 1.0], group=list("aaabbbccc"))
    found = of_groups(lines, min_n=3)
    assert found.value == pytest.approx(0.0) and found.worst_low == 0.0
    assert found.worst_high == pytest.approx(2 / 3)


# ---------------------------------------------------------------- further items, of which nothing is known


def further(lines, line, places, name: str, n: int) -> Iterator[list]:
    """The lines with `n` further unscored ones, in every arrangement over `places` of a column of the truth."""
    for some in itertools.combinations_with_replacement(places, n):
        yield [*lines, *(line(f"more {k}", cluster=f"more {k}", truth={name: place}) for k, place in enumerate(some))]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("weights", [None, {"left": 1.0, "right": 3.0}])
def test_further_items_are_in_the_class_that_they_move_most(line, n: int, weights) -> None:
    lines = made(line, [1.0, None, 0.0, 1.0, 1.0, 0.0], side=["left", "left", "left", "left", "right", "right"])
    found = of_classes(lines, weights).with_unscored(n, reason="not_run")
    brute_ends = [
        brute(some, lambda whole: of_classes(whole, weights))
        for some in further(lines, line, ("left", "right"), "side", n)
    ]
    assert ends(found) == pytest.approx((min(low for low, _ in brute_ends), max(high for _, high in brute_ends)))
    assert (found.n_unscored, found.unscored) == (1 + n, {"timeout": 1, "not_run": n})


@pytest.mark.parametrize("n", [1, 2, 3])
def test_further_items_are_in_the_groups_that_they_part_most(line, n: int) -> None:
    lines = made(line, [1.0, 0.0, 1.0, None, 1.0, 0.0, 0.0], group=list("aaabbbb"))
    found = of_groups(lines).with_unscored(n, reason="not_run")
    brute_ends = [brute(some, of_groups) for some in further(lines, line, "ab", "group", n)]
    assert found.worst_high == pytest.approx(max(high for _, high in brute_ends))
    assert found.worst_low <= min(low for low, _ in brute_ends)


@pytest.mark.parametrize("n", [1, 2])
def test_further_items_of_a_rate_and_of_a_ratio(line, n: int) -> None:
    lines = made(line, [1.0, None, 0.0, 1.0], words=[4, 9, 2, 6])
    found = of_rate(lines).with_unscored(n, reason="not_run")
    assert ends(found) == pytest.approx((2 / (4 + n), (3 + n) / (4 + n)))
    words = of_ratio(lines).with_unscored(n, reason="not_run")  # of mean length: 4 words
    assert ends(words) == pytest.approx((10 / (21 + 4 * n), (19 + 4 * n) / (21 + 4 * n)))
    twice = of_rate(lines).with_unscored(1, reason="a").with_unscored(n, reason="b")
    assert ends(twice) == ends(of_rate(lines).with_unscored(n + 1, reason="a"))


# ---------------------------------------------------------------- nothing unscored, and nothing scored

OF = {"rate": of_rate, "ratio": of_ratio, "classes": of_classes, "pairs": of_pairs, "gap": of_groups}
COLUMNS = {"words": [4, 7, 3, 6], "side": ["left", "right"] * 2, "pair": [0, 0, 1, 1], "group": list("abab")}


@pytest.mark.parametrize("name", OF)
def test_it_is_the_value_where_nothing_is_unscored(line, name: str) -> None:
    found = OF[name](made(line, [1.0, 0.0, 0.5, 1.0], **COLUMNS))
    assert found.value is not None
    assert ends(found) == (found.value, found.value)


@pytest.mark.parametrize("name", OF)
def test_it_is_none_without_a_value(line, name: str) -> None:
    found = OF[name](made(line, [None] * 4, **COLUMNS))
    assert (found.value, *ends(found)) == (None, None, None)
    assert found.n_unscored > 0
    assert ends(found.with_unscored(2, reason="not_run")) == (None, None)


@pytest.mark.parametrize("name", OF)
def test_it_holds_the_value(line, name: str) -> None:
    found = OF[name](
        made(
            line,
            [1.0, 0.0, 0.5, 1.0, None, None],
            **{k: [*v, *v[:2]] for k, v in COLUMNS.items()} | {"pair": [0, 0, 1, 1, 2, 2]},
        )
    )
    assert found.worst_low <= found.value <= found.worst_high
    assert found.worst_low < found.worst_high


def test_an_amount_that_nothing_bounds_has_a_worst_case_only_where_nothing_is_unscored(line) -> None:
    def of_amount(scores) -> Measure:
        return mean(made(line, scores), metric="m", value=lambda one: 10 * one.score, unit="dB", higher_is_better=None)

    assert ends(of_amount([1.0, 0.5])) == (7.5, 7.5)
    assert ends(of_amount([1.0, 0.5, None])) == (None, None)


def test_the_least_gap_is_of_the_groups_that_count(line) -> None:
    """A group of nine scored items takes no part in the gap, nor in its least; with its unscored items it might be widest."""
    lines = [line(f"a{n}", 1.0 if n < 12 else None, truth={"g": "a"}) for n in range(24)]
    lines += [line(f"b{n}", float(n < 6), truth={"g": "b"}) for n in range(12)]
    lines += [line(f"c{n}", 0.0 if n < 9 else None, truth={"g": "c"}) for n in range(12)]
    gap = worst_gap(lines, metric="gap", group=lambda each: each.truth["g"])
    assert (gap.value, gap.worst_low, gap.worst_high) == (0.5, 0.0, 1.0)


def test_a_group_without_a_word_takes_no_part_in_the_worst_case_of_a_gap(line) -> None:
    groups = [("a", 4, 1)] * 10 + [("b", 4, 3)] * 10 + [("c", 0, 0)] * 10
    lines = [
        line(str(k), 1.0, cluster=str(k % 5), truth={"group": group, "words": words, "errors": errors})
        for k, (group, words, errors) in enumerate(groups)
    ]
    lost = line("lost", cluster="0", truth={"group": "a", "words": 4})
    by = {"group": lambda one: one.truth["group"], "denominator": lambda one: one.truth["words"]}
    gap = worst_gap([*lines, lost], metric="m", numerator=lambda one: one.truth["errors"], **by)
    # 30 of 40 less 10 of 40; with the lost four words all wrong, or all right, 10 to 14 of 44
    assert gap.value == pytest.approx(0.5)
    assert ends(gap) == (pytest.approx(30 / 40 - 14 / 44), pytest.approx(30 / 40 - 10 / 44))
