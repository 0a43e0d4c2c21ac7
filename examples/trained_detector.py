"""A detector that is trained on one half of the data and tested on the other.

    earnest fit detectors/trained_detector --plugin examples/trained_detector.py --data DATA --split train --out fitted
    earnest run detectors --model detector/trained_detector:artefact=fitted --plugin examples/trained_detector.py \
        --data DATA --out runs/detector

Logistic regression on how power is spread over frequency. Rows whose speaker or text it has seen are in no number of the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio.spectra import log_mel
from earnest.detectors import Detector, bona_fide_and_spoof, detectors


def features(clip):
    """Mean and spread over time of 24 mel bands, at one level; shape (48,)."""
    heard = clip.resampled(16_000)
    bands = log_mel(heard.samples / max(heard.peak, 1e-6), 16_000, n_mels=24).astype(np.float64)
    return np.concatenate([bands.mean(axis=0) - bands.mean(), bands.std(axis=0)])


@detectors.register("trained_detector")
@dataclass(frozen=True, kw_only=True)
class TrainedDetector(Detector):
    """A straight line through spectral means and spreads.

    Parameters
    ----------
    ridge : float
        How strongly weights are held small.
    """

    source: ClassVar[str] = "example2026-detector"
    conditions: ClassVar[Mapping[str, str]] = {"length": "clips of a second and more"}

    ridge: float = 1e-2

    def score(self, clip):
        """The log odds of bona fide against spoofed speech, both equally likely before; not calibrated on held-out rows."""
        arrays = self.fitted.arrays
        return float((features(clip) - arrays["centre"]) / arrays["spread"] @ arrays["weights"] + arrays["offset"])

    def fit(self, rows, system, rng):
        """Newton's method on the logistic loss, both sides weighing alike."""
        bona_fide, spoof = bona_fide_and_spoof(rows)
        table = np.array([features(entry.clip()) for entry in (*bona_fide, *spoof)])
        truth = np.array([1.0] * len(bona_fide) + [0.0] * len(spoof))
        share = np.where(truth == 1, 0.5 / len(bona_fide), 0.5 / len(spoof))
        centre, spread = table.mean(axis=0), table.std(axis=0) + 1e-6
        design = np.column_stack([(table - centre) / spread, np.ones(len(table))])
        penalty = self.ridge * np.diag([1.0] * table.shape[1] + [1e-6])
        weights = np.zeros(design.shape[1])
        for _ in range(25):
            chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
            slope = design.T @ (share * (chance - truth)) + penalty @ weights
            curve = (design * (share * chance * (1 - chance))[:, None]).T @ design + penalty
            weights -= np.linalg.solve(curve, slope)
        arrays = {"centre": centre, "spread": spread, "weights": weights[:-1], "offset": np.array(weights[-1])}
        return self.made(arrays, n_bona_fide=len(bona_fide), n_spoof=len(spoof))
