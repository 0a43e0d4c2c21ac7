"""Error rates and costs of detectors that give each trial a score.

Conventions shared by all functions: a higher score means "more likely bona fide" (of a verifier: "more likely the
target speaker"). A trial is accepted when its score lies *above* the threshold. *Miss*: a bona fide (target) trial is
rejected; *false alarm*: a spoofed (nontarget) one is accepted. Equal scores are accepted or rejected together, whatever
their class, so the order in which trials are listed never changes a number. Lower is better throughout. Every distinct
score is tried as a threshold; nothing is binned unless a function says so.

Costs and priors default to those of ASVspoof 5 [wang2024-asvspoof5]; costs are divided by that of the better of two
detectors without scores, one accepting and one rejecting everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics._register import metrics
from earnest.metrics.intervals import Interval, percentile_interval

Array = NDArray[np.float64]

N_BINS = 4096
"""Bins of equal mass in which `equal_error_rate_interval` resamples."""


def validate(scores: ArrayLike, *, name: str) -> Array:
    """`scores` as a float64 array of shape (n_trials,).

    Raises
    ------
    BadParameter
        If they are not a list of finite numbers, or empty.
    """
    found = np.asarray(scores, dtype=np.float64)
    if found.ndim != 1 or found.size == 0:
        raise BadParameter(f"{name} must be an array of shape (n_trials,), at least one, got shape {found.shape}")
    n_bad = int(found.size - np.isfinite(found).sum())
    if n_bad:
        raise BadParameter(
            f"{name} must be finite, got {n_bad} of {found.size} that are not; leave out unscored trials"
        )
    return found


def _shares(named: dict[str, float]) -> None:
    for name, value in named.items():
        if not 0 <= value <= 1:
            raise BadParameter(f"{name} must lie in [0, 1], got {value}")


def _costs(named: dict[str, float]) -> None:
    for name, value in named.items():
        if not (np.isfinite(value) and value >= 0):
            raise BadParameter(f"{name} must be a finite cost of at least 0, got {value}")


def _priors(**named: float) -> None:
    _shares(named)
    if abs(sum(named.values()) - 1) > 1e-9:
        raise BadParameter(f"{', '.join(named)} must sum to 1, got {sum(named.values()):g}")


def _rejected(*classes: Array) -> tuple[Array, list[Array]]:
    """Distinct thresholds from -inf up, and for each class how many of its scores are not above each.

    Each class is sorted alone; the stable sort that follows then only merges runs.
    """
    pooled = np.concatenate([np.sort(scores) for scores in classes])
    order = np.argsort(pooled, kind="stable")
    pooled = pooled[order]
    last = np.flatnonzero(np.append(pooled[1:] != pooled[:-1], True))
    thresholds = np.concatenate([[-np.inf], pooled[last]])
    counts, start = [], 0
    for scores in classes[:-1]:
        inside = (order >= start) & (order < start + scores.size)
        counts.append(np.concatenate([[0], np.cumsum(inside)[last]]))
        start += scores.size
    counts.append(np.concatenate([[0], last + 1]) - sum(counts))  # what is left belongs to the last class
    return thresholds, counts


@dataclass(frozen=True)
class DetCurve:
    """Miss and false alarm rates at every distinct threshold.

    Attributes
    ----------
    threshold : float64 array, shape (n_thresholds,)
        Rising; the first is -inf (accept everything), the last the highest score (reject everything).
    miss, false_alarm : float64 array, shape (n_thresholds,)
        Fractions in [0, 1]; `miss` never falls, `false_alarm` never rises.
    """

    threshold: Array
    miss: Array
    false_alarm: Array


def det_curve(*, bona_fide: ArrayLike, spoof: ArrayLike) -> DetCurve:
    """Miss and false alarm rates at every distinct threshold.

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Scores; finite, at least one each.

    Raises
    ------
    BadParameter
        If a side is empty or a score is not finite.
    """
    bona_fide, spoof = validate(bona_fide, name="bona_fide"), validate(spoof, name="spoof")
    threshold, (missed, rejected) = _rejected(bona_fide, spoof)
    return DetCurve(threshold, missed / bona_fide.size, 1 - rejected / spoof.size)


@metrics.register("equal_error_rate")
def equal_error_rate(*, bona_fide: ArrayLike, spoof: ArrayLike) -> float:
    """Error rate at the threshold where misses and false alarms are closest.

    The mean of the two rates there, as the ASVspoof 5 package has it. Where two thresholds are equally close, the mean
    over both (the package takes the lower), so that exchanging the classes and the sign of the scores changes nothing.

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Detector scores, higher meaning more likely bona fide; finite, at least one each.

    Returns
    -------
    float in [0, 1]
        Lower is better; 0.5 is chance, and what equal scores for all trials give.

    Raises
    ------
    BadParameter
        If a side is empty or a score is not finite.

    Examples
    --------
    >>> equal_error_rate(bona_fide=[0.2, 0.8, 0.9, 1.0], spoof=[0.1, 0.3])  # above 0.2: 1/4 and 1/2; above 0.3: 1/4 and 0
    0.25

    References
    ----------
    [wang2024-asvspoof5]
    """
    curve = det_curve(bona_fide=bona_fide, spoof=spoof)
    distance = np.abs(curve.miss - curve.false_alarm)
    near = distance <= distance.min() + 1e-12
    return float((curve.miss[near] + curve.false_alarm[near]).mean() / 2)


def equal_error_rate_interval(
    *,
    bona_fide: ArrayLike,
    spoof: ArrayLike,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap interval of the equal error rate, trials being independent.

    Scores are put into at most 4,096 bins of equal mass, and each class is resampled by multinomial draws of its bins;
    within a bin the rates are interpolated. Trials of few speakers or few attacks are not independent: use
    `intervals.cluster_bootstrap` there.

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Scores; finite, at least two each.
    n_resamples : int
        At least 100.

    Raises
    ------
    BadParameter
        If a side has fewer than two scores, or a score is not finite.

    References
    ----------
    [efron1993-bootstrap]
    """
    bona_fide, spoof = validate(bona_fide, name="bona_fide"), validate(spoof, name="spoof")
    if min(bona_fide.size, spoof.size) < 2:
        raise BadParameter(f"a bootstrap needs two trials of each class, got {bona_fide.size} and {spoof.size}")
    pooled = np.sort(np.concatenate([bona_fide, spoof]))
    edges = np.unique(pooled[np.linspace(0, pooled.size - 1, min(N_BINS, pooled.size)).astype(np.int64)])
    missed = _resampled_share(bona_fide, edges=edges, rng=rng, n_resamples=n_resamples)
    accepted = 1 - _resampled_share(spoof, edges=edges, rng=rng, n_resamples=n_resamples)
    return percentile_interval(_crossing(miss=missed, false_alarm=accepted), confidence=confidence)


def _resampled_share(scores: Array, *, edges: Array, rng: np.random.Generator, n_resamples: int) -> Array:
    """Share of resampled scores up to each edge, shape (n_resamples, n_edges + 1), the first column 0."""
    counts = np.bincount(np.searchsorted(edges, scores, side="left"), minlength=edges.size)
    held = np.flatnonzero(counts)  # empty bins stay empty: no draw for them
    drawn = np.zeros((n_resamples, edges.size + 1))
    drawn[:, held + 1] = rng.multinomial(scores.size, counts[held] / scores.size, size=n_resamples)
    return np.cumsum(drawn, axis=1) / scores.size


def _crossing(*, miss: Array, false_alarm: Array) -> Array:
    """The rate at which each row's `miss` meets its `false_alarm`, interpolated; shape (n_rows,)."""
    ahead = miss - false_alarm
    after = np.argmax(ahead >= 0, axis=1)
    rows = np.arange(len(miss))
    rise = ahead[rows, after] - ahead[rows, after - 1]
    step = ahead[rows, after] / rise
    return miss[rows, after] - step * (miss[rows, after] - miss[rows, after - 1])


def _dcf(*, miss: Array, false_alarm: Array, p_spoof: float, c_miss: float, c_fa: float) -> Array:
    """Detection cost over that of the better detector without scores, equations 3 and 4 of the evaluation plan."""
    _shares({"p_spoof": p_spoof})
    _costs({"c_miss": c_miss, "c_fa": c_fa})
    reject, accept = c_miss * (1 - p_spoof), c_fa * p_spoof
    if min(reject, accept) == 0:
        raise BadParameter(
            f"one of the two errors costs nothing (p_spoof {p_spoof}, c_miss {c_miss}, c_fa {c_fa}); give both a cost"
        )
    return (reject * miss + accept * false_alarm) / min(reject, accept)


@metrics.register("min_dcf")
def min_dcf(
    *, bona_fide: ArrayLike, spoof: ArrayLike, p_spoof: float = 0.05, c_miss: float = 1, c_fa: float = 10
) -> float:
    """Normalised detection cost at the best threshold, chosen on these very scores.

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Scores; finite, at least one each.
    p_spoof : float in (0, 1)
        How often a trial is spoofed.
    c_miss, c_fa : float
        Cost of rejecting a bona fide trial, and of accepting a spoofed one.

    Returns
    -------
    float in [0, 1]
        Lower is better; 1 is no better than a detector without scores.

    Raises
    ------
    BadParameter
        If a side is empty, a score not finite, or an error free of cost.

    Examples
    --------
    >>> min_dcf(bona_fide=[1, 2, 3, 4], spoof=[0, 1.5])  # above 1.5 a miss in 4: 0.95 / 4 over 0.5
    0.475

    References
    ----------
    [wang2024-asvspoof5]
    """
    curve = det_curve(bona_fide=bona_fide, spoof=spoof)
    costs = _dcf(miss=curve.miss, false_alarm=curve.false_alarm, p_spoof=p_spoof, c_miss=c_miss, c_fa=c_fa)
    return float(costs.min())


@metrics.register("act_dcf")
def act_dcf(
    *, bona_fide: ArrayLike, spoof: ArrayLike, p_spoof: float = 0.05, c_miss: float = 1, c_fa: float = 10
) -> float:
    """Normalised detection cost at the threshold that a calibrated detector would use.

    Scores are taken as natural log-likelihood ratios; the threshold is -ln(c_miss (1 - p_spoof) / (c_fa p_spoof)), and
    a score equal to it is accepted, as in the ASVspoof 5 package. What it exceeds `min_dcf` by is lost to calibration.

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Log-likelihood ratios; finite, at least one each.

    Returns
    -------
    float, at least 0
        Lower is better; can exceed 1.

    Raises
    ------
    BadParameter
        If a side is empty, a score not finite, or an error free of cost.

    Examples
    --------
    >>> act_dcf(bona_fide=[-1, 0, 2, 3], spoof=[-4, -3, -2, -0.5])  # at -ln 1.9: (0.95 / 4 + 0.5 / 4) / 0.5
    0.725

    References
    ----------
    [wang2024-asvspoof5]
    """
    bona_fide, spoof = validate(bona_fide, name="bona_fide"), validate(spoof, name="spoof")
    priors = {"p_spoof": p_spoof, "c_miss": c_miss, "c_fa": c_fa}
    _dcf(miss=np.zeros(1), false_alarm=np.zeros(1), **priors)  # refuses costs of 0 before the logarithm
    threshold = -np.log(c_miss * (1 - p_spoof) / (c_fa * p_spoof))
    miss, false_alarm = np.mean(bona_fide < threshold), np.mean(spoof >= threshold)
    return float(_dcf(miss=miss, false_alarm=false_alarm, **priors))


@metrics.register("cllr_bits")
def cllr_bits(*, bona_fide: ArrayLike, spoof: ArrayLike) -> float:
    """Cost of the log-likelihood ratios, in bits.

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Natural log-likelihood ratios; finite, at least one each.

    Returns
    -------
    float, at least 0
        Lower is better; 1 bit is what scores of 0 throughout give.

    Raises
    ------
    BadParameter
        If a side is empty or a score is not finite.

    Examples
    --------
    >>> round(cllr_bits(bona_fide=[np.log(3)], spoof=[0.0]), 3)  # (log2(4 / 3) + log2(2)) / 2
    0.708

    References
    ----------
    [brummer2006-cllr]
    """
    bona_fide, spoof = validate(bona_fide, name="bona_fide"), validate(spoof, name="spoof")
    return float((np.logaddexp(0, -bona_fide).mean() + np.logaddexp(0, spoof).mean()) / (2 * np.log(2)))


@metrics.register("a_dcf")
def a_dcf(
    *,
    target: ArrayLike,
    nontarget: ArrayLike,
    spoof: ArrayLike,
    p_target: float = 0.9405,
    p_nontarget: float = 0.0095,
    p_spoof: float = 0.05,
    c_miss: float = 1,
    c_fa: float = 10,
    c_fa_spoof: float = 10,
) -> float:
    """Normalised cost of one score that is to reject both other speakers and spoofs, at the best threshold.

    Parameters
    ----------
    target, nontarget, spoof : float64 array, shape (n_trials,)
        Scores, higher meaning more likely the target speaker in person; finite, at least one each.
    p_target, p_nontarget, p_spoof : float in [0, 1]
        Priors; they sum to 1.
    c_miss, c_fa, c_fa_spoof : float
        Costs of rejecting a target, and of accepting a nontarget and a spoof.

    Returns
    -------
    float in [0, 1]
        Lower is better; 1 is no better than a system without scores.

    Raises
    ------
    BadParameter
        If a class is empty, a score not finite, the priors do not sum to 1, or an error costs nothing.

    Examples
    --------
    >>> a_dcf(target=[1, 2, 3, 4], nontarget=[0, 1.5], spoof=[-1, 2.5])  # above 0: (0.095 / 2 + 0.5 / 2) / 0.595
    0.5

    References
    ----------
    [shim2024-adcf]
    """
    _priors(p_target=p_target, p_nontarget=p_nontarget, p_spoof=p_spoof)
    _costs({"c_miss": c_miss, "c_fa": c_fa, "c_fa_spoof": c_fa_spoof})
    target = validate(target, name="target")
    nontarget, spoof = validate(nontarget, name="nontarget"), validate(spoof, name="spoof")
    _, (missed, rejected, caught) = _rejected(target, nontarget, spoof)
    reject = c_miss * p_target
    accept = c_fa * p_nontarget + c_fa_spoof * p_spoof
    if min(reject, accept) == 0:
        raise BadParameter(
            "accepting or rejecting everything costs nothing under these priors; give every error a cost"
        )
    cost = (
        reject * missed / target.size
        + c_fa * p_nontarget * (1 - rejected / nontarget.size)
        + c_fa_spoof * p_spoof * (1 - caught / spoof.size)
    )
    return float(cost.min() / min(reject, accept))


@metrics.register("min_t_dcf")
def min_t_dcf(
    *,
    bona_fide: ArrayLike,
    spoof: ArrayLike,
    p_miss_asv: float,
    p_fa_asv: float,
    p_fa_spoof_asv: float,
    p_target: float = 0.9405,
    p_nontarget: float = 0.0095,
    p_spoof: float = 0.05,
    c_miss: float = 1,
    c_fa: float = 10,
    c_fa_spoof: float = 10,
) -> float:
    """Normalised cost of a countermeasure in front of a given speaker verifier, at the best threshold.

    The form constrained by the verifier of [kinnunen2020-tdcf]: C0 + C1 miss + C2 false_alarm over
    C0 + min(C1, C2).

    Parameters
    ----------
    bona_fide, spoof : float64 array, shape (n_trials,)
        Scores of the countermeasure; finite, at least one each.
    p_miss_asv, p_fa_asv, p_fa_spoof_asv : float in [0, 1]
        How often the verifier rejects targets, accepts nontargets and accepts spoofs.
    p_target, p_nontarget, p_spoof : float in [0, 1]
        Priors; they sum to 1.
    c_miss, c_fa, c_fa_spoof : float
        Costs of rejecting a target, and of accepting a nontarget and a spoof.

    Returns
    -------
    float in (0, 1]
        Lower is better; 1 is a countermeasure that helps nobody.

    Raises
    ------
    BadParameter
        If a side is empty, a score not finite, a rate outside [0, 1], the priors do not sum to 1, or the verifier
        already costs more than rejecting everybody (C1 below 0).

    Examples
    --------
    >>> verifier = {"p_miss_asv": 0.1, "p_fa_asv": 0.2, "p_fa_spoof_asv": 0.5}  # C0 0.11305, C1 0.82745, C2 0.25
    >>> round(min_t_dcf(bona_fide=[1, 2, 3, 4], spoof=[0, 1.5], **verifier), 4)  # above 0: (C0 + C2 / 2) / (C0 + C2)
    0.6557

    References
    ----------
    [kinnunen2020-tdcf]
    """
    _priors(p_target=p_target, p_nontarget=p_nontarget, p_spoof=p_spoof)
    _shares({"p_miss_asv": p_miss_asv, "p_fa_asv": p_fa_asv, "p_fa_spoof_asv": p_fa_spoof_asv})
    _costs({"c_miss": c_miss, "c_fa": c_fa, "c_fa_spoof": c_fa_spoof})
    base = p_target * c_miss * p_miss_asv + p_nontarget * c_fa * p_fa_asv  # C0
    by_miss, by_fa = p_target * c_miss - base, p_spoof * c_fa_spoof * p_fa_spoof_asv  # C1, C2
    if by_miss < 0 or base + min(by_miss, by_fa) == 0:
        raise BadParameter(
            f"the verifier leaves nothing to weigh (C0 {base:g}, C1 {by_miss:g}, C2 {by_fa:g}); check its error rates"
        )
    curve = det_curve(bona_fide=bona_fide, spoof=spoof)
    return float((base + by_miss * curve.miss + by_fa * curve.false_alarm).min() / (base + min(by_miss, by_fa)))


@metrics.register("tandem_equal_error_rate")
def tandem_equal_error_rate(
    *,
    asv_target: ArrayLike,
    asv_nontarget: ArrayLike,
    asv_spoof: ArrayLike,
    cm_bona_fide: ArrayLike,
    cm_spoof: ArrayLike,
) -> float:
    """Error rate of countermeasure and verifier in tandem where misses and both kinds of false alarm are equal.

    The concurrent point of [kinnunen2023-teer]: for each threshold of the verifier, bisection finds the threshold of
    the countermeasure at which tandem misses meet tandem false alarms (half nontargets, half spoofs; at the concurrent
    point the mixture does not matter). Among these the point counts at which nontargets and spoofs are accepted equally
    often. All thresholds are tried; the value is the false alarm rate of spoofs there, as in the ASVspoof 5 package
    (which gives it in percent).

    Parameters
    ----------
    asv_target, asv_nontarget, asv_spoof : float64 array, shape (n_trials,)
        Scores of the verifier; finite, at least one each.
    cm_bona_fide, cm_spoof : float64 array, shape (n_trials,)
        Scores of the countermeasure; finite, at least one each.

    Returns
    -------
    float in [0, 1]
        Lower is better.

    Raises
    ------
    BadParameter
        If a class is empty or a score is not finite.

    Examples
    --------
    Above 1 the verifier rejects one target in four and accepts one nontarget in four and two spoofs in four, of which
    the countermeasure, above 0, lets one in two through:

    >>> tandem_equal_error_rate(
    ...     asv_target=[1, 2, 3, 4],
    ...     asv_nontarget=[-1, 0, 0.5, 1.5],
    ...     asv_spoof=[0, 0.5, 1.5, 2.5],
    ...     cm_bona_fide=[2, 3, 4],
    ...     cm_spoof=[0, 5],
    ... )
    0.25

    References
    ----------
    [kinnunen2023-teer]
    """
    target, nontarget = validate(asv_target, name="asv_target"), validate(asv_nontarget, name="asv_nontarget")
    spoof = validate(asv_spoof, name="asv_spoof")
    _, (missed, rejected, caught) = _rejected(target, nontarget, spoof)
    asv_miss, asv_fa = missed / target.size, 1 - rejected / nontarget.size
    asv_fa_spoof = 1 - caught / spoof.size
    usable = asv_miss < (asv_fa + asv_fa_spoof) / 2  # accepting everything always is
    asv_miss, asv_fa, asv_fa_spoof = asv_miss[usable], asv_fa[usable], asv_fa_spoof[usable]
    cm = det_curve(bona_fide=cm_bona_fide, spoof=cm_spoof)

    def excess(place: NDArray[np.int64]) -> Array:
        """Tandem misses minus tandem false alarms; rises with the threshold of the countermeasure."""
        kept = 1 - cm.miss[place]
        return 1 - kept * (1 - asv_miss) - (kept * asv_fa + cm.false_alarm[place] * asv_fa_spoof) / 2

    above = _first_not_below(excess, n_places=cm.threshold.size, n_searches=asv_miss.size)
    below = np.maximum(above - 1, 0)
    place = np.where(np.abs(excess(below)) <= np.abs(excess(above)), below, above)
    kept = 1 - cm.miss[place]
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(asv_fa / asv_fa_spoof - cm.false_alarm[place] / kept)
    apart[np.isnan(apart)] = np.inf
    best = int(np.argmin(apart))
    return float(asv_fa_spoof[best] * cm.false_alarm[place[best]])


def _first_not_below(rising, *, n_places: int, n_searches: int) -> NDArray[np.int64]:
    """For each search, the first place at which `rising` is not below 0; by bisection of all at once."""
    low, high = np.zeros(n_searches, dtype=np.int64), np.full(n_searches, n_places - 1, dtype=np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        reached = rising(middle) >= 0
        high = np.where(reached, middle, high)
        low = np.where(reached, low, np.minimum(middle + 1, high))
    return low
