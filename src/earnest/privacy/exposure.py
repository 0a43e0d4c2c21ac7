"""Exposure of a secret: how far training has pushed it ahead of other secrets that might as well have been planted.

([carlini2019-secret]). A secret that is likelier than all others of its kind can be found by trying; one in the middle of
them is not memorised, however likely its form is. Exposure is counted in bits: each bit halves the number of guesses.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skewnorm

from earnest.errors import BadParameter

Floats = NDArray[np.float64]

LEAST = 20
"""Candidates below which no rank says anything."""
_MOST_SKEWNESS = 0.99
"""No skew-normal distribution has more than 0.9953."""


def sampled_exposure(secret: float, candidates: Floats) -> float:
    """Exposure in bits by the rank of a secret among candidates: log2 of their number less log2 of the rank.

    The secret counts as one of them; a tie counts as half ahead. A secret ahead of all others has at least the log2 of
    their number, and no more can be seen with them (section 4.2, approximation by sampling).

    Parameters
    ----------
    secret : float
        Log-probability of the secret.
    candidates : float64 array, shape (n_candidates,)
        Of other secrets that were not planted, drawn as the secret was.

    Examples
    --------
    >>> sampled_exposure(-1.0, -np.arange(2.0, 33.0))  # first of 32
    5.0
    """
    known = _checked(candidates)
    rank = 1 + np.count_nonzero(known > secret) + np.count_nonzero(known == secret) / 2
    return float(math.log2(len(known) + 1) - math.log2(rank))


def modelled_exposure(secret: float, candidates: Floats, *, most: float = 50.0) -> float:
    """Exposure in bits beyond the number of candidates: -log2 of the share of secrets that are as likely, by a fit.

    The log-perplexities of candidates are taken for a skew-normal distribution (section 4.3), which is fitted by their
    first three moments (the authors fit by maximum likelihood). It reaches beyond what was seen and is a guess there.

    Parameters
    ----------
    most : float
        Bits that are not exceeded: the log2 of the number of possible secrets, where that is known.
    """
    known = -_checked(candidates)
    spread = float(known.std())
    if spread < 1e-9:
        raise BadParameter("exposure needs candidates that differ in likelihood, got equal ones; check the answers")
    skewness = float(np.clip(np.mean((known - known.mean()) ** 3) / spread**3, -_MOST_SKEWNESS, _MOST_SKEWNESS))
    power = abs(skewness) ** (2 / 3)
    delta = math.copysign(math.sqrt(math.pi / 2 * power / (power + ((4 - math.pi) / 2) ** (2 / 3))), skewness)
    delta = float(np.clip(delta, -0.995, 0.995))
    shape = delta / math.sqrt(1 - delta**2)
    scale = spread / math.sqrt(1 - 2 * delta**2 / math.pi)
    place = float(known.mean()) - scale * delta * math.sqrt(2 / math.pi)
    with np.errstate(divide="ignore"):
        bits = -float(skewnorm.logcdf(-secret, shape, loc=place, scale=scale)) / math.log(2)
    return min(max(bits, 0.0), most)


def _checked(candidates: Floats) -> Floats:
    known = np.asarray(candidates, np.float64)
    if known.ndim != 1 or len(known) < LEAST or not np.isfinite(known).all():
        raise BadParameter(
            f"exposure needs at least {LEAST} candidates with finite log-probabilities, got {known.size}; draw more secrets"
        )
    return known
