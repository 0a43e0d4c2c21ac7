"""From a run folder to a report that a person reads and a machine checks. It needs the folder alone, never a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earnest.report.comparison import Comparison
    from earnest.results.of_run import RunResults
    from earnest.results.scorecard import Gate

__all__ = ["compare", "write", "write_pictures"]

PAGE = "report.html"


def write(
    run: RunResults | Path | str,
    *,
    gates: Sequence[str] | None = None,
    against: Sequence[Gate] | None = None,
    note: str | None = None,
    full: bool = False,
) -> Path:
    """Write `report.html`, `report.json`, `report.md` and `junit.xml` into a run folder; the path of the page comes back.

    Parameters
    ----------
    run : path or RunResults
        A run folder: `plan.json`, `journal.jsonl`, `clips/`; or what was made of one already.
    gates : sequence of str or None
        Conditions such as `safety=0.9`, shown with whether they are met; None keeps those of an earlier report.
    against : sequence of Gate or None
        Gates against another run (`earnest.results.baseline`), as they were judged; None keeps those of an earlier report.
    note : str or None
        What must be said with every number of this run; None keeps that of an earlier report.
    full : bool
        Whether the page has every table, opened: for print, and for readers who want all of it.

    Raises
    ------
    BadData
        If the folder is no run folder, or its journal cannot be read.
    BadParameter
        If a gate has another form or names nothing.
    StorageFailed
        If a file could not be written.
    """
    from earnest import collector
    from earnest.report import files, page
    from earnest.report.gather import gather
    from earnest.report.storage import write_text
    from earnest.run_folder import taken_as_data

    forms = {"report.json": files.as_json, "report.md": files.as_markdown, "junit.xml": files.as_junit}
    folder = run if isinstance(run, str | Path) else run.folder
    with taken_as_data(folder), collector.paused():
        report = gather(run, gates=gates, against=against, note=note)
        texts = {name: form(report) for name, form in forms.items()} | {PAGE: page.as_html(report, full=full)}
    for name, text in texts.items():
        write_text(report.folder / name, text)
    return report.folder / PAGE


def write_pictures(
    run: RunResults | Path | str, *, card: bool = False, figures: Path | str | None = None
) -> dict[str, Path]:
    """Write a run's card and figures as files; their paths come back, by `card` and `figures`.

    Parameters
    ----------
    run : path or RunResults
    card : bool
        Whether `card.png` is written into the run folder: the report's first screen as a picture of 2400 by 1350 pixels.
    figures : path or None
        A folder for every plot as SVG, PDF, CSV and Vega-Lite specification; None writes none.

    Raises
    ------
    BadData
        If the folder is no run folder, or its journal cannot be read.
    MissingExtra
        If the extra `figures` is not installed.
    StorageFailed
        If a file could not be written.
    """
    if not card and figures is None:
        return {}
    from earnest.report import figure_files
    from earnest.report.gather import gather
    from earnest.run_folder import taken_as_data

    figure_files.check()
    written: dict[str, Path] = {}
    folder = run if isinstance(run, str | Path) else run.folder
    with taken_as_data(folder):
        report = gather(run)
        if card:
            written["card"] = figure_files.write_card(report, report.folder / figure_files.CARD)
        if figures is not None:
            figure_files.write_figures(report, Path(figures))
            written["figures"] = Path(figures)
    return written


def compare(first: Path | str, *others: Path | str, baseline: Path | str | None = None) -> Comparison:
    """What changed from one run to others, on what they were asked alike.

    Parameters
    ----------
    first, *others : path
        Run folders; at least one other.
    baseline : path or None
        The one of these from which changes are measured; by default the first.

    Raises
    ------
    BadData
        If one is no run folder, or its journal cannot be read.
    BadParameter
        If there is no other run, or the baseline is none of the runs.
    """
    from earnest.report.comparison import Comparison
    from earnest.run_folder import taken_as_data

    folders = [Path(folder) for folder in (first, *others)]
    with taken_as_data(" or ".join(map(str, folders))):
        return Comparison.of(*folders, baseline=None if baseline is None else Path(baseline))
