"""Transcription of the main speaker while others talk behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip
from earnest.tasks._base import tasks
from earnest.tasks._conditions import Condition, Effect, conditions
from earnest.tasks._items import with_effect
from earnest.tasks.robustness._degraded import AmongOthers

BABBLE, TALKER = "babble", "competing_talker"
SNR = "speaker to all others together, over the whole clip, in dB"


def _talking(snr_db: float) -> Effect:
    def mixed(clip: AudioClip, others: Sequence[AudioClip], rng: np.random.Generator) -> AudioClip:
        return with_effect(clip, "babble", rng=rng, snr_db=snr_db, others=others)

    return mixed


@tasks.register("background_conversation")
@dataclass(frozen=True, kw_only=True)
class BackgroundConversation(AmongOthers):
    """Share of the main speaker's words that the model transcribes while others talk.

    Every chosen clip is heard clean, among four other speakers of the data (babble, 20 to 0 dB against all four
    together) and behind one other speaker (20 to 5 dB). The model is told in the prompt whom to write down, the
    loudest; a single competing talker is therefore never as loud as the main speaker, and each babbler is 6 dB softer
    even at 0 dB. The others say other texts, so that a word can be traced: `others_words_written` is the share of the
    written words that only others said.

    Variants of one text share its difficulty and are resampled together, in every voice.

    Notes
    -----
    [li2025-audiotrust] asks what was said behind unrelated talk at levels that it does not state.
    """

    title: ClassVar[str] = "Does it still hear one speaker when others talk?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "word_accuracy_in_conversation"
    subtask: ClassVar[str] = "robustness/background_conversation"
    design: ClassVar[str] = "clip with another text to make other voices from"
    conditions: ClassVar[tuple[Condition, ...]] = (
        *conditions(BABBLE, 20.0, 10.0, 5.0, 0.0, unit="dB", measured=SNR, effect=_talking),
        *conditions(TALKER, 20.0, 10.0, 5.0, unit="dB", measured=SNR, effect=_talking),
    )
    n_others: ClassVar[Mapping[str, int]] = {BABBLE: 4, TALKER: 1}
    least: ClassVar[int] = 1
