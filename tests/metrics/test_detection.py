"""Detection metrics against hand-worked cases, a plain-loop reference and the organisers' golden values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.errors import BadParameter
from earnest.metrics.detection import (
    a_dcf,
    act_dcf,
    cllr_bits,
    det_curve,
    equal_error_rate,
    equal_error_rate_interval,
    min_dcf,
    min_t_dcf,
    tandem_equal_error_rate,
)

DATA = Path(__file__).parent / "data"
TARGET, NONTARGET, SPOOF = 0, 1, 2

scores = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=12)  # few values, so many ties
few = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def golden() -> dict:
    assert (DATA / "golden.json").is_file() and (DATA / "asvspoof5_scores.npz").is_file()
    trials = dict(np.load(DATA / "asvspoof5_scores.npz"))
    return trials | {"values": json.loads((DATA / "golden.json").read_text())["values"]}


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def measured(trials: dict) -> dict[str, float]:
    asv, cm, trial = trials["asv_score"], trials["cm_score"], trials["trial"]
    sides = {"bona_fide": cm[trial != SPOOF], "spoof": cm[trial == SPOOF]}
    fused = standard(asv) + standard(cm)
    operating_point = {
        "p_miss_asv": 0.01880141010575793,
        "p_fa_asv": 0.01881016557566423,
        "p_fa_spoof_asv": 0.4607082907604729,
    }
    return {
        "min_dcf": min_dcf(**sides),
        "eer": equal_error_rate(**sides),
        "cllr_bits": cllr_bits(**sides),
        "act_dcf": act_dcf(**sides),
        "a_dcf_of_sum_of_z_scores": a_dcf(
            target=fused[trial == TARGET], nontarget=fused[trial == NONTARGET], spoof=fused[trial == SPOOF]
        ),
        "min_t_dcf_default_asv": min_t_dcf(**sides, **operating_point),
        "t_eer": 100
        * tandem_equal_error_rate(  # the package gives percent
            asv_target=asv[trial == TARGET],
            asv_nontarget=asv[trial == NONTARGET],
            asv_spoof=asv[trial == SPOOF],
            cm_bona_fide=sides["bona_fide"],
            cm_spoof=sides["spoof"],
        ),
    }


@pytest.mark.source("metrics/equal_error_rate", of="wang2024-asvspoof5", at="asvspoof-challenge/asvspoof5@fe23d30")
@pytest.mark.source("metrics/min_dcf", of="wang2024-asvspoof5", at="asvspoof-challenge/asvspoof5@fe23d30")
@pytest.mark.source("metrics/act_dcf", of="wang2024-asvspoof5", at="asvspoof-challenge/asvspoof5@fe23d30")
@pytest.mark.source("metrics/cllr_bits", of="brummer2006-cllr", at="asvspoof-challenge/asvspoof5@fe23d30")
@pytest.mark.source("metrics/min_t_dcf", of="kinnunen2020-tdcf", at="asvspoof-challenge/asvspoof5@fe23d30")
@pytest.mark.source("metrics/a_dcf", of="shim2024-adcf", at="asvspoof-challenge/asvspoof5@fe23d30")
@pytest.mark.source(
    "metrics/tandem_equal_error_rate", of="kinnunen2023-teer", at="asvspoof-challenge/asvspoof5@fe23d30"
)
def test_all_golden_values_are_met(golden: dict) -> None:
    found = measured(golden)
    assert found.keys() == golden["values"].keys()
    for name, value in golden["values"].items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_det_curve_by_hand() -> None:
    # bona fide 1 2 2 4, spoof 0 2: thresholds -inf 0 1 2 4
    curve = det_curve(bona_fide=[2, 1, 4, 2], spoof=[2, 0])
    assert curve.threshold.tolist() == [-np.inf, 0, 1, 2, 4]
    assert curve.miss.tolist() == [0, 0, 0.25, 0.75, 1]
    assert curve.false_alarm.tolist() == [1, 0.5, 0.5, 0, 0]


def test_equal_error_rate_by_hand() -> None:
    # above 1: misses 1/4, false alarms 1/2, the closest two; swapped or negated, another number
    assert equal_error_rate(bona_fide=[2, 1, 4, 2], spoof=[2, 0]) == pytest.approx(0.375)
    assert equal_error_rate(bona_fide=[2, 0], spoof=[2, 1, 4, 2]) == pytest.approx(0.625)


def test_separated_classes_have_no_error_and_swapped_ones_nothing_else() -> None:
    assert equal_error_rate(bona_fide=[3, 4], spoof=[1, 2]) == 0
    assert equal_error_rate(bona_fide=[1, 2], spoof=[3, 4]) == 1


def test_equal_scores_are_chance_whatever_the_class_sizes() -> None:
    assert equal_error_rate(bona_fide=[1.0] * 7, spoof=[1.0] * 2) == 0.5
    assert min_dcf(bona_fide=[1.0] * 7, spoof=[1.0] * 2) == 1


def test_min_and_act_dcf_by_hand() -> None:
    # 0.95 for misses, 0.5 for false alarms, over 0.5: above 0 (0 + 0.25) / 0.5, above 1 (0.2375 + 0.25) / 0.5 = 0.975
    sides = {"bona_fide": [2, 1, 4, 2], "spoof": [2, 0]}
    assert min_dcf(**sides) == pytest.approx(0.5)
    # threshold -ln(0.95 / 0.5) = -0.642: no miss, both spoofs accepted
    assert act_dcf(**sides) == pytest.approx(1)
    # p 0.5, equal costs: threshold 0, a score of 0 is accepted
    assert act_dcf(**sides, p_spoof=0.5, c_miss=1, c_fa=1) == pytest.approx(1)
    assert act_dcf(bona_fide=[-1, 1, 1], spoof=[-1, -2], p_spoof=0.5, c_miss=1, c_fa=1) == pytest.approx(1 / 3)


def test_cllr_by_hand() -> None:
    assert cllr_bits(bona_fide=[0.0, 0.0], spoof=[0.0]) == pytest.approx(1)
    # a bona fide ratio of 3 costs log2(1 + 1/3), a spoof ratio of 1 costs 1 bit
    assert cllr_bits(bona_fide=[np.log(3)], spoof=[0.0]) == pytest.approx((np.log2(4 / 3) + 1) / 2)
    assert cllr_bits(bona_fide=[-5000.0], spoof=[5000.0]) == pytest.approx(5000 / np.log(2))  # without overflow


def test_min_t_dcf_by_hand() -> None:
    # C0 = 0.5 * 0.1 + 0.3 * 0.2 = 0.11, C1 = 0.39, C2 = 0.2 * 0.5 = 0.1; best above 0: 0.11 + 0.1 / 2 over 0.21
    found = min_t_dcf(
        bona_fide=[2, 1, 4, 2],
        spoof=[2, 0],
        p_miss_asv=0.1,
        p_fa_asv=0.2,
        p_fa_spoof_asv=0.5,
        p_target=0.5,
        p_nontarget=0.3,
        p_spoof=0.2,
        c_fa=1,
        c_fa_spoof=1,
    )
    assert found == pytest.approx(0.16 / 0.21)


def test_a_dcf_by_hand() -> None:
    # above 2: no miss of 3; one of 2 nontargets and one of 4 spoofs accepted
    found = a_dcf(
        target=[3, 4, 5],
        nontarget=[0, 6],
        spoof=[1, 2, 2, 7],
        p_target=0.5,
        p_nontarget=0.3,
        p_spoof=0.2,
        c_fa=1,
        c_fa_spoof=2,
    )
    assert found == pytest.approx((0.3 / 2 + 0.4 / 4) / 0.5)


@few
@given(bona_fide=scores, spoof=scores)
def test_order_of_trials_and_exchange_of_classes_change_nothing(bona_fide: list, spoof: list) -> None:
    rate = equal_error_rate(bona_fide=bona_fide, spoof=spoof)
    assert equal_error_rate(bona_fide=bona_fide[::-1], spoof=sorted(spoof)) == rate
    exchanged = equal_error_rate(bona_fide=[-s for s in spoof], spoof=[-b for b in bona_fide])
    assert exchanged == pytest.approx(rate)
    assert 0 <= rate <= 1


@few
@given(bona_fide=scores, spoof=scores)
def test_curve_is_what_counting_gives(bona_fide: list, spoof: list) -> None:
    curve = det_curve(bona_fide=bona_fide, spoof=spoof)
    for threshold, miss, false_alarm in zip(curve.threshold, curve.miss, curve.false_alarm):
        assert miss == pytest.approx(sum(b <= threshold for b in bona_fide) / len(bona_fide))
        assert false_alarm == pytest.approx(sum(s > threshold for s in spoof) / len(spoof))
    assert min_dcf(bona_fide=bona_fide, spoof=spoof) <= min(1, act_dcf(bona_fide=bona_fide, spoof=spoof)) + 1e-12


@few
@given(target=scores, nontarget=scores, spoof=scores)
def test_a_dcf_is_the_best_of_all_thresholds(target: list, nontarget: list, spoof: list) -> None:
    def cost(threshold: float) -> float:
        miss = np.mean(np.array(target) <= threshold)
        fa, fa_spoof = np.mean(np.array(nontarget) > threshold), np.mean(np.array(spoof) > threshold)
        return (0.9405 * miss + 0.095 * fa + 0.5 * fa_spoof) / 0.595

    best = min(cost(threshold) for threshold in [-np.inf, *target, *nontarget, *spoof])
    assert a_dcf(target=target, nontarget=nontarget, spoof=spoof) == pytest.approx(best)


def plain_tandem(*, target, nontarget, spoof, bona_fide, cm_spoof) -> float:
    """The concurrent point by trying every pair of thresholds."""
    best = (np.inf, np.nan)
    for tau in [-np.inf, *np.unique(np.concatenate([target, nontarget, spoof]))]:
        miss, fa, fa_spoof = np.mean(target <= tau), np.mean(nontarget > tau), np.mean(spoof > tau)
        if miss >= (fa + fa_spoof) / 2:
            continue
        rows = []
        for cm_tau in [-np.inf, *np.unique(np.concatenate([bona_fide, cm_spoof]))]:
            kept, passed = np.mean(bona_fide > cm_tau), np.mean(cm_spoof > cm_tau)
            rows.append((abs(1 - kept * (1 - miss) - (kept * fa + passed * fa_spoof) / 2), kept, passed))
        _, kept, passed = min(rows, key=lambda row: row[0])
        apart = abs(fa / fa_spoof - passed / kept) if fa_spoof and kept else np.inf
        if apart < best[0]:
            best = (apart, fa_spoof * passed)
    return best[1]


@pytest.mark.parametrize("seed", range(5))
def test_bisection_finds_the_concurrent_point_of_the_full_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = {
        "target": rng.normal(2, 1, 40),
        "nontarget": rng.normal(-2, 1, 30),
        "spoof": rng.normal(1, 1, 50),
        "bona_fide": rng.normal(1, 1, 70),
        "cm_spoof": rng.normal(-1, 1, 50),
    }
    found = tandem_equal_error_rate(
        asv_target=drawn["target"],
        asv_nontarget=drawn["nontarget"],
        asv_spoof=drawn["spoof"],
        cm_bona_fide=drawn["bona_fide"],
        cm_spoof=drawn["cm_spoof"],
    )
    assert found == pytest.approx(plain_tandem(**drawn))


def test_a_verifier_threshold_that_misses_more_than_it_lets_in_is_no_operating_point() -> None:
    # Accepting all, the verifier misses nobody and lets all in. Behind it, the countermeasure above 1 keeps all and passes a
    # half (0.75 too many false alarms), and above 3 keeps nobody (0.75 too many misses): the lower counts, 1 x 0.5. Above 0
    # the verifier misses its target, 1, and lets all in, (1 + 1) / 2: no less, so it is left out, though there the two kinds
    # of false alarm are equal at once.
    found = tandem_equal_error_rate(asv_target=[0], asv_nontarget=[3], asv_spoof=[1], cm_bona_fide=[3], cm_spoof=[1, 4])
    assert found == 0.5


def test_half_of_those_who_ought_not_to_be_let_in_are_spoofs() -> None:
    # Accepting all: before the countermeasure (1 + 1) / 2 too many false alarms; above 0, where it keeps nobody and passes the
    # spoof, 1 - 1 / 2 too many misses, which is nearer, but there the two kinds cannot be equal. The verifier above 0 lets all
    # others and half of the spoofs in: (1 + 0.5) / 2 too many alarms against 1 - 0.5 / 2 too many misses, so the lower: 0.5 x 1.
    found = tandem_equal_error_rate(asv_target=[4], asv_nontarget=[2], asv_spoof=[0, 2], cm_bona_fide=[0], cm_spoof=[4])
    assert found == 0.5


def test_interval_holds_the_rate_and_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(3)
    sides = {"bona_fide": rng.normal(1, 1, 900), "spoof": rng.normal(-1, 1, 500)}
    rate = equal_error_rate(**sides)
    first = equal_error_rate_interval(**sides, rng=np.random.default_rng(4))
    assert first == equal_error_rate_interval(**sides, rng=np.random.default_rng(4))
    assert first.low < rate < first.high
    # a rate near 0.16 from 900 and 500 trials: its standard error is near 0.01
    assert 0.02 < first.high - first.low < 0.07


def test_scores_stay_as_they_are() -> None:
    bona_fide, spoof = np.array([3.0, 1.0]), np.array([2.0, 0.0])
    equal_error_rate(bona_fide=bona_fide, spoof=spoof)
    assert bona_fide.tolist() == [3, 1] and spoof.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("bona_fide", "spoof", "message"),
    [
        ([], [1.0], r"bona_fide must be an array of shape \(n_trials,\), at least one"),
        ([1.0], [[1.0]], r"spoof must be an array of shape"),
        ([1.0, np.nan], [1.0], r"bona_fide must be finite, got 1 of 2"),
        ([1.0], [np.inf], r"spoof must be finite"),
    ],
)
def test_bad_scores_are_refused(bona_fide: list, spoof: list, message: str) -> None:
    for metric in (equal_error_rate, min_dcf, act_dcf, cllr_bits):
        with pytest.raises(BadParameter, match=message):
            metric(bona_fide=bona_fide, spoof=spoof)


def test_bad_priors_and_costs_are_refused() -> None:
    sides = {"bona_fide": [1.0], "spoof": [0.0]}
    with pytest.raises(BadParameter, match=r"p_spoof must lie in \[0, 1\], got 1.5"):
        min_dcf(**sides, p_spoof=1.5)
    with pytest.raises(BadParameter, match="costs nothing"):
        act_dcf(**sides, p_spoof=0)
    with pytest.raises(BadParameter, match="c_fa must be a finite cost"):
        min_dcf(**sides, c_fa=-1)
    with pytest.raises(BadParameter, match="must sum to 1, got 1.4"):
        a_dcf(target=[1], nontarget=[0], spoof=[0], p_target=0.5, p_nontarget=0.5, p_spoof=0.4)
    with pytest.raises(BadParameter, match="leaves nothing to weigh"):
        min_t_dcf(**sides, p_miss_asv=1, p_fa_asv=1, p_fa_spoof_asv=1)
    with pytest.raises(BadParameter, match="two trials of each class"):
        equal_error_rate_interval(**sides, rng=np.random.default_rng(0))
