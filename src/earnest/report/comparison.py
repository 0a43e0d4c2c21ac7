"""Two runs beside each other: as a page, as text, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from earnest.report.files import markdown_table
from earnest.report.gather import Report, gather
from earnest.report.numbers import interval, shown
from earnest.report.page import TEMPLATES, environment, policy
from earnest.report.storage import write_text
from earnest.results.compare import Change, changes


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What changed from one run to another.

    Parameters
    ----------
    first, second : Report
    differences : tuple of str
        In what the plans differ, beside the model.
    changes : tuple of Change
        Mean scores item by item, then every finding that both runs have.
    """

    first: Report
    second: Report
    differences: tuple[str, ...]
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, first: Path, second: Path) -> Comparison:
        """The comparison of two run folders."""
        a, b = gather(first), gather(second)
        found = changes(a.lines, b.lines, first_findings=a.findings, second_findings=b.findings, plan=b.plan)
        return cls(first=a, second=b, differences=tuple(a.plan.differences(b.plan)), changes=tuple(found))

    @property
    def paired(self) -> tuple[Change, ...]:
        """Mean scores on the items that both runs asked alike."""
        return tuple(change for change in self.changes if change.how == "paired")

    @property
    def unpaired(self) -> tuple[Change, ...]:
        """Findings of both runs, taken as independent."""
        return tuple(change for change in self.changes if change.how == "unpaired")

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "first": {"folder": str(self.first.folder), "model": self.first.plan.model, "plan": self.first.plan.digest},
            "second": {
                "folder": str(self.second.folder),
                "model": self.second.plan.model,
                "plan": self.second.plan.digest,
            },
            "plan_differences": list(self.differences),
            "changes": [change.as_json() for change in self.changes],
        }

    def as_text(self) -> str:
        """The comparison as Markdown."""
        parts = [f"# {self.second.plan.shown_model} after {self.first.plan.shown_model}"]
        for title, some in (("item by item", self.paired), ("from the two intervals", self.unpaired)):
            if some:
                header = [title, "first", "second", "second minus first", "95 % interval", "n", "shows"]
                parts.append(markdown_table(header, [list(row) for row in map(cells, some)]))
        if not self.changes:
            parts.append("The runs share neither items nor findings.")
        return "\n\n".join(parts) + "\n"

    def as_html(self) -> str:
        """The comparison as a page that needs no network."""
        return (
            environment()
            .get_template("compare.html.j2")
            .render(
                comparison=self,
                cells=cells,
                bar=_bar,
                style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
                policy=policy(""),
            )
        )

    def write(self, folder: Path) -> Path:
        """Write `comparison.html` into `folder`; its path comes back."""
        path = Path(folder) / "comparison.html"
        write_text(path, self.as_html())
        return path


def cells(change: Change) -> tuple[str, ...]:
    """Name, first, second, difference, interval, n and what it shows, as text."""
    width = None if change.low is None or change.high is None else change.high - change.low
    return (
        change.id,
        shown(change.first, change.unit),
        shown(change.second, change.unit),
        shown(change.value, change.unit, width=width, signed=True),
        interval(change.low, change.high, change.unit, signed=True),
        f"{change.n:,}" + (f" ({change.n_unscored} unscored)" if change.n_unscored else ""),
        change.verdict,
    )


def _bar(change: Change) -> dict[str, float] | None:
    """Where the interval lies between -100 and +100 points, in percent of the bar."""
    if change.unit != "fraction" or change.value is None or change.low is None or change.high is None:
        return None
    low, value, high = (50 + 50 * min(1.0, max(-1.0, end)) for end in (change.low, change.value, change.high))
    return {"low": round(low, 2), "width": round(max(high - low, 0.4), 2), "value": round(value, 2)}
