"""Number words: English, and German, Spanish, French and Chinese ones from 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip  # a table: one row a line
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth",
)  # fmt: skip  # a table: one row a line
UNITS: Mapping[str, int] = {word: number for number, word in enumerate(_UNITS)}
TENS: Mapping[str, int] = {word: 10 * number for number, word in enumerate(_TENS, start=2)} | {"fourty": 40}
ORDINALS: Mapping[str, int] = {word: number for number, word in enumerate(_ORDINALS, start=1)} | {"thirtieth": 30}

_GERMAN_UNITS = (
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf",
    "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn",
)  # fmt: skip  # a table: one row a line
_GERMAN_TENS = ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
_SPANISH_UNITS = (
    "cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce", "trece",
    "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve",
)  # fmt: skip  # a table: one row a line
_SPANISH_TENS = ("veinte", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa")
_FRENCH_UNITS = (
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
)  # fmt: skip  # a table: one row a line
_FRENCH_TENS = ("vingt", "trente", "quarante", "cinquante", "soixante")


def _units_and_tens(units: Sequence[str], tens: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    return {word: n for n, word in enumerate(units)}, {word: 10 * n for n, word in enumerate(tens, start=2)}


def _german() -> dict[str, int]:
    units, tens = _units_and_tens(_GERMAN_UNITS, _GERMAN_TENS)
    joined = {
        f"{'ein' if unit == 1 else name}und{ten}": value + unit
        for ten, value in tens.items()
        for name, unit in units.items()
        if 0 < unit < 10
    }
    return units | tens | joined | {"dreissig": 30, "zwo": 2, "hundert": 100, "einhundert": 100}


def _spanish() -> dict[str, int]:
    units, tens = _units_and_tens(_SPANISH_UNITS, _SPANISH_TENS)
    ones = {name: unit for name, unit in units.items() if 0 < unit < 10}
    joined = {f"{ten} y {name}": value + unit for ten, value in tens.items() for name, unit in ones.items()}
    twenties = {f"veinti{name}": 20 + unit for name, unit in ones.items()}
    return units | tens | joined | twenties | {"cien": 100, "veintidós": 22, "veintitrés": 23, "veintiséis": 26}


def _french() -> dict[str, int]:
    """From 60 and from 80 on it counts up to nineteen."""
    units, tens = _units_and_tens(_FRENCH_UNITS, _FRENCH_TENS)
    found = units | tens | {"quatre-vingts": 80, "quatre-vingt": 80, "cent": 100}
    for ten, value in (*tens.items(), ("quatre-vingt", 80)):
        upto = 20 if value in (60, 80) else 10
        for name, unit in units.items():
            if 0 < unit < upto:
                joined = (f"{ten}-{name}", f"{ten} {name}", f"{ten} et {name}", f"{ten}-et-{name}")
                found |= dict.fromkeys(joined, value + unit)
    return found | {name.replace("-", " "): value for name, value in found.items() if name.startswith("quatre-vingt")}


FOREIGN: Mapping[str, int] = _german() | _spanish() | _french()
"""German, Spanish and French number words; read only where a text is not English, since some are words of it."""

GERMAN_ORDINALS: Mapping[str, int] = {
    **{word + ("st" if number > 19 else "t"): number for word, number in _german().items() if 0 < number < 32},
    "erst": 1, "dritt": 3, "siebt": 7, "acht": 8,
}  # fmt: skip  # a table: one row a line
"""Ordinals to thirty-one, without their ending."""

SIGNS: Mapping[str, int] = {sign: n for n, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
"""Chinese numerals."""
