"""Tokens drawn for each item by a generator of its own, so that no draw depends on the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from earnest.models.access import Sampling, rng_for

if TYPE_CHECKING:
    import torch


class Drawing:
    """Draws each item's tokens by noise of its own generator, and keeps the log-probabilities.

    Adding Gumbel noise to logits over temperature and taking the largest draws from the softmax; so a draw depends on
    the seed and the stimulus, not on the batch, and no global random state is touched.
    """

    def __init__(self, sampling: Sampling, digests: Sequence[str], *, n_asked: int) -> None:
        self._temperature, self._n_asked = sampling.temperature, n_asked
        self._rngs = [rng_for(sampling.seed, "transformers", digest) for digest in digests]
        self._steps: list[torch.Tensor] = []
        self._chosen: list[torch.Tensor] = []

    def __call__(self, ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """The logits of which the largest is taken."""
        import torch

        last = logits.float().log_softmax(dim=-1)
        if self._temperature > 0:
            noise = np.stack([rng.gumbel(size=logits.shape[-1]) for rng in self._rngs])
            logits = last / self._temperature + torch.from_numpy(noise).to(last)
        chosen = logits.argmax(dim=-1, keepdim=True)  # as generate takes it
        self._chosen.append(last.gather(1, chosen)[:, 0].double().cpu())
        return logits

    def log_probability(self, row: int, tokens: Sequence[int]) -> float:
        """Of the first `len(said)` tokens of an item."""
        return float(sum(float(step[row]) for step in self._chosen[: len(tokens)]))
