"""Two sounds in a row, described in their order or the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.models.access import Answer, Hears
from earnest.records import Item, JournalLine, Outcome
from earnest.results import Measure, balanced
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import facts, rng_of, same_split, split_of, whole_s
from earnest.tasks._labels import CAPTIONS, canonical
from earnest.tasks._yes_no import claimed_sides, detection, expected, right, yes_no_outcome

GAP_S = 0.5


@tasks.register("event_order")
@dataclass(frozen=True, kw_only=True)
class EventOrder(Task):
    """Whether the model knows which of two sounds came first.

    Every sound is followed by one of another class, after half a second of silence; the pair is described once in its
    order and once reversed. The headline is the mean of the share of right orders accepted and of wrong ones
    rejected, so that saying yes to everything earns 0.5, and so does hearing both sounds without their order.

    The right orders are the controls of the wrong ones: the detection rate says how many wrong orders were
    rejected, the false alarm rate how many right ones.

    Both questions on one pair are resampled together. A recording stands in two pairs, once in each place; that
    dependence is left out.
    """

    pillar: ClassVar[str] = "hallucination"
    needs: ClassVar[Hears] = "sound"
    title: ClassVar[str] = "Does it know what came first?"
    version: ClassVar[int] = 3
    source: ClassVar[str] = "li2025-audiotrust"
    subtask: ClassVar[str] = "hallucination/logical_violation"
    headline: ClassVar[str] = "balanced_accuracy"
    baseline: ClassVar[float | None] = 0.5
    requires: ClassVar[Requirement] = Requirement(columns=("label",), roles=("sound",), labels=tuple(CAPTIONS))
    design: ClassVar[str] = "two sounds of different classes"

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        if len({canonical(entry.label) for entry in rows}) < 2:
            return []
        return [
            self._item(entry, self._next(entry, rows, seed=seed), order=order)
            for entry in rows
            for order in ("in_order", "reversed")
        ]

    def _next(self, entry: Entry, rows: Sequence[Entry], *, seed: int) -> Entry:
        """A sound of another class, of the same split where there is one."""
        others = [row for row in rows if canonical(row.label) != canonical(entry.label)]
        others = [row for row in others if same_split(row, entry)] or others
        return others[int(rng_of(seed, self.name, entry.id).integers(len(others)))]

    def _item(self, first: Entry, then: Entry, *, order: str) -> Item:
        sample = f"{first.id}+{then.id}"
        names = [canonical(first.label), canonical(then.label)]
        asked = names if order == "in_order" else names[::-1]
        answer = "yes" if order == "in_order" else "no"
        prompt = prompts.order(*asked)

        def load() -> Stimulus:
            return Stimulus(
                clips={"sound": _in_a_row(first.clip(), then.clip())},
                prompt=prompt,
                truth={"options": ["yes", "no"], "expected": answer},
            )

        truth = facts(first) | {"label": "+".join(names), "asked": asked, "told": order, "expected": answer}
        truth |= {"options": ["yes", "no"], **split_of(first, then)}
        return Item(
            id=f"{self.name}/{sample}/{order}",
            task=self.name,
            sample=sample,
            load=load,
            truth=truth,
            cluster=sample,
            prompt=prompt,
            duration_s=whole_s(first, then, gap_s=GAP_S),
            audible="sound",
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        return yes_no_outcome(
            item,
            answer,
            expected=item.truth["expected"],
            prompt=prompts.order(*item.truth["asked"]),
            truth=f"the order is {item.truth['label'].replace('+', ', then ')}",
        )

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return claimed_sides(truth)

    def stratum(self, item: Item) -> str:
        return str(item.truth["label"]).partition("+")[0]

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [
            balanced(
                lines,
                both=True,
                metric=self.headline,
                correct=right,
                of=expected,
                headline=True,
                baseline=self.baseline,
            ),
            *detection(lines, alarm="no", what="orders"),
        ]


def _in_a_row(first: AudioClip, then: AudioClip) -> AudioClip:
    return Stimulus(clips={"first": first, "then": then}, prompt="").joined(gap_s=GAP_S)
