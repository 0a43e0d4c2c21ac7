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
from earnest.audio.resampling import fitted, resampled


def _vocoded(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
    return from_mels(samples, rate, n_mels=128, iterations=16), {}


def _cropped(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
    """The middle four fifths, so that neither end is where it was."""
    edge = len(samples) // 10
    return samples[edge : len(samples) - edge], {}


def _smoothed(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
    """Every sample replaced by the mean of the 0.3 ms around it."""
    half = max(1, round(0.15e-3 * rate))
    return np.convolve(samples, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="same").astype(np.float32), {}


def _resampled(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
    """To 8 kHz and back."""
    back = resampled(resampled(samples, rate, to=8000), 8000, to=rate)
    return fitted(back, len(samples)), {}


def _effect(effect: str, /, **parameters: Any) -> Callable[..., Changed]:
    def changed(samples: np.ndarray, rate: int, *, rng: np.random.Generator) -> Changed:
        return effects.apply(effect, samples, rate, rng=rng, **parameters)

    return changed


EDITS: Mapping[str, Callable[..., Changed]] = MappingProxyType(
    {
        "noise": _effect("noise", snr_db=20),
        "pink_noise": _effect("noise", snr_db=20, colour="pink"),
        "loud_noise": _effect("noise", snr_db=10),
        "quantise": _effect("quantise", n_bits=8),
        "low_pass": _effect("band_limit", high_hz=3500),
        "high_pass": _effect("band_limit", low_hz=500),
        "resample": _resampled,
        "mp3": _effect("codec", name="mp3", bit_rate=32_000),
        "opus": _effect("codec", name="opus", bit_rate=16_000),
        "vorbis": _effect("codec", name="vorbis"),
        "mu_law": _effect("codec", name="mu_law"),
        "gsm": _effect("codec", name="gsm"),
        "tempo": _effect("tempo", factor=1.05),
        "slow": _effect("tempo", factor=0.95),
        "speed": _effect("speed", factor=1.02),
        "pitch": _effect("pitch", cents=50),
        "crop": _cropped,
        "gain": _effect("gain", gain_db=-12),
        "clipping": _effect("clipping", level=0.1),
        "smooth": _smoothed,
        "packet_loss": _effect("packet_loss", rate=0.05),
        "room": _effect("room", rt60_s=0.3),
        "vocoder": _vocoded,
    }
)
"""Edits that leave speech as good as it was, or nearly."""


@attacks.register("watermark_removal")
@dataclass(frozen=True, kw_only=True)
class WatermarkRemoval(Presented):
    """The clip after one edit that leaves the speech intelligible and that a watermark may not survive.

    It knows nothing of the scheme. Whether a mark is gone is for a detector of that scheme to say: the attack is for items
    whose goal is that a detector finds nothing, such as `detector/spread_spectrum`. `earnest watermark sweep` tries all
    edits on clips that it marks. The control asks the clip as it is.

    Parameters
    ----------
    edit : str
        One of `noise`, `pink_noise`, `loud_noise`, `quantise`, `low_pass`, `high_pass`, `resample`, `mp3`, `opus`, `vorbis`, `mu_law`,
        `gsm`, `tempo`, `slow`, `speed`, `pitch`, `crop`, `gain`, `clipping`, `smooth`, `packet_loss`, `room` and `vocoder`.

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
