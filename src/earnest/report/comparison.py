"""Runs compared with a baseline: as a page, as text, as JSON.

The page opens with what got worse and what got better beyond the interval, after the answer to whether the runs may be
compared at all. Every number of it is one of the JSON.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from earnest import __version__
from earnest.errors import BadParameter
from earnest.pillars import PILLARS
from earnest.records import Arm
from earnest.report.compared_plots import ComparedPlots, compared_plots
from earnest.report.comparison_words import heading, sentence, summary, title_of_shift
from earnest.report.files import markdown_table
from earnest.report.gather import Report, gather
from earnest.report.item_grid import ItemGrid
from earnest.report.numbers import interval, shown
from earnest.report.page import TEMPLATES, environment, policy, style
from earnest.report.sections import arm_words
from earnest.report.storage import write_text
from earnest.results.comparable import Comparability, Side, alike
from earnest.results.compare import MIN_SHOWN, Change, Shift, changes, headline_changes, n_comparisons, shifts
from earnest.results.headline_change import HeadlineChange
from earnest.results.proof import as_proven

PAGE, DATA = "comparison.html", "comparison.json"


@dataclass(frozen=True, kw_only=True)
class Against:
    """A run compared with the baseline.

    Parameters
    ----------
    baseline, other : Report
    baseline_name, name : str
        What the two are called.
    differences : tuple of str
        In what the plans differ.
    comparable : Comparability
    shifts : tuple of Shift
        What changed in headlines, by arm, a pillar before its tasks.
    changes : tuple of Change
        Mean scores item by item, then every finding that both runs have.
    """

    baseline: Report
    other: Report
    baseline_name: str
    name: str
    differences: tuple[str, ...]
    comparable: Comparability
    shifts: tuple[Shift, ...]
    changes: tuple[Change, ...]

    @property
    def worse(self) -> tuple[Shift, ...]:
        """Headlines that got worse beyond the interval, the largest change first."""
        return tuple(sorted((one for one in self.shifts if one.verdict == "worse"), key=_by_size))

    @property
    def better(self) -> tuple[Shift, ...]:
        """Headlines that got better beyond the interval, the largest change first."""
        return tuple(sorted((one for one in self.shifts if one.verdict == "better"), key=_by_size))

    @property
    def open(self) -> tuple[Shift, ...]:
        """Headlines of which no difference is shown, those first of which the largest loss is not ruled out."""
        some = [one for one in self.shifts if one.verdict == "no difference shown"]
        return tuple(sorted(some, key=lambda one: one.low or 0.0))

    @property
    def unknown(self) -> tuple[Shift, ...]:
        """Headlines of which nothing can be said, with why."""
        return tuple(one for one in self.shifts if one.verdict == "unknown")

    @property
    def pillars(self) -> dict[str, Shift]:
        """What changed in each pillar in the clean arm; the only task of a pillar stands for it."""
        clean = [one for one in self.shifts if not one.arm.suffix]
        means = {one.pillar for one in clean if one.task is None}
        return {one.pillar: one for one in clean if one.task is None or one.pillar not in means}

    @property
    def paired(self) -> tuple[Change, ...]:
        """Mean scores on the items that both runs asked alike."""
        return tuple(change for change in self.changes if change.how == "paired")

    @property
    def findings(self) -> tuple[Change, ...]:
        """Findings of both runs over at least five items; fewer are in the JSON alone."""
        return tuple(change for change in self.changes if change.how != "paired" and change.n >= MIN_SHOWN)

    @property
    def n_few(self) -> int:
        """Findings over fewer items than are shown."""
        return sum(change.how != "paired" for change in self.changes) - len(self.findings)

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "first": _run_json(self.baseline, self.baseline_name),
            "second": _run_json(self.other, self.name),
            "comparable": self.comparable.as_json(),
            "plan_differences": list(self.differences),
            "verdicts": dict(Counter(one.verdict for one in self.shifts)),
            "sentences": [
                {"id": one.id, "verdict": one.verdict, "text": sentence(one, self.other)}
                for one in (*self.worse, *self.better)
            ],
            "headlines": [one.as_json() for one in self.shifts],
            "changes": [change.as_json() for change in self.changes],
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs compared with one of them.

    Parameters
    ----------
    reports : tuple of Report
        At least two, in the order in which they were given.
    names : tuple of str
        What each is called, all different.
    baseline : int
        Place of the run from which changes are measured.
    n_looked_at : int
        Headlines and pillars of all runs that are compared; their intervals hold for all of them at once.
    against : tuple of Against
        Every other run, in order.
    """

    reports: tuple[Report, ...]
    names: tuple[str, ...]
    baseline: int
    n_looked_at: int
    against: tuple[Against, ...]

    @classmethod
    def of(cls, *folders: Path, baseline: Path | None = None) -> Comparison:
        """The comparison of run folders.

        Parameters
        ----------
        *folders : Path
            At least two.
        baseline : Path or None
            One of them, from which changes are measured; by default the first.

        Raises
        ------
        BadParameter
            If there are fewer than two folders, or the baseline is none of them.
        """
        if len(folders) < 2:
            raise BadParameter(f"a comparison needs two run folders at least, got {len(folders)}")
        resolved = [Path(folder).resolve() for folder in folders]
        if baseline is not None and Path(baseline).resolve() not in resolved:
            raise BadParameter(f"the baseline must be one of the runs that are compared, got {str(baseline)!r}")
        place = 0 if baseline is None else resolved.index(Path(baseline).resolve())
        return cls.of_reports([gather(Path(folder)) for folder in folders], baseline=place)

    @classmethod
    def of_reports(cls, reports: Sequence[Report], *, baseline: int = 0) -> Comparison:
        """The comparison of reports."""
        names = _names(reports)
        sides = [
            Side(name=name, plan=report.reachable_plan, lines=as_proven(report.results.within_reach[1]))
            for report, name in zip(reports, names, strict=True)
        ]
        first, found = reports[baseline], []
        for place, report in enumerate(reports):
            if place == baseline:
                continue
            both = alike(sides[baseline], sides[place], arm_name=arm_words)
            found.append((place, both.comparable, headline_changes(both, report.reachable_plan)))
        n = sum(n_comparisons(changed) for _, _, changed in found)
        against = [
            _against(
                first,
                reports[place],
                names=(names[baseline], names[place]),
                comparable=comparable,
                changed=changed,
                n=n,
            )
            for place, comparable, changed in found
        ]
        return cls(reports=tuple(reports), names=tuple(names), baseline=baseline, n_looked_at=n, against=tuple(against))

    @property
    def first(self) -> Report:
        """The baseline."""
        return self.reports[self.baseline]

    @cached_property
    def short_names(self) -> tuple[str, ...]:
        """The names without what all begin with, for the heads of narrow columns."""
        return short_names(self.names)

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What must be said with the numbers of some runs, each thing once, with the runs that it is about."""
        about: dict[str, list[str]] = {}
        for report, name in zip(self.reports, self.names, strict=True):
            if report.note:
                about.setdefault(report.note, []).append(name)
        return [(", ".join(names), note) for note, names in about.items()]

    @property
    def pillars(self) -> list[str]:
        """Pillars of which something changed or was looked at in any of the runs, in the order of display."""
        seen = {pillar for one in self.against for pillar in one.pillars}
        return [*(key for key in PILLARS if key in seen), *sorted(seen - set(PILLARS))]

    @property
    def changes(self) -> tuple[Change, ...]:
        """What changed in the first of the other runs."""
        return self.against[0].changes

    @cached_property
    def grid(self) -> ItemGrid:
        """Every item in every run."""
        return ItemGrid.of(self.reports, names=self.names, baseline=self.baseline)

    def as_json(self) -> dict[str, Any]:
        """The comparison as JSON values; with two runs, what was said of them stands at the top as well."""
        told = {
            "earnest": __version__,
            "baseline": self.names[self.baseline],
            "runs": [_run_json(report, name) for report, name in zip(self.reports, self.names, strict=True)],
            "n_comparisons": self.n_looked_at,
            "comparisons": [one.as_json() for one in self.against],
            "items": self.grid.as_json(),
        }
        return told | (told["comparisons"][0] if len(self.against) == 1 else {})

    def as_text(self) -> str:
        """The comparison as Markdown."""
        parts = [f"# {heading(self)}"]
        for one in self.against:
            parts += [f"## {one.name} against {one.baseline_name}"] if len(self.against) > 1 else []
            parts += [
                f"**May these runs be compared?** {_answer(one.comparable)}",
                summary(one, n_looked_at=self.n_looked_at),
            ]
            for title, some in (("Worse beyond the interval", one.worse), ("Better beyond the interval", one.better)):
                if some:
                    parts.append(f"**{title}**\n\n" + "\n".join(f"- {sentence(shift, one.other)}" for shift in some))
            parts += _tables(one)
        return "\n\n".join(parts) + "\n"

    def as_html(self, folder: Path | None = None) -> str:
        """The comparison as a page that needs no network.

        Parameters
        ----------
        folder : path or None
            Where the page will lie, so that it finds the clips of every run; None: in the baseline's folder.
        """
        script = (TEMPLATES / "compare.js").read_text(encoding="utf-8")
        return (
            environment()
            .get_template("compare.html.j2")
            .render(
                comparison=self,
                heading=heading(self),
                plots=[self._plots(one) for one in self.against],
                grid=self.grid.as_page(self.first.folder if folder is None else folder, short_names=self.short_names),
                by_task=self.grid.by_task(),
                arm_words=arm_words,
                answer=_answer,
                summary=summary,
                sentence=sentence,
                shift_title=title_of_shift,
                shift_cells=shift_cells,
                cells=cells,
                version=__version__,
                style=style("compare.css"),
                script=Markup(script),
                policy=policy(script),
            )
        )

    def _plots(self, one: Against) -> ComparedPlots | None:
        place = self.against.index(one)
        return compared_plots(
            one.shifts, other=one.other, names=(one.baseline_name, one.name), suffix=f"_{place + 1}" if place else ""
        )

    def write(self, folder: Path) -> Path:
        """Write `comparison.html` and `comparison.json` into `folder`; the path of the page comes back."""
        path = Path(folder) / PAGE
        write_text(Path(folder) / DATA, json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")
        write_text(path, self.as_html(Path(folder)))
        return path


def _against(
    first: Report,
    second: Report,
    *,
    names: tuple[str, str],
    comparable: Comparability,
    changed: dict[Arm, dict[str, list[HeadlineChange]]],
    n: int,
) -> Against:
    found = changes(
        first.lines, second.lines, first_findings=first.findings, second_findings=second.findings, plan=second.plan
    )
    return Against(
        baseline=first,
        other=second,
        baseline_name=names[0],
        name=names[1],
        comparable=comparable,
        differences=tuple(first.plan.differences(second.plan)),
        shifts=tuple(shifts(changed, n_looked_at=n)),
        changes=tuple(found),
    )


def _names(reports: Sequence[Report]) -> list[str]:
    """What each run is called: its model, with the folder where two are of one model, and a number where folders are alike."""
    models = [report.plan.shown_model for report in reports]
    told = [
        model if models.count(model) == 1 else f"{model} ({report.folder.resolve().name})"
        for model, report in zip(models, reports, strict=True)
    ]
    return [name if told.count(name) == 1 else f"{name}, {place + 1}" for place, name in enumerate(told)]


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names without what all of them begin with, as far as that ends with a separator.

    Examples
    --------
    >>> short_names(["scripted/echo", "scripted/always_refuse"])
    ('echo', 'always_refuse')
    >>> short_names(["earnest/reference (new)", "earnest/reference (old)"])
    ('new', 'old')
    """
    common = os.path.commonprefix(list(names))
    begin = 1 + max(common.rfind(sign) for sign in "/ (")
    if len(names) < 2 or any(len(name) == begin for name in names):
        return tuple(names)
    told = tuple(name[begin:] for name in names)
    return tuple(name.removesuffix(")") for name in told) if common[begin - 1 : begin] == "(" else told


def _by_size(shift: Shift) -> float:
    return -abs(shift.value or 0.0)


def _answer(comparable: Comparability) -> str:
    """The answer with its reasons, in sentences."""
    return f"{comparable.answer.capitalize()}. {' '.join(comparable.reasons)}"


def _run_json(report: Report, name: str) -> dict[str, Any]:
    return {"folder": str(report.folder), "name": name, "model": report.plan.model, "plan": report.plan.digest}


def _tables(one: Against) -> list[str]:
    parts = []
    if one.shifts:
        header = ["headline", "baseline", "other", "change", "interval", "n", "shows"]
        parts.append(
            markdown_table(header, [[title_of_shift(shift, one.other), *shift_cells(shift)] for shift in one.shifts])
        )
    shows = [change for change in one.findings if change.shows]
    if shows:
        header = ["finding that changed, each by itself", "baseline", "other", "change", "95 % interval", "n", "shows"]
        parts.append(markdown_table(header, [list(row) for row in map(cells, shows)]))
    return parts or [
        "The runs share neither items nor findings." if not one.changes else "No finding shows a difference."
    ]


def shift_cells(shift: Shift) -> tuple[str, ...]:
    """Baseline, other, change, interval, n and what it shows, as text."""
    width = None if shift.low is None or shift.high is None else shift.high - shift.low
    return (
        shown(shift.first, "fraction", width=width),
        shown(shift.second, "fraction", width=width),
        shown(shift.value, "fraction", width=width, signed=True),
        interval(shift.low, shift.high, "fraction", signed=True),
        f"{shift.n_items:,}" + (f" ({shift.n_lost} unscored)" if shift.n_lost else ""),
        shift.verdict + (f": {shift.why}" if shift.why else ""),
    )


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
