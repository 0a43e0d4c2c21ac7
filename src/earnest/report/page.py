"""`report.html`: one page that needs no network, with the sounds, pictures and items inside.

What a model said or a data set holds is text to this page and never markup: templates escape everything, the items are
JSON that a script puts into text nodes, and a content security policy allows that one script alone.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from earnest.report import glossary, numbers
from earnest.report.attack_player import players
from earnest.report.attack_plots import AttackResult, attack_figure, attack_results, heat_maps
from earnest.report.card import card, pillar_titles
from earnest.report.degradation_plots import degradation_plots
from earnest.report.estimates import Figure
from earnest.report.gather import Report
from earnest.report.group_plots import group_plots
from earnest.report.items import page_items
from earnest.report.pictures import Budget
from earnest.report.plots import NARROW_PX
from earnest.report.sections import (
    arm_words,
    defence_costs,
    defended_by,
    description,
    pair_cards,
    pillar_sections,
    powers,
    subtask_rows,
    unscored_rows,
)
from earnest.report.task_forest import task_forest
from earnest.report.worst import worst_examples
from earnest.text import visible

TEMPLATES = Path(__file__).parent / "templates"

MEDIA_BYTES, FULL_MEDIA_BYTES = 400_000, 7_500_000
"""Sounds and pictures inside a page, and inside a full one; what does not fit stays in the folder and is linked."""


def as_html(report: Report, *, full: bool = False) -> str:
    """The page of a report; a full one has every table, opened, and more sounds."""
    script = _file("page.js")
    results = attack_results(report)
    budget = Budget(FULL_MEDIA_BYTES if full else MEDIA_BYTES)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            plan=report.plan,
            full=full,
            card=card(report, results),
            results=results,
            players=players(report, results, budget=budget),
            **_figures(report, results),
            nav_pillars=pillar_titles(report),
            description=description(report),
            pillars=pillar_sections(report, full=full),
            subtasks=subtask_rows(report),
            worst=worst_examples(report, budget=budget, full=full),
            groups=group_plots(report),
            degradations=degradation_plots(report),
            heat_maps=heat_maps(report),
            pairs=pair_cards(report),
            powers=powers(report),
            costs=defence_costs(report),
            defended_by=defended_by(report.plan),
            unscored=unscored_rows(report),
            items=page_items(report),
            terms=glossary.definitions(),
            style=style("report.css"),
            script=Markup(script),
            policy=policy(script),
        )
    )


def _figures(report: Report, results: Sequence[AttackResult]) -> dict[str, Figure | None]:
    """Figures that are drawn twice, for a desktop and for a phone."""
    return {
        "attack_figure": attack_figure(report, results),
        "attack_narrow": attack_figure(report, results, width=NARROW_PX),
        "forest": task_forest(report),
        "forest_narrow": task_forest(report, width=NARROW_PX),
        "by_distance": task_forest(report, by_distance=True, width=NARROW_PX),
    }


def style(*names: str) -> Markup:
    """The style sheet that all pages share, with that of plots, and the sheets of these names."""
    return Markup("".join(map(_file, ("style.css", "plots.css", *names))))


def policy(*scripts: str) -> str:
    """The content security policy of a page that runs these scripts and nothing else."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "media-src 'self' data: file:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def environment() -> jinja2.Environment:
    """The templates, escaping everything that is put into them."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "shown": numbers.shown,
        "interval": numbers.interval,
        "value_of": numbers.value_of,
        "interval_of": numbers.interval_of,
        "arm_words": arm_words,
        "anchor": glossary.anchor,
        "words": numbers.words,
        "quoted": shlex.quote,
    }
    made.filters.update(filters)
    made.globals["term"] = glossary.term
    return made


def _shown(value: Any) -> Any:
    """What is put into a page; signs that turn the direction of writing are shown and not obeyed."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
