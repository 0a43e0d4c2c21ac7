"""Conditions: what is done to a row before it is asked, or how it is asked, as a table that a task states.

A task asks each of its rows under all of its conditions; one of them does nothing and is the control of the others. A
condition carries its effect, so that a task is its table and what it counts. What is random in an effect is drawn for
the row and the *kind* of the condition: one noise, one room, one loss serves every strength of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from earnest.audio import AudioClip, Entry, Stimulus
from earnest.records import Item, JournalLine
from earnest.results import Measure, difference
from earnest.tasks._items import facts_of_text, rng_of, speech_item, with_effect

Effect = Callable[[AudioClip, Sequence[AudioClip], np.random.Generator], AudioClip]
"""From a clip, the clips of its company and a generator to the changed clip, rounded to 16 bits."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a row is asked.

    Parameters
    ----------
    kind : str
        What is done; a curve is over the levels of one kind.
    level : float or None
        How strong, in `unit`; None of what has no strength.
    unit : str
        Of the level; letters only, since it is part of the item's id.
    measured : str
        What the level says, in words.
    effect : callable or None
        What is done to the clip; None: nothing.
    tempo : float
        How much faster the clip becomes by it.
    system_prompt : str or None
        The role that the model is given.
    written : bool
        Whether the row is asked in writing, by its text alone.
    truth : mapping
        What the journal says of it.
    """

    kind: str
    level: float | None = None
    unit: str = ""
    measured: str = ""
    effect: Effect | None = field(default=None, compare=False, repr=False)
    tempo: float = 1.0
    system_prompt: str | None = None
    written: bool = False
    truth: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.kind.replace(" ", "_") if self.level is None else f"{self.kind}_{self.level:g}{self.unit}"

    def item(self, task: str, entry: Entry, *, seed: int = 0, company: Sequence[Entry] = (), **asked: Any) -> Item:
        """The item of a row under this condition.

        Parameters
        ----------
        company : sequence of Entry
            Rows whose clips the effect mixes in.
        **asked
            As of `speech_item`; what the condition says of itself is added to `truth`.
        """
        asked = {**asked, "truth": {**asked["truth"], **self.truth}}
        if self.written:
            return _in_writing(task, entry, variant=str(self), **asked)
        effect = self.effect

        def change(clip: AudioClip) -> AudioClip:
            assert effect is not None
            return effect(clip, [row.clip() for row in company], rng_of(seed, task, entry.id, self.kind))

        item = speech_item(
            task,
            entry,
            variant=str(self),
            change=None if effect is None else change,
            system_prompt=self.system_prompt,
            **asked,
        )
        return item if item.duration_s is None else replace(item, duration_s=item.duration_s / self.tempo)


def conditions(
    kind: str, *levels: float, unit: str, measured: str, effect: Callable[[float], Effect]
) -> tuple[Condition, ...]:
    """One condition a level, with the effect of that level."""
    return tuple(
        Condition(kind=kind, level=level, unit=unit, measured=measured, effect=effect(level)) for level in levels
    )


def effect(name: str, /, **parameters: Any) -> Effect:
    """One of `earnest.audio.effects`, with its parameters."""

    def applied(clip: AudioClip, others: Sequence[AudioClip], rng: np.random.Generator) -> AudioClip:
        return with_effect(clip, name, rng=rng, **parameters)

    return applied


CLEAN = "clean"
"""Kind of the condition that does nothing, where the others make the sound worse."""
AS_IT_IS = Condition(kind=CLEAN)


Lines = Callable[[JournalLine], bool]
"""Which lines are meant."""


def moved(
    lines: Sequence[JournalLine], *, metric: str, by: Lines, than: Lines, among: Lines | None = None, **options: Any
) -> Measure:
    """What one condition gives less what another gives, row by row.

    Parameters
    ----------
    by, than : callable
        The lines under the first condition, and under the other.
    among : callable or None
        Which of them are counted.
    **options
        As of `earnest.results.difference`.
    """
    counted = [line for line in lines if (by(line) or than(line)) and (among is None or among(line))]
    return difference(counted, metric=metric, pair=lambda line: line.sample, side=by, **options)


def _in_writing(task: str, entry: Entry, *, variant: str, seen: Mapping[str, Any], **asked: Any) -> Item:
    """The item of a row by its text alone: nobody's voice is in it, and no instruction stands around it."""
    spoken = speech_item(task, entry, variant=variant, seen=seen, **asked)

    def load() -> Stimulus:
        return Stimulus(clips={}, prompt=str(entry.text), truth=dict(seen))

    # a request is no instruction that a model could be asked about beforehand
    return replace(spoken, load=load, truth={**facts_of_text(entry), **asked["truth"]}, prompt="", duration_s=0.0)
