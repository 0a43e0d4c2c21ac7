"""What a decoder attends to, block by block, for methods that follow attention back to the audio. numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Attention:
    """The attention of a decoder over what is asked, up to where the answer's first token is decided.

    Parameters
    ----------
    weights : float64 array, shape (n_blocks, n_heads, n_positions, n_positions)
        Rows are the positions that attend; each sums to 1.
    gradients : float64 array of the same shape, or None
        Of the logit of the answer's first token to each weight, less that of another answer's where one was given.
    audio : tuple of int
        Positions of the audio tokens, in the order of time.
    row : int
        The position where the answer's first token is decided.
    """

    weights: NDArray[np.float64]
    gradients: NDArray[np.float64] | None
    audio: tuple[int, ...]
    row: int
