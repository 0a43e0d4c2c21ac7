"""How many items were planned and scored, and why others have no score: each reason with its commonest detail.

A reason is a code; the detail is what an endpoint, a parser or a model said. Details that differ in numbers alone (request
ids, times, places in a file) count as one, and the first of them is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from earnest.records import JournalLine
from earnest.results.finding import Finding

_NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+", re.IGNORECASE)
_SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class ReasonCount:
    """Unscored items of one reason.

    Parameters
    ----------
    reason : str
    n : int
        Items with this reason.
    detail : str
        The commonest detail, in one line and cut at 300 signs; empty where none was given.
    n_detail : int
        Items with that detail.
    """

    reason: str
    n: int
    detail: str
    n_detail: int

    def __str__(self) -> str:
        share = f"{self.n_detail} of them: " if self.n_detail < self.n else ""
        return f"{self.n} {self.reason}" + (f" ({share}{self.detail})" if self.detail else "")


@dataclass(frozen=True, kw_only=True)
class ItemCounts:
    """The items of a run over all its arms, canaries apart.

    Parameters
    ----------
    n_scored, n_unscored, n_not_run : int
        With a verdict; asked and without one; planned and never asked.
    """

    n_scored: int
    n_unscored: int
    n_not_run: int

    @property
    def n_planned(self) -> int:
        """All of them."""
        return self.n_scored + self.n_unscored + self.n_not_run

    def __str__(self) -> str:
        missing = f", {self.n_not_run:,} not asked yet" if self.n_not_run else ""
        return f"{self.n_planned:,} items: {self.n_scored:,} scored, {self.n_unscored:,} unscored{missing}"


def item_counts(lines: Iterable[JournalLine], findings: Iterable[Finding]) -> ItemCounts:
    """The counts of a run's lines within the model's reach (`results.reach`) and of its findings."""
    statuses = Counter(line.status for line in lines if line.kind == "item")
    return ItemCounts(
        n_scored=statuses["scored"],
        n_unscored=statuses["unscored"],
        n_not_run=sum(finding.unscored.get("not_run", 0) for finding in findings if finding.headline),
    )


def reason_counts(lines: Iterable[JournalLine]) -> list[ReasonCount]:
    """The reasons of the unscored among `lines`, the most frequent first, each with its commonest detail."""
    return counted_reasons(
        (line.reason or "unparsed", line.detail or "") for line in lines if line.status == "unscored"
    )


def counted_reasons(pairs: Iterable[tuple[str, str]]) -> list[ReasonCount]:
    """Reasons with their details, the most frequent reason first, each with its commonest detail."""
    details: dict[str, list[str]] = {}
    for reason, detail in pairs:
        details.setdefault(reason, []).append(" ".join(detail.split()))
    counts = [_count(reason, told) for reason, told in details.items()]
    return sorted(counts, key=lambda count: -count.n)


def _count(reason: str, details: list[str]) -> ReasonCount:
    shapes = [_NUMBERS.sub("#", detail) for detail in details]
    told = [shape for shape in shapes if shape] or [""]
    shape, n_alike = Counter(told).most_common(1)[0]
    if not shape:
        return ReasonCount(reason=reason, n=len(details), detail="", n_detail=len(details))
    detail = details[shapes.index(shape)]
    shown = detail if len(detail) <= _SHOWN else detail[: _SHOWN - 1] + "…"
    return ReasonCount(reason=reason, n=len(details), detail=shown, n_detail=n_alike)
