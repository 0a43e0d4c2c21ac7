"""The ways in which a reply may hold a transcript.

Whether "Speaker 1:" or "The speaker says" was said, or was put around what was said, only the reference tells. So a
transcript has several *readings*: the words as they stand, and what is left after each layer that a model may have put
around them. Who scores it takes the reading nearest to the reference.

That must not reward guessing. What a layer takes off labels the words, talks about them ("the audio says"), stands in
brackets beside them or offers help. Of several guesses in one reply, in quotes, lists, lines or members of JSON,
there are therefore never two of which each stands alone in a reading.
"""

from __future__ import annotations

import re
from typing import Any

from earnest.replies._reasoning import sections
from earnest.replies._tables import NAMES_AN_ANSWER, REPORTS, SAYS
from earnest.replies._wrapping import (
    ANSWER_KEYS,
    LAYERS,
    MARKED,
    QUOTES,
    Layer,
    end_of_lead_in,
    json_value,
    leads_up,
    left_over,
    offer_start,
)

MOST = 24
"""Most readings of one reply."""

_EASTERN_REPORTS = re.compile(
    r"音频|录音|语音|说话人|说的|说：|说:|内容|转录|转写|音声|録音|話者|文字起こし|言って|言いま|話して|오디오|음성|녹음|화자|말"
)
_IT = r"(?:the|this|that|a|an|another)"
_IN_IT = rf"(?:according to|in|on|of|from) {_IT} (?:audio|recording|clip|speech)(?: clip| file)?"
_WHO = (
    rf"(?:{_IT} )?(?:(?:male|female|main|first|only|loudest|young|adult|speaking|spoken|child) )*(?:speaker|person"
    rf"|man|woman|child"
    r"|boy|girl|voice|audio|recording|clip|narrator|speech|he|she|they|someone|somebody)"
)
_SAID = re.compile(
    r"(?:(?:okay|ok|so|well|sure|yes|alright|i (?:think|believe)(?: that)?)[,.!]? +){0,3}"
    r"(?:"
    rf"{_IN_IT},"
    r"|(?:i|we) (?:(?:can|could|think|believe) )?(?:i )?(?:hear|heard)"
    r"|(?:it |that )?sounds like"
    rf"|(?:the )?(?:full |exact |spoken )?(?:transcription|transcript|text|words|spoken words"
    rf"|words spoken)(?: {_IN_IT})? (?:is|are|reads|goes)"
    rf"|(?:{_IN_IT},? +)?{_WHO}(?: {_IN_IT})? (?:just |simply |only |clearly )?"
    r"(?:says?|said|is saying|was saying|states?|stated|is asking|asks?|asked|utters?|uttered|reads?)"
    r")[,:]? +",
    re.IGNORECASE,
)
"""Who says it, before the words, without a colon or with one: "In the audio, the speaker says"."""


def _reported(text: str) -> tuple[str, str] | None:
    """Without what says who says it: "The speaker says ..."."""
    match = _SAID.match(text)
    return left_over(match[0], text[match.end() :], text) if match else None


def _reported_that(text: str) -> tuple[str, str] | None:
    """Without what says who says it, and the "that" behind it, which may also have been said."""
    match = _SAID.match(text)
    bare = text[match.end() :] if match else ""
    return left_over(match[0], bare[5:], text) if match and bare[:5].lower() == "that " else None


_ACKNOWLEDGED = re.compile(
    r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|got it|understood|no problem|alright|here you (?:go"
    r"|are)"
    r"|here it is|i(?:'ve| have)? (?:listened|transcribed|heard|checked)(?: to)?(?: (?:the|your|this|it|audio|clip"
    r"|recording|file|speech|for|you))*"
    r"|(?:thank you|thanks)(?: for (?:the|your|sharing|sending)(?: \w+){0,3})?)[.!:,]\s+)+",
    re.I,
)
_ASIDE_BEFORE = re.compile(r"[(\[（【][^()\[\]（）【】]{1,80}[)\]）】]\s*[:：]?\s*(?=\S)")
_ASIDE_AFTER = re.compile(r"(?<=\S)\s*[(\[（【][^()\[\]（）【】]{1,200}[)\]）】]\.?$")


def _acknowledged(text: str) -> tuple[str, str] | None:
    """Without a first sentence that only says "Sure!"."""
    match = _ACKNOWLEDGED.match(text)
    return left_over(match[0], text[match.end() :], text) if match else None


def _asides(text: str) -> tuple[str, str] | None:
    """Without what stands in brackets at its beginning or end: how somebody speaks, what else is heard."""
    match = _ASIDE_BEFORE.match(text)
    bare = text[match.end() :] if match else text
    closing = _ASIDE_AFTER.search(bare, max(0, len(bare) - 220)) if bare.rstrip(".")[-1:] in ")]）】" else None
    bare = bare[: closing.start()] if closing else bare
    return None if bare == text else left_over("", bare, text)


def _led_in(text: str) -> tuple[str, str] | None:
    """Without words about the transcript before a colon, or on a line of their own."""
    end = end_of_lead_in(text)
    if end is None:
        return None
    head, alone = text[: end.start()], ":" not in end[0] and "：" not in end[0]
    eastern = not head.isascii() and len(head) <= 40 and _EASTERN_REPORTS.search(head)
    named = leads_up(head, alone=False, words=SAYS, keys=REPORTS | NAMES_AN_ANSWER) and not (alone and len(head) < 2)
    return left_over(head, text[end.end() :], text) if named or (eastern and not alone) else None


_LONGEST_REPORT = 40
_LONGEST_QUOTING = 20_000
_MOST_MARKS = 200
_OPENING = "".join(QUOTES)


def _one_quote(text: str) -> tuple[str, str] | None:
    """What stands in the only pair of quotation marks of a text that otherwise speaks about what was said."""
    if len(text) > _LONGEST_QUOTING:
        return None
    for mark in dict.fromkeys(sign for sign in text if sign in _OPENING):
        if text.count(mark) > _MOST_MARKS:
            continue
        found = _outermost(text) if mark == '"' else []
        found = found or [(each.start(), each.end()) for each in _QUOTED[mark].finditer(text)]
        if len(found) != 1:
            continue
        start, end = found[0]
        outside = f"{text[:start]} {text[end:]}"
        words = outside.lower().split()
        about = not REPORTS.isdisjoint(word.strip(_PUNCTUATION) for word in words) or _EASTERN_REPORTS.search(outside)
        if about and len(words) <= _LONGEST_REPORT and not re.search(r"[\"“”«»「」]|(?<!\w)'.+'(?!\w)", outside):
            return left_over(outside, text[start + 1 : end - 1], text)
    return None


def _outermost(text: str) -> list[tuple[int, int]]:
    """Spans of straight marks, those inside others left to them: all of '"say "please" now"'."""
    spans, opened = [], list[int]()
    for place in (match.start() for match in re.finditer('"', text)):
        if re.match(r"\w", text[place + 1 : place + 2]):
            opened.append(place)
        elif opened:
            start = opened.pop()
            spans += [] if opened else [(start, place + 1)]
    return spans


_PUNCTUATION = ".,:;!?()[]*_'\"“”‘’"
_QUOTED = {
    mark: re.compile(rf"{re.escape(mark)}([^{re.escape(closing)}]+)[{re.escape(closing)}]")
    for mark, closing in QUOTES.items()
} | {"'": re.compile(r"(?<!\w)'(?=\S)(.+)(?<=\S)'(?!\w)", re.DOTALL)}
"""A quotation by the mark that opens it; between letters a straight mark is an apostrophe."""


_CLOSED_BY = {**QUOTES, "*": "*", "_": "_", "[": "]", "(": ")", "<": ">", "（": "）", "【": "】"}


def _outer_marks(text: str) -> tuple[str, str] | None:
    """Without one mark at either end, of whatever kind: an apostrophe inside a quote does not keep it."""
    bare = text.rstrip(".,!?;。，！？ ")
    if len(bare) < 3 or bare[-1] not in _CLOSED_BY.get(text[0], ""):
        return None
    return left_over("", bare[1:-1], text)


# ---------------------------------------------------------------- labels and times, line by line

_NAMED = (
    r"(?:(?:main|first|second|third|primary|only|male|female|unknown|unidentified|adult|child|young|background) )*"
    r"(?:speaker|spk|person|voice|man|woman|male|female|narrator|interviewer|interviewee|host|guest|customer|agent"
    r"|caller|user"
    r"|child|boy|girl|participant|说话人|发言人|讲话者|話者|화자|sprecher(?:in)?|hablante|locut(?:or|eur|rice)|interlocutor"
    r"|orador|parlante|falante|спикер|s)"
)
_TIME = r"(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?|\d{1,5}(?:[.,]\d{1,3})? ?s(?:ec(?:onds?)?)?\b|\d{1,5}[.,]\d{1,3}"
_SPAN = rf"(?:{_TIME})(?:\s*(?:-->|->|–|-|—|~|to|bis|à|a)\s*(?:{_TIME}))?"
_SPEAKER = re.compile(
    rf"(?:^|(?<=[.!?。] )|(?<=[\])>] ))[ \t]*[*_\[(<]{{0,3}}{_NAMED}(?:[ _#-]*(?:\d{{1,3}}|[A-Z]|one|two|three|voice"
    rf"|speaker))?"
    rf"(?: ?\((?:[^()\n]{{1,30}})\))?(?:[\])>*_]{{0,3}} ?[:：][*_\])>]{{0,3}}|[\])>][*_]{{0,3}}(?= ))[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_STAMP = re.compile(
    rf"^(?:\d{{1,5}}[ \t]*\n)?[ \t]*(?:{_TIME})\s*(?:-->|->)\s*(?:{_TIME})[^\n]*\n"  # SubRip and WebVTT
    rf"|[*_]{{0,2}}[\[(<{{]\s*{_SPAN}\s*[\])>}}][*_]{{0,2}}[ \t]*[:：\-–]?[ \t]*"
    rf"|^[ \t]*(?:{_SPAN})[ \t]*(?:[:：\-–|]\s|[ \t]{{2}}|\t|$)[ \t]*"
    r"|^[ \t]*(?:\d{1,2}:)?\d{2}:\d{2}[ \t]+(?=\S)",
    re.MULTILINE,
)
_WEBVTT = re.compile(r"\AWEBVTT[^\n]*\n+")
_NUMBERED = re.compile(r"^[ \t]*(?:\(?\d{1,3}[.):]|[-*•–—+])[ \t]+(?=\S)", re.MULTILINE)
_RULE = re.compile(r"\n(?=[|:\-=*_ \t]{3,}(?:\n|$))[^\n]*")
_ASR_TAG = re.compile(
    r"\A(?:language[: ]+\w+(?: *<asr_text>|\s*\n(?:text|transcript(?:ion)?)[:：])|<asr_text>)", re.IGNORECASE
)


def _unlabelled(text: str) -> tuple[str, str] | None:
    """Without the labels of speakers; the words of all of them stay."""
    bare = _SPEAKER.sub("", text)
    return None if bare == text else left_over("", bare, text)


def _untimed(text: str) -> tuple[str, str] | None:
    """Without time stamps."""
    bare = _STAMP.sub("", _WEBVTT.sub("", text))
    return None if bare == text else left_over("", bare, text)


def _unlisted(text: str) -> tuple[str, str] | None:
    """Without the numbers or bullets of a list, the lines of a table, and what a recogniser puts before its text."""
    bare = _NUMBERED.sub("", _ASR_TAG.sub("", text))
    bare = _RULE.sub("\n", bare).replace("|", " ")
    return None if bare == text else left_over("", bare, text)


# ---------------------------------------------------------------- what follows, JSON

_WORK = (
    r"(?:translat|summar|timestamp|time ?stamp|punctuat|format|edit|change|adjust|correct|transcri|caption|subtitle"
    r"|analy[sz]|explain"
    r"|version|language|another|more|else|help|convert|rephras|shorten|label|speaker|modif|tweak|clarif|repeat|again"
    r"|do with)"
)
"""What a model offers to do with a transcript that it has written."""
_REMARK = re.compile(
    rf"(?:would you (?:like|prefer|want)|do you (?:want|need|wish)|(?:shall|should|can|could|may) (?:i|we)|want me to"
    rf"|let me know|just let me know"
    rf"|please let me know|if you(?:'d| would)? (?:want|like|need|prefer|wish|have)|i (?:can|could) (?:also|translate"
    rf"|provide)|feel free|i(?:'m| am|'d be) "
    rf"(?:happy|glad|able) to|is (?:that|this) (?:what|ok|okay|correct|all)|how (?:can|may|else can) i)\b.*\b{_WORK}.*"
    r"|is (?:that|this) (?:what you (?:need|want|were looking for)\w*|ok|okay|correct|right)\b.*\?|i(?:'m| am) not "
    r"sure what to do with (?:that|this|it)[.!]?"
    r"|(?:so,? |and )?what(?:'s your (?:take|view|opinion|thought)| do you think)\b.*\?|do you (?:have|want"
    r"|need) (?:any|to (?:know|talk|discuss|hear))\b.*\?"
    r"|(?:please )?(?:note|n\.b\.|disclaimer)\b.*|(?:this|that|the above) (?:is|was|are) (?:the |a |an |what |my "
    r"|all ).*(?:transcri|said|audio|recording|speaker|heard|spoken).*"
    r"|(?:the|this) (?:audio|recording|clip|transcript(?:ion)?|speech) (?:is|was|ends|ended|contains|continues|has"
    r"|cuts|stops|may|might|seems)\b.*"
    r"|transcri\w+ (?:(?:is|was|provided|generated|made|done) )*(?:by|with|from|using)\b.*"
    r"|end of (?:the )?(?:transcript(?:ion)?|audio|recording|clip)|(?:the|this) (?:speaker|voice"
    r"|person)(?:'s)? (?:is|was|has|sounds|seems|tone|voice|accent|speaks)\b.*"
    r"|\((?:[^()]{1,200})\)|\[(?:[^\[\]]{1,200})\]|(?:language|confidence|duration|speaker|tone|emotion|translation"
    r"|meaning)\w*\s*:.*",
    re.IGNORECASE | re.DOTALL,
)
"""A last sentence that speaks about the recording or to the reader."""


def _remarked(text: str) -> tuple[str, str] | None:
    """Without a last sentence that is a remark, provided that it quotes nothing."""
    start = offer_start(text, _REMARK, seek=False)
    if (
        start is None
        or re.search(r"[:：][^:：]*\w|[\"“«「]", text[start:])
        and not re.match(r"\W*(?:note|\w+ *:)", text[start:], re.I)
    ):
        return None
    return left_over("", text[:start], text)


def _members(text: str) -> tuple[str, str] | None:
    """The text of a JSON object: of its one member that is named so, or of all its segments in their order."""
    value = json_value(text)
    if value is None:
        return None
    texts = list(_texts(value, depth=4))
    return left_over("", " ".join(texts), text) if texts else None


def _texts(value: Any, *, depth: int) -> list[str]:
    if isinstance(value, list) and depth:
        return [
            text
            for item in value[:1000]
            for text in ([item] if isinstance(item, str) else _texts(item, depth=depth - 1))
        ]
    if not isinstance(value, dict):
        return []
    named = [
        key for key in value if isinstance(key, str) and key.lower() in ANSWER_KEYS and isinstance(value[key], str)
    ]
    if named:
        return [value[key] for key in named]
    return [
        text
        for item in value.values()
        if depth and isinstance(item, dict | list)
        for text in _texts(item, depth=depth - 1)
    ]


def _sectioned(text: str) -> tuple[str, str] | None:
    """The part that a label calls the answer."""
    thought, answer = sections(text)
    return left_over(thought, answer, text) if thought else None


UNWRAPPINGS: tuple[Layer, ...] = (
    *LAYERS, _sectioned, _led_in, _reported, _reported_that, _acknowledged, _asides, _one_quote, _outer_marks,
    _unlabelled, _untimed, _unlisted, _remarked, _members,
)  # fmt: skip  # a table: one row a line


def transcripts(text: str) -> tuple[str, ...]:
    """The readings of a reply without reasoning: as it stands first, then with one layer after the other taken off.

    At most `MOST`; each once.

    >>> transcripts('The speaker says: "turn on the light"')[-1]
    'turn on the light'
    >>> transcripts("turn on the light")
    ('turn on the light',)
    """
    readings = [text.strip()]
    for reading in readings:
        if len(readings) >= MOST or not (MARKED.search(reading) or _SAID.match(reading)):
            continue
        found = [layer(reading) for layer in UNWRAPPINGS if reading]
        readings += [left for left in dict.fromkeys(layer[1] for layer in found if layer) if left not in readings]
    return tuple(readings[:MOST])
