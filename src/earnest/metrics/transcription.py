"""Word and character error rates, and the normal form of English that they are taken on.

A rate over several texts is that of the corpus: all edits over all reference words, so long texts count for more. Rates
can exceed 1, since words may be inserted without limit; lower is better. Texts are compared as they are: call
`normalise_english` on both sides first where case, numbers or spelling should not count.

*An empty reference* (silence, say) is legal: every word of its hypothesis is an insertion. If all references are empty
there is nothing to divide by, and the rate raises; `edit_counts` gives the insertions, which are then the thing to
report ("words invented in silence").
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from earnest.errors import BadParameter
from earnest.metrics import _alignment
from earnest.metrics._lattice import lattice
from earnest.metrics._register import metrics

Texts = str | Sequence[str]


@dataclass(frozen=True)
class EditCounts:
    """The edits of a shortest alignment, summed over the corpus.

    Attributes
    ----------
    substitutions, deletions, insertions, hits : int
        Words (or characters) changed, left out, put in, and right.
    n_reference : int
        Words of the references; substitutions + deletions + hits.
    """

    substitutions: int
    deletions: int
    insertions: int
    hits: int
    n_reference: int

    @property
    def edits(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions


def _pairs(*, reference: Texts, hypothesis: Texts) -> Iterable[tuple[str, str]]:
    if isinstance(reference, str) != isinstance(hypothesis, str):
        raise BadParameter("reference and hypothesis must both be texts or both sequences of texts")
    if isinstance(reference, str):
        return [(reference, hypothesis)]
    if len(reference) != len(hypothesis):
        raise BadParameter(f"reference and hypothesis must pair up, got {len(reference)} and {len(hypothesis)} texts")
    return zip(reference, hypothesis)


def _counts(pairs: Iterable[tuple[Sequence[Hashable], Sequence[Hashable]]]) -> EditCounts:
    """Summed edits of shortest alignments; words become numbers, which is what makes it fast."""
    substituted = deleted = inserted = said = 0
    for wanted, got in pairs:
        said += len(wanted)
        for step in Levenshtein.opcodes(wanted, got) if wanted != got else ():
            if step.tag == "replace":
                substituted += step.src_end - step.src_start
            elif step.tag == "delete":
                deleted += step.src_end - step.src_start
            elif step.tag == "insert":
                inserted += step.dest_end - step.dest_start
    return EditCounts(substituted, deleted, inserted, said - substituted - deleted, said)


def edit_counts(*, reference: Texts, hypothesis: Texts) -> EditCounts:
    """Word edits that turn the references into the hypotheses.

    Words are what white space separates. Of several shortest alignments one is taken; the sum of edits is the same for
    all.

    Parameters
    ----------
    reference, hypothesis : str or sequence of str
        Texts in the same order; either may be empty.

    Raises
    ------
    BadParameter
        If the two do not pair up.

    Examples
    --------
    >>> edit_counts(reference="turn the light on", hypothesis="turn light on please")
    EditCounts(substitutions=0, deletions=1, insertions=1, hits=3, n_reference=4)
    """
    return _counts((wanted.split(), got.split()) for wanted, got in _pairs(reference=reference, hypothesis=hypothesis))


def edit_counts_by_part(*, reference: Sequence[str], hypothesis: str) -> list[EditCounts]:
    """Word edits that fall to each part of a long reference, along one shortest alignment of the whole.

    A word that was put in belongs to the part of the reference word before it; before the first word, to the first part
    that holds words. The parts' edits add up to those of the joined texts.

    Parameters
    ----------
    reference : sequence of str
        The parts in order; any may be empty.
    hypothesis : str
        What was written of all of them.

    Raises
    ------
    BadParameter
        If there is no part.

    Examples
    --------
    >>> for counts in edit_counts_by_part(reference=["turn the light on", "go home"], hypothesis="turn light on go go"):
    ...     print(counts.substitutions, counts.deletions, counts.insertions)
    0 1 0
    1 0 0
    """
    if not reference:
        raise BadParameter("a reference in parts must have at least one, got none; give one text")
    parts = [part.split() for part in reference]
    owner = [number for number, words in enumerate(parts) for _ in words]
    first = owner[0] if owner else 0
    edits = [{"replace": 0, "delete": 0, "insert": 0} for _ in parts]
    for step in Levenshtein.opcodes([word for words in parts for word in words], hypothesis.split()):
        if step.tag == "insert":
            place = owner[step.src_start - 1] if step.src_start else first
            edits[place]["insert"] += step.dest_end - step.dest_start
        elif step.tag != "equal":
            for word in range(step.src_start, step.src_end):
                edits[owner[word]][step.tag] += 1
    return [
        EditCounts(
            substitutions=own["replace"],
            deletions=own["delete"],
            insertions=own["insert"],
            hits=len(words) - own["replace"] - own["delete"],
            n_reference=len(words),
        )
        for own, words in zip(edits, parts)
    ]


def _rate(counts: EditCounts, *, unit: str) -> float:
    if counts.n_reference == 0:
        raise BadParameter(
            f"the references hold no {unit}, so there is no rate ({counts.insertions} inserted); report edit_counts instead"
        )
    return counts.edits / counts.n_reference


@metrics.register("word_error_rate")
def word_error_rate(*, reference: Texts, hypothesis: Texts) -> float:
    """Word edits over reference words, of one text or a whole corpus.

    Parameters
    ----------
    reference, hypothesis : str or sequence of str
        Texts in the same order. A reference may be empty, as long as not all are.

    Returns
    -------
    float, at least 0
        Lower is better; above 1 where more is inserted than was said.

    Raises
    ------
    BadParameter
        If the two do not pair up, or all references are empty.

    Examples
    --------
    >>> word_error_rate(reference="turn the light on", hypothesis="turn light on please")
    0.5

    References
    ----------
    [levenshtein1966-codes]
    """
    return _rate(edit_counts(reference=reference, hypothesis=hypothesis), unit="word")


@metrics.register("character_error_rate")
def character_error_rate(*, reference: Texts, hypothesis: Texts) -> float:
    """Character edits over reference characters, of one text or a whole corpus.

    Runs of white space count as one space, and none at the ends.

    Parameters
    ----------
    reference, hypothesis : str or sequence of str
        Texts in the same order. A reference may be empty, as long as not all are.

    Returns
    -------
    float, at least 0
        Lower is better; can exceed 1.

    Raises
    ------
    BadParameter
        If the two do not pair up, or all references are empty.

    Examples
    --------
    >>> character_error_rate(reference="cart", hypothesis="carts")
    0.25

    References
    ----------
    [levenshtein1966-codes]
    """
    pairs = _pairs(reference=reference, hypothesis=hypothesis)
    return _rate(_counts((" ".join(a.split()), " ".join(b.split())) for a, b in pairs), unit="character")


def spoken_edit_counts(*, reference: Texts, hypothesis: Texts) -> EditCounts:
    """todo"""
    tally = [0] * 4
    for wanted, got in _pairs(reference=reference, hypothesis=hypothesis):
        for kind, n in enumerate(_alignment.counts(lattice(wanted), lattice(got))):
            tally[kind] += n
    hits, substitutions, deletions, insertions = tally
    return EditCounts(substitutions, deletions, insertions, hits, hits + substitutions + deletions)


def normalise_english(text: str) -> str:
    return " ".join(lattice(text).row)
