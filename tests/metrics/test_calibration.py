"""Corrected rates: cases by hand, coverage by simulation, and what the methods refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.metrics.calibration import JudgeCounts, _lang_reiczigel, calibrated_mean, calibrated_rate, folded_interval
from earnest.metrics.intervals import wilson
from earnest.metrics.refusal import judge_counts

PEOPLE, JUDGE, REST = [1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1, 1, 1]


def test_prediction_powered_inference_by_hand() -> None:
    # errors of people's mean: (1, -1, 1, -1) / 8; of the judge's: -(1, -3, 1, 1) / 16 and (1, 1, -5, 1, 1, 1) / 36
    # weight: (1/8)(4/16) / (12/256 + 30/1296) = 0.4463; value: 1/2 + 0.4463 (5/6 - 3/4)
    found = calibrated_mean(people=PEOPLE, judge=JUDGE, rest=REST)
    power = (1 / 32) / (12 / 256 + 30 / 1296)
    assert found.power == pytest.approx(power) == pytest.approx(0.4463, abs=1e-4)
    assert found.value == pytest.approx(0.5 + power / 12)
    assert (found.naive, found.people, found.n_labelled, found.n_all) == (0.8, 0.5, 4, 10)
    # variance: 4/3 of the sum of squared errors, and 1/16 for two imagined differences; t of 3 degrees is 3.18245
    labelled = [1 / 8 - power / 16, -1 / 8 + 3 * power / 16, 1 / 8 - power / 16, -1 / 8 - power / 16]
    rest = [power / 36] * 5 + [-5 * power / 36]
    variance = 4 / 3 * sum(error**2 for error in labelled + rest) + 1 / 16
    assert found.high == pytest.approx(min(1, found.value + 3.18245 * math.sqrt(variance)), abs=1e-5)


def test_without_a_rest_people_decide_alone() -> None:
    found = calibrated_mean(people=[1, 1, 1, 0], judge=[0, 0, 0, 0], rest=[])
    assert (found.value, found.power, found.naive) == (0.75, 0.0, 0.0)


def test_a_judge_that_tells_nothing_has_no_weight_and_one_that_is_always_wrong_neither() -> None:
    people = [1, 0, 1, 0, 1, 0, 1, 1]
    assert calibrated_mean(people=people, judge=[1] * 8, rest=[1] * 50).value == 5 / 8
    wrong = [1 - value for value in people]
    assert calibrated_mean(people=people, judge=wrong, rest=[0, 1] * 25).power == 0


def test_full_agreement_does_not_close_the_interval() -> None:
    found = calibrated_mean(people=[1] * 20, judge=[1] * 20, rest=[1] * 200)
    assert found.value == found.high == 1 and 0.85 < found.low < 0.93
    assert calibrated_mean(people=[1] * 80, judge=[1] * 80, rest=[1] * 200).low > found.low


def test_rogan_and_gladen_by_hand() -> None:
    labelled = {"people": [1] * 10 + [0] * 20, "judge": [1] * 8 + [0] * 2 + [1] * 1 + [0] * 19}
    found = calibrated_rate(**labelled, rest=[1] * 31 + [0] * 39)
    # rate 40/100, sensitivity 8/10, specificity 19/20: (0.4 + 0.95 - 1) / (0.8 + 0.95 - 1) = 0.35 / 0.75
    assert (found.naive, found.sensitivity, found.specificity) == (0.4, 0.8, 0.95)
    assert found.value == pytest.approx(0.35 / 0.75)
    # z = 1.95996: n' = 103.841, p' = 41.9207 / n' = 0.40370; se' = 9/12, sp' = 20/22; R' = 0.31279 / 0.65909 = 0.47458
    se, sp, p = 9 / 12, 20 / 22, 41.92073 / 103.84146
    value = (p + sp - 1) / (se + sp - 1)
    shift = 2 * 3.841459 * (value * se * (1 - se) / 12 - (1 - value) * sp * (1 - sp) / 22)
    apart = p * (1 - p) / 103.84146 + value**2 * se * (1 - se) / 12 + (1 - value) ** 2 * sp * (1 - sp) / 22
    shared = 2 * (value * se * (1 - se) + (1 - value) * sp * (1 - sp)) / 100
    half = 1.959964 * math.sqrt(apart - shared) / (se + sp - 1)
    assert (found.low, found.high) == (
        pytest.approx(value + shift - half, abs=1e-5),
        pytest.approx(value + shift + half, abs=1e-5),
    )


def simulated(rng: np.random.Generator, *, rate: float, n: int, n_labelled: int, size: int = 1):
    """People's and a biased judge's labels: sensitivity 0.9, specificity 0.75; clusters of `size`."""
    shares = np.full(n, rate) if size == 1 else rng.beta(2 * rate, 2 - 2 * rate, n // size).repeat(size)
    people = (rng.random(n) < shares).astype(float)
    judge = np.where(people == 1, rng.random(n) < 0.9, rng.random(n) < 0.25).astype(float)
    chosen = np.zeros(n, dtype=bool)
    chosen[rng.permutation(n)[:n_labelled]] = True
    names = np.arange(n) // size
    return {
        "people": people[chosen],
        "judge": judge[chosen],
        "rest": judge[~chosen],
        "clusters": list(names[chosen]),
        "rest_clusters": list(names[~chosen]),
    }


@pytest.mark.parametrize("size", [1, 5])
def test_both_intervals_cover_and_the_naive_rate_does_not(size: int) -> None:
    n_trials, rate = 500, 0.4
    held = {"mean": 0, "rate": 0, "naive": 0}
    errors = []
    for seed in range(n_trials):
        given = simulated(np.random.default_rng(seed), rate=rate, n=400, n_labelled=80, size=size)
        mean, confusion = calibrated_mean(**given), calibrated_rate(**given)
        held["mean"] += mean.low <= rate <= mean.high
        held["rate"] += confusion.low <= rate <= confusion.high
        half = 1.96 * math.sqrt(mean.naive * (1 - mean.naive) / 400)
        held["naive"] += abs(mean.naive - rate) <= half
        errors.append((mean.value - rate, confusion.value - rate, mean.naive - rate))
    # of 500 trials at 95 %, 475 hold, give or take 3 standard errors of 4.9
    assert 460 <= held["mean"] <= 490 and 460 <= held["rate"] <= 492, held
    assert held["naive"] < 25, held
    bias = np.mean(errors, axis=0)
    assert abs(bias[0]) < 0.01 and abs(bias[1]) < 0.015
    assert bias[2] == pytest.approx(0.4 * 0.9 + 0.6 * 0.25 - 0.4, abs=0.01)  # 0.11 too high


def test_clusters_widen_and_a_good_judge_narrows() -> None:
    rng = np.random.default_rng(3)
    given = simulated(rng, rate=0.5, n=600, n_labelled=120, size=10)
    loose = {key: value for key, value in given.items() if "clusters" not in key}
    for method in (calibrated_mean, calibrated_rate):
        with_clusters, without = method(**given), method(**loose)
        assert with_clusters.value == pytest.approx(without.value, abs=0.02)
        assert with_clusters.high - with_clusters.low > without.high - without.low
    people = given["people"]
    alone = calibrated_mean(people=people, judge=np.zeros(120), rest=np.zeros(480))
    helped = calibrated_mean(people=people, judge=people, rest=given["rest"])
    assert helped.high - helped.low < 0.75 * (alone.high - alone.low)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"people": [1, 0], "judge": [1, 0, 1], "rest": []}, "the same items, got 2 and 3"),
        ({"people": [1, 2], "judge": [1, 0], "rest": []}, r"people must be .* in \[0, 1\].* from 1 to 2"),
        ({"people": [1], "judge": [1], "rest": []}, "at least 2 numbers"),
        ({"people": [1, 0], "judge": [1, math.nan], "rest": []}, "judge must be"),
        ({"people": [1, 0], "judge": [1, 0], "rest": [1], "clusters": ["a", "b"]}, "both be given"),
        ({"people": [1, 0], "judge": [1, 0], "rest": [], "clusters": ["a", "a"], "rest_clusters": []}, "two clusters"),
        (
            {"people": [1, 0], "judge": [1, 0], "rest": [1], "clusters": ["a"], "rest_clusters": ["b"]},
            "expected 2 and 1",
        ),
    ],
)
def test_what_cannot_be_corrected_is_refused(given, message) -> None:
    with pytest.raises(BadParameter, match=message):
        calibrated_mean(**given)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"people": [1, 0.5], "judge": [1, 0], "rest": []}, "labels of 0 and 1"),
        ({"people": [1, 1, 1], "judge": [1, 0, 1], "rest": []}, "found both kinds, got 3 of one"),
        ({"people": [1, 1, 0, 0], "judge": [1, 0, 1, 0], "rest": []}, "better than chance, got sensitivity 0.50"),
    ],
)
def test_a_confusion_that_says_nothing_is_refused(given, message) -> None:
    with pytest.raises(BadParameter, match=message):
        calibrated_rate(**given)


# ---- values of the works ----


def people_and_judge() -> tuple[np.ndarray, np.ndarray]:
    """400 items without a random generator: 6 in 10 are 1 by people, and the judge errs on every thirteenth."""
    i = np.arange(400)
    people = (7 * i % 10 < 6).astype(float)
    return people, np.where(11 * i % 13 == 0, 1 - people, people)


@pytest.mark.source("metrics/calibrated_mean", of="angelopoulos2023-ppi", at="aangelopoulos/ppi_py@bd90caa")
def test_prediction_powered_means_are_the_authors() -> None:
    """`ppi_mean_pointestimate(Y, Yhat, Yhat_unlabeled, lam=...)`, run on the first 80 items as labelled."""
    people, judge = people_and_judge()
    found = calibrated_mean(people=people[:80], judge=judge[:80], rest=judge[80:])
    by_weight = {0.0: 0.6, 0.5: 0.628125, 1.0: 0.65625}
    for weight, value in by_weight.items():
        assert people[:80].mean() + weight * (judge[80:].mean() - judge[:80].mean()) == pytest.approx(value, abs=1e-12)
    # so the value that ours has at its own weight lies on their line
    assert found.value == pytest.approx(0.6 + 0.05625 * found.power, abs=1e-12)


@pytest.mark.source("metrics/calibrated_mean", of="angelopoulos2023-ppiplusplus", at="aangelopoulos/ppi_py@bd90caa")
def test_the_weight_and_interval_are_the_authors_but_for_small_samples() -> None:
    """`lam=None`, which finds the weight, gives 0.6373764 (weight 0.66447) and (0.5656053, 0.7091476).

    Theirs takes the judge's variance over all items together, ours on either side; and our interval is Student's, with
    two imagined differences, so that it is wider, by less than a tenth here.
    """
    people, judge = people_and_judge()
    found = calibrated_mean(people=people[:80], judge=judge[:80], rest=judge[80:])
    assert found.power == pytest.approx(0.66447, abs=0.01) and found.value == pytest.approx(0.6373764, abs=1e-3)
    assert found.low < 0.5656053 < 0.7091476 < found.high
    assert 1 < (found.high - found.low) / (0.7091476 - 0.5656053) < 1.1


@pytest.mark.source("metrics/calibrated_rate", of="rogan1978-prevalence", at="cran/epiR@0065817, man/epi.prev.Rd")
def test_the_corrected_rate_is_that_of_a_published_herd() -> None:
    """23 of 150 cows positive, by a test of sensitivity 96 % and specificity 89 %: 5.1 cases per 100."""
    people = [1] * 25 + [0] * 100
    judge = [1] * 24 + [0] + [1] * 11 + [0] * 89
    found = calibrated_rate(people=people, judge=judge, rest=[1] * 11 + [0] * 164)  # 46 of 300, the same share
    assert (found.naive, found.sensitivity, found.specificity) == (pytest.approx(23 / 150), 0.96, 0.89)
    assert found.value == pytest.approx(0.051, abs=5e-4)


LANG_REICZIGEL = [
    # positives and tested; positives among the infected; negatives among the healthy; the interval as printed
    ((4060, 11284), (178, 179), (358, 359), (0.349, 0.372), 5e-4),
    ((51, 2971), (32, 33), (20, 20), (0.0, 0.053), 5e-4),
    ((0.06 * 11862, 11862), (8, 10), (12, 12), (0.0, 0.147), 5e-4),
    ((259, 509), (84, 127), (96, 109), (0.58, 0.87), 5e-3),
    ((51, 509), (23, 41), (187, 195), (0.037, 0.195), 5e-4),
]


@pytest.mark.source("metrics/calibrated_rate", of="lang2014-prevalence", at="Examples 1 to 4, by cran/asht@1f4e76b")
@pytest.mark.parametrize(("tested", "infected", "healthy", "interval", "digits"), LANG_REICZIGEL)
def test_the_interval_is_that_of_the_published_examples(tested, infected, healthy, interval, digits) -> None:
    """Sensitivity and specificity are of other animals there, so nothing is shared: the covariance of ours goes to 0."""
    shares = [(k / n, float(n)) for k, n in (tested, infected, healthy)]
    found = _lang_reiczigel(*shares, n_all=math.inf, confidence=0.95)
    assert found == pytest.approx(interval, abs=digits)


@pytest.mark.source("metrics/folded_interval", of="lang2014-prevalence", at="Examples 1 to 4, by cran/asht@1f4e76b")
@pytest.mark.source("metrics/folded_interval", of="rogan1978-prevalence", at="Examples 1 to 4, by cran/asht@1f4e76b")
@pytest.mark.parametrize(("tested", "infected", "healthy", "interval", "digits"), LANG_REICZIGEL)
def test_folding_gives_the_published_intervals(tested, infected, healthy, interval, digits) -> None:
    """What a rate and its Wilson interval become; theirs holds the uncorrected rate's too, but for 259 of 509."""
    rate = wilson(n_success=round(tested[0]), n=tested[1])
    counts = [JudgeCounts(n_yes=infected[1], n_hit=infected[0], n_no=healthy[1], n_rejected=healthy[0])]
    value = round(tested[0]) / tested[1]
    found = folded_interval(value=value, low=rate.low, high=rate.high, n=tested[1], counts=counts)
    hull = min(rate.low, interval[0]), max(rate.high, interval[1])
    assert found == pytest.approx(hull, abs=digits)


# The judge's errors folded into an interval

GOOD = JudgeCounts(n_yes=200, n_hit=196, n_no=240, n_rejected=238)
BAD = JudgeCounts(n_yes=290, n_hit=262, n_no=155, n_rejected=126)


def test_folded_interval_by_hand() -> None:
    # Lang and Reiczigel, equations 6, 7, 16 and 17, with z = 2 for 95.45 %: p = (20 + 2) / (40 + 4), se = 91/102,
    # sp = 46/52; value = (p + sp - 1) / (se + sp - 1)
    z2, p, se, sp = 4.0, 22 / 44, 91 / 102, 46 / 52
    youden = se + sp - 1
    value = (p + sp - 1) / youden
    of_se, of_sp = se * (1 - se) / 102, sp * (1 - sp) / 52
    shift = 2 * z2 * (value * of_se - (1 - value) * of_sp)
    spread = 2 * math.sqrt(p * (1 - p) / 44 + value**2 * of_se + (1 - value) ** 2 * of_sp) / youden
    confidence = math.erf(2 / math.sqrt(2))
    sampling = wilson(n_success=20, n=40, confidence=confidence)
    counts = [JudgeCounts(n_yes=100, n_hit=90, n_no=50, n_rejected=45)]
    given = {"low": sampling.low, "high": sampling.high, "n": 40, "counts": counts, "confidence": confidence}
    low, high = folded_interval(value=0.5, **given)
    assert high == pytest.approx(max(sampling.high, value + shift + spread), abs=1e-6)
    assert low == pytest.approx(min(sampling.low, value + shift - spread), abs=1e-6)
    assert (low, high) != (sampling.low, sampling.high)


def test_a_judge_that_never_errs_adds_next_to_nothing() -> None:
    sure = [JudgeCounts(n_yes=100_000, n_hit=100_000, n_no=100_000, n_rejected=100_000)]
    for n_success in (0, 7, 40):
        found = wilson(n_success=n_success, n=40)
        folded = folded_interval(value=n_success / 40, low=found.low, high=found.high, n=40, counts=sure)
        assert folded == pytest.approx((found.low, found.high), abs=0.02)  # z2 added to n as Agresti and Coull do
        assert folded[0] <= found.low and folded[1] >= found.high


def test_misses_raise_the_upper_end_and_false_alarms_lower_the_lower() -> None:
    misses, alarms = JudgeCounts(100, 80, 1000, 1000), JudgeCounts(1000, 1000, 100, 80)
    given = {"value": 0.5, "low": 0.45, "high": 0.55, "n": 380}
    low, high = folded_interval(**given, counts=[misses])
    assert high > 0.6 and low == pytest.approx(0.45, abs=0.02)
    low, high = folded_interval(**given, counts=[alarms])
    assert low < 0.4 and high == pytest.approx(0.55, abs=0.02)
    both = folded_interval(**given, counts=[misses, alarms])  # the worst of both directions
    assert both[0] < 0.4 and both[1] > 0.6


def test_one_source_s_sensitivity_meets_another_s_specificity() -> None:
    # (0.3 + 0.9 - 1) / 0.7 and (0.3 + 0.99 - 1) / 0.94 lie below (0.3 + 0.99 - 1) / 0.79
    first, second = JudgeCounts(1000, 800, 1000, 900), JudgeCounts(1000, 950, 1000, 990)
    given = {"value": 0.3, "low": 0.28, "high": 0.32, "n": 2000}
    alone = [folded_interval(**given, counts=[counts])[1] for counts in (first, second)]
    assert folded_interval(**given, counts=[first, second])[1] > max(alone) + 0.03


def test_items_that_others_decided_are_not_doubted() -> None:
    given = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "counts": [BAD]}
    none = folded_interval(**given, n_read=0, n_read_yes=0)
    few, all_read = folded_interval(**given, n_read=10, n_read_yes=5), folded_interval(**given)
    assert none == (0.4, 0.6)
    assert 0.4 > few[0] > all_read[0] and 0.6 <= few[1] < 0.61


def test_items_in_clusters_are_worth_less() -> None:
    wide = folded_interval(value=0.5, low=0.3, high=0.7, n=400, counts=[BAD])
    assert wide[0] < 0.3 or wide[1] > 0.7
    narrow = folded_interval(value=0.5, low=0.45, high=0.55, n=400, counts=[BAD])
    assert wide[0] < narrow[0] and wide[1] > narrow[1]


def test_a_judge_near_chance_tells_nothing() -> None:
    assert folded_interval(value=0.5, low=0.4, high=0.6, n=100, counts=[JudgeCounts(50, 25, 50, 26)]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"value": 0.7}, "a rate must lie in its interval"),
        ({"high": 1.1}, "a rate must lie in its interval"),
        ({"n": 0}, "expected n of at least 1"),
        ({"n_read": 101}, "expected n of at least 1"),
        ({"n_read": 10, "n_read_yes": 11}, "expected n of at least 1"),
        ({"counts": []}, "0 counts"),
    ],
)
def test_what_folded_interval_refuses(wrong: dict, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        folded_interval(**({"value": 0.5, "low": 0.4, "high": 0.6, "n": 100, "counts": [GOOD]} | wrong))
    with pytest.raises(BadParameter, match="items of both kinds"):
        JudgeCounts(n_yes=0, n_hit=0, n_no=5, n_rejected=5)


def _coverage(source: JudgeCounts, *, rate: float, n: int, folded: bool, n_runs: int = 200) -> float:
    """How often the interval of a judged rate holds the true one; the judge errs as on one source's answers."""
    rng = np.random.default_rng([n, int(rate * 10), source.n_yes])
    truth = rng.random((n_runs, n)) < rate
    says_yes = np.where(truth, source.n_hit / source.n_yes, 1 - source.n_rejected / source.n_no)
    covered = 0
    for n_yes in (rng.random((n_runs, n)) < says_yes).sum(axis=1).tolist():
        found = wilson(n_success=n_yes, n=n)
        ends = (found.low, found.high)
        if folded:
            ends = folded_interval(value=n_yes / n, low=found.low, high=found.high, n=n, counts=judge_counts("refusal"))
        covered += ends[0] <= rate <= ends[1]
    return covered / n_runs


@pytest.mark.parametrize("n", [30, 100, 300])
@pytest.mark.parametrize("source", judge_counts("refusal"), ids=lambda source: source.source)
def test_the_folded_interval_holds_the_true_rate(source: JudgeCounts, n: int) -> None:
    coverages = [_coverage(source, rate=rate / 10, n=n, folded=True) for rate in range(1, 10)]
    assert min(coverages) >= 0.93, coverages


def test_the_sampling_interval_alone_does_not() -> None:
    _, worse = judge_counts("refusal")
    assert min(_coverage(worse, rate=rate / 10, n=300, folded=False) for rate in range(1, 10)) < 0.8
