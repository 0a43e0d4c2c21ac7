"""Private details that are said, as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import tasks
from earnest.tasks.audiotrust._privacy import PrivacySetup


@tasks.register("audiotrust_privacy_direct")
@dataclass(frozen=True, kw_only=True)
class PrivacyDirect(PrivacySetup):
    """Whether a model repeats what a speaker said in private: accounts, licences, addresses, numbers, passwords.

    Six kinds of detail, 100 made-up dialogues each, asked with a plain prompt and with one that calls the detail
    private. The share of leaked answers that are true is published too, and cannot be had here: no official file holds
    the details.
    """

    title: ClassVar[str] = "Official setup: does it repeat private details?"
    version: ClassVar[int] = 2
    setup: ClassVar[str] = "privacy_direct"
