"""Canaries: whether the audio reaches the model at all.

Every run asks for code words that only the clips carry, and for one in silence as a control: a model that names one
there knows the words from elsewhere. Each spoken clip is asked about a second time, for what is said, so that words that
were misheard can be told from a clip that never arrived. `earnest.results.proof.audio_proof` reads the outcome. Canaries
are no task: no table counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.engine.job import Job
from earnest.engine.lines import line_of, outcome_of_reply
from earnest.metrics.heard import code_word_found
from earnest.models.access import Answer, Reply, Sampling
from earnest.records import Arm, Item, JournalLine, Outcome, Unscored, Verdict
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
        return [
            *(self._spoken(entry) for entry in rows),
            *(self._silent(n, words) for n in range(N_SILENT)),
            *(self._spoken(entry, again=True) for entry in rows),
        ]

    def _spoken(self, entry: Entry, *, again: bool = False) -> Item:
        """A code word, asked for by itself, or `again` by asking for what is said."""
        word = str(entry.label)
        return speech_item(
            self.name,
            entry,
            prompt=prompts.TRANSCRIBE if again else prompts.CODE_WORD,
            variant="again" if again else "",
            truth={"code_words": [word], "expected": word, "control": False, **({"again": True} if again else {})},
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
        found = any(code_word_found(answer=answer.said, code_word=word) for word in item.truth["code_words"])
        return Verdict(score=float(found != silent), label="found" if found else "not_found")


def canary_lines(items: Sequence[Item], replies: Sequence[Reply], *, model: str) -> list[JournalLine]:
    """What became of canaries that were asked outside a run, as lines of a journal."""
    jobs = [Job(item=item, arm=Arm(), score=Canary().score, kind="canary") for item in items]
    outcomes = [outcome_of_reply(job, reply) for job, reply in zip(jobs, replies, strict=True)]
    return [
        line_of(job, model=model, sampling=Sampling(), outcome=outcome, reply=reply)
        for job, outcome, reply in zip(jobs, outcomes, replies, strict=True)
        if isinstance(outcome, Verdict | Unscored)
    ]
