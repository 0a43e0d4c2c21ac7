"""Groups of speakers, and tests of differences between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from earnest.audio import Entry
from earnest.metrics.intervals import t_quantile

UNKNOWN = "unknown"
"""The group of a row without a value in one of the columns."""


def group_of(entry: Entry, columns: Sequence[str]) -> str:
    """The group of a row: its values in the columns, joined by ` & `; `UNKNOWN` where one is empty."""
    values = [entry.value(column) for column in columns]
    if any(value in (None, "") for value in values):
        return UNKNOWN
    return " & ".join(str(value) for value in values)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that all may be read at one level: Holm's step-down procedure [holm1979-procedure].

    The k-th smallest of m is multiplied by m - k + 1; none is below the one before it or above 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = running
    return adjusted


def welch(one: ArrayLike, other: ArrayLike | None) -> tuple[float, float, float, float]:
    """Mean of `one` less that of `other` (or 0), its 95 % interval, and the two-sided p-value of no difference.

    Student's with Welch's degrees of freedom [welch1947-generalization]; two values a side at least. Where neither side
    has any spread, p is 1 for equal means and 0 for others, and the interval has no width.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in ([one] if other is None else [one, other])]
    difference = float(sides[0].mean() - (sides[1].mean() if len(sides) == 2 else 0.0))
    parts = [float(side.var(ddof=1)) / len(side) for side in sides]
    error = math.sqrt(sum(parts))
    if error < 1e-12:
        return difference, difference, difference, 1.0 if abs(difference) < 1e-12 else 0.0
    dof = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True))
    reach = t_quantile(0.975, dof=dof) * error
    return difference, difference - reach, difference + reach, two_sided(difference / error, dof)


def two_sided(t: float, dof: float) -> float:
    """P-value of Student's t, or of a normal deviate where `dof` is infinite."""
    if math.isinf(dof):
        return math.erfc(abs(t) / math.sqrt(2))
    from scipy.special import betainc

    return float(betainc(dof / 2, 0.5, dof / (dof + t * t)))


def plain_values(value: Any) -> Any:
    """Values that JSON can hold; a number that is not finite is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain_values(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(each) for each in value]
    return value
