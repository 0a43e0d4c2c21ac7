"""The scorecard as a notebook shows it: a bar with its interval for each pillar, and a link to the report."""

from __future__ import annotations

import html
import os
from pathlib import Path
from urllib.parse import quote

from earnest.plan import Plan
from earnest.report.numbers import interval, shown
from earnest.results.scorecard import PillarScore, Scorecard

WIDTH, HEIGHT = 180, 14


def picture(folder: Path, plan: Plan, scorecard: Scorecard) -> str:
    """HTML without script or network: it can be shown wherever a notebook is."""
    rows = "".join(_row(score) for score in scorecard.pillars)
    head = "<tr><th>pillar</th><th></th><th>score</th><th>95 % interval</th><th>items</th><th>unscored</th></tr>"
    heard = html.escape(scorecard.audio.words)
    heard = f"<b>audio_unproven</b> {heard}" if scorecard.audio_proven is False else heard
    title = html.escape(f"{plan.shown_model} on {plan.data}")
    return (
        f"<p><b>{title}</b></p><table><thead>{head}</thead><tbody>{rows}</tbody></table><p>{heard}</p>"
        f'<p><a href="{html.escape(_address(folder / "report.html"), quote=True)}" target="_blank" rel="noopener">'
        "The whole report</a></p>"
    )


def _row(score: PillarScore) -> str:
    n = score.n_scored + score.n_unscored
    cells = (
        html.escape(score.pillar),
        _bar(score),
        shown(score.value, "fraction"),
        interval(score.low, score.high, "fraction"),
        f"{score.n_scored:,}",
        shown(score.unscored_share if n else None, "fraction"),
    )
    title = html.escape(f"{score.question} {score.no_value}".strip(), quote=True)
    return f'<tr title="{title}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _bar(score: PillarScore) -> str:
    """A bar as long as the score, the interval drawn over it; an empty one without a score."""
    marks = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#8882"/>'
    if score.value is not None:
        marks += f'<rect width="{WIDTH * score.value:.1f}" height="{HEIGHT}" fill="#2f6f9f"/>'
    if score.low is not None and score.high is not None:
        low, high, middle = WIDTH * score.low, WIDTH * score.high, HEIGHT / 2
        marks += f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} 3V11M{high:.1f} 3V11" stroke="#d98c1f" stroke-width="2" fill="none"/>'
    words = f"{score.pillar} {shown(score.value, 'fraction')}, {interval(score.low, score.high, 'fraction')}"
    return (
        f'<svg role="img" aria-label="{html.escape(words, quote=True)}" width="{WIDTH}" height="{HEIGHT}">{marks}</svg>'
    )


def _address(page: Path) -> str:
    """Where the page lies: from the notebook's folder where it is below, else in the file system."""
    whole = page.resolve()
    here = Path(os.getcwd()).resolve()
    return quote(whole.relative_to(here).as_posix()) if whole.is_relative_to(here) else whole.as_uri()
