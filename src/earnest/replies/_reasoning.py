"""What a model thought aloud, apart from what it answered.

Three kinds of form are known: blocks between tags, channels, and plainly labelled sections. What a tag opens and
nothing closes is reasoning to its end; what stands before a closing tag alone was reasoning from the start. A tag
that a text only mentions ("wrap it in <think> tags") opens and closes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

_NAMES = (
    r"(?:ant)?think(?:ing)?(?:_on)?|thoughts?|thought_process|internal_thought|reason(?:ing)?|reflection|scratchpad"
    r"|inner_monologue|chain_of_thought|cot|planning|analysis|rationale|explanation|deliberation|start_working_out"
)
_ANSWERS = (
    r"(?:final_)?(?:answer|response|output|result)|final|solution|conclusion|prediction|choice|transcript(?:ion)?"
)

_TAG = re.compile(
    rf"""
    (?P<open>
        < \s? (?:[a-z]\w{{0,14}}[:_])? (?:{_NAMES}) (?:\s[^<>]{{0,200}})? >  # <seed:think>, <Thought id="1">
      | <\| (?: begin_of_(?:thought|thinking|reasoning) | start_(?:thinking|reasoning) | think(?:ing)? ) \|>
      | <\|inner_prefix\|> | <｜begin▁of▁think(?:ing)?｜> | <\|open\|>think<\|sep\|> | ◁think▷ | (?-i:\[THINK\])
      | <unused94> | <\|channel>thought
    )
  | (?P<close>
        < \s? / \s? (?:[a-z]\w{{0,14}}[:_])? (?:{_NAMES}|end_working_out) \s? > | <end_working_out>
      | <\| (?: end_of_(?:thought|thinking|reasoning) | end_(?:thinking|reasoning) | /think(?:ing)? ) \|>
      | <\|inner_suffix\|> | <｜end▁of▁think(?:ing)?｜> | <\|close\|>think<\|sep\|> | ◁/think▷ | (?-i:\[/THINK\])
      | <unused95> | <channel\|>
    )
  | (?P<answer>
        < \s? (?:{_ANSWERS}) (?:\s[^<>]{{0,200}})? > | <\| (?: begin_of_(?:solution|answer) | start_response ) \|>
      | <\|open\|>response<\|sep\|>
    )
  | (?P<end>
        < \s? / \s? (?:{_ANSWERS}) \s? > | <\| (?: end_of_(?:solution|answer) | end_response ) \|>
      | <\|close\|>response<\|sep\|>
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Tags of reasoning and of answers in one pass: DeepSeek, Qwen, GLM, Seed, Kimi, Magistral, Command, Gemma, Granite,
OpenThinker, Audio-Reasoner and the many models that were trained with rewards on <think> and <answer>."""

_QUOTES = "`\"'“”‘’«»"
_NAMED_AS_TAG = re.compile(r" (?:tags?|blocks?|elements?|tokens?|markers?|sections?)\b")
_TOLD_OF = re.compile(
    r"\b(?:the|an?|use[sd]?|using|with(?:in)?|inside|in|of|like|as|by|is|called|emits?|writes?|between|and|or|from"
    r"|after"
    r"|before|until|tags?|tokens?|put|wrap|add) \(?$",
    re.IGNORECASE,
)
"""Words that lead up to a tag that is only mentioned."""
_SHORT = 3
"""So few words between two tags in the middle of a sentence are a mention: "in <think> and </think> tags"."""

_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*\w*\s*)?(?:<\|channel\|>|^)\s*(?P<name>analysis|commentary|final)\b(?:[^<\n]"
    r"|<\|constrain\|>){0,80}<\|message\|>",
    re.IGNORECASE,
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>.*", re.DOTALL)
_BARE_CHANNEL = re.compile(
    r"(?:assistant|(?:^\s*|assistant\s)(?=(?:analysis|commentary|final)(?![a-z])))(?P<name>analysis|commentary|final)"
    r"(?: to=\S{1,60}(?: code| json)?)?"
)
"""A channel whose special tokens were left out when the reply was decoded: "analysisWe hear...assistantfinalYes"."""
_BARE_START = re.compile(r"\s*analysis(?=[A-Z\"'(\d])")

_DETAILS = re.compile(
    r"<details(?=[^>]{0,200}type=[\"']reasoning|[^>]{0,200}>\s{0,9}<summary>[^<]{0,80}(?:thought|think|reason))",
    re.IGNORECASE,
)

_EDGE = r"[ \t>#*_\-]{0,8}"
_THOUGHTS = (
    r"(?:step[- ]by[- ]step |my )?(?:reasoning|rationale|thoughts?|thought process|thinking|analysis|explanation"
    r"|justification|chain[- ]of[- ]thought)(?: process| steps)?|here(?:'s|’s| is) my thought process"
    r"|思考(?:过程)?|推理(?:过程)?|分析|理由|razonamiento|explicación|begründung|überlegung|raisonnement|explication"
)
_RESULTS = (
    r"(?:the |my )?(?:final |correct )?(?:answer|response)|final (?:output|verdict|decision)|here(?:'s|’s"
    r"| is) my (?:response|answer)"
    r"|最终答案|答案|最终回答|回答|respuesta(?: final)?|(?:endgültige )?antwort|réponse(?: finale)?"
)
_SECTION = re.compile(
    rf"(?P<edge>^{_EDGE}\[?|(?<=[.!?。])[ ]{{1,2}}[*\[]*)(?:(?P<thought>{_THOUGHTS})|(?P<result>{_RESULTS}))[*_ ]{{0,4}}"
    rf"(?:\]?[:：][*_]{{0,3}}|\]|(?=\n))",
    re.IGNORECASE | re.MULTILINE,
)
"""The label of a section, at the beginning of a line, or of a sentence in a text that opens with one."""

_RESPONSE = re.compile(r"response", re.IGNORECASE)
"""A label that opens the answer only where reasoning was labelled before it: letters have responses too."""

_LOOKED_AT = re.compile(r"[<◁]|\[/?THINK\]|^analysis|assistantfinal")
_ROUNDS = 8


def parted(text: str) -> tuple[str, str]:
    """The reasoning and the rest of a reply; the rest is empty where all of it is reasoning.

    Parting the rest again changes nothing more. A reply in which forms are nested deeper than any model does has no
    rest at all.

    >>> parted("<think>It rains.</think>\\nAnswer: yes")
    ('It rains.', 'Answer: yes')
    """
    thoughts: list[str] = []
    rest = text.strip()
    for _ in range(_ROUNDS):
        before = rest
        for form in (_channels, _folded, _blocks) if _LOOKED_AT.search(rest) else ():
            thought, rest = form(rest)
            thoughts.append(thought.strip())
            rest = rest.strip()
        if rest == before:
            return "\n".join(filter(None, thoughts)), rest
    return text.strip(), ""


def _channels(text: str) -> tuple[str, str]:
    """Parted by the channels of harmony (gpt-oss), with or without their special tokens."""
    if "<|message|>" in text:
        marks, tail = list(_CHANNEL.finditer(text)), _CHANNEL_END
    elif "assistantfinal" in text or _BARE_START.match(text):
        marks, tail = list(_BARE_CHANNEL.finditer(text)), None
    else:
        return "", text
    if not marks:
        return "", text
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    parts = [(mark["name"].lower(), text[mark.end() : end]) for mark, end in zip(marks, ends, strict=True)]
    parts = [(name, tail.sub("", part).strip() if tail else part.strip()) for name, part in parts]
    thought = [part for name, part in [("", text[: marks[0].start()].strip()), *parts] if name != "final" and part]
    return "\n".join(thought), "\n".join(part for name, part in parts if name == "final" and part)


def _folded(text: str) -> tuple[str, str]:
    """Parted by the folded blocks in which web interfaces show reasoning: <details type="reasoning">."""
    match = _DETAILS.search(text)
    if match is None:
        return "", text
    end = text.find("</details>", match.end())
    if end < 0:
        return text[match.start() :], text[: match.start()]
    return text[match.start() : end], f"{text[: match.start()]} {text[end + len('</details>') :]}"


def _blocks(text: str) -> tuple[str, str]:
    """Parted by tags: blocks of reasoning, nested ones too, then what stands outside a marked answer."""
    tags = _meant(text, list(_TAG.finditer(text))) if "<" in text or "THINK]" in text or "◁" in text else []
    if not tags:
        return "", text
    walk, place = _Walk(), 0
    for tag in tags:
        walk.pass_text(text[place : tag.start()])
        walk.pass_tag(str(tag.lastgroup))
        place = tag.end()
    walk.pass_text(text[place:])
    return walk.parted()


@dataclass
class _Walk:
    """A walk along the tags of a reply, which keeps each piece of text between them with what it is."""

    pieces: list[tuple[str, str]] = field(default_factory=list)  # "thought", "answer" or "" (neither), and the text
    depth: int = 0
    answering: bool = False
    answered: bool = False
    n_before_lone_close: int = 0
    n_at_close: int = 0  # pieces when a block that is still open was closed last

    def pass_text(self, text: str) -> None:
        self.pieces.append(("thought" if self.depth else "answer" if self.answering else "", text))

    def pass_tag(self, kind: str) -> None:
        if kind == "open":
            self.n_at_close = self.n_at_close if self.depth else 0
            self.depth += 1
        elif kind == "close":
            if not self.depth:
                self.n_before_lone_close = len(self.pieces)
            self.depth, self.n_at_close, self.answering = max(0, self.depth - 1), len(self.pieces), False
        elif kind == "answer":  # ends reasoning that nothing closes; a closing tag behind it takes it back
            self.depth, self.answering, self.answered = 0, True, True
        elif kind == "end" and not self.depth:
            if not self.answered:
                self.pieces[-1] = ("answer", self.pieces[-1][1])  # the opening tag was part of the prompt
            self.answering = False

    def parted(self) -> tuple[str, str]:
        """Reasoning and rest; where an answer is marked, it alone is the rest."""
        kinds = [kind for kind, _ in self.pieces]
        kinds[: self.n_before_lone_close] = ["thought"] * self.n_before_lone_close
        if self.depth and self.n_at_close:  # one tag too many was opened: the last that closes ends the reasoning
            kinds[self.n_at_close :] = [""] * (len(kinds) - self.n_at_close)
        texts = [text for _, text in self.pieces]
        marked = [text for kind, text in zip(kinds, texts, strict=True) if kind == "answer" and text.strip()]
        outside = [text for kind, text in zip(kinds, texts, strict=True) if kind == "" and text.strip()]
        beside = ("thought", "") if marked else ("thought",)
        thought = [text.strip() for kind, text in zip(kinds, texts, strict=True) if kind in beside]
        return "\n".join(filter(None, thought)), _together(marked or outside)


def _together(parts: list[str]) -> str:
    """The parts as one text; a new line stays where there was one."""
    text = ""
    for part in parts:
        broken = text[-1:] == "\n" or "\n" in part[: len(part) - len(part.lstrip())]
        text = f"{text.rstrip()}{chr(10) if broken else ' '}{part.strip()}" + ("\n" if part[-1:] == "\n" else "")
    return text.strip()


def _meant(text: str, tags: list[re.Match[str]]) -> list[re.Match[str]]:
    """The tags that mark something; those that the text only mentions are left out."""
    tags = [tag for tag in tags if not _mentioned(text, tag)]
    passed: set[int] = set()
    for number, (tag, after) in enumerate(pairwise(tags)):
        between = text[tag.end() : min(after.start(), tag.end() + 100)].split()
        if (tag.lastgroup, after.lastgroup) == ("open", "close") and len(between) <= _SHORT and _told_of(text, tag):
            passed |= {number, number + 1}
    return [tag for number, tag in enumerate(tags) if number not in passed]


def _mentioned(text: str, tag: re.Match[str]) -> bool:
    before, after = text[max(0, tag.start() - 1) : tag.start()], text[tag.end() : tag.end() + 1]
    if before and after and before in _QUOTES and after in _QUOTES:
        return True
    return bool(_NAMED_AS_TAG.match(text, tag.end())) or (not after.isalnum() and _told_of(text, tag))


def _told_of(text: str, tag: re.Match[str]) -> bool:
    return bool(_TOLD_OF.search(text, max(0, tag.start() - 12), tag.start()))


def sections(text: str) -> tuple[str, str]:
    """Parted by labels: "Reasoning: ... Answer: ...", in either order, and what leads up to a "Final answer:"."""
    labels = list(_SECTION.finditer(text)) if ":" in text or "：" in text or "\n" in text else []
    opens = bool(labels) and not text[: labels[0].start()].strip(" \t\n*#>")
    first = labels[0].lastgroup if opens else ""
    lines = [label for label in labels if label.start() == 0 or text[label.start() - 1] == "\n"]
    used = labels if first == "thought" else lines
    results = [label for label in used if label.lastgroup == "result"]
    if first == "result":
        return _explained_after(text, lines)
    last = results[-1] if results else None
    if last is None or (
        first != "thought" and (_RESPONSE.search(last["result"]) or (len(results) > 1 and not _final(last)))
    ):
        return "", text
    answer = text[last.end() :].strip()
    thought = text[: last.start()].strip()
    return (thought, answer) if thought and re.search(r"\w", answer) else ("", text)


def _final(label: re.Match[str]) -> bool:
    return "final" in label["result"].lower() or "最终" in label["result"]


def _explained_after(text: str, lines: list[re.Match[str]]) -> tuple[str, str]:
    """An answer under a label of its own, and the explanation under one that follows."""
    later = [label for label in lines[1:] if label.lastgroup == "thought"]
    if len(lines) < 2 or not later or lines[0].lastgroup != "result":
        return "", text
    answer = text[lines[0].end() : later[0].start()].strip()
    return (text[later[0].start() :].strip(), answer) if re.search(r"\w", answer) else ("", text)
