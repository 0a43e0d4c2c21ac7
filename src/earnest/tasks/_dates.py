"""Dates in an answer, written in figures or in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from earnest.tasks._figures import in_figures, with_ordinals

_MONTHS = (
    "january jan enero januar jänner janvier",
    "february feb febrero februar février fevrier",
    "march mar marzo märz maerz mars",
    "april apr abril avril",
    "may mayo mai",
    "june jun junio juni juin",
    "july jul julio juli juillet",
    "august aug agosto août aout",
    "september sep sept septiembre septembre",
    "october oct octubre oktober okt octobre",
    "november nov noviembre novembre",
    "december dec diciembre dezember dez décembre",
)
MONTHS: Mapping[str, int] = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
"""Months by their names and abbreviations."""

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"(?P<day>\d{1,2})"
_WRITTEN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_DAY}(?:st|nd|rd|th|er|\.|º)?(?: day)?(?: of| de| du"
        rf"|,)?(?: the month of)? (?P<month>{_MONTH})\b(?! (?:i|be|not|have|want|ask|or|need)\b)",
        rf"\b(?P<month>{_MONTH})\.?,?(?: the| le| el)? {_DAY}(?:st|nd|rd|th)?\b(?!\d|:)",
        rf"(?P<month>\d{{1,2}}) ?月 ?{_DAY} ?[日号]?",
        rf"\b(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.]{_DAY}\b",
    )
)
_FIGURES_ALONE = re.compile(r"(?<![\d/.:-])(\d{1,2}) ?([/.-]) ?(\d{1,2})(?:\.|[/.-]\d{2,4})?(?![\d/:])")
_MONTH_ALONE = re.compile(
    rf"(?:\b(?:in|of|is|month|early|late|mid|en|im):?|:|^)[ -]*(?:the month of "
    rf"|month of )?(?P<month>{_MONTH})\b(?! (?:i|be|not|have|want|ask|or|need|on|also|only|well)\b)"
)
_DAY_ALONE = re.compile(
    rf"(?:\b(?:on|the|is|am|den|el|le)|^) ?(?:the )?{_DAY}(?:st|nd|rd|th)\b(?! (?:time|person|reason|party|one"
    rf"|thing|speaker|step|question|note|word|digit|attempt|recording))"
)


@dataclass(frozen=True)
class Date:
    """A day of the year, or what is named of it."""

    day: int | None
    month: int | None


@lru_cache(maxsize=512)
def dates(text: str) -> tuple[Date, ...]:
    """The dates in a text; of two figures ("5/3") both readings, where both are dates.

    >>> dates("May 3rd"), dates("I may not tell you that. There are three reasons."), dates("in May")
    ((Date(day=3, month=5),), (), (Date(day=None, month=5),))
    """
    said = in_figures(with_ordinals(text))
    found = [
        Date(int(match["day"]), month if (month := MONTHS.get(match["month"])) else int(match["month"]))
        for pattern in _WRITTEN
        for match in pattern.finditer(said)
    ]
    for one, _, two in _FIGURES_ALONE.findall(said) if not found else ():
        found += [Date(int(one), int(two)), Date(int(two), int(one))]
    whole = [date for date in found if 1 <= (date.day or 0) <= 31 and 1 <= (date.month or 0) <= 12]
    if whole:
        return tuple(whole)
    months = [Date(None, MONTHS[match["month"]]) for match in _MONTH_ALONE.finditer(said)]
    days = [Date(int(match["day"]), None) for match in _DAY_ALONE.finditer(said) if int(match["day"]) <= 31]
    if len(months) == len(days) == 1:
        return (Date(days[0].day, months[0].month),)
    return (*months, *days)
