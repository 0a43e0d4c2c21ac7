"""Which rows are bona fide and which are spoofed, whatever their data set calls it."""

from __future__ import annotations

from collections.abc import Iterable

from earnest.audio import Entry
from earnest.errors import BadData

BONA_FIDE = frozenset({"bona fide", "bonafide", "genuine", "live", "human"})
SPOOF = frozenset({"spoof", "spoofed", "fake", "copy", "cloned", "replayed", "synthetic", "adversarial", "attacked"})


def is_bona_fide(entry: Entry) -> bool | None:
    """Whether a row is bona fide by its label; None where its label says neither.

    >>> [is_bona_fide(Entry(path="a.wav", label=label)) for label in ("Bona_fide", "replayed", "dog")]
    [True, False, None]
    """
    label = " ".join((entry.label or "").replace("_", " ").replace("-", " ").lower().split())
    return True if label in BONA_FIDE else False if label in SPOOF else None


def bona_fide_and_spoof(rows: Iterable[Entry], *, least: int = 2) -> tuple[list[Entry], list[Entry]]:
    """The rows of each side; those whose label says neither are left out.

    Raises
    ------
    BadData
        If a side has fewer than `least` rows.
    """
    sides: dict[bool | None, list[Entry]] = {True: [], False: [], None: []}
    for entry in rows:
        sides[is_bona_fide(entry)].append(entry)
    if min(len(sides[True]), len(sides[False])) < least:
        raise BadData(
            f"rows with the labels bona_fide and spoof must be there, {least} of each at least, got {len(sides[True])} and "
            f"{len(sides[False])} (and {len(sides[None])} others); fill the column label"
        )
    return sides[True], sides[False]
