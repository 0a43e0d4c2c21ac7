"""The characters of a text before it is taken apart: one for each that looks or means the same."""

from __future__ import annotations

import unicodedata

SIGNS = "€£¥₹₽₩₪¢×÷±°§"
"""Signs beyond ASCII that are read."""

_UNSPACED = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x312F),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip  # a table: one row a line
"""Thai, Lao, Tibetan, Burmese, Khmer, Chinese and Japanese, which are written without spaces."""

_EARLY = {
    **dict.fromkeys("’‘ʼ`´′ˈ", "'"), "″": '"', **dict.fromkeys("‐‑‒–−", "-"), "…": " ", "№": "No.", "º": "°",
    **dict.fromkeys("™®©℠¹", ""), **{sign: f"^{power}" for power, sign in enumerate("⁰.²³⁴⁵⁶⁷⁸⁹") if sign != "."},
}  # fmt: skip  # a table: one row a line
"""Signs that NFKC would lose among letters and digits: it makes "x2" of "x²" and "NikeTM" of "Nike™"."""


class _Table(dict[int, str]):
    """For `str.translate`: what stands for a character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = self.of(chr(code))
        return found

    def of(self, character: str) -> str:
        raise NotImplementedError


class _Early(_Table):
    """Before NFKC."""

    def of(self, character: str) -> str:
        if character in _EARLY:
            return _EARLY[character]
        parts = unicodedata.normalize("NFKC", character) if unicodedata.category(character) == "No" else ""
        return f" {parts.replace('⁄', '/')} " if "⁄" in parts else character  # "3½" is not "31/2"


class _Late(_Table):
    """After NFKC: digits of any script, signs that are read, letters and their marks; all else separates words."""

    def of(self, character: str) -> str:
        code, category = ord(character), unicodedata.category(character)
        if character.isspace() or code < 0x80:
            return character if code >= 0x20 and code != 0x7F else " "
        if category == "Nd":
            return str(unicodedata.digit(character))
        if category == "Cf" or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or code == 0x034F:
            return ""
        if category[0] in "LM" or category in ("Nl", "No"):
            return f" {character} " if any(low <= code <= high for low, high in _UNSPACED) else character
        return character if character in SIGNS else "-" if category == "Pd" else "/" if character == "⁄" else " "


_EARLY_TABLE, _LATE_TABLE = _Early(), _Late()


def cleaned(text: str) -> str:
    """`text` in NFKC, with the digits, dashes and apostrophes of ASCII and without what cannot be seen.

    Characters of scripts that are written without spaces stand apart, each a word.
    """
    if text.isascii():
        return text.replace("`", "'")
    return unicodedata.normalize("NFKC", text.translate(_EARLY_TABLE)).translate(_LATE_TABLE)


def folded(word: str) -> str:
    """`word` without its case."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold()).casefold()
