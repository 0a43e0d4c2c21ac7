"""Membership by a likelihood ratio against shadow models: LiRA ([carlini2022-lira]).

Shadows are models trained as the audited one was, each on some of the recordings. Of each recording they show how
confident a model is that was trained on it, and one that was not; the audited model's confidence is then likelier under
the one or the other. A recording that every model finds easy is so no longer taken for a member.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter

Floats = NDArray[np.float64]
Mode = Literal["online", "offline"]
LEAST = 2
"""Shadows that must know, and not know, an item, for a mean and a deviation."""
FEW = 8
"""With fewer shadows on a side than this, one deviation is taken for all items: that of one item is a guess."""
LEAST_DEVIATION = 1e-6


def confidence(log_probabilities: Floats) -> Floats:
    """Log-odds of the answer, log p - log(1 - p), by log-probability in nats: what is nearly normal over models (section VI).

    >>> confidence(np.array([np.log(0.5)])).round(6).tolist()
    [0.0]
    """
    log_p = np.minimum(np.asarray(log_probabilities, np.float64), -1e-12)
    return np.asarray(log_p - np.log(-np.expm1(log_p)), np.float64)


def likelihood_ratios(
    observed: Floats,
    shadows: Floats,
    inside: NDArray[np.bool_],
    *,
    mode: Mode = "online",
    pooled: bool | None = None,
) -> Floats:
    """A score of each item, higher meaning more likely a member.

    `online` compares two normal distributions, log N(x; in) - log N(x; out) (algorithm 1). `offline` knows only shadows
    that were not trained on the item: its score is how many deviations the confidence lies above them, which ranks items
    as the paper's 1 - Pr[Z > x] does and does not saturate. Centres are medians, as in the authors' code (the paper writes
    means). Where one deviation is taken for all items it is that of the shadows around the centre of each item; the
    authors' code takes the deviation of all confidences together, in which items that are easy and hard count as spread.

    Parameters
    ----------
    observed : float64 array, shape (n_items,)
        Confidence of the audited model.
    shadows : float64 array, shape (n_shadows, n_items)
        Confidences of the shadows.
    inside : bool array, shape (n_shadows, n_items)
        Whether the shadow was trained on the item.
    pooled : bool or None
        One deviation for all items; None takes one where an item has fewer than 8 shadows on a side.

    Raises
    ------
    BadParameter
        If shapes differ, or an item has fewer than two shadows on a side that is needed.
    """
    x, seen = np.asarray(shadows, np.float64), np.asarray(inside, bool)
    if x.ndim != 2 or x.shape != seen.shape or np.shape(observed) != x.shape[1:]:
        raise BadParameter(
            f"shadows and inside must have shape (n_shadows, n_items), got {x.shape}, {seen.shape} and "
            f"{np.shape(observed)} confidences; score every item with every shadow"
        )
    needed = (True, False) if mode == "online" else (False,)
    counts = {side: (seen == side).sum(axis=0) for side in needed}
    for side, n in counts.items():
        if n.min() < LEAST:
            raise BadParameter(
                f"LiRA {mode} needs at least {LEAST} shadows that {'were' if side else 'were not'} trained on each item, got "
                f"{int(n.min())} for {int((n < LEAST).sum())} of {n.size} items; train more shadows"
                + (", or take the offline attack" if side else "")
            )
    shared = min(int(n.min()) for n in counts.values()) < FEW if pooled is None else pooled
    fitted = {side: _fitted(x, seen == side, shared=shared) for side in needed}
    if mode == "offline":
        centre, deviation = fitted[False]
        return np.asarray((observed - centre) / deviation, np.float64)
    return np.asarray(_log_normal(observed, *fitted[True]) - _log_normal(observed, *fitted[False]), np.float64)


def _fitted(x: Floats, chosen: NDArray[np.bool_], *, shared: bool) -> tuple[Floats, Floats]:
    """Centre and deviation of the chosen shadows for each item."""
    some = np.where(chosen, x, np.nan)
    centre = np.nanmedian(some, axis=0)
    if not shared:
        return centre, np.maximum(np.nanstd(some, axis=0), LEAST_DEVIATION)
    n, squares = chosen.sum(), np.nansum((some - np.nanmean(some, axis=0)) ** 2)
    deviation = np.sqrt(squares / max(1, n - x.shape[1]))
    return centre, np.full(x.shape[1], max(float(deviation), LEAST_DEVIATION))


def _log_normal(x: Floats, centre: Floats, deviation: Floats) -> Floats:
    return np.asarray(-((x - centre) ** 2) / (2 * deviation**2) - np.log(deviation) - np.log(2 * np.pi) / 2, np.float64)
