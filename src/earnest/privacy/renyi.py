"""Epsilon of DP-SGD by Rényi divergences: quick and always valid, but larger than what `accounting` finds.

Conventions are those of `accounting`: Poisson sampling, neighbours by one example that is added or removed. One step is a
draw from the mixture (1 - q) N(0, s^2) + q N(1, s^2) against N(0, s^2); of the two directions the divergence of the
mixture is the larger [mironov2019-sampled, theorem 5]. Divergences of steps add up, and the sum at the best order becomes
an epsilon at a delta [balle2020-hypothesis, theorem 21]. The integral over outcomes is taken by the trapezoidal rule,
which converges faster than any power of the spacing here; the paper's binomial sums give the same at whole orders.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter

from .accounting import Epsilon, check_account

ORDERS: tuple[float, ...] = (
    *(1 + k / 10 for k in range(1, 100)),
    *(float(k) for k in range(11, 64)),
    *(64 * 2 ** (k / 4) for k in range(25)),
)
"""From 1.1 to 4096; between them the bound changes by less than it overstates."""
SPACING = 1 / 20
"""Of the integral, in standard deviations of the noise."""
REACH = 12.0
"""How many standard deviations the integral goes beyond the outermost peak of what is integrated."""
MOST_POINTS = 4_000_000


def renyi_divergence(*, order: float, noise_multiplier: float, sampling_rate: float) -> float:
    """Rényi divergence of one step with an example from one without it.

    Parameters
    ----------
    order : float
        Above 1.
    noise_multiplier : float
        Above 0.
    sampling_rate : float
        In [0, 1].

    Returns
    -------
    float
        Without sampling it is ``order / (2 * noise_multiplier ** 2)``.

    Raises
    ------
    BadParameter
        If a value is out of range.

    References
    ----------
    [mironov2019-sampled], [mironov2017-renyi]

    Examples
    --------
    >>> renyi_divergence(order=3.0, noise_multiplier=2.0, sampling_rate=1.0)
    0.375
    """
    check_account(noise_multiplier=noise_multiplier, sampling_rate=sampling_rate, n_steps=1, delta=0.5)
    if not order > 1:
        raise BadParameter(f"order must be above 1, got {order}")
    if sampling_rate == 1:
        return order / (2 * noise_multiplier**2)
    if sampling_rate == 0:
        return 0.0
    return _log_moment(order, noise_multiplier, sampling_rate) / (order - 1)


def _log_moment(order: float, noise: float, rate: float) -> float:
    """Log of the mean of (mixture / Gaussian) ** order under the Gaussian around zero."""
    variance = noise**2
    n_points = math.ceil((order + 2 * REACH * noise) / (SPACING * noise))
    if n_points > MOST_POINTS:
        return math.inf
    x = -REACH * noise + SPACING * noise * np.arange(n_points + 1)
    loss: NDArray[np.float64] = np.logaddexp(math.log1p(-rate), math.log(rate) + (2 * x - 1) / (2 * variance))
    logs = order * loss - x**2 / (2 * variance)
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).sum()) * SPACING / math.sqrt(2 * math.pi))


def renyi_epsilon_of(*, noise_multiplier: float, sampling_rate: float, n_steps: int, delta: float) -> Epsilon:
    """Epsilon of a run of DP-SGD with Poisson sampling, by Rényi divergences.

    Parameters
    ----------
    noise_multiplier, sampling_rate, n_steps, delta
        As of `earnest.privacy.accounting.epsilon_of`.

    Returns
    -------
    Epsilon
        `high` may be claimed; `low` is 0, since divergences bound epsilon from above alone.

    Raises
    ------
    BadParameter
        If a value is out of range.

    References
    ----------
    [mironov2019-sampled], [balle2020-hypothesis]

    Examples
    --------
    >>> found = renyi_epsilon_of(noise_multiplier=1.0, sampling_rate=0.01, n_steps=1000, delta=1e-5)
    >>> round(found.high, 2)
    2.1
    """
    check_account(noise_multiplier=noise_multiplier, sampling_rate=sampling_rate, n_steps=n_steps, delta=delta)
    if sampling_rate == 0 or n_steps == 0:
        return Epsilon(low=0.0, high=0.0, delta=delta)
    high = math.inf
    for order in ORDERS:
        spent = n_steps * renyi_divergence(order=order, noise_multiplier=noise_multiplier, sampling_rate=sampling_rate)
        high = min(high, spent + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1))
    return Epsilon(low=0.0, high=max(0.0, high), delta=delta)
