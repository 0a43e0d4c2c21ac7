"""Numbers from arrays and strings: no model, no network, no torch.

Rates are fractions in [0, 1]; each function says whether higher is better. Two arguments of one type are keyword-only.
A case that has no answer (no trial, no reference word, one cluster) raises `BadParameter` instead of returning a score.
The modules are imported when first asked for; `earnest.registry.names("metrics")` lists every public metric.
"""

from __future__ import annotations

from earnest.metrics._register import metrics

__all__ = ["metrics"]
