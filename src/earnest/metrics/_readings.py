"""How figures are read aloud: every reading of a number, a time, an amount of money or a date, as a graph of words.

A *form* says which words may stand in a place. It is a text (its words follow one another; empty is nothing at all),
a tuple (one form after the other), a list (one form or the other) or `Digits` (a run of digits, read one by one, with
"double", or in pairs: "4271" is "four two seven one" and "forty two seventy one").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

Form = Any
"""str | tuple[Form, ...] | list[Form] | Digits; nested, so that no type checker follows it."""

LONGEST_NUMBER = 15
"""Digits of the longest number that is read as a quantity."""
LONGEST_RUN = 24
"""Digits of the longest run that has more than one reading."""

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip  # a table: one row a line
TENS = ("_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip  # a table: one row a line
ZERO = ["zero", "oh", "o", "nought"]
"""What a 0 inside a number is called."""
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip  # a table: one row a line


def number_words(number: int) -> str:
    """A whole number of at least 0 in words, without hyphens and without "and".

    >>> number_words(1021)
    'one thousand twenty one'
    """
    if number < 100:
        return _below_hundred(number)
    size, name = next(scale for scale in SCALES if number >= scale[0])
    rest = f" {number_words(number % size)}" if number % size else ""
    return f"{number_words(number // size)} {name}{rest}"


def _below_hundred(number: int) -> str:
    if number < 20:
        return ONES[number]
    return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")


def ordinal_words(number: int) -> str:
    """The place that a whole number counts, in words.

    >>> ordinal_words(21)
    'twenty first'
    """
    return _with_last(number_words(number), _ordinal_word)


def _with_last(words: str, change: Callable[[str], str]) -> str:
    before, _, last = words.rpartition(" ")
    return f"{before} {change(last)}".strip()


def _ordinal_word(word: str) -> str:
    if word in ORDINALS:
        return ORDINALS[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"


def plural_word(word: str) -> str:
    """The plural of a number word: "eighty" gives "eighties"."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}es" if word.endswith("x") else f"{word}s"


def digit_words(digits: str) -> str:
    """Digits in words, one by one."""
    return " ".join(ONES[int(digit)] for digit in digits)


def plain_words(digits: str) -> str:
    """The one reading of a run of digits that `normalise_english` writes.

    Digit by digit where it opens with 0 or is too long to be a quantity.
    """
    if (digits[0] == "0" and len(digits) > 1) or len(digits) > LONGEST_NUMBER:
        return digit_words(digits)
    return number_words(int(digits))


# ---------------------------------------------------------------- graphs


class Digits(str):
    """A run of digits that may be read in any of the ways in which digits are read."""

    __slots__ = ()


class Graph:
    """The readings of one figure: words on the edges of a graph from its first node to its last.

    Attributes
    ----------
    edges : list of (int, str, int)
        From, word (empty: passed without a word), to; every edge leads to a higher node.
    n_nodes : int
    words : frozenset of str
        All words of all readings.
    shortest : int
        Words of the shortest reading.
    """

    __slots__ = ("edges", "n_nodes", "shortest", "words")

    def __init__(self, form: Form) -> None:
        self.edges: list[tuple[int, str, int]] = []
        self.n_nodes = 2
        self._put(form, 0, 1)
        self._sort()
        self.words = frozenset(word for _, word, _ in self.edges if word)
        self.shortest = self._least_words()

    def matters(self, n_words: int, held: frozenset[str]) -> bool:
        """Whether a text that holds these words can be nearer to a reading than to a row of `n_words`."""
        return self.shortest < n_words or not self.words.isdisjoint(held)

    def _sort(self) -> None:
        """Leave out what leads nowhere, and number the nodes so that every edge leads upwards."""
        into: dict[int, set[int]] = {}
        for start, _, end in self.edges:
            into.setdefault(end, set()).add(start)
        alive, waiting = {1}, [1]
        while waiting:
            new = into.get(waiting.pop(), set()) - alive
            alive |= new
            waiting += new
        self.edges = [edge for edge in self.edges if edge[2] in alive]
        ahead = Counter(end for _, _, end in self.edges)
        out: dict[int, list[int]] = {}
        for start, _, end in self.edges:
            out.setdefault(start, []).append(end)
        order: dict[int, int] = {}
        free = [0]
        while free:
            node = free.pop()
            order[node] = len(order)
            for end in out.get(node, ()):
                ahead[end] -= 1
                if not ahead[end]:
                    free.append(end)
        self.n_nodes = len(alive)
        self.edges = sorted((order[start], word, order[end]) for start, word, end in self.edges)

    def _least_words(self) -> int:
        least = [0] + [len(self.edges) + 1] * (self.n_nodes - 1)
        for start, word, end in self.edges:
            least[end] = min(least[end], least[start] + (word != ""))
        return least[-1]

    def _node(self) -> int:
        self.n_nodes += 1
        return self.n_nodes - 1

    def _put(self, form: Form, start: int, end: int) -> None:
        if isinstance(form, list):
            for choice in form:
                self._put(choice, start, end)
        elif isinstance(form, Digits):
            self._put_digits(form, start, end)
        elif isinstance(form, tuple):
            self._put_chain([part for part in form if part != ""], start, end)
        else:
            self._put_words(form.split() or [""], start, end)

    def _put_chain(self, parts: list[Form], start: int, end: int) -> None:
        for part in parts[:-1]:
            node = self._node()
            self._put(part, start, node)
            start = node
        self._put(parts[-1] if parts else "", start, end)

    def _put_words(self, words: list[str], start: int, end: int) -> None:
        for word in words[:-1]:
            node = self._node()
            self.edges.append((start, word, node))
            start = node
        self.edges.append((start, words[-1], end))

    def _put_digits(self, digits: str, start: int, end: int) -> None:
        """Digits one by one, "double" and "triple", and in pairs.

        After "twenty" no single digit but 0 may follow: "twenty five" is 25 and not 205.
        """
        n = len(digits)
        places = [start, *(self._node() for _ in range(n - 1)), end]
        after_tens: dict[int, int] = {}
        for at in range(n):
            for node in filter(None, (places[at] if at else None, after_tens.get(at))):
                self._put_from(digits, at, node, places, after_tens)
            if not at:
                self._put_from(digits, 0, start, places, after_tens)

    def _put_from(self, digits: str, at: int, node: int, places: list[int], after_tens: dict[int, int]) -> None:
        left, digit = len(digits) - at, digits[at]
        names = ZERO if digit == "0" else [ONES[int(digit)]]
        if digit == "0" or after_tens.get(at) != node:
            self._put(names, node, places[at + 1])
        for n, name in ((2, "double"), (3, "triple")):
            if left >= n and digits[at : at + n] == digit * n:
                self._put((name, names), node, places[at + n])
        if left >= 2 and digit != "0":
            pair = int(digits[at : at + 2])
            target = places[at + 2]
            if pair >= 20 and pair % 10 == 0 and left > 2:
                target = after_tens.setdefault(at + 2, self.n_nodes)
                self.n_nodes = max(self.n_nodes, target + 1)
            self._put_words(_below_hundred(pair).split(), node, target)
        if left == 3 and at and digit != "0" and digits.endswith("00"):
            self._put_words([ONES[int(digit)], "hundred"], node, places[-1])  # "0800"


# ---------------------------------------------------------------- forms


def _same(word: str) -> str:
    return word


def cardinal(number: int, *, last: Callable[[str], str] = _same) -> Form:
    """A quantity, with and without "and" and with "a" for the "one" that opens it.

    `last` changes the last word, as for ordinals.
    """
    if number in (100, 1000, 10**6):
        return (["one", "a", ""], last(dict(SCALES)[number]))
    return _cardinal(number, opens=True, last=last)


def _cardinal(number: int, *, opens: bool, last: Callable[[str], str]) -> Form:
    if number < 100:
        return _with_last(_below_hundred(number), last)
    size, name = next(scale for scale in SCALES if number >= scale[0])
    head, rest = divmod(number, size)
    lead = ["one", "a"] if head == 1 and opens else _cardinal(head, opens=opens, last=_same)
    if not rest:
        return (lead, last(name))
    joint = ["", "and"] if size == 100 or rest < 100 else ""
    return (lead, name, joint, _cardinal(rest, opens=False, last=last))


def number(digits: str) -> Form:
    """A run of digits as a quantity, digit by digit, in pairs, as a year.

    Only digit by digit where it is longer than a quantity, and only one digit after the other beyond `LONGEST_RUN`.
    """
    if len(digits) > LONGEST_RUN:
        return digit_words(digits)
    if len(digits) == 1:
        return [*ZERO, "nil"] if digits == "0" else ONES[int(digits)]
    if digits[0] == "0" or len(digits) > LONGEST_NUMBER:
        return Digits(digits)
    return [cardinal(int(digits)), *_hundreds(digits, last=_same), *_millions(digits), Digits(digits)]


def _hundreds(digits: str, *, last: Callable[[str], str]) -> list[Form]:
    """Four digits with "hundred": "nineteen hundred and five"."""
    if len(digits) != 4 or digits[1] == "0":
        return []
    head, rest = divmod(int(digits), 100)
    if not rest:
        return [(_below_hundred(head), last("hundred"))]
    return [(_below_hundred(head), "hundred", ["", "and"], _with_last(_below_hundred(rest), last))]


def _millions(digits: str) -> list[Form]:
    """Millions with a point where no digit is lost: "one point two five million"."""
    for zeros, name in ((12, "trillion"), (9, "billion"), (6, "million")):
        if len(digits) > zeros:
            head, fraction = digits[:-zeros], digits[-zeros:].rstrip("0")
            return [] if not 0 < len(fraction) < 3 else [(decimal(head, fraction), name)]
    return []


def ordinal(number: int) -> Form:
    """The place that a whole number counts."""
    return cardinal(number, last=_ordinal_word)


def decade(digits: str) -> Form:
    """The plural of a number: "1980s" as "nineteen eighties"."""
    forms = [cardinal(int(digits), last=plural_word), *_hundreds(digits, last=plural_word)]
    if len(digits) == 4 and digits[2] != "0":
        forms.append((_below_hundred(int(digits[:2])), _with_last(_below_hundred(int(digits[2:])), plural_word)))
    return forms


def decade_words(number: int) -> str:
    """The one reading of a decade that `normalise_english` writes."""
    return _with_last(number_words(number), plural_word)


def decimal(whole: str, fraction: str) -> Form:
    """A number with a point; "two fifty" for 2.50 too, and a British time for 10.30."""
    forms = said_decimal(whole, fraction)
    if len(fraction) == 2 and whole and len(whole) < 4:
        forms.append((number(whole), Digits(fraction)))
    if fraction in ("15", "30", "45") and whole and 1 <= int(whole) <= 12:
        forms += [*_past(int(whole), int(fraction)), *_until(int(whole), int(fraction))]
    return forms


def said_decimal(whole: str, fraction: str) -> list[Form]:
    """A number whose point was said: "two point five", "two and a half"."""
    forms: list[Form] = [(number(whole) if whole else "", ["point", "dot"], Digits(fraction))]
    if not whole.strip("0"):
        forms.append((["point", "dot"], Digits(fraction)))
    part = _PARTS.get(fraction)
    if part is not None:
        forms.append(_with_part(whole, part))
    return forms


_HALF = [(["a", "one", ""], "half")]
_QUARTER = [(["a", "one", ""], ["quarter", "fourth"])]
_PARTS: dict[str, Form] = {
    "5": _HALF,
    "50": _HALF,
    "25": _QUARTER,
    "75": [("three", ["quarters", "quarter", "fourths"])],
}


def _with_part(whole: str, part: Form) -> Form:
    return (number(whole), "and", part) if whole.strip("0") else part


def fraction(above: str, below: str) -> Form:
    """One number over another: "three quarters", "three over four", "nine out of ten", "twenty four seven"."""
    over = (number(above), ["over", "slash", "out of", "of", "by", ""], number(below))
    return [*proper_fraction(above, below), over, *_dates(above, below)]


def proper_fraction(above: str, below: str) -> list[Form]:
    """Parts of a whole: "three quarters", "a third", "point two five"."""
    one, many = _denominators(int(below))
    alone = {("1", "2"): ["half"], ("1", "4"): ["quarter"]}.get((above, below), [])  # "half a cup", "quarter mile"
    top: Form = ["one", "a"] if above == "1" else number(above)
    value = {("1", "2"): "5", ("1", "4"): "25", ("3", "4"): "75"}.get((above, below))
    exact = [] if value is None else [(["", *ZERO], "point", Digits(value))]
    return [(top, one), *([] if above == "1" else [(top, many)]), *alone, *exact]


def mixed(whole: str, above: str, below: str) -> Form:
    """A whole number and parts: "three and a half"."""
    value = {("1", "2"): "5", ("1", "4"): "25", ("3", "4"): "75"}.get((above, below))
    exact = [] if value is None else [decimal(whole, value)]
    return [(number(whole), ["and", ""], proper_fraction(above, below)), *exact]


def fraction_words(above: str, below: str) -> str:
    """The one reading of a fraction that `normalise_english` writes."""
    name = {2: "half", 4: "quarter"}.get(int(below)) or ordinal_words(int(below))
    many = "halves" if name == "half" else f"{name}s"
    return f"{plain_words(above)} {name if above == '1' else many}"


def _denominators(below: int) -> tuple[Form, Form]:
    if below == 2:
        return "half", "halves"
    if below == 4:
        return ["quarter", "fourth"], ["quarters", "fourths"]
    return ordinal(below), cardinal(below, last=lambda word: f"{_ordinal_word(word)}s")


def _dates(one: str, other: str) -> list[Form]:
    """The day and month that two numbers may be, either way round."""
    return [
        form
        for month, day in ((int(one), int(other)), (int(other), int(one)))
        if 1 <= month <= 12 and 1 <= day <= 31
        for form in _of_month(MONTHS[month - 1], day)
    ]


def _of_month(month: str, day: int) -> list[Form]:
    return [(month, day_after(day)), (day_before(day), month)]


def day_after(day: int) -> Form:
    """A day after the name of its month."""
    return [number(str(day)), (["", "the"], ordinal_words(day))]


def day_before(day: int) -> Form:
    """A day before the name of its month."""
    return [number(str(day)), (["", "the"], ordinal_words(day), ["", "of"])]


def date(first: str, second: str, third: str) -> Form:
    """A date in figures, the year first or last, and its numbers one after the other."""
    year, one, other = (first, second, third) if len(first) == 4 else (third, first, second)
    between: Form = ["", "slash", "dash"]
    in_order = (_of_date(first), between, _of_date(second), between, _of_date(third))
    years: Form = [number(year)] if len(year) == 4 else [number(year), number(f"20{year}"), number(f"19{year}")]
    orders = [(one, other)] if len(first) == 4 else [(one, other), (other, one)]
    return [
        in_order,
        *(
            (form, years)
            for month, day in orders
            if 1 <= int(month) <= 12 and 1 <= int(day) <= 31
            for form in _of_month(MONTHS[int(month) - 1], int(day))
        ),
    ]


def _of_date(digits: str) -> Form:
    return [number(digits), number(digits.lstrip("0") or "0")] if digits[0] == "0" else number(digits)


def clock(hours: str, minutes: str, seconds: str = "") -> Form:
    """A time of day or a length of time."""
    hour, minute = int(hours), int(minutes)
    if hour > 24 or minute > 59:
        return ratio(hours, minutes)
    name: Form = [_below_hundred(hour), Digits(hours)] if hours[0] == "0" else _below_hundred(hour)
    if seconds:
        return (name, number(minutes), ["", "and"], number(seconds), ["", "seconds"])
    if not minute:
        return [name, (name, ["oclock", "hundred", "hundred hours", Digits("00")])]
    return [(name, Digits(minutes)), *_past(hour, minute), *_until(hour, minute)]


def _past(hour: int, minute: int) -> list[Form]:
    """Minutes after an hour: "ten past five", "half past ten"."""
    if minute > 30:
        return []
    this = [_below_hundred(hour % 12 or 12), *(["midnight"] if hour in (0, 24) else [])]
    half: list[Form] = [("half past", this)] if minute == 30 else []
    return [*half, (_parts_of_hour(minute), ["past", "after"], this)]


def _until(hour: int, minute: int) -> list[Form]:
    """Minutes before the next hour: "ten to six"."""
    if minute < 31:
        return []
    return [(_parts_of_hour(60 - minute), ["to", "of", "till", "before"], _below_hundred(hour % 12 + 1))]


def _parts_of_hour(minutes: int) -> list[Form]:
    count = _below_hundred(minutes)
    quarter: list[Form] = [(["", "a"], "quarter")] if minutes == 15 else []
    return [(count, ["", "minute" if minutes == 1 else "minutes"]), *quarter]


def clock_words(hours: str, minutes: str, seconds: str = "") -> str:
    """The one reading of a time that `normalise_english` writes."""
    name = plain_words(str(int(hours)))
    if minutes == "00" and not seconds:
        return name
    return " ".join([name, _minute_words(minutes), *([_minute_words(seconds)] if seconds else [])])


def _minute_words(digits: str) -> str:
    return f"oh {ONES[int(digits[1])]}" if digits[0] == "0" and digits != "00" else plain_words(digits)


def ratio(one: str, other: str) -> Form:
    """Two numbers with a colon."""
    return (number(one), ["", "to", "by"], number(other))


def money(amount: str, upto: str, scale: str, names: tuple[str, str, str, str], prefix: str = "") -> Form:
    """An amount with its currency, or a range of two; both forms of its name, since "$5 bill" is "five dollar bill".

    `prefix` holds the letters before the sign, which may go unread.
    """
    one, many = names[:2]
    country = ["", prefix] if prefix else ""
    unit: Form = (country, [many, one])
    if upto:
        return (_amount(amount), ["", unit], ["to", "", "dash", "or"], _amount(upto), scale, unit)
    whole, _, part = amount.partition(".")
    if scale:
        return [(_amount(amount), scale, unit), *([("a", scale, unit)] if amount == "1" else [])]
    if len(part) == 2 and names[2] and not prefix:
        return coins(whole, part, names)
    return [(_amount(amount), unit), *([("a", country, one)] if amount == "1" else [])]


def _amount(amount: str) -> Form:
    whole, _, part = amount.partition(".")
    return decimal(whole, part) if part else number(whole)


def money_words(amount: str, upto: str, scale: str, names: tuple[str, str, str, str]) -> str:
    """The one reading of an amount that `normalise_english` writes."""
    one, many, cent, cents = names
    whole, _, part = amount.partition(".")
    if upto:
        return " ".join(filter(None, (_amount_words(amount), "to", _amount_words(upto), scale, many)))
    if scale or not (len(part) == 2 and cent):
        return " ".join(filter(None, (_amount_words(amount), scale, one if amount == "1" and not scale else many)))
    dollars = f"{plain_words(whole)} {one if whole == '1' else many}"
    minor = f"{_below_hundred(int(part))} {cent if int(part) == 1 else cents}"
    return minor if not int(whole) and int(part) else dollars if not int(part) else f"{dollars} and {minor}"


def _amount_words(amount: str) -> str:
    whole, _, part = amount.partition(".")
    return f"{plain_words(whole)} point {digit_words(part)}" if part else plain_words(whole)


def coins(whole: str, hundredths: str, names: tuple[str, str, str, str]) -> Form:
    """An amount with two decimals."""
    one, many, cent, cents = names
    unit: Form = [many, one]
    sub: Form = [cents, cent]
    minor: Form = _below_hundred(int(hundredths))
    forms: list[Form] = [(decimal(whole, hundredths), unit)]
    if not int(whole):
        forms.append((minor, sub))
        return [*forms, *([(_HALF, ["", "a"], one)] if hundredths == "50" else [])]
    dollars: Form = [number(whole), "a"] if whole == "1" else number(whole)
    if not int(hundredths):
        return [*forms, (dollars, unit)]
    forms += [(dollars, unit, ["", "and"], minor, ["", sub]), (dollars, Digits(hundredths))]
    if hundredths == "50":
        forms.append((dollars, ["and a half"], unit))
    return forms


BETWEEN: dict[str, Form] = {
    " ": "", "-": ["", "to", "dash", "hyphen", "through", "minus"], ".": ["", "point", "dot"],
}  # fmt: skip  # a table: one row a line
"""What may be read between two groups of digits."""


def groups_of_digits(groups: tuple[str, ...], gaps: str, plus: bool = False) -> Form:
    """Groups of digits, each by itself or all as one run; `gaps` holds what stands between them, a sign each."""
    return (["plus", ""], _in_groups(groups, gaps)) if plus else _in_groups(groups, gaps)


def _in_groups(groups: tuple[str, ...], gaps: str) -> Form:
    apart: list[Form] = [number(groups[0])]
    for gap, group in zip(gaps, groups[1:]):
        apart += [BETWEEN[gap], number(group)]
    joined = "".join(groups)
    whole: list[Form] = [Digits(joined)] if len(joined) <= LONGEST_RUN else []
    thousands = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]) and joined[0] != "0"
    if thousands and len(joined) <= LONGEST_NUMBER:
        whole.append(cardinal(int(joined)))
    return [tuple(apart), *whole]


def feet_and_inches(feet: str, inches: str) -> Form:
    """A height."""
    return (number(feet), ["", "feet", "foot"], number(inches), ["", "inches", "inch"])


_POWERS = {"2": "squared", "3": "cubed"}


def power(exponent: str) -> Form:
    """An exponent: "to the power of ten", "to the tenth"."""
    sign, digits = ("minus", exponent[1:]) if exponent[0] == "-" else ("", exponent)
    words = f"{sign} {plain_words(digits)}"
    short = [_POWERS[exponent]] if exponent in _POWERS else []
    return [
        *short,
        f"to the power of {words}",
        f"to the {words}",
        ("to the", sign, ordinal(int(digits)), ["", "power"]),
    ]


def power_words(exponent: str) -> str:
    """The one reading of a power that `normalise_english` writes."""
    sign, digits = ("minus ", exponent[1:]) if exponent[0] == "-" else ("", exponent)
    return _POWERS.get(exponent) or f"to the {sign}{plain_words(digits)}"


def numeral(value: int) -> Form:
    """A Roman numeral: "four", "the fourth"."""
    return [number_words(value), (["", "the"], ordinal_words(value))]


@lru_cache(maxsize=4096)
def graph(make: Callable[..., Form], *arguments: Any) -> Graph:
    """The graph of a form, kept: figures come again and again."""
    return Graph(make(*arguments))


def graph_of(forms: Sequence[Form]) -> Graph:
    """The graph of forms beside each other."""
    return _graph_of_texts(tuple(forms)) if all(isinstance(form, str) for form in forms) else Graph(list(forms))


@lru_cache(maxsize=4096)
def _graph_of_texts(texts: tuple[str, ...]) -> Graph:
    return Graph(list(texts))
