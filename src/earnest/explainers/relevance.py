"""Relevance: attention weighted by what the decision would lose with it, added up over blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.explainers._attention import AttentionExplainer
from earnest.explainers._base import Fraction, explainers
from earnest.models.attention import Attention


@explainers.register("relevance")
@dataclass(frozen=True, kw_only=True)
class Relevance(AttentionExplainer):
    """The relevance of each audio token by attention and its gradient ([chefer2021-generic], equations 5 and 6).

    From the identity on, each block adds its attention times its gradient, what is negative left out, the mean over heads,
    times the relevance so far. The gradient is of the logit of the answer's first token, less that of `--against`. Unlike
    `attention_rollout` it depends on the decision; as negative parts are left out, it shows only what speaks for it.
    """

    source = "chefer2021-generic"
    gradients: ClassVar[bool] = True

    def by_token(self, attention: Attention) -> Fraction:
        """What each audio token counts."""
        assert attention.gradients is not None
        relevance = np.eye(attention.weights.shape[-1])
        for weights, gradients in zip(attention.weights, attention.gradients, strict=True):
            relevance = relevance + np.maximum(weights * gradients, 0).mean(axis=0) @ relevance
        return np.asarray(relevance[attention.row, list(attention.audio)])
