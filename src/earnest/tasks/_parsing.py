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
from earnest.tasks._statements import ANSWER_IS, CANNOT_TELL, HENCE, I_SAY, any_of, either, only, statements

__all__ = [
    "longest_common_run",
    "one_of",
    "other_language",
    "plain",
    "possible_or_impossible",
    "says_no_speech",
    "words",
    "yes_no",
]

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


# ---------------------------------------------------------------- yes or no

_YES, _NO = (
    any_of(name for name in table if not re.search(r"[\u3400-\u9fff]", name))
    for table in (vocabulary.YES, vocabulary.NO)
)
_SIGNS_YES, _SIGNS_NO = (
    either(*sorted((name for name in table if re.search(r"[\u3400-\u9fff]", name)), key=len, reverse=True))
    for table in (vocabulary.YES, vocabulary.NO)
)
_OFFER = re.compile(rf"\b(?:{_YES} ?(?:/|or|\||oder|o|ou) ?{_NO}|{_NO} ?(?:/|or|\||oder|o|ou) ?{_YES})\b ?:?|是还是不是|是或否")
_BOTH = re.compile(rf"\b(?:{_YES},? ?(?:and|y|und|et|but also)? {_NO}|{_NO},? ?(?:and|y|und|et|but also) {_YES})\b(?![^.]*\b(?:it|not)\b)")
_IDIOM = re.compile(
    r"\bno (?:problem|problema|doubts?|worry|worries|need|wonder|matter|questions?|trouble|big deal|longer|idea|clue|opinion)\b"
    r"|\bno way (?:to|of)\b|\bwithout (?:a |any )?(?:doubt|question)\b|\bsin duda\b|\bohne zweifel\b|\bsans (?:aucun )?doute\b|毫无疑问"
)
_END = r"(?=\s*(?:$|[,.;:!)\-…])| (?:because|since|as|for|due to|given|here|from me|to (?:that|this)|on this|in this case)\b)"
_SOFTLY = (
    r"(?:(?:most likely|very likely|probably|likely|presumably|almost certainly|clearly|definitely|certainly|absolutely|unfortunately|sadly|well"
    r"|hm+|um|okay|ok|sure|actually|honestly|then|sorry|wahrscheinlich|probablemente|leider|lamentablemente|malheureusement"
    r"|i'm afraid|in my opinion|apparently|this is|that is|it is|it's|that's)\b[,.!:]* ?)*"
)
"""May stand before yes or no and changes nothing."""
_IT_IS_A = r"\b(?:it|that|this)(?:'s| is| would be|'d be| must be| has to be) an?(?: \w+)?"
_SO = either(
    ANSWER_IS, HENCE + ",?", I_SAY, _IT_IS_A, r"\b(?:actually|wait|rather|correction|i mean|but|however|no|yes),?",
    r"\b(?:probably|most likely|likely|unfortunately)", r"[,:;(]", r"\s-", r"\.\.\.",
)  # fmt: skip
_SAID_LATER = {
    vote: re.compile(rf"{either(ANSWER_IS, HENCE + ',?:?', I_SAY, _IT_IS_A)} ?{_SOFTLY}{word}{_END}|{_SO} ?{_SOFTLY}{word}[\s.!)\]]*$"
                     rf"|\b(?:but|actually|wait|rather|sorry|hm+),? {_SOFTLY}{word}(?=[\s]*(?:$|[,.;:!]))")
    for vote, word in (("yes", _YES), ("no", _NO))
}  # fmt: skip
"""A vote after other words: called the answer, concluded, or put at the end after a pause."""
_NOT_A_DETERMINER = (
    r"(?=\s*(?:$|[,.;:!)\]\-…(\"'])| (?:it|its|it's|this|that|that's|the|they|they're|he|he's|she|she's|i|i'm|we|there|there's|these|those|you|both"
    r"|neither|not|because|since|as|sir|madam|wait|actually|only|definitely|absolutely|sorry|unfortunately|and|again"
    r"|es|lo|coinciden?|encaja|corresponden?|son|está|dijo|dice)\b)"
)
"""After "no" that answers, and not "no audio"."""
_SAID_IN_SIGNS = {"yes": re.compile("(?:答案|回答)(?:是|为|:)?:? ?(?:是的|是|对|肯定)[.!]*$"), "no": re.compile("(?:答案|回答)(?:是|为|:)?:? ?(?:否|不|不是|不对|否定|没有)")}
_SIGN_END = r"(?=\s*(?:$|[,.;:!]))"
_SAID_FIRST = {
    "yes": re.compile(rf"{_SOFTLY}(?:{_YES}(?! (?:was|is) (?:said|what|the word|spoken|heard))|(?:{_SIGNS_YES}){_SIGN_END}|符合|匹配)"),
    "no": re.compile(rf"{_SOFTLY}(?:{_NO}{_NOT_A_DETERMINER}|no way[.!]*$|(?!不知|不确|不清|不能|不太清|没有(?:办法|任何|音|录|声|人|语|足够)){_SIGNS_NO})"),
}  # fmt: skip
_FULLY = r"(?:absolutely |completely |entirely |quite |perfectly |exactly )?"
_IT_IS = r"(?:(?:yes|no|that|this|it|he|she|das|c'est|es|eso|(?:the|this|that) (?:description|label|statement|answer))(?:'s| is| was| ist| es|,)? )*"
_TRUE = r"(?:correct|right|true|accurate|exact|correcto|cierto|verdadero|richtig|korrekt|wahr|vrai|exactement)"
_FALSE = r"(?:incorrect|wrong|false|untrue|inaccurate|incorrecto|falso|falsch|faux|not (?:correct|true|accurate|right))"
_MORE = r"(?:[.!]|[,:; -].*)?"
_SENTENCE_FOR = {
    "yes": re.compile(
        either(
            _IT_IS + _FULLY + _TRUE + _MORE,
            r"(?:i (?:think|believe|guess|suppose|would say)|i'd say) (?:so|it does|it is|it fits|it matches)\b.*",
            r"(?:yes,? )?(?:absolutely|definitely|certainly|of course|indeed|exactly|precisely|naturally|totally|for sure|claro|claro que sí|por supuesto"
            r"|desde luego|efectivamente|así es|natürlich|selbstverständlich|sicher|bien sûr|tout à fait|effectivement|当然|当然是)[.!]*",
        )
    ),
    "no": re.compile(
        either(
            _IT_IS + _FULLY + _FALSE + _MORE,
            r"(?:that|this|it|they)(?:'s| is|'re| are)?(?: not|n't) (?:quite |entirely |exactly |fully )?(?:correct|true|accurate|right|the case|so)" + _MORE,
            r"(?:sorry,? |no,? )?not (?:exactly|quite|really|at all|entirely|in the least|in the slightest|precisely|completely|true|even close|so|fully|quite right)" + _MORE,
            r"(?:absolutely|definitely|certainly|probably|of course|most likely|likely|clearly|surely|apparently|most certainly) not" + _MORE,
            r"(?:i(?:'m| am) afraid not|by no means|in no way)" + _MORE,
            r"no match" + _MORE,
            r"i (?:do not|don't|would not|wouldn't) (?:think|believe|say) (?:so|it does|it is|it fits|it matches|that it (?:does|is|fits|matches))\b.*",
            r"(?:nicht ganz|nicht genau|nicht wirklich|keineswegs|auf keinen fall|no exactamente|para nada|claro que no|por supuesto que no|en absoluto"
            r"|pas exactement|pas du tout|pas vraiment|bien sûr que non|pas tout à fait)" + _MORE,
        )
    ),
}
"""A whole sentence that says yes or no in other words."""
_WHAT = (
    r"(?:the )?(?:it|they|he|she|this|that|these|those|description|label|speakers?|voices?|recordings?|sounds?|phrase|passphrase|order"
    r"|(?:second|first) (?:one|voice|speaker|person|recording|attempt))(?: [\w…]+){0,4}?"
)
_CLAIM_FOR = {
    "no": re.compile(
        either(
            rf"(?:^|, |\bbut |\band |\bso )(?:{_WHAT} (?:do|does|did|is|are|was|were|has|have)|it's|that's|he's|she's|they're)(?: not|n't)(?=\s*(?:$|[.,;!])| (?:fit|match|correspond|apply|suit|the same|in (?:this|that) order"
            r"|sound|say (?:exactly|the (?:exact|pass|phrase)|this|that|all)|contain (?:these|the) sounds|spoken by the same))",
            r"(?<!not )(?<!not a )(?<!n't )(?<!n't a )(?<!no )\bdifferent (?:people|persons?|speakers?|voices?|individuals?|phrase|passphrase|order)\b",
            r"^the (?:two )?(?:voices|speakers|recordings|people|persons) are (?:\w+ )?different[.!]*$",
            r"\b(?:opposite|reversed?|wrong|other) order\b|^(?:it's |it is )?the other way (?:a)?round\b|\border is (?:reversed|wrong|different|the opposite)\b|^not the same\b",
            r"\b(?:passt|stimmt|entspricht)\b[^.]{0,15}\bnicht\b|\bne correspond(?:ent)? pas\b|\bno (?:coincide|encaja|corresponde)n?\b|不(?:符合|匹配|一致|一样|正确)|不是同一",
        )
    ),
    "yes": re.compile(
        either(
            rf"^(?:so |and )?{_WHAT} (?:really |indeed |exactly |clearly )?(?:fits?|match(?:es)?|corresponds?|applies|suits?)\b(?!.*\b(?:but|however|although|except|only|part)\b)",
            rf"^{_WHAT} (?:does|is|did|do|are|was)(?: indeed)?[.!]*$",
            r"^(?:they are|it is|it's|this is) (?:indeed )?the same (?:person|speaker|voice|phrase)[.!]*$",
            r"^the (?:speaker|person) (?:did say|said|says) exactly (?:this|that|the) (?:pass)?phrase[.!]*$",
            r"^(?:das |es |ja )?(?:passt|stimmt)[.!]*$",
        )
    ),
}
"""A sentence that claims what every question of this form asks: that something fits, or is the same."""
_ABOUT_HEARING = re.compile(
    r"^(?:yes|yeah|yep|sure|ok(?:ay)?|of course|no),? (?:"
    r"i(?:'ve| have| did| can| could|'m able to| am able to)*(?: clearly)? (?:hear|heard|listen(?:ed)?|received?|got|understand|understood|process(?:ed)?"
    r"|analy[sz]ed?|have access)(?: to)?(?: (?:the|your|this|that|both|all|it|you))*(?: \w+)??(?: (?:audio|recordings?|clips?|files?|sounds?|speech|messages?|questions?|requests?|voices?))*"
    r"(?: (?:clearly|well|carefully|now|twice|perfectly))*[.!]*$"
    r"|(?:the|your) (?:audio|recording|clip|sound|file|audio (?:clip|file))(?: quality)? (?:is|was|sounds|came through|has been)\b(?: \w+)? ?(?:clear|audible|fine|good|received|attached)?[.!]*$"
    r"|i(?: can| will|'ll|'d be happy to|'m happy to| would be happy to) (?:help|assist|answer|listen|analy[sz]e|check|do)\b[^,;]*[.!]*$)"
)
"""A sentence whose yes is to the question whether the model hears."""


_SPOKEN = re.compile(r"^(?:speaker|audio|recording|person|voice|transcript|clip)(?: [\dab])?:")
"""A line of a transcript."""


def yes_no(text: str) -> str | None:
    """`yes` or `no`, where an answer begins or ends with it, calls it its answer or says as much, and not the other.

    A yes or no after the words that it cannot be told is none, unless it is called the answer.

    >>> yes_no("No doubt, this is the same person. Yes."), yes_no("Not exactly."), yes_no("No audio was provided.")
    ('yes', 'no', None)
    """
    parts = [part for part in statements(text) if not _ABOUT_HEARING.match(part) and not _SPOKEN.match(part)]
    votes = [_votes(part) for part in parts]
    if {"yes", "no"} in votes or not parts:
        return None
    found = only(vote for each in votes for vote in each)
    cannot = [bool(CANNOT_TELL.search(part)) for part in parts]
    if not any(votes):
        return None if any(cannot) else only(_claims(parts))
    if any(cannot) and (cannot[0] or not votes[0]):
        return None
    return found


def _votes(part: str) -> set[str]:
    """What one sentence says; both where it offers them without a choice."""
    if _BOTH.search(part):
        return {"yes", "no"}
    if _OFFER.search(part):
        part = _OFFER.sub(" ", part).strip(" :-")
        if _lead(part) is None:
            return set()
    lead = _lead(part)
    part = _IDIOM.sub(" ", part)
    found = {vote for table in (_SAID_LATER, _SAID_IN_SIGNS) for vote, pattern in table.items() if pattern.search(part)}
    found |= ({lead} if lead else set())
    if found:
        return found
    whole = part.strip(" \"'()[]")
    return set(next(((vote,) for vote in ("no", "yes") if _SENTENCE_FOR[vote].fullmatch(whole)), ()))


def _lead(part: str) -> str | None:
    """What a sentence begins with, after an idiom such as "no problem"."""
    part = _IDIOM.sub("", part, count=1) if _IDIOM.match(part) else part
    part = part.strip(" ,.!:-\"'()[]#")
    return next((vote for vote, pattern in _SAID_FIRST.items() if pattern.match(part)), None)


def _claims(parts: Sequence[str]) -> list[str]:
    found = (next((vote for vote, pattern in _CLAIM_FOR.items() if pattern.search(part)), None) for part in parts)
    return [vote for vote in found if vote]


# ---------------------------------------------------------------- one of several options

_NOT = re.compile(
    r"\b(?:not|no|without|neither|nor|never|cannot|can't|isn't|wasn't|aren't|doesn't|don't|didn't|rather than|instead of|unlike|excluding|ruled? out|kein\w*|nicht|sin|sans|pas|ni)\b"
    r"(?:(?!\b(?:but|however|instead|it's|it is|i hear|just|only|other than|except|besides|apart from|aside from|sondern|sino|mais)\b)[^;.!?])*"
    r"|(?:不是|没有|并非|而非)[^,.;]*"
)
"""From a denial to where it ends; what is excepted from it, or follows a "but", is not denied."""
_NOT_AFTER = re.compile(
    r"\s*(?:\w+ ){0,2}(?:is|are|was|were|does|do|did|can|could|would|has|have|seems?)(?:n't| not)\b|\s*(?:can't|cannot)\b|\s*(?:voice|sound)s? (?:would|is (?:ruled out|unlikely))"
)
_OTHERS = re.compile(r"\b(?:the |all )?(?:other|remaining|rest of the) (?:options?|sounds?|choices|labels|ones)\b.*|\bthe (?:others|rest)\b.*|\btoo \w+ (?:for|to be)\b.*")
"""From where a sentence speaks of what is not chosen to its end."""
_NOTHING_BUT = re.compile(r"\b(?:nothing|no (?:other )?(?:sounds?|noises?)|no background (?:sounds?|noise))(?: else)?,? (?:but|except|other than|besides|apart from|aside from)\b")
_NOTHING_ELSE = re.compile(r"\bnothing else\b|\bno other (?:sounds?|noises?|voices?)\b")
_LISTED = re.compile(r"^\W*(?:(?:a|an|the|or|and|with|possibly|perhaps|maybe|some|also|plus|then|even|und|oder|mit|o|y|con|ou|et|avec) )*")
MOST_NAMED = 3
"""A sentence that names so many options only lists them."""
MAX_LEAD_WORDS = 5


def one_of(text: str, options: Sequence[str], *, synonyms: Mapping[str, str] | None = None) -> str | None:
    """The only one of `options` that the answer names and does not deny; None for none or several.

    An option is known by its name, by what `earnest.tasks._vocabulary` calls it and by `synonyms`. Where others are
    named too, the one that is called the answer is taken, or the one that stands first and alone.

    >>> one_of("Not rain but wind.", ("rain", "wind")), one_of("Rain. The other options, wind and bell, do not fit.", ("rain", "wind"))
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
        [table[found[1]] for part in parts for found in re.finditer(rf"{ANSWER_IS} ?(?:\w+ ){{0,3}}?({pattern.pattern})", part)],
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
    part = _NOT.sub(" ", part)
    return pattern.sub(lambda found: " " if _NOT_AFTER.match(part, found.end()) else found[0], part)


def _leading(parts: Sequence[str], table: Mapping[str, str], pattern: re.Pattern[str]) -> list[str]:
    """The options that a short first sentence, or the words before its first comma, consist of."""
    first = next((part for part in parts if part.strip()), "")
    head, mark, rest = (re.match(r"([^,:;(-]*)([,:;(-]?)(.*)", first, re.DOTALL) or first).groups()  # type: ignore[union-attr]
    named = [table[found] for found in pattern.findall(head)]
    if len(head.split()) > MAX_LEAD_WORDS or not named:
        return []
    if mark == "," and pattern.match(rest, _LISTED.match(rest).end()):  # type: ignore[union-attr]
        return []
    later = [part for part in parts if re.match(r"(?:wait|actually|no|sorry|or)\b", part)]
    return [*named, *(table[found] for part in later for found in pattern.findall(part))]


# ---------------------------------------------------------------- possible or impossible

_ASIDE = re.compile(
    r"\bwhether\b.*|\b(?:im|not )?possible (?:that|to \w+|for (?:me|us|you) to|answers?|explanations?|reasons?|causes?|options?|sources?|interpretations?|or impossible)\b"
    r"|\bpossible/impossible\b|\b(?:im)?possible,? (?:or|/) (?:not|(?:im)?possible)\b|\bpossib(?:le|ly),? possib(?:le|ly) not\b"
)
_CANNOT_BE = (
    r"(?:can't|cannot|can not|couldn't|could not|could never|can never)(?: really| physically| possibly| actually)?(?: (?:happen|occur|exist|take place)\b| (?:be|have been)(?: true| real| so| right| genuine| natural| the case| made)?(?=\s*(?:$|[.,;!]| in | because| since| as | under | for ))|(?=[.!,]|$))"
)
_IMPOSSIBLE = re.compile(
    either(
        r"\b(?:im|not (?:\w+ly )?|isn't (?:\w+ly )?|never |hardly |wasn't |no es |n'est pas |nicht )possible\b|\bimposible\b|\bunmöglich\w*|不可能|不會|\bimplausib\w+|\b(?:not|isn't) (?:\w+ly )?(?:plausible|conceivable|feasible)|\binconceivable",
        r"\bnot be possible\b|\b(?:no es posible|nicht möglich|pas possible)\b",
        rf"\b{_CANNOT_BE}",
        r"\b(?:violat|def(?:y|ies)|contradict|break)\w* (?:the )?(?:basic |known )?(?:laws? of )?(?:physics|nature|physical)",
    )
)
_POSSIBLE = re.compile(
    either(
        r"\b(?:not impossible|isn't impossible|no es imposible|nicht unmöglich|pas impossible|possible|possibly|posible|möglich|plausible|conceivable|feasible)\b|不是不可能|可能",
        r"\b(?:could|can|might|may)(?: well| very well| indeed| certainly)? (?:be true|be real|happen|occur|have happened|be the case)\b|\bit (?:could|can)(?: be)?[.!]*$",
    )
)
_NOT_IMPOSSIBLE = re.compile(r"\b(?:not|isn't|no es|nicht|pas|hardly) (?:physically )?(?:impossible|imposible|unmöglich)\b|不是不可能|并非不可能")
_DOUBTS = re.compile(r"\bi (?:don't|do not|wouldn't|would not) (?:think|believe|say)\b(?=.*possib)")
_BUT_UNLIKELY = re.compile(r"\bpossible,? (?:but|though|although) (?:\w+ ){0,3}(?:unlikely|improbable|implausible|not)")


def possible_or_impossible(text: str) -> str | None:
    """`possible` or `impossible`, where an answer says one of them, by other words or by yes and no too.

    >>> possible_or_impossible("That couldn't be true."), possible_or_impossible("This is a possible answer.")
    ('impossible', None)
    """
    parts = statements(text)
    found: list[str] = []
    for part in parts:
        vote = _possibility(part)
        if vote == "both" or (not vote and not found and CANNOT_TELL.search(part)):
            return None
        found += [vote] if vote else []
    yes = {"yes": "possible", "no": "impossible"}.get(yes_no(text) or "")
    if found and yes and found[0] != yes:
        return None
    return only(found) if found else yes


def _possibility(part: str) -> str | None:
    concluded = re.search(rf"(?:{HENCE}|:),? ?([^:]*possib[^:]*)$", part)
    if concluded:
        return _possibility(concluded[1])
    part = _NOT_IMPOSSIBLE.sub(" possible ", part)
    if _DOUBTS.search(part):
        return "both" if _IMPOSSIBLE.search(part) else "impossible"
    if _BUT_UNLIKELY.search(part):
        return "both"
    part = _ASIDE.sub(" ", part)
    if _IMPOSSIBLE.search(part):
        return "both" if _POSSIBLE.search(_IMPOSSIBLE.sub(" ", part)) else "impossible"
    return "possible" if _POSSIBLE.search(part) else None
