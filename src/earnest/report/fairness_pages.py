"""Pages of an audit of data, and of a mitigation: JSON and HTML that need no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earnest.mitigation.audit import MEASURES, Audit
from earnest.mitigation.measures import Fairness, Value
from earnest.mitigation.trial import Trial
from earnest.registry import parse_spec
from earnest.report.estimates import Estimate, Figure, Point
from earnest.report.page import environment, policy, style
from earnest.report.plots import NARROW_PX, WIDE_PX, scatter_plot
from earnest.report.storage import write_text

AUDIT, AUDIT_PAGE = "audit.json", "audit.html"
TRIALS, TRIALS_PAGE = "mitigation.json", "mitigation.html"


def write_audit(audit: Audit, folder: Path) -> Path:
    """Write `audit.json` and `audit.html` into a folder; the path of the page comes back.

    Raises
    ------
    StorageFailed
        If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / AUDIT, _json(audit.as_json()))
    write_text(folder / AUDIT_PAGE, audit_html(audit))
    return folder / AUDIT_PAGE


def audit_html(audit: Audit) -> str:
    """The page of an audit."""
    page = environment().get_template("audit.html.j2")
    return page.render(audit=audit, measures=MEASURES, style=style("matrix.css"), policy=policy(""))


def write_trials(trials: Sequence[Trial], folder: Path) -> Path:
    """Write `mitigation.json` and `mitigation.html` into a folder; the path of the page comes back.

    Raises
    ------
    StorageFailed
        If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / TRIALS, _json({"trials": [one.as_json() for one in trials]}))
    write_text(folder / TRIALS_PAGE, trials_html(trials))
    return folder / TRIALS_PAGE


def trials_html(trials: Sequence[Trial]) -> str:
    """The page of mitigations."""
    page = environment().get_template("mitigation.html.j2")
    fronts = [(_front(one), _front(one, width=NARROW_PX)) for one in trials]
    return page.render(trials=tuple(zip(trials, fronts, strict=True)), style=style("matrix.css"), policy=policy(""))


def _front(trial: Trial, *, width: float = WIDE_PX) -> Figure | None:
    """Gap and overall value at every strength; None of a measure that is no share."""
    if trial.measure not in ("accuracy", "true_positive_rate", "word_error_rate"):
        return None
    errors = trial.higher_is_better is False

    def point(strength: float, found: Fairness, front: bool) -> Point:
        gap, whole = found.gap, found.overall
        if errors:
            whole = Value(value=1 - whole.value, low=_less(whole.high), high=_less(whole.low))
        return Point(
            label="without" if not strength else f"strength {strength:g}",
            x=Estimate(value=gap.value, low=gap.low, high=gap.high),
            y=Estimate(value=whole.value, low=whole.low, high=whole.high),
            front=front,
        )

    return scatter_plot(
        [
            point(0.0, trial.before, trial.before_on_front),
            *(point(one.strength, one.fairness, one.on_front) for one in trial.strengths),
        ],
        name=f"front_{parse_spec(trial.method).name}",
        title=f"Gap and overall value: {trial.method}",
        x_name="gap between groups",
        y_name=f"one less the {trial.words}, all rows" if errors else f"{trial.words}, all rows",
        x_unit="fraction",
        x_falls=True,
        width=width,
    )


def _less(value: float | None) -> float | None:
    return None if value is None else 1 - value


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
