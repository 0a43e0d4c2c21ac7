"""Every item of a run as compact JSON inside the page, for the script that filters and pages through them."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from earnest.records import JournalLine
from earnest.report.gather import Report
from earnest.report.sections import FAILED_BELOW, arm_words
from earnest.run_folder import plain_json

MAX_BYTES = 6_000_000
"""Items beyond this size are left out of the page, those that scored well first; `journal.jsonl` has them all."""

MAX_TEXT = 1200
"""Longer answers are cut in the page."""


def items_json(report: Report) -> Markup:
    """The items for a `<script type="application/json">`: tables of names, and one list an item."""
    tables = _Tables()
    rows, size, n_left_out = [], 0, 0
    for line in sorted(report.items, key=_worst_first):
        row = _dumped(_row(line, tables))
        size += len(row.encode(errors="replace"))
        if size > MAX_BYTES:
            n_left_out += 1
            continue
        rows.append(row)
    pillars = {task.name: task.pillar for task in report.plan.tasks}
    head = {
        "tasks": [[name, pillars.get(name, "")] for name in tables.tasks],
        "arms": list(tables.arms),
        "prompts": list(tables.prompts),
        "model": "" if report.plan.asks_own_model else report.plan.model,
        "leftOut": n_left_out,
    }
    text = f'{_dumped(head)[:-1]},"rows":[{",".join(rows)}]}}'
    for sign in "<>&\u2028\u2029":  # nothing in it may end the script element or a line of it
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _dumped(value: Any) -> str:
    """The value as compact JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except ValueError:  # what JSON or UTF-8 cannot hold
        return json.dumps(plain_json(value), ensure_ascii=False, separators=(",", ":"))
    return text


class _Tables:
    """Names that occur again and again, by their place."""

    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}
        self.arms: dict[str, int] = {}
        self.prompts: dict[str, int] = {}

    @staticmethod
    def place(table: dict[str, int], name: str) -> int:
        """The place of a name, given now if it has none."""
        return table.setdefault(name, len(table))


def _worst_first(line: JournalLine) -> tuple[int, float, str]:
    """Failed, then unscored, then held, then what is outside the headline."""
    if line.status == "unscored":
        return 1, 0.0, line.item
    if line.score is None:
        return 3, 0.0, line.item
    return (0 if line.score < FAILED_BELOW else 2), line.score, line.item


def _row(line: JournalLine, tables: _Tables) -> list[Any]:
    return [
        line.item,
        tables.place(tables.tasks, line.task),
        tables.place(tables.arms, arm_words(line.arm)),
        None if line.score is None else round(line.score, 4),
        line.label if line.status == "scored" else line.reason,
        int(line.status == "scored"),
        _cut(line.answer),
        tables.place(tables.prompts, line.prompt),
        json.dumps(line.truth, ensure_ascii=False) if line.truth else "",
        line.clips,
        line.answer_clip,
        _cut(line.detail),
        json.dumps(line.attempt, ensure_ascii=False) if line.attempt else "",
        json.dumps(line.heard, ensure_ascii=False) if line.heard else "",
        json.dumps(line.read, ensure_ascii=False) if line.read else "",
    ]


def _cut(text: str | None) -> str:
    text = text or ""
    return (
        text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + f" … ({len(text) - MAX_TEXT} more signs in journal.jsonl)"
    )
