"""The words of an answer in plain form, cut where one statement ends and the next begins.

Everything that reads answers by rules starts here, so that curly quotes, full-width signs, emphasis and dashes never
decide. What stands in quotes is what was heard and not what is answered, unless it *is* the answer.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = str.maketrans({
    **dict.fromkeys("’‘ʼ‛´′`", "'"), **dict.fromkeys("“”„‟«»「」『』″", '"'), **dict.fromkeys("—―", " - "),
    "。": ". ", "、": ", ", "・": " ", "½": ".5", "*": "", "_": " ", "\u00ad": "", "\u200b": "",
})  # fmt: skip  # a table: one row a line
_OTHER_DASH = re.compile(r"[–‐‑−]")
_AFTER_SIGN = re.compile(r"(?<=[,;!?])(?=[^\W\d_])")
_TAG = re.compile(r"</?[A-Za-z]{1,12}>")
_LINE_START = re.compile(r"(?m)^(?:\s*(?:>|#{1,6}|[-+•]) +)+")
_QUOTED = re.compile(r'"[^"]*"|(?<![\w\'])\'[^\']+(?:\'[a-z]{1,2}\b[^\']*)*\'(?![\w\'])')
_GIVES_ANSWER = re.compile(
    r"\b(?:answer|reply|response|choice|verdict|conclusion|decision|respond|choose|pick|"
    r"i(?:'d| would| will|'ll| must| have to| should)? (?:say|go with)|put|respuesta|antwort|réponse)\b"
    r"(?: \w+){0,4}?(?: is| be| with| as|:)*\s*$|(?:答案|回答|选择)(?:是|为|:)?\s*$"
)
_ANSWERS_FIRST = re.compile(
    r"\s*(?:$|[.,;:!\n-])(?!\s*(?:says?|said|asks?|repl(?:ies|ied)|he|she|the (?:man|woman|speaker|caller))\b)"
)
_SENTENCE = re.compile(r"(?<=[.!?;])[\"')\]]*\s+|\s*\n\s*")
_NUMBERED = re.compile(r"\bno\. ?(?=\d)")


def either(*patterns: str) -> str:
    """A pattern for any of these patterns."""
    return f"(?:{'|'.join(patterns)})"


HELD = "\u2026"
"""Stands where a quotation stood."""


def plain(text: str) -> str:
    """A text in lower case with straight quotes and dashes, without marks of emphasis; lines are kept.

    >>> plain("“Yes”—it’s **right**。")
    '"yes" - it\\'s right.'
    """
    text = _LINE_START.sub("", _TAG.sub(" ", text.translate(_MARKS)))
    text = unicodedata.normalize("NFKC", _OTHER_DASH.sub(" - ", text)).lower()
    return "\n".join(" ".join(line.split()) for line in _AFTER_SIGN.sub(" ", text).splitlines()).strip()


def without_quotations(text: str) -> str:
    """A plain text with a mark in place of what it quotes; quotation marks about the answer itself are only dropped.

    >>> without_quotations('the speaker said "yes please", so no.'), without_quotations("my answer is 'yes'.")
    ('the speaker said …, so no.', 'my answer is yes.')
    """
    if not re.search(r"[^\W_]", _QUOTED.sub("", text)):
        return _QUOTED.sub(lambda found: found[0][1:-1], text).replace('"', "")

    def kept(match: re.Match[str]) -> str:
        before = text[: match.start()].strip()
        answers = _GIVES_ANSWER.search(before) if before else _ANSWERS_FIRST.match(text, match.end())
        return match[0][1:-1] if answers else HELD

    return _QUOTED.sub(kept, text)


def sentences(text: str) -> list[str]:
    """The sentences of a plain text, a line's end being an end too; "no. 2" is not cut.

    >>> sentences("just a second... the first one. ok?")
    ['just a second...', 'the first one.', 'ok?']
    """
    return [part for part in _SENTENCE.split(_NUMBERED.sub("number ", text)) if re.search(r"[^\W_]", part)]
