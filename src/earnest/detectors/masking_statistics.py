"""Whether what nobody hears in a clip looks as it does in recordings: statistics around the masking threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.audio.masking import FULL_SCALE_DB, Masking, bark, density_db
from earnest.detectors._base import Detector, detectors
from earnest.detectors._discriminant import Discriminant, fitted_discriminant
from earnest.detectors._labels import bona_fide_and_spoof
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import System

SAMPLE_RATE = 16_000
BAND_EDGES_BARK = (0.5, 5.0, 9.0, 13.0, 17.0, 22.0)
HEARD_DB = 40.0
"""Frames whose loudest bin is further below the loudest frame's are left out."""
_LOWEST_DB = -60.0
"""A bin further below its threshold counts as that far below: digital silence has no level."""


@detectors.register("masking_statistics")
@dataclass(frozen=True, kw_only=True)
class MaskingStatistics(Detector):
    """Whether the part of a clip that its own loudest components mask is like that of recordings.

    A perturbation that is hidden from listeners [qin2019-imperceptible] lies below the masking threshold, where speech itself
    leaves valleys between its harmonics and formants: it fills them. Of each band of critical rates the clip is described by
    the share of bins below the threshold, by how far below they lie (mean, spread over bins and 10 % quantile) and by how
    much that changes from frame to frame. A linear discriminant, fitted to rows labelled bona_fide and adversarial (or
    another label of a spoof), gives the score. It is not calibrated.

    Notes
    -----
    The threshold is that of `earnest.audio.masking`; statistics and discriminant are our own and follow no published
    detector. Coding fills or empties the same valleys: rows for the fit should hold what the detector will meet.
    """

    source: ClassVar[str] = "qin2019-imperceptible"
    detects: ClassVar[str] = "audio with a quiet perturbation"
    limits: ClassVar[str] = (
        "learns what its rows have below the masking threshold: codecs, noise and microphones that were not among them are unknown "
        "to it; a perturbation shaped like them passes"
    )

    def score(self, clip: AudioClip) -> float:
        """The discriminant of the clip's statistics, above 0 where they are more like those of bona fide rows."""
        return float(self._learnt.scores(statistics(clip)[None])[0])

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The discriminant between rows of the two labels."""
        bona_fide, spoof = (
            np.array([statistics(entry.clip()) for entry in side]) for side in bona_fide_and_spoof(rows)
        )
        made = fitted_discriminant(first=bona_fide, second=spoof)
        return self.made(
            {"weights": made.weights, "offset": np.array([made.offset])},
            n_bona_fide=len(bona_fide),
            n_spoof=len(spoof),
        )

    @cached_property
    def _learnt(self) -> Discriminant:
        arrays = self.fitted.arrays
        if not {"weights", "offset"} <= arrays.keys():
            raise BadParameter(
                f"an artefact of 'masking_statistics' must hold weights and offset, got {', '.join(arrays)}; fit anew"
            )
        return Discriminant(
            weights=np.asarray(arrays["weights"], dtype=np.float64), offset=float(np.asarray(arrays["offset"])[0])
        )


def statistics(clip: AudioClip) -> NDArray[np.float64]:
    """Five numbers for each band, of the frames that are heard, shape (25,); they do not depend on the clip's level.

    Raises
    ------
    BadAudio
        If the clip is silent.
    """
    samples = clip.resampled(SAMPLE_RATE).samples
    if not np.any(samples):
        raise BadAudio("a clip must hold sound to have anything masked, got silence")
    samples = (samples / np.abs(samples).max()).astype(np.float32)
    masking = Masking.of(samples, SAMPLE_RATE)
    above = density_db(samples) + (FULL_SCALE_DB - masking.loudest_db)[:, None] - masking.threshold_db
    heard = masking.loudest_db >= masking.loudest_db.max() - HEARD_DB
    above = np.maximum(above[heard], _LOWEST_DB)
    rate = bark(np.linspace(0, SAMPLE_RATE / 2, above.shape[1]))
    bands = [above[:, (rate >= low) & (rate < high)] for low, high in zip(BAND_EDGES_BARK, BAND_EDGES_BARK[1:])]
    return np.concatenate([_of_band(band) for band in bands])


def _of_band(above: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of bins below the threshold, mean, spread and low quantile of how far, and its change from frame to frame."""
    below = np.minimum(above, 0.0)
    by_frame = below.mean(axis=1)
    steps = np.abs(np.diff(by_frame)).mean() if len(by_frame) > 1 else 0.0
    return np.array([(above < 0).mean(), below.mean(), below.std(), np.quantile(below, 0.1), steps])
