"""Canaries: whether the audio reaches the model at all.

Every run asks for code words that only the clips carry, one to three in a carrier sentence. The prompt names neither them nor
their number. A canary is *found* where more than half of its words stand in the answer (the one, both, two of three): a
recogniser that writes the sentence down finds it though it mishears a word of three, and whoever names likely words, repeats
the prompt or knows the carriers, does not.

Controls are silence, digital and recorded (role `silence`), and babble, in which many speak and no word can be made out (role
`babble`). Whoever names the words of a canary there knows them from elsewhere, or says so many words that some must fit. Each
spoken clip is asked about a second time, for what is said, so that words that were misheard can be told from a clip that never
arrived. `earnest.results.proof.audio_proof` reads the outcome. Canaries are no task: no table counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.engine.job import Job
from earnest.engine.lines import line_of, outcome_of_reply
from earnest.metrics.heard import code_words_found
from earnest.models.access import Answer, Reply, Sampling
from earnest.records import Arm, Item, JournalLine, Outcome, Unscored, Verdict
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task
from earnest.tasks._items import speech_item

N_SILENT = 4
SILENCE, BABBLE = "silence", "babble"


@dataclass(frozen=True, kw_only=True)
class Canary(Task):
    """Code words that only the clip carries, and silence and babble, where none can be found.

    The column `label` of a row holds the code words, with spaces between them, and `text` what is said.
    """

    name: ClassVar[str] = "canary"
    pillar: ClassVar[str] = ""
    title: ClassVar[str] = "Does the audio arrive?"
    source: ClassVar[str] = ""
    version: ClassVar[int] = 2
    headline: ClassVar[str] = "code_words_found"
    requires: ClassVar[Requirement] = Requirement(columns=("label",), roles=("code_word",))

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = [entry for entry in self.usable(data) if entry.role == "code_word"]
        wanted = [str(entry.label) for entry in rows]
        return [
            *(self._spoken(entry) for entry in rows),
            *(self._silent(n, wanted) for n in range(N_SILENT)),
            *(self._control(entry, wanted) for entry in data.entries if entry.role in (SILENCE, BABBLE)),
            *(self._spoken(entry, again=True) for entry in rows),
        ]

    def _spoken(self, entry: Entry, *, again: bool = False) -> Item:
        """A sentence whose code words are asked for, or `again` by asking for what is said."""
        wanted = str(entry.label)
        text = entry.text or wanted
        return speech_item(
            self.name,
            entry,
            prompt=prompts.TRANSCRIBE if again else prompts.CODE_WORD,
            variant="again" if again else "",
            truth={"code_words": [wanted], "expected": wanted, "control": False, **({"again": True} if again else {})},
            seen={"text": text, "secret": wanted, "expected": text if again else wanted},
        )

    def _control(self, entry: Entry, wanted: Sequence[str]) -> Item:
        """A recording without a word that could be made out."""
        return speech_item(
            self.name,
            entry,
            prompt=prompts.CODE_WORD,
            truth={"label": entry.role, "code_words": list(wanted), "control": True},
            seen={"text": "", "expected": "no speech"},
        )

    def _silent(self, number: int, wanted: Sequence[str]) -> Item:
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
            truth={"label": SILENCE, "code_words": list(wanted), "control": True},
            cluster=sample,
            duration_s=duration_s,
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        """1 where the code words are found in speech, or those of no canary in a control; an empty answer holds none."""
        control = item.truth["control"]
        found = any(is_found(answer.said, str(wanted)) for wanted in item.truth["code_words"])
        return Verdict(score=float(found != control), label="found" if found else "not_found")


def is_found(answer: str, wanted: str) -> bool:
    """Whether an answer holds more than half of the code words of a canary.

    >>> is_found("Falcon and then guitar.", "falcon guitar"), is_found("the first word is falcon", "falcon guitar")
    (True, False)
    >>> is_found("Pencil, candle and melon.", "pencil candle lemon")
    True
    """
    words = wanted.split()
    return 2 * code_words_found(answer=answer, code_words=words) > len(words)


def canary_lines(items: Sequence[Item], replies: Sequence[Reply], *, model: str) -> list[JournalLine]:
    """What became of canaries that were asked outside a run, as lines of a journal."""
    jobs = [Job(item=item, arm=Arm(), score=Canary().score, kind="canary") for item in items]
    outcomes = [outcome_of_reply(job, reply) for job, reply in zip(jobs, replies, strict=True)]
    return [
        line_of(job, model=model, sampling=Sampling(), outcome=outcome, reply=reply)
        for job, outcome, reply in zip(jobs, outcomes, replies, strict=True)
        if isinstance(outcome, Verdict | Unscored)
    ]
