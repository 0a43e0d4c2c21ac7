"""Attention flow: the greatest flow through the network of attention, from the answer back to each audio token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from earnest.explainers._attention import AttentionExplainer, with_residual
from earnest.explainers._base import Fraction, explainers
from earnest.models.attention import Attention

WHOLE = 1_000_000
"""What a capacity of 1 is, in whole numbers, of which the greatest flow is found."""


@explainers.register("attention_flow")
@dataclass(frozen=True, kw_only=True)
class AttentionFlow(AttentionExplainer):
    """The greatest flow from the place where the answer is decided to each audio token ([abnar2020-attention], section 3).

    Positions of each block are the nodes, and attention with half a residual connection the capacities, in millionths.
    """

    source = "abnar2020-attention"

    def by_token(self, attention: Attention) -> Fraction:
        """What each audio token counts."""
        from scipy.sparse import coo_array, csr_matrix
        from scipy.sparse.csgraph import maximum_flow

        mixed = with_residual(attention.weights)[::-1]
        n_blocks, n = mixed.shape[:2]
        capacities = np.round(mixed * WHOLE).astype(np.int32)
        block, above, below = np.nonzero(capacities)
        edges = coo_array(
            (capacities[block, above, below], (block * n + above, (block + 1) * n + below)),
            shape=((n_blocks + 1) * n,) * 2,
        )
        graph = csr_matrix(edges)
        flows = [
            maximum_flow(graph, attention.row, n_blocks * n + token, method="dinic").flow_value
            for token in attention.audio
        ]
        return np.array(flows, dtype=np.float64) / WHOLE
