"""Reading what a judge said: a label, a number, a score with sub-scores, or why it is none of these.

A judge may reason aloud and write around its JSON: reasoning is set aside (`earnest.replies`), and prose does not
count. What could be read in two ways is a fault, never a guess; the fault is in `Judgement.reason`, so that the judge
can be told what was wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from earnest.errors import FailureReason
from earnest.records import Outcome, Question, Unscored, Verdict
from earnest.replies import read, without_reasoning

SENTENCE = 30
"""Most words around a number or a label; a longer reply argues, and what it settles on is not plain."""

_NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z][-\u2212])[-\u2212]?\d+(?:\.\d+)?(?![\w%]|\.\d)")
_NEGATION = re.compile(r"\b(not|no|never|neither|nor|cannot|without|\w+n['\u2019]t)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one judge said of one question.

    Parameters
    ----------
    label : str or None
        One of the question's labels, or its number written plainly; None where the judge gave none.
    reason : str
        The judge's reason, or why there is no label.
    value : float or None
        The number that it gave, on the question's scale.
    scores : mapping
        Named sub-scores on the same scale.
    failed : bool
        Whether the judge gave no reply at all, so that asking again makes sense.
    """

    label: str | None
    reason: str = ""
    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    failed: bool = False

    @property
    def failure(self) -> tuple[str, str] | None:
        """The code and the words of why there was no reply; None where there was one.

        Reasons of calls that failed begin with their code; what a judge of one's own says is `model_error`.
        """
        if not self.failed:
            return None
        code, _, words = self.reason.partition(": ")
        return (code, words) if code in get_args(FailureReason) else ("model_error", self.reason)

    def as_json(self) -> dict[str, Any]:
        """Label, reason, and as far as there are any value and sub-scores, as JSON values."""
        numbers = {"value": self.value} if self.value is not None else {}
        return {
            "label": self.label,
            **numbers,
            **({"scores": dict(self.scores)} if self.scores else {}),
            "reason": self.reason,
        }


class _Fault(Exception):
    """Why a reply cannot be used."""


def read_reply(text: str, question: Question) -> Judgement:
    """The judgement in a judge's reply; its label is None, and its reason the fault, where the form is wrong."""
    try:
        return _READERS[question.reader](text, question)
    except _Fault as fault:
        return Judgement(label=None, reason=str(fault))


def schema_of(question: Question) -> dict[str, Any] | None:
    """The JSON schema of a reply in our own form; None for published prompts and where no JSON is asked for."""
    if question.verbatim or question.reader not in ("label", "score"):
        return None
    if question.reader == "label":
        members = {"label": {"type": "string", "enum": list(question.labels)}, "reason": {"type": "string"}}
    else:
        members = {"overall_score": {"type": "number"}, "overall_reasoning": {"type": "string"}}
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def form_of(question: Question) -> str:
    """How a reply must look, in words for the judge."""
    span = f" from {question.scale[0]:g} to {question.scale[1]:g}" if question.scale else ""
    return {
        "label": "with the JSON object alone",
        "score": f'with one JSON object alone; its "overall_score" is a number{span}',
        "number": f"with one number{span} alone" if span else f"with one of {', '.join(question.labels)} alone",
        "word": f"with one of {', '.join(question.labels)} alone",
    }[question.reader]


def outcome_of(question: Question, judgement: Judgement, *, judge: str) -> Outcome:
    """The verdict that a judgement makes; `unjudged` where it has no label."""
    if judgement.label is None:
        return Unscored(reason="unjudged", detail=f"judge {judge}: {judgement.reason}")
    facts: dict[str, Any] = {"judge": judge, "judge_reason": judgement.reason}
    if judgement.value is not None:
        facts["judge_value"] = judgement.value
    if judgement.scores:
        facts["judge_scores"] = dict(judgement.scores)
    return Verdict(score=question.score_of(judgement.label), label=judgement.label, facts=facts)


# ---------------------------------------------------------------- one reader a form


def _labelled(text: str, question: Question) -> Judgement:
    """The only `{"label": ..., "reason": ...}` of a reply; case, emphasis and further members do not count."""
    found = [{str(key).casefold(): value for key, value in one.items()} for one in _objects(text)]
    if not found:
        raise _Fault(f"expected one JSON object, got {text[:80]!r}")
    labelled = [one for one in found if "label" in one and isinstance(_reason(one), str)]
    if not labelled:
        raise _Fault(f"expected the keys label and reason with text, got {sorted(found[0])}")
    labels = {_label_meant(one["label"], question): one for one in labelled}
    if len(labels) > 1:
        raise _Fault(f"expected one JSON object, got {len(labelled)} with different labels")
    ((label, one),) = labels.items()
    if label is None:
        raise _Fault(f"label must be one of {', '.join(question.labels)}, got {one['label']!r}")
    return Judgement(label=label, reason=_reason(one))


_REASONS = ("reason", "reasoning", "explanation", "rationale", "justification")


def _reason(one: Mapping[str, Any]) -> Any:
    return next((one[key] for key in _REASONS if key in one), None)


def _label_meant(value: object, question: Question) -> str | None:
    """The label of the question that is written so, but for case, spaces and emphasis; None for any other."""
    if not isinstance(value, str):
        return None
    meant = [label for label in question.labels if _folded(label) == _folded(value)]
    return meant[0] if len(meant) == 1 else value if value in question.labels else None


def _folded(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label.strip(" *_`.\"'\n")).casefold()


def _scored(text: str, question: Question) -> Judgement:
    """One JSON object with `overall_score`; other members that are numbers, or have a `score`, are sub-scores.

    They may stand in an object of their own, as in `{"evaluation_dimensions": {"depth": {"score": 4}}, ...}`.
    """
    objects = _objects(text)
    scored = [one for one in objects if "overall_score" in one] or objects
    if not scored or any(one != scored[0] for one in scored):
        raise _Fault(f"expected exactly one JSON object, got {text[:80]!r}")
    value = scored[0]
    if _number(value.get("overall_score")) is None:
        raise _Fault(f"expected a number under overall_score, got {value.get('overall_score')!r}")
    found = {name: _number(said) for name, said in _members(value).items() if "reason" not in name}
    scores = {name: _on_scale(number, question, name=name) for name, number in found.items() if number is not None}
    overall = scores.pop("overall_score")
    reasons = (value.get(name) for name in ("overall_reasoning", "reasoning", "reason"))
    reason = next((said for said in reasons if isinstance(said, str)), "")
    return Judgement(label=plain(overall), value=overall, scores=scores, reason=reason)


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an object, and those of objects in it that are no score themselves."""
    inner = [said for said in value.values() if isinstance(said, Mapping) and "score" not in said]
    return {**{name: said for one in inner for name, said in one.items()}, **value}


def _numbered(text: str, question: Question) -> Judgement:
    """A number, alone or the only one in a short sentence; `4/5` is 4 where the scale ends at 5."""
    text = said = read(text).answer
    if question.scale:
        said = re.sub(rf"(?<=\d)\s*(?:/|out of)\s*{re.escape(plain(question.scale[1]))}(?![\d.]*\d)", "", said)
    numbers = _NUMBER.findall(said)
    if len(numbers) != 1:
        raise _Fault(f"expected exactly one number, got {len(numbers)} in {text[:80]!r}")
    _check_short(text)
    value = _on_scale(float(numbers[0].replace("\u2212", "-")), question, name="the number")
    if question.scale is None and plain(value) not in question.labels:
        raise _Fault(f"the number must be one of {', '.join(question.labels)}, got {plain(value)}")
    return Judgement(label=plain(value), value=value, reason=said if said != numbers[0] else "")


def _worded(text: str, question: Question) -> Judgement:
    """One of the labels in any case, alone or the only one in a short sentence that denies nothing."""
    text = read(text).answer
    said = " ".join(text.split())
    alone = {label for label in question.labels if said.strip(" .!\"'*`").casefold() == label.casefold()}
    found = alone or _labels_in(said, question)
    if len(found) != 1:
        raise _Fault(f"expected exactly one of {', '.join(question.labels)}, got {text[:80]!r}")
    (label,) = found
    if not alone:
        _check_short(text)
        if _NEGATION.search(re.sub(re.escape(label), "", said, flags=re.IGNORECASE)):
            raise _Fault(f"expected one of {', '.join(question.labels)} without a denial, got {text[:80]!r}")
    return Judgement(label=label, reason="" if alone else said)


_READERS: Mapping[str, Callable[[str, Question], Judgement]] = {
    "label": _labelled,
    "score": _scored,
    "number": _numbered,
    "word": _worded,
}


def plain(value: float) -> str:
    """The number written plainly: `7`, `7.5`.

    >>> plain(7.0), plain(7.5)
    ('7', '7.5')
    """
    return f"{value:.6g}"


def _labels_in(text: str, question: Question) -> set[str]:
    """The labels that stand as words in the text; one that is part of a longer one found there does not count."""
    found = set()
    for label in sorted(question.labels, key=len, reverse=True):
        pattern = re.compile(rf"(?<!\w){re.escape(label)}(?!\w)", re.IGNORECASE)
        if pattern.search(text):
            found.add(label)
            text = pattern.sub(" ", text)
    return found


def _check_short(text: str) -> None:
    n_words = len(text.split())
    if n_words > SENTENCE:
        raise _Fault(f"expected a short reply, got {n_words} words")


def _number(said: object) -> float | None:
    """A finite number, also one written as text or under `score`; None for anything else."""
    if isinstance(said, Mapping):
        said = said.get("score")
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        value = float(said)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _on_scale(value: float, question: Question, *, name: str) -> float:
    if question.scale is not None and not question.scale[0] <= value <= question.scale[1]:
        low, high = question.scale
        raise _Fault(f"{name} must be from {low:g} to {high:g}, got {value:g}")
    return value


_MOST_BRACES = 64
"""So many opening braces of a reply are tried; no judge writes more."""


def _objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects in a reply, in their order, its reasoning left out; what stands within one is part of it."""
    text = without_reasoning(text)
    decoder, found, place = json.JSONDecoder(strict=False), [], text.find("{")
    for _ in range(_MOST_BRACES):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found
