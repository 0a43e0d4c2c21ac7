"""From a run folder to a report that a person reads and a machine checks. It needs the folder alone, never a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earnest.report.comparison import Comparison
    from earnest.results.of_run import RunResults
    from earnest.results.scorecard import Gate

__all__ = ["compare", "write"]

PAGE = "report.html"


def write(
    run: RunResults | Path | str,
    *,
    gates: Sequence[str] | None = None,
    against: Sequence[Gate] | None = None,
    note: str | None = None,
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

    Raises
    ------
    BadData
        If the folder is no run folder, or its journal cannot be read.
    BadParameter
        If a gate has another form or names nothing.
    StorageFailed
        If a file could not be written.
    """
    from earnest.report import files, page
    from earnest.report.gather import gather
    from earnest.report.storage import write_text
    from earnest.run_folder import taken_as_data

    forms = {"report.json": files.as_json, "report.md": files.as_markdown, "junit.xml": files.as_junit, PAGE: page.as_html}
    folder = run if isinstance(run, str | Path) else run.folder
    with taken_as_data(folder):
        report = gather(run, gates=gates, against=against, note=note)
        texts = {name: form(report) for name, form in forms.items()}
    for name, text in texts.items():
        write_text(report.folder / name, text)
    return report.folder / PAGE


def compare(first: Path | str, second: Path | str) -> Comparison:
    """What changed from the run in `first` to that in `second`, item by item where they share items.

    Raises
    ------
    BadData
        If either is no run folder, or its journal cannot be read.
    """
    from earnest.report.comparison import Comparison
    from earnest.run_folder import taken_as_data

    with taken_as_data(f"{first} or {second}"):
        return Comparison.of(Path(first), Path(second))
