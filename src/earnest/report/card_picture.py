"""The card as one drawing, 1200 by 675 pixels, to be shared as a picture: what the first screen says, without sound."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from earnest.report.attack_plots import AttackResult
from earnest.report.card import MOST_ATTACKED, Card, PillarLine
from earnest.report.drawing import MARKS, Scale, element, fitted, legend, line, mark, scale, svg, text, wrapped
from earnest.report.gather import Report
from earnest.report.numbers import interval_of, value_of, words
from earnest.results.finding import Finding

WIDTH, HEIGHT = 1200.0, 675.0
_MARGIN, _RIGHT_COLUMN = 44.0, 790.0


def card_picture(report: Report, card: Card, results: Sequence[AttackResult]) -> Markup:
    """The drawing of a card; `drawing.standalone` makes a file of it."""
    plan = report.plan
    bare = [one for one in results if not one.arm.defences][:MOST_ATTACKED]
    parts = [
        text(f"Trust report, {report.finished.strftime('%-d %B %Y')}", _MARGIN, 46, class_="p-soft p-14"),
        text(fitted(f"{plan.shown_model} on {plan.data}", WIDTH - 2 * _MARGIN, 32), _MARGIN, 86, class_="p-title"),
        text(fitted(card.summary, WIDTH - 2 * _MARGIN, 17), _MARGIN, 118, class_="p-17"),
        _pillars(card.pillars, right=_RIGHT_COLUMN - 40 if bare else WIDTH - _MARGIN),
        _attack(card, bare, results) if bare else Markup(""),
        _foot(report, card),
    ]
    title = f"Trust report of {plan.shown_model} on {plan.data}"
    return svg(
        Markup("").join(parts), width=WIDTH, height=HEIGHT, title=title, description=card.summary, class_="p-card"
    )


def _pillars(pillars: Sequence[PillarLine], *, right: float) -> Markup:
    """A row a pillar: name, score and sentence, and its interval on one axis with chance marked."""
    axis = scale([], unit="fraction", begin=_MARGIN + 330, end=right)
    top, tall = 146.0, 62.0
    bottom = top + tall * len(pillars)
    parts = []
    for value in axis.ticks:
        parts.append(line(axis.at(value), top, axis.at(value), bottom, class_="p-grid"))
        parts.append(text(f"{100 * value:g}", axis.at(value), bottom + 17, anchor="middle", class_="p-small"))
    for number, one in enumerate(pillars):
        y = top + tall * number
        value = f"{one.value}  ({one.interval})" if one.interval else one.value
        parts.append(text(f"{one.title}, {value}", _MARGIN, y + 20, class_="p-strong p-15"))
        for place, part in enumerate(wrapped(one.sentence, 322, 11.5)):
            parts.append(text(part, _MARGIN, y + 37 + 14 * place, class_="p-soft p-115"))
        if one.chance is not None and one.score.value is not None:
            parts.append(line(axis.at(one.chance), y + 12, axis.at(one.chance), y + 46, class_="p-chance"))
        parts.append(_point(one.score.value, one.score.low, one.score.high, axis, y + 29, series=0))
    key, _ = legend([], _MARGIN, bottom + 17, width=330, chance="chance level (mean of tasks)")
    return Markup("").join([*parts, key])


def _point(value: float | None, low: float | None, high: float | None, axis: Scale, y: float, *, series: int) -> Markup:
    if value is None:
        return Markup("")
    span = [line(axis.at(low), y, axis.at(high), y, class_="p-range")] if low is not None and high is not None else []
    return element("g", *span, mark(series, axis.at(value), y), class_=f"p-s{series % len(MARKS)}")


def _attack(card: Card, bare: Sequence[AttackResult], results: Sequence[AttackResult]) -> Markup:
    """The strongest attacks with their controls, and what they reach in a sentence."""
    left, right = _RIGHT_COLUMN, WIDTH - _MARGIN
    axis = scale([], unit="fraction", begin=left + 6, end=right - 6)
    parts = [text("The attack and its control", left, 160, class_="p-strong p-15")]
    y = 178.0
    through = {
        (one.task, one.arm.attack): one.success
        for one in reversed(results)
        if one.arm.defences and not one.arm.transferred
    }
    for one in bare:
        marks: list[Finding | None] = [one.success, one.control, through.get((one.task, one.arm.attack))]
        told = f"{value_of(one.success)} ({interval_of(one.success)})"
        parts.append(text(fitted(f"{words(one.task)}: {told}", right - left), left, y + 13))
        for series, found in enumerate(marks):
            if found is not None:
                parts.append(_point(found.value, found.low, found.high, axis, y + 25 + 12 * series, series=series))
        y += 66
    grid = [line(axis.at(value), 178, axis.at(value), y, class_="p-grid") for value in axis.ticks]
    ticks = [
        text(f"{100 * value:g}", axis.at(value), y + 15, anchor="middle", class_="p-small") for value in axis.ticks
    ]
    names = ["attack", "control"] + (["attack on the defended system"] if through else [])
    key, n_lines = legend(names, left, y + 38, width=right)
    y += 38 + 19 * n_lines
    for place, part in enumerate(wrapped(card.attack, right - left, 12, most=7)):
        parts.append(text(part, left, y + 6 + 17 * place))
    return Markup("").join([*grid, *parts, *ticks, key])


def _foot(report: Report, card: Card) -> Markup:
    """What was not run, what was counted, and what must be said with every number."""
    names = [name for name, _ in card.not_run]
    left_out = f"Not run: {', '.join(names)}." if names else "Every task of the plan was run."
    note = (
        f"Note: {report.note}."
        if report.note
        else "These scores hold for this data and these tasks, and are no certificate."
    )
    room = WIDTH - 2 * _MARGIN
    said = [
        *wrapped(left_out, room),
        *wrapped(f"{card.counts} {report.scorecard.audio.words}", room),
        fitted(note, room - 90),
    ]
    y = HEIGHT - 17 - 18 * len(said)
    parts = [line(_MARGIN, y - 6, WIDTH - _MARGIN, y - 6, class_="p-grid")]
    parts += [text(one, _MARGIN, y + 14 + 18 * place, class_="p-soft") for place, one in enumerate(said)]
    parts.append(text("earnest", WIDTH - _MARGIN, HEIGHT - 20, anchor="end", class_="p-strong p-15"))
    return Markup("").join(parts)
