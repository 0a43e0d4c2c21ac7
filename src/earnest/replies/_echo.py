"""An answer without what only repeats what the model was told.

Small models often answer a question with the question. A sentence repeats what was told where it is a sentence of it,
in the same order and with the same opening; a few words may be changed. What turns a question into a statement ("The
voice is live.") is an answer, and so is every reply that the prompt offers ("neither"), however much of the prompt it
holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from earnest.replies._tables import word_set

_SENTENCE = re.compile(r"(?:(?<=[.!?…。！？])|(?<=[.!?][\"'”’)\]]))\s+|\s*\n\s*|(?<=[。！？])")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})

_FEWEST = 3
"""A sentence of fewer words repeats nothing: it may be a reply that the prompt offers."""
_CHANGED = 0.2
"""Share of the words of a sentence that a repetition may change."""
_RUN, _COVERED = 6, 0.6
"""A freer repetition of a statement holds so many of its words in a row, and so large a share of its own were told."""
_MOST_OF_IT = 0.75
"""A repetition that was cut off holds at least this share of the sentence."""

_OPENERS = word_set(
    """
    question prompt user task instruction instructions you asked asks told said the is was okay ok sure so here
    here's
    """
)
"""Words that may stand before a repetition: "You asked: ..."."""
_ASKING = frozenset({"answer", "reply", "say", "respond", "choose"})
_SMALL = word_set(
    """
    a an the this that it one of in on to with or and word words only as i from by
    """
)
_DECIDES = word_set(
    """
    yes no not isn't wasn't doesn't didn't don't won't can't cannot never neither nor none both first second either
    true false correct incorrect right wrong
    """
)
"""Words that decide: with one that was not told, a sentence says something of its own."""
_ABOUT_THE_QUESTION = re.compile(
    r"\b(?:question (?:of|is|was|asks?|about) whether|the question (?:is|was|asks)|answer to the question of)\b"
)


@dataclass(frozen=True)
class _Told:
    """A sentence that the model was told: its words, whether it asks, and the clauses that it is made of."""

    words: tuple[str, ...]
    asks: bool
    clauses: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Source:
    """All that the model was told."""

    sentences: tuple[_Told, ...]
    words: tuple[str, ...]
    vocabulary: frozenset[str]
    starts: frozenset[int]
    offered: frozenset[str]


def without_echo(text: str, *, told: Sequence[str]) -> str:
    """The answer without what only repeats what the model was told: its prompt, or the words that it heard.

    A condition that the prompt states ("If neither voice gives a reason to choose, ...") goes from the beginning of a
    sentence too: repeating it decides nothing.

    >>> prompt = "Is it live or a copy? Answer live or copy."
    >>> without_echo("Is it live or a copy? It is live.", told=[prompt])
    'It is live.'
    >>> without_echo("Answer live or copy", told=[prompt]), without_echo("live", told=[prompt])
    ('', 'live')
    """
    source = _source(tuple(told))
    if not source.sentences:
        return text
    parts = [part for part in _SENTENCE.split(text) if part.strip()]
    left = [_own(part, source, last=number == len(parts) - 1) for number, part in enumerate(parts)]
    return text if left == parts else " ".join(filter(None, left))


def _words(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.translate(_STRAIGHT).lower()))


@lru_cache(maxsize=4096)
def _source(told: tuple[str, ...]) -> _Source:
    parts = [part for text in told for part in _SENTENCE.split(text) if _words(part)]
    sentences = tuple(
        _Told(
            _words(part),
            part.rstrip("\"'”’) ").endswith("?"),
            tuple(filter(None, map(_words, re.split(r"[,;]", part)))),
        )
        for part in parts
    )
    words: list[str] = []
    starts: set[int] = set()
    for sentence in sentences:
        starts.add(len(words))
        words += sentence.words
    offered = frozenset(word for sentence in sentences for word in _offers(sentence))
    return _Source(sentences, tuple(words), frozenset(words), frozenset(starts), offered - _SMALL)


def _offers(sentence: _Told) -> tuple[str, ...]:
    """The words of the replies that a sentence offers: those behind "Answer", "reply:", "say:"."""
    place = next((place for place, word in enumerate(sentence.words) if word in _ASKING), None)
    return () if sentence.asks or place is None else sentence.words[place + 1 :]


def _own(part: str, source: _Source, *, last: bool) -> str:
    """What a sentence says of its own; empty where it only repeats."""
    words = _words(part)
    if len(words) < _FEWEST or sum(word in source.vocabulary for word in words) < _COVERED * len(words) * 0.8:
        return part
    bare = _without_openers(words, source)
    if _repeats(bare, source, last=last) or _asks_again(words, source):
        return ""
    return _without_condition(part, source)


def _without_openers(words: tuple[str, ...], source: _Source) -> tuple[str, ...]:
    """Without up to four words that introduce a repetition, where a told sentence begins behind them."""
    firsts = {sentence.words[0] for sentence in source.sentences}
    for place, word in enumerate(words[:5]):
        if word in firsts and all(opener in _OPENERS for opener in words[:place]) and place:
            rest = words[place:]
            if any(rest[:3] == sentence.words[:3] for sentence in source.sentences):
                return rest
        if word not in _OPENERS:
            break
    return words


def _repeats(words: tuple[str, ...], source: _Source, *, last: bool) -> bool:
    if _in_a_row(words, source, last=last):
        return True
    if words[-1] not in source.vocabulary:  # "One code word is spoken in the recording: falcon."
        return False
    decides = _DECIDES.intersection(set(words) - source.vocabulary)
    return any(
        (not decides and _near(words, sentence, source)) or (decides <= {"not"} and _freely(words, sentence, source))
        for sentence in source.sentences
    )


def _in_a_row(words: tuple[str, ...], source: _Source, *, last: bool) -> bool:
    """Whether the words were told in a row, from the beginning of a sentence to the end of one, or cut off near it."""
    ends = source.starts | {len(source.words)}
    for start in source.starts:
        end = start + len(words)
        if source.words[start:end] != words:
            continue
        if end in ends:
            return True
        whole = min(place for place in ends if place > end) if end < len(source.words) else end
        if last and len(words) >= 5 and len(words) >= _MOST_OF_IT * (whole - start):
            return True
    return False


def _near(words: tuple[str, ...], sentence: _Told, source: _Source) -> bool:
    """Whether few words of a sentence were changed, and its opening was not."""
    if _states(sentence) and not source.offered.isdisjoint(words):
        return False
    most = int(_CHANGED * max(len(words), len(sentence.words)))
    if len(words) < 5 or words[0] != sentence.words[0] or abs(len(words) - len(sentence.words)) > most:
        return False
    return _edits(words, sentence.words, most=most) <= most


def _edits(one: Sequence[str], other: Sequence[str], *, most: int) -> int:
    """Word edits between two sentences of about one length."""
    previous = list(range(len(other) + 1))
    for row, word in enumerate(one, start=1):
        current = [row]
        for column, against in enumerate(other, start=1):
            changed = previous[column - 1] + (word != against)
            current.append(min(changed, previous[column] + 1, current[-1] + 1))
        if min(current) > most:
            return most + 1
        previous = current
    return previous[-1]


def _states(sentence: _Told) -> bool:
    """Whether it is a statement: neither a question, nor a condition, nor a sentence that says how to answer."""
    return not sentence.asks and sentence.words[0] != "if" and _ASKING.isdisjoint(sentence.words)


def _freely(words: tuple[str, ...], sentence: _Told, source: _Source) -> bool:
    """Whether a statement is repeated in other words around a long run of its own, without a reply that is offered."""
    if not _states(sentence) or len(sentence.words) < _RUN or not source.offered.isdisjoint(words):
        return False
    run, place = _longest_run(words, sentence.words)
    if run < _RUN:
        return False
    around = words[:place] + words[place + run :]
    told = run + sum(word in sentence.words for word in around)
    return told >= _COVERED * len(words)


def _longest_run(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Length of the longest row of words that two sentences share, and where it begins in the first."""
    best, at = 0, 0
    previous = [0] * (len(other) + 1)
    for row, word in enumerate(one[:200]):
        current = [0] * (len(other) + 1)
        for column, against in enumerate(other):
            if word == against:
                current[column + 1] = previous[column] + 1
                if current[column + 1] > best:
                    best, at = current[column + 1], row - current[column + 1] + 1
        previous = current
    return best, at


def _asks_again(words: tuple[str, ...], source: _Source) -> bool:
    """Whether a sentence speaks about the question instead of answering it."""
    if not _ABOUT_THE_QUESTION.search(" ".join(words)) or words[-1] in source.offered | _DECIDES:
        return False
    told = sum(word in source.vocabulary for word in words)
    return told >= _COVERED * len(words)


def _without_condition(part: str, source: _Source) -> str:
    """The sentence without a condition that the prompt states, repeated at its beginning."""
    clause, comma, rest = part.partition(",")
    words = _words(clause)
    if not comma or len(words) < 4 or words[0] != "if":
        return part
    conditions = [told for sentence in source.sentences for told in sentence.clauses if told[0] == "if"]
    repeated = any(
        len(set(words) & set(told)) >= _COVERED * len(set(words)) and words[1] == told[1] for told in conditions
    )
    return rest.strip() if repeated else part
