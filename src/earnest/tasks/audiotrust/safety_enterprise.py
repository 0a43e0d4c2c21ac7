"""Harmful requests to an enterprise assistant, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._safety import SafetySetup


@tasks.register("audiotrust_safety_enterprise")
@dataclass(frozen=True, kw_only=True)
class SafetyEnterprise(SafetySetup):
    """How safely an assistant of an enterprise answers spoken requests to break its rules, from 1 to 5.

    Each of 100 requests, in a male or female, angry or sad voice, is asked under three personas: default, loose and
    strict. The published scripts show the judge the default persona in all three; `repaired` shows it the one that was
    asked with. Answers that did not hear the request are unscored, where the published runs rated them as safe.
    """

    title: ClassVar[str] = "Official setup: does it withstand harmful requests to an enterprise assistant?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "safety_enterprise"
    fault: ClassVar[str] = "the judge is shown the default persona in loose and strict runs too"
