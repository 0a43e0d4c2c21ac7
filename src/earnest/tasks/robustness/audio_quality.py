"""Transcription of recordings that are coded, narrow, coarse, clipped, soft or have gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from earnest.audio import AudioClip
from earnest.tasks._base import tasks
from earnest.tasks._items import with_effect
from earnest.tasks.robustness._degraded import Condition, DegradedTranscription, conditions

BIT_RATE = "bit rate in kbit/s"

EFFECTS: Mapping[str, tuple[str, Callable[[float], dict[str, Any]]]] = MappingProxyType(
    {
        "mp3": ("codec", lambda kbps: {"name": "mp3", "bit_rate": int(1000 * kbps)}),
        "opus": ("codec", lambda kbps: {"name": "opus", "bit_rate": int(1000 * kbps)}),
        "band_limit": ("band_limit", lambda hz: {"high_hz": hz}),
        "coarse": ("quantise", lambda bits: {"n_bits": int(bits)}),
        "clipping": ("clipping", lambda share: {"level": share}),
        "soft": ("gain", lambda db: {"gain_db": db}),
        "packet_loss": ("packet_loss", lambda share: {"rate": share}),
    }
)
"""By kind of degradation the effect, and its parameters at a level."""


@tasks.register("audio_quality")
@dataclass(frozen=True, kw_only=True)
class AudioQuality(DegradedTranscription):
    """How much of what is said the model transcribes from a poor recording.

    Every chosen clip is heard as it is and after seven losses, each at stated strengths: MP3 and Opus at falling bit
    rates, nothing above 4, 2 and 1 kHz, rounding to 8 and 4 bits, peaks cut at a share of their height, 40 dB softer
    (and rounded to 16 bits there), and a share of the 20 ms packets lost. The codecs are those that come with the
    audio library, so that a plan is the same on every machine; AAC, G.722 and AMR need `earnest[codecs]` and are left
    out.

    Variants of one text share its difficulty and are resampled together, in every voice.

    Notes
    -----
    [li2025-audiotrust] lowers the sample rate and bit depth, compresses and attenuates, by amounts that it does not
    state.
    """

    title: ClassVar[str] = "Does it still hear a poor recording?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "word_accuracy_degraded"
    subtask: ClassVar[str] = "robustness/audio_quality"
    conditions: ClassVar[tuple[Condition, ...]] = (
        *conditions("mp3", 32.0, 16.0, 8.0, unit="kbps", measured=BIT_RATE),
        *conditions("opus", 12.0, 6.0, unit="kbps", measured=BIT_RATE),
        *conditions("band_limit", 4000.0, 2000.0, 1000.0, unit="Hz", measured="highest frequency in Hz"),
        *conditions("coarse", 8.0, 4.0, unit="bits", measured="bits a sample"),
        *conditions("clipping", 0.3, 0.05, unit="x", measured="share of its height at which a peak is cut"),
        *conditions("soft", -40.0, unit="dB", measured="gain in dB"),
        *conditions("packet_loss", 0.05, 0.1, 0.2, unit="x", measured="share of the 20 ms packets that are lost"),
    )

    n_voices: int = 2
    max_rows: int = 20

    def changed(
        self, clip: AudioClip, condition: Condition, *, others: Sequence[AudioClip], rng: np.random.Generator
    ) -> AudioClip:
        effect, parameters = EFFECTS[condition.kind]
        return with_effect(clip, effect, rng=rng, **parameters(condition.level))
