"""How well a transcript holds the words that were said: shared by the tasks that ask for a transcription.

Truth comes first. A reply whose words are those that were said is a transcript, whatever it sounds like: "Sorry, I
cannot help with that." may have been said. Only a reply that is far from them is asked whether it is something else:
a report that nobody speaks (`no_speech`), no answer at all (`no_answer`), a refusal to transcribe (`declined`), or
words of another language (`other_language`). None of these holds a word of what was said, so that its accuracy is 0.

What a model puts around a transcript costs nothing, provided that the words are in it once
(`earnest.replies.transcripts`): the reading with the fewest word errors counts. The accuracy of the reply as it was
written stands beside it in the facts, as `as_written`; reasoning is part of neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from earnest.metrics.heard import did_not_hear
from earnest.metrics.refusal import refusal_label
from earnest.metrics.transcription import EditCounts, spoken_edit_counts
from earnest.models.access import Answer, stopped_by_filter
from earnest.records import NO_ANSWER, Item, JournalLine, Outcome, Unscored, Verdict
from earnest.replies import language_of, transcripts, without_reasoning
from earnest.tasks._figures import in_figures
from earnest.tasks._items import unanswered
from earnest.tasks._parsing import says_no_speech

FAR = 0.5
"""A reply is far from what was said where at most this share of its words is right. Half is above what any of our
reports, complaints and refusals reaches by chance on any text of the shared data sets but one that says nearly the
same; and who gets more than half of the words of a sentence heard it."""

MOST_WORDS_OF_A_REPORT = 30
"""A report or refusal says so in its first words; what a transcript of minutes says later makes it none."""

COVERED = ("en", "es")
"""Languages in which transcripts are compared: where one of them was spoken, words of another are no transcript. Number words and
figures compare as equal in both; an accent that is left out is an error, as any other letter."""


@dataclass(frozen=True)
class Transcript:
    """A reply, read as a transcript.

    Parameters
    ----------
    words : str
        The reading nearest to what was said.
    edits : EditCounts
        Its word edits.
    as_written : float
        Accuracy of the reply without its reasoning, and with all that stands around the words.
    """

    words: str
    edits: EditCounts
    as_written: float

    @property
    def accuracy(self) -> float:
        """Word accuracy, 1 - word error rate cut off at 0."""
        return accuracy_of(self.edits)

    @property
    def n_written(self) -> int:
        """Words of the reading."""
        return self.edits.hits + self.edits.substitutions + self.edits.insertions

    @property
    def is_far(self) -> bool:
        """Whether its words may be something else than a transcript."""
        return self.accuracy <= FAR

    @property
    def label(self) -> str:
        """`exact`, `partly` or `wrong`."""
        return "exact" if self.edits.edits == 0 else "partly" if self.accuracy > 0 else "wrong"

    def without_words(self) -> Transcript:
        """The same, if it holds none of what was said: every word is deleted."""
        n = self.edits.n_reference
        return replace(
            self, words="", edits=EditCounts(substitutions=0, deletions=n, insertions=0, hits=0, n_reference=n)
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Accuracy and counts of edits for the journal."""
        return {
            "accuracy": self.accuracy,
            "n_errors": self.edits.edits,
            "n_words": self.edits.n_reference,
            "n_insertions": self.edits.insertions,
            "n_deletions": self.edits.deletions,
            "n_substitutions": self.edits.substitutions,
            "as_written": self.as_written,
        }


def accuracy_of(edits: EditCounts) -> float:
    """Word accuracy, 1 - word error rate cut off at 0."""
    return max(0.0, 1.0 - edits.edits / max(1, edits.n_reference))


def transcript_of(reply: str, *, text: str, language: str = "") -> Transcript:
    """A reply read as a transcript of `text`, which was spoken in `language`; empty: in English, or it is not known."""
    found = as_written = None
    compared: Callable[[str], str] = in_figures if language[:2].lower() == "es" else str
    for reading in transcripts(without_reasoning(reply)):
        edits = spoken_edit_counts(reference=compared(text), hypothesis=compared(reading))
        as_written = accuracy_of(edits) if as_written is None else as_written
        if found is None or edits.edits < found.edits.edits:
            found = Transcript(words=reading, edits=edits, as_written=as_written)
        if not edits.edits:
            break
    assert found is not None
    return found


def transcription_outcome(item: Item, answer: Answer, *, control: bool = False) -> Outcome:
    """Word accuracy, 1 - word error rate cut off at 0, with the counts as facts.

    A transcript in another language than the one that was spoken is none: its words are wrong.

    Parameters
    ----------
    control : bool
        Whether the item stands outside the headline; its accuracy is still among the facts.
    """
    language = str(item.truth.get("language") or "")
    found = transcript_of(answer.text, text=str(item.truth["text"]), language=language)
    outcome = instead(item, answer, found) or Verdict(score=found.accuracy, label=found.label, facts=found.facts)
    return replace(outcome, score=None) if control and isinstance(outcome, Verdict) else outcome


def instead(item: Item, answer: Answer, transcript: Transcript | None) -> Verdict | Unscored | None:
    """What a reply is instead of a transcript, without a word of what was said; None where it is a transcript.

    Parameters
    ----------
    transcript : Transcript or None
        The reply read as a transcript; None where nobody knows what was said.
    """
    cut = cut_off(answer, transcript)
    if cut is not None or (transcript is not None and not transcript.is_far):
        return cut
    missing = unanswered(item, _opening(answer))
    if isinstance(missing, Unscored):
        return missing
    told = str(item.truth.get("language") or "")
    why = str(missing.facts["why"]) if missing is not None else ""
    label = label_of_other(answer.said, text=str(item.truth.get("text") or ""), language=told, missing=why)
    if not label:
        return None
    facts = {**(transcript.without_words().facts if transcript else {}), **({"why": why} if label == NO_ANSWER else {})}
    return Verdict(score=0.0, label=label, facts=facts)


def label_of_other(answer: str, *, text: str, language: str = "", missing: str = "") -> str:
    """What an answer is whose words are far from what was said; empty where it is a bad transcript.

    Parameters
    ----------
    language : str
        The language that was spoken, where the data says; else that of the text.
    missing : str
        Why the answer is known to answer nothing, as `unanswered` tells it; empty where it is not.
    """
    first = _first_words(answer)
    if missing and (missing != "not_heard" or did_not_hear(first)):
        return NO_ANSWER
    if says_no_speech(first):
        return "no_speech"
    if missing:
        return NO_ANSWER
    if first.strip() and (refusal_label(first) == "refusal" or _OF_ITSELF.search(first.lower().replace("’", "'"))):
        return "declined"
    spoken = language[:2].lower() or language_of(text)
    return "other_language" if spoken in COVERED and language_of(answer) not in ("", spoken) else ""


_OF_ITSELF = re.compile(
    r"\bas an? (?:\w+[ -]){0,2}(?:ai|chatbot|assistant|language model|bot)\b"
    r"|\bi(?:'m| am) (?:just |only |not |merely )?(?:an?|your) (?:[\w-]+ ){0,3}(?:ai|assistant|chatbot|bot|model)\b"
    r"|\bi(?:'m| am) (?:unable|not able|not capable|not equipped|not designed|designed|here) (?:to|of)\b"
    r"|\bi (?:can't|cannot|can not|could not|couldn't|won't|don't|do not) (?:\w+ ){0,4}(?:transcribe|translate"
    r"|transcript\w*|audio|speech)\b"
)
"""How an assistant that does not transcribe speaks of itself."""


def _opening(answer: Answer) -> Answer:
    """The answer cut after the words in which a report says that it is one."""
    first = _first_words(answer.said)
    return answer if first == answer.said else replace(answer, text=first)


def _first_words(text: str) -> str:
    words = text.split()
    return text if len(words) <= MOST_WORDS_OF_A_REPORT else " ".join(words[:MOST_WORDS_OF_A_REPORT])


def cut_off(answer: Answer, transcript: Transcript | None) -> Unscored | None:
    """Why a transcript that the provider's filter or the most tokens cut off has no score; None where it was whole.

    Nor does it matter where nothing that could follow would help: where the reply holds no word, or twice as many as
    were said, so that its accuracy is 0 whatever comes.
    """
    filtered = answer.details.get("blocked") or answer.reading.finish == "content_filter"
    if filtered and not (transcript is not None and transcript.label == "exact"):
        return Unscored(reason="content_filter", detail=stopped_by_filter(answer))
    if answer.reading.finish != "length" or not answer.said.strip():
        return None
    if transcript is not None and transcript.n_written >= 2 * max(1, transcript.edits.n_reference):
        return None
    return Unscored(
        reason="too_long", detail="the answer was cut off at max_tokens; allow more, as in --max-tokens 2048"
    )


def fact(line: JournalLine, name: str, *, unanswered: Any = None) -> Any:
    """A fact of the verdict, or None; `unanswered` where the reply answers nothing and so has no such fact."""
    if line.verdict is None:
        return None
    return line.verdict["facts"].get(name, unanswered if line.label == NO_ANSWER else None)


def n_errors(line: JournalLine) -> float | None:
    """Word errors."""
    return fact(line, "n_errors")


def n_words(line: JournalLine) -> float | None:
    """Words that were said."""
    return fact(line, "n_words")
