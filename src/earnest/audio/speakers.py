"""Who speaks, in one spelling: gender, age band and accent as data sets write them.

A manifest is read with these, so that whatever groups by such a column groups by meaning: `M`, `Male` and
`male_masculine` are `male`. What says that nothing is known ("do not wish to say", "unknown", "other") is no value and
makes no group. Letter case, surrounding space, and the choice of space, underscore or hyphen never make a group.

A synonym stands here only where its meaning is certain in such a column; any other value is a group of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal


def _table(names: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({word.strip(): name for name, words in names.items() for word in words.split(",")})


GENDERS = _table(
    {
        "male": "m, male, man, men, masculine, male masculine, boy, mann, männlich, hombre, masculino, homme, masculin, 男, 男性",
        "female": "f, w, female, woman, women, feminine, female feminine, girl, frau, weiblich, mujer, femenino, femme, "
        "féminin, 女, 女性",
        "non-binary": "non binary, nonbinary, enby, nb",
        "transgender": "transgender, trans",
        "intersex": "intersex",
    }
)
"""Spelling, as `plain` gives it, to the name used here; Common Voice's among them."""

_DECADES = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")

AGE_BANDS = _table(
    {
        "child": "child, children, kid, kids, boy, girl",
        "teenager": "teen, teens, teenager, teenagers, teenage, adolescent, adolescents",
        "adult": "adult, adults, grown up, grown ups, grownup, grownups",
        **{decade: decade for decade in _DECADES},
        "forties": "forties, fourties",  # Common Voice writes the second
    }
)
"""Spelling, as `plain` gives it, to the name used here; Common Voice's among them."""

UNKNOWN = frozenset(
    [
        "unknown",
        "unk",
        "u",
        "other",
        "others",
        "o",
        "unspecified",
        "not specified",
        "undisclosed",
        "not disclosed",
        "not stated",
        "not given",
        "not provided",
        "not available",
        "not applicable",
        "no answer",
        "missing",
        "none",
        "null",
        "nil",
        "nan",
        "na",
        "n/a",
        "n.a.",
        "tbd",
        "do not wish to say",
        "don't wish to say",
        "do not want to say",
        "prefer not to say",
        "prefer not to answer",
        "prefer not to disclose",
        "rather not say",
        "declined",
        "declined to say",
        "declined to answer",
        "refused",
        "keine angabe",
        "otro",
        "autre",
        "未知",
    ]
)
"""What says that a value is not known, as `plain` gives it; so does a value without a letter or digit."""

_ADULTS = frozenset(
    {"adult", *_DECADES, "senior", "seniors", "elderly", "old", "middle aged", "young adult", "young adults"}
)
_NUMBERED = re.compile(r"(?P<low>\d{1,3})(?:\+| (?:to )?(?P<high>\d{1,3}))?(?: years| yrs)?(?: old)?")
_ADULT_FROM, _CHILD_UNTIL = 18, 12


@lru_cache(maxsize=4096)
def plain(value: str | None) -> str:
    """A value for comparison: lower case, with single spaces where it has spaces, underscores or hyphens.

    >>> plain("  Male_Masculine "), plain("non-binary"), plain(None)
    ('male masculine', 'non binary', '')
    """
    folded = unicodedata.normalize("NFKC", value or "").replace("’", "'").casefold()
    return " ".join(re.sub(r"[\s_\-\u2013]+", " ", folded).split())


@lru_cache(maxsize=4096)
def is_known(value: str | None) -> bool:
    """Whether a value says something: it is not empty, and none of `UNKNOWN`."""
    compared = plain(value)
    return compared not in UNKNOWN and any(letter.isalnum() for letter in compared)


def gender(value: str | None) -> str | None:
    """The gender in one spelling; None where it is not known.

    Genders beside male and female are groups of their own, by the name that the data gives.

    >>> [gender(given) for given in ("M", "female_feminine", "Non-binary", "do_not_wish_to_say", "")]
    ['male', 'female', 'non-binary', None, None]
    """
    return GENDERS.get(plain(value), plain(value)) if is_known(value) else None


def age_band(value: str | None) -> str | None:
    """The band of ages in one spelling; None where it is not known.

    >>> [age_band(given) for given in ("Fourties", "teens", "Children", "20-29", "unknown")]
    ['forties', 'teenager', 'child', '20-29', None]
    """
    if not is_known(value):
        return None
    return AGE_BANDS.get(plain(value)) or as_written(value).casefold()


def accent(value: str | None) -> str | None:
    """The accent as it is written, without space around it; None where it is not known."""
    return as_written(value) if is_known(value) else None


def as_written(value: str | None) -> str:
    """The value with single spaces and none around it.

    >>> as_written("  United  States English ")
    'United States English'
    """
    return " ".join((value or "").split())


def stage(value: str | None) -> Literal["child", "adult", ""]:
    """Whether a band of ages is of children or of adults; empty where it is neither, or not known.

    Teenagers are neither. Bands in numbers are children's up to 12 and adults' from 18 years.

    >>> [stage(given) for given in ("child", "Twenties", "teens", "18-25", "6 to 12", "10-19", "60+", None)]
    ['child', 'adult', '', 'adult', 'child', '', 'adult', '']
    """
    band = plain(age_band(value))
    years = _NUMBERED.fullmatch(band)
    if band in _ADULTS or (years and int(years["low"]) >= _ADULT_FROM):
        return "adult"
    if band == "child" or (years and years["high"] and int(years["high"]) <= _CHILD_UNTIL):
        return "child"
    return ""
