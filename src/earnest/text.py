"""Text that somebody else wrote, made fit to be kept and to be shown.

A model's answer, a row of data, a run folder or a file's name may hold halves of characters, which no file can hold, and
signs that a terminal or a page obeys: colours, a new title, a cleared screen, words that run backwards.
"""

from __future__ import annotations

import re

OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for tab and line feed; the escape that begins a colour
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    "\u2028\u2029\ufeff\ud800-\udfff]"  # other ends of lines, a byte order mark, halves of characters
)
"""Signs that are obeyed, or cannot be written, rather than shown."""


def valid_text(text: str) -> str:
    """The text with U+FFFD in place of every half of a character.

    >>> valid_text("caf\\u00e9 \\ud83d!")
    'caf\\u00e9 \\ufffd!'
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def visible(text: str) -> str:
    """The text with the code of each sign that is obeyed in its place, in the form of JSON; lines and tabs stay.

    >>> visible("red: \\x1b[31m")
    'red: \\\\u001b[31m'
    """
    return OBEYED.sub(_code, text)


def one_line(text: str) -> str:
    """The text on one line, so that no value can pass for a line of ours."""
    return " ".join(visible(text).split())


def _code(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
