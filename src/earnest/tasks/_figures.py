"""Numbers and codes in an answer, whether written in figures or in words.

Number words are read in English; where a text holds no common English word, those of German, Spanish and French are
read too ("once" is eleven in Spanish alone). An ordinal is no number: "the first thing to note" names none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from earnest.metrics.sentences import plain
from earnest.tasks._number_words import FOREIGN, GERMAN_ORDINALS, ORDINALS, SIGNS, TENS, UNITS

_SCALES = {"hundred": 100, "thousand": 1000}
_TIMES = {"double": 2, "triple": 3}

_GERMAN_ORDINAL = re.compile(rf"\b({'|'.join(sorted(GERMAN_ORDINALS, key=len, reverse=True))})e[nrs]?\b ?")
_FOREIGN_WORDS = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, FOREIGN), key=len, reverse=True))})(?!\w)")
ENGLISH = frozenset((
    "the", "is", "i", "it's", "i'm", "i'd", "that", "of", "and", "to", "you", "this", "it", "my",
    "your", "are", "would", "about",
))  # fmt: skip  # a table: one row a line
"""Words by which a text is taken for English, so that no number words of other languages are read in it."""
_SIGN = f"[{''.join(SIGNS)}十百千点]"
_SIGN_RUN = re.compile(
    rf"{_SIGN}{{2,}}|(?<![^\s,:]){_SIGN}(?=\s*(?:[,.]|$))|{_SIGN}(?=\s*[分秒月日号])|(?<=[,]){_SIGN}|(?<=[月分]){_SIGN}"
)
_NO_NUMBER = re.compile("第[零一二三四五六七八九十百]+")
"""A Chinese ordinal."""

_ONE_AS_PRONOUN = re.compile(
    r"\b(?:the|no|any|every|some|this|that|which|each|another|only|other|first|second|last|good|right|wrong|same) one\b"
    r"|\bone(?='s| (?:of|another|who|that|can|should|could|must|may|thing|person|speaker|second|moment|reason|way"
    r"|cannot|at a time)\b)"
)
_HELD_ONE = "o\u0336ne"
_SMALL = "|".join(sorted((*UNITS, *TENS), key=len, reverse=True))
_AFTER_THOUSAND = re.compile(rf"\bthousand, (?=(?:(?:{_SMALL}) hundred|and (?:{_SMALL}))\b)")
"""A comma within one number: "four thousand, two hundred and one"."""
_FIGURES_AND_WORD = re.compile(r"\b(\d{1,3}) ?thousand(?:,| and)* ?(\d{1,3})\b")
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
    said = _AFTER_THOUSAND.sub("thousand ", said)
    said = _FIGURES_AND_WORD.sub(lambda match: str(1000 * int(match[1]) + int(match[2])), said)
    if not ENGLISH & set(re.findall(r"[a-z']+", said)):
        said = _GERMAN_WHOLE.sub(_of_german, said)
        said = _FOREIGN_WORDS.sub(lambda match: str(FOREIGN[match[0]]), said)
        said = _FOREIGN_THOUSANDS.sub(_of_thousands, said)
    said = _SIGN_RUN.sub(lambda match: _of_signs(match[0]), said)
    said = _ONE_AS_PRONOUN.sub(lambda match: match[0].replace("one", _HELD_ONE), said)
    return _RUN.sub(lambda match: _of_words(match[0]), said).replace(_HELD_ONE, "one")


_FROM_TWO = ("zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
_GERMAN_DIGITS = {"ein": 1, **{name: FOREIGN[name] for name in _FROM_TWO}}
_GERMAN_DIGIT = "|".join(_GERMAN_DIGITS)
_GERMAN_WHOLE = re.compile(
    rf"\b(?=(?:{_GERMAN_DIGIT})(?:tausend"
    rf"|hundert))(?:({_GERMAN_DIGIT})tausend(?:und)?)?(?:({_GERMAN_DIGIT})hundert(?:und)?)?"
    rf"({'|'.join(sorted(map(re.escape, FOREIGN), key=len, reverse=True))})?(?!\w)"
)
"""A German number of hundreds or thousands, which is one word."""
_SPANISH_HUNDREDS = {
    "cien": 1, "ciento": 1, "doscientos": 2, "trescientos": 3, "cuatrocientos": 4, "quinientos": 5, "seiscientos": 6,
    "setecientos": 7, "ochocientos": 8, "novecientos": 9,
}  # fmt: skip  # a table: one row a line
_FOREIGN_THOUSANDS = re.compile(
    rf"(?<!\w)(?:(\d{{1,2}}) )?mil(?:le)?\b(?:(?: (?:(\d) )?(?:cents?|100)| ({'|'.join(_SPANISH_HUNDREDS)}))\b)?(?:"
    rf" (?:et )?(\d{{1,2}})\b)?"
)
"""A Spanish or French number from a thousand on, whose smaller numbers are figures already."""


def _of_german(match: re.Match[str]) -> str:
    thousands, hundreds = (_GERMAN_DIGITS[part] if part else 0 for part in (match[1], match[2]))
    return str(1000 * thousands + 100 * hundreds + (FOREIGN[match[3]] if match[3] else 0))


def _of_thousands(match: re.Match[str]) -> str:
    hundreds = _SPANISH_HUNDREDS.get(match[3] or "", 0)
    if not hundreds and re.search(r"\b(?:cents?|100)\b", match[0]):
        hundreds = int(match[2] or 1)
    return str(1000 * int(match[1] or 1) + 100 * hundreds + int(match[4] or 0))


def _of_signs(signs: str) -> str:
    """Chinese numerals as figures: sign by sign, or with tens and hundreds."""
    if not set(signs) & set("十百千"):
        return "".join("." if sign == "点" else str(SIGNS[sign]) for sign in signs)
    total, unit = 0, None
    for sign in signs:
        if sign in "十百千":
            total, unit = total + (1 if unit is None else unit) * {"十": 10, "百": 100, "千": 1000}[sign], None
        else:
            unit = SIGNS.get(sign, 0)
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
        re.sub(r"(?<=\d),(?=\d{3}\b)", "", re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", in_figures(with_ordinals(text)))),
    )


def digits(text: str) -> str:
    """All numbers of a text as one string of digits.

    >>> digits("It is four two seven one."), digits("4 2-71")
    ('4271', '4271')
    """
    return "".join(numbers(text))


def with_ordinals(text: str) -> str:
    """A text with `3rd` for `third`, and `21st` for `twenty first`."""
    ordinal, tens = "|".join(ORDINALS), "|".join(TENS)
    text = _GERMAN_ORDINAL.sub(lambda m: f"{GERMAN_ORDINALS[m[1]]}. ", plain(text))
    text = re.sub(rf"\b({tens})[ -]({ordinal})\b", lambda m: f"{TENS[m[1]] + ORDINALS[m[2]]}th", text)
    return re.sub(rf"\b({ordinal})\b", lambda m: f"{ORDINALS[m[1]]}th", text)
