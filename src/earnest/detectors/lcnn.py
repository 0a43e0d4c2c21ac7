"""A light network with max feature maps over linear-frequency cepstra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio.cepstra import N_COEFFICIENTS, frame_power, linear_cepstra, with_slopes
from earnest.detectors._base import detectors
from earnest.detectors._light import Lcnn
from earnest.detectors._trained import SAMPLE_RATE, TrainedNetwork
from earnest.detectors._windows import Samples

N_FRAMES = 400
"""Of 10 ms: those of the window, cut to a multiple of sixteen."""


@detectors.register("lcnn")
@dataclass(frozen=True, kw_only=True)
class LcnnDetector(TrainedNetwork):
    """Whether speech is bona fide, by a light convolutional network over cepstra [lavrentyeva2019-stc].

    The network is the one of the paper's table: nine convolutions whose channels compete in pairs (max feature maps).
    It is given 60 linear-frequency cepstra with slopes, as the baseline LFCC-LCNN of ASVspoof 2021, of the window at
    one level. Departures: plain cross entropy with both sides weighing alike (an angular margin there), few epochs, and
    logistic calibration. What holds of `lfcc_gmm` holds of it.

    Parameters
    ----------
    n_epochs, batch_size, learning_rate, windows
        As of every detector that is trained.
    """

    source: ClassVar[str] = "lavrentyeva2019-stc"

    def network(self) -> Any:
        return Lcnn(n_coefficients=3 * N_COEFFICIENTS, n_frames=N_FRAMES)

    def inputs(self, window: Samples) -> NDArray[np.float32]:
        """Cepstra of the window at one level, shape (1, 60, 400)."""
        power = frame_power(window, SAMPLE_RATE)
        level = float(np.sqrt(power[power >= power.max() * 1e-4].mean()))
        cepstra = with_slopes(linear_cepstra((window / level).astype(np.float32), SAMPLE_RATE))
        return cepstra[:N_FRAMES].T[None].astype(np.float32)
