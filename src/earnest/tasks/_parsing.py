"""From an answer in words to the category that it falls into, by rules alone.

Conventions: every parser takes an answer as `Answer.said` gives it and returns None where the words do not decide;
nothing is ever guessed. Case, punctuation, emphasis and the form of quotation marks do not count. What an answer quotes
is what was heard and not what it says, a question or a condition answers nothing, and who says one thing and then
another has not decided. The rules read English; the closed options are known in Chinese, Spanish, German and French
too (`earnest.tasks._vocabulary`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from earnest.metrics.heard import says_no_speech
from earnest.metrics.sentences import plain
from earnest.models.access import Answer
from earnest.records import Unscored
from earnest.tasks import _vocabulary as vocabulary
from earnest.tasks._statements import ANSWER_IS, any_of, only, statements

__all__ = ["longest_common_run", "one_of", "other_language", "plain", "says_no_speech", "words"]

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|(?:[^\W\d_]|')+|\d+")


def words(text: str) -> list[str]:
    """The words of a text in lower case, figures apart from letters; of Chinese, Japanese and Korean the signs.

    >>> words("Sure, here's 42!"), words("你好")
    (['sure', "here's", '42'], ['你', '好'])
    """
    return _TOKEN.findall(plain(text).replace('"', ""))


def other_language(answer: Answer, *, read: Collection[str] = vocabulary.COVERED) -> Unscored | None:
    """Why an answer that no rule decides has no verdict without a judge: its language; None where rules read that.

    Parameters
    ----------
    read : collection of str
        The languages, by ISO 639-1 code, that the task's rules read; an answer whose language is not known is tried.
    """
    language = answer.reading.language
    if not language or language in read:
        return None
    return Unscored(reason="other_language", detail=f"the rules do not read {language}: {answer.said[:200]}")


def longest_common_run(a: str, b: str) -> int:
    """Length of the longest stretch of characters that `a` and `b` share."""
    best, previous = 0, [0] * (len(b) + 1)
    for left in a:
        current = [0] * (len(b) + 1)
        for place, right in enumerate(b, start=1):
            current[place] = previous[place - 1] + 1 if left == right else 0
        best, previous = max(best, *current), current
    return best


_NOT = re.compile(
    r"\b(?:not|no(?!,)|without|neither|nor|never|cannot|can't|isn't|wasn't|aren't|doesn't|don't|didn't|rather than"
    r"|instead of|unlike|excluding|ruled? out|kein\w*|nicht|sin|sans|pas|ni)\b"
    r"(?:(?!, (?:the|it|there|i)\b|\b(?:but|however|instead|it's|it is|i hear|just|only|other than|except|besides"
    r"|apart from|aside from"
    r"|sondern|sino|mais)\b)[^;.!?])*"
    r"|(?:不是|没有|并非|而非)[^,.;]*"
)
"""From a denial to where it ends; what is excepted from it, or follows a "but", is not denied."""
_NOT_AFTER = re.compile(
    r"\s*(?:\w+ ){0,2}(?:is|are|was|were|does|do|did|can|could|would|has|have|seems?)(?:n't| not)\b|\s*(?:can't"
    r"|cannot)\b|\s*(?:voice|sound)s? (?:would|is (?:ruled out|unlikely))"
)
_OTHERS = re.compile(
    r"\b(?:the |all )?(?:other|remaining|rest of the) (?:options?|sounds?|choices|labels|ones)\b.*|\bthe (?:others"
    r"|rest)\b.*|\btoo \w+ (?:for|to be)\b.*"
)
"""From where a sentence speaks of what is not chosen to its end."""
_NOTHING_BUT = re.compile(
    r"\b(?:nothing|no (?:other )?(?:sounds?|noises?)|no background (?:sounds?|noise))(?: else)?,? (?:but|except"
    r"|other than|besides|apart from|aside from)\b"
)
_NOTHING_ELSE = re.compile(r"\bnothing else\b|\bno other (?:sounds?|noises?|voices?)\b")
_LISTED = re.compile(
    r"^\W*(?:(?:a|an|the|or|and|with|possibly|perhaps|maybe|some|also|plus|then|even|und|oder|mit|o|y|con|ou|et"
    r"|avec) )*"
)
_PAUSE = re.compile(r"[,:;(]| -")
MOST_NAMED = 3
"""A sentence that names so many options only lists them."""
MAX_LEAD_WORDS = 5


def one_of(text: str, options: Sequence[str], *, synonyms: Mapping[str, str] | None = None) -> str | None:
    """The only one of `options` that the answer names and does not deny; None for none or several.

    An option is known by its name, by what `earnest.tasks._vocabulary` calls it and by `synonyms`. Where others are
    named too, the one that is called the answer is taken, or the one that stands first and alone.

    >>> options = ("rain", "wind", "bell")
    >>> one_of("Not rain but wind.", options), one_of("Rain. The other options, wind and bell, do not fit.", options)
    ('wind', 'rain')
    """
    table, pattern = _table(tuple(options), tuple(sorted((synonyms or {}).items())))
    bare = " ".join(plain(text).strip(" .!\"'()[]").split())
    if bare in table:
        return table[bare]
    if bare in vocabulary.NOTHING_ALONE and "nothing" in options:
        return "nothing"
    if bare in vocabulary.LETTERS and vocabulary.LETTERS[bare] in options:
        return vocabulary.LETTERS[bare]
    parts = [_affirmed(part, table, pattern) for part in statements(text)]
    for names in (
        [
            table[found[1]]
            for part in parts
            for found in re.finditer(rf"{ANSWER_IS} ?(?:\w+ ){{0,3}}?({pattern.pattern})", part)
        ],
        _leading(parts, table, pattern),
    ):
        if names:
            return only(names)
    named = ([table[found] for found in pattern.findall(part)] for part in parts)
    return only(name for names in named if len(set(names)) < MOST_NAMED for name in names)


@lru_cache(maxsize=64)
def _table(options: tuple[str, ...], synonyms: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], re.Pattern[str]]:
    """Every name of the options with its option, and a pattern that finds them."""
    table = {name: option for option in options for name in vocabulary.OPTIONS.get(option, ())}
    table |= {option.lower(): option for option in options} | {name.lower(): option for name, option in synonyms}
    return table, re.compile(any_of(table))


def _affirmed(part: str, table: Mapping[str, str], pattern: re.Pattern[str]) -> str:
    """A sentence without the options that it denies, by name or as the others."""
    part = _NOTHING_ELSE.sub(" ", _NOTHING_BUT.sub(" ", _OTHERS.sub(" ", part)))
    held = pattern.search(part)
    if held and table[held[0]] == "nothing":  # "no sound" denies in its own name
        return part
    kept = pattern.sub(lambda match: " " if _NOT_AFTER.match(part, match.end()) else match[0], part)
    return _NOT.sub(" ", kept)


def _leading(parts: Sequence[str], table: Mapping[str, str], pattern: re.Pattern[str]) -> list[str]:
    """The options that a short first sentence, or the words before its first comma, consist of."""
    first = next((part for part in parts if part.strip()), "")
    head, *rest = _PAUSE.split(first, maxsplit=1)
    named = [table[found] for found in pattern.findall(head)]
    if len(head.split()) > MAX_LEAD_WORDS or not named:
        return []
    if rest and pattern.match(_LISTED.sub("", rest[0])):  # a list of options
        return []
    later = [part for part in parts if re.match(r"(?:wait|actually|no|sorry|or)\b", part)]
    return [*named, *(table[found] for part in later for found in pattern.findall(part))]
