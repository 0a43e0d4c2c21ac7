"""Numbers, codes and dates in an answer, whether written in figures or in words.

Number words are read in English; where a text holds no common English word, those of German, Spanish, French and
Chinese are read too ("once" is eleven in Spanish alone). An ordinal is no number but in a date: "the first thing to
note" names none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from earnest.metrics.sentences import plain

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth",
)  # fmt: skip
UNITS = {word: number for number, word in enumerate(_UNITS)}
TENS = {word: 10 * number for number, word in enumerate(_TENS, start=2)} | {"fourty": 40}
ORDINALS = {word: number for number, word in enumerate(_ORDINALS, start=1)} | {"thirtieth": 30}
_SCALES = {"hundred": 100, "thousand": 1000}
_TIMES = {"double": 2, "triple": 3}

_GERMAN = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn"
    " siebzehn achtzehn neunzehn"
).split()
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
_SPANISH = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete"
    " dieciocho diecinueve"
).split()
_SPANISH_TENS = "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa".split()
_FRENCH = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept"
    " dix-huit dix-neuf"
).split()
_FRENCH_TENS = "vingt trente quarante cinquante soixante soixante-dix quatre-vingts quatre-vingt-dix".split()


def _german() -> dict[str, int]:
    units, tens = (
        {word: n for n, word in enumerate(_GERMAN)},
        {word: 10 * n for n, word in enumerate(_GERMAN_TENS, start=2)},
    )
    joined = {
        f"{'ein' if unit == 1 else name}und{ten}": value + unit for ten, value in tens.items() for name, unit in units.items() if 0 < unit < 10
    }  # fmt: skip
    return units | tens | joined | {"dreissig": 30, "zwo": 2, "hundert": 100, "einhundert": 100}


def _spanish() -> dict[str, int]:
    units, tens = (
        {word: n for n, word in enumerate(_SPANISH)},
        {word: 10 * n for n, word in enumerate(_SPANISH_TENS, start=2)},
    )
    joined = {
        f"{ten} y {name}": value + unit for ten, value in tens.items() for name, unit in units.items() if 0 < unit < 10
    }
    twenties = {f"veinti{name}": 20 + unit for name, unit in units.items() if 0 < unit < 10}
    return units | tens | joined | twenties | {"cien": 100, "veintidós": 22, "veintitrés": 23, "veintiséis": 26}


def _french() -> dict[str, int]:
    units, tens = (
        {word: n for n, word in enumerate(_FRENCH)},
        {word: 10 * n for n, word in enumerate(_FRENCH_TENS, start=2)},
    )
    joined: dict[str, int] = {}
    for ten, value in tens.items():
        base = ten.removesuffix("-dix").removesuffix("s") if value in (70, 90) else ten.removesuffix("s")
        start = value - 10 if value in (70, 90) else value
        joined |= {
            f"{base}{dash}{name}": start + unit
            for name, unit in units.items()
            if value - start < unit < value - start + 10
            for dash in "- "
        }
        joined |= {f"{base} et un": value + 1, f"{base}-et-un": value + 1, ten.replace("-", " "): value}
    return units | tens | joined | {"cent": 100, "quatre-vingt": 80}


_GERMAN_ORDINALS = {word + ("st" if n > 19 else "t"): n for word, n in _german().items() if 0 < n < 32} | {
    "erst": 1,
    "dritt": 3,
    "siebt": 7,
    "acht": 8,
}
_GERMAN_ORDINAL = re.compile(rf"\b({'|'.join(sorted(_GERMAN_ORDINALS, key=len, reverse=True))})e[nrs]?\b ?")
_FOREIGN: Mapping[str, int] = _german() | _spanish() | _french()
_FOREIGN_WORDS = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, _FOREIGN), key=len, reverse=True))})(?!\w)")
_ENGLISH = frozenset("the is i it's i'm i'd that of and to you this it my your are would about".split())
_SIGNS = {sign: n for n, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_SIGN = f"[{''.join(_SIGNS)}十百点]"
_SIGN_RUN = re.compile(
    rf"{_SIGN}{{2,}}|(?<![^\s,:]){_SIGN}(?=\s*(?:[,.]|$))|{_SIGN}(?=\s*[分秒月日号])|(?<=[,]){_SIGN}|(?<=[月分]){_SIGN}"
)
_NO_NUMBER = re.compile(r"一(?:[个個位些下样樣直起次段种種定]|声)|第[一二三四五六七八九十]+|唯一|之一|统一")

_ONE_AS_PRONOUN = re.compile(
    r"\b(?:the|no|any|every|some|this|that|which|each|another|only|other|first|second|last|good|right|wrong|same) one\b"
    r"|\bone(?='s| (?:of|another|who|that|can|should|could|must|may|thing|person|speaker|second|moment|reason|way"
    r"|cannot|at a time)\b)"
)
_HELD_ONE = "o\u0336ne"
_SMALL = "|".join(sorted((*UNITS, *TENS), key=len, reverse=True))
_RUN = re.compile(
    rf"\b(?:(?:double|triple) (?:{_SMALL}|\d)\b|a hundred\b|(?:{_SMALL}|hundred|thousand)\b)"
    rf"(?:(?: |-)(?:and )?(?:(?:double|triple) (?:{_SMALL}|\d)|{_SMALL}|hundred|thousand|oh|o)\b)*"
)


@lru_cache(maxsize=512)
def in_figures(text: str) -> str:
    """A plain text with figures for its number words; "one" as a pronoun, and ordinals, stay as they are.

    >>> in_figures("It is forty-two seventy-one."), in_figures("four thousand two hundred and seventy one")
    ('it is 42 71.', '4271')
    """
    said = _NO_NUMBER.sub(" ", plain(text))
    if not _ENGLISH & set(re.findall(r"[a-z']+", said)):
        said = _FOREIGN_WORDS.sub(lambda found: str(_FOREIGN[found[0]]), said)
    said = _SIGN_RUN.sub(lambda found: _of_signs(found[0]), said)
    said = _ONE_AS_PRONOUN.sub(lambda found: found[0].replace("one", _HELD_ONE), said)
    return _RUN.sub(lambda found: _of_words(found[0]), said).replace(_HELD_ONE, "one")


def _of_signs(signs: str) -> str:
    """Chinese numerals as figures: sign by sign, or with tens and hundreds."""
    if not set(signs) & set("十百"):
        return "".join("." if sign == "点" else str(_SIGNS[sign]) for sign in signs)
    total, unit = 0, None
    for sign in signs:
        if sign in "十百":
            total, unit = total + (1 if unit is None else unit) * (10 if sign == "十" else 100), None
        else:
            unit = _SIGNS.get(sign, 0)
    return str(total + (unit or 0))


def _of_words(run: str) -> str:
    """A run of number words as figures, one for each number in it: `forty two seventy one` is `42 71`."""
    found: list[int] = []
    last, times = "", 1
    for word in re.split(r"[ -]", run):
        if word in _TIMES:
            times = _TIMES[word]
        elif word in _SCALES:
            found[-1:] = [_scaled(found[-1] if found else 1, _SCALES[word])]
        elif word not in ("and", "a"):
            value = 0 if word in ("oh", "o") else UNITS.get(word, TENS.get(word, -1))
            value = int(word) if value < 0 else value
            if found and (last in _SCALES or last == "and" or (last in TENS and 0 < value < 10)):
                found[-1] += value
            else:
                found += [value] * times
            times = 1
        last = word
    return " ".join(map(str, found))


def _scaled(number: int, scale: int) -> int:
    """A number after "hundred" or "thousand"; of 4002 hundred, only the 2 is meant."""
    rest = number % 1000
    return number * scale if scale == 1000 or number < 100 else number - rest + rest * scale


_APART = re.compile(r"(?:[\s,.\-/;·#]|\band\b|\bthen\b|\bund\b|\by\b|\bet\b)+")
_COUNTED = re.compile(
    r"\d+ (?:\w+ )?(?:reasons?|people|persons?|speakers?|things?|times?|minutes?|seconds?|ways?|steps?|questions?"
    r"|options?|recordings?|digits?|words?|numbers?|notes?|voices?|parts?|codes?|figures|sentences?|points?|hours?"
    r"|years?|days?|percent)\b"
)


@lru_cache(maxsize=512)
def codes(text: str) -> tuple[tuple[str, ...], ...]:
    """Numbers that stand together, in groups: `42 71` is one group of two. What is counted ("two reasons") is none.

    >>> codes("There is 1 code: 4 2 7 1."), codes("The first thing to note: there are three reasons.")
    ((('4', '2', '7', '1'),), ())
    """
    said = re.sub(r"\b\d+(?:st|nd|rd|th)\b", " ", in_figures(text))
    found: list[list[str]] = []
    end = 0
    for figure in re.finditer(
        r"\d+", _COUNTED.sub(lambda m: " " * len(m[0]) if len(re.match(r"\d+", m[0])[0]) < 3 else m[0], said)
    ):  # type: ignore[index]
        if found and _APART.fullmatch(said[end : figure.start()]):
            found[-1].append(figure[0])
        else:
            found.append([figure[0]])
        end = figure.end()
    return tuple(map(tuple, found))


def numbers(text: str) -> list[str]:
    """Numbers in the order of the text, as figures, ordinals in words or figures among them.

    >>> numbers("four two seven one"), numbers("the twenty first of May"), numbers("Code 42-71"), numbers("4,271")
    (['4', '2', '7', '1'], ['21'], ['42', '71'], ['4271'])
    """
    return re.findall(
        r"\d+",
        re.sub(
            r"(?<=\d),(?=\d{3}\b)", "", re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", in_figures(_as_figure_ordinals(text)))
        ),
    )


def digits(text: str) -> str:
    """All numbers of a text as one string of digits.

    >>> digits("It is four two seven one."), digits("4 2-71")
    ('4271', '4271')
    """
    return "".join(numbers(text))


# ---------------------------------------------------------------- dates

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
    said = in_figures(_as_figure_ordinals(text))
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


def _as_figure_ordinals(text: str) -> str:
    """A text with `3rd` for `third`, and `21st` for `twenty first`."""
    ordinal, tens = "|".join(ORDINALS), "|".join(TENS)
    text = _GERMAN_ORDINAL.sub(lambda m: f"{_GERMAN_ORDINALS[m[1]]}. ", plain(text))
    text = re.sub(rf"\b({tens})[ -]({ordinal})\b", lambda m: f"{TENS[m[1]] + ORDINALS[m[2]]}th", text)
    return re.sub(rf"\b({ordinal})\b", lambda m: f"{ORDINALS[m[1]]}th", text)
