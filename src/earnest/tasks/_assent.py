"""Whether an answer says yes or no, possible or impossible.

The first and the last word count, and what is called the answer: "No problem! The answer is yes." A "no" before a noun
denies that noun alone ("no audio"), a yes to "can you hear it?" answers another question, and who says both has not
decided.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from earnest.metrics.sentences import either, plain
from earnest.tasks import _vocabulary as vocabulary
from earnest.tasks._statements import (
    ANSWER_IS,
    CANNOT_TELL,
    HENCE,
    I_SAY,
    any_of,
    at_the_ends,
    is_sign,
    only,
    statements,
)

# ---------------------------------------------------------------- yes or no

_YES, _NO = (any_of(name for name in table if not is_sign(name)) for table in (vocabulary.YES, vocabulary.NO))
_SIGNS_YES, _SIGNS_NO = (any_of(filter(is_sign, table)) for table in (vocabulary.YES, vocabulary.NO))
_MAY_VOTE = re.compile(rf"{_YES}|{_NO}|{_SIGNS_YES}|{_SIGNS_NO}")
_OFFER = re.compile(
    rf"\b(?:{_YES} ?(?:/|or|\||oder|o|ou) ?{_NO}|{_NO} ?(?:/|or|\||oder|o|ou) ?{_YES})\b ?:?|是还是不是|是或否"
)
_BOTH = re.compile(
    rf"{_YES},? (?:and|y|und|et|but also) {_NO}(?=\s*(?:$|[.,;:!]))|{_NO},? (?:and|but also) {_YES}(?=\s*(?:$|[.,;:!]))"
    rf"|^{_YES},? {_NO}[.!]*$|^{_NO},? {_YES}[.!]*$"
)
"""Says yes and no in one breath."""
_END = (
    r"(?=\s*(?:$|[,.;:!)\-…])| (?:because|since|as|for|due to|given|here|from me|to (?:that|this)|on this"
    r"|in this case)\b)"
)
_SOFTLY = (
    r"(?:(?:a|an|clear|definite|resounding|firm|simple|plain|tentative|cautious|most likely|very likely|probably"
    r"|likely|presumably|almost certainly|clearly|definitely|certainly|absolutely|unfortunately|sadly|well"
    r"|hm+|um|okay|ok|sure|actually|honestly|then|sorry|wahrscheinlich|probablemente|leider|lamentablemente"
    r"|malheureusement"
    r"|i'm afraid|in my opinion|apparently|this is|that is|it is|it's|that's)\b[,.!:]* ?)*"
)
"""May stand before yes or no and changes nothing."""
_IT_IS_A = (
    r"\b(?:(?:it|that|this)(?:'s| is| would be|'d be| must be| has to be)|(?:looks|sounds|seems) like) an?(?: \w+)?"
)
_CALLED = either(ANSWER_IS, HENCE + ",?:?", I_SAY, _IT_IS_A)
_SO = either(
    ANSWER_IS,
    HENCE + ",?",
    I_SAY,
    _IT_IS_A,
    r"\b(?:actually|wait|rather|correction|i mean|but|however|no|yes),?",
    r"\b(?:probably|most likely|likely|unfortunately)",
    r"[,:;(]",
    r"\s-",
    r"\.\.\.",
)
_SAID_LATER = {
    vote: re.compile(
        rf"{_CALLED} ?{_SOFTLY}{word}{_END}|{_SO} ?{_SOFTLY}{word}[\s.!)\]]*$"
        rf"|\b(?:but|actually|wait|rather|sorry|hm+),? {_SOFTLY}{word}(?=\s*(?:$|[.,;:!]))"
    )
    for vote, word in (("yes", _YES), ("no", _NO))
}
"""A vote after other words: called the answer, concluded, or put at the end after a pause."""
_NOT_A_DETERMINER = (
    r"(?=\s*(?:$|[,.;:!)\]\-…(\"'])| (?:it|its|it's|this|that|that's|the|they|they're|he|he's|she|she's|i|i'm|we"
    r"|there|there's|these|those|you|both"
    r"|neither|not|because|since|as|sir|madam|wait|actually|only|definitely|absolutely|sorry|unfortunately|and|again"
    r"|es|lo|coinciden?|encaja|corresponden?|son|está|dijo|dice)\b)"
)
"""After "no" that answers, and not "no audio"."""
_SAID_IN_SIGNS = {
    "yes": re.compile("(?:答案|回答)(?:是|为|:)?:? ?(?:是的|是|对|肯定)[.!]*$"),
    "no": re.compile("(?:答案|回答)(?:是|为|:)?:? ?(?:否|不|不是|不对|否定|没有)"),
}
_SIGN_END = r"(?=\s*(?:$|[,.;:!]))"
_SAID_FIRST = {
    "yes": re.compile(
        rf"{_SOFTLY}(?:{_YES}(?! (?:was|is) (?:said|what|the word|spoken|heard))|(?:{_SIGNS_YES}){_SIGN_END}|符合"
        rf"|匹配)"
    ),
    "no": re.compile(
        rf"{_SOFTLY}(?:{_NO}{_NOT_A_DETERMINER}|no way[.!]*$|(?!不知|不确|不清|不能|不太清|没有(?:办法|任何|音|录|声|人"
        rf"|语"
        rf"|足够)){_SIGNS_NO})"
    ),
}
"""A vote at the beginning of a sentence."""
_FULLY = r"(?:absolutely |completely |entirely |quite |perfectly |exactly )?"
_IT_IS = (
    r"(?:(?:yes|no|that|this|it|he|she|das|c'est|es|eso|(?:the|this|that) (?:description|label|statement"
    r"|answer))(?:'s| is| was| ist| es|,)? )*"
)
_TRUE = r"(?:correct|right|true|accurate|exact|correcto|cierto|verdadero|richtig|korrekt|wahr|vrai|exactement)"
_FALSE = r"(?:incorrect|wrong|false|untrue|inaccurate|incorrecto|falso|falsch|faux|not (?:correct|true|accurate|right))"
_MORE = r"(?:[.!]|[,:; -].*)?"
_SENTENCE_FOR = {
    "yes": re.compile(
        either(
            _IT_IS + _FULLY + _TRUE + _MORE,
            r"(?:i (?:think|believe|guess|suppose|would say)|i'd say) (?:so|it does|it is|it fits|it matches)\b.*",
            r"(?:so )?it (?:appears|seems|looks) (?:so|that way|to be so)[.!]*",
            r"(?:yes,? )?(?:absolutely|definitely|certainly|of course|indeed|exactly|precisely|naturally|totally"
            r"|for sure|claro|claro que sí|por supuesto"
            r"|desde luego|efectivamente|así es|natürlich|selbstverständlich|sicher|bien sûr|tout à fait"
            r"|effectivement|当然|当然是)[.!]*",
        )
    ),
    "no": re.compile(
        either(
            _IT_IS + _FULLY + _FALSE + _MORE,
            r"(?:that|this|it|they)(?:'s| is|'re| are)?(?: not|n't) (?:quite |entirely |exactly |fully )?"
            r"(?:correct|true|accurate|right|the case|so)" + _MORE,
            r"(?:sorry,? |no,? )?not (?:exactly|quite|really|at all|entirely|in the least|in the slightest|precisely"
            r"|completely|true|even close|so|fully|quite right)" + _MORE,
            r"(?:absolutely|definitely|certainly|probably|of course|most likely|likely|clearly|surely|apparently"
            r"|most certainly) not" + _MORE,
            r"(?:i(?:'m| am) afraid not|by no means|in no way|no chance)" + _MORE,
            r"no match" + _MORE,
            r"i (?:do not|don't|would not|wouldn't) (?:think|believe|say) (?:so|it does|it is|it fits|it matches"
            r"|that it (?:does|is|fits|matches))\b.*",
            r"(?:nicht ganz|nicht genau|nicht wirklich|keineswegs|auf keinen fall|no exactamente|para nada"
            r"|claro que no|por supuesto que no|en absoluto"
            r"|pas exactement|pas du tout|pas vraiment|bien sûr que non|pas tout à fait)" + _MORE,
        )
    ),
}
"""A whole sentence that says yes or no in other words."""
_WHAT = (
    r"(?:the )?(?:it|they|he|she|this|that|these|those|description|label|speakers?|voices?|recordings?|sounds?"
    r"|phrase|passphrase|order"
    r"|(?:second|first) (?:one|voice|speaker|person|recording|attempt))(?: [\w…]+){0,4}?"
)
_CLAIM_FOR = {
    "no": re.compile(
        either(
            rf"(?:^|, |\bbut |\band |\bso )(?:{_WHAT} (?:do|does|did|is|are|was|were|has|have)|it's|that's|he's"
            rf"|she's|they're)(?: not|n't)(?=\s*(?:$|[.,;!])| (?:fit|match|correspond|apply|suit|the same"
            rf"|in (?:this|that) order"
            r"|sound|say (?:exactly|the (?:exact|pass|phrase)|this|that|all)|contain (?:these|the) sounds"
            r"|spoken by the same))",
            r"(?<!not )(?<!not a )(?<!n't )(?<!n't a )(?<!no )\bdifferent (?:people|persons?|speakers?|voices?"
            r"|individuals?|phrase|passphrase|order)\b",
            r"^the (?:two )?(?:voices|speakers|recordings|people|persons) are (?:\w+ )?different[.!]*$",
            r"\b(?:opposite|reversed?|wrong|other) order\b|^(?:it's |it is )?the other way (?:a)?round\b"
            r"|\border is (?:reversed|wrong|different|the opposite)\b|^not the same\b",
            r"(?:\bnot|n't) a match\b|\bno match\b",
            r"\b(?:passt|stimmt|entspricht)\b[^.]{0,15}\bnicht\b|\bne correspond(?:ent)? pas\b|\bno (?:coincide"
            r"|encaja|corresponde)n?\b|不(?:符合|匹配|一致|一样|正确)|不是同一",
        )
    ),
    "yes": re.compile(
        either(
            rf"^(?:so |and )?{_WHAT} (?:really |indeed |exactly |clearly )?(?:fits?|match(?:es)?|corresponds?"
            rf"|applies|suits?)\b(?!.*\b(?:but|however|although|except|only|part)\b)",
            rf"^{_WHAT} (?:does|is|did|do|are|was)(?: indeed)?[.!]*$",
            r"^(?:they are|it is|it's|this is) (?:indeed )?the same (?:person|speaker|voice|phrase)[.!]*$",
            r"^the (?:speaker|person) (?:did say|said|says) exactly (?:this|that|the) (?:pass)?phrase[.!]*$",
            r"^(?:so )?(?:it|that|this)(?:'s| is) a (?:\w+ )?match[.!]*$",
            r"^(?:das |es |ja )?(?:passt|stimmt)[.!]*$",
        )
    ),
}
"""A sentence that claims what every question of this form asks: that something fits, or is the same."""
_ABOUT_HEARING = re.compile(
    r"^(?:yes|yeah|yep|sure|ok(?:ay)?|of course|no),? (?:"
    r"i(?:'ve| have| did| can| could|'m able to| am able to)*(?: clearly)? (?:hear|heard|listen(?:ed)?|received?"
    r"|got|understand|understood|process(?:ed)?"
    r"|analy[sz]ed?|have access)(?: to)?(?: (?:the|your|this|that|both|all|it|you))*(?: \w+)??(?: (?:audio"
    r"|recordings?|clips?|files?|sounds?|speech|messages?|questions?|requests?|voices?))*"
    r"(?: (?:clearly|well|carefully|now|twice|perfectly))*[.!]*$"
    r"|(?:the|your) (?:audio|recording|clip|sound|file|audio (?:clip|file))(?: quality)? (?:is|was|sounds"
    r"|came through|has been)\b(?: \w+)? ?(?:clear|audible|fine|good|received|attached)?[.!]*$"
    r"|i(?: can| will|'ll|'d be happy to|'m happy to| would be happy to) (?:help|assist|answer|listen|analy[sz]e"
    r"|check|do)\b[^,;]*[.!]*$)"
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
    votes = [_votes(part, at_end=place in (0, len(parts) - 1)) for place, part in enumerate(parts)]
    if {"yes", "no"} in votes or not parts:
        return None
    found = only(vote for each in votes for vote in each)
    cannot = [bool(CANNOT_TELL.search(part)) for part in parts]
    if not any(votes):
        return None if any(cannot) else only(_claims(parts))
    unsure = any(cannot) and (cannot[0] or not votes[0])
    return None if unsure and not (found == "yes" and _lead(parts[0]) == "yes") else found


def _votes(part: str, *, at_end: bool) -> set[str]:
    """What one sentence says, in other words only at either end of the answer; both where it says yes and no."""
    if not _MAY_VOTE.search(part):
        return _in_other_words(part) if at_end else set()
    if _BOTH.search(part):
        return {"yes", "no"}
    if _OFFER.search(part):
        part = _OFFER.sub(" ", part).strip(" :-")
        if _lead(part) is None:
            return set()
    lead = _lead(part)
    found = {vote for table in (_SAID_LATER, _SAID_IN_SIGNS) for vote, pattern in table.items() if pattern.search(part)}
    found |= {lead} if lead else set()
    return found if found or not at_end else _in_other_words(part)


def _in_other_words(part: str) -> set[str]:
    whole = part.strip(" \"'()[]")
    return set(next(((vote,) for vote in ("no", "yes") if _SENTENCE_FOR[vote].fullmatch(whole)), ()))


def _lead(part: str) -> str | None:
    """What a sentence begins with."""
    part = part.strip(" ,.!:-\"'()[]#")
    return next((vote for vote, pattern in _SAID_FIRST.items() if pattern.match(part)), None)


def _claims(parts: Sequence[str]) -> list[str]:
    found = (next((vote for vote, pattern in _CLAIM_FOR.items() if pattern.search(part)), None) for part in parts)
    return [vote for vote in found if vote]


# ---------------------------------------------------------------- possible or impossible

_ASIDE = re.compile(
    r"\bwhether\b.*|\b(?:im|not )?possible (?:that|to (?!me\b|us\b)\w+|for (?:me|us|you) to|answers?|explanations?"
    r"|reasons?|causes?|options?|sources?|interpretations?|or impossible)\b"
    r"|\bpossible/impossible\b|\b(?:im)?possible,? (?:or|/) (?:not|(?:im)?possible)\b|\bpossib(?:le"
    r"|ly),? possib(?:le|ly) not\b"
)
_CANNOT_BE = (
    r"(?:can't|cannot|can not|couldn't|could not|could never|can never)(?: really| physically| possibly"
    r"| actually)?(?: (?:happen|occur|exist|take place)\b| (?:be|have been)(?: true| real| so| right| genuine"
    r"| natural| the case| made)?(?=\s*(?:$|[.,;!]| in | because| since| as | under | for ))|(?=[.!,]|$))"
)
_IMPOSSIBLE = re.compile(
    either(
        r"\b(?:im|not (?:\w+ly )?|isn't (?:\w+ly )?|never |hardly |wasn't |no es |n'est pas |nicht )possible\b"
        r"|\bimposible\b|\bunmöglich\w*|不可能|不會|\bimplausib\w+|\b(?:not|isn't) (?:\w+ly )?(?:plausible|conceivable"
        r"|feasible)|\binconceivable",
        r"\bnot be possible\b|\b(?:no es posible|nicht möglich|pas possible)\b",
        rf"\b{_CANNOT_BE}",
        r"\b(?:violat|def(?:y|ies)|contradict|break)\w* (?:the )?(?:basic |known )?(?:laws? of )?(?:physics|nature"
        r"|physical)",
    )
)
_POSSIBLE = re.compile(
    either(
        r"(?:^|[:,;(] |- |\b(?:is|be|are|was|seems?|sounds?|appears?|it's|that's|say|answer|quite|very|entirely"
        r"|perfectly|physically|certainly|indeed|theoretically|technically|so|therefore|thus|but|remains|es|ist"
        r"|c'est|est|wäre|sería|still|yes|no|called|definitely|clearly|probably|totally|absolutely|completely"
        r"|(?:consider|call|deem|judge) (?:it|this|that)) ?)"
        r"\"?(?:possible|possibly|posible|möglich|plausible|conceivable|feasible)\b(?=\W*(?:$|[.,;:!)\"-]| (?:in"
        r"|because|since|given|for|as|if|under|here|to me|enough|though|although|and|that day)\b))|可能",
        r"\b(?:could|can|might|may)(?: well| very well| indeed| certainly)? (?:be true|be real|happen|occur"
        r"|have happened|be the case)\b|\bit (?:could|can)(?: be)?[.!]*$",
    )
)
_WITHOUT_CLAIM = re.compile(
    r"\b(?:as \w+(?: \w+){0,3} as|if|when|whenever|where|wherever|best|every|all|soon as) (?:im)?possible\b"
    r"|\b(?:(?:make|makes|making|made|find|found) (?:it |this |that |them )?|how )impossible\b(?! (?:in|because"
    r"|since))"
)
"""Words of other sentences: "as soon as possible", "making it impossible"."""
_NOT_IMPOSSIBLE = re.compile(
    r"\b(?:not|isn't|no es|nicht|pas|hardly) (?:physically )?(?:impossible|imposible|unmöglich)\b|不是不可能|并非不可能"
)
_DOUBTS = re.compile(r"\bi (?:don't|do not|wouldn't|would not) (?:think|believe|say)\b(?=.*possib)")
_BUT_UNLIKELY = re.compile(r"\bpossible,? (?:but|though|although) (?:\w+ ){0,3}(?:unlikely|improbable|implausible|not)")


def possible_or_impossible(text: str) -> str | None:
    """`possible` or `impossible`, where an answer says one of them, by other words or by yes and no too.

    >>> possible_or_impossible("That couldn't be true."), possible_or_impossible("This is a possible answer.")
    ('impossible', None)
    """
    if _LEFT_OPEN.search(plain(text)):
        return None
    found: list[str] = []
    for part in at_the_ends(statements(text)):
        vote = _possibility(part)
        if vote == "both" or (not vote and not found and CANNOT_TELL.search(part)):
            return None
        found += [vote] if vote else []
    yes = {"yes": "possible", "no": "impossible"}.get(yes_no(text) or "")
    if found and yes and found[0] != yes:
        return None
    return only(found) if found else yes


_LEFT_OPEN = re.compile(
    r"\b(?:both|neither) possible (?:and|nor|as well as) impossible\b|\bpossible and (?:also |at the same time"
    r" )?impossible\W*$"
    r"|^\W*(?:is it |it is |it's |either )?possible\W+(?:or )?impossible\W*$"
)
"""Says both or neither, or gives the question back."""
_MAY_BE_POSSIBLE = re.compile(
    "poss?ib|möglich|可能|plausib|conceiv|feasib|can't|cannot|can not|can never|could|can |may |might |violat"
    "|def[iy]|contradict|break"
)


def _possibility(part: str) -> str | None:
    """What a sentence says; `both` where it says two things."""
    if not _MAY_BE_POSSIBLE.search(part):
        return None
    concluded = re.search(rf"(?:{HENCE}|:),? ?([^:]*possib[^:]*)$", part)
    if concluded:
        return _possibility(concluded[1])
    part = _NOT_IMPOSSIBLE.sub("possible", part).strip(" ()[]\"'")
    if _DOUBTS.search(part):
        return "both" if _IMPOSSIBLE.search(part) else "impossible"
    if _BUT_UNLIKELY.search(part):
        return "both"
    part = _WITHOUT_CLAIM.sub(" ", _ASIDE.sub(" ", part))
    if _IMPOSSIBLE.search(part):
        return "both" if _POSSIBLE.search(_IMPOSSIBLE.sub(" ", part)) else "impossible"
    return "possible" if _POSSIBLE.search(part) else None
