"""Numbers that are written in words, found in a row of words, with their other readings.

"twenty twenty four" is read as 2024 is, so it has "two thousand and twenty four" beside it. What may be written with
one run of digits is one number: single digits and pairs are joined, quantities ("three hundred") stand by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from earnest.metrics import _readings as readings
from earnest.metrics._english import CURRENCIES
from earnest.metrics._readings import Graph

_ONES = {word: value for value, word in enumerate(readings.ONES) if value}
_TENS = {word: 10 * value for value, word in enumerate(readings.TENS) if value > 1}
_SCALES = {name: size for size, name in readings.SCALES}
_ZEROS = frozenset(readings.ZERO)
_OH = frozenset({"oh", "o"})
_TIMES = {"double": 2, "triple": 3}
_ORDINALS = {readings.ordinal_words(value): value for value in range(1, 20)} | {
    readings.ordinal_words(value): value for value in range(20, 100, 10)
}
_PARTS = {
    "half": "2", "halves": "2", "quarter": "4", "quarters": "4",
    **{word: str(value) for word, value in _ORDINALS.items() if value > 2},
    **{f"{word}s": str(value) for word, value in _ORDINALS.items() if value > 2},
}  # fmt: skip  # a table: one row a line
_AND_PARTS = {
    "and a half": "5", "and one half": "5", "and a quarter": "25", "and one quarter": "25", "and three quarters": "75",
}  # fmt: skip  # a table: one row a line
_NAMES = {form: names for names in CURRENCIES.values() for form in names[:2]}

NUMBER_WORDS = frozenset(_ONES) | frozenset(_TENS) | frozenset(_SCALES) | {"zero", "nought"}
"""Words that only numbers are made of, so that a text without them holds no number in words."""


class _Atom(NamedTuple):
    """A part of a number: a digit, a pair, a repeated digit, a quantity."""

    start: int
    end: int
    digits: str
    joins: bool
    """Whether it may be joined with its neighbours to one run of digits."""


class _Number(NamedTuple):
    """Atoms that follow one another as one run of digits, or one quantity."""

    start: int
    end: int
    digits: str
    atoms: tuple[_Atom, ...]


_OPENERS = frozenset(_ONES) | frozenset(_TENS) | _ZEROS | frozenset(_TIMES) | {"a"}

Found = tuple[int, int, Graph]
"""From and to in the row of words, and the readings."""


def number_spans(words: Sequence[str]) -> list[Found]:
    """Every stretch of `words` that is a number, with all its readings."""
    numbers = list(_numbers(words))
    by_start = {number.start: number for number in numbers}
    return [found for number in numbers for found in _spans(words, number, by_start)]


def _spans(words: Sequence[str], number: _Number, by_start: dict[int, _Number]) -> Iterator[Found]:
    if 2 <= len(number.digits) <= readings.LONGEST_RUN:
        yield number.start, number.end, readings.graph(readings.number, number.digits)
    yield from _years(number)
    yield from _clock(number)
    yield from _with_point(words, number, by_start)
    yield from _with_part(words, number)
    yield from _with_coins(words, number, by_start)
    yield from _past(words, number, by_start)
    yield from _placed(words, number)


# ---------------------------------------------------------------- parsing


def _numbers(words: Sequence[str]) -> Iterator[_Number]:
    run: list[_Atom] = []
    for atom in _atoms(words):
        if run and not (atom.joins and run[-1].joins and run[-1].end == atom.start):
            yield _joined(run)
            run = []
        run.append(atom)
    if run:
        yield _joined(run)


def _joined(run: list[_Atom]) -> _Number:
    return _Number(run[0].start, run[-1].end, "".join(atom.digits for atom in run), tuple(run))


def _atoms(words: Sequence[str]) -> Iterator[_Atom]:
    at, after = 0, -1
    while at < len(words):
        atom = _atom(words, at, follows=after == at) if words[at] in _OPENERS else None
        if atom is None:
            at += 1
        else:
            at = after = atom.end
            yield atom


def _atom(words: Sequence[str], at: int, *, follows: bool) -> _Atom | None:
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else ""
    if word in _ZEROS:
        real = word not in _OH or follows or following in _ONES or following in _ZEROS or following == "point"
        return _Atom(at, at + 1, "0", True) if real else None
    if word in _TIMES and (following in _ZEROS or 0 < _ONES.get(following, 10) < 10):
        digit = "0" if following in _ZEROS else str(_ONES[following])
        return _Atom(at, at + 2, digit * _TIMES[word], True)
    if word not in _ONES and word not in _TENS and not (word == "a" and following in _SCALES):
        return None
    if word in _TENS and _ORDINALS.get(following, 10) < 10:
        return None  # "twenty first" is no "twenty"
    value, end = _quantity(words, at)
    return _Atom(at, end, str(value), value < 100)


def _below_hundred(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The value of one or two words below a hundred, and where it ends."""
    if at >= len(words):
        return None
    if words[at] in _ONES:
        return _ONES[words[at]], at + 1
    if words[at] not in _TENS:
        return None
    unit = _ONES.get(words[at + 1], 10) if at + 1 < len(words) else 10
    return (_TENS[words[at]] + unit, at + 2) if unit < 10 else (_TENS[words[at]], at + 1)


def _quantity(words: Sequence[str], at: int) -> tuple[int, int]:
    """The greatest quantity that begins here, and where it ends."""
    group, at = _below_hundred(words, at) or (1, at + 1)  # "a" hundred
    total, smallest = 0, 10**15
    while at < len(words):
        size = _SCALES.get(words[at], 0)
        if size == 100 and group < 100:
            group, at = _after_hundred(words, 100 * group, at + 1)
        elif 100 < size < smallest and group:
            total, smallest = total + group * size, size
            group, at = _next_group(words, at + 1)
        else:
            break
    return total + group, at


def _after_hundred(words: Sequence[str], hundreds: int, at: int) -> tuple[int, int]:
    rest = _rest(words, at)
    return (hundreds, at) if rest is None else (hundreds + rest[0], rest[1])


def _next_group(words: Sequence[str], at: int) -> tuple[int, int]:
    """What follows "thousand": nothing, a number below a hundred, or the "three" of "three hundred"."""
    plain = _below_hundred(words, at)
    return plain or _rest(words, at) or (0, at)


def _rest(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """A number below a hundred, with or without "and", that is no part of a greater one."""
    joined = at < len(words) and words[at] == "and"
    found = _below_hundred(words, at + joined)
    if found is None or (found[1] < len(words) and _SCALES.get(words[found[1]]) == 100):
        return None
    return None if joined and found[1] < len(words) and words[found[1]] in _PARTS and found[0] < 20 else found


# ---------------------------------------------------------------- what numbers are part of


def _years(number: _Number) -> Iterator[Found]:
    """Four digits within a longer run of numbers ("nineteen eighty four three men")."""
    atoms = number.atoms
    for at in range(len(atoms) - 1):
        if 11 <= int(atoms[at].digits) <= 20 and len(atoms[at].digits) == 2:
            for end in (at + 2, at + 3):
                part = atoms[at:end]
                digits = "".join(atom.digits for atom in part)
                if len(part) == end - at and len(digits) == 4 and len(part) < len(atoms):
                    yield part[0].start, part[-1].end, readings.graph(readings.number, digits)


def _clock(number: _Number) -> Iterator[Found]:
    hour, minutes = number.atoms[0].digits, "".join(atom.digits for atom in number.atoms[1:])
    if len(minutes) == 2 and 1 <= int(hour) <= 24 and len(hour) < 3 and 0 < int(minutes) < 60:
        yield number.start, number.end, readings.graph(readings.clock, hour, minutes)


def _with_point(words: Sequence[str], number: _Number, by_start: dict[int, _Number]) -> Iterator[Found]:
    part = by_start.get(number.end + 1)
    if part is None or words[number.end] not in ("point", "dot") or not all(atom.joins for atom in part.atoms):
        return
    if len(number.digits) <= readings.LONGEST_NUMBER and len(part.digits) <= readings.LONGEST_RUN:
        yield number.start, part.end, readings.graph(readings.said_decimal, number.digits, part.digits)


def _with_part(words: Sequence[str], number: _Number) -> Iterator[Found]:
    """Parts: "two and a half", "three quarters"."""
    end = number.end
    part = _AND_PARTS.get(" ".join(words[end : end + 3]))
    if part is not None and len(number.digits) <= readings.LONGEST_NUMBER:
        yield number.start, end + 3, readings.graph(readings.said_decimal, number.digits, part)
    if end < len(words) and words[end] in _PARTS and int(number.atoms[-1].digits) < 20 and number.atoms[-1].joins:
        above = number.atoms[-1]
        yield above.start, end + 1, readings.graph(readings.proper_fraction, above.digits, _PARTS[words[end]])


def _with_coins(words: Sequence[str], number: _Number, by_start: dict[int, _Number]) -> Iterator[Found]:
    """Money: "five dollars and fifty cents"."""
    names = _NAMES.get(words[number.end]) if number.end < len(words) else None
    if names is None or len(number.digits) > readings.LONGEST_NUMBER:
        return
    at = number.end + 1 + (words[number.end + 1 : number.end + 2] == ["and"])
    coins = by_start.get(at)
    if coins is None or len(coins.digits) > 2:
        return
    end = coins.end + (coins.end < len(words) and words[coins.end] in names[2:])
    yield number.start, end, readings.graph(readings.coins, number.digits, coins.digits.zfill(2), names)


def _past(words: Sequence[str], number: _Number, by_start: dict[int, _Number]) -> Iterator[Found]:
    """Times, told from the hour: "half past ten", "a quarter to five", "ten minutes past six"."""
    hour = int(number.atoms[0].digits)
    if not 1 <= hour <= 12 or number.start < 2 or words[number.start - 1] not in ("past", "after", "to"):
        return
    end, until = number.atoms[0].end, words[number.start - 1] == "to"
    before = words[number.start - 2]
    minutes, start = {"half": 30, "quarter": 15}.get(before, 0), number.start - 2
    if before in ("minutes", "minute"):
        earlier = next((other for other in by_start.values() if other.end == start), None)
        minutes, start = (int(earlier.digits), earlier.start) if earlier is not None else (0, start)
    if not 0 < minutes < 31:
        return
    if until:
        hour, minutes = (hour - 2) % 12 + 1, 60 - minutes
    start -= start > 0 and before == "quarter" and words[start - 1] == "a"
    yield start, end, readings.graph(readings.clock, str(hour), f"{minutes:02}")


def _placed(words: Sequence[str], number: _Number) -> Iterator[Found]:
    """An ordinal of more than a hundred: "one hundred and twenty first"."""
    last = number.atoms[-1]
    end = last.end + (words[last.end : last.end + 1] == ["and"])
    if end >= len(words) or words[end] not in _ORDINALS or last.joins:
        return
    value, place = int(last.digits), _ORDINALS[words[end]]
    free = value % 100 == 0 or (end == last.end and value % 10 == 0 and place < 10)
    if free:
        yield last.start, end + 1, readings.graph(readings.ordinal, value + place)
