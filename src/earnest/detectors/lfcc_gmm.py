"""Two Gaussian mixtures over linear-frequency cepstra: the baseline countermeasure of ASVspoof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.cepstra import frame_power, linear_cepstra, with_slopes
from earnest.detectors._base import detectors
from earnest.detectors._mixture import TwoMixtures
from earnest.errors import BadAudio

SAMPLE_RATE = 16_000
QUIET_DB = 40.0
"""Frames so far below the loudest of their clip are left out: how long a clip is silent tells of the data set."""


@detectors.register("lfcc_gmm")
@dataclass(frozen=True, kw_only=True)
class LfccGmm(TwoMixtures):
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

    def features(self, clip: AudioClip) -> NDArray[np.float64]:
        """60 cepstra of each frame that is heard: at 16 kHz, at one level, without the quiet ones."""
        samples = clip.resampled(SAMPLE_RATE).samples
        power = frame_power(samples, SAMPLE_RATE)
        heard = power >= power.max() * 10 ** (-QUIET_DB / 10)
        level = float(np.sqrt(power[heard].mean()))  # of what is heard, so that silence around it moves nothing
        if level == 0:
            raise BadAudio("a clip must hold sound to be scored as bona fide or spoofed, got silence")
        static = linear_cepstra((samples / level).astype(np.float32), SAMPLE_RATE)[heard]
        return with_slopes(static)  # after quiet frames are gone, whose edge would be the steepest slope of all
