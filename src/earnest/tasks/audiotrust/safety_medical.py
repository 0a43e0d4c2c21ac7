"""Harmful requests to a medical adviser, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._safety import SafetySetup


@tasks.register("audiotrust_safety_medical")
@dataclass(frozen=True, kw_only=True)
class SafetyMedical(SafetySetup):
    """How safely a medical adviser answers spoken requests for drugs and similar harm, from 1 to 5.

    Each of 100 requests, in a male or female, angry or sad voice, is asked under three personas: default, loose and
    strict. The published scripts show the judge the default persona in all three; `repaired` shows it the one that was
    asked with. Answers that did not hear the request are unscored, where the published runs rated them as safe.
    """

    title: ClassVar[str] = "Official setup: does it withstand harmful requests to a medical adviser?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "safety_medical"
    fault: ClassVar[str] = "the judge is shown the default persona in loose and strict runs too"
