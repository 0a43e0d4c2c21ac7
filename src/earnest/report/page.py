"""`report.html`: one page that needs no network, with the sounds, pictures and items inside.

What a model said or a data set holds is text to this page and never markup: templates escape everything, the items are
JSON that a script puts into text nodes, and a content security policy allows that one script alone.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import shlex
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from earnest.report import numbers
from earnest.report.gather import Report
from earnest.report.items import page_items
from earnest.report.sections import (
    charts,
    defence_costs,
    defended_by,
    description,
    forests,
    glance,
    grid_tables,
    others_beside,
    pair_cards,
    pillar_sections,
    powers,
    subtask_rows,
    summary,
    unscored_rows,
)
from earnest.report.worst import worst_examples
from earnest.text import visible

TEMPLATES = Path(__file__).parent / "templates"


def as_html(report: Report) -> str:
    """The page of a report."""
    script = _file("page.js")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            plan=report.plan,
            description=description(report),
            summary=summary(report),
            glance=glance(report),
            beside=others_beside(report),
            pillars=pillar_sections(report),
            subtasks=subtask_rows(report),
            worst=worst_examples(report),
            charts=charts(report),
            forests=forests(report),
            pairs=pair_cards(report),
            grids=grid_tables(report),
            powers=powers(report),
            costs=defence_costs(report),
            defended_by=defended_by(report.plan),
            unscored=unscored_rows(report),
            items=page_items(report),
            style=style(),
            script=Markup(script),
            policy=policy(script),
        )
    )


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
        "words": numbers.words,
        "quoted": shlex.quote,
    }
    made.filters.update(filters)
    return made


def _shown(value: Any) -> Any:
    """What is put into a page; signs that turn the direction of writing are shown and not obeyed."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
