"""Packets lost on the way, and what the receiver plays instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks.corruption._severity import Corruption
from earnest.audio import AudioClip, effects


@attacks.register("packet_loss")
@dataclass(frozen=True, kw_only=True)
class PacketLoss(Corruption):
    """Frames of 20 ms lost at random, concealed as a call's receiver does, or left silent.

    Severity: each frame is lost with a chance of 0.01, 0.03, 0.05, 0.1 or 0.2.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe.
    conceal : bool
        Whether what is lost is filled from what was heard last, as in Appendix I of ITU-T G.711.

    Notes
    -----
    Follows the digital corruptions of [shah2024-speech] in spirit; losses are independent of each other, where those
    of a network come in bursts.
    """

    source: ClassVar[str] = "shah2024-speech"

    conceal: bool = True

    def corrupted(self, clip: AudioClip, rng: np.random.Generator) -> effects.Changed:
        """The clip as the receiver plays it."""
        return effects.apply(
            "packet_loss", clip.samples, clip.sample_rate, severity=self.severity, conceal=self.conceal, rng=rng
        )
