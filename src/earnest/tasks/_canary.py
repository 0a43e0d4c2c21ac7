"""Canaries: whether the audio reaches the model at all.

Every run asks for code words that only the clips carry, and for one in silence as a control: a model that names one
there knows the words from elsewhere. `earnest.results.proof.audio_proof` reads the outcome. Canaries are no task:
no table counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.metrics.heard import code_word_found
from earnest.models.access import Answer
from earnest.records import Item, Outcome, Unscored, Verdict
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task
from earnest.tasks._items import speech_item

N_SILENT = 4
SILENCE = "silence"


@dataclass(frozen=True, kw_only=True)
class Canary(Task):
    """Code words that only the clip carries, and silence, where none can be found."""

    name: ClassVar[str] = "canary"
    pillar: ClassVar[str] = ""
    title: ClassVar[str] = "Does the audio arrive?"
    source: ClassVar[str] = ""
    headline: ClassVar[str] = "code_words_found"
    requires: ClassVar[Requirement] = Requirement(columns=("label",), roles=("code_word",))

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = [entry for entry in self.usable(data) if entry.role == "code_word"]
        words = [str(entry.label) for entry in rows]
        return [*(self._spoken(entry) for entry in rows), *(self._silent(n, words) for n in range(N_SILENT))]

    def _spoken(self, entry: Entry) -> Item:
        word = str(entry.label)
        return speech_item(
            self.name,
            entry,
            prompt=prompts.CODE_WORD,
            truth={"code_words": [word], "expected": word, "control": False},
            seen={"text": word, "secret": word, "expected": word},
        )

    def _silent(self, number: int, words: Sequence[str]) -> Item:
        duration_s = 1.0 + 0.5 * number

        def load() -> Stimulus:
            clip = AudioClip(np.zeros(round(16_000 * duration_s), dtype=np.float32), 16_000)
            return Stimulus(
                clips={"speech": clip}, prompt=prompts.CODE_WORD, truth={"text": "", "expected": "no speech"}
            )

        sample = f"{SILENCE}_{number}"
        return Item(
            id=f"{self.name}/{sample}",
            task=self.name,
            sample=sample,
            load=load,
            truth={"label": SILENCE, "code_words": list(words), "control": True},
            cluster=sample,
            duration_s=duration_s,
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        """1 where the code word is found in speech, or none in silence; an empty answer holds none."""
        silent = item.truth["control"]
        if not answer.said.strip() and not silent:
            return Unscored(reason="empty_answer")
        found = any(code_word_found(answer=answer.said, code_word=word) for word in item.truth["code_words"])
        return Verdict(score=float(found != silent), label="found" if found else "not_found")
