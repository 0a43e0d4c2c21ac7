"""Where the sound of a stream changes: a cumulative sum of jumps between the spectra of neighbouring windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.audio.spectra import FLOOR, hann
from earnest.streams._base import Samples, Stream, streams

N_BANDS = 20


@streams.register("changes")
@dataclass(frozen=True, kw_only=True)
class Changes(Stream):
    """How much a window's spectrum differs from the running mean before it, summed up by Page's rule [page1954-inspection].

    The value is minus the sum: 0 where nothing changes, falling while windows stay unlike what came before, as they do after a splice or
    where another speaker or synthesiser takes over. A sum over windows needs fewer of them than a threshold on each, at one rate of
    false alarms. It needs no data and knows nothing of what a change means: a door is one too.

    Parameters
    ----------
    drift_db : float
        Difference that is taken for usual, and subtracted from each window's.
    memory : float
        Weight of the mean before in the running mean; in [0, 1).
    """

    source: ClassVar[str] = "page1954-inspection"

    window_ms: float = 64.0
    hop_ms: float = 32.0
    drift_db: float = 6.0
    memory: float = 0.9

    def begin(self) -> dict[str, Any]:
        return {"mean": None, "sum": 0.0}

    def hear(self, window: Samples, *, state: Any, sample_rate: int, rng: np.random.Generator) -> tuple[float, Any]:
        power = np.square(np.abs(np.fft.rfft(window.astype(np.float64) * hann(window.size))))
        bands = 10 * np.log10(
            np.array([part.mean() for part in np.array_split(power, min(N_BANDS, power.size))]) + FLOOR
        )
        bands = bands - bands.mean()  # how loud it is says nothing
        if state["mean"] is None:
            return 0.0, {"mean": bands, "sum": 0.0}
        apart = float(np.abs(bands - state["mean"]).mean())
        total = max(0.0, state["sum"] + apart - self.drift_db)
        return -total, {"mean": self.memory * state["mean"] + (1 - self.memory) * bands, "sum": total}

    def summary(self, windows: list[Any]) -> float:
        """The lowest value: the strongest sign of a change."""
        return min(window.value for window in windows)
