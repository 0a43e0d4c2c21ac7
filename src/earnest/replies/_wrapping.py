"""What stands around an answer: lead-ins, quotes, fences, JSON, markdown, special tokens, offers of more help.

One *layer* is taken off at a time, from the outside, until none is left. A layer goes only where words remain and where
it cannot itself be what was asked for: "Speaker 2:", "[01:05]" and "The speaker says" may be the answer, and stay.
Readers of transcripts, who know what was said, take such layers off too: see `_transcripts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from earnest.replies._tables import LEADS_UP, NAMES_A_CONTENT, NAMES_AN_ANSWER, POINTS

Layer = Callable[[str], tuple[str, str] | None]
"""What is taken off, as far as it is words, and what is left; None where there is no such layer."""

_WORD = re.compile(r"\w")
MARKED = re.compile(
    r"[<\[{}()*_`~#>|\\:：\"“”„‘’‚«»‹›「」『』《》\n'？。！]|^[-–—•+] |[.!?…] | (?:Let me|Feel free|Please|If you|Is there"
    r"|I hope|Would you)\b"
)
"""What every layer holds at least one of; a text without it is an answer as it stands."""
_LAYERS_AT_MOST = 16


def peeled(text: str) -> tuple[str, str]:
    """The words that lead up to an answer, and the answer.

    Peeling the answer again changes nothing more: a text with more layers than any model wraps around an answer keeps
    all of them.

    >>> peeled('Sure! Here is the transcription: "turn on the light"')
    ('Sure! Here is the transcription:', 'turn on the light')
    """
    taken: list[str] = []
    left = text.strip(_BLANK)
    for _ in range(_LAYERS_AT_MOST):
        found = (
            next((found for layer in LAYERS if (found := layer(left)) is not None), None)
            if MARKED.search(left)
            else None
        )
        if found is None:
            return " ".join(taken), left
        if found[0]:
            taken.append(found[0])
        left = found[1]
    return "", text.strip(_BLANK)


_BLANK = " \t\r\n\f\v\u00a0\u200b\u200c\u200d\u2060\ufeff"


def left_over(taken: str, left: str, text: str) -> tuple[str, str] | None:
    """The layer, where it is one: something went and words remain."""
    left = left.strip(_BLANK)
    return (taken.strip(), left) if left != text and len(left) < len(text) and _WORD.search(left) else None


# ---------------------------------------------------------------- special tokens

_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|</?s>|<(?:eos|bos|pad|unk|end_of_turn|start_of_turn|end_of_utterance|endoftext|eot"
    r"|eom)>(?:model\b)?"
    r"|\[(?:EOS|BOS|EOT|PAD|INST|/INST|end of text)\]|<｜[^｜<>\n]{1,40}｜>|<\|im_end\b",
    re.IGNORECASE,
)
_TURN_ENDS = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|end|return|end_of_text|eom_id|end_of_turn_token|endofresponse|user"
    r"|observation)\|>|</s>"
    r"|<(?:eos|end_of_turn|eot|end_of_utterance)>|\[(?:EOS|end of text)\]|<｜end▁of▁sentence｜>",
    re.IGNORECASE,
)
_ROLE = re.compile(r"(?:assistant|model)\s*\n", re.IGNORECASE)


def _special_tokens(text: str) -> tuple[str, str] | None:
    """Without tokens of a chat template; where a turn ends, what a model went on to invent is left out."""
    if "<" not in text and "[" not in text:
        return None
    end = _TURN_ENDS.search(text)
    if end is not None and _WORD.search(_TOKEN.sub("", text[: end.start()])):
        return left_over("", text[: end.start()], text)
    bare = _TOKEN.sub(" ", text)
    role = _ROLE.match(bare.lstrip())
    return None if bare == text else left_over("", bare.lstrip()[role.end() if role else 0 :], text)


# ---------------------------------------------------------------- fences, JSON, boxes

_FENCE = re.compile(r"(?P<mark>`{3,}|~{3,})[ \t]*[\w+.-]{0,20}[ \t]*(?:\n|(?=[{\[]))")


def _fence(text: str) -> tuple[str, str] | None:
    """What a code fence around the whole text holds; one that was cut off ends with the text."""
    if text[:3] not in ("```", "~~~"):
        return None
    match = _FENCE.match(text)
    if match is None:
        inline = text.strip("`~")
        return left_over("", inline, text) if "```" not in inline and text[-3:] == text[:3] else None
    body = text[match.end() :]
    place = body.find(match["mark"])
    if place >= 0 and body[place:].strip("`~ \n"):
        return None
    return left_over("", body if place < 0 else body[:place], text)


ANSWER_KEYS = (
    "answer", "final_answer", "response", "transcript", "transcription", "text", "result", "output", "content",
    "choice",
    "label", "prediction", "reply", "speech", "words", "sentence",
)  # fmt: skip  # a table: one row a line
SIDE_KEYS = frozenset(
    {
        "reason", "reasoning", "explanation", "rationale", "thought", "thoughts", "thinking", "analysis",
        "justification",
        "language", "lang", "duration", "segments", "type", "task", "id", "status", "model", "notes", "note", "speaker",
        "evidence", "comment", "start", "end", "timestamp", "timestamps", "object", "format",
    }
)  # fmt: skip  # a table: one row a line
"""Members that stand beside an answer and are none."""


def json_value(text: str) -> Any:
    """What a text is as JSON; None where it is none."""
    if text[:1] not in "{[" or text[-1:] not in "}]" or len(text) > 1_000_000:
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


_PYTHON = re.compile(r"\{\s*'\w{1,40}'\s*:\s*(['\"])([^{}]*)\1\s*,?\s*\}")
"""One member as Python writes it."""


def _json(text: str) -> tuple[str, str] | None:
    """The one text in a JSON object or list: {"answer": "yes"}, beside members that are no answer."""
    written = _PYTHON.fullmatch(text) if text[:1] == "{" else None
    value = written[2] if written else json_value(text)
    for _ in range(4):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict):
            value = only_member(value)
        else:
            break
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = json.dumps(value)
    return left_over("", value, text) if isinstance(value, str) else None


def only_member(value: Mapping[str, Any]) -> Any:
    """The only member of an object, or the one that answers where all others only stand beside it; else None."""
    if len(value) == 1:
        return next(iter(value.values()))
    keys = {str(key).lower(): key for key in value}
    others = [key for key in keys if key not in SIDE_KEYS]
    return value[keys[others[0]]] if len(others) == 1 and others[0] in ANSWER_KEYS else None


_BOX = "\\boxed{"
_TEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|texttt)\{([^{}]*)\}")


def _boxed(text: str) -> tuple[str, str] | None:
    r"""What stands in \boxed{...}, where there is one box, or all hold the same."""
    if _BOX not in text:
        bare = _TEX.fullmatch(text.strip("$ ")) if "\\text" in text or "\\math" in text else None
        return left_over("", bare[1], text) if bare else None
    boxes = [_braced(part) for part in text.split(_BOX, 4)[1:]]
    if len(boxes) > 3 or len(set(boxes)) != 1 or not boxes[0]:
        return None
    inside = _TEX.sub(r"\1", boxes[0]).strip("$ ")
    return left_over(text.partition(_BOX)[0].strip(" $"), inside, text)


def _braced(text: str) -> str:
    """The text up to the brace that closes what was opened before it; empty where none does."""
    depth = 1
    for place, sign in enumerate(text[:2000]):
        depth += (sign == "{") - (sign == "}")
        if not depth:
            return text[:place]
    return ""


# ---------------------------------------------------------------- lead-ins

_PLAIN_LABELS = frozenset({"assistant", "chatbot", "ai", "bot", "a"})
_EASTERN = re.compile(
    r"(?:好的|好|当然|可以|没问题|这段|这个|该|此|以下|下面|就|是|为|音频|录音|语音|文件|片段|中|里|的|原始|完整|文本|逐字|具体|全文|如下|我|最终|正确|您|你|提供"
    r"|(?P<key>内容|文字|结果|转录|转写|听写|识别|答案|回答|回复|结论|文字起こし|書き起こし|テキスト|回答|答え|전사|받아쓰기|답변|정답|답|텍스트|내용)"
    r"|は|の|です|以下の通り|次の通り|音声|録音|この|これは|承知しました|はい|다음은|이|오디오|음성|녹음|의|은|는|입니다|다음과|같습니다|물론|네|[，,。!！、\s])+"
)
_HEAD = 240
_TOKENS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_MARKS = "*_#>` \t"


def _lead_in(text: str) -> tuple[str, str] | None:
    """Without what leads up to the answer, with its colon, or as a heading or a line of its own.

    A label that comes again below heads a list, and leads up to nothing.
    """
    end = end_of_lead_in(text)
    if end is None or not _leads_in(text[: end.start()], alone=":" not in end[0] and "：" not in end[0]):
        match = _QUESTION_AND_ANSWER.match(text)
        return left_over(match[0], text[match.end() :], text) if match else None
    label, words = text[: end.start()].strip(_MARKS), _TOKENS.findall(text[: end.start()].lower())
    finds_nothing = _NOTHING.fullmatch(text, end.end()) and _ANSWERS.isdisjoint(words)  # "Transcript: none"
    again = re.search(rf"\n\W*{re.escape(label)}\s*[:：]", text, re.IGNORECASE)
    if finds_nothing or again or _OPTIONS.match(text):
        return None
    return left_over(text[: end.end()], _unmarked(text, end.end()), text)


def _leads_in(head: str, *, alone: bool) -> bool:
    keys = NAMES_AN_ANSWER if len(_TOKENS.findall(head)) >= _PHRASE else NAMES_AN_ANSWER - NAMES_A_CONTENT
    return leads_up(head, alone=alone, words=LEADS_UP, keys=keys) or (
        not alone and _POINTS_AT_SPEECH.fullmatch(head.strip(_MARKS)) is not None
    )


_POINTS_AT_SPEECH = re.compile(
    r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright|yes|no problem|got it)[!.,]? )?"
    r"(?:here(?:'s| is)|here’s|this is|below is) (?:exactly |word for word )?what (?:(?:the|a|this) )?(?:(?:male|female"
    r"|first|second|main) )?"
    r"(?:speaker|person|man|woman|voice|caller|child|boy|girl|i|he|she|they|audio|recording|clip|was|is)"
    r" ?(?:says?|said|is saying|was saying|heard|can hear|hear|asks?|asked|being said)?(?: (?:in|on) (?:the|this|that"
    r"|your) (?:audio|recording|clip|file)(?: clip| file)?)?",
    re.IGNORECASE,
)
"""Points at what somebody says, before a colon."""


def _unmarked(text: str, place: int) -> str:
    """What follows a lead-in, without the other half of the marks that the lead-in opens: "**Answer:** yes"."""
    mark, left = text[: len(text) - len(text.lstrip("*_"))], text[place:].strip()
    if mark and left.startswith(mark):
        return left[len(mark) :]
    return left[: -len(mark)] if mark and left.endswith(mark) else left


def end_of_lead_in(text: str) -> re.Match[str] | None:
    """Where a lead-in ends, if there is one: at the first colon, or at the end of the first line before it."""
    return _LEAD_IN_END.search(text[:_HEAD])


_LEAD_IN_END = re.compile(r":(?=[\s\"'“‘„«*_`\[{(]|$)|：|(?<=\S)[.!]?[*_]{0,3}[ \t]*\n\s*(?=\S)")
_NOTHING = re.compile(r"\W*(?:none|nothing|n/?a|null|empty)\W*", re.IGNORECASE)
_ANSWERS = frozenset({"answer", "response", "reply", "choice", "output", "result", "verdict"})
_OPTIONS = re.compile(r"\W*A[.:)].*\n\W*B[.:)]", re.DOTALL)
_QUESTION_AND_ANSWER = re.compile(r"q(?:uestion)?: [^\n]{1,400}\n\s*a(?:nswer)?: *(?=\S)", re.IGNORECASE)


def leads_up(head: str, *, alone: bool, words: frozenset[str], keys: frozenset[str]) -> bool:
    """Whether a text only leads up to an answer: all of its words are among `words`, and one of `keys` names it.

    Parameters
    ----------
    alone : bool
        Whether it is a line without a colon: it must then be a heading, or point at what follows ("Here is the text").
    """
    if not head.isascii() and (eastern := _EASTERN.fullmatch(head.strip(_MARKS))):
        return eastern["key"] is not None
    found = _TOKENS.findall(head.lower().replace("’", "'"))
    if not found or _NO_LEAD_IN.search(head) or not all(word in words for word in found):
        return False
    names, points = not keys.isdisjoint(found), not POINTS.isdisjoint(found)
    if alone:
        return (names and (points or head[0] in "#*")) or found == ["assistant"]
    return names or (points and len(found) > 1) or (len(found) == 1 and found[0] in _PLAIN_LABELS)


_PHRASE = 3
"""So many words of a lead-in say what follows ("the words are:"); fewer are the label of a finding ("Words: none")."""
_NO_LEAD_IN = re.compile(r"[{}\[\]\"“”|\\]")


# ---------------------------------------------------------------- what follows an answer

_ELSE = r"\b(?:else|other|others|further|more|additional|another|assistance|questions?|again)\b"
_OFFERS = (
    rf"(?:please )?(?:do )?(?:let me know|tell me|feel free|don't hesitate|do not hesitate|just ask"
    rf"|just let me know)\b(?=.*(?:{_ELSE}|help|ask)).*",
    rf"(?:is there|do you have|do you need|would you like|can i help you with|what|how|anything)\b(?=.*{_ELSE}).*\?",
    rf"(?:and )?(?:so, )?(?:if (?:you|there)(?:'d|'re)?|should you|in case you)\b(?!.*\b(?:describe|upload|attach"
    rf"|transcri|repeat|paste|(?:provide|share|send) (?!feedback)))(?=.*{_ELSE})(?=.*(?:let me know|feel free"
    rf"|tell me|ask|here to|happy to|glad to|hesitate|reach out|contact)).*",
    r"i(?:'m| am) (?:always )?(?:here|happy|glad) to help(?: you)?(?: with anything else| further| if .*)?",
    r"(?:i )?hope (?:this|that|it)(?: information| answer| transcription)? (?:helps?|is helpful|was helpful).*",
    r"have a (?:nice|great|good|wonderful) (?:day|evening|one|time).*|anything else\?",
    r"(?:如果|如|若)?(?:你|您)?(?:还)?(?:有|需要)(?:其他|其它|任何|更多|别的|进一步).*|希望(?:这|对|以上).*(?:帮助|有用).*|还有(?:什么|其他).*[?？].*"
    r"|请?(?:随时)?告诉我.*",
    r"(?:si (?:necesitas?|tienes?|necesita|tiene|hay)|¿(?:hay algo|necesitas?|en qué|algo|te gustaría|deseas)"
    r"|espero que (?:esto|te|le|sea)|no dudes|no dude|avísame|hágamelo saber|házmelo saber).*",
    r"(?:(?:wenn|falls|sollten?) (?:du|sie|es)\b.*(?:frage|hilfe|brauch|benötig|weiter).*|kann ich .*(?:noch"
    r"|sonst).*|lass(?:en sie)? (?:mich|es mich) .*wissen.*|ich hoffe,? .*(?:hilft|geholfen).*|gibt es (?:noch"
    r"|sonst).*)",
    r"(?:si vous (?:avez|souhaitez)|si tu as|n'hésitez? pas|n'hésite pas|y a-t-il autre chose|puis-je vous aider"
    r"|avez-vous d'autres|j'espère que (?:cela|ça)|faites-moi savoir|fais-moi savoir).*",
    r"(?:se (?:hai|ha|avete) (?:bisogno|altre)|fammi sapere|spero che|se você (?:tiver|precisar)|espero que (?:isso"
    r"|ajude)|als je (?:nog|meer)|laat het me weten|если (?:у вас|вам|нужно)).*",
)
"""Sentences that offer more and say nothing of what was asked, in lower case."""
_OFFER = re.compile("|".join(f"(?:{offer})" for offer in _OFFERS), re.IGNORECASE | re.DOTALL)
_SENTENCE_END = re.compile(
    r"(?:[.!?…][\"'”’)\]*_`]{0,3}\s+|[。！？][\"'”’」』]?\s*|\s*\n\s*|[\"”»」][.,]?\s+)(?=\S)"
    r"|\s+(?=(?:Let me know|Feel free|Please (?:let|feel)|If you (?:have|need|would)|Is there anything"
    r"|I hope (?:this|that)|Would you like)\b)"
)
_MAY_OFFER = re.compile(
    r"\b(?:let me|feel free|hesitate|else|further|hope|other|more|another|again|happy to|glad to|here to|have a"
    r"|anything|noch|weitere|sonst|algo|otr[ao]s?"
    r"|autres?|aider|sapere|precisar|wissen|hilft|meer|weten|savoir|espero|esto|ayuda|dudes?|necesit\w+)\b|如|还|希望|告诉"
    r"|если",
    re.IGNORECASE,
)
_TAIL = 600

_NOTE = re.compile(
    r"[\[(（【*]{1,2}(?:(?:please )?note|n\.?b\.?|end of|end|the (?:audio|recording|clip|speech|transcript\w*) ends?"
    r"|audio ends?|end transcript\w*"
    r"|transcri(?:bed|ption) (?:by|from|with|ends?|of)|注|备注|nota|hinweis|anmerkung"
    r"|remarque)\b[^\])）】]{0,400}[\])）】*]{1,2}\.?$",
    re.IGNORECASE,
)


def _trailing(text: str) -> tuple[str, str] | None:
    """Without the last sentence, where it only offers more help or is a note in brackets."""
    if text[-1:] in "])）】.*" and (note := _last_note(text)) is not None:
        return left_over("", text[:note], text)
    start = offer_start(text)
    return None if start is None else left_over("", text[:start].rstrip(), text)


def _last_note(text: str) -> int | None:
    opened = max(text.rfind(sign, max(0, len(text) - _TAIL)) for sign in "[(（【")
    match = _NOTE.match(text, opened) if opened > 0 else None
    return opened if match else None


def offer_start(text: str, pattern: re.Pattern[str] = _OFFER, *, seek: bool = True) -> int | None:
    """Where the last sentence begins, if it matches `pattern` whole; None elsewhere, and where it is the first."""
    base = max(0, len(text) - _TAIL)
    tail = text[base:]
    if seek and not _MAY_OFFER.search(tail):
        return None
    ends = list(_SENTENCE_END.finditer(tail))
    if not ends:
        return None
    sentence = tail[ends[-1].end() :].translate(_STRAIGHT).strip("*_\"'` \n")
    return base + ends[-1].end() if pattern.fullmatch(sentence) else None


_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})


# ---------------------------------------------------------------- markdown and quotes

_BULLET = re.compile(r"[-*•–—+] +(?=\S)")
_HEADING = re.compile(r"#{1,6} +(?=\S)")
_STRONG = ("***", "___", "**", "__", "``", "`")


def _markup(text: str) -> tuple[str, str] | None:
    """Without the markdown around the whole: a block quote, a heading or bullet of one line, strong type, code."""
    if text[0] == ">":
        lines = text.split("\n")
        if all(line.lstrip()[:1] == ">" for line in lines if line.strip()):
            return left_over("", "\n".join(line.lstrip()[1:].strip() for line in lines), text)
    if "\n" not in text:
        match = _HEADING.match(text) or _BULLET.match(text)
        if match:
            return left_over("", text[match.end() :], text)
    mark = next((mark for mark in _STRONG if text.startswith(mark)), "")
    bare = text.rstrip(".!?,;:") if mark else ""
    inside = bare[len(mark) : -len(mark)] if bare.endswith(mark) else ""
    return left_over("", inside + text[len(bare) :], text) if inside and mark[0] not in inside else None


QUOTES = {
    '"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "»": "«", "‹": "›", "「": "」", "『": "』",
    "《": "》", "”": "”", "’": "’", "`": "'", "＂": "＂",
}  # fmt: skip  # a table: one row a line
"""What closes each quotation mark."""
_AFTER_QUOTE = ".,!?;。，！？"


def _quoted(text: str) -> tuple[str, str] | None:
    """What stands in one pair of quotation marks around the whole."""
    closing = QUOTES.get(text[0])
    if closing is None:
        return None
    bare = text.rstrip(_AFTER_QUOTE)
    if len(bare) < 3 or bare[-1] not in closing:
        return None
    inside = bare[1:-1]
    if any(_closes(inside, mark) for mark in {text[0], bare[-1]}):
        return None
    tail = text[len(bare) :]
    return left_over("", inside if inside.rstrip()[-1:] in _AFTER_QUOTE else inside + tail, text)


def _closes(inside: str, mark: str) -> bool:
    """Whether a mark stands in a text as a quotation mark; between letters it is an apostrophe."""
    if mark not in inside:
        return False
    return mark not in "'’" or bool(re.search(rf"(?<!\w){mark}|{mark}(?!\w)", inside))


LAYERS: tuple[Layer, ...] = (_special_tokens, _fence, _json, _boxed, _lead_in, _trailing, _markup, _quoted)
