"""Who judged a run, and whether those that were given the recordings hear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earnest.errors import BadData
from earnest.report.gather import Report
from earnest.run_folder import file_in, read_json

FILE = "judges.json"
_COUNTS = {"n_found", "n_canaries", "n_controls_found", "n_controls"}


def judges_of(report: Report) -> list[str]:
    """Every judge of the run, those of its plan first, each with what it heard of the code words."""
    asked = [name for line in report.items for name in line.judges or {}]
    hearing = _hearing(report)
    known = dict.fromkeys([*(() if report.plan.judge_hears else report.plan.judges), *asked, *hearing])
    return [name + _heard(hearing[name]) if name in hearing else name for name in known]


def destinations(report: Report) -> list[str]:
    """Hosts to which recordings of the run were sent, to the model or to judges that hear."""
    hosts = [report.plan.destination, *(said.get("destination") for said in _hearing(report).values())]
    return list(dict.fromkeys(host for host in hosts if host))


def _hearing(report: Report) -> Mapping[str, Mapping[str, Any]]:
    return read_hearing(report.folder)


def read_hearing(folder: Path) -> dict[str, dict[str, Any]]:
    """What a run folder holds of its judges' hearing, by judge; empty where it holds nothing.

    Raises
    ------
    BadData
        If the file is there and cannot be read.
    """
    path = file_in(folder, FILE)
    held = read_json(path) if path.is_file() else {}
    if not isinstance(held, dict) or not all(
        isinstance(said, dict) and said.keys() >= _COUNTS for said in held.values()
    ):
        raise BadData(f"{path} must say of each judge what it heard; delete it, and judges that hear are tested again")
    return held


def _heard(hearing: Mapping[str, Any]) -> str:
    return (
        f": found {hearing['n_found']} of {hearing['n_canaries']} canaries, and code words in {hearing['n_controls_found']} of "
        f"{hearing['n_controls']} controls without any"
    )
