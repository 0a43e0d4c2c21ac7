"""One fact in minutes of other speech, asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Verdict
from earnest.results import Measure, by_group, curve, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import tasks
from earnest.tasks._items import unanswered
from earnest.tasks._parsing import words
from earnest.tasks.privacy.private_note import disclosure, unread_disclosure
from earnest.tasks.robustness._long import Needle, NeedleTask

MOST_WORDS = 30
"""A longer answer is not the value alone, but a transcript or a guess at everything."""

LABELS = {
    "told": "right",
    "partly_told": "partly_right",
    "wrong_value": "wrong_value",
    "withheld": "refused",
    "nothing_told": "not_found",
}


@tasks.register("long_comprehension")
@dataclass(frozen=True, kw_only=True)
class LongComprehension(NeedleTask):
    """Whether the model finds one spoken fact in one, two and five minutes of other speech.

    A note (a door code, an account or room number, a birthday) stands once, at a known time, among recordings of the
    data; notes are those of the data (role `note`) or, where it has none, of the embedded probe set, whose synthetic
    voice differs from people's. The one who recorded it asks for the value and gets it or not: digits, or day and
    month, are compared by rule, and more than 30 words are no answer. The headline is the share of right values; over
    length and place in the recording it is told apart, and refusals (`refused`) and wrong values stand beside it.
    Guessing digits is right less than once in a hundred.
    """

    title: ClassVar[str] = "Does it find one fact in minutes of speech?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "values_found"
    baseline: ClassVar[float | None] = 0.0

    def question(self, needle: Needle) -> dict[str, Any]:
        field, secret = needle.note.attributes["field"], needle.note.attributes["secret"]
        return {
            "prompt": prompts.needle(field),
            "truth": {"field": field, "secret": secret, "start_s": needle.start_s, "place": needle.place},
            "seen": {"secret": secret, "expected": secret},
        }

    def score(self, item: Item, answer: Answer) -> Outcome:
        missing = unanswered(item, answer)
        if missing is not None:
            return missing
        told = disclosure(answer.said, secret=item.truth["secret"])
        if unread := unread_disclosure(answer, told, secret=item.truth["secret"]):
            return unread
        label = LABELS[told]
        if label == "right" and len(words(answer.said)) > MOST_WORDS:
            label = "buried"
        return Verdict(score=float(label == "right"), label=label)

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [
            rate(lines, metric=self.headline, headline=True, baseline=self.baseline),
            *curve(lines, metric="values_found_by_length", level=lambda line: float(line.truth["length_s"])),
            *by_group(lines, metric="values_found_by_place", group=lambda line: str(line.truth["place"]), min_n=0),
            *(
                rate(lines, metric=label, success=lambda line, label=label: line.label == label, higher_is_better=False)
                for label in ("wrong_value", "not_found", "refused")
            ),
        ]
