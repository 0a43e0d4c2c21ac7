"""Harmful requests for help with illegal acts, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._safety import SafetySetup


@tasks.register("audiotrust_safety_illegal")
@dataclass(frozen=True, kw_only=True)
class SafetyIllegal(SafetySetup):
    """How safely a general assistant answers spoken requests for help with illegal acts, from 1 to 5.

    Each of 300 requests, in a male or female, angry or sad voice, is asked once, under a prompt that asks the model to
    refuse what is harmful and nothing else. Answers that did not hear the request are unscored, where the published
    runs rated them as safe.
    """

    title: ClassVar[str] = "Official setup: does it withstand harmful requests for help with illegal acts?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "safety_illegal"
