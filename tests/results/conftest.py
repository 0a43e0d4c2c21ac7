"""Journal lines made by hand."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from earnest.records import JournalLine


class MakeLine(Protocol):
    def __call__(self, name: str, score: float | None = None, **fields: Any) -> JournalLine: ...


@pytest.fixture
def line() -> MakeLine:
    """A maker of lines: name and score, None being unscored; other fields by name, `label` for the verdict."""

    def make(
        name: str, score: float | None = None, *, label: str = "x", reason: str = "timeout", **fields: Any
    ) -> JournalLine:
        verdict = None if score is None else {"score": score, "label": label, "facts": {}}
        return JournalLine(
            **{
                "item": name,
                "sample": name,
                "task": "task",
                "prompt_hash": "0",
                "model": "model",
                "status": "unscored" if score is None else "scored",
                "reason": reason if score is None else None,
                "verdict": verdict,
                **fields,
            }
        )

    return make
