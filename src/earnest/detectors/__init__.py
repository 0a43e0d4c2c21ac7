"""Detectors: a number for a clip, higher meaning more likely bona fide.

    detector = detectors.make("lfcc_gmm:artefact=fitted")
    detector.score(clip)

One file holds one detector. What it is fitted to is an artefact (`earnest fit detectors/lfcc_gmm --data ...`); what it is
worth is measured by asking it like a model, as `detector/<specification>`.
"""

from earnest.detectors._base import Card, Detector, detectors
from earnest.detectors._labels import bona_fide_and_spoof

__all__ = ["Card", "Detector", "bona_fide_and_spoof", "detectors"]
