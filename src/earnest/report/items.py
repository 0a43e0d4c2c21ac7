"""Every item of a run as compact JSON inside the page, for the script that filters and pages through them.

A browser takes a second or more for megabytes of text in a page, whatever is done with them. So the items that went worst stand
there as they are, and are shown at once; all others are compressed, and unpacked when the page is drawn.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from earnest.records import Arm, JournalLine
from earnest.report.gather import Report
from earnest.report.sections import FAILED_BELOW, arm_words
from earnest.run_folder import plain_json

MAX_BYTES = 6_000_000
"""Items beyond this size are left out of the page, those that scored well first; `journal.jsonl` has them all."""

PLAIN_BYTES = 40_000
"""Items beyond this size are compressed."""

CLIP_BYTES = 67
"""Of a clip's name in the table of clips."""

ATTEMPT = (
    "success",
    "clean_success",
    "clean_answer",
    "control",
    "control_success",
    "control_answer",
    "n_queries",
    "snr_db",
    "unjudged",
)
"""What the page tells of an attempt."""

MAX_TEXT = 1200
"""Longer answers are cut in the page."""


@dataclass(frozen=True)
class PageItems:
    """The items as they stand in a page.

    Parameters
    ----------
    plain : Markup
        For a `<script type="application/json">`: tables of names, and one list an item; `packed` says how many more there are.
    packed : str
        The other items and the prompts that only they have, as JSON, deflated (zlib) and in base64; empty where there are none.
    """

    plain: Markup
    packed: str


def page_items(report: Report) -> PageItems:
    """The items of a report, the worst first."""
    tables = _Tables()
    rows: list[list[Any]] = []
    size, n_names, n_plain, n_plain_names = 0, (0, 0, 0, 0), 0, (0, 0, 0, 0)
    for line in sorted(report.items, key=_worst_first):
        row = _row(line, tables)
        told = [
            row,
            line.prompt if len(tables.prompts) > n_names[1] else "",
            line.truth if len(tables.truths) > n_names[3] else "",
        ]
        size += len(json.dumps(told, ensure_ascii=False).encode(errors="replace"))
        size += CLIP_BYTES * (len(tables.clips) - n_names[2]) + len(line.item) * (len(tables.items) - n_names[0])
        if size > MAX_BYTES:
            break
        rows.append(row)
        n_names = len(tables.items), len(tables.prompts), len(tables.clips), len(tables.truths)
        if size <= PLAIN_BYTES:
            n_plain, n_plain_names = len(rows), n_names
    named = {
        "items": list(tables.items),
        "prompts": list(tables.prompts),
        "clips": list(tables.clips),
        "truths": list(tables.truths),
    }
    plain = {name: some[:n] for (name, some), n in zip(named.items(), n_plain_names, strict=True)}
    further = {
        name: some[first:last] for (name, some), first, last in zip(named.items(), n_plain_names, n_names, strict=True)
    }
    pillars = {task.name: task.pillar for task in report.plan.tasks}
    content = {
        "tasks": [[name, pillars.get(name, "")] for name in tables.tasks],
        "arms": list(tables.arms),
        "suffixes": [tables.suffixes[name] for name in tables.arms],
        **plain,
        "model": "" if report.plan.asks_own_model else report.plan.model,
        "rows": rows[:n_plain],
        "packed": len(rows) - n_plain,
        "leftOut": len(report.items) - len(rows),
    }
    rest = {**further, "rows": rows[n_plain:]}
    return PageItems(markup(compact(content)), packed(compact(rest)) if rest["rows"] else "")


def compact(content: dict[str, Any]) -> str:
    """Compact JSON; what JSON or UTF-8 cannot hold is made fit for it."""
    try:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except ValueError:
        return json.dumps(plain_json(content), ensure_ascii=False, separators=(",", ":"))
    return text


def packed(text: str) -> str:
    """The text deflated (zlib) and in base64, as the scripts of pages unpack it."""
    return base64.b64encode(zlib.compress(text.encode(errors="replace"), 9)).decode("ascii")


def markup(text: str) -> Markup:
    """JSON for a script element: nothing in it ends the element or a line."""
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


class _Tables:
    """Names that occur again and again, by their place."""

    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}
        self.arms: dict[str, int] = {}
        self.items: dict[str, int] = {}
        self.suffixes: dict[str, str] = {}
        self.prompts: dict[str, int] = {}
        self.clips: dict[str, int] = {}
        self.truths: dict[str, int] = {}

    def arm(self, arm: Arm) -> int:
        """The place of a condition, by its words; what is put behind the ids of its items is kept with it."""
        self.suffixes.setdefault(arm_words(arm), arm.suffix)
        return self.place(self.arms, arm_words(arm))

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
    base = line.item.removesuffix(line.arm.suffix)
    return [
        tables.place(tables.items, base) if line.item == base + line.arm.suffix else line.item,
        tables.place(tables.tasks, line.task),
        tables.arm(line.arm),
        None if line.score is None else round(line.score, 4),
        line.label if line.status == "scored" else line.reason,
        int(line.status == "scored"),
        _cut(line.answer),
        tables.place(tables.prompts, line.prompt),
        tables.place(tables.truths, json.dumps(line.truth, ensure_ascii=False)) if line.truth else None,
        {role: tables.place(tables.clips, digest) for role, digest in line.clips.items()},
        None if line.answer_clip is None else tables.place(tables.clips, line.answer_clip),
        _cut(line.detail),
        json.dumps(_short(line.attempt), ensure_ascii=False) if line.attempt else "",
        json.dumps(line.heard, ensure_ascii=False) if line.heard else "",
        json.dumps(line.read, ensure_ascii=False) if line.read else "",
    ]


def _short(attempt: dict[str, Any]) -> dict[str, Any]:
    """What a reader asks of an attempt, numbers with as many digits as are read; the journal has all of it."""
    kept = {name: attempt[name] for name in ATTEMPT if attempt.get(name) not in (None, "", {}, [])}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in kept.items()}


def _cut(text: str | None) -> str:
    text = text or ""
    return (
        text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + f" … ({len(text) - MAX_TEXT} more signs in journal.jsonl)"
    )
