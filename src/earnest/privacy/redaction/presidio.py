"""Presidio's recognisers on what was said, as a further finder: `earnest[pii]`.

The words are first written as a person would write them ("four one one one" as 4111, "jane dot doe at example dot com"
as jane.doe@example.com), since presidio reads writing. Its recognisers of patterns and check digits are called
themselves: its `AnalyzerEngine` fetches a language model when it is made, and its recogniser of e-mail a list of domains
when it is used. Neither happens here: there is no language model, and the list is the one that `tldextract` carries.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any

from earnest import registry
from earnest.errors import BadParameter
from earnest.privacy.redaction.personal import ENDINGS, KINDS, PersonalWords, check_kinds, digits_of

RECOGNISERS = {
    "CreditCardRecognizer": "card",
    "EmailRecognizer": "email",
    "IbanRecognizer": "account",
    "MedicalLicenseRecognizer": "medical_id",
    "NhsRecognizer": "medical_id",
    "PhoneRecognizer": "phone",
    "UkNinoRecognizer": "number",
    "UsSsnRecognizer": "number",
    "DateRecognizer": "date",
}
"""Presidio's classes that are used, and the kind that what they find is."""

LEAST_SCORE = 0.4
_AT = 8
"""Words after an "at" among which a "dot com" makes it that of an e-mail address."""


class Presidio:
    """A finder for `Redactor`: what presidio's recognisers find in a row of words.

    Parameters
    ----------
    kinds : collection of str
        Which of `personal.KINDS` to look for; a recogniser of another kind is not made.
    least_score : float in [0, 1]
        Presidio's confidence below which a finding is dropped; its own default in a pipeline is 0.

    Raises
    ------
    MissingExtra
        If presidio-analyzer is not installed.
    BadParameter
        If there is no such kind, or the score is none.
    """

    def __init__(self, *, kinds: Collection[str] = KINDS, least_score: float = LEAST_SCORE) -> None:
        check_kinds(kinds)
        if not 0 <= least_score <= 1:
            raise BadParameter(f"least_score must lie in [0, 1], got {least_score!r}; 0.4 is usual")
        classes = registry.extra("presidio_analyzer.predefined_recognizers", needed_by="the finder 'presidio'")
        self._least_score = least_score
        self._recognisers = [(getattr(classes, name)(), kind) for name, kind in RECOGNISERS.items() if kind in kinds]
        offline = registry.extra("tldextract", needed_by="the finder 'presidio'").TLDExtract(
            suffix_list_urls=(), cache_dir=None
        )
        for made, kind in self._recognisers:
            if kind == "email":
                made.validate_result = lambda text: offline(text).fqdn != ""

    def __call__(self, words: Sequence[str]) -> list[PersonalWords]:
        """Every stretch that a recogniser is sure enough of."""
        text, owners = written(words)
        found = []
        for recogniser, kind in self._recognisers:
            for one in self._results(recogniser, text):
                first, last = owners[one.start], owners[one.end - 1]
                found.append(PersonalWords(first, last + 1, kind))
        return found

    def _results(self, recogniser: Any, text: str) -> list[Any]:
        results = recogniser.analyze(text, recogniser.supported_entities, None) or []
        return [one for one in results if one.score >= self._least_score and one.end > one.start]


def written(words: Sequence[str]) -> tuple[str, list[int]]:
    """The words as they would be written, and for each character the word that it came from.

    >>> written("pin four one at noon jane dot doe at example dot com".split())[0]
    'pin 41 at noon jane.doe@example.com'
    """
    plain = [word.lower().strip(".,;:!?") for word in words]
    text, owners, glued = "", [], True
    for place, word in enumerate(words):
        digits = digits_of(plain[place])
        sign = _sign(plain, place)
        shown = digits or sign or word.strip(",;:!?").rstrip(".")
        glue = glued or bool(sign) or bool(digits and place and digits_of(plain[place - 1]))
        if not glue:
            text, owners = text + " ", [*owners, max(0, place - 1)]
        text, owners = text + shown, [*owners, *[place] * len(shown)]
        glued = bool(sign)
    return text, owners


def _sign(plain: Sequence[str], place: int) -> str:
    """The sign that a word stands for inside an address; empty where it stands for itself."""
    if not 0 < place < len(plain) - 1:
        return ""
    if plain[place] == "at":
        behind = list(plain[place + 1 : place + _AT])
        domain = behind[: behind.index("at")] if "at" in behind else behind
        return "@" if any(pair[0] == "dot" and pair[1] in ENDINGS for pair in itertools.pairwise(domain)) else ""
    return {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-"}.get(plain[place], "")
