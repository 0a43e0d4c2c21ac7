"""A text as the words that it may stand for: one row of words, and other readings beside stretches of it.

"It costs $5" is the row "it costs five dollars" with "five dollar" beside its last two words. The row is the normal
form that `earnest.metrics.transcription.normalise_english` writes; most texts without figures are their row alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import add
from typing import NamedTuple

from earnest.metrics import _english as english
from earnest.metrics import _readings as readings
from earnest.metrics._characters import SIGNS, cleaned, folded
from earnest.metrics._number_words import NUMBER_WORDS, number_spans
from earnest.metrics._readings import Form, Graph

SHORT = 2000
"""Characters of the longest text whose lattice is kept."""
LONGEST_NOTE = 8
"""Words in round brackets or between asterisks that may be a note ("(coughs)", "*door closes*")."""


class Span(NamedTuple):
    """Other readings beside `words[start:end]`."""

    start: int
    end: int
    graph: Graph


@dataclass(frozen=True)
class Lattice:
    """The readings of one text.

    Attributes
    ----------
    words : tuple of str
        The reading that `normalise_english` writes; an empty one holds the place of a sign that goes unread.
    spans : tuple of Span
    """

    words: tuple[str, ...]
    spans: tuple[Span, ...] = ()

    @cached_property
    def row(self) -> tuple[str, ...]:
        """The words without empty ones."""
        return tuple(filter(None, self.words)) if "" in self.words else self.words

    @cached_property
    def held(self) -> frozenset[str]:
        """The words that the row holds."""
        return frozenset(self.words)

    def joined(self, words: frozenset[str]) -> list[tuple[int, int, str]]:
        """Where two or three words of the row may be written as one of `words`: from, to, and which."""
        row, two = self.words, list(map(add, self.words, self.words[1:]))
        three = list(map(add, two, row[2:]))
        if words.isdisjoint(two) and words.isdisjoint(three):
            return []
        found = [(at, at + 2, word) for at, word in enumerate(two) if word in words]
        found += [(at, at + 3, word) for at, word in enumerate(three) if word in words]
        return [(start, end, word) for start, end, word in found if _may_join(row[start:end])]


def _may_join(parts: Sequence[str]) -> bool:
    """Not "the rapist", nor letters said one by one that make another word ("u s" is not "us")."""
    joined = "".join(parts)
    if not all(parts) or (not english.ARTICLES.isdisjoint(parts) and joined not in english.WITH_ARTICLE):
        return False
    return joined not in english.SPELLED_WORDS or any(len(part) > 1 for part in parts)


def lattice(text: str) -> Lattice:
    """The readings of `text`."""
    return _kept(text) if len(text) <= SHORT else _lattice(text)


def joined(parts: Sequence[Lattice]) -> tuple[Lattice, list[int]]:
    """The lattice of texts one after the other, and to which of them each word of its row belongs."""
    words: list[str] = []
    spans: list[Span] = []
    owners: list[int] = []
    for number, part in enumerate(parts):
        at = len(words)
        spans += [Span(at + span.start, at + span.end, span.graph) for span in part.spans]
        words += part.words
        owners += [number] * len(part.words)
    return Lattice(tuple(words), tuple(spans)), owners


@lru_cache(maxsize=4096)
def _kept(text: str) -> Lattice:
    return _lattice(text)


def _lattice(text: str) -> Lattice:
    text = _without_notes(cleaned(text))
    if text.isupper() and len(text.split()) > 1:
        text = text.lower()  # capitals throughout tell no initialism from a word
    writer = _Writer(text, english.FILLERS)
    if not writer.read_words():
        writer.read_tokens()
        if _FOREIGN_FILLER.search(text) and _foreign(writer.words):
            writer = _Writer(text, english.FILLERS - english.FOREIGN_FILLERS)
            writer.read_tokens()
    return Lattice(tuple(writer.words), (*writer.spans, *writer.spans_of_numbers()))


_NOTES = re.compile(r"\[[^\[\]]*\]|</?[a-zA-Z][^<>]*>|\{[^{}]*\}")
_UH_HUH = re.compile(r"\b(?:uh|unh|mm|mhm|hm)[\s-]+huh\b", re.IGNORECASE)


def _without_notes(text: str) -> str:
    """Without what stands in square, curly and angle brackets, and without "uh-huh"."""
    if "[" in text or "{" in text or "<" in text:
        text = _NOTES.sub(" ", _NOTES.sub(" ", text))
    return _UH_HUH.sub(" ", text) if "huh" in text.lower() else text


# ---------------------------------------------------------------- one form a word

_IZE = re.compile(english.IZE)
_ONE_FORM = {
    **english.SPELLINGS,
    **{word: full for word, full in english.CONTRACTIONS.items() if "'" not in word},
    **dict.fromkeys(english.FILLERS, ""),
}


def _british(words: Iterable[str]) -> list[str]:
    """Each word in the one form that stands for all its spellings; hesitations go."""
    found: list[str] = []
    for word in words:
        form = _ONE_FORM.get(word)
        if form is None:
            ize = len(word) < 30 and ("iz" in word or "yz" in word)
            found.append(_IZE.sub(r"\1s\2", word) if ize else word)
        elif form:
            found += form.split()
    return found


@lru_cache(maxsize=16384)
def _simple(written: str) -> tuple[str, ...] | None:
    """The words that a token stands for whatever stands around it; None if that matters."""
    word = folded(written)
    if word in _IN_CONTEXT or "'" in word or len(word) > 40 or written.isupper() or written[-2:-1].isupper():
        return None
    return tuple(_british((word,)))


_FOREIGN_FILLER = re.compile(rf"\b(?:{'|'.join(english.FOREIGN_FILLERS)})\b", re.IGNORECASE)


def _foreign(words: Iterable[str]) -> bool:
    """Whether a text is German, Dutch or Portuguese rather than English, by its commonest words."""
    found = set(words)
    return len(found & english.FOREIGN_WORDS) >= max(2, 1 + len(found & english.ENGLISH_WORDS))


# ---------------------------------------------------------------- tokens

_L = rf"[^\s\d\x00-\x2f:-@\[-`{{-\x7f{SIGNS}]"
"""A letter or a mark, once a text is cleaned."""
_N = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)"
_MONEY = "[$£€¥₹₽₩₪]"
_SCALE = r"\s(?i:thousand|million|billion|trillion)|(?i:k|mn|mln|m|bn|b|tn)"
_TOKENS = re.compile(
    rf"""
    (?P<plain>(?<![^\s"(,])[A-Za-z][a-z]{{0,30}}(?=[\s,;!?"]|\.(?:\s|$)|$))
  | (?P<per>(?i:km/h|m/s|mi/h|ft/s|l/min|mb/s)(?!\w))
  | (?P<square>(?<![^\s\d])(?i:[kcm]?m|ft|in|mi|yd)[23](?!\w))
  | (?P<letters>(?:{_L}\.){{2,}}{_L}?(?!{_L})|(?<!{_L}){_L}\.{_L}(?!{_L}))
  | (?P<glued>(?<=\d){_L}{{1,5}}(?!{_L})|(?<!{_L}){_L}{{1,5}}(?=\d))
  | (?P<word>'?{_L}+(?:'{_L}+)*)
  | (?P<iso>(?<!\d)\d{{4}}-\d{{1,2}}-\d{{1,2}}(?![\d-]))
  | (?P<date>\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d\d)(?!\d)|\d{{1,2}}(?P<gap>[.-])\d{{1,2}}(?P=gap)\d{{4}}(?!\d))
  | (?P<phone>(?=(?:[ ()+.-]{{0,2}}\d){{7,15}}(?!\d))\+?\(?\d{{1,5}}\)?(?:[ -]\(?\d{{1,5}}\)?){{1,6}}(?![,.:/]?\d)
             |\+?\d{{1,4}}(?:\.\d{{3,4}}){{2,3}}(?![.,]?\d))
  | (?P<note>\([^()]{{0,80}}\)|(?<![*\w])\*[^*\s][^*]{{0,60}}\*(?![*\w]))
  | (?P<clock>(?<![\d:])\d{{1,2}}:\d\d(?::\d\d)?(?![\d:]))
  | (?P<ratio>\d{{1,9}}:\d{{1,9}})
  | (?P<feet>\d{{1,2}}'\s?\d{{1,2}}(?:"|''))
  | (?P<mixed>\d{{1,6}}[ -]\d{{1,3}}/\d{{1,3}}(?![\d/]))
  | (?P<fraction>\d{{1,6}}/\d{{1,6}}(?![\d/]))
  | (?P<dotted>\d{{1,9}}(?:\.\d{{1,9}}){{2,}})
  | (?P<money>{_MONEY}\s?(?P<amount>{_N}(?:\.\d+)?)
             (?:(?:\s?-\s?{_MONEY}?|\sto\s{_MONEY})(?P<upto>{_N}(?:\.\d+)?))?(?:(?P<scale>{_SCALE})(?!\w))?)
  | (?P<amount_first>{_N}(?:\.\d+)?\s?[€£¥₹₽₩₪¢$](?!\d))
  | (?P<ordinal>{_N}(?i:st|nd|rd|th)(?!\w))
  | (?P<decade>\d{{1,4}}'?s(?!\w))
  | (?P<comma>\d{{1,9}},\d{{1,2}}(?![\d,]))
  | (?P<decimal>{_N}\.\d+|(?<![\w.])\.\d+)
  | (?P<whole>{_N})
  | (?P<minus>(?<![^\s(])-(?={_MONEY}?\.?\d))
  | (?P<range>(?<=[\d%mM])\s?-\s?(?={_MONEY}?\d))
  | (?P<power>\^-?\d{{1,3}})
  | (?P<dot>(?<={_L})\.(?={_L}))
  | (?P<sign>[&%@=+×÷±°§~\#/_\\*^|<>$£€])
    """,
    re.VERBOSE,
)

_SIGN = re.compile(r"[^a-zA-Z\s',.!?;:\"-]")
_INITIALS = re.compile(r"[A-Z][A-Z]|\.[A-Za-z]|(?<![A-Za-z])[VX](?![A-Za-z])")
_ONE = re.compile(r"(?<![A-Za-z])([A-Za-z]{3,9}) I(?![A-Za-z'])")
_PUNCTUATION = str.maketrans(dict.fromkeys(',.!?;:"-', " "))
_STOPS = frozenset(f"{word}." for word in (*english.WITH_STOP, *english.BEFORE_NUMBER))
_WITH_READINGS = frozenset(english.ABBREVIATIONS)
_IN_CONTEXT = frozenset().union(
    english.UNITS,
    english.ABBREVIATIONS,
    english.WITH_STOP,
    english.BEFORE_NUMBER,
    english.LOANS,
    english.MONTHS,
    english.FOREIGN_FILLERS,
    english.BEFORE_MONEY,
)
"""Words whose reading hangs on what stands around them."""
_NUMBER_FOLLOWS = re.compile(
    r"(?P<stop>\.)\s?(?:#?\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty)\b)|\s?#?\d",
    re.IGNORECASE,
)
_RANGE_FOLLOWS = re.compile(r"\s?-\s?\d")
_ROMAN = re.compile(r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_POWERS = {"2": ("squared", "square"), "3": ("cubed", "cubic")}


class _Writer:
    """Writes the row of words of one text and the readings beside it, token by token."""

    def __init__(self, text: str, fillers: frozenset[str]) -> None:
        self.text = text
        self.fillers = fillers
        self.words: list[str] = []
        self.spans: list[Span] = []
        self.figures: list[tuple[int, int]] = []
        """Stretches that figures wrote, whose readings are known already."""
        self.number = -1
        """Where the last number ended, in words; -1 if no unit can follow it."""
        self.day: tuple[int, int] | None = None
        """Where the last number that may be a day began, and the number."""
        self.unit: tuple[int, Form] = (-1, "")
        """Where the last unit began, and its readings."""
        self.before_money = ""
        """Letters before a currency sign ("US$5")."""

    def read_words(self) -> bool:
        """Write a text of words alone; whether it is one."""
        if _SIGN.search(self.text) or _INITIALS.search(self.text):
            return False
        if any(word.lower() in english.CHAPTERS for word in _ONE.findall(self.text)):
            return False
        lower = self.text.lower()
        words = lower.translate(_PUNCTUATION).split()
        if not _WITH_READINGS.isdisjoint(words) or not english.FOREIGN_FILLERS.isdisjoint(words):
            return False
        if "." in lower and not _STOPS.isdisjoint(lower.split()):
            return False
        if not NUMBER_WORDS.isdisjoint(words) and _any_unit(words):
            return False
        if "'" not in lower:
            self.words = _british(words)
            return True
        for word in words:
            if "'" in word:
                self._contracted(word)
            else:
                self.words += _british((word,))
        return True

    def read_tokens(self) -> None:
        """Write any text."""
        words = self.words
        for token in _TOKENS.finditer(self.text):
            kind = token.lastgroup
            if (kind == "plain" or kind == "word") and (form := _simple(token[0])) is not None:
                words += form
            else:
                getattr(self, f"_{kind}")(token)

    def spans_of_numbers(self) -> list[Span]:
        """Other readings of numbers that are written in words, or in several figures."""
        if NUMBER_WORDS.isdisjoint(self.words):
            return []
        figure = {at: number for number, (start, end) in enumerate(self.figures) for at in range(start, end)}
        return [
            Span(start, end, graph)
            for start, end, graph in number_spans(self.words)
            if start not in figure or len({figure.get(at) for at in range(start, end)}) > 1
        ]

    # ------------------------------------------------------------ writing

    def _say(self, first: str, *others: Form) -> int:
        """Write a reading and others beside it; where it began."""
        start = len(self.words)
        others = tuple(form for at, form in enumerate(others) if form != first and form not in others[:at])
        self.words += first.split() or ([""] if others else [])
        self._beside(start, *others)
        return start

    def _beside(self, start: int, *others: Form) -> None:
        """Other readings of what was written from `start` on."""
        if others and len(self.words) > start:
            self.spans.append(Span(start, len(self.words), readings.graph_of(others)))

    def _figure(self, first: str, graph: Graph | None, *, day: int = 0) -> None:
        """Write a number; `day` is its value where it may be a day of a month."""
        start = len(self.words)
        after_month = day and self._last() in english.MONTHS
        self.words += first.split()
        if graph is not None:
            self.spans.append(Span(start, len(self.words), graph))
        if after_month:
            self._beside(start, *readings.day_after(day))
        self.figures.append((start, len(self.words)))
        self.number = len(self.words)
        self.day = (start, day) if 1 <= day <= 31 else None

    def _last(self) -> str:
        """The last word that is read."""
        return next((word for word in reversed(self.words) if word), "")

    def _around(self, token: re.Match[str]) -> tuple[str, str]:
        """The characters before and after a token."""
        return self.text[token.start() - 1 : token.start()], self.text[token.end() : token.end() + 1]

    # ------------------------------------------------------------ numbers

    def _whole(self, token: re.Match[str]) -> None:
        digits = token[0].replace(",", "")
        before, after = self._around(token)
        if digits in ("2", "4") and before.isalpha() and after.isalpha():  # "B2B"
            self._say(readings.plain_words(digits), "to" if digits == "2" else "for")
            return
        several = digits == "0" or 1 < len(digits) <= readings.LONGEST_RUN
        self._figure(
            readings.plain_words(digits),
            readings.graph(readings.number, digits) if several else None,
            day=int(digits) if len(token[0]) < 3 and int(digits) < 32 else 0,
        )

    def _ordinal(self, token: re.Match[str]) -> None:
        digits = token[0][:-2].replace(",", "")
        if len(digits) > readings.LONGEST_NUMBER:
            self._figure(readings.digit_words(digits), None)
            return
        value = int(digits)
        self._figure(
            readings.ordinal_words(value), readings.graph(readings.ordinal, value), day=value if value < 32 else 0
        )
        self.number = -1

    def _decade(self, token: re.Match[str]) -> None:
        digits = token[0].rstrip("'s")
        words = readings.number_words(int(digits))
        self._figure(readings.decade_words(int(digits)), readings.graph(readings.decade, digits))
        self._beside(self.number - len(words.split()), f"{words} seconds")

    def _decimal(self, token: re.Match[str]) -> None:
        whole, _, part = token[0].replace(",", "").partition(".")
        long = len(part) > readings.LONGEST_RUN or len(whole) > readings.LONGEST_NUMBER
        before = f"{readings.plain_words(whole)} " if whole else ""
        self._figure(
            f"{before}point {readings.digit_words(part)}",
            None if long else readings.graph(readings.decimal, whole, part),
        )

    def _comma(self, token: re.Match[str]) -> None:
        """A decimal comma, or two numbers without a space between them."""
        whole, part = token[0].split(",")
        self._figure(
            f"{readings.plain_words(whole)} {readings.plain_words(part)}", readings.graph(readings.decimal, whole, part)
        )

    def _dotted(self, token: re.Match[str]) -> None:
        groups = tuple(token[0].split("."))
        gaps = "." * (len(groups) - 1)
        self._figure(
            " point ".join(map(readings.plain_words, groups)),
            readings.graph(readings.groups_of_digits, groups, gaps, False) if len(groups) < 10 else None,
        )

    def _phone(self, token: re.Match[str]) -> None:
        groups = tuple(re.findall(r"\d+", token[0]))
        gaps = "".join(
            "-" if "-" in gap else "." if "." in gap else " " for gap in re.findall(r"(?<=\d)\D+(?=\d)", token[0])
        )
        words = readings.digit_words("".join(groups))
        plus = token[0][0] == "+"
        self._figure(f"plus {words}" if plus else words, readings.graph(readings.groups_of_digits, groups, gaps, plus))

    def _clock(self, token: re.Match[str]) -> None:
        parts = token[0].split(":")
        self._figure(readings.clock_words(*parts), readings.graph(readings.clock, *parts))

    def _ratio(self, token: re.Match[str]) -> None:
        one, other = token[0].split(":")
        self._figure(
            f"{readings.plain_words(one)} {readings.plain_words(other)}", readings.graph(readings.ratio, one, other)
        )

    def _feet(self, token: re.Match[str]) -> None:
        feet, inches = re.findall(r"\d+", token[0])
        self._figure(
            f"{readings.plain_words(feet)} feet {readings.plain_words(inches)} inches",
            readings.graph(readings.feet_and_inches, feet, inches),
        )

    def _mixed(self, token: re.Match[str]) -> None:
        whole, above, below = re.findall(r"\d+", token[0])
        words = f"{readings.plain_words(whole)} and {readings.fraction_words(above, below)}"
        self._figure(words, readings.graph(readings.mixed, whole, above, below))

    def _fraction(self, token: re.Match[str]) -> None:
        above, below = token[0].split("/")
        self._figure(readings.fraction_words(above, below), readings.graph(readings.fraction, above, below))

    def _date(self, token: re.Match[str]) -> None:
        parts = re.findall(r"\d+", token[0])
        self._figure(" ".join(map(readings.plain_words, parts)), readings.graph(readings.date, *parts))

    _iso = _date

    def _money(self, token: re.Match[str]) -> None:
        scale = english.SCALES[token["scale"].strip().lower()] if token["scale"] else ""
        self._amount(token["amount"], token["upto"] or "", scale, token[0][0])

    def _amount_first(self, token: re.Match[str]) -> None:
        self._amount(token[0][:-1].strip(), "", "", token[0][-1])

    def _amount(self, amount: str, upto: str, scale: str, sign: str) -> None:
        amount, upto, names = amount.replace(",", ""), upto.replace(",", ""), english.CURRENCIES[sign]
        short = len(amount) + len(upto) <= readings.LONGEST_RUN
        prefix, self.before_money = self.before_money, ""
        self._figure(
            readings.money_words(amount, upto, scale, names),
            readings.graph(readings.money, amount, upto, scale, names, prefix) if short else None,
        )

    # ------------------------------------------------------------ signs

    def _minus(self, token: re.Match[str]) -> None:
        self._say("minus", "negative")

    def _range(self, token: re.Match[str]) -> None:
        self._say("", "to", "dash", "minus", "hyphen", "through", "or")

    def _dot(self, token: re.Match[str]) -> None:
        self._say("", "dot", "point")

    def _power(self, token: re.Match[str]) -> None:
        power = token[0][1:]
        start, unit = self.unit if self.number == len(self.words) else (-1, "")
        here = len(self.words)
        self.words += readings.power_words(power).split()
        self.spans.append(Span(here, len(self.words), readings.graph(readings.power, power)))
        if start >= 0 and power in _POWERS:
            self._beside(start, (_POWERS[power][1], unit), (unit, _POWERS[power][0]))
            self.number = len(self.words)

    def _sign(self, token: re.Match[str]) -> None:
        sign, (before, after) = token[0], self._around(token)
        forms = english.SIGNS[sign]
        follows = self.number == len(self.words)
        if sign == "#" and after.isdigit():
            forms = ("number", "hashtag", "hash", "pound", "")
        elif sign == "*" and follows and after.isdigit():
            forms = ("times", "by", "star")
        elif sign == "#" and before.strip():
            forms = ("", "sharp", "hash")
        elif sign == "%" and _RANGE_FOLLOWS.match(self.text, token.end()):
            forms = (*forms, "")  # "5%-10%"
        self._say(*forms)
        if follows and sign in "°%/":
            self.number = len(self.words)

    def _note(self, token: re.Match[str]) -> None:
        """What stands in round brackets: words, or nothing where it may be a note."""
        inner, start = _Writer(token[0][1:-1], self.fillers), len(self.words)
        inner.read_tokens()
        self.words += inner.words
        self.spans += [Span(start + span.start, start + span.end, span.graph) for span in inner.spans]
        self.figures += [(start + first, start + last) for first, last in inner.figures]
        if len(inner.words) <= LONGEST_NOTE and not inner.figures:
            self._beside(start, "")

    # ------------------------------------------------------------ words

    def _per(self, token: re.Match[str]) -> None:
        self._say(*english.PER[token[0].lower()])

    def _square(self, token: re.Match[str]) -> None:
        """Letters with 2 or 3: a square measure after a number, else just that."""
        letters, digit = folded(token[0][:-1]), token[0][-1]
        if not self._follows_number():
            self._spelled(letters)
            self.words.append(readings.plain_words(digit))
            return
        name, of_unit = _POWERS[digit]
        plain = f"{letters} {readings.plain_words(digit)}"
        self._say(f"{of_unit} {english.SQUARES[letters]}", (list(english.UNITS[letters]), name), plain)

    def _letters(self, token: re.Match[str]) -> None:
        """Letters with full stops ("U.S.", "a.m.")."""
        letters = folded(token[0]).replace(".", "")
        start = self._say(
            " ".join(letters), english.SPELLINGS.get(letters, letters), *english.ABBREVIATIONS.get(letters, ())
        )
        if self.number == start:
            self.number = len(self.words)

    def _word(self, token: re.Match[str]) -> None:
        word = folded(token[0])
        if "'" in word:
            self._contracted(word)
        else:
            self._word_in_context(word, token)

    def _glued(self, token: re.Match[str]) -> None:
        """Letters next to digits ("MP3", "5km"): a unit, a word, or spelled."""
        word = folded(token[0])
        if not self._as_unit(word):
            self._spelled(word)

    def _spelled(self, word: str) -> None:
        forms = english.ABBREVIATIONS.get(word) or (" ".join(_british((word,))),)
        if forms[0]:
            self._say(*forms, word, " ".join(word))

    _plain = _word

    def _word_in_context(self, word: str, token: re.Match[str]) -> None:
        if word in english.BEFORE_MONEY and self._around(token)[1] in english.CURRENCIES:
            self.before_money = " ".join(word)
            return
        if self._as_unit(word) or self._as_abbreviation(word, token):
            return
        if self._as_numeral(token[0]) or self._as_initialism(token[0]):
            return
        self._alone(word)
        if word in english.MONTHS:
            self._end_of_day()

    def _alone(self, word: str) -> None:
        """A word by itself."""
        if self._as_unit(word):
            return
        if word in english.ABBREVIATIONS:
            self._say(*english.ABBREVIATIONS[word], word)
        elif word in english.LOANS:
            self._say(word, english.LOANS[word])
        elif word in english.FOREIGN_FILLERS and word not in self.fillers:
            self.words.append(word)
        else:
            self.words += _british((word,))

    def _end_of_day(self) -> None:
        """A month was written: the number before it may be a day ("3 May")."""
        if self.day is not None and self.figures[-1][1] == len(self.words) - 1:
            start, day = self.day
            self.spans.append(Span(start, len(self.words) - 1, readings.graph(readings.day_before, day)))

    def _follows_number(self) -> bool:
        return self.number == len(self.words) or self._last() in NUMBER_WORDS

    def _as_unit(self, word: str) -> bool:
        if word not in english.UNITS or not self._follows_number():
            return False
        if word in ("c", "f") and self._last() == "degrees":
            self._say(*(("celsius", "c", "centigrade", "") if word == "c" else ("fahrenheit", "f", "")))
            return True
        self.unit = self._say(*english.UNITS[word], word), list(english.UNITS[word])
        self.number = len(self.words)
        return True

    def _as_abbreviation(self, word: str, token: re.Match[str]) -> bool:
        forms = english.ABBREVIATIONS.get(word, ())
        if word in english.WITH_STOP and self.text.startswith(".", token.end()):
            forms = (word, *english.WITH_STOP[word])
        if word in english.BEFORE_NUMBER and (follows := _NUMBER_FOLLOWS.match(self.text, token.end())):
            full = english.BEFORE_NUMBER[word]
            forms = (*full, *forms) if follows["stop"] else (*forms, word, *full)
        if forms:
            self._say(*forms, word)
        return bool(forms)

    def _as_numeral(self, written: str) -> bool:
        """A Roman numeral after a name, or after a word that counts ("Chapter IV")."""
        if not written.isupper() or not _ROMAN.fullmatch(written) or not self.words:
            return False
        if len(written) == 1 and self._last() not in english.CHAPTERS:
            return False
        start = self._say(folded(written), *([" ".join(folded(written))] if len(written) > 1 else []))
        self.spans.append(Span(start, len(self.words), readings.graph(readings.numeral, _roman(written))))
        return True

    def _as_initialism(self, written: str) -> bool:
        """Capitals, in a text that has small letters too."""
        letters = written[:-1] if written[-1] == "s" and len(written) > 2 else written
        if not (1 < len(letters) < 6 and letters.isupper() and letters.isascii()):
            return False
        word, ending = folded(letters), written[len(letters) :]
        spelled = " ".join(word)
        if word in self.fillers:
            self._say("", spelled)
        elif ending:
            self._say(f"{word}s", f"{spelled}s", f"{spelled} s")
        else:
            self._say(" ".join(_british((word,))), spelled, word)
        return True

    def _contracted(self, word: str) -> None:
        """A word with an apostrophe."""
        form = english.CONTRACTIONS.get(word)
        if form is None:
            word = word.strip("'")
            form = english.CONTRACTIONS.get(word)
        stem, mark, ending = word.rpartition("'")
        ending = mark + ending
        if form is not None:
            self._full(word, form, ending)
        elif not mark:
            self._alone(word)
        elif "'" not in stem and ending == "'s":
            start, base = len(self.words), " ".join(_british((stem,)))
            self.words += _british((f"{stem}s",))
            self._beside(start, f"{base} is", f"{base} has", f"{base} s", *([base] if base.endswith("s") else []))
        elif "'" not in stem and ending in english.AFTER_NOUNS:
            first, *others = english.AFTER_NOUNS[ending]
            self._alone(stem)
            self.words.append(first)
            self._beside(len(self.words) - 1, *others)
        else:
            for part in word.split("'"):
                self._alone(part)

    def _full(self, word: str, form: str, ending: str) -> None:
        """A contraction in full, with its second reading."""
        self.words += form.split()
        if ending in english.SECOND_READING and self.words[-1] in ("is", "would"):
            self._beside(len(self.words) - 1, english.SECOND_READING[ending])
        if word == "it's":
            self._beside(len(self.words) - 2, "its")


def _any_unit(words: Sequence[str]) -> bool:
    words = [word for word in words if word not in english.FILLERS]
    return any(word in english.UNITS and before in NUMBER_WORDS for before, word in zip(words, words[1:]))


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0]))
