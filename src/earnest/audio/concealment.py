"""What a receiver plays where packets are lost: the last pitch period again, softer and softer.

After Appendix I of ITU-T G.711: the pitch is sought in what was received last, one period of it is repeated with
its seam blended, unchanged for 10 ms, then a fifth softer every 10 ms, and silent from 60 ms on; where packets arrive
again, what was made up is faded out under them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_PERIOD_S, MOST_PERIOD_S = 0.005, 0.015
"""Of the pitch: 200 down to 66 Hz, as in the recommendation."""

HOLD_S, SILENT_S = 0.01, 0.06
"""For how long what is repeated keeps its level, and when nothing of it is left."""

BLEND_S = 0.004
"""Over which what was made up gives way to what arrives."""

Floats = NDArray[np.float32]


def concealed(samples: Floats, sample_rate: int, *, gaps: list[tuple[int, int]]) -> Floats:
    """The samples with each gap filled from what came before it.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        What was sent; nothing of it inside a gap is used.
    sample_rate : int
        In Hz.
    gaps : list of (begin, end)
        Ascending, apart from each other, in samples; the end is no longer lost.

    Returns
    -------
    float32 array, shape (n_samples,)
        A gap at the very beginning is silent: nothing was heard before it.
    """
    played = samples.copy()
    for begin, end in gaps:
        end = min(end, len(played))
        blend = min(round(BLEND_S * sample_rate), len(played) - end)
        made_up = _made_up(played[:begin], end - begin + blend, sample_rate)
        played[begin:end] = made_up[: end - begin]
        rise = (np.arange(blend, dtype=np.float32) + 1) / (blend + 1)
        played[end : end + blend] = rise * played[end : end + blend] + (1 - rise) * made_up[end - begin :]
    return played


def _made_up(before: Floats, n_samples: int, sample_rate: int) -> Floats:
    """What follows `before` if its last period goes on, fading."""
    period = _period(before, sample_rate)
    if period == 0:
        return np.zeros(n_samples, dtype=np.float32)
    cycle = before[-period:].copy()
    seam = period // 4
    if len(before) >= period + seam:  # the end of the cycle runs into its beginning
        rise = (np.arange(seam, dtype=np.float32) + 1) / (seam + 1)
        cycle[-seam:] = (1 - rise) * cycle[-seam:] + rise * before[-period - seam : -period] if seam else cycle[-seam:]
    time_s = np.arange(n_samples) / sample_rate
    fade = np.clip(1 - (time_s - HOLD_S) / (SILENT_S - HOLD_S), 0, 1).astype(np.float32)
    return np.resize(cycle, n_samples) * fade


def _period(before: Floats, sample_rate: int) -> int:
    """The lag, in samples, at which the last 20 ms are most like what was before them; 0 where too little was."""
    least, most = round(LEAST_PERIOD_S * sample_rate), round(MOST_PERIOD_S * sample_rate)
    window = round(0.02 * sample_rate)
    if len(before) < window + most:
        return 0
    last = before[-window:].astype(np.float64)
    lags = range(least, most + 1)
    earlier = np.stack([before[-window - lag : -lag] for lag in lags]).astype(np.float64)
    energy = np.einsum("lw,lw->l", earlier, earlier)
    likeness = earlier @ last / np.sqrt(np.maximum(energy, 1e-12))
    return least + int(np.argmax(likeness)) if likeness.max() > 0 else 0
