"""Gradient inversion: the features of a clip out of the update that a client made from it.

The gradient of a convolution is a sum over positions of what came back times what went in, so its rows span the windows
of the input, if there are fewer positions than channels. Features whose windows all lie in that span, at every position,
are found by singular values, and the gradient of the bias gives their scale and sign. Neither the text nor a search is
needed, and the result is exact up to rounding. That the span of a layer's gradient gives its inputs away is
[petrov2024-dager]; solving for the overlapping windows of a convolution is ours. It reads updates that were made from one
clip; those of several clips span the windows of all of them.

Success is a likeness to the true features that likeness to clips of others does not reach: a recovered clip has a
correlation above that of 95 % of them. Two clips are alike because both are speech, so a correlation without those of
others says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter

LEVEL = 0.95
LEAST_OTHERS = 19
"""Fewer other clips cannot show a likeness that 95 % of them do not reach."""


@dataclass(frozen=True, kw_only=True)
class Spanned:
    """What the span of a gradient gives.

    Parameters
    ----------
    features : float32 array, shape (n_frames, n_mels)
        With their scale.
    residual : float in [0, 1]
        How far the windows stand out of the span, over the next best features: near 0 where one clip alone explains it.
    """

    features: NDArray[np.float32]
    residual: float


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How like the true features recovered ones are, beside clips that are not the clip.

    Parameters
    ----------
    correlation : float in [-1, 1]
        Pearson's, over all frames and bands.
    snr_db : float
        Power of the true features about their mean over that of the difference, after the best scale and offset, in dB.
    others : tuple of float
        The correlation of each of the other clips with the true features, over as many frames.
    """

    correlation: float
    snr_db: float
    others: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """The correlation that 95 % of the others do not pass."""
        return float(np.quantile(self.others, LEVEL, method="higher"))

    @property
    def recovered(self) -> bool:
        """Whether the correlation is above the threshold."""
        return self.correlation > self.threshold

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "correlation": self.correlation,
            "snr_db": self.snr_db,
            "threshold": self.threshold,
            "mean_of_others": float(np.mean(self.others)),
            "n_others": len(self.others),
            "recovered": self.recovered,
        }


def least_frames(rank: int, *, kernel: int, stride: int, padding: tuple[int, int]) -> int:
    """The fewest frames of a clip whose gradient has this rank: how an attacker learns a clip's length."""
    return (rank - 1) * stride + kernel - sum(padding)


def spanned(
    weight: NDArray[Any], bias: NDArray[Any], *, n_frames: int, stride: int, padding: tuple[int, int]
) -> Spanned:
    """The features whose windows span the gradient of a convolution over time.

    Parameters
    ----------
    weight : float array, shape (n_channels, n_mels, kernel)
        Gradient of the weights of the first layer, of any scale, or what the server received in its place.
    bias : float array, shape (n_channels,)
        That of its bias, of the same scale.
    n_frames : int
        An attacker reads it from the rank of the gradient.
    stride : int
    padding : tuple of int
        Zeros before and behind the features.

    Raises
    ------
    BadParameter
        If the gradient has another form, is not finite, or the clip has as many positions as the layer has channels.
    """
    n_channels, n_mels, kernel = weight.shape if weight.ndim == 3 else (0, 0, 0)
    if not n_channels or bias.shape != (n_channels,) or not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise BadParameter(
            f"the gradient of a convolution has the shape (channels, bands, kernel) and its bias (channels,), all finite; got "
            f"{weight.shape} and {bias.shape}"
        )
    n_positions = (n_frames + sum(padding) - kernel) // stride + 1
    if not 1 <= n_positions < min(n_channels, n_mels * kernel):
        raise BadParameter(
            f"a clip must have fewer positions than the layer has channels ({n_channels}), got {n_positions} of {n_frames} "
            "frames; take a shorter clip"
        )
    rows = weight.transpose(0, 2, 1).reshape(n_channels, kernel * n_mels).astype(np.float64)
    basis = np.linalg.svd(rows, full_matrices=False)[2][:n_positions]
    outside = (np.eye(kernel * n_mels) - basis.T @ basis).reshape(kernel, n_mels, kernel, n_mels)
    total = np.zeros((n_frames, n_mels, n_frames, n_mels))
    starts = [place * stride - padding[0] for place in range(n_positions)]
    for start in starts:
        low, high = max(0, -start), min(kernel, n_frames - start)
        inside = slice(start + low, start + high)
        total[inside, :, inside, :] += outside[low:high, :, low:high, :]
    size = n_frames * n_mels
    values, vectors = np.linalg.eigh(total.reshape(size, size))
    found = vectors[:, 0].reshape(n_frames, n_mels)
    padded = np.pad(found, (padding, (0, 0)))
    windows = np.stack([padded[place * stride : place * stride + kernel].ravel() for place in range(n_positions)])
    back = rows @ np.linalg.pinv(windows)  # what came back at each position, shape (n_channels, n_positions)
    length = float(bias.astype(np.float64) @ bias.astype(np.float64))
    scale = float(back.sum(axis=1) @ bias) / length if length > 0 else 1.0
    residual = float(values[0] / max(values[1], 1e-30))
    return Spanned(features=(scale * found).astype(np.float32), residual=residual)


def likeness(found: NDArray[Any], *, truth: NDArray[Any], others: Sequence[NDArray[Any]]) -> Likeness:
    """How like the true features recovered ones are, and how like them clips of others are.

    Parameters
    ----------
    found, truth : float array, shape (n_frames, n_mels)
    others : sequence of float array, shape (at least n_frames, n_mels)
        Features of at least 19 other clips, of which the first frames are taken.

    Raises
    ------
    BadParameter
        If shapes do not fit, there are too few others, or the truth does not vary.

    Examples
    --------
    >>> truth = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> others = [np.random.default_rng(seed).normal(size=(2, 2)) for seed in range(19)]
    >>> likeness(2 * truth + 5, truth=truth, others=others).correlation
    1.0
    """
    if found.shape != truth.shape or truth.ndim != 2 or np.ptp(truth) == 0:
        raise BadParameter(
            f"features must have the shape of the true ones, which vary, got {found.shape} and {truth.shape}"
        )
    if len(others) < LEAST_OTHERS or any(len(one) < len(truth) or one.shape[1:] != truth.shape[1:] for one in others):
        raise BadParameter(
            f"at least {LEAST_OTHERS} other clips of at least {len(truth)} frames and {truth.shape[1]} bands are needed, got "
            f"{len(others)} of {sorted({one.shape for one in others})[:3]}"
        )
    correlation = _correlation(found, truth)
    return Likeness(
        correlation=correlation,
        snr_db=float(-10 * np.log10(max(1e-12, 1 - correlation**2))),
        others=tuple(_correlation(one[: len(truth)], truth) for one in others),
    )


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    a, b = (values.astype(np.float64).ravel() - values.mean(dtype=np.float64) for values in (one, other))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(round(float(a @ b) / scale, 12), -1, 1)) if scale > 0 else 0.0
