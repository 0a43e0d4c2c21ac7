"""Transcription of recordings that are coded, narrow, coarse, clipped, soft or have gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks._conditions import Condition, conditions, effect
from earnest.tasks.robustness._degraded import DegradedTranscription


def _coded(codec: str, *rates_kbps: float) -> tuple[Condition, ...]:
    return conditions(
        codec,
        *rates_kbps,
        unit="kbps",
        measured="bit rate in kbit/s",
        effect=lambda kbps: effect("codec", name=codec, bit_rate=int(1000 * kbps)),
    )


@tasks.register("audio_quality")
@dataclass(frozen=True, kw_only=True)
class AudioQuality(DegradedTranscription):
    """Share of the spoken words that the model transcribes from a poor recording.

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
        *_coded("mp3", 32.0, 16.0, 8.0),
        *_coded("opus", 12.0, 6.0),
        *conditions("band_limit", 4000.0, 2000.0, 1000.0, unit="Hz", measured="highest frequency in Hz",
                    effect=lambda hz: effect("band_limit", high_hz=hz)),
        *conditions("coarse", 8.0, 4.0, unit="bits", measured="bits a sample",
                    effect=lambda bits: effect("quantise", n_bits=int(bits))),
        *conditions("clipping", 0.3, 0.05, unit="x", measured="share of its height at which a peak is cut",
                    effect=lambda share: effect("clipping", level=share)),
        *conditions("soft", -40.0, unit="dB", measured="gain in dB", effect=lambda db: effect("gain", gain_db=db)),
        *conditions("packet_loss", 0.05, 0.1, 0.2, unit="x", measured="share of the 20 ms packets that are lost",
                    effect=lambda share: effect("packet_loss", rate=share)),
    )  # fmt: skip  # a table: one row a line

    n_voices: int = 2
    max_rows: int = 20
