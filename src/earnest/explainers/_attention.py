"""What methods share that follow a decoder's attention from the answer back to the audio.

They end at the audio tokens that the decoder is given, and place each evenly in the clip: what the encoder before it has
mixed is not followed, so that a token stands for what the encoder heard around that time.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter
from earnest.explainers._base import Asked, Explainer, Fraction, Map, Tiles
from earnest.models.access import Access
from earnest.models.attention import Attention


@dataclass(frozen=True, kw_only=True)
class AttentionExplainer(Explainer):
    """Base of the maps by attention; a subclass implements `by_token`."""

    needs: ClassVar[Access] = "activations"
    gradients: ClassVar[bool] = False
    """Whether it takes gradients to the attention, too."""

    @abc.abstractmethod
    def by_token(self, attention: Attention) -> Fraction:
        """What each audio token counts, shape (n_audio,)."""

    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
        asked.need(self.needs, of=self.name)
        if tiles.bands != 1 or len(asked.stimulus.clips) != 1:
            raise BadParameter(
                f"{self.name} gives a map of the time of one clip, got {tiles.bands} bands and "
                f"{len(asked.stimulus.clips)} clips; take bands=1 and an item with one clip"
            )
        given = {"answer": asked.answer, "against": asked.against} if self.gradients else {}
        asked.count(1)
        attention = asked.system.inner.attention(
            asked.system.unscreened.defended(asked.stimulus.with_clip(tiles.clip, role=asked.stimulus.primary_role)),
            **given,
        )
        return Map(on_tiles(self.by_token(attention), tiles))


def on_tiles(by_token: Fraction, tiles: Tiles) -> Fraction:
    """Values of tokens that follow each other evenly through a clip, summed by tile; one in two tiles goes to both in part."""
    ends = np.linspace(0, tiles.clip.samples.size, by_token.size + 1)
    edges = tiles.edges.astype(np.float64)
    inside = np.minimum(edges[1:, None], ends[None, 1:]) - np.maximum(edges[:-1, None], ends[None, :-1])
    return np.asarray(np.clip(inside, 0, None) @ (by_token / np.diff(ends)))


def with_residual(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over heads with half a residual connection, rows summing to 1 ([abnar2020-attention], section 3)."""
    mean = weights.mean(axis=1)
    mixed = 0.5 * mean + 0.5 * np.eye(mean.shape[-1])
    return np.asarray(mixed / mixed.sum(axis=-1, keepdims=True))
