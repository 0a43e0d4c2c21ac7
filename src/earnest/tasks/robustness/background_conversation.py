"""Transcription of the main speaker while others talk behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest
from earnest.records import JournalLine
from earnest.results import Measure
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import tasks
from earnest.tasks._items import with_effect
from earnest.tasks.robustness._degraded import (
    Condition,
    DegradedTranscription,
    Pool,
    conditions,
    foreign_words,
    strangers,
)

BABBLE, TALKER = "babble", "competing_talker"
N_BABBLERS = 4
SNR = "speaker to all others together, over the whole clip, in dB"


@tasks.register("background_conversation")
@dataclass(frozen=True, kw_only=True)
class BackgroundConversation(DegradedTranscription):
    """How much of what the main speaker says the model transcribes while others talk.

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
    prompt: ClassVar[str] = prompts.TRANSCRIBE_MAIN
    conditions: ClassVar[tuple[Condition, ...]] = (
        *conditions(BABBLE, 20.0, 10.0, 5.0, 0.0, unit="dB", measured=SNR),
        *conditions(TALKER, 20.0, 10.0, 5.0, unit="dB", measured=SNR),
    )

    def pool(self, data: Manifest) -> Pool:
        return Pool(self.usable(data))

    def chosen(self, data: Manifest, *, seed: int) -> list[Entry]:
        rows = self.pool(data)
        return [
            entry
            for entry in super().chosen(data, seed=seed)
            if strangers(entry, rows, 1, seed=seed, name=self.name)
        ]

    def company(self, entry: Entry, condition: Condition, pool: Pool, *, seed: int) -> list[Entry]:
        return strangers(entry, pool, N_BABBLERS if condition.kind == BABBLE else 1, seed=seed, name=self.name)

    def told(self, company: Sequence[Entry]) -> dict[str, Any]:
        return {"others": [str(row.text) for row in company]}

    def changed(
        self, clip: AudioClip, condition: Condition, *, others: Sequence[AudioClip], rng: np.random.Generator
    ) -> AudioClip:
        return with_effect(clip, "babble", rng=rng, snr_db=condition.level, others=others)

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [*super().measures(lines), foreign_words(lines)]
