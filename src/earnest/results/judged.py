"""What judges said after a run, put into its journal's lines as they are read.

A line that was unjudged in the run, or had a question that rules decided for want of a judge, gets its verdict from the
first judge that gave a label: the judges of the plan come first, then those asked later, in the order in which they were
asked. Every label counts for agreement. The journal itself is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from earnest.records import JournalLine, JudgementLine
from earnest.run_folder import file_in, read_appended

FILE = "judgements.jsonl"


def read_judgements(folder: Path) -> list[JudgementLine]:
    """Every judgement that was made of a run folder after the run, in order; none where there is no file.

    A last line that was cut off is left out.

    Raises
    ------
    BadData
        If another line cannot be read; every such line is named.
    """
    path = file_in(folder, FILE)
    advice = "as judgements; restore it, or delete it and judge again"
    return list(read_appended(path, JudgementLine, advice=advice)) if path.exists() else []


def with_judgements(lines: Sequence[JournalLine], judgements: Sequence[JudgementLine]) -> list[JournalLine]:
    """The lines with what judges said of them later; judgements of answers that are no longer there are left out."""
    by_item: dict[str, list[JudgementLine]] = {}
    for judgement in judgements:
        by_item.setdefault(judgement.item, []).append(judgement)
    return [_judged(line, by_item[line.item]) if line.item in by_item else line for line in lines]


def _judged(line: JournalLine, judgements: Sequence[JudgementLine]) -> JournalLine:
    about = [judgement for judgement in judgements if judgement.judges(line)]
    if not about or line.question is None:
        return line
    said = dict(line.judges or {})
    for judgement in about:  # who gave no label in the run, or was asked otherwise later, is taken by the later word
        if judgement.judge not in said or judgement.said.get("label") is not None:
            said[judgement.judge] = judgement.said
    changes = {"judges": said}
    first = next((judgement for judgement in _in_order(about, line) if judgement.verdict is not None), None)
    open_ = line.reason in ("unjudged", "other_language")
    if first is not None and (open_ or (line.status == "scored" and not line.judges)):
        changes |= {"status": "scored", "reason": None, "detail": None, "verdict": first.verdict}
    return line.model_copy(update=changes)


def _in_order(judgements: Sequence[JudgementLine], line: JournalLine) -> list[JudgementLine]:
    """Judges of the run first, in their order, then those asked later; of one judge its latest word."""
    latest = {judgement.judge: judgement for judgement in judgements}
    first_asked = list(dict.fromkeys([*(line.judges or {}), *(judgement.judge for judgement in judgements)]))
    return [latest[name] for name in first_asked if name in latest]
