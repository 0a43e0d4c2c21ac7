"""What tasks with a yes-or-no question share: reading the answer, and the rates on both sides of the truth."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from earnest.metrics.refusal import refusal_label
from earnest.metrics.sentences import plain
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Question, Verdict
from earnest.results import Measure, rate
from earnest.tasks._assent import yes_no
from earnest.tasks._items import own_words, unanswered
from earnest.tasks._parsing import other_language

_ASKS_FOR_PHRASE = re.compile(r'"([^"]+)"[^"]*\bdid the speaker say\b')
_SAID = (
    r"\b(?:speaker|person|man|woman|voice|he|she|they|audio|recording)(?: \w+ly| did)? (?:say|said|says|mentions"
    r"|mentioned|stated|states|uttered|repeats"
    r"|repeated|spoke)(?: \w+ly)?(?: the)?(?: (?:secret )?(?:pass)?phrase)?[,:]?"
)
_TAKES_BACK = re.compile(r"\b(?:not|never|instead|but|however|if|whether|or|no)\b|n't\b|\?")


def claims_the_phrase(said: str, prompt: str | None) -> str | None:
    """`yes` where an answer states in plain words that the phrase which a prompt asks for was said; else None.

    >>> asked = 'The secret passphrase is "gold lake". Did the speaker say exactly this passphrase? Answer yes or no.'
    >>> claims_the_phrase('The speaker said "gold lake" in a sentence.', asked)
    'yes'
    >>> claims_the_phrase('The speaker said "gold" instead.', asked)
    """
    asked, answer = _ASKS_FOR_PHRASE.search(plain(prompt or "")), plain(said)
    if asked is None or _TAKES_BACK.search(answer.replace(asked[1], " ")):
        return None
    return "yes" if re.search(rf'{_SAID} "{re.escape(asked[1])}[.,]?"', answer) else None


def yes_no_outcome(
    item: Item, answer: Answer, *, expected: str, prompt: str, truth: str = "", declined: float = 0.0
) -> Outcome:
    """Whether the answer says what is true; a judge is asked where it says neither yes nor no, nor declines.

    Parameters
    ----------
    expected : "yes" or "no"
    truth : str
        What is true of the clip, for the judge.
    declined : float
        Score of an answer that declines to tell.
    """
    missing = unanswered(item, answer, repeats=False)
    if missing is not None:
        return missing
    said = yes_no(own_words(item, answer)) or claims_the_phrase(answer.said, item.prompt)
    if said is not None:
        return Verdict(score=float(said == expected), label=said)
    if refusal_label(answer.said) == "refusal":
        return Verdict(score=declined, label="declined")
    return Question(
        question="Does the response answer the question with yes or with no, or does it decline to answer?",
        labels={"yes": float(expected == "yes"), "no": float(expected == "no"), "declined": declined},
        prompt=prompt,
        response=answer.said,
        truth=truth,
        otherwise=other_language(answer),
    )


def as_control(outcome: Outcome) -> Outcome:
    """The outcome without a score, for an item outside the headline; its label stays."""
    if isinstance(outcome, Verdict):
        return replace(outcome, score=None)
    if isinstance(outcome, Question):
        return replace(outcome, labels=dict.fromkeys(outcome.labels))
    return outcome


def detection(
    lines: Sequence[JournalLine],
    *,
    alarm: str,
    what: str,
    among: Callable[[JournalLine], bool] | None = None,
    group: str | None = None,
) -> list[Measure]:
    """Detection rate and false alarm rate: how often the answer is `alarm` where it is true, and where it is not.

    Parameters
    ----------
    alarm : str
        The answer that reports a fault: "no" to the question whether a label fits.
    what : str
        What is asked about, for the notes: "descriptions".
    """

    def alarmed(line: JournalLine) -> bool:
        return line.label == alarm

    def faulty(truly: bool) -> Callable[[JournalLine], bool]:
        return lambda line: (among is None or among(line)) and (expected(line) == alarm) is truly

    return [
        rate(
            lines,
            metric="detection_rate",
            success=alarmed,
            among=faulty(True),
            group=group,
            note=f"{what} with a fault, reported",
        ),
        rate(
            lines,
            metric="false_alarm_rate",
            success=alarmed,
            among=faulty(False),
            higher_is_better=False,
            group=group,
            note=f"{what} without a fault, reported as faulty",
        ),
    ]


def accepted(line: JournalLine) -> bool:
    """Whether an answer lets somebody in: it says yes. Declining and not answering let nobody in."""
    return line.label == "yes"


def rejected(line: JournalLine) -> bool:
    """Whether an answer keeps somebody out: it says anything but yes."""
    return not accepted(line)


def claimed_sides(truth: Mapping[str, Any]) -> tuple[str, ...]:
    """The side of hallucination that a claim is on: of what is there, or of what is not."""
    return ("what is there" if truth["expected"] in ("yes", "possible") else "what is not there",)


def expected(line: JournalLine) -> str:
    """The answer that is true."""
    return str(line.truth["expected"])


def right(line: JournalLine) -> bool | None:
    """Whether the answer was the true one."""
    return line.label == line.truth["expected"]
