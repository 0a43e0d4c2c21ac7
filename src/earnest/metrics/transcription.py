"""Word and character error rates, and the forms of English that they are taken on.

A rate over several texts is that of the corpus: all edits over all reference words, so long texts count for more. Rates
can exceed 1, since words may be inserted without limit; lower is better.

*What counts as an error.* `edit_counts` and the rates compare texts as they are. `spoken_edit_counts` compares what
they say: two texts that write the same words in another way (figures, spelling, signs, contractions) have no edits
between them. The tasks of transcription use it. `normalise_english` writes one form of a text, for looking words up;
two texts that say the same may differ in it.

*An empty reference* (silence, say) is legal: every word of its hypothesis is an insertion. If all references are empty
there is nothing to divide by, and the rate raises; `edit_counts` gives the insertions, which are then the thing to
report ("words invented in silence").
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from earnest.errors import BadParameter
from earnest.metrics import _alignment
from earnest.metrics._lattice import joined, lattice
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
    """Fewest word edits between two texts over all the forms in which their words can be written.

    Nothing is counted between different forms of the same words:

    - numbers in figures, in words, digit by digit ("oh", "double"), in pairs, with or without "and"; years, decades,
      ordinals, decimals, fractions, ranges, times, dates, amounts of money, telephone numbers, Roman numerals after
      names; signs and units ("10%", "ten per cent"; "5 km", "five kilometres");
    - British and American spelling, contractions ("dog's" may be "dog is", "dog has" or the possessive), titles and
      other abbreviations, initialisms in capitals or with full stops ("U.S.", "u s"), compounds ("ice cream",
      "icecream");
    - case, punctuation, Unicode forms of a character, digits of any script;
    - hesitations ("um", "mm-hmm", "uh-huh") and notes ("[noise]", "(coughs)", "*laughs*").

    What sounds alike but is another word ("two", "too") counts, as does another number, unit or currency. A reading
    must have the words of the form in their order: "May 3" is "May third", not "the third of May".

    Each text is its normal form (`normalise_english`) with other readings beside it, and of all pairs the one with the
    fewest edits is counted; where one text takes another reading, the other keeps to its normal form, which finds every
    pair of forms of one number. Of equally good readings that one is taken which keeps most of the reference's own
    words. Texts of more than 40 words are first cut at stretches of four equal words (shorter ones where there are
    none), so that what is counted is an upper bound. It never exceeds the edits between the normal forms.

    The rules are those of English. Texts in other languages compare as words without case, those of scripts without
    spaces (Chinese, Japanese, Thai, Khmer, Lao, Burmese, Tibetan) by characters; their numbers in words are not read.

    Parameters
    ----------
    reference, hypothesis : str or sequence of str
        Texts in the same order; either may be empty.

    Returns
    -------
    EditCounts
        `n_reference` is the number of words of the reading of the reference that was taken. The sum of edits is the
        same when the sides are swapped.

    Raises
    ------
    BadParameter
        If the two do not pair up.

    Examples
    --------
    >>> spoken_edit_counts(reference="he paid two hundred and five dollars", hypothesis="He's paid $205.")
    EditCounts(substitutions=0, deletions=0, insertions=1, hits=7, n_reference=7)
    """
    tally = [0] * 4
    for wanted, got in _pairs(reference=reference, hypothesis=hypothesis):
        for kind, n in enumerate(_alignment.counts(lattice(wanted), lattice(got))):
            tally[kind] += n
    return _counted(tally)


def spoken_edit_counts_by_part(*, reference: Sequence[str], hypothesis: str) -> list[EditCounts]:
    """The edits of `spoken_edit_counts` that fall to each part of a long reference.

    A word that was put in belongs to the part of the reference word before it; before the first word, to the first part
    that holds words. A number lies within one part: of "twenty" at the end of one and "four" at the start of the next
    none is made.

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
    >>> parts = ["it is half past ten", "go home"]
    >>> for counts in spoken_edit_counts_by_part(reference=parts, hypothesis="It's 10:30 go go"):
    ...     print(counts.substitutions, counts.deletions, counts.insertions)
    0 0 0
    1 0 0
    """
    if not reference:
        raise BadParameter("a reference in parts must have at least one, got none; give one text")
    whole, owners = joined([lattice(part) for part in reference])
    tallies = [[0] * 4 for _ in reference]
    place = next((owner for word, owner in zip(whole.words, owners) if word), 0)
    for kind, at in _alignment.steps(whole, lattice(hypothesis)):
        if kind != _alignment.INSERTION:
            place = owners[at]
        tallies[place][kind] += 1
    return [_counted(tally) for tally in tallies]


def _counted(tally: Sequence[int]) -> EditCounts:
    hits, substituted, deleted, inserted = tally
    return EditCounts(substituted, deleted, inserted, hits, hits + substituted + deleted)


def normalise_english(text: str) -> str:
    """`text` in one form: lower case, without punctuation, numbers and signs in words, British spelling.

    Notes in square, curly or angle brackets go ("[noise]"), as do hesitations ("um", "uh-huh"); Unicode is NFKC,
    without what cannot be seen; numbers are quantities ("21" gives "twenty one", "2024" "two thousand twenty four",
    "007" "zero zero seven"); times, amounts and units are read out ("10:30" gives "ten thirty", "$5" "five dollars");
    contractions are in full ("won't" gives "will not"); a possessive keeps its s ("dog's" gives "dogs"); common words
    take British spelling ("color" gives "colour"). Characters of scripts without spaces stand apart. Doing it twice
    changes nothing more.

    Of several readings this is one; where two texts are compared, `spoken_edit_counts` tries all.

    Parameters
    ----------
    text : str
        English; empty gives empty.

    Examples
    --------
    >>> normalise_english("Um, I've 21 gray dogs -- the 3rd won't sit!")
    'i have twenty one grey dogs the third will not sit'
    """
    return " ".join(lattice(text).row)
