"""Membership by the least likely tokens of an answer: min-k % and min-k %++."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter
from earnest.models.access import TokenScores

K = 0.2
"""Share of the tokens that counts, as both papers have it."""
NO_SPREAD = 1e-6
"""Where all tokens are as likely as each other, or one alone is, no token stands out: its score is 0."""


def min_k(scores: TokenScores, *, k: float = K) -> float:
    """Mean log-probability of the share `k` of the tokens that are least likely, in nats; higher means more likely a member.

    A text that was never seen holds a few words that surprise; one that was trained on holds none ([shi2024-detecting]).
    At least one token counts.

    Examples
    --------
    >>> of = np.array([-0.1, -4.0, -0.2, -1.0])
    >>> min_k(TokenScores(log_probabilities=of, expected=of, spread=of), k=0.5)  # the mean of -4 and -1
    -2.5
    """
    return _lowest(scores.log_probabilities, k)


def min_k_plus_plus(scores: TokenScores, *, k: float = K) -> float:
    """As `min_k`, of log-probabilities in standard deviations from what the model expected in that place.

    A token that is likely where every other one is unlikely counts for more than one that is likely where the choice was
    easy: training makes seen tokens peaks of the distribution ([zhang2025-mink]). Mean and deviation are those over the
    model's whole vocabulary.
    """
    known = scores.spread > NO_SPREAD
    each = np.divide(scores.log_probabilities - scores.expected, scores.spread, out=np.zeros(len(known)), where=known)
    return _lowest(each, k)


def _lowest(values: NDArray[np.float64], k: float) -> float:
    if not 0 < k <= 1:
        raise BadParameter(f"k must be a share of the tokens above 0 and at most 1, got {k}; the papers take {K}")
    n = max(1, math.floor(k * len(values)))
    return float(np.sort(values)[:n].mean())
