"""A stream that hears how loud speech is, window by window, and says how far it stands above what came before.

    earnest list streams --plugin examples/stream_level.py
    earnest run detectors --model detector/stream:of=stream_level --plugin examples/stream_level.py --data DATA --out runs/level

All that changes while it listens is in its state, so that any number of streams can be open at once. How frames are cut changes
nothing; `earnest.testing.check_stream` shows it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.streams import Stream, streams


@streams.register("stream_level")
@dataclass(frozen=True, kw_only=True)
class StreamLevel(Stream):
    """Minus the level of a window above the running level, in dB; a dithered window of silence is 0.

    Parameters
    ----------
    memory : float
        Weight of the level before in the running one, in [0, 1).
    """

    source: ClassVar[str] = "example2026-level"

    window_ms: float = 20.0
    hop_ms: float = 20.0
    memory: float = 0.95

    def begin(self):
        """No level yet."""
        return None

    def hear(self, window, *, state, sample_rate, rng):
        """Minus how far this window is above the level before it, and the level after it."""
        dithered = window.astype(np.float64) + 1e-5 * rng.standard_normal(
            window.size
        )  # drawn by seed, stream and number
        level_db = 10 * float(np.log10(np.mean(np.square(dithered))))
        before = level_db if state is None else state
        return before - level_db, self.memory * before + (1 - self.memory) * level_db

    def summary(self, windows):
        """The steepest rise."""
        return min(window.value for window in windows)
