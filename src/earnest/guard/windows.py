"""Detectors of `earnest.detectors` over windows of a stream.

A window is given as a clip at the stream's own rate, so its score is the one that the detector gives for that clip
offline. Windows without enough speech are passed over. While a rule gathers evidence on the detector, the hop is short.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadAudio
from earnest.guard.listeners import NOTHING, Block, Score
from earnest.guard.speech import SPEAKING
from earnest.registry import parse_spec, registry

RETRY_S = 0.2
"""How soon a window without enough speech is looked at again."""


@lru_cache(64)
def offline(spec: str) -> Any:
    """The detector of a specification, checked; one object for all streams, so that a network is loaded once."""
    made = registry("detectors").make(parse_spec(spec))
    made.check()
    return made


class WindowListener:
    """A detector over the last `window_s`, every `hop_s`, or every `rising_hop_s` while it is suspected."""

    def __init__(
        self,
        detector: Any,
        *,
        name: str,
        sample_rate: int,
        size: int,
        window_s: float,
        hop_s: float,
        rising_hop_s: float,
        speech_share: float,
    ) -> None:
        self._detector, self._name, self._size = detector, name, size
        self._length = round(window_s * sample_rate)
        self._n_blocks = -(-self._length // size)
        self._hop, self._rising, self._retry = (
            max(1, round(seconds * sample_rate / size)) for seconds in (hop_s, rising_hop_s, RETRY_S)
        )
        self._share = speech_share
        self._held: list[np.ndarray] = []
        self._speech: list[bool] = []
        self._due = self._n_blocks - 1
        self._last: int | None = None

    @property
    def advanced(self) -> float:
        """Share of the usual hop by which the last scored window moved on, at most 1."""
        return self._advanced

    _advanced = 1.0

    def hear(self, block: Block) -> Score:
        self._held.append(block.samples)
        self._speech.append(block.speech >= SPEAKING)
        del self._held[: -self._n_blocks], self._speech[: -self._n_blocks]
        rising = self._name in block.suspicious
        if self._last is not None and rising:
            self._due = min(self._due, max(block.number, self._last + self._rising))
        if block.number < self._due:
            return NOTHING
        if self._share and sum(self._speech) < self._share * self._n_blocks:
            self._due = block.number + self._retry
            return NOTHING
        self._advanced = 1.0 if self._last is None else min(1.0, (block.number - self._last) / self._hop)
        self._last, self._due = block.number, block.number + self._hop
        clip = AudioClip(np.concatenate(self._held)[-self._length :], block.sample_rate)
        try:
            return float(self._detector.score(clip))
        except BadAudio:
            return None


class FirstVoice:
    """How alike the voice of a clip is to that of the first clips of its stream: what `speaker` gives for the two."""

    def __init__(self, speaker: Any, n_first: int = 3) -> None:
        self._speaker, self._n = speaker, n_first
        self._first: list[AudioClip] = []

    def score(self, clip: AudioClip) -> float:
        if len(self._first) < self._n:
            self._first.append(clip)
            raise BadAudio("the first windows of a stream hold the voice that later ones are compared with")
        return float(self._speaker.verify(self._first, clip))
