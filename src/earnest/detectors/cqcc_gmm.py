"""Two Gaussian mixtures over constant-Q cepstra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.cepstra import constant_q_cepstra, constant_q_power, with_slopes
from earnest.detectors._base import detectors
from earnest.detectors._mixture import TwoMixtures
from earnest.errors import BadAudio

SAMPLE_RATE = 16_000
QUIET_DB = 40.0
"""Frames so far below the loudest of their clip are left out, as in `lfcc_gmm`."""
LONGEST_S = 30.0
"""Pieces that a longer clip is transformed in."""


@detectors.register("cqcc_gmm")
@dataclass(frozen=True, kw_only=True)
class CqccGmm(TwoMixtures):
    """Whether speech is bona fide, by a mixture of constant-Q cepstra fitted to each side [todisco2017-cqcc].

    Static coefficients (30, the zeroth among them), their slopes and the slopes of these, of a transform with 96 bins an
    octave: fine in frequency where voices are low, fine in time where they are high. It departs from the paper in fewer
    components (512 there, and far more data), in leaving out quiet frames, in one level for all clips, and in being
    calibrated. What holds of `lfcc_gmm` holds of it.

    Parameters
    ----------
    n_components, n_steps, max_frames : int
        As of `lfcc_gmm`.
    """

    source: ClassVar[str] = "todisco2017-cqcc"
    limits: ClassVar[str] = (
        "learns the sound of its data: other synthesis, codecs, noise and microphones are unknown to it until measured"
    )

    def features(self, clip: AudioClip) -> NDArray[np.float64]:
        """90 cepstra of each frame that is heard: at 16 kHz, at one level, without the quiet ones."""
        samples = clip.resampled(SAMPLE_RATE).samples
        n_pieces = max(1, -(-len(samples) // round(LONGEST_S * SAMPLE_RATE)))
        power = np.concatenate([constant_q_power(part, SAMPLE_RATE) for part in np.array_split(samples, n_pieces)])
        loudness = power.mean(axis=1)
        heard = loudness >= loudness.max() * 10 ** (-QUIET_DB / 10)
        level = float(loudness[heard].mean())
        if level == 0:
            raise BadAudio("a clip must hold sound to be scored as bona fide or spoofed, got silence")
        return with_slopes(constant_q_cepstra(power[heard] / level, SAMPLE_RATE))
