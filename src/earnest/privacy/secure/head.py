"""A linear head, and what a protocol gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadData, BadParameter

Floats = NDArray[np.float64]
LARGEST = 1000.0
"""Of an embedding, a weight, a bias or a score; what lies beyond would not fit the protocols' numbers."""


@dataclass(frozen=True, eq=False)
class Head:
    """A linear layer: scores are ``embedding @ weight.T + bias``.

    Parameters
    ----------
    weight : float64 array, shape (n_outputs, width)
    bias : float64 array, shape (n_outputs,)

    Raises
    ------
    BadParameter
        If shapes do not fit, or a value is not finite or beyond `LARGEST`.

    Examples
    --------
    >>> Head.of_voices([[3.0, 4.0]]).scores([[1.0, 0.0]]).tolist()
    [[0.6]]
    """

    weight: Floats
    bias: Floats

    def __post_init__(self) -> None:
        weight, bias = np.asarray(self.weight, np.float64), np.asarray(self.bias, np.float64)
        if weight.ndim != 2 or 0 in weight.shape or bias.shape != weight.shape[:1]:
            raise BadParameter(
                "a head must have a weight of shape (n_outputs, width) and a bias of shape (n_outputs,), "
                f"got {weight.shape} and {bias.shape}"
            )
        for name, values in (("weight", weight), ("bias", bias)):
            check_size(values, name)
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    @classmethod
    def of_voices(cls, voices: ArrayLike) -> Head:
        """The cosine of an embedding of unit length with each enrolled voice, shape (n_voices, width)."""
        rows = np.atleast_2d(np.asarray(voices, np.float64))
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise BadParameter("an enrolled voice must be finite and not zero, so that it has a direction")
        return cls(rows / lengths, np.zeros(len(rows)))

    @classmethod
    def read(cls, path: Path) -> Head:
        """A head from an ``.npz`` file with the arrays ``weight`` and ``bias``."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["weight"], arrays["bias"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise BadData(f"{path} must be an .npz file with the arrays weight and bias, but: {error}") from error

    def scores(self, embeddings: ArrayLike) -> Floats:
        """Plain scores, shape (n_clips, n_outputs)."""
        return self.fitting(embeddings) @ self.weight.T + self.bias

    def fitting(self, embeddings: ArrayLike) -> Floats:
        """Embeddings, shape (n_clips, width), if they fit."""
        rows = np.atleast_2d(np.asarray(embeddings, np.float64))
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != self.weight.shape[1]:
            raise BadParameter(
                f"embeddings must have the shape (n_clips, {self.weight.shape[1]}), as the head has that width, got {rows.shape}"
            )
        check_size(rows, "embeddings")
        check_size(rows @ self.weight.T + self.bias, "scores")
        return rows


def check_size(values: Floats, name: str) -> None:
    """Refuse what is not finite or beyond `LARGEST`."""
    largest = float(np.abs(values).max())
    if not largest <= LARGEST:
        raise BadParameter(
            f"{name} must be finite and at most {LARGEST:g} in size, got {largest:g}; divide embeddings by their length, "
            "or scale the head"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Secured:
    """Scores by a protocol, and what they cost.

    Attributes
    ----------
    method : str
    scores : float64 array, shape (n_clips, n_outputs)
        As the client has them.
    seconds : dict of str to float
        Wall-clock time by step, on this machine and without a network between the parties.
    n_bytes : dict of str to int
        What was sent, by message; the first is sent once, whatever the number of clips.
    error : float
        Largest distance from the plain scores.
    n_clips : int
    """

    method: str
    scores: Floats
    seconds: dict[str, float]
    n_bytes: dict[str, int]
    error: float
    n_clips: int
