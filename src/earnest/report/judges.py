"""Who judged a run, and whether those that were given the recordings hear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from earnest.report.gather import Report

FILE = "judges.json"


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
    path = report.folder / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _heard(said: Mapping[str, Any]) -> str:
    return (
        f": found {said['n_found']} of {said['n_canaries']} canaries, and code words in {said['n_controls_found']} of "
        f"{said['n_controls']} controls without any"
    )
