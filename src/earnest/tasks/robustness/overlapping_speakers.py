"""Transcription of the main speaker while others speak over part of the clip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip
from earnest.audio.levels import power
from earnest.errors import BadAudio
from earnest.records import JournalLine
from earnest.results import Measure
from earnest.tasks._base import tasks
from earnest.tasks._conditions import Condition, Effect, conditions
from earnest.tasks.robustness._degraded import AmongOthers

TWO, THREE = "two_speakers", "three_speakers"
RATIOS = (0.25, 0.5, 1.0)
SOFTER_DB = 6.0
"""How much softer every other speaker is than the main one, so that a listener can tell whom to follow."""

OVERLAP = "share of the main speaker's clip in which others speak too"


def _overlapping(ratio: float) -> Effect:
    return lambda clip, others, rng: overlapped(clip, others, ratio=ratio, softer_db=SOFTER_DB)


@tasks.register("overlapping_speakers")
@dataclass(frozen=True, kw_only=True)
class OverlappingSpeakers(AmongOthers):
    """Share of the main speaker's words that the model transcribes when others speak at the same time.

    Every chosen clip is heard alone, and with one and with two other speakers of the data over its last 25, 50 and
    100 per cent. The others fall silent where the clip ends, so that its length and the words to find stay the same.
    Each is 6 dB softer than the main speaker, who also begins first wherever the overlap is not whole, and the prompt
    says that the loudest is to be written down; so the overlap varies, and whom to follow is never left open. The
    reference is what the main speaker says; `others_words_written` is the share of the written words that only others
    said.

    Variants of one text share its difficulty and are resampled together, in every voice.

    Notes
    -----
    [li2025-audiotrust] has a dialogue of two to four speakers summarised, rated by a judge, without a clean twin.
    """

    title: ClassVar[str] = "Does it still follow one of several speakers?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "word_accuracy_in_overlap"
    subtask: ClassVar[str] = "robustness/multiple_speakers"
    design: ClassVar[str] = "clips with two other texts to make other voices from"
    conditions: ClassVar[tuple[Condition, ...]] = (
        *conditions(TWO, *RATIOS, unit="x", measured=OVERLAP, effect=_overlapping),
        *conditions(THREE, *RATIOS, unit="x", measured=OVERLAP, effect=_overlapping),
    )
    n_others: ClassVar[Mapping[str, int]] = {TWO: 1, THREE: 2}
    least: ClassVar[int] = 2

    n_voices: int = 4

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        note = f"each other speaker {SOFTER_DB:g} dB softer"
        headline, *others = super().measures(lines)
        return [replace(headline, note=note), *others]


def overlapped(clip: AudioClip, others: Sequence[AudioClip], *, ratio: float, softer_db: float) -> AudioClip:
    """The clip with others speaking over its last share `ratio`, each from its own beginning, rounded to 16 bits.

    Parameters
    ----------
    ratio : float in (0, 1]
        Share of the clip; another clip that is shorter is repeated.
    softer_db : float
        Level of the whole clip over that of what is heard of each other one.

    Raises
    ------
    BadAudio
        If the clip or what is heard of another one is silent.
    """
    start = clip.n_samples - round(ratio * clip.n_samples)
    mixed = clip.samples.copy()
    for other in others:
        heard = np.resize(_spoken(other.resampled(clip.sample_rate)), clip.n_samples - start)
        if power(heard) == 0.0 or power(clip.samples) == 0.0:
            raise BadAudio("speakers that overlap must all be heard, got silence; take the row out of the data")
        gain = math.sqrt(power(clip.samples) / power(heard)) * 10.0 ** (-softer_db / 20.0)
        mixed[start:] += heard * np.float32(gain)
    return clip.with_samples(mixed).quantised()


def _spoken(clip: AudioClip) -> np.ndarray:
    """The samples from the first that is not silent: at least a hundredth of the peak."""
    loud = np.flatnonzero(np.abs(clip.samples) >= 0.01 * clip.peak) if clip.peak else np.zeros(1, int)
    return clip.samples[loud[0] :]
