"""How far to trust a map: what happens when the tiles that it names are muted, against random maps.

The tests ask the same decision as the map did. A map beats random where no more than 5 % of all maps, it and the random
ones counted, delete at least as fast: p = (1 + n as good) / (1 + n random), so that at least 19 random maps are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter
from earnest.explainers._base import Asked, Baseline, Fraction, Map, Masks, Tiles
from earnest.metrics.intervals import wilson
from earnest.models.access import rng_for

LEVEL = 0.05
"""At most this share of random maps may be as good."""

MOST_POINTS = 10
"""Steps of a curve; with fewer tiles one a tile."""


@dataclass(frozen=True)
class Curve:
    """An area under a curve beside that of random maps, as values between nothing (0) and the whole clip (1).

    Parameters
    ----------
    area : float
        Of the map.
    random : float
        Mean of the random maps.
    low, high : float
        Middle 95 % of the random maps' areas.
    p : float
        Share of maps that are at least as good, the map itself counted.
    """

    area: float
    random: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Muting:
    """What muting the evidence does to the answer, in draws, beside random masks of the same size.

    Parameters
    ----------
    tiles : tuple of int
        The evidence: the fewest tiles at the head of the map that hold half of what speaks for the decision.
    changed, random_changed : int
        Draws in which the decision is no longer made; each random draw has a mask of its own.
    n : int
        Draws of each.
    interval, random_interval : pair of float
        Wilson, 95 %.
    """

    tiles: tuple[int, ...]
    changed: int
    random_changed: int
    n: int
    interval: tuple[float, float]
    random_interval: tuple[float, float]


@dataclass(frozen=True)
class Trust:
    """The tests of one map.

    Parameters
    ----------
    deletion : Curve or None
        Tiles muted from the head of the map; lower is better. None where muting everything does not lower the decision.
    insertion : Curve or None
        Tiles unmuted from the head of the map; higher is better.
    infidelity : float or None
        [yeh2019-infidelity], scaled as they scale it: 0 predicts all that muting does, 1 nothing. None where muting changes nothing.
    muting : Muting
    n_random : int
    """

    deletion: Curve | None
    insertion: Curve | None
    infidelity: float | None
    muting: Muting
    n_random: int

    @property
    def beats_random(self) -> bool:
        """Whether the map deletes faster than random maps do."""
        return self.deletion is not None and self.deletion.p <= LEVEL


def trust_of(
    found: Map,
    asked: Asked,
    tiles: Tiles,
    *,
    n_random: int = 19,
    draws: int = 10,
    baseline: Baseline = "silence",
    seed: int = 0,
) -> Trust:
    """Test a map against `n_random` random ones.

    Raises
    ------
    BadParameter
        If there are fewer random maps than the test needs.
    """
    if n_random < 19 or draws < 1:
        raise BadParameter(
            f"a map is tested against at least 19 random maps with at least 1 draw, got {n_random!r} and {draws!r}; fewer "
            "cannot tell it from chance at 5 %"
        )
    rng = rng_for(seed, "random maps", tiles.clip.digest)
    n = len(tiles)
    orders = np.stack([np.argsort(-found.values, kind="stable"), *(rng.permutation(n) for _ in range(n_random))])
    deletion, insertion = _curves(orders, asked, tiles, baseline=baseline, seed=seed)
    muting = _muting(found, asked, tiles, draws=draws, baseline=baseline, seed=seed, rng=rng)
    masks = rng.random((max(32, n), n)) < 0.5
    return Trust(deletion, insertion, _infidelity(found, masks, asked, tiles, baseline, seed), muting, n_random)


def evidence(values: Fraction) -> tuple[int, ...]:
    """The fewest tiles at the head of a map that hold half of what speaks for the decision; the first one at least."""
    order = np.argsort(-values, kind="stable")
    positive = np.maximum(values[order], 0)
    n = 1 if positive.sum() == 0 else int(np.searchsorted(np.cumsum(positive), positive.sum() / 2)) + 1
    return tuple(sorted(int(tile) for tile in order[:n]))


def _curves(
    orders: NDArray[np.int64], asked: Asked, tiles: Tiles, *, baseline: Baseline, seed: int
) -> tuple[Curve | None, Curve | None]:
    n_maps, n = orders.shape
    steps = np.unique(np.round(np.linspace(0, n, min(n, MOST_POINTS) + 1)).astype(int))
    ranks = np.argsort(orders, axis=1)
    first = ranks[:, None, :] < steps[None, :, None]  # the tiles at the head of each map
    both = np.concatenate([first, ~first], axis=1).reshape(-1, n)
    sets, place = np.unique(both, axis=0, return_inverse=True)
    values = asked.values(tiles.muted(sets, baseline=baseline, seed=seed))
    curves = values[place.reshape(n_maps, 2, len(steps))]
    whole, nothing = curves[0, 0, 0], curves[0, 0, -1]
    if not whole - nothing > 1e-9:
        return None, None
    areas = np.trapezoid((curves - nothing) / (whole - nothing), steps / n, axis=2)
    return _curve(areas[:, 0], sign=1), _curve(areas[:, 1], sign=-1)


def _curve(areas: Fraction, *, sign: int) -> Curve:
    mine, others = areas[0], areas[1:]
    low, high = np.quantile(others, [0.025, 0.975])
    p = (1 + int((sign * others <= sign * mine).sum())) / (1 + others.size)
    return Curve(float(mine), float(others.mean()), float(low), float(high), p)


def _muting(
    found: Map, asked: Asked, tiles: Tiles, *, draws: int, baseline: Baseline, seed: int, rng: np.random.Generator
) -> Muting:
    chosen = evidence(found.values)
    mask = np.zeros((1, len(tiles)), bool)
    mask[0, list(chosen)] = True
    random = np.stack([rng.permutation(mask[0]) for _ in range(draws)])
    (kept,) = asked.shares(tiles.muted(mask, baseline=baseline, seed=seed), draws=draws)
    others = asked.shares(tiles.muted(random, baseline=baseline, seed=seed), draws=1)
    changed, by_chance = draws - round(kept * draws), draws - int(others.sum())
    return Muting(chosen, changed, by_chance, draws, _interval(changed, draws), _interval(by_chance, draws))


def _interval(count: int, n: int) -> tuple[float, float]:
    found = wilson(n_success=count, n=n)
    return float(found.low), float(found.high)


def _infidelity(found: Map, masks: Masks, asked: Asked, tiles: Tiles, baseline: Baseline, seed: int) -> float | None:
    whole, *rest = asked.values([tiles.clip, *tiles.muted(masks, baseline=baseline, seed=seed)])
    lost, said = whole - np.array(rest), masks @ found.values
    power = float(np.mean(lost**2))
    if power < 1e-18:
        return None
    scale = float(np.mean(lost * said) / max(float(np.mean(said**2)), 1e-300))
    return float(np.mean((scale * said - lost) ** 2)) / power
