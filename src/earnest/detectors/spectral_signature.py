"""How far a clip's activation lies along the direction in which its class varies most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.detectors._activations import ActivationDetector, Floats
from earnest.detectors._base import detectors


@detectors.register("spectral_signature")
@dataclass(frozen=True, kw_only=True)
class SpectralSignature(ActivationDetector):
    """Minus the squared projection of a clip's activation onto the first singular vector of its class [tran2018-signatures].

    A few poisoned rows in a class move its mean a little, and make the direction towards them the one of most variance. The states of each class
    (rows that the model answers alike) are centred; the score of a clip is minus the square of its centred state's
    product with their first right singular vector. The work takes away 1.5 times as many rows as are thought to be poisoned, those of lowest score here.
    """

    source: ClassVar[str] = "tran2018-signatures"
    detects: ClassVar[str] = "a training clip that was poisoned"
    limits: ClassVar[str] = (
        "needs activations; the direction of most variance may be that of voices or of recorders; knows the suspect rows of its fit alone"
    )

    def learnt_from(self, states: Floats, rng: np.random.Generator) -> Mapping[str, Any]:
        """Mean and first right singular vector."""
        mean = states.mean(axis=0)
        return {"mean": mean, "direction": np.linalg.svd(states - mean, full_matrices=False)[2][0]}

    def placed(self, state: Floats, arrays: Mapping[str, Any]) -> float:
        """Minus the square of the product."""
        return -(float((state - arrays["mean"]) @ arrays["direction"]) ** 2)
