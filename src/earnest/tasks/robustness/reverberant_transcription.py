"""Transcription in rooms with a rising reverberation time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks._conditions import Condition, conditions, effect
from earnest.tasks.robustness._degraded import DegradedTranscription


@tasks.register("reverberant_transcription")
@dataclass(frozen=True, kw_only=True)
class ReverberantTranscription(DegradedTranscription):
    """Share of the spoken words that the model transcribes from across a room.

    Every chosen clip is heard dry and in one simulated room (image sources and a diffuse tail, [allen1979-image],
    [lehmann2010-diffuse]) whose walls are hardened from a reverberation time of 0.3 to 0.6 and 1.2 s; the places of
    speaker and microphone stay. The level is that of the dry clip, so that reverberation is not mistaken for loudness.

    It counts to the sub-task of audio quality and not to that of environmental sounds: nothing is added to the speech,
    the recording of it is worse.

    Variants of one text share its difficulty and are resampled together, in every voice.
    """

    title: ClassVar[str] = "Does it still hear across a room?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "word_accuracy_in_rooms"
    subtask: ClassVar[str] = "robustness/audio_quality"
    conditions: ClassVar[tuple[Condition, ...]] = conditions(
        "room",
        0.3,
        0.6,
        1.2,
        unit="s",
        measured="reverberation time RT60 in s",
        effect=lambda rt60_s: effect("room", rt60_s=rt60_s),
    )

    n_voices: int = 5
