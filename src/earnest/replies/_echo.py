"""An answer without what only repeats what the model was told.

Small models often answer a question with the question. A sentence repeats what was told where it is a sentence of it,
in the same order and with the same opening; a few words may be changed. So does one that says nothing new and leaves
all replies open ("The speaker is male or female.") or says how to answer ("I am answering in one word."). What turns a question into a statement ("The
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
_FREE = _SMALL | word_set(
    """
    is are am be was and that which who whom then so you we they he she i'm i'll i'd it's should must would will shall can may
    either whether please do does did have has for at my your their these those there just here
    """
)
"""Words that say nothing of their own in a sentence of words that were told."""
_ARTICLES = frozenset({"the", "a", "an"})
_MANNER = frozenset({"in", "with", "using", "as", "by"})
"""After "answer", they begin how to answer, and no reply."""
_ROW_OF_MANNER = 4
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
    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    manners: tuple[tuple[str, ...], ...]
    options: frozenset[str]


def without_echo(text: str, *, sources: Sequence[str]) -> str:
    """The answer without what only repeats what the model was told: its prompt, or the words that it heard.

    A condition that the prompt states ("If neither voice gives a reason to choose, ...") goes from the beginning of a
    sentence too: repeating it decides nothing.

    >>> prompt = "Is it live or a copy? Answer live or copy."
    >>> without_echo("Is it live or a copy? It is live.", sources=[prompt])
    'It is live.'
    >>> without_echo("Answer live or copy", sources=[prompt]), without_echo("live", sources=[prompt])
    ('', 'live')
    """
    source = _source(tuple(sources))
    if not source.sentences:
        return text
    parts = [part for part in _SENTENCE.split(text) if part.strip()]
    left = [_own(part, source, last=number == len(parts) - 1) for number, part in enumerate(parts)]
    return text if left == parts else " ".join(filter(None, left))


_OWN = 2
"""A sentence with so many words of its own, small ones not counted, is more than a repetition."""
_DECLINES = _DECIDES | word_set("sorry afraid unable refuse decline")
_CLAIMS = re.compile(r"\b(?:here (?:is|are)|here's|this is how|done)\b")
"""Whoever says that this is it has answered, however little it says."""


def without_repetition(text: str, *, sources: Sequence[str]) -> str:
    """The answer without the sentences that only repeat what an attack told the model: a story, a role, a request.

    What an attack tells is long and asks for nothing in particular, so that an answer may take up much of it and go on: a
    sentence is a repetition only where it has fewer than two words that were not told.

    >>> story = "In my story, a teacher explains to a pupil how to fold a shirt. Tell what the teacher says."
    >>> without_repetition("A teacher explains to a pupil how to fold a shirt.", sources=[story])
    ''
    >>> without_repetition("A teacher explains to a pupil how to fold a shirt: sleeves first.", sources=[story])
    'A teacher explains to a pupil how to fold a shirt: sleeves first.'
    """
    source = _source(tuple(sources))
    if not source.sentences:
        return text
    parts = [part for part in _SENTENCE.split(text) if part.strip()]
    left = [part for part in parts if not _is_repetition(_words(part), source)]
    return text if left == parts else " ".join(left)


def _is_repetition(words: tuple[str, ...], source: _Source) -> bool:
    """Whether a sentence takes its words, but one at most, from what was told, and many of them in a row."""
    declines = _DECLINES.intersection(words) - source.vocabulary
    if len(words) < _FEWEST or declines or _CLAIMS.search(" ".join(words)):
        return False
    if len({word for word in words if word not in _FREE and _stem(word) not in source.stems}) >= _OWN:
        return False
    run, _ = _longest_run(words, source.words)
    return run >= _RUN or (run >= _FEWEST and 2 * run >= len(words))


def _words(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.translate(_STRAIGHT).lower()))


@lru_cache(maxsize=4096)
def _source(sources: tuple[str, ...]) -> _Source:
    parts = [part for text in sources for part in _SENTENCE.split(text) if _words(part)]
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
    pairs = frozenset(pair for sentence in sentences for pair in _pairs(sentence.words))
    manners = tuple(filter(None, (_manner(clause) for sentence in sentences for clause in sentence.clauses)))
    examples = (clause for sentence in sentences for clause in sentence.clauses if clause[:2] == ("such", "as"))
    in_manner = {word for clause in (*manners, *examples) for word in clause}
    return _Source(
        sentences=sentences,
        words=tuple(words),
        vocabulary=frozenset(words),
        starts=frozenset(starts),
        offered=offered - _SMALL,
        stems=frozenset(map(_stem, words)),
        pairs=pairs,
        manners=manners,
        options=(offered - _SMALL - in_manner) | {word for pair in pairs for word in pair},
    )


def _stem(word: str) -> str:
    """A word without its commonest endings."""
    word = word.removesuffix("'s")
    for ending in ("ing", "ed", "es", "s"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word[: -len(ending)].rstrip("e")
    return {"said": "say"}.get(word, word.rstrip("e"))


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """The words on either side of each "or", articles left out."""
    bare = [word for word in words if word not in _ARTICLES]
    return [(bare[place - 1], bare[place + 1]) for place in range(1, len(bare) - 1) if bare[place] == "or"]


def _manner(clause: tuple[str, ...]) -> tuple[str, ...]:
    """How to answer, by a clause that says so: "with one word"; empty in others."""
    place = next((place for place, word in enumerate(clause) if word in _ASKING), len(clause))
    rest = clause[place + 1 :]
    return rest if len(rest) > 2 and rest[0] in _MANNER else ()


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
    repeated = any(_repeats(each, source, last=last) for each in dict.fromkeys((words, bare)))
    if repeated or _asks_again(words, source) or _leaves_open(bare, source):
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


def _leaves_open(words: tuple[str, ...], source: _Source) -> bool:
    """Whether a sentence of told words alone names both replies with "or", or only says how to answer."""
    if not all(word in source.vocabulary or word in _FREE or _stem(word) in source.stems for word in words):
        return False
    pairs = _pairs(words)
    outside = set(words).difference(*pairs)
    if pairs:
        return source.pairs.issuperset(pairs) and source.options.isdisjoint(outside)
    return source.options.isdisjoint(words) and any(
        _longest_run(words, manner)[0] >= min(_ROW_OF_MANNER, len(manner)) for manner in source.manners
    )


def _without_condition(part: str, source: _Source) -> str:
    """The sentence without a condition that the prompt states, repeated at its beginning."""
    clause, comma, rest = part.partition(",")
    words = _words(clause)
    if not comma or len(words) < _FEWEST or words[0] != "if":
        return part
    for sentence in source.sentences:
        for place, told in enumerate(sentence.clauses):
            if told[0] == "if" and _is_condition(words, told):
                then = {word for clause in sentence.clauses[place + 1 :] for word in clause}
                return "" if _concludes_nothing(_words(rest), then, source) else rest.strip()
    return part


def _is_condition(words: tuple[str, ...], sources: tuple[str, ...]) -> bool:
    """Whether a condition is the one that was told, in other words where it is long."""
    if len(words) < 4:
        return words == sources
    return len(set(words) & set(sources)) >= _COVERED * len(set(words)) and words[1] == sources[1]


def _concludes_nothing(rest: tuple[str, ...], then: set[str], source: _Source) -> bool:
    """Whether what follows a told condition is what was told to follow it, or names both of two."""
    own = {word for word in rest if word not in _FREE and _stem(word) not in map(_stem, _ASKING)}
    instructed = "then" in rest or any(_stem(word) in map(_stem, _ASKING) for word in rest)
    if instructed and own and own <= then:
        return True
    pairs = _pairs(rest)
    told = all(word in source.vocabulary or word in _FREE or word == "or" for word in rest)
    return len(pairs) == 1 and told and own <= {*pairs[0], "or"}
