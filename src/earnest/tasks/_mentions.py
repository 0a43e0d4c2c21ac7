"""Which of two things an answer names, and where.

A *mention* is a word for one of two places: "first", "speaker 2", "candidate B", "the former", "der zweite". A word
that only ranks, counts time or opens a list ("first of all", "just a second", "wash it first") is none, and neither are
two places named beside each other without a choice between them ("the first or the second").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from earnest.tasks import _vocabulary as vocabulary
from earnest.tasks._statements import any_of

Place = Literal["first", "second"]

NOUN = (
    r"(?:speaker|candidate|person|voice|recording|audio|clip|attempt|applicant|option|choice|speech|individual|man"
    r"|woman|male|female|caller|user"
    r"|sample|message|segment|track|file|participant|statement|guy|lady|student|employee|audio (?:clip|file"
    r"|message|recording)|contender|party)(?:'s)?"
)
"""What has a place."""

_GOES_ON = (
    r"(?:is|was|are|were|sounds?|sounded|seems?|seemed|has|had|would|could|can|will|should|must|because|since|as"
    r"|over|rather|and|or|but|than|nor|in|on|to|instead"
    r"|appears?|who|whose|which|that|also|gives?|gave|left|speaks?|spoke|says|said|works?|matches|fits|better"
    r"|again|with|by|not|if|though|although|while|however"
    r"|isn't|wasn't|doesn't|only|always|more|clearly|definitely|makes?|feels?|comes?|wins?|stands?|due|for|belongs"
    r"|may|might|does|did|being|based|here|so|one|please"
    r"|a copy|live|from|shows?|deserves?|gets?|beats?|surpasses|outperforms)"
)
_CANDIDATE = re.compile(
    rf"\b(?P<ordinal>first|second|1st|2nd)\b|\bthe (?P<word>former|latter)\b"
    rf"|(?:\b{NOUN}|\bnumber|#)[ #]?(?:number )?(?P<number>1|one|a|2|two|b)\b"
    rf"|(?P<name>{any_of((*vocabulary.FIRST, *vocabulary.SECOND))})"
)
_FIRST_ONES = frozenset(("first", "1st", "former", "1", "one", "a", *vocabulary.FIRST))
_BEFORE_NOUN = re.compile(
    rf"\s+(?:of the (?:two|pair|recordings|speakers|voices)\b|(?:[\w-]+ ){{0,2}}?{NOUN}\b|ones?\b)"
)
_ALONE_AFTER = re.compile(rf"\s*(?:$|[.,;:!)(\]\"\-…/=<>])|\s+(?:{_GOES_ON}|fake|real|genuine|synthetic|artificial)\b")
_ALONE_BEFORE = re.compile(
    r"(?:^|[:,;(.\-\"'] ?|\b(?:the|my|is|be|was|it's|so|say|said|as|choose|pick|select|hire|prefer|answer|than"
    r"|over|not|or|and|nor|but|speaks|spoke|speaking|comes|came|talks|heard"
    r"|neither|either|therefore|thus|hence|definitely|probably|maybe|le|actually|with) )$"
)
"""An ordinal without its noun stands for one of the two after an article, a verb of choice or a pause; "wash it first"
is none."""


@dataclass(frozen=True)
class Mention:
    """A place in a sentence: where it is, and what stands before and after it.

    Parameters
    ----------
    foreign : bool
        Whether it is named in another language than English.
    """

    place: Place
    begin: int
    end: int
    before: str
    after: str
    foreign: bool = False

    @property
    def is_compared_with(self) -> bool:
        """Whether it stands behind a "than", a "not" or the like: the one that is not meant."""
        return bool(_RIVAL.search(self.before))


_RIVAL = re.compile(
    r"(?:\bthan|\bover|\brather than|\binstead of|\bnot|\bunlike|\bcompared (?:to|with)|\bas opposed to|\bversus"
    r"|\bvs\.?|\bagainst|\bprefer\w* [^,.;]{2,40} to|\bbeats?|\bsurpasses|\boutperforms|\boutdoes|\bedges out"
    r"|\bbut not|\bpreferred to)"
    r"(?: (?:the|that of|with|picking|choosing|hiring|in|is|to))*\s*$"
)
_PAIR = re.compile(
    rf"\s*(?:{NOUN}|one)?\s*(?:,? ?(?:or|and|nor|with|against|/|&|>|<|from|vs\.?|versus|oder|und|noch|o|y|ni|ou|et|和"
    rf"|或|还是|与)|)\s*(?:rather )?(?:the|der|die|das|el|la|le|l'|speaker|candidate|person|也|不是)?\s*"
)


@lru_cache(maxsize=512)
def mentions(part: str) -> tuple[Mention, ...]:
    """The mentions of a sentence in their order, pairs without a choice ("the first or the second") left out."""
    found = [mention for match in _CANDIDATE.finditer(part) if (mention := _mention(match, part)) is not None]
    paired = {
        number
        for before, (one, two) in enumerate(pairwise(found))
        if one.place != two.place and _PAIR.fullmatch(part[one.end : two.begin])
        for number in (before, before + 1)
    }
    return tuple(mention for number, mention in enumerate(found) if number not in paired)


def _mention(match: re.Match[str], part: str) -> Mention | None:
    """What a candidate mentions; None where its neighbours make it something else."""
    before, after = part[: match.start()], part[match.end() :]
    alone, of_noun = _ALONE_AFTER.match(after), _BEFORE_NOUN.match(after)
    fits = {
        "ordinal": of_noun or (alone and _ALONE_BEFORE.search(before[-12:])),
        "word": of_noun or alone,
        "number": alone,
        "name": True,
    }
    kind = str(match.lastgroup)
    if not fits[kind]:
        return None
    place: Place = "first" if match[kind] in _FIRST_ONES else "second"
    return Mention(place, match.start(), match.end(), before, after, foreign=kind == "name")
