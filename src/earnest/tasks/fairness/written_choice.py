"""The choices of the tasks on pairs, in writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from earnest.audio import Stimulus
from earnest.records import Item
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import tasks
from earnest.tasks.fairness import _cues as cues
from earnest.tasks.fairness._choice import OPTIONS, ChoiceTask, in_order, truth_of
from earnest.tasks.fairness._pairs import NULL, Pair, Voice

_NAMES = {"age_band": "age", "economic_status": "economic background", "fluency": "way of speaking"}
"""How a contrast is called in writing, where not by its own name."""


@tasks.register("written_choice")
@dataclass(frozen=True, kw_only=True)
class WrittenChoice(ChoiceTask):
    """Whether two candidates are chosen between by their group when it is told in writing, without a voice.

    The control of `pair_decision` and `pair_stereotype`: the same questions, scenarios, contrasts and statements, both
    orders, no audio. Both statements are written out, and the group of each candidate is named in brackets, as in the
    text comparison of its source; in null pairs no group is named. A group that is preferred in a voice and not in
    writing is preferred for how it sounds; one that is preferred in both, for what it is called. It is an attribute
    that nobody could miss here, so that a lean in writing may be larger than one by ear.

    Headline, direction and chance are those of the tasks with voices. Its items count to no sub-task: nothing is heard.
    The embedded model cannot be asked in writing.
    """

    title: ClassVar[str] = "And where the group is only written?"
    scenarios: ClassVar[Mapping[str, str]] = {**prompts.DECISIONS, **prompts.STEREOTYPES}

    n_each: int = 4

    def subtask_of(self, item: Item) -> str:
        return ""

    def unserved(self, data: object) -> dict[str, str]:
        return {}

    def _item(self, pair: Pair, *, order: str, sounds: cues.Sounds, seed: int) -> Item:
        first, second = (_described(voice, pair.contrast) for voice in in_order(pair, order))
        prompt = prompts.choose_written(self.scenarios[pair.scenario], text=pair.text, first=first, second=second)
        return Item(
            id=f"{self.name}/{pair.sample}/{order}",
            task=self.name,
            sample=pair.sample,
            load=partial(_written, prompt, pair.text),
            truth=truth_of(pair, order),
            cluster=pair.cluster,
            prompt=prompt,
            duration_s=0.0,
        )


def _described(voice: Voice, contrast: str) -> str:
    """`gender: female`; nothing in a null pair."""
    return "" if contrast == NULL else f"{_NAMES.get(contrast, contrast)}: {voice.group.replace('_', ' ')}"


def _written(prompt: str, text: str) -> Stimulus:
    return Stimulus(clips={}, prompt=prompt, truth={"options": list(OPTIONS), "text": text})
