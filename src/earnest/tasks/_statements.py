"""What an answer states, sentence by sentence, and the words by which it says that something *is* its answer.

A question answers nothing, and neither does a condition ("if neither gives a reason ..."): both are left out. What is
quoted is what was heard. A choice that is said to be forced ("if I had to choose, the first") is a choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from earnest.metrics.sentences import either, plain, sentences, without_quotations

_SIGN = re.compile(r"[\u3400-\u9fff]")


def is_sign(name: str) -> bool:
    """Whether a word is written in Chinese signs, which are not parted by spaces."""
    return bool(_SIGN.search(name))


def any_of(names: Iterable[str]) -> str:
    """A pattern for any of these words, the longest first: whole words of letters, Chinese ones anywhere."""
    ordered = sorted(names, key=len, reverse=True)
    letters = [re.escape(name) for name in ordered if not is_sign(name)]
    signs = [re.escape(name) for name in ordered if is_sign(name)]
    return either(*([rf"(?<![\w'])(?:{'|'.join(letters)})(?!\w)"] if letters else []), *signs)


ANSWER_IS = either(
    r"\b(?:(?:final|correct|right|short|best|my|the|our) )*"
    r"(?:answer|verdict|conclusion|response|reply|result|output|decision|choice|pick|vote|respuesta|antwort|réponse)"
    r"(?: to [\w ]{1,40}?| here| then)?(?: ?(?:is|would be|should be|must be|will be|lautet|ist|es|est|:|-)(?!\w))+"
    r"(?: (?:still|probably|most likely|likely|clearly|definitely|therefore|simply|that it is|it is|a|an)\b:?)*",
    r"^[aq]:",
    "(?:答案|回答|选择)(?:是|:)",
)
"""Comes before an answer that is called so."""

HENCE = either(
    r"\b(?:so|therefore|thus|hence|accordingly|consequently|in conclusion|in short|in summary|overall|ultimately"
    r"|finally|in the end"
    r"|donc|por lo tanto|por tanto|así que|daher|deshalb|also)\b",
    "所以|因此|综上",
)
"""Comes before a conclusion."""

I_SAY = (
    r"\b(?:i|we)(?:'d| would| will|'ll| must| have to| should| can only| can| am|'m)?(?: \w+ly| just| still| rather)? "
    r"(?:have to |need to |want to |going to )?(?:say|answer|go(?:ing)? (?:with|for)|reply|respond|vote(?: for)?"
    r"|lean(?:ing)? (?:towards?|to)|choose|assume|guess|think|believe|reckon)"
    r"(?: with| for| it's| it is| that)?(?: (?:a|an|the answer is))?\b:?"
)
"""Comes before what somebody says for themselves."""

_CONDITION = re.compile(
    either(
        r"^(?:and |but |so |or )?(?:if|unless|whether|only if|in case|assuming|provided|supposing|wenn|falls|如果|要是)\b",
        r"^(?:如果|要是|若)",
        r"\b(?:only if|unless|provided that|depends on|it depends|as long as)\b",
        r"\b(?:would|could) (?:only )?be \w+ (?:only )?if\b",
        r"^(?:otherwise|else)\b",
    )
)
_MAY_BE_CONDITION = re.compile(
    "if|unless|whether|provid|assum|suppos|in case|depend|as long|otherwise|else|wenn|falls|如果|要是|若"
)
_FORCED = re.compile(
    r"^(?:but |and )?if (?:i(?:'m| am| was| were)? |we )?(?:really |absolutely )?"
    r"(?:had to|have to|must|forced|pressed|pushed|needed|need|asked|made)\b[^,]{0,40},\s*(?:then )?"
)
_CONCLUSION = re.compile(r"^.*, (?=(?:so|therefore|thus|hence)\b)")
"""What comes before the conclusion from a condition: "only if ..., so impossible"."""
CANNOT_TELL = re.compile(
    either(
        r"\b(?:can't|cannot|can not|couldn't|could not|unable to|not able to|(?:im|not )possible(?: for me)? to"
        r"|hard to|difficult to"
        r"|no way to|not equipped to|don't know how to|way to)"
        r"(?: \w+ly| reliably| really)?(?: be)? (?:say|said|tell|told|determined?|identif\w+|know|known|decided?"
        r"|judged?|assess\w*"
        r"|verif\w+|confirm\w*|compared?|answer\w*|give|given|recogni[sz]ed?|establish\w*|evaluated?|make|help"
        r"|assist|do (?:that|this))\b",
        r"\b(?:not sure|unsure|uncertain|don't know|do not know|need more (?:information|context|details))\b",
        r"\b(?:no (?:lo )?sé|weiß (?:ich )?(?:es )?nicht|keine ahnung|ne sais pas|(?:je )?sais pas)\b",
        r"\bi (?:can't|cannot|can not)[.,!;]",
        "无法(?:判断|确定|识别|确认|回答|得知|分辨)|不能(?:判断|确定|识别|确认|回答)|不知道|不确定|不清楚",
        r"\bno (?:puedo|se puede|es posible) (?:determinar|decir|saber|identificar|verificar)",
        r"\b(?:kann|lässt)\b[^.!?]{0,30}\bnicht (?:sagen|beurteilen|feststellen|bestimmen|erkennen)",
        r"\bne (?:peux|puis|peut) pas (?:dire|déterminer|savoir|identifier)",
    )
)
"""Says that something cannot be told."""


@lru_cache(maxsize=512)
def statements(text: str) -> tuple[str, ...]:
    """The sentences that state something, in plain form: without questions, conditions and quotations.

    >>> statements("First or second? If I had to choose, the first. If not, neither. He said “yes”.")
    ('the first.', 'he said ….')
    """
    stated = (_without_condition(part) for part in sentences(without_quotations(plain(text))))
    return tuple(part for part in stated if part and not part.rstrip("\"' )").endswith("?"))


def _without_condition(part: str) -> str:
    """A sentence after its condition: what a forced choice is, or what is concluded; empty where nothing is."""
    if not _MAY_BE_CONDITION.search(part):
        return part
    part = _FORCED.sub("", part)
    if not _CONDITION.search(part):
        return part
    concluded = _CONCLUSION.sub("", part)
    return "" if _CONDITION.search(concluded) else concluded


N_ENDS = 2
"""A long answer says what it says in so many sentences at its beginning or its end."""


def at_the_ends(parts: Sequence[str]) -> Sequence[str]:
    """The sentences at the beginning and at the end of a long answer; all of a short one."""
    return parts if len(parts) <= 2 * N_ENDS else [*parts[:N_ENDS], *parts[-N_ENDS:]]


def only(candidates: Iterable[str]) -> str | None:
    """The one value among those found; None for none or several."""
    values = set(candidates)
    return values.pop() if len(values) == 1 else None
