"""How far to trust a map: what happens when the tiles that it names are muted, against random maps.

The tests ask the same decision as the map did. A map beats random where no more than 5 % of all maps, it and the random
ones counted, delete at least as fast: p = (1 + n as good) / (1 + n random), so that at least 19 random maps are needed.

The checks make the map again: of the clip with noise that is hardly heard, of the model with randomised weights, by
other methods. They compare ranks of tiles, beside those of random maps, which have the map's own values in random order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.errors import AccessDenied, BadParameter
from earnest.explainers._base import Asked, Baseline, Explainer, Fraction, Map, Masks, Tiles, explainers
from earnest.metrics.intervals import mean_interval, wilson
from earnest.models.access import Model, System, rng_for
from earnest.models.learner import Weights

LEVEL = 0.05
"""At most this share of random maps may be as good."""

MOST_POINTS = 10
"""Steps of a curve; with fewer tiles one a tile."""

NOISE_SNR_DB = 40.0
"""Signal-to-noise ratio of the noise that a map is to withstand."""

OTHERS = ("occlusion", "integrated_gradients", "gradient_x_input", "smoothgrad:n_copies=20")
"""Methods whose maps are compared."""


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
    n, random_n : int
        Draws of each. A model that answers one clip alike each time gives one, whatever was asked for, unless the gap is
        filled with another noise each time; there are no more random masks than there are different ones.
    interval, random_interval : pair of float
        Wilson, 95 %.
    """

    tiles: tuple[int, ...]
    changed: int
    random_changed: int
    n: int
    random_n: int
    interval: tuple[float, float]
    random_interval: tuple[float, float]


@dataclass(frozen=True)
class Alike:
    """How like a map others are: the mean of their rank correlations, beside that of random maps.

    Parameters
    ----------
    mean, low, high : float
        From -1 to 1; the interval of 95 % is over the others, and as wide as may be where there is one alone.
    random_low, random_high : float
        Middle 95 % of what as many random maps give.
    n : int
        Other maps.
    """

    mean: float
    low: float
    high: float
    random_low: float
    random_high: float
    n: int


@dataclass(frozen=True)
class Checks:
    """What a map does when it is made again otherwise; None of each where the model does not grant what it needs.

    Parameters
    ----------
    noise : Alike or None
        With maps of the clip with white noise at `NOISE_SNR_DB`, each drawn anew: 1 is stable.
    sensitivity, random_sensitivity : float or None
        Largest change of the map in this noise, as a share of its size ([yeh2019-infidelity], SENS_MAX), and that of
        random maps: their mean. 0 is stable.
    weights : Alike or None
        With maps of the model with randomised weights ([adebayo2018-sanity]); a map that shows the model is near 0.
    labels : Alike or None
        With the map of the model trained on randomised labels; None unless it was given.
    methods : dict of str to Alike
        With other methods' maps of the same clip.
    """

    noise: Alike | None
    sensitivity: float | None
    random_sensitivity: float | None
    weights: Alike | None
    labels: Alike | None
    methods: dict[str, Alike]


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
    random = np.unique([rng.permutation(mask[0]) for _ in range(draws)], axis=0)
    fills = range(draws) if baseline == "noise" else [0] * draws
    muted = [clip for fill in fills for clip in tiles.muted(mask, baseline=baseline, seed=seed + fill)]
    ended = ~asked.observed(muted)
    by_chance = ~asked.observed(tiles.muted(random, baseline=baseline, seed=seed))
    return Muting(
        tiles=chosen,
        changed=int(ended.sum()),
        random_changed=int(by_chance.sum()),
        n=ended.size,
        random_n=by_chance.size,
        interval=_interval(int(ended.sum()), ended.size),
        random_interval=_interval(int(by_chance.sum()), by_chance.size),
    )


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


# ------------------------------------------------------------------ checks that make the map again
def checks_of(
    found: Map,
    asked: Asked,
    tiles: Tiles,
    *,
    explainer: Explainer,
    n_noisy: int = 5,
    n_weights: int = 5,
    n_random: int = 200,
    shuffled: Model | None = None,
    seed: int = 0,
) -> Checks:
    """Make the map again and compare.

    Parameters
    ----------
    n_noisy, n_weights : int
        Noisy copies of the clip, and draws of random weights; 0 leaves the check out.
    n_random : int
        Random maps to compare with; nothing is asked for them.
    shuffled : Model or None
        A model trained on randomised labels.
    """
    rng = rng_for(seed, "checks", tiles.clip.digest)
    noisy = [
        explainer.explain(asked.on(clip), Tiles(clip, tiles.seconds, tiles.bands), seed=seed).values
        for clip in _noisy(tiles.clip, n_noisy, rng)
    ]
    sizes = [_change(found.values, other) for other in noisy]
    shuffles = [_change(found.values, rng.permutation(found.values)) for _ in range(n_random)]
    others = [random_weights(asked.system.model, rng) for _ in range(n_weights)] if _has_weights(asked) else []
    methods = {}
    for spec in OTHERS:
        other = explainers.make(spec)
        granted = other.needs == "responses" or other.needs in asked.system.access
        if other.name != explainer.name and granted and (tiles.bands == 1 or other.needs == "responses"):
            values = [other.explain(asked, tiles, seed=seed).values]
            methods[other.name] = alike(found.values, values, rng=rng, n_random=n_random)
    return Checks(
        noise=alike(found.values, noisy, rng=rng, n_random=n_random) if noisy else None,
        sensitivity=max(sizes) if sizes else None,
        random_sensitivity=float(np.mean(shuffles)) if sizes else None,
        weights=_of_models(found, others, asked.after_its_transcript(), tiles, explainer, rng, n_random, seed)
        if others
        else None,
        labels=_of_models(found, [shuffled], asked, tiles, explainer, rng, n_random, seed) if shuffled else None,
        methods=methods,
    )


def rank_correlation(one: Fraction, other: Fraction) -> float:
    """Spearman's, ties sharing their mean rank; 0 where a map is all alike, as it then ranks nothing."""
    from scipy.stats import rankdata

    first, second = (rankdata(each) - (each.size + 1) / 2 for each in (one, other))
    size = float(np.sqrt(first @ first * (second @ second)))
    return float(first @ second) / size if size else 0.0


def alike(values: Fraction, others: Sequence[Fraction], *, rng: np.random.Generator, n_random: int = 200) -> Alike:
    """How like a map others are, at least one of them."""
    each = np.array([rank_correlation(values, other) for other in others])
    by_chance = [
        np.mean([rank_correlation(values, rng.permutation(other)) for other in others]) for _ in range(n_random)
    ]
    low, high = (-1.0, 1.0)
    if each.size > 1:
        interval = mean_interval(each)
        low, high = max(-1.0, float(interval.low)), min(1.0, float(interval.high))
    random_low, random_high = np.quantile(by_chance, [0.025, 0.975])
    return Alike(float(each.mean()), low, high, float(random_low), float(random_high), each.size)


def random_weights(model: Model, rng: np.random.Generator) -> Model:
    """The model with the numbers of each of its tensors in random order ([adebayo2018-sanity], all layers at once).

    The paper draws weights anew; in another order they have the very distribution that they had. A network of such
    weights writes no transcript worth the name: its map is of the answer after that of the model itself.
    """
    return model.with_weights(shuffled_weights(model.learner().weights(), rng))


def shuffled_weights(weights: Weights, rng: np.random.Generator) -> Weights:
    """Each tensor's numbers in random order."""
    return {name: rng.permutation(tensor.reshape(-1)).reshape(tensor.shape) for name, tensor in weights.items()}


def _has_weights(asked: Asked) -> bool:
    if "gradients" not in asked.system.access or asked.system.model.edits:
        return False
    try:
        asked.system.model.learner()
    except AccessDenied:
        return False
    return True


def _of_models(
    found: Map,
    models: Sequence[Model],
    asked: Asked,
    tiles: Tiles,
    explainer: Explainer,
    rng: np.random.Generator,
    n_random: int,
    seed: int,
) -> Alike:
    maps = []
    for model in models:
        system = System(model, asked.system.defences, asked.system.seed)
        maps.append(explainer.explain(asked.of(system), tiles, seed=seed).values)
    return alike(found.values, maps, rng=rng, n_random=n_random)


def _change(values: Fraction, other: Fraction) -> float:
    return float(np.linalg.norm(other - values)) / max(float(np.linalg.norm(values)), 1e-300)


def _noisy(clip: AudioClip, n: int, rng: np.random.Generator) -> list[AudioClip]:
    x = np.asarray(clip.samples, dtype=np.float64)
    level = np.sqrt(np.mean(x**2)) * 10 ** (-NOISE_SNR_DB / 20)
    copies = [np.clip(x + rng.normal(0, level, x.size), -1, 1).astype(np.float32) for _ in range(n)]
    return [AudioClip(copy, clip.sample_rate) for copy in copies]
