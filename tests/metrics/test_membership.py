"""Areas and rates of membership: by hand, against DeLong's variance, and at their ends."""

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.metrics.membership import area_interval, area_under_curve, least_nonmembers, rate_at, rate_interval


def rows(n, name):
    return [f"{name}{k}" for k in range(n)]


def test_the_area_by_hand():
    # wins: 5 beats both, 2 beats neither but ties with 2: (2 + 0.5) / 4
    assert area_under_curve(members=[5.0, 2.0], nonmembers=[3.0, 2.0]) == 0.625
    assert area_under_curve(members=[3.0, 2.0], nonmembers=[5.0, 2.0]) == 1 - 0.625


def test_the_interval_is_that_of_delongs_variance():
    rng = np.random.default_rng(3)
    members, others = rng.normal(0.7, 1, 300), rng.normal(0, 1, 200)
    wins = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    error = np.sqrt(wins.mean(1).var(ddof=1) / 300 + wins.mean(0).var(ddof=1) / 200)
    found = area_interval(
        members=members, nonmembers=others, member_clusters=rows(300, "m"), nonmember_clusters=rows(200, "n")
    )
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert area_under_curve(members=members, nonmembers=others) in found


def test_speakers_are_left_out_on_both_sides():
    """Three speakers, two of them on both sides; the moves by leaving each out by hand."""
    members, others = [4.0, 1.0, 3.0], [2.0, 0.0, 5.0]
    own, theirs = ["a", "b", "c"], ["a", "a", "b"]
    found = area_interval(members=members, nonmembers=others, member_clusters=own, nonmember_clusters=theirs)
    # whole: 4 beats 2 and 0, 1 beats 0, 3 beats 2 and 0: 5 of 9
    # without a: 1 and 3 against 5: 0 of 2; without b: 4 and 3 against 2 and 0: 4 of 4; without c: 4 and 1: 3 of 6
    moves = np.array([0 - 5 / 9, 1 - 5 / 9, 1 / 2 - 5 / 9])
    from earnest.metrics.clusters import Jackknife, jackknife_interval

    made = Jackknife(moves=moves[:, None], shares=np.full((3, 1), 1 / 3), reach=np.zeros((1, 2)))
    wanted = jackknife_interval(5 / 9, made, bounds=(0.0, 1.0))
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_the_clusters_of_one_speaker_widen_the_interval():
    rng = np.random.default_rng(0)
    voices = np.repeat(rng.normal(0, 1, 40), 10)
    members, others = voices[:200] + 0.5, voices[200:]
    each = {"member_clusters": rows(200, "m"), "nonmember_clusters": rows(200, "n")}
    speakers = {
        "member_clusters": [k // 10 for k in range(200)],
        "nonmember_clusters": [k // 10 for k in range(200, 400)],
    }
    narrow = area_interval(members=members, nonmembers=others, **each)
    wide = area_interval(members=members, nonmembers=others, **speakers)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_perfect_separation_is_not_certain():
    found = area_interval(
        members=np.arange(30.0) + 100,
        nonmembers=np.arange(30.0),
        member_clusters=rows(30, "m"),
        nonmember_clusters=rows(30, "n"),
    )
    assert found.high == 1.0 and found.low == pytest.approx(1 - 0.1157, abs=1e-3)  # 1 - 0.025^(1/30)


def test_a_rate_needs_non_members_enough():
    assert least_nonmembers(0.01) == 100 and least_nonmembers(0.001) == 1000
    members = [9.0, 8.0, 2.0]
    assert rate_at(members=members, nonmembers=np.arange(999.0), false_positive_rate=0.001) is None
    assert rate_at(members=members, nonmembers=np.arange(1000.0) / 100, false_positive_rate=0.001) == 0.0
    # of 100 non-members one may be above: the threshold is the second highest, 8.5
    others = np.append(np.zeros(98), [8.5, 10.0])
    assert rate_at(members=members, nonmembers=others, false_positive_rate=0.01) == pytest.approx(1 / 3)
    assert rate_at(members=[8.5], nonmembers=others, false_positive_rate=0.01) == 0.0  # a tie is no find


def test_the_interval_of_a_rate():
    rng = np.random.default_rng(1)
    members, others = rng.normal(3, 1, 150), rng.normal(0, 1, 400)
    names = {"member_clusters": rows(150, "m"), "nonmember_clusters": rows(400, "n")}
    value = rate_at(members=members, nonmembers=others, false_positive_rate=0.01)
    found = rate_interval(members=members, nonmembers=others, false_positive_rate=0.01, rng=rng, **names)
    assert 0.5 < found.low < value < found.high < 1
    assert rate_interval(members=members, nonmembers=others, false_positive_rate=0.001, rng=rng, **names) is None
    sure = rate_interval(members=members + 99, nonmembers=others, false_positive_rate=0.01, rng=rng, **names)
    assert sure.high == 1.0 and sure.low == pytest.approx(0.025 ** (1 / 150))


def test_bad_input():
    with pytest.raises(BadParameter, match="needs a cluster, got 1 for 2 members"):
        area_interval(members=[1.0, 2.0], nonmembers=[0.0], member_clusters=["a"], nonmember_clusters=["b"])
    with pytest.raises(BadParameter, match="at least two on each side, got 1; one speaker says nothing"):
        area_interval(members=[1.0, 2.0], nonmembers=[0.0], member_clusters=["a", "b"], nonmember_clusters=["c"])
    with pytest.raises(BadParameter, match="between 0 and 1, got 0"):
        least_nonmembers(0)
    with pytest.raises(BadParameter, match="members must be finite"):
        area_under_curve(members=[np.nan], nonmembers=[0.0])
