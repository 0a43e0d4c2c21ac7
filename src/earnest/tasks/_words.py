"""How well a transcript holds the words that were said: shared by the tasks that ask for a transcription."""

from __future__ import annotations

from typing import Any

from earnest.metrics.transcription import edit_counts, normalise_english
from earnest.models.access import Answer
from earnest.records import NO_ANSWER, Item, JournalLine, Outcome, Verdict
from earnest.tasks._items import unanswered
from earnest.tasks._parsing import says_no_speech


def transcription_outcome(item: Item, answer: Answer, *, control: bool = False) -> Outcome:
    """Word accuracy, 1 - word error rate cut off at 0, with the counts as facts.

    Where the model reports that nobody speaks, all words are deleted. A refusal to transcribe is a transcript without
    the words. Both texts are normalised (`earnest.metrics.transcription.normalise_english`).

    Parameters
    ----------
    control : bool
        Whether the item stands outside the headline; its accuracy is still among the facts.
    """
    missing = unanswered(item, answer, score=None if control else 0.0)
    if missing is not None:
        return missing
    label, counted = transcript_facts(answer.said, text=str(item.truth["text"]))
    return Verdict(score=None if control else counted["accuracy"], label=label, facts=counted)


def transcript_facts(said: str, *, text: str) -> tuple[str, dict[str, Any]]:
    """The category of a transcript (`exact`, `partly`, `wrong`, `no_speech`), and its word accuracy and counts of edits."""
    silent = says_no_speech(said)
    written = "" if silent else normalise_english(said)
    edits = edit_counts(reference=normalise_english(text), hypothesis=written)
    accuracy = max(0.0, 1.0 - edits.edits / max(1, edits.n_reference))
    label = "no_speech" if silent else "exact" if edits.edits == 0 else "partly" if accuracy > 0 else "wrong"
    return label, {
        "accuracy": accuracy,
        "n_errors": edits.edits,
        "n_words": edits.n_reference,
        "n_insertions": edits.insertions,
        "n_deletions": edits.deletions,
        "n_substitutions": edits.substitutions,
    }


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
