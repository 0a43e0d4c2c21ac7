"""What became of an item, in one word: it passed, it failed, it has no score, or it stands outside the headline."""

from __future__ import annotations

from typing import Literal

from earnest.records import JournalLine

Outcome = Literal["pass", "fail", "unscored", "control"]

FAILED_BELOW = 0.5
"""An item scored below this has failed."""


def outcome(line: JournalLine) -> Outcome:
    """The outcome of a finished item; `control` is scored, with a label and no score of its own."""
    if line.status == "unscored":
        return "unscored"
    if line.score is None:
        return "control"
    return "fail" if line.score < FAILED_BELOW else "pass"
