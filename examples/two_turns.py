"""A dialogue: the model is told a word, and asked for it in the next turn.

    earnest run examples/two_turns.yaml --plugin examples/two_turns.py --model MODEL --data DATA --out runs/dialogue

What is asked next follows from the answer: `Item.follow` is given it, and gives the next turn or None. The last answer is scored.
"""

from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import Stimulus
from earnest.records import Item, Verdict
from earnest.results import rate
from earnest.tasks import Requirement, Task, tasks

FIRST = "Reply only: OK."
SECOND = "Listen to the speaker and answer in one sentence."


@tasks.register("two_turns")
@dataclass(frozen=True, kw_only=True)
class TwoTurns(Task):
    """Whether a clip of the first turn is recalled in the second, which has no clip of its own.

    Parameters
    ----------
    at_least : float
        Share of the words that must come back.
    """

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Does it recall what was said a turn ago?"
    source: ClassVar[str] = "example2026-turns"
    headline: ClassVar[str] = "recalled"
    requires: ClassVar[Requirement] = Requirement(columns=("text",), roles=("read",))

    at_least: float = 0.5

    def items(self, data, *, seed):
        return [self._item(entry) for entry in self.usable(data)]

    def _item(self, entry):
        def load():
            return Stimulus(
                clips={"speech": entry.clip()}, prompt=FIRST, truth={"text": entry.text, "expected": entry.text}
            )

        def follow(stimulus, answer):
            return None if stimulus.history else stimulus.then(answer.said, prompt=SECOND)

        return Item(
            id=f"{self.name}/{entry.id}",
            task=self.name,
            sample=entry.id,
            load=load,
            follow=follow,
            n_turns=2,
            prompt=SECOND,
            cluster=entry.speaker or entry.id,
            truth={"expected": entry.text},
            audible="speech",
        )

    def score(self, item, answer):
        wanted, said = (set(text.lower().split()) for text in (item.truth["expected"], answer.said))
        found = len(wanted & said) / len(wanted)
        return Verdict(score=float(found >= self.at_least), label="recalled" if found >= self.at_least else "lost")

    def measures(self, lines):
        return [rate(lines, metric=self.headline, headline=True)]
