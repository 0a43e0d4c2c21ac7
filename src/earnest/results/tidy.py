"""A run as tidy tables: one row a finding, or one row an item, one column a fact. What holds mappings is spread or written out.

A column has one type: text, number or truth value. Where rows differ in it (`true` here, `"yes"` there), all are text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.finding import Finding

FINDING_COLUMNS = (
    "id pillar task metric group level attack crafted_on defence access knows_defence headline value low high confidence worst_low "
    "worst_high baseline higher_is_better unit n_scored n_unscored unscored interval note model name data run"
).split()
ITEM_COLUMNS = (
    "item kind task pillar sample cluster attack crafted_on defence status reason detail score label answer heard prompt model name "
    "duration_ms defence_ms run"
).split()

Row = dict[str, Any]


@dataclass(frozen=True)
class Tidy:
    """A table: the names of its columns in order, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def tidy_findings(plan: Plan, findings: Sequence[Finding], *, run: str) -> Tidy:
    """One row a finding; `run` is the name of the folder."""
    rows = []
    for finding in findings:
        row = finding.model_dump(mode="json", exclude={"threat_model", "unscored", "level"})
        threat = finding.threat_model
        row |= {
            "attack": threat.attack,
            "crafted_on": threat.crafted_on,
            "defence": threat.defence,
            "access": threat.access,
            "knows_defence": threat.knows_defence,
        }
        level = finding.level
        row |= {
            "level": f"{level:g}" if isinstance(level, float | int) else level,
            "unscored": _reasons(finding.unscored),
        }
        rows.append({**row, "name": plan.shown_model, "run": run})
    return Tidy(tuple(FINDING_COLUMNS), tuple(_in_one_type(rows, FINDING_COLUMNS)))


def tidy_items(plan: Plan, lines: Sequence[JournalLine], *, run: str) -> Tidy:
    """One row an item in one arm, canaries too (`kind`); `truth_...` and `usage_...` are what is known of it and what it used."""
    pillars = {task.name: task.pillar for task in plan.tasks}
    rows, more = [], dict[str, None]()
    for line in lines:
        row = line.model_dump(mode="json", include=set(ITEM_COLUMNS))
        row |= {"pillar": pillars.get(line.task), "score": line.score, "label": line.label}
        row |= {"heard": " / ".join((line.heard or {}).values()) or None, "name": plan.shown_model, "run": run}
        spread = _spread("truth", line.truth) | _spread("usage", line.usage)
        more |= dict.fromkeys(spread)
        rows.append(row | spread)
    columns = (*ITEM_COLUMNS, *sorted(more))
    return Tidy(columns, tuple(_in_one_type(rows, columns)))


def _reasons(unscored: Mapping[str, int]) -> str | None:
    return ", ".join(f"{reason}: {n}" for reason, n in unscored.items()) or None


def _spread(name: str, facts: Mapping[str, Any]) -> Row:
    return {
        f"{name}_{key}": value
        if isinstance(value, str | int | float | bool | None)
        else json.dumps(value, ensure_ascii=False)
        for key, value in facts.items()
    }


def _in_one_type(rows: list[Row], columns: Sequence[str]) -> list[Row]:
    """The rows with every column, and each column in one type."""
    whole = [{column: row.get(column) for column in columns} for row in rows]
    for column in columns:
        kinds = {type(row[column]) for row in whole if row[column] is not None}
        if kinds == {int, float}:
            for row in whole:
                value = row[column]
                row[column] = None if value is None else float(value)
        elif len(kinds) > 1:
            for row in whole:
                row[column] = row[column] if isinstance(row[column], str | None) else json.dumps(row[column])
    return whole
