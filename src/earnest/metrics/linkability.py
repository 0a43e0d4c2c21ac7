"""How well recordings of one speaker can be linked: linkability, and an error rate with an interval by speakers.

*Mated* scores are those of two recordings of one speaker, *non-mated* those of two speakers; a higher score means more
likely the same speaker. For whoever protects speakers a high error rate and a low linkability are good.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter
from earnest.metrics._register import metrics
from earnest.metrics.detection import validate
from earnest.metrics.intervals import Interval, percentile_interval

MOST_BINS = 100


@metrics.register("linkability")
def linkability(*, mated: ArrayLike, non_mated: ArrayLike, omega: float = 1.0) -> float:
    """The global linkability D_sys: how far scores give away that two recordings are of one speaker, on average over speakers.

    Of each score the likelihood ratio of mated against non-mated, times the prior odds, gives the local linkability: 0 where it
    is 1 or less, else 2 LR / (1 + LR) - 1. D_sys is its mean over the mated scores. Densities are histograms with a tenth as
    many bins as there are mated scores, 100 at most, from the lowest score to the highest.

    Histograms of few scores differ by chance, so that D_sys of two equal distributions lies above 0; `linkability_by_chance`
    says how far.

    Parameters
    ----------
    mated, non_mated : float64 array, shape (n_trials,)
        Finite; at least 10 mated ones.
    omega : float
        Prior odds that two recordings are of one speaker, above 0; 1 in VoicePrivacy.

    Returns
    -------
    float in [0, 1]
        0: unlinkable, 1: every pair of one speaker is linked. Lower is better for those who speak.

    Raises
    ------
    BadParameter
        If there are too few scores, one is not finite, or omega is not above 0.

    Examples
    --------
    Two bins: where mated scores are twice as frequent as others (half of them against a quarter), (4 / 3 - 1), else 0.

    >>> round(linkability(mated=[0.0] * 10 + [1.0] * 10, non_mated=[0.0] * 30 + [1.0] * 10), 4)  # 0.5 * 1 / 3
    0.1667

    References
    ----------
    [gomezbarrero2018-unlinkability], [maouche2020-metrics]
    """
    mated, non_mated = validate(mated, name="mated"), validate(non_mated, name="non_mated")
    if mated.size < 10:
        raise BadParameter(f"linkability needs 10 mated scores at least, got {mated.size}; add recordings per speaker")
    if not omega > 0:
        raise BadParameter(f"omega must be prior odds above 0, got {omega!r}; 1 takes both to be equally likely")
    pooled = np.concatenate([mated, non_mated])
    edges = np.linspace(pooled.min(), pooled.max(), min(mated.size // 10, MOST_BINS) + 1)
    if edges[0] == edges[-1]:
        return 0.0
    share = np.histogram(mated, edges)[0] / mated.size
    other = np.histogram(non_mated, edges)[0] / non_mated.size
    seen = share > 0
    with np.errstate(divide="ignore"):
        inverse = other[seen] / (
            omega * share[seen]
        )  # 1 / LR, so that a bin without non-mated scores is 0 and not infinite
    local = np.where(inverse < 1, 2 / (1 + inverse) - 1, 0.0)
    return float(share[seen] @ local)


def linkability_by_chance(
    *, mated: ArrayLike, non_mated: ArrayLike, rng: np.random.Generator, omega: float = 1.0, n_draws: int = 100
) -> float:
    """Mean linkability where the scores are dealt to the two sides at random: what histograms of so few scores give anyhow."""
    mated, non_mated = validate(mated, name="mated"), validate(non_mated, name="non_mated")
    pooled, n = np.concatenate([mated, non_mated]), mated.size
    drawn = (rng.permutation(pooled) for _ in range(n_draws))
    return float(np.mean([linkability(mated=one[:n], non_mated=one[n:], omega=omega) for one in drawn]))


def speaker_error_rate_interval(
    *,
    scores: ArrayLike,
    first: Sequence[str],
    second: Sequence[str],
    rng: np.random.Generator,
    n_resamples: int = 500,
    confidence: float = 0.95,
) -> Interval:
    """Bootstrap interval of the equal error rate of trials between speakers, by draws of whole speakers.

    A speaker who is drawn c times counts c times in each trial of the speaker with oneself, and c times c' in one with a
    speaker who is drawn c' times, since trials that share either speaker go together.

    Parameters
    ----------
    scores : float64 array, shape (n_trials,)
    first, second : sequence of str
        Who is enrolled and who speaks; a trial of one name is mated.

    Raises
    ------
    BadParameter
        If there are fewer than three speakers, no trial on a side, or a score is not finite.
    """
    values = validate(scores, name="scores")
    names, places = np.unique([*first, *second], return_inverse=True)
    a, b = places[: values.size], places[values.size :]
    if len(b) != values.size or len(names) < 3 or (a == b).all() or not (a == b).any():
        raise BadParameter(
            f"an interval over speakers needs three of them and trials of one and of two speakers, got {len(names)} speakers and "
            f"{int((a == b).sum())} mated trials of {values.size}; add speakers"
        )
    order = np.argsort(values, kind="stable")
    a, b, ordered = a[order], b[order], values[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    rates = []
    for _ in range(n_resamples):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(np.float64)
        weight = np.where(a == b, counts[a], counts[a] * counts[b])
        mated, other = np.cumsum(weight * (a == b)), np.cumsum(weight * (a != b))
        if mated[-1] > 0 and other[-1] > 0:
            rates.append(_crossing(mated[last] / mated[-1], 1 - other[last] / other[-1]))
    return percentile_interval(rates, confidence=confidence)


def _crossing(miss: NDArray[np.float64], false_alarm: NDArray[np.float64]) -> float:
    """The mean of both rates where they are closest, as `equal_error_rate` has it."""
    miss, false_alarm = np.append(0.0, miss), np.append(1.0, false_alarm)
    distance = np.abs(miss - false_alarm)
    near = distance <= distance.min() + 1e-12
    return float((miss[near] + false_alarm[near]).mean() / 2)
