"""What hears one stream: an object a detector and stream, which is given every 20 ms block and scores some of them.

A listener sees blocks in order and nothing else, so that equal samples give equal scores however they were cut into
frames. It returns `NOTHING` for a block that completes no score, and None for audio that it cannot score.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, Final, Protocol

import numpy as np

from earnest.guard.frame_scores import (
    FRAME_SCORES,
    QUIET_DBFS,
    level,
    near_ultrasonic,
    pair_share,
    share_outside,
    spectrum,
)


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()
Score = float | None | _Nothing


class Block:
    """20 ms of a stream, and what several listeners need of it."""

    def __init__(self, number: int, samples: np.ndarray, sample_rate: int, other: np.ndarray | None = None) -> None:
        self.number, self.samples, self.sample_rate, self.other = number, samples, sample_rate, other
        self.speech = 0.0
        """Probability of speech in the last whole chunk; filled in where the session listens for speech."""
        self.suspicious: frozenset[str] = frozenset()
        """Detectors on which a rule has gathered evidence without deciding."""

    @cached_property
    def energy(self) -> np.ndarray:
        return spectrum(self.samples)

    @cached_property
    def level(self) -> float:
        return level(self.samples, self.sample_rate)


class Listener(Protocol):
    def hear(self, block: Block) -> Score: ...


class FrameListener:
    """A score that depends on the block alone."""

    def __init__(self, name: str) -> None:
        self._score: Callable[[np.ndarray, int], float | None] = FRAME_SCORES[name]
        self._name = name

    def hear(self, block: Block) -> Score:
        if self._name == "level":
            return block.level
        if self._name in {"out_of_band", "dtmf"} and block.level < QUIET_DBFS:
            return 0.0
        if self._name == "near_ultrasonic":
            return (
                near_ultrasonic(block.samples, block.sample_rate, block.energy) if block.sample_rate > 32_000 else None
            )
        if self._name == "out_of_band":
            return share_outside(block.energy, len(block.samples), block.sample_rate)
        if self._name == "dtmf":
            return pair_share(block.samples, block.sample_rate)
        return self._score(block.samples, block.sample_rate)


class SilenceListener:
    """Seconds since the last block above -50 dBFS."""

    def __init__(self) -> None:
        self._n_quiet = 0

    def hear(self, block: Block) -> Score:
        self._n_quiet = self._n_quiet + 1 if block.level < QUIET_DBFS else 0
        return self._n_quiet * len(block.samples) / block.sample_rate


class OverlapListener:
    """The lower of the levels of the two sides in dBFS, which is high where both speak; None without the other side."""

    def hear(self, block: Block) -> Score:
        return None if block.other is None else min(block.level, level(block.other, block.sample_rate))


class LoopListener:
    """How like the last seconds are to something heard 1 to 60 s earlier in the stream: 0 for chance level, 1 for equal.

    Every 40 ms the sign of the difference of neighbouring bands, less that of 80 ms before, gives a fingerprint of 16
    bits (the idea is Haitsma and Kalker's, 2002), over 17 bands from 300 to 3400 Hz and 160 ms. Every second one is compared. The score is 1 - 2 b, where b is the
    lowest share of different bits over all delays, averaged with a time constant of 1.5 s. Quiet audio counts as chance.
    """

    N_BANDS: ClassVar[int] = 17
    STEP: ClassVar[int] = 2
    SMOOTH: ClassVar[int] = 8
    LONGEST: ClassVar[int] = 1500
    SHORTEST: ClassVar[int] = 25
    FORGET: ClassVar[float] = 0.08 / 1.5

    def __init__(self, sample_rate: int, size: int) -> None:
        edges = np.round(np.linspace(300, 3400, self.N_BANDS + 1) * size / sample_rate).astype(int)
        self._edges = np.maximum.accumulate(edges)
        self._energies = np.zeros((self.SMOOTH, self.N_BANDS))
        self._before = [np.zeros(self.N_BANDS - 1)] * 2
        self._prints = np.zeros(2 * self.LONGEST, np.uint16)
        self._valid = np.zeros(2 * self.LONGEST, bool)
        self._differ = np.full(self.LONGEST, 0.5, np.float32)
        self._n = 0

    def hear(self, block: Block) -> Score:
        self._energies[block.number % self.SMOOTH] = np.add.reduceat(block.energy, self._edges)[:-1]
        if block.number % self.STEP:
            return NOTHING
        bands = self._energies.sum(0)
        across = np.diff(bands)
        signs = across - self._before[0] > 0
        self._before = [self._before[1], across]
        printed = np.uint16(np.packbits(signs).view(">u2")[0])
        place = self._n % self.LONGEST
        heard = block.level >= QUIET_DBFS
        for at in (place, place + self.LONGEST):  # written twice, so that the last minute lies in one piece
            self._prints[at], self._valid[at] = printed, heard
        self._n += 1
        if self._n % 2:
            return NOTHING
        past = slice(place + 1, place + 1 + self.LONGEST)  # the oldest first, the newest last
        differ = _ONES[self._prints[past] ^ printed] if heard else np.full(self.LONGEST, 0.5, np.float32)
        differ[~self._valid[past]] = 0.5
        self._differ += np.float32(self.FORGET) * (differ - self._differ)
        return max(0.0, 1 - 2 * float(self._differ[: -self.SHORTEST].min()))


_ONES = np.array([bin(number).count("1") / 16 for number in range(1 << 16)], np.float32)
