"""Measures against numbers worked out by hand, and properties that hold for any lines."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earnest.errors import BadParameter
from earnest.metrics.clusters import jackknife_interval, jackknife_of_ratios
from earnest.metrics.refusal import READER
from earnest.results import (
    balanced,
    by_group,
    curve,
    difference,
    mean,
    rate,
    ratio,
    refusal_errors,
    unscored_gap,
    worst_gap,
)
from earnest.results.measures import resampled_value

FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_rate_of_single_items_has_wilsons_interval(line) -> None:
    measure = rate([line(str(n), float(n < 1)) for n in range(29)], metric="m")
    # one of 29: (1/29 + z^2/58 -+ z sqrt(p q / 29 + z^2 / 4 / 29^2)) / (1 + z^2 / 29), z = 1.959964
    assert measure.value == pytest.approx(1 / 29)
    assert (measure.low, measure.high) == (pytest.approx(0.0061, abs=5e-5), pytest.approx(0.1718, abs=5e-5))
    assert (measure.n_scored, measure.n_unscored, measure.interval, measure.unit) == (29, 0, "Wilson", "fraction")


def test_unscored_lines_are_counted_by_reason_and_are_in_no_rate(line) -> None:
    lines = [line("a", 1.0), line("b", 0.0), line("c"), line("d"), line("e", reason="unparsed")]
    measure = rate(lines, metric="m")
    assert measure.value == 0.5
    assert (measure.n_scored, measure.n_unscored, measure.unscored) == (2, 3, {"timeout": 2, "unparsed": 1})


def test_controls_and_canaries_are_no_part_of_a_rate(line) -> None:
    lines = [line("a", 1.0), line("b", 0.0, label="control"), line("c", 0.0, kind="canary")]
    measure = rate(lines, metric="m", success=lambda each: None if each.label == "control" else each.score)
    assert (measure.value, measure.n_scored) == (1.0, 1)


def test_among_decides_for_unscored_lines_too(line) -> None:
    lines = [
        line("a", 1.0, truth={"kind": "plain"}),
        line("b", truth={"kind": "plain"}),
        line("c", truth={"kind": "other"}),
    ]
    measure = rate(lines, metric="m", among=lambda each: each.truth["kind"] == "plain")
    assert (measure.n_scored, measure.n_unscored) == (1, 1)


def test_a_share_outside_its_range_is_refused(line) -> None:
    with pytest.raises(BadParameter, match="shares in \\[0, 1\\]"):
        rate([line("a", 1.5)], metric="m")


@pytest.mark.parametrize(
    "make",
    [
        lambda lines: rate(lines, metric="m"),
        lambda lines: mean(lines, metric="m", value=lambda each: 1.0, unit="ms", higher_is_better=None),
        lambda lines: ratio(lines, metric="m", numerator=lambda each: 1, denominator=lambda each: 1),
        lambda lines: balanced(lines, metric="m", correct=lambda each: True, of=lambda each: "a"),
        lambda lines: difference(lines, metric="m", pair=lambda each: 0, side=lambda each: True),
        lambda lines: worst_gap(lines, metric="m", group=lambda each: "a"),
    ],
)
def test_nothing_scored_gives_no_value(line, make) -> None:
    for lines in ([], [line("a")]):
        measure = make(lines)
        assert (measure.value, measure.low, measure.high, measure.n_scored) == (None, None, None, 0)
        assert measure.n_unscored == len(lines)


def test_clusters_that_all_agree_are_not_certain(line) -> None:
    lines = [line(f"{speaker}/{n}", 1.0, cluster=f"s{speaker}") for speaker in range(4) for n in range(10)]
    measure = rate(lines, metric="m")
    # forty items, but four speakers: with a share of 1 - 0.025^(1/4) others, four alike are seen in one of forty tries
    assert (measure.low, measure.high) == (pytest.approx(0.025**0.25), 1.0)
    assert measure.interval == "Clopper-Pearson on 4 clusters that all agree"


def test_clusters_that_all_agree_on_a_half_leave_room_to_both_sides(line) -> None:
    lines = [line(f"{speaker}/{n}", float(n), cluster=f"s{speaker}") for speaker in range(8) for n in range(2)]
    measure = rate(lines, metric="m")
    share = 1 - 0.025 ** (1 / 8)  # clusters that might yet differ, wholly
    assert (measure.low, measure.high) == (pytest.approx(0.5 - 0.5 * share), pytest.approx(0.5 + 0.5 * share))


def test_correlated_items_widen_the_interval(line) -> None:
    scores = [float(n % 4 != 0) for n in range(40)]
    alone = rate([line(f"{n}/{m}", score) for n, score in enumerate(scores) for m in range(5)], metric="m")
    together = rate(
        [line(f"{n}/{m}", score, cluster=str(n)) for n, score in enumerate(scores) for m in range(5)], metric="m"
    )
    assert alone.value == together.value == 0.75
    # a fifth as many independent pieces: sqrt(5) times as wide
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(5), rel=0.12)


def test_a_mean_of_single_values_has_students_interval(line) -> None:
    values = [3.0, 5.0, 4.0, 8.0, 6.0, 4.5, 7.0, 5.5]
    measure = mean(
        [line(str(n), value) for n, value in enumerate(values)],
        metric="m",
        value=lambda each: each.score,
        unit="s",
        higher_is_better=False,
    )
    half = 2.364624 * np.std(values, ddof=1) / np.sqrt(8)  # t with 7 degrees of freedom
    assert measure.value == pytest.approx(5.375)
    assert (measure.low, measure.high) == (pytest.approx(5.375 - half), pytest.approx(5.375 + half))
    assert measure.interval == "Student's, jackknife over 8 clusters"


def test_two_clusters_say_little(line) -> None:
    # no resample of 0 and 0.11 leaves that range, but a third speaker may
    lines = [line("a", 0.0, cluster="s1"), line("b", 0.11, cluster="s2")]
    measure = rate(lines, metric="m")
    # moves 0.055 either way, error 0.077782; t of one degree 12.7062: z^2 / n = 0.98832^2 / (0.055 x 0.945) = 18.7934
    # upper end (0.055 + 9.3967 + sqrt(18.7934 (0.051975 + 4.69835))) / 19.7934
    assert measure.high == pytest.approx((0.055 + 9.3967 + np.sqrt(18.7934 * (0.051975 + 4.69835))) / 19.7934, abs=1e-4)
    assert measure.interval == "Wilson's for the effective number of items, jackknife over 2 clusters"


def test_few_clusters_outside_a_known_range_get_students_interval(line) -> None:
    values = [3.0, 5.0, 4.0]
    lines = [line(str(n), 0.0, truth={"v": value}) for n, value in enumerate(values)]
    measure = mean(lines, metric="m", value=lambda each: each.truth["v"], unit="dB", higher_is_better=None)
    half = 4.302653 * 1.0 / np.sqrt(3)  # t with two degrees of freedom, deviation 1
    assert (measure.low, measure.high) == (pytest.approx(4 - half), pytest.approx(4 + half))
    waited = mean(lines, metric="m", value=lambda each: each.truth["v"] - 3, unit="ms", higher_is_better=False)
    assert waited.low == 0.0  # there is no time below none


def test_a_mean_without_spread_has_no_interval(line) -> None:
    measure = mean(
        [line("a", 1.0), line("b", 1.0)], metric="m", value=lambda each: 3.0, unit="ms", higher_is_better=None
    )
    assert (measure.value, measure.low, measure.high, measure.interval) == (3.0, None, None, "none: all values equal")


def test_a_corpus_ratio_weighs_by_length(line) -> None:
    # 1 error of 2 words and 1 of 8: 2/10, where the mean of the rates is 0.3125
    lines = [line("a", 0.0, truth={"e": 1, "n": 2}), line("b", 0.0, truth={"e": 1, "n": 8})]
    measure = ratio(
        lines, metric="wer", numerator=lambda each: each.truth["e"], denominator=lambda each: each.truth["n"]
    )
    assert measure.value == pytest.approx(0.2)
    assert measure.higher_is_better is False


def test_a_ratio_over_nothing_has_no_value(line) -> None:
    measure = ratio([line("a", 0.0)], metric="wer", numerator=lambda each: 1, denominator=lambda each: 0)
    assert measure.value is None


def test_balanced_accuracy_weighs_classes_alike(line) -> None:
    # spoof: 1 of 4 right; bona fide: 2 of 2: mean recall 0.625, where 3 of 6 are right
    lines = [line(f"s{n}", float(n == 0), truth={"c": "spoof"}) for n in range(4)]
    lines += [line(f"b{n}", 1.0, truth={"c": "bona_fide"}) for n in range(2)]
    measure = balanced(lines, metric="m", correct=lambda each: each.score, of=lambda each: each.truth["c"])
    assert measure.value == pytest.approx(0.625)
    assert measure.low < 0.625 < measure.high


def test_a_difference_is_taken_pair_by_pair(line) -> None:
    # pairs: 1-0, 1-1, 1-0, 0-1 give 1, 0, 1, -1: mean 1/4; the fifth has one side only
    scores = [(1, 0), (1, 1), (1, 0), (0, 1)]
    lines = [
        line(f"{n}{side}", float(two[side]), truth={"p": n, "first": side == 0})
        for n, two in enumerate(scores)
        for side in (0, 1)
    ]
    lines += [line("broken", 1.0, truth={"p": 9, "first": True}), line("lost", truth={"p": 9, "first": False})]
    measure = difference(lines, metric="m", pair=lambda each: each.truth["p"], side=lambda each: each.truth["first"])
    assert measure.value == pytest.approx(0.25)
    assert (measure.n_scored, measure.n_unscored, measure.unscored) == (4, 1, {"timeout": 1})
    swapped = difference(
        lines, metric="m", pair=lambda each: each.truth["p"], side=lambda each: not each.truth["first"]
    )
    assert swapped.value == pytest.approx(-0.25)


def test_pairs_without_any_difference_leave_room_for_some(line) -> None:
    lines = [line(f"{n}{side}", 1.0, truth={"p": n, "first": side == 0}) for n in range(20) for side in (0, 1)]
    measure = difference(lines, metric="m", pair=lambda each: each.truth["p"], side=lambda each: each.truth["first"])
    share = 1 - 0.025 ** (1 / 20)
    assert (measure.value, measure.low, measure.high) == (0.0, pytest.approx(-share), pytest.approx(share))


def test_groups_are_sorted_and_small_ones_marked(line) -> None:
    lines = [line(f"{g}{n}", float(n % 2), truth={"g": g}) for g, size in (("b", 12), ("a", 4)) for n in range(size)]
    measures = by_group(lines, metric="m", group=lambda each: each.truth["g"])
    assert [(m.group, m.n_scored) for m in measures] == [("a", 4), ("b", 12)]
    assert "no part of the worst gap" in measures[0].note
    assert measures[1].note == ""


def test_the_worst_gap_names_its_pair_the_higher_first(line) -> None:
    shares = {"a": 10, "b": 18, "c": 4, "tiny": 0}
    lines = [
        line(f"{g}{n}", float(n < right), truth={"g": g})
        for g, right in shares.items()
        for n in range(3 if g == "tiny" else 20)
    ]
    gap = worst_gap(lines, metric="m", group=lambda each: each.truth["g"])
    assert (gap.group, gap.n_scored) == ("b vs c", 60)
    assert gap.value == pytest.approx(0.9 - 0.2)
    assert gap.low < 0.7 < gap.high
    assert gap.low > 0
    assert "left out" in gap.note and "tiny" in gap.note
    assert "simultaneous over 3 pairs" in gap.interval


def test_a_group_that_is_always_right_is_not_taken_as_certain(line) -> None:
    lines = [line(f"{g}{n}", float(g == "a" or n % 2), truth={"g": g}) for g in "ab" for n in range(20)]
    gap = worst_gap(lines, metric="m", group=lambda each: each.truth["g"])
    assert gap.value == 0.5
    # below: what twenty right answers leave open, 0.168, and how far a half of twenty may yet rise, 0.219, in quadrature
    assert gap.low == pytest.approx(0.5 - np.hypot(1 - 0.025 ** (1 / 20), 0.219), abs=0.005)
    assert gap.high == pytest.approx(0.5 + 0.219, abs=0.005)  # nobody is right more often than always


def test_one_large_group_has_no_gap(line) -> None:
    gap = worst_gap(
        [line(str(n), 1.0, truth={"g": "a"}) for n in range(20)], metric="m", group=lambda each: each.truth["g"]
    )
    assert (gap.value, gap.group) == (None, None)
    assert "fewer than two groups" in gap.note


@FEW
@given(scores=st.lists(st.booleans(), min_size=12, max_size=40))
def test_equal_groups_have_gap_0_and_an_interval_that_holds_it(line, scores: list[bool]) -> None:
    lines = [line(f"{g}{n}", float(s), truth={"g": g}) for g in "ab" for n, s in enumerate(scores)]
    gap = worst_gap(lines, metric="m", group=lambda each: each.truth["g"])
    assert gap.value == 0.0
    assert gap.low <= 0.0 <= gap.high
    assert gap.high > 0.0


@FEW
@given(
    pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30),
    n_clusters=st.integers(min_value=1, max_value=10),
)
def test_swapping_sides_flips_the_sign(line, pairs: list[tuple[bool, bool]], n_clusters: int) -> None:
    lines = [
        line(f"{n}{side}", float(two[side]), truth={"p": n, "first": side == 0}, cluster=str(n % n_clusters))
        for n, two in enumerate(pairs)
        for side in (0, 1)
    ]

    def of(first: bool):
        return difference(
            lines, metric="m", pair=lambda each: each.truth["p"], side=lambda each: each.truth["first"] == first
        )

    one, other = of(True), of(False)
    assert one.value == pytest.approx(-other.value)
    assert one.low == pytest.approx(-other.high, abs=1e-9)
    assert -1 <= one.low <= one.value <= one.high <= 1


@FEW
@given(
    scores=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6)), min_size=1, max_size=40),
)
def test_an_interval_holds_its_value_and_has_a_width(line, scores: list[tuple[float, int]]) -> None:
    lines = [line(str(n), score, cluster=str(cluster)) for n, (score, cluster) in enumerate(scores)]
    measure = rate(lines, metric="m")
    assert 0 <= measure.low <= measure.value + 1e-12 and measure.value <= measure.high + 1e-12 <= 1 + 1e-11
    assert measure.high > measure.low


def test_a_curve_rises_through_its_levels_and_leaves_out_what_has_none(line) -> None:
    lines = [line(f"{snr}{n}", float(n < 3), truth={"snr": snr}) for snr in (10.0, -5.0, None) for n in range(4)]
    points = curve(lines, metric="m", level=lambda each: each.truth["snr"])
    assert [point.level for point in points] == [-5.0, 10.0]
    assert all(a.level < b.level for a, b in pairwise(points))
    assert points[0].value == 0.75


def test_the_same_lines_give_the_same_bits_and_global_randomness_is_untouched(line) -> None:
    lines = [line(str(n), float(n % 3 == 0), cluster=str(n % 7)) for n in range(50)]
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert rate(lines, metric="m") == rate(lines, metric="m")
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_five_thousand_lines_take_less_than_a_second(line) -> None:
    lines = [line(str(n), float(n % 3 == 0) / 2, cluster=str(n)) for n in range(5000)]
    begun = time.process_time()
    rate(lines, metric="m")
    assert time.process_time() - begun < 1.0


# ---- sums ----


def test_a_measure_keeps_what_it_was_made_of(line) -> None:
    lines = [
        line("a", 1.0, cluster="s1", truth={"kind": "x"}),
        line("b", 0.5, cluster="s1", truth={"kind": "y"}),
        line("c", 0.0, cluster="s2", truth={"kind": "x"}),
        line("d", None, cluster="s3", truth={"kind": "x"}),
    ]
    plain = rate(lines, metric="share").sums
    assert plain.clusters == ("s1", "s2") and plain.totals[:, 0].tolist() == [[1.5, 2.0], [0.0, 1.0]]
    parted = balanced(lines, metric="share", correct=lambda one: one.score, of=lambda one: one.truth["kind"]).sums
    assert parted.parts == ("x", "y") and parted.totals[0].tolist() == [[1.0, 1.0], [0.5, 1.0]]
    assert parted.totals[1].tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_balanced_accuracy_of_both_classes_has_no_value_for_one(line) -> None:
    lines = [line("a", 1.0, truth={"of": "no"}), line("b", 1.0, truth={"of": "no"}), line("c", truth={"of": "yes"})]
    right, of = (lambda one: one.score), (lambda one: one.truth["of"])
    alone = balanced(lines, metric="m", correct=right, of=of, both=True, headline=True, baseline=0.5, note="said")
    assert (alone.value, alone.low, alone.n_scored, alone.n_unscored) == (None, None, 2, 1)
    assert (alone.baseline, alone.headline) == (0.5, True) and alone.note.startswith("one class alone")
    assert balanced(lines, metric="m", correct=right, of=of).value == 1.0
    two = [*lines[:2], line("c", 0.0, truth={"of": "yes"})]
    assert balanced(two, metric="m", correct=right, of=of, both=True).value == 0.5


def test_weights_of_classes_are_in_the_interval_too(line) -> None:
    """Three texts with four answers of each class; the second class weighs three times as much."""
    right = {"a": (4, 1), "b": (3, 4), "c": (4, 2)}
    lines = [
        line(f"{text}{side}{k}", float(k < n), cluster=text, truth={"side": side})
        for text, counts in right.items()
        for side, n in enumerate(counts)
        for k in range(4)
    ]
    measure = balanced(
        lines, metric="m", correct=lambda one: one.score, of=lambda one: one.truth["side"], weights={0: 1.0, 1: 3.0}
    )
    made = jackknife_of_ratios(list(right.values()), np.full((3, 2), 4.0), bounds=(0, 1), weights=[0.25, 0.75])
    assert measure.value == pytest.approx((11 / 12 + 3 * 7 / 12) / 4)
    found = jackknife_interval(measure.value, made, bounds=(0, 1))
    assert (measure.low, measure.high) == (pytest.approx(found.low), pytest.approx(found.high))


def test_where_pairs_differ_to_one_side_alone_the_far_end_is_a_rates(line) -> None:
    """Eight texts of 12 pairs; a tenth of the pairs lost, all of them on two texts: skewed as a rate is."""
    lost = [6, 4, 0, 0, 0, 0, 0, 0]
    lines = [
        line(
            f"{text}/{n}{side}",
            float(side or n >= lost[text]),
            cluster=str(text),
            truth={"p": (text, n), "first": side == 1},
        )
        for text in range(8)
        for n in range(12)
        for side in (0, 1)
    ]
    paired = difference(lines, metric="m", pair=lambda each: each.truth["p"], side=lambda each: each.truth["first"])
    alone = rate(
        [
            one.model_copy(update={"verdict": {**one.verdict, "score": 1 - one.score}})
            for one in lines
            if not one.truth["first"]
        ],
        metric="m",
    )
    assert paired.value == alone.value == pytest.approx(10 / 96)
    assert paired.high == pytest.approx(alone.high) and paired.low < 0 < alone.low
    turned = difference(lines, metric="m", pair=lambda each: each.truth["p"], side=lambda each: not each.truth["first"])
    assert (turned.low, turned.high) == (pytest.approx(-paired.high), pytest.approx(-paired.low))


# ---- the gap in what could not be scored ----


def test_the_unscored_gap_is_the_highest_share_less_the_lowest(line) -> None:
    """5 of 20 women and 1 of 16 men could not be scored; the three others are too few; one of no group is left out."""
    lines = [line(f"f{n}", 1.0 if n >= 5 else None, truth={"g": "f"}) for n in range(20)]
    lines += [line(f"m{n}", 0.0 if n >= 1 else None, truth={"g": "m"}) for n in range(16)]
    lines += [line(f"x{n}", None, truth={"g": "x"}) for n in range(3)]
    lines += [line("nobody", None), line("c", None, kind="canary", truth={"g": "f"})]
    gap = unscored_gap(lines, group=lambda each: each.truth.get("g"))
    assert (gap.metric, gap.group, gap.unit, gap.higher_is_better) == ("unscored_gap", "f vs m", "fraction", False)
    assert gap.value == pytest.approx(5 / 20 - 1 / 16)
    assert (gap.n_scored, gap.n_unscored, gap.unscored) == (36, 0, {})
    assert gap.low < 5 / 20 - 1 / 16 < gap.high
    assert (gap.worst_low, gap.worst_high) == (gap.value, gap.value), "of every item it is known whether it was scored"
    assert "f 0.25, m 0.0625" in gap.note and "left out, with fewer than 10 scored items: x" in gap.note


def test_where_nothing_is_unscored_the_gap_is_0_and_not_certain(line) -> None:
    lines = [line(f"{g}{n}", 1.0, truth={"g": g}) for g in "fm" for n in range(12)]
    gap = unscored_gap(lines, group=lambda each: each.truth["g"])
    bound = 1 - 0.025 ** (1 / 12)
    assert (gap.value, gap.low, gap.high) == (0.0, pytest.approx(-bound), pytest.approx(bound))


def test_silence_to_one_group_is_shown_and_silence_at_random_is_not(line) -> None:
    rng = np.random.default_rng(0)

    def gap(missing: dict[str, float]):
        lines = [
            line(
                f"{g}{speaker}/{n}", None if rng.random() < missing[g] else 1.0, cluster=f"{g}{speaker}", truth={"g": g}
            )
            for g in missing
            for speaker in range(12)
            for n in range(8)
        ]
        return unscored_gap(lines, group=lambda each: each.truth["g"])

    assert np.mean([gap({"f": 0.26, "m": 0.0}).low > 0 for _ in range(20)]) == 1.0
    assert np.mean([gap({"f": 0.13, "m": 0.13}).low > 0 for _ in range(40)]) <= 0.1


def test_a_readers_errors_in_one_class_alone_widen_a_balanced_rate(line) -> None:
    lines = [
        line(f"{side}{n}", float(n % 3 > 0), label="refusal", truth={"side": side}) for side in "ab" for n in range(12)
    ]
    by = {"metric": "m", "correct": lambda each: each.score, "of": lambda each: each.truth["side"]}
    plain, one, both = (
        balanced(lines, **by, errors=errors)
        for errors in (
            None,
            {"a": refusal_errors()},
            {"a": refusal_errors(), "b": refusal_errors()},
        )
    )
    assert plain.value == one.value == both.value == pytest.approx(2 / 3)
    widths = [measure.high - measure.low for measure in (plain, one, both)]
    assert widths[0] < widths[1] < widths[2]
    assert plain.reader == "" and one.reader == both.reader == READER
    # a class counts half, so that what one class adds is half of what the two add together, before the squares are summed
    below = [(measure.value - measure.low) ** 2 - (plain.value - plain.low) ** 2 for measure in (one, both)]
    assert below[1] == pytest.approx(4 * below[0])


def test_a_side_that_has_a_score_counts_by_it_in_the_worst_case_of_a_difference(line) -> None:
    lines = [
        line("a1", 1.0, truth={"pair": "a", "first": True}), line("a2", 0.25, truth={"pair": "a", "first": False}),
        line("b1", 0.5, truth={"pair": "b", "first": True}), line("b2", truth={"pair": "b", "first": False}),
        line("c1", truth={"pair": "c", "first": True}), line("c2", truth={"pair": "c", "first": False}),
    ]  # fmt: skip  # a table: one row a line
    measure = difference(lines, metric="m", pair=lambda each: each.truth["pair"], side=lambda each: each.truth["first"])
    assert (measure.value, measure.n_scored, measure.n_unscored) == (0.75, 1, 2)
    # b: 0.5 less 1 to 0.5 less 0; c: -1 to 1
    assert (measure.worst_low, measure.worst_high) == (
        pytest.approx((0.75 - 0.5 - 1) / 3),
        pytest.approx((0.75 + 0.5 + 1) / 3),
    )


@pytest.mark.parametrize(("n_alone", "resampled"), [(1, False), (2, True)])
def test_an_estimate_that_most_resamples_leave_without_a_value_has_no_interval(n_alone: int, resampled: bool) -> None:
    # of eight clusters drawn with replacement, one of them is missing in (7/8)^8 = 34 % of draws, and one of two or both in
    # 2 * 34 % - (6/8)^8 = 59 %
    totals = np.zeros((8, 3))
    totals[:, 0] = np.arange(8)
    for place in range(n_alone):
        totals[place, 1 + place] = 1.0

    def estimate(sums):
        some_missing = (sums[..., 1 : 1 + n_alone] == 0).any(axis=-1) | (sums.ndim == 1)
        return np.where(some_missing, sums[..., 0] / 100, np.nan)

    value, low, high, how = resampled_value(totals, estimate, seed="m", reach=None)
    assert value == pytest.approx(0.28)
    assert (low is not None and high is not None and how.startswith("cluster bootstrap")) is resampled
