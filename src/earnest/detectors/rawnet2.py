"""RawNet2 for spoofed speech: a residual network over samples, and a recurrent one over what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.detectors._base import detectors
from earnest.detectors._light import RawNet2
from earnest.detectors._trained import TrainedNetwork
from earnest.detectors._windows import Samples
from earnest.errors import BadParameter


@detectors.register("rawnet2")
@dataclass(frozen=True, kw_only=True)
class RawNet2Detector(TrainedNetwork):
    """Whether speech is bona fide, by a network over the samples themselves [tak2021-rawnet2].

    Sixty-four thousand samples pass fixed band filters that are equally far apart in mel, six residual blocks with
    filter-wise scaling, and three recurrent layers. Defaults are the sizes of the ASVspoof baseline. Departures: the
    first normalisation of a block is used (the baseline computes it and does not), few epochs, and logistic calibration.
    What holds of `lfcc_gmm` holds of it.

    Parameters
    ----------
    n_filters, width, recurrent_width : int
        Band filters (20 in the baseline), maps of the later blocks (128), and states of the recurrent layers (1,024).
    n_epochs, batch_size, learning_rate, windows
        As of every detector that is trained.
    """

    source: ClassVar[str] = "tak2021-rawnet2"

    n_filters: int = 20
    width: int = 128
    recurrent_width: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_filters", "width", "recurrent_width"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BadParameter(
                    f"{name} of detector {self.name!r} must be a whole number of at least 1, got {value!r}"
                )

    def network(self) -> Any:
        return RawNet2(n_filters=self.n_filters, width=self.width, recurrent_width=self.recurrent_width)

    def inputs(self, window: Samples) -> NDArray[np.float32]:
        """The window as it is."""
        return np.array(window, dtype=np.float32)
