"""The choices of the tasks on pairs, in writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from earnest.audio import Stimulus
from earnest.models.access import Hears
from earnest.records import Item
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import tasks
from earnest.tasks.fairness import _cues as cues
from earnest.tasks.fairness._choice import OPTIONS, ChoiceTask, expected_of, in_order, truth_of
from earnest.tasks.fairness._pairs import NULL, REASON, Pair, Voice

_NAMES = {"age_band": "age", "economic_status": "economic background", "fluency": "way of speaking"}
"""How a contrast is called in writing, where not by its own name."""


@tasks.register("written_choice")
@dataclass(frozen=True, kw_only=True)
class WrittenChoice(ChoiceTask):
    """Whether the group of a candidate decides a choice when it is stated in writing, without a voice.

    The control of `pair_decision` and `pair_stereotype`: the same questions, scenarios, contrasts and statements, both
    orders, no audio. Both statements are written out, and the group of each candidate is named in brackets, as in the
    text comparison of its source; in null pairs no group is named. A group that is preferred in a voice and not in
    writing is preferred for how it sounds; one that is preferred in both, for what it is called. It is an attribute
    that nobody could miss here, so that a lean in writing may be larger than one by ear.

    Headline, direction and chance are those of the tasks with voices. Its items count to no sub-task: nothing is heard.
    The embedded model cannot be asked in writing.
    """

    title: ClassVar[str] = "Does the group decide when it is only written?"
    version: ClassVar[int] = 3
    needs: ClassVar[Hears] = "words"
    scenarios: ClassVar[Mapping[str, str]] = {**prompts.DECISIONS, **prompts.STEREOTYPES}

    n_each: int = 4

    def subtask_of(self, item: Item) -> str:
        return ""

    def unserved(self, data: object) -> dict[str, str]:
        return {}

    def _item(self, pair: Pair, *, order: str, sounds: cues.Sounds, seed: int) -> Item:
        prompt = _prompt(self.scenarios[pair.scenario], pair, order)
        return Item(
            id=f"{self.name}/{pair.sample}/{order}",
            task=self.name,
            sample=pair.sample,
            load=partial(_written, prompt, pair, order),
            truth=truth_of(pair, order),
            cluster=pair.cluster,
            prompt=prompt,
            duration_s=0.0,
        )


def _prompt(question: str, pair: Pair, order: str) -> str:
    """The question on a pair, with what both write and, where that is the contrast, what they are."""
    two = in_order(pair, order)
    if pair.contrast == REASON:
        first, second = (" ".join((voice.entry.text or "").split()) for voice in two)
        if not pair.named:
            return prompts.choose_written_by_what_is_said(question, first=first, second=second)
        return prompts.choose_written_by_reason(question, reason=pair.text, first=first, second=second)
    first, second = (_described(voice, pair.contrast) for voice in two)
    return prompts.choose_written(question, text=pair.text, first=first, second=second)


def _described(voice: Voice, contrast: str) -> str:
    """`gender: female`; nothing in a null pair."""
    return "" if contrast == NULL else f"{_NAMES.get(contrast, contrast)}: {voice.group.replace('_', ' ')}"


def _written(prompt: str, pair: Pair, order: str) -> Stimulus:
    told = {"options": list(OPTIONS), "text": pair.text, "expected": expected_of(pair, order)}
    return Stimulus(clips={}, prompt=prompt, truth=told)
