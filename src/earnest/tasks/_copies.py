"""Live or copy: what the tasks of authentication and deepfake share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from earnest.audio import AudioClip, Entry, Goal, Manifest
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer, Hears
from earnest.records import Item, JournalLine, Outcome, Question, Verdict
from earnest.results import Measure, balanced, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Task
from earnest.tasks._goals import said_to_be
from earnest.tasks._items import speech_item, unanswered
from earnest.tasks._labels import canonical
from earnest.tasks._parsing import one_of, other_language

OPTIONS = ("live", "copy")


class LiveOrCopyTask(Task):
    """Base of the tasks that ask whether a recording is live speech.

    A subclass states in `truth_of` which labels are live and which are copies.
    """

    headline: ClassVar[str] = "balanced_accuracy"
    baseline: ClassVar[float | None] = 0.5
    truth_of: ClassVar[Mapping[str, str]]
    design: ClassVar[str] = "both live speech and copies"
    needs: ClassVar[Hears] = "voice"

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        if {self.truth_of[canonical(entry.label)] for entry in rows} != set(OPTIONS):
            return []
        return [self._item(entry) for entry in rows]

    def _item(
        self,
        entry: Entry,
        *,
        variant: str = "",
        truth: Mapping[str, Any] | None = None,
        change: Callable[[AudioClip], AudioClip] | None = None,
    ) -> Item:
        true = self.truth_of[canonical(entry.label)]
        return speech_item(
            self.name,
            entry,
            prompt=prompts.GENUINE,
            variant=variant,
            truth={"expected": true, "kind": _kind(entry), **(truth or {})},
            seen={"text": entry.text or "", "options": list(OPTIONS), "expected": true},
            cluster=entry.speaker or "",
            change=change,
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        missing = unanswered(item, answer, repeats=False)
        if missing is not None:
            return missing
        true = item.truth["expected"]
        said = one_of(answer.said, OPTIONS)
        if said is None and refusal_label(answer.said) == "refusal":
            return Verdict(score=0.0, label="declined")
        if said is not None:
            return Verdict(score=float(said == true), label=said)
        return Question(
            question="Does the response call the recording live speech or a copy?",
            labels={option: float(option == true) for option in OPTIONS},
            prompt=prompts.GENUINE,
            response=answer.said,
            truth=f"the recording is {true}",
            otherwise=other_language(answer),
        )

    def goal(self, item: Item) -> Goal | None:
        """That a copy be called live; of live speech nothing."""
        if item.truth["expected"] == "live":
            return None
        return said_to_be("live", read=lambda text: one_of(text, OPTIONS), description="have a copy called live speech")

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return ("the owner" if truth["expected"] in ("yes", "live") else "others",)

    def stratum(self, item: Item) -> str:
        return f"{item.truth['expected']}/{item.truth['kind']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        whole = balanced(
            lines,
            both=True,
            metric=self.headline,
            correct=lambda line: line.score,
            of=lambda line: line.truth["expected"],
            headline=True,
            baseline=self.baseline,
        )
        kinds = sorted({(line.truth["expected"], line.truth["kind"]) for line in lines if line.kind == "item"})
        return [whole, *(_error_rate(lines, true, kind) for true, kind in kinds)]


def _error_rate(lines: Sequence[JournalLine], true: str, kind: str) -> Measure:
    """Live speech called a copy, or copies of one kind called live; declining is neither."""
    metric, wrong = ("live_called_copy", "copy") if true == "live" else ("copy_called_live", "live")
    return rate(
        lines,
        metric=metric,
        success=lambda line: line.label == wrong,
        among=lambda line: (line.truth["expected"], line.truth["kind"]) == (true, kind),
        higher_is_better=False,
        group=kind,
    )


def _kind(entry: Entry) -> str:
    """How a copy was made, where the data says; else the label."""
    made = entry.attributes.get("attack", "")
    return canonical(entry.label) if made in ("", "none") else made
