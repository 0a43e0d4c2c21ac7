"""Splits whose sides differ by nothing but membership: matched by speaker, text and channel.

Before a training, `drawn_sides` pairs recordings of one speaker that are as alike as can be and gives one of each pair to
the members by a coin. After one, `matched_pairs` keeps of two given sides what has a counterpart. What is matched are the
features that the blind baseline looks at, so that the baseline afterwards says whether it sufficed; a match cannot make
two sides alike that share no speaker and no channel, and says so by leaving everything out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from earnest.audio.entry import Entry
from earnest.audio.splits import key
from earnest.errors import BadData, BadParameter
from earnest.privacy.blind import FAMILIES, N_FOLDS, Features, out_of_fold

Floats = NDArray[np.float64]

CALIPER = 2.0
"""Distance of two recordings that are drawn at random, on average: a pair that is farther apart is no match."""
TELLING = 0.5
"""Most difference of a pair in what the blind classifier predicts, which is 1 for members and -1 for others ([rosenbaum1985-constructing])."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two recordings that match, and their distance: 0 for equal features, about 2 for two drawn at random."""

    first: int
    second: int
    distance: float


def standardised(features: Sequence[Features]) -> Floats:
    """Features so that the mean squared difference of two rows drawn at random is about 2, each family counting alike."""
    parts = []
    for name in FAMILIES:
        table = np.array([one[name] for one in features], np.float64)
        spread = table.std(axis=0)
        kept = spread > 1e-9
        if kept.any():
            scaled = np.clip((table[:, kept] - table[:, kept].mean(axis=0)) / spread[kept], -5, 5)
            parts.append(scaled / np.sqrt(kept.sum()))
    return np.concatenate(parts, axis=1) / np.sqrt(len(parts)) if parts else np.zeros((len(features), 1))


def matched_pairs(
    first: Sequence[Entry],
    second: Sequence[Entry],
    features: Sequence[Features],
    *,
    caliper: float = CALIPER,
    telling: float = TELLING,
) -> list[Pair]:
    """Pairs of a recording of each side, of one speaker where all rows name one, of the least distance in sum.

    A pair must also look alike to the blind classifier, by a prediction that never saw the recording: a single feature
    that tells the sides apart would be lost among the many that do not.

    Parameters
    ----------
    first, second : sequence of Entry
    features : sequence
        Of `first`, then of `second`, from `earnest.privacy.blind.features_of`.
    caliper : float
        The most distance that is a match.
    telling : float
        The most difference of predictions that is a match.

    Raises
    ------
    BadData
        If nothing matches.
    """
    if not caliper > 0:
        raise BadParameter(
            f"a caliper must be above 0, got {caliper}; {CALIPER:g} is that of recordings drawn at random"
        )
    x = standardised(features)
    side = np.array([1.0] * len(first) + [-1.0] * len(second))
    predicted = out_of_fold(x, np.arange(len(x)) % N_FOLDS) @ side
    sides = [_by_speaker(rows) for rows in (first, second)]
    pairs = []
    for speaker in sides[0].keys() & sides[1].keys():
        a, b = np.array(sides[0][speaker]), np.array(sides[1][speaker])
        distances = ((x[a][:, None] - x[len(first) + b]) ** 2).sum(axis=2)
        distances[np.abs(predicted[a][:, None] - predicted[len(first) + b]) > telling] = np.inf
        for i, j in zip(*linear_sum_assignment(np.minimum(distances, 1e3 * caliper)), strict=True):
            if distances[i, j] <= caliper:
                pairs.append(Pair(first=int(a[i]), second=int(b[j]), distance=float(distances[i, j])))
    if not pairs:
        shared = len(sides[0].keys() & sides[1].keys())
        raise BadData(
            f"no recording of one side matches one of the other within {caliper:g}: they share {shared} speakers, of "
            f"{len(sides[0])} and {len(sides[1])}; record both sides alike, or draw them before the training"
        )
    return sorted(pairs, key=lambda pair: pair.first)


def drawn_sides(
    rows: Sequence[Entry], features: Sequence[Features], *, rng: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """Places of rows for the members, for the non-members, and of rows without a counterpart.

    Of each speaker the two recordings that are nearest are paired first, and a coin decides which of them is a member.

    Raises
    ------
    BadData
        If no speaker has two recordings.
    """
    x = standardised(features)
    members, nonmembers, alone = [], [], []
    for places in _by_speaker(rows).values():
        left = list(places)
        while len(left) > 1:
            distances = ((x[left][:, None] - x[left]) ** 2).sum(axis=2)
            distances[np.tril_indices(len(left))] = np.inf
            i, j = np.unravel_index(int(distances.argmin()), distances.shape)
            pair = [left[i], left[j]]
            if rng.random() < 0.5:
                pair.reverse()
            members.append(pair[0])
            nonmembers.append(pair[1])
            left = [place for place in left if place not in pair]
        alone += left
    if not members:
        raise BadData(
            f"sides are drawn from pairs of one speaker, got no speaker with two of the {len(rows)} recordings; add recordings"
        )
    return sorted(members), sorted(nonmembers), sorted(alone)


def _by_speaker(rows: Sequence[Entry]) -> dict[str, list[int]]:
    """Places by speaker; all under one name where a row names none."""
    names = [key(row, "speaker") for row in rows]
    found: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        found[name if name is not None and all(names) else ""].append(place)
    return found
