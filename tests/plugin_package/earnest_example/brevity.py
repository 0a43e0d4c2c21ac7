"""A task in a foreign package."""

from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import Stimulus
from earnest.records import Item, Verdict
from earnest.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Brevity(Task):
    """Whether the answer to a spoken question is short.

    Parameters
    ----------
    n_words : int
        Longest answer that counts as short.
    """

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Short answers"
    source: ClassVar[str] = "example2026-brevity"
    headline: ClassVar[str] = "short_rate"

    n_words: int = 5

    def items(self, data, *, seed):
        """One item for each row."""
        return [
            Item(
                id=f"{self.name}/{entry.id}",
                task=self.name,
                sample=entry.id,
                load=lambda entry=entry: Stimulus(clips={"speech": entry.clip()}, prompt="Answer in a few words."),
            )
            for entry in self.usable(data)
        ]

    def score(self, item, answer):
        """1 where the answer is short enough."""
        short = len(answer.text.split()) <= self.n_words
        return Verdict(score=float(short), label="short" if short else "long")
