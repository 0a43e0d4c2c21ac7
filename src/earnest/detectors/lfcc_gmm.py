"""Two Gaussian mixtures over linear-frequency cepstra: the baseline countermeasure of ASVspoof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.audio.cepstra import frame_power, linear_cepstra, with_slopes
from earnest.audio.splits import clusters
from earnest.detectors._base import Detector, detectors
from earnest.detectors._labels import bona_fide_and_spoof
from earnest.detectors._mixture import Mixture, calibration, fitted_mixture
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import System

Floats = NDArray[np.float64]

SAMPLE_RATE = 16_000
QUIET_DB = 40.0
"""Frames so far below the loudest of their clip are left out: how long a clip is silent tells of the data set."""
N_FOLDS = 4
SIDES = ("bona_fide", "spoof")


@detectors.register("lfcc_gmm")
@dataclass(frozen=True, kw_only=True)
class LfccGmm(Detector):
    """Whether speech is bona fide, by a mixture fitted to each side [wang2020-asvspoof].

    The score is the mean over frames of the log-likelihood of bona fide speech less that of spoofed speech, turned into a
    log-likelihood ratio by logistic regression on rows of clusters that the mixtures of a fold have not seen. Clips are
    taken at 16 kHz and one level. It departs from the baseline in fewer components (512 there, and far more data), in
    leaving out quiet frames, and in being calibrated.

    It learns what its data sounds like. On other synthesis, behind codecs and in noise such detectors fail, often to
    chance; measure it on your own before you rely on it.

    Parameters
    ----------
    n_components : int
        Gaussians of each mixture.
    n_steps : int
        Steps of expectation maximisation.
    max_frames : int
        Frames of each side that are fitted to, drawn from all.
    """

    source: ClassVar[str] = "wang2020-asvspoof"
    limits: ClassVar[str] = (
        "learns the sound of its data: other synthesis, codecs, noise and microphones are unknown to it until measured"
    )

    n_components: int = 64
    n_steps: int = 15
    max_frames: int = 60_000

    def __post_init__(self) -> None:
        for name in ("n_components", "n_steps", "max_frames"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BadParameter(f"{name} of detector 'lfcc_gmm' must be a whole number of at least 1, got {value!r}")

    @property
    def calibrated(self) -> bool:
        return True

    def score(self, clip: AudioClip) -> float:
        """The log-likelihood ratio of bona fide against spoofed speech."""
        mixtures, (scale, offset) = self._learnt
        return scale * _ratio(_features(clip), mixtures) + offset

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """Both mixtures over all rows, and the calibration over scores of rows that a fold's mixtures have not seen."""
        sides = dict(zip(SIDES, bona_fide_and_spoof(rows), strict=True))
        cepstra = {entry.id: _features(entry.clip()) for side in sides.values() for entry in side}
        folds = _folds([entry for side in sides.values() for entry in side], rng)
        held: dict[str, list[float]] = {side: [] for side in SIDES}
        for fold in sorted(set(folds.values())):
            inside = {side: [cepstra[e.id] for e in sides[side] if folds[e.id] != fold] for side in SIDES}
            if not all(inside.values()):
                continue  # a fold that holds all of one side leaves nothing to fit on
            mixtures = self._mixtures(inside, rng)
            for side in SIDES:
                held[side] += [_ratio(cepstra[e.id], mixtures) for e in sides[side] if folds[e.id] == fold]
        whole = self._mixtures({side: [cepstra[e.id] for e in sides[side]] for side in SIDES}, rng)
        crossed = all(held.values())
        if not crossed:
            held = {side: [_ratio(cepstra[e.id], whole) for e in sides[side]] for side in SIDES}
        scale, offset = calibration(bona_fide=np.array(held["bona_fide"]), spoof=np.array(held["spoof"]))
        arrays = {
            f"{side}.{part}": getattr(whole[side], part).astype(np.float32)
            for side in SIDES
            for part in ("weights", "means", "variances")
        }
        return self.made(
            {**arrays, "calibration": np.array([scale, offset])},
            n_bona_fide=len(sides["bona_fide"]),
            n_spoof=len(sides["spoof"]),
            calibrated_on="rows that a fold had not seen"
            if crossed
            else "the rows that it was fitted to: too few clusters for folds",
        )

    def _mixtures(self, cepstra: Mapping[str, Sequence[Floats]], rng: np.random.Generator) -> dict[str, Mixture]:
        frames = {side: np.concatenate(list(parts)) for side, parts in cepstra.items()}
        return {
            side: fitted_mixture(
                rows[np.sort(rng.choice(len(rows), min(len(rows), self.max_frames), replace=False))],
                n_components=self.n_components,
                n_steps=self.n_steps,
                rng=rng,
            )
            for side, rows in frames.items()
        }

    @cached_property
    def _learnt(self) -> tuple[dict[str, Mixture], tuple[float, float]]:
        arrays: Mapping[str, Any] = self.fitted.arrays
        wanted = [f"{side}.{part}" for side in SIDES for part in ("weights", "means", "variances")]
        if not {*wanted, "calibration"} <= arrays.keys():
            raise BadParameter(
                f"an artefact of 'lfcc_gmm' must hold {', '.join(wanted)} and calibration, got {', '.join(arrays)}; fit anew"
            )
        parts = {name: np.asarray(arrays[name], dtype=np.float64) for name in wanted}
        mixtures = {
            side: Mixture(**{part: parts[f"{side}.{part}"] for part in ("weights", "means", "variances")})
            for side in SIDES
        }
        return mixtures, (float(arrays["calibration"][0]), float(arrays["calibration"][1]))


def _features(clip: AudioClip) -> Floats:
    """The frames that are heard: at 16 kHz, at one level, without the quiet ones."""
    samples = clip.resampled(SAMPLE_RATE).samples
    power = frame_power(samples, SAMPLE_RATE)
    heard = power >= power.max() * 10 ** (-QUIET_DB / 10)
    level = float(np.sqrt(power[heard].mean()))  # of what is heard, so that silence around it moves nothing
    if level == 0:
        raise BadAudio("a clip must hold sound to be told bona fide or spoofed, got silence")
    static = linear_cepstra((samples / level).astype(np.float32), SAMPLE_RATE)[heard]
    return with_slopes(static)  # after quiet frames are gone, whose edge would be the steepest slope of all


def _ratio(cepstra: Floats, mixtures: Mapping[str, Mixture]) -> float:
    return float(np.mean(mixtures["bona_fide"].log_likelihood(cepstra) - mixtures["spoof"].log_likelihood(cepstra)))


def _folds(rows: Sequence[Entry], rng: np.random.Generator) -> dict[str, int]:
    """The fold of each row: whole clusters of speaker and text, the largest first, each to the smallest fold."""
    found = clusters(rows)
    groups: dict[int, list[str]] = {}
    for entry in rows:
        groups.setdefault(found[entry.id], []).append(entry.id)
    ordered = [list(groups.values())[place] for place in rng.permutation(len(groups))]
    sizes = [0] * min(N_FOLDS, len(groups))
    folds: dict[str, int] = {}
    for group in sorted(ordered, key=len, reverse=True):
        smallest = sizes.index(min(sizes))
        sizes[smallest] += len(group)
        folds |= dict.fromkeys(group, smallest)
    return folds
