"""The blind baseline: can members be told from non-members without any model?

If text, voice, prosody or channel alone tell the sides apart, an attack on a model finds the split of the data and no
memory: on common speech sets such features alone reach an area near 1 ([dong2026-membership]). So every audit begins
here. A classifier that never saw the model is cross-validated, whole clusters (speakers) at a time, and its area stands
beside those of the same classifier with sides that were drawn anew. Such null areas lie below 0.5 for small sets: what a
fold leaves out is scarce in what it was trained on.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from earnest.audio import AudioClip
from earnest.audio.resampling import resampled
from earnest.audio.spectra import frames, log_mel, plain_features, stft_power
from earnest.errors import BadData

Floats = NDArray[np.float64]
Features = Mapping[str, Sequence[float]]

FAMILIES = ("text", "spectrum", "prosody", "channel")
LEVEL = 0.01
"""Chance that sides which nothing but the draw separates are called separate."""
N_PERMUTATIONS, N_FOLDS = 1000, 10
N_HASHED, N_CEPSTRA, N_MELS = 48, 13, 40
RATE = 16_000
RIDGE = 1.0
_LOUD_DB = 35.0
"""Frames more than this under the loudest count as a pause."""
_F0_HZ = (60.0, 400.0)
_VOICED, _OCTAVE_COST = 0.45, 0.05


@dataclass(frozen=True, kw_only=True)
class Blind:
    """Areas of classifiers that know no model, each beside those with sides that were drawn anew.

    Parameters
    ----------
    areas : dict of str to float
        By family of features, and `all` for all of them together.
    bands : dict of str to tuple of float
        The middle 95 % of the areas of drawn sides.
    p_value : float
        Share of draws in which any family separates the sides as well as the best one does.
    clustered_by : str
    n_items, n_clusters, n_permutations : int
    """

    areas: dict[str, float]
    bands: dict[str, tuple[float, float]]
    p_value: float
    clustered_by: str
    n_items: int
    n_clusters: int
    n_permutations: int

    @property
    def separates(self) -> bool:
        """Whether the sides can be told apart without a model, at `LEVEL`."""
        return self.p_value <= LEVEL


# ---------------------------------------------------------------- features
def features_of(clip: AudioClip, text: str) -> dict[str, list[float]]:
    """Features of a recording and its text, by family, always of one length."""
    samples = clip.samples if clip.sample_rate == RATE else resampled(clip.samples, clip.sample_rate, to=RATE)
    mel = log_mel(samples, RATE, n_mels=N_MELS).astype(np.float64)
    return {
        "text": _of_text(text),
        "spectrum": _of_spectrum(mel),
        "prosody": _of_prosody(samples, mel, text),
        "channel": _of_channel(clip, samples, mel),
    }


def _of_text(text: str) -> list[float]:
    words = text.casefold().split()
    plain = f" {' '.join(words)} "
    counts = np.zeros(N_HASHED)
    for place in range(max(0, len(plain) - 2)):
        counts[zlib.crc32(plain[place : place + 3].encode()) % N_HASHED] += 1
    mean_length = sum(map(len, words)) / len(words) if words else 0.0
    digits = sum(c.isdigit() for c in plain) / len(plain)
    return [*(np.log1p(counts)).tolist(), float(len(words)), float(len(plain)), mean_length, digits]


def _of_spectrum(mel: Floats) -> list[float]:
    places = np.arange(N_MELS)
    cosines = np.cos(np.pi * np.arange(N_CEPSTRA)[:, None] * (places + 0.5) / N_MELS) / math.sqrt(N_MELS)
    cepstra = mel @ cosines.T
    slopes = np.diff(cepstra, axis=0) if len(cepstra) > 1 else np.zeros((1, N_CEPSTRA))
    return [*cepstra.mean(0).tolist(), *cepstra.std(0).tolist(), *slopes.std(0).tolist()]


def _of_prosody(samples: NDArray[np.float32], mel: Floats, text: str) -> list[float]:
    seconds = len(samples) / RATE
    level = _frame_levels(mel)
    loud = level > level.max() - _LOUD_DB
    pitch = fundamental_hz(samples)
    heights = np.log(pitch[pitch > 0]) if (pitch > 0).any() else np.array([math.log(_F0_HZ[0])])
    speaking = max(float(loud.mean()) * seconds, 0.05)
    return [
        float(np.median(heights)),
        float(heights.std()),
        *np.quantile(heights, [0.1, 0.9]).tolist(),
        float((pitch > 0).mean()),
        seconds,
        float(loud.mean()),
        float(np.count_nonzero(np.diff(loud.astype(int)) == -1)) / seconds,
        len(text.split()) / speaking,
        float(level[loud].std()),
    ]


def _of_channel(clip: AudioClip, samples: NDArray[np.float32], mel: Floats) -> list[float]:
    plain = plain_features(clip.samples, clip.sample_rate)
    level = _frame_levels(mel)
    low, high = np.quantile(level, [0.05, 0.95])
    quiet = mel[level <= np.quantile(level, 0.1)].mean(0)
    power = stft_power(samples, frame_length=512, hop_length=256).mean(0).astype(np.float64)
    share = np.cumsum(power) / max(float(power.sum()), 1e-20)
    edges = [float(np.searchsorted(share, part)) for part in (0.5, 0.95, 0.99)]
    falls = np.diff(level)
    decays = falls[falls < -0.5]
    return [
        *(value for name, value in plain.items() if name != "duration_s"),
        float(low),
        float(high - low),
        *quiet.reshape(8, -1).mean(1).tolist(),
        *edges,
        float(np.median(decays)) if decays.size else 0.0,
        float(decays.size) / len(level),
        math.log(clip.sample_rate),
        float(np.mean(np.abs(clip.samples) >= 32_766 / 32_768)),
    ]


def _frame_levels(mel: Floats) -> Floats:
    """Level of each frame in dB."""
    return np.asarray(10 * np.log10(np.exp(mel).sum(axis=1)), np.float64)


def fundamental_hz(samples: NDArray[np.float32]) -> Floats:
    """Fundamental frequency of each frame of 40 ms at 16 kHz, every 20 ms; 0 where none is heard.

    The highest peak of the autocorrelation, divided by that of the window, between 60 and 400 Hz; a small cost of each
    octave downwards keeps it from the double of a period.
    """
    length, hop = round(0.04 * RATE), round(0.02 * RATE)
    cut = frames(samples.astype(np.float64), frame_length=length, hop_length=hop)
    cut = cut - cut.mean(axis=1, keepdims=True)
    window = np.hanning(length)
    n_fft = 2 * length
    each = np.fft.irfft(np.abs(np.fft.rfft(cut * window, n_fft)) ** 2)[:, :length]
    own = np.fft.irfft(np.abs(np.fft.rfft(window, n_fft)) ** 2)[:length]
    energy = each[:, :1]
    normal = np.divide(each, energy * (own / own[0]) + 1e-12)
    first, last = math.ceil(RATE / _F0_HZ[1]), min(length // 2, math.floor(RATE / _F0_HZ[0]))
    lags = normal[:, first : last + 1]
    best = (lags - _OCTAVE_COST * np.log2(np.arange(first, last + 1) / first)).argmax(axis=1)
    loud = energy[:, 0] > energy.max() * 1e-4
    voiced = loud & (lags[np.arange(len(lags)), best] > _VOICED) & (energy[:, 0] > 1e-9)
    return np.where(voiced, RATE / (best + first), 0.0)


# ---------------------------------------------------------------- the classifier and its null
def blind_baseline(
    features: Sequence[Features],
    *,
    members: Sequence[bool],
    clusters: Sequence[str],
    clustered_by: str,
    rng: np.random.Generator,
    n_permutations: int = N_PERMUTATIONS,
) -> Blind:
    """Areas of cross-validated classifiers on each family of features, and on all, beside their permutation bands.

    The classifier is kernel ridge regression on the side, with a linear and a Gaussian kernel together. Sides are drawn anew
    as the data are made: a cluster that is on one side alone keeps its items together, one that is on both has its own
    sides shuffled.

    Parameters
    ----------
    features : sequence of mapping of str to sequence of float
        Of each item, as `features_of` gives them.
    members : sequence of bool
    clusters : sequence of str
        Never divided between folds.

    Raises
    ------
    BadData
        If the clusters are so few that no separation could be told from a draw of the sides.
    """
    y = np.asarray(members, bool)
    if n_arrangements(y, clusters) < 1 / LEVEL:
        raise BadData(
            f"the blind baseline needs sides that could have been drawn in at least {round(1 / LEVEL)} ways, got "
            f"{n_arrangements(y, clusters):.0f} with {len(set(clusters))} clusters ({clustered_by}); add speakers, or put "
            "recordings of each speaker on both sides"
        )
    drawn = permuted_sides(y, clusters, rng=rng, n=n_permutations)
    sides = np.column_stack([y, drawn.T])
    folds = _folds(y, clusters, rng=rng)
    tables = {name: np.array([one[name] for one in features], np.float64) for name in FAMILIES}
    tables["all"] = np.concatenate(list(tables.values()), axis=1)
    areas = {name: _areas(out_of_fold(x, folds) @ (2.0 * sides - 1.0), sides) for name, x in tables.items()}
    heights = np.stack([(own - own[1:].mean()) / max(float(own[1:].std()), 1e-9) for own in areas.values()])
    best = heights.max(axis=0)
    return Blind(
        areas={name: float(own[0]) for name, own in areas.items()},
        bands={name: (float(low), float(high)) for name, own in areas.items() for low, high in [_middle(own[1:])]},
        p_value=float((1 + np.count_nonzero(best[1:] >= best[0] - 1e-12)) / (1 + n_permutations)),
        clustered_by=clustered_by,
        n_items=len(y),
        n_clusters=len(set(clusters)),
        n_permutations=n_permutations,
    )


def _middle(areas: Floats) -> Floats:
    return np.quantile(areas, [0.025, 0.975])


def permuted_sides(
    members: NDArray[np.bool_], clusters: Sequence[str], *, rng: np.random.Generator, n: int
) -> NDArray[np.bool_]:
    """Sides drawn anew, bool, shape (n, n_items): clusters on one side change it whole, others shuffle their own."""
    place = _placed(clusters)
    share = np.bincount(place, weights=members) / np.bincount(place)
    pure = np.flatnonzero((share == 0) | (share == 1))
    inside_pure = np.isin(place, pure)
    mixed = [np.flatnonzero(place == k) for k in np.flatnonzero((share > 0) & (share < 1))]
    drawn = np.empty((n, len(members)), bool)
    for row in drawn:
        of_cluster = np.zeros(len(share), bool)
        of_cluster[pure] = rng.permutation(share[pure] == 1)
        row[inside_pure] = of_cluster[place[inside_pure]]
        for rows in mixed:
            row[rows] = members[rng.permutation(rows)]
    return drawn


def n_arrangements(members: NDArray[np.bool_], clusters: Sequence[str]) -> float:
    """In how many ways `permuted_sides` can draw the sides; with few of them none can be called unlikely."""
    place = _placed(clusters)
    sizes, inside = np.bincount(place), np.bincount(place, weights=members).astype(int)
    pure = (inside == 0) | (inside == sizes)
    logs = [math.log(math.comb(int(pure.sum()), int((pure & (inside > 0)).sum())))]
    logs += [math.log(math.comb(int(n), int(k))) for n, k in zip(sizes[~pure], inside[~pure], strict=True)]
    return math.exp(min(sum(logs), 50.0))


def _folds(members: NDArray[np.bool_], clusters: Sequence[str], *, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each item: clusters dealt in an order of their share of members, so that folds are alike."""
    place = _placed(clusters)
    share = np.bincount(place, weights=members) / np.bincount(place)
    order = np.lexsort([rng.random(len(share)), share])
    of_cluster = np.empty(len(share), np.int64)
    of_cluster[order] = np.arange(len(share)) % min(N_FOLDS, len(share))
    return np.asarray(of_cluster[place], np.int64)


def _placed(clusters: Sequence[str]) -> NDArray[np.int64]:
    names = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    return np.array([names[name] for name in clusters])


def out_of_fold(x: Floats, folds: NDArray[np.int64]) -> Floats:
    """The matrix that turns sides (-1, 1) into predictions of items by models which never saw their fold.

    Shape (n_items, n_items); a row is 0 for items of the same fold, so that one matrix serves all draws of the sides.
    """
    smoother = np.zeros((len(x), len(x)))
    for fold in np.unique(folds):
        seen, unseen = folds != fold, folds == fold
        centre, scale = x[seen].mean(axis=0), x[seen].std(axis=0) + 1e-9
        z = np.clip((x - centre) / scale, -5, 5)
        known, others = z[seen], z[unseen]
        weights = _kernel(others, known) @ np.linalg.inv(_kernel(known, known) + RIDGE * np.eye(len(known)))
        smoother[np.ix_(unseen, seen)] = weights - weights.mean(axis=1, keepdims=True)  # of sides less their mean
    return smoother


def _kernel(a: Floats, b: Floats) -> Floats:
    product = a @ b.T / a.shape[1]
    squares = (a**2).sum(1)[:, None] / a.shape[1] + (b**2).sum(1) / a.shape[1] - 2 * product
    return np.asarray(product + np.exp(-np.maximum(squares, 0.0) / 2), np.float64)


def _areas(predictions: Floats, sides: NDArray[np.bool_]) -> Floats:
    """Area of each column of predictions, for the sides of that column."""
    ranks = rankdata(predictions.round(9), axis=0)
    n = sides.sum(axis=0)
    others = len(sides) - n
    return np.asarray(((ranks * sides).sum(axis=0) - n * (n + 1) / 2) / np.maximum(n * others, 1), np.float64)
