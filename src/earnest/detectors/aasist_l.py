"""AASIST-L: the light form of AASIST, 85,306 parameters."""

from __future__ import annotations

from dataclasses import dataclass

from earnest.detectors._base import detectors
from earnest.detectors.aasist import AasistDetector


@detectors.register("aasist_l")
@dataclass(frozen=True, kw_only=True)
class AasistLightDetector(AasistDetector):
    """Whether speech is bona fide, by AASIST-L with a published checkpoint [jung2021-aasist].

    As `aasist`, with narrower maps and fewer nodes. Exported to ONNX it is made for one core of a telephone server.

    Parameters
    ----------
    weights, windows
        As of `aasist`.
    """
