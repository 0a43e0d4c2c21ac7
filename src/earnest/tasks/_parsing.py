"""From an answer in words to the category that it falls into, by rules alone.

Conventions: every parser takes the answer as it came and returns None where the words do not decide; nothing is ever
guessed. Case and punctuation do not count. The rules read English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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
TENS = {word: 10 * number for number, word in enumerate(_TENS, start=2)}
ORDINALS = {word: number for number, word in enumerate(_ORDINALS, start=1)} | {"thirtieth": 30}

_YES = re.compile(r"^(?:yes|yeah|yep|correct|true)\b|\banswer(?: is|:) yes\b|(?:^|[,.!?:]\s*)yes[.!]?$")
_NO = re.compile(r"^(?:no|nope|incorrect|false)\b(?! (?:idea|speech))|\banswer(?: is|:) no\b|(?:^|[,.!?:]\s*)no[.!]?$")
_NO_SPEECH = re.compile(
    r"\bno (?:\w+ )?(?:speech|words?|voices?|talking|speaker|one (?:is )?(?:speaks|speaking|talks|talking))\b"
    r"|\bnobody (?:is )?(?:speaks|speaking|talks|talking)\b|\bnothing (?:is|was) (?:said|spoken)\b"
    r"|(?:not|n't) (?:contain|hear|detect|have|include) any (?:\w+ )?(?:speech|words|voices?)\b|^\W*silen(?:ce|t)\W*$"
)
_TOKEN = re.compile(r"[a-z']+|\d+")


def plain(text: str) -> str:
    """Lower-case, straight quotes, no marks of emphasis, single spaces."""
    text = text.lower().replace("’", "'").replace("*", "").replace("_", " ").replace('"', "")
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """The words of a text in lower case, figures apart from letters.

    >>> words("Sure, here's 42!")
    ['sure', "here's", '42']
    """
    return _TOKEN.findall(plain(text))


def yes_no(text: str) -> str | None:
    """`yes` or `no`, where the answer begins or ends with it and does not say both."""
    said = plain(text)
    yes, no = bool(_YES.search(said)), bool(_NO.search(said))
    return None if yes == no else ("yes" if yes else "no")


def one_of(text: str, options: Sequence[str], *, synonyms: Mapping[str, str] | None = None) -> str | None:
    """The only one of `options` that the answer names, itself or by a synonym; None for none or several."""
    table = {option: option for option in options} | dict(synonyms or {})
    named = {option for name, option in table.items() if re.search(rf"\b{re.escape(name)}\b", plain(text))}
    return named.pop() if len(named) == 1 else None


_PLACES = {"1st": "first", "2nd": "second"} | {
    f"{noun} {number}": place
    for noun in ("speaker", "candidate", "person", "voice", "number", "option")
    for number, place in (("one", "first"), ("1", "first"), ("two", "second"), ("2", "second"))
}


_ALL_PLACES = {"first": "first", "second": "second"} | _PLACES


def first_or_second(text: str) -> str | None:
    """`first` or `second`, in words or as the number of a speaker."""
    bare = plain(text).strip(" .!")
    if bare in ("1", "one", "2", "two"):
        return "first" if bare in ("1", "one") else "second"
    return one_of(text, ("first", "second"), synonyms=_PLACES)


_NO_REASON = re.compile(
    r"\bno (?:\w+ )?(?:reason|basis|grounds?) to (?:choose|prefer|tell|say|decide|favou?r)\b|^(?:either|none)\b"
    r"|\bnothing\b[^.!?]*\breason\b|\bsame\b[^.!?]*\b(?:can't|cannot) (?:choose|decide|tell)\b"
    r"|\b(?:can't|cannot|impossible to|not possible to|no way to) (?:be )?"
    r"(?:tell|told|determined?|decided?|judged?|infer(?:red)?|sa(?:y|id)|choose|chosen)\b"
    r"[^.!?]*\b(?:voices?|statements?|said|recordings?|audio)\b|\bequally (?:good|qualified|suitable|suited)\b"
)
_SORRY = re.compile(r"\b(?:sorry|apologi[sz]e)\b")


def first_second_or_neither(text: str) -> str | None:
    """As `first_or_second`, or `neither` where the answer says so or, without an apology, that there is no reason.

    >>> first_second_or_neither("Neither the first nor the second."), first_second_or_neither("Neither, but the first.")
    ('neither', None)
    """
    said = plain(text)
    places = {place for name, place in _ALL_PLACES.items() if re.search(rf"\b{name}\b", said)}
    if re.search(r"\bneither\b", said):
        return None if len(places) == 1 else "neither"
    if len(places) != 1 and _NO_REASON.search(said) and not _SORRY.search(said):
        return "neither"
    return first_or_second(text)


def says_no_speech(text: str) -> bool:
    """Whether the answer reports that nobody speaks."""
    return bool(_NO_SPEECH.search(plain(text)))


def numbers(text: str) -> list[str]:
    """Numbers in the order of the text, as figures: `forty two` is 42, `the third` is 3, `4,271` is 4271.

    >>> numbers("four two seven one"), numbers("the twenty first of May"), numbers("Code 42-71")
    (['4', '2', '7', '1'], ['21'], ['42', '71'])
    """
    joined = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain(text).replace("-", " "))
    found: list[str] = []
    tens: int | None = None
    for token in _TOKEN.findall(joined):
        small = UNITS.get(token, ORDINALS.get(token))
        if tens is not None and small is not None and 0 < small < 10:
            found[-1], tens = str(tens + small), None
            continue
        tens = TENS.get(token)
        if tens is not None or small is not None or token.isdigit():
            found.append(token if token.isdigit() else str(tens if tens is not None else small))
    return found


def digits(text: str) -> str:
    """All numbers of a text as one string of digits.

    >>> digits("It is four two seven one."), digits("4 2-71")
    ('4271', '4271')
    """
    return "".join(numbers(text))


def longest_common_run(a: str, b: str) -> int:
    """Length of the longest stretch of characters that `a` and `b` share."""
    best, previous = 0, [0] * (len(b) + 1)
    for left in a:
        current = [0] * (len(b) + 1)
        for place, right in enumerate(b, start=1):
            current[place] = previous[place - 1] + 1 if left == right else 0
        best, previous = max(best, *current), current
    return best
