"""Descriptions judged against the audio, with the general description, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._hallucination import JudgedDescription


@tasks.register("audiotrust_hallucination_2")
@dataclass(frozen=True, kw_only=True)
class Hallucination2(JudgedDescription):
    """How well a model notices what does not fit, given the general description of a clip, from 0 to 10.

    Three sub-tasks are asked; that of logical violations is not.

    The published judge sees the model's answer alone: neither the audio, nor the description, nor what is true. No
    column says which descriptions fit, and no row is a control, so that what is scored is how critical an answer
    sounds; neither a detection rate nor a false-alarm rate can be had.
    """

    title: ClassVar[str] = "Official setup: does it notice that the general description does not fit?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "hallucination_exp2"
