"""Labels of the speaker's emotion that fit, and labels that do not."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from earnest.audio import Entry, speakers
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, tasks
from earnest.tasks.hallucination.label_match import LabelMatch, Labels

SYNONYMS = {
    "anger": "angry", "sadness": "sad", "happiness": "happy", "joy": "happy", "joyful": "happy",
    "surprise": "surprised",
}  # fmt: skip  # a table: one row a line


@tasks.register("emotion_match")
@dataclass(frozen=True, kw_only=True)
class EmotionMatch(LabelMatch):
    """Whether the model accepts an emotion that fits the voice and rejects one that does not.

    As `label_match`, for data with a column `emotion` (angry, sad, happy, neutral, surprised); the emotion that does
    not fit is drawn from the others in the data. The published benchmark draws labels at random and says of none
    whether it fits; here half of them do. Acted emotions are what most data holds, and what a listener would call
    them is what counts. It runs on a folder of recordings of that kind; the embedded set has none.
    """

    title: ClassVar[str] = "Does it notice when an emotion does not fit the voice?"
    version: ClassVar[int] = 2
    requires: ClassVar[Requirement] = Requirement(columns=("emotion",), not_labels=("spoof",))
    reads: ClassVar[tuple[str, ...]] = ()
    design: ClassVar[str] = "two known emotions"
    labels: ClassVar[Labels] = MappingProxyType(
        {"emotion": {name: name for name in ("angry", "sad", "happy", "neutral", "surprised")}}
    )

    def prompt_for(self, label: str) -> str:
        """The prompt about an emotion."""
        return prompts.emotion(label)

    def value(self, entry: Entry, column: str) -> str:
        """The emotion of a row where it is a known one; else empty."""
        found = speakers.plain(str(entry.value(column) or ""))
        found = SYNONYMS.get(found, found)
        return found if found in self.labels[column] else ""
