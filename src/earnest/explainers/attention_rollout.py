"""Attention rollout: attention multiplied from block to block, back to the audio."""

from __future__ import annotations

from dataclasses import dataclass

from earnest.explainers._attention import AttentionExplainer, with_residual
from earnest.explainers._base import Fraction, explainers
from earnest.models.attention import Attention


@explainers.register("attention_rollout")
@dataclass(frozen=True, kw_only=True)
class AttentionRollout(AttentionExplainer):
    """How much of each audio token reaches the place where the answer is decided, by attention alone ([abnar2020-attention]).

    The mean over heads, half a residual connection, and the product over blocks. It looks at where a model reads and at
    nothing that it does with it: the map is the same whatever the decision is, and has no sign.
    """

    source = "abnar2020-attention"

    def by_token(self, attention: Attention) -> Fraction:
        """What each audio token counts."""
        reach = None
        for block in with_residual(attention.weights)[::-1]:
            reach = block[attention.row] if reach is None else reach @ block
        assert reach is not None
        return reach[list(attention.audio)]
