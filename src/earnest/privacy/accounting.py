"""Epsilon of DP-SGD: many steps of Gaussian noise on Poisson samples.

The distribution of the privacy loss of one step is put on a grid and composed by a Fourier transform
[koskela2019-fourier], [gopi2021-numerical]. Two grids are composed: one that loses no privacy loss, so that its epsilon is
an upper bound, and one that invents none, so that its epsilon is a lower bound. The upper one splits what lies between
two grid points among them so that the probability under *both* neighbouring data sets is kept [doroshenko2022-dots]; the
lower one merges what lies around a grid point.

Conventions
-----------
- Neighbouring data sets differ by one example that is added or removed; epsilon is the larger of the two directions.
- In each step every example is drawn independently with probability `sampling_rate` (Poisson sampling; an epoch in
  shuffled batches of one size is something else and is not covered), the sum of gradients whose norm is at most 1 gets
  Gaussian noise of standard deviation `noise_multiplier` in every coordinate.
- Between neighbours a step is then at worst a draw from (1 - q) N(0, s^2) + q N(1, s^2) against one from N(0, s^2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter

Floats = NDArray[np.float64]
Direction = Literal["remove", "add"]

LEAST_DELTA = 1e-10
"""Rounding in the Fourier transform is far below this."""
LEAST_NOISE = 0.01
N_COARSE = 2**12
N_LEAST, N_MOST = 2**14, 2**19
NEGLIGIBLE = 1e-7
"""Share of delta that the ends of the grid may cost."""
MOST = 500.0
"""Losses beyond this are not computed."""
GAP = 0.5
"""Epsilon by which rounding alone may part the two bounds, where the grid may be as fine as that needs."""


@dataclass(frozen=True, kw_only=True)
class Epsilon:
    """Epsilon of a training run at a delta.

    Attributes
    ----------
    low, high : float
        Bounds on the exact value; `high` is the one that may be claimed, infinite (and `low` zero) where losses of
        more than `MOST` are likely, as with next to no noise.
    delta : float
    """

    low: float
    high: float
    delta: float


class Accountant(Protocol):
    """What a run of DP-SGD gives away: `epsilon_of`, or `earnest.privacy.renyi.renyi_epsilon_of`."""

    def __call__(self, *, noise_multiplier: float, sampling_rate: float, n_steps: int, delta: float) -> Epsilon: ...


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One step between neighbours."""

    noise: float
    rate: float
    direction: Direction

    def loss(self, x: float) -> float:
        """Log of the mixture over the Gaussian around zero, at an outcome."""
        exponent = (2 * x - 1) / (2 * self.noise**2)
        if self.rate == 1 or exponent > MOST:
            return exponent + math.log(self.rate)
        return math.log1p(self.rate * math.expm1(exponent))

    def ends(self, tail: float) -> tuple[float, float]:
        """Losses between which the step stays, but for a tail on either side."""
        z = math.sqrt(-2 * math.log(tail)) * self.noise
        low, high = self.loss(-z), self.loss(1 + z)
        return (low, high) if self.direction == "remove" else (-high, -low)

    def cells(self, edges: Floats) -> tuple[Floats, Floats]:
        """Probability between losses, with and without the example in question, below the first edge and above the last one included.

        The loss is the log of the first over the second.
        """
        if self.direction == "add":
            gaussian, mixture = (part[::-1] for part in self._masses(-edges[::-1])[::-1])
            return gaussian, mixture
        return self._masses(edges)

    def _masses(self, edges: Floats) -> tuple[Floats, Floats]:
        """Of the mixture and of the Gaussian around zero, between losses of the mixture over the Gaussian."""
        odds = np.maximum(np.expm1(np.minimum(edges, 40.0)) + self.rate, 0.0)
        with np.errstate(divide="ignore"):
            x = self.noise**2 * (np.where(edges < 40.0, np.log(odds), edges) - math.log(self.rate)) + 0.5
        x = np.concatenate([[-np.inf], x, [np.inf]])
        around_zero, around_one = _between(x / self.noise), _between((x - 1) / self.noise)
        return (1 - self.rate) * around_zero + self.rate * around_one, around_zero


def _between(z: Floats) -> Floats:
    """Standard normal probability between neighbouring places, without loss of digits in the upper tail."""
    from scipy.special import ndtr

    left, right = z[:-1], z[1:]
    return np.where(left > 0, ndtr(-left) - ndtr(-right), ndtr(right) - ndtr(left))


@dataclass(frozen=True, kw_only=True)
class _Losses:
    """Probabilities of privacy losses on a grid: ``mass[i]`` at ``(first + i) * width``, `infinite` beyond all bounds."""

    first: int
    width: float
    mass: Floats
    infinite: float = 0.0
    offset: float = 0.0
    """How much lower the true losses may lie, at most, than the grid says."""

    @property
    def values(self) -> Floats:
        return (self.first + np.arange(len(self.mass))) * self.width


def _grid(step: _Step, width: float, tail: float) -> tuple[int, Floats]:
    low, high = step.ends(tail)
    first, last = math.floor(low / width), math.ceil(high / width)
    return first, np.arange(first, last + 1) * width


def _upper(step: _Step, width: float, tail: float) -> _Losses:
    """No loss is made smaller: each cell's probabilities go to its two ends, so that both are kept."""
    first, values = _grid(step, width, tail)
    p, q = step.cells(values)
    with np.errstate(divide="ignore"):
        weighed = np.exp(values + np.log(q[1:]))  # what a cell would weigh if all losses in it were at its left end
    inner = p[1:-1]
    left = np.clip((weighed[:-1] * math.exp(width) - inner) / math.expm1(width), 0.0, inner)
    mass = np.zeros(len(values))
    mass[:-1] += left
    mass[1:] += inner - left
    mass[0] += p[0]
    finite = min(p[-1], weighed[-1])
    mass[-1] += finite
    return _Losses(first=first, width=width, mass=mass, infinite=p[-1] - finite)


def _lower(step: _Step, width: float, tail: float) -> _Losses:
    """No loss is made greater: each cell becomes one outcome, whose loss lies `offset` below the cell's middle at most."""
    first, values = _grid(step, width, tail)
    p, q = step.cells(np.append(values, values[-1] + width) - width / 2)
    p, q = p[1:-1], q[1:-1]
    counted = p > 1e-3 * tail / len(p)
    merged = np.log(p[counted] / q[counted])
    return _Losses(
        first=first,
        width=width,
        mass=np.where(counted, p, 0.0),
        offset=max(0.0, float((values[counted] - merged).max())),
    )


def _window(step: _Step, n_steps: int, tail: float) -> tuple[float, float, float]:
    """Between which sums of losses stay, but for a tail on either side (Chernoff), and the spread of one step's loss."""
    low, high = step.ends(tail / n_steps)
    coarse = _upper(step, (high - low) / N_COARSE, tail / n_steps)
    values, mass = coarse.values, coarse.mass / coarse.mass.sum()
    spread = math.sqrt(float(mass @ (values - mass @ values) ** 2))
    logs = np.log(np.maximum(mass, 1e-300))
    bounds = []
    for t in np.logspace(0, 5, 120):
        above, below = (n_steps * _log_sum(logs + sign * t * values) for sign in (1.0, -1.0))
        bounds.append(((above - math.log(tail)) / t, -(below - math.log(tail)) / t))
    return min(max(b for _, b in bounds), n_steps * high), min(min(a for a, _ in bounds), n_steps * high), spread


def _log_sum(logs: Floats) -> float:
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).sum()))


def _composed(losses: _Losses, n_steps: int, low: float, n_grid: int) -> _Losses:
    """The sum over steps, on a window of the grid; what lies outside comes in at its other end."""
    spectrum = np.fft.rfft(losses.mass, n_grid)
    mass = np.maximum(np.fft.irfft(spectrum**n_steps, n_grid), 0.0)
    start = math.floor(low / losses.width)
    mass = np.roll(mass, -((start - n_steps * losses.first) % n_grid))
    infinite = -math.expm1(n_steps * math.log1p(-losses.infinite))
    return _Losses(first=start, width=losses.width, mass=mass, infinite=infinite, offset=n_steps * losses.offset)


def _epsilon(losses: _Losses, delta: float) -> float:
    """Smallest epsilon, at least 0, at which the hockey-stick divergence of the losses is at most delta."""
    bearing = slice(max(0, -losses.first - 1), None)  # losses below zero bear on no epsilon above zero
    values, mass = losses.values[bearing], losses.mass[bearing]
    if not len(values):
        return 0.0
    above = np.cumsum(mass[::-1])[::-1]
    weighed = np.cumsum((mass * np.exp(-values))[::-1])[::-1]
    left = delta - losses.infinite
    if left <= 0:
        return math.inf
    place = int(np.searchsorted(-(above - np.exp(values) * weighed), -left))
    if place >= len(values) or above[place] <= left:
        return max(0.0, float(values[min(place, len(values) - 1)]))
    return max(0.0, math.log((above[place] - left) / weighed[place]))


def _bounds(step: _Step, n_steps: int, delta: float) -> tuple[float, float]:
    tail = NEGLIGIBLE * delta
    low, high, spread = _window(step, n_steps, tail)
    if high > MOST:
        return 0.0, math.inf
    wanted = min(GAP / n_steps, spread / 100)
    one_low, one_high = step.ends(tail / n_steps)
    range_ = max(high - low, one_high - one_low) * 1.02
    n_grid = 2 ** math.ceil(math.log2(min(max(range_ / wanted, N_LEAST), N_MOST)))
    width = range_ / (n_grid - 4 * n_steps - 8) if n_grid > 8 * n_steps else range_ / n_grid
    begin = low - 2 * n_steps * width
    upper = _composed(_upper(step, width, tail / n_steps), n_steps, begin, n_grid)
    lower = _composed(_lower(step, width, tail / n_steps), n_steps, begin, n_grid)
    return max(0.0, _epsilon(lower, delta + 2 * tail) - lower.offset), _epsilon(upper, delta - 2 * tail)


def epsilon_of(*, noise_multiplier: float, sampling_rate: float, n_steps: int, delta: float) -> Epsilon:
    """Epsilon of a run of DP-SGD with Poisson sampling.

    Parameters
    ----------
    noise_multiplier : float
        Standard deviation of the noise over the norm to which gradients are clipped; at least `LEAST_NOISE`.
    sampling_rate : float
        Probability with which an example takes part in a step; in [0, 1].
    n_steps : int
        Not negative.
    delta : float
        At least `LEAST_DELTA`, below 1.

    Returns
    -------
    Epsilon
        Both bounds are 0 where nothing was drawn.

    Raises
    ------
    BadParameter
        If a value is out of range.

    Examples
    --------
    >>> found = epsilon_of(noise_multiplier=1.0, sampling_rate=0.01, n_steps=1000, delta=1e-5)
    >>> round(found.high, 2)
    1.83
    """
    check_account(noise_multiplier=noise_multiplier, sampling_rate=sampling_rate, n_steps=n_steps, delta=delta)
    if sampling_rate == 0 or n_steps == 0:
        return Epsilon(low=0.0, high=0.0, delta=delta)
    directions: tuple[Direction, ...] = ("remove", "add")
    pairs = [
        _bounds(_Step(noise=noise_multiplier, rate=sampling_rate, direction=direction), n_steps, delta)
        for direction in directions
    ]
    return Epsilon(low=max(low for low, _ in pairs), high=max(high for _, high in pairs), delta=delta)


def noise_for(
    *,
    epsilon: float,
    delta: float,
    sampling_rate: float,
    n_steps: int,
    tolerance: float = 0.005,
    accountant: Accountant | None = None,
) -> float:
    """Noise multiplier at which a run of DP-SGD has at most an epsilon, and less than that by no more than a tolerance (relative).

    The account is that of `epsilon_of`, unless another is given.

    Raises
    ------
    BadParameter
        If a value is out of range.
    """
    if not 0 < epsilon < 100:
        raise BadParameter(f"epsilon must lie between 0 and 100, got {epsilon}; without noise nothing is private")
    check_account(noise_multiplier=1.0, sampling_rate=sampling_rate, n_steps=n_steps, delta=delta)
    usual = {"sampling_rate": sampling_rate, "n_steps": n_steps, "delta": delta}
    spent = accountant or epsilon_of
    low, high = 0.2, 1.0
    while spent(noise_multiplier=high, **usual).high > epsilon:
        low, high = high, 2 * high
    for _ in range(40):
        middle = math.sqrt(low * high)
        found = spent(noise_multiplier=middle, **usual).high
        low, high = (middle, high) if found > epsilon else (low, middle)
        if 0 <= epsilon - found <= tolerance * epsilon:
            break
    return high


def check_account(*, noise_multiplier: float, sampling_rate: float, n_steps: int, delta: float) -> None:
    """Refuse values that are out of range."""
    if not (math.isfinite(noise_multiplier) and noise_multiplier >= LEAST_NOISE):
        raise BadParameter(
            f"noise_multiplier must be at least {LEAST_NOISE}, got {noise_multiplier}; without noise nothing is private"
        )
    if not 0 <= sampling_rate <= 1:
        raise BadParameter(
            f"sampling_rate must be a probability in [0, 1], got {sampling_rate}; it is the expected batch over all examples"
        )
    if n_steps != int(n_steps) or n_steps < 0:
        raise BadParameter(
            f"n_steps must be a whole number that is not negative, got {n_steps}; count steps of the optimiser"
        )
    if not LEAST_DELTA <= delta < 1:
        raise BadParameter(
            f"delta must be at least {LEAST_DELTA:g} and below 1, got {delta}; one over the number of examples is already large"
        )
