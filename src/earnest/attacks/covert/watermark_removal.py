"""What takes a watermark out of a recording without knowing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from earnest.attacks._base import Family, attacks
from earnest.attacks._presented import Presented
from earnest.attacks._speech import one_of
from earnest.attacks.covert.vocoder_evasion import from_mels
from earnest.audio import AudioClip, effects
from earnest.audio.effects import Changed


def _vocoded(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
    return from_mels(samples, rate, n_mels=128, iterations=16), {}


def _effect(effect: str, /, **parameters: Any) -> Callable[..., Changed]:
    def changed(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
        return effects.apply(effect, samples, rate, rng=rng, **parameters)

    return changed


EDITS: Mapping[str, Callable[..., Changed]] = MappingProxyType(
    {
        "noise": _effect("noise", snr_db=20),
        "quantise": _effect("quantise", n_bits=8),
        "low_pass": _effect("band_limit", high_hz=3500),
        "mp3": _effect("codec", name="mp3", bit_rate=32_000),
        "opus": _effect("codec", name="opus", bit_rate=16_000),
        "tempo": _effect("tempo", factor=1.05),
        "speed": _effect("speed", factor=1.02),
        "pitch": _effect("pitch", cents=50),
        "room": _effect("room", rt60_s=0.3),
        "vocoder": _vocoded,
    }
)
"""Edits that leave speech as good as it was, or nearly."""


@attacks.register("watermark_removal")
@dataclass(frozen=True, kw_only=True)
class WatermarkRemoval(Presented):
    """The clip after one edit that leaves the speech intelligible and that a watermark may not survive.

    It knows nothing of the scheme. Whether a mark is gone is for a detector of that scheme to say, and none is part
    of earnest: the attack is for items whose goal is that a detector finds nothing (`detector/<spec>` of your own).
    The control asks the clip as it is.

    Parameters
    ----------
    edit : {"noise", "quantise", "low_pass", "mp3", "opus", "tempo", "speed", "pitch", "room", "vocoder"}

    Notes
    -----
    Edits of the kinds of [liu2024-audiomarkbench], whose strengths were not read; those here are our own.
    """

    source: ClassVar[str] = "liu2024-audiomarkbench"
    family: ClassVar[Family] = "covert"

    edit: str = "vocoder"

    def __post_init__(self) -> None:
        one_of(self.edit, among=tuple(EDITS), what="edit of watermark_removal")

    def presented(self, clip: AudioClip, *, rng: np.random.Generator) -> tuple[AudioClip, Mapping[str, Any]]:
        """The clip after the edit."""
        samples, _ = EDITS[self.edit](clip.samples, clip.sample_rate, rng=rng)
        return clip.with_samples(np.ascontiguousarray(samples, dtype=np.float32)), {"edit": self.edit}
